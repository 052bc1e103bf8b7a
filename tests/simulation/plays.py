"""Everything a seed is played with: world, machine, auditor, stream, the machine's own check."""

from collections.abc import Callable
from typing import Any, NamedTuple

from seawall.engine.block_invariants import broken_block_invariant
from seawall.engine.engine import Engine
from seawall.engine.invariants import broken_invariant
from tests.simulation.auditor import Auditor
from tests.simulation.block_auditor import BlockAuditor
from tests.simulation.block_worlds import BLOCKS, block_engine_of, block_stream, block_world_of
from tests.simulation.worlds import EXTRA_TIERS, World, engine_of, stream, world_of


class Play(NamedTuple):
    world: World
    engine: Engine
    auditor: Auditor | BlockAuditor
    stream: Callable[..., Any]
    broken: Callable[[Any], int]
    option: str
    """The ``--rulebook`` that repeats it."""


def play_of(seed: int, rulebook: str) -> Play:
    """``rulebook``: as on the command line."""
    if rulebook == BLOCKS:
        world = block_world_of(seed)
        auditor = BlockAuditor(world.rulebook, world.instruments)
        engine = block_engine_of(world)
        return Play(world, engine, auditor, block_stream, broken_block_invariant, BLOCKS)
    world = world_of(seed, rulebook)
    books = Auditor(world.rulebook, world.instruments, EXTRA_TIERS)
    name = world.rulebook.name
    return Play(world, engine_of(world), books, stream, broken_invariant, name)
