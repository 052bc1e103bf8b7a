"""Everything a seed is played with: world, machine, auditor, stream, the machine's own check."""

from collections.abc import Callable
from typing import Any, NamedTuple

from seawall.engine.block_invariants import broken_block_invariant, broken_watch
from seawall.engine.engine import Engine
from seawall.engine.invariants import broken_invariant
from seawall.engine.rows import handle_of
from tests.simulation.auditor import Auditor
from tests.simulation.block_auditor import BlockAuditor
from tests.simulation.block_worlds import BLOCKS, block_engine_of, block_stream, block_world_of
from tests.simulation.worlds import EXTRA_TIERS, World, engine_of, stream, world_of


class Play(NamedTuple):
    world: World
    engine: Engine
    auditor: Auditor | BlockAuditor
    stream: Callable[..., Any]
    broken: Callable[[Engine], int]
    """The number of the first invariant that the machine itself finds broken, 0 for none."""
    option: str
    """The ``--rulebook`` that repeats it."""


def broken(engine: Engine) -> int:
    return int(broken_invariant(engine.state))


def broken_in_blocks(engine: Engine) -> int:
    found = int(broken_block_invariant(engine.state))
    if found == 0 and broken_watch(engine.state, handle_of(engine.watches)) >= 0:
        return 15
    return found


def play_of(seed: int, rulebook: str) -> Play:
    """``rulebook``: as on the command line."""
    if rulebook == BLOCKS:
        world = block_world_of(seed)
        auditor = BlockAuditor(world.rulebook, world.instruments)
        engine = block_engine_of(world)
        return Play(world, engine, auditor, block_stream, broken_in_blocks, BLOCKS)
    world = world_of(seed, rulebook)
    books = Auditor(world.rulebook, world.instruments, EXTRA_TIERS)
    name = world.rulebook.name
    return Play(world, engine_of(world), books, stream, broken, name)
