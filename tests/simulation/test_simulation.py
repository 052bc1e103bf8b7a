"""The simulator in short: seeds, canaries, killed journals. Longer: docs/machine/testing.md."""

from collections import Counter
from pathlib import Path

import pytest

from seawall.domain.enums import EventKind
from tests.simulation import simulate
from tests.simulation.block_canaries import run_block_canaries
from tests.simulation.block_worlds import BLOCKS
from tests.simulation.canaries import CANARIES, GROUP_CANARIES, GROUPED_SEED, run_canary
from tests.simulation.faults import KilledJournal, Recording, kill_children
from tests.simulation.simulate import Result, Saboteur, interpreted_hashes, parse_seeds, run_seed

SEEDS = (3, 10, 17, 26, 28, 38)
"""Among them: full tables, delistings, adoptions, every stage of liquidation."""
GROUPED_SEEDS = (1, 6, 8, 62)
"""In markets of several margin groups."""
OF_BLOCKS = set(range(EventKind.ORDER_QUEUED, EventKind.MARGIN_GROUPING_SET))
RARE = {EventKind.DELEVERAGING_STALLED} | {kind for kind in EventKind if kind in OF_BLOCKS}
BLOCK_SEEDS = (1, 3, 5, 11, 13, 15, 27)
NOT_OF_BLOCKS = {
    EventKind.ISOLATED_MARGIN_ADJUSTED, EventKind.CANCEL_SCHEDULED, EventKind.MARGIN_SCHEDULE_SET,
    EventKind.BACKSTOP_TAKEN_OVER, EventKind.MARKET_SETTLED, EventKind.DELEVERAGING_STALLED,
    EventKind.MARGIN_GROUPING_SET, EventKind.LIQUIDATION_ORDER_ENDED,
}  # fmt: skip


def test_no_seed_breaks_an_invariant() -> None:
    events: Counter[str] = Counter()
    for seed in SEEDS + GROUPED_SEEDS:
        result = run_seed(seed, 800)
        assert not result.violation, result.violation
        assert result.commands > 800
        assert result.checks == result.commands
        events += result.events
    never = {kind.name for kind in set(EventKind) - RARE} - set(events)
    assert never == set(), "the streams are too tame: these never happened"


def test_no_seed_breaks_an_invariant_under_rules_of_blocks() -> None:
    events: Counter[str] = Counter()
    for seed in BLOCK_SEEDS:
        result = run_seed(seed, 800, BLOCKS)
        assert not result.violation, result.violation
        assert result.checks == result.commands
        events += result.events
    never = {kind.name for kind in set(EventKind) - NOT_OF_BLOCKS} - set(events)
    assert never == set(), "the streams are too tame: these never happened"


def test_interpreted_ends_in_the_same_bytes() -> None:
    """Without the compiler, and with every overflow an error."""
    seeds = [1, 26]
    assert seeds[0] in GROUPED_SEEDS
    found = interpreted_hashes(seeds, 150)
    assert found == {seed: run_seed(seed, 150).state_hash for seed in seeds}
    found = interpreted_hashes(seeds, 150, BLOCKS)
    assert found == {seed: run_seed(seed, 150, BLOCKS).state_hash for seed in seeds}


@pytest.mark.parametrize("canary", [*CANARIES, *GROUP_CANARIES], ids=lambda canary: canary.__name__)
def test_canaries_are_found(canary: type) -> None:
    result = run_canary(canary, 0, 400)
    assert result.violation, f"nobody noticed: {canary.__doc__}"
    assert result.number == canary.number, result.violation
    seed = GROUP_CANARIES.get(canary, 0)
    assert f"repeat: python -m tests.simulation.simulate --seeds {seed} " in result.violation


def test_where_nothing_is_broken_nothing_is_found() -> None:
    for seed in (0, GROUPED_SEED):
        assert not run_canary(Saboteur, seed, 400).violation


def test_canaries_of_blocks_are_found(capfd: pytest.CaptureFixture[str]) -> None:
    status = run_block_canaries(0, 600)
    assert status == 0, capfd.readouterr().out


@pytest.mark.parametrize("seed", [2, 13])
def test_a_cut_journal_recovers_what_was_acknowledged(seed: int, tmp_path: Path) -> None:
    assert KilledJournal(Recording(seed, 250), tmp_path).run(samples=20, step=7) > 100


def test_a_killed_process_loses_nothing_acknowledged(tmp_path: Path) -> None:
    survived = kill_children(Recording(5, 250), tmp_path, rounds=2)
    assert 0 < survived[0] < survived[1]


def test_a_lost_acknowledgement_would_be_found(tmp_path: Path) -> None:
    """The canary of the journal: recovery is held against what was acknowledged."""
    journal = KilledJournal(Recording(1, 60), tmp_path)
    (whole, last), (before, _) = journal.acknowledged[-1], journal.acknowledged[-2]
    journal.acknowledged[-2] = before, last
    with pytest.raises(AssertionError, match="acknowledged"):
        journal.recover_cut(whole - 1, b"")


def test_a_violation_is_exit_status_1(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    broken = Result(7, commands=3, violation="seed 7, command 3: invariant 1", number=1)
    monkeypatch.setattr(simulate, "run_seed", lambda *_: broken)
    assert simulate.main(["--seeds", "7", "--commands", "3"]) == 1
    assert "seed 7, command 3: invariant 1" in capsys.readouterr().out


def test_seeds_are_numbers_and_ranges() -> None:
    assert parse_seeds("3") == [3]
    assert parse_seeds("0-2,7,9-10") == [0, 1, 2, 7, 9, 10]
