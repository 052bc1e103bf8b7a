"""The stream itself: deterministic, and it reaches what it is meant to reach."""

from itertools import chain

import numpy as np

from seawall.domain.enums import CommandKind, EventKind
from tests.naive.machine import NaiveMachine
from tests.rulebooks import BTC, ETH, RULEBOOKS, XYZ
from tests.simulation.generator import Generator


def stream(seed: int, count: int) -> tuple[Generator, np.ndarray]:
    machine = NaiveMachine(RULEBOOKS["lively"], [BTC, ETH, XYZ])
    generator = Generator(seed, [BTC, ETH, XYZ], machine)
    rows = []
    for row in chain(generator.rows(count), generator.closing()):
        rows.append(row)
        generator.coverage.note(int(row["kind"]), machine.apply(row))
    return generator, np.array(rows)


def test_same_seed_same_stream() -> None:
    first, again, other = (stream(seed, 300)[1] for seed in (1, 1, 2))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_streams_reach_every_kind_and_stage() -> None:
    kinds: set[str] = set()
    events: set[str] = set()
    for seed in range(6):
        generator, _ = stream(seed, 600)
        kinds |= set(generator.coverage.kinds)
        events |= set(generator.coverage.events)
    offered = [kind for kind in CommandKind if kind < CommandKind.PLACE_TWAP_ORDER]
    assert {kind.name for kind in offered} <= kinds, "the later ones are of rules of blocks"
    stages = {
        EventKind.LIQUIDATION_STARTED,
        EventKind.BACKSTOP_TAKEN_OVER,
        EventKind.INSURANCE_PAID,
        EventKind.DELEVERAGED,
        EventKind.ORDER_TRIGGERED,
        EventKind.FUNDING_PAID,
    }
    assert {stage.name for stage in stages} <= events
