"""The path kernel's liquidations by blocks are the machine's."""

import random
from collections import Counter

import numpy as np
import pytest

from seawall.domain.enums import MarginMode, StartingOffset
from seawall.domain.holdings import Holdings, Position
from seawall.domain.instrument import MarginFractions
from seawall.domain.rulebook import BlockRulebook
from seawall.domain.units import from_units
from seawall.engine.compile import INTERPRETED
from seawall.lab.market.liquidity import Depth
from seawall.lab.paths.kernels.account import path_account
from tests.block_rulebooks import USD, changed, market
from tests.lab.naive_paths import POOL
from tests.lab.path_block_machine import BlockPathMachine, part_of, terms_of, value_of
from tests.lab.path_cases import Case, random_marks
from tests.lab.path_replay import replay
from tests.rulebooks import shipped_blocks

pytestmark = pytest.mark.skipif(
    INTERPRETED, reason="hundreds of paths of a machine in plain Python take too long"
)

IMPACT = 0.005
KINDS = ("cross", "isolated", "hybrid")
BTC = market(
    "BTC",
    10,
    MarginFractions(initial_ppm=20_000, maintenance_fraction_ppm=600_000),
    size_step=1_000_000,
    price_step=100_000,
    quote_exponent=-9,
    value_exponent=-9,
    oracle_decimals=5,
)
"""Units of a real venue: quantums of 1e-10, ticks of 1 USD, an oracle price in 1e-5 USD."""
ETH = market(
    "ETH",
    4,
    MarginFractions(initial_ppm=50_000, maintenance_fraction_ppm=600_000),
    size_step=10,
    oracle_decimals=2,
)
SOL = market(
    "SOL",
    7,
    MarginFractions(initial_ppm=100_000, maintenance_fraction_ppm=500_000),
    size_step=1_000_000,
    price_step=1_000_000,
    quote_exponent=-9,
    value_exponent=-9,
    oracle_decimals=8,
)
DOGE = market(
    "DOGE",
    0,
    MarginFractions(initial_ppm=200_000, maintenance_fraction_ppm=500_000),
    own_pool=True,
    oracle_decimals=6,
)
INSTRUMENTS = (BTC, ETH, SOL, DOGE)
START_USD = {"BTC": 100_000.0, "ETH": 4_000.0, "SOL": 200.0, "DOGE": 0.25}

MUST_BE_SEEN = (
    "sold in part",
    "sold whole",
    "fee to the fund",
    "paid by the fund",
    "closed against others",
    "more than a block's limit",
)


def random_case(number: int, steps: int = 60) -> Case:
    dice = random.Random(number)
    kind = KINDS[number % len(KINDS)]
    start = [
        round(START_USD[each.name] * dice.uniform(0.7, 1.4) * 10 ** terms_of(each).oracle_decimals)
        for each in INSTRUMENTS
    ]
    # A market with a pool of its own is nobody's neighbour.
    choice = range(len(INSTRUMENTS)) if kind == "isolated" else range(len(INSTRUMENTS) - 1)
    markets = dice.sample(choice, dice.randint(2 if kind == "hybrid" else 1, len(choice)))
    alone = dice.randint(1, len(markets) - 1) if kind == "hybrid" else len(markets)
    positions = []
    collateral = 1_000 * USD if kind == "isolated" else 0
    for place, each in enumerate(markets):
        isolated = kind != "cross" and place < alone
        position, margin = _position(dice, each, start[each], isolated)
        positions.append(position)
        collateral += margin
    depths = {
        each.name: Depth(10 ** dice.uniform(3.3, 7.0), dice.uniform(0.5, 10.0))
        for each in INSTRUMENTS
    }
    plan = Holdings(
        name=f"account {number}", collateral=collateral, positions=tuple(positions), orders=()
    )
    step_ms = dice.choice([1_000, 1_000, 3_000, 2_500])
    return Case(kind, plan, depths, random_marks(dice, start, steps), step_ms)


def _position(dice: random.Random, place: int, mark: int, isolated: bool) -> tuple[Position, int]:
    instrument = INSTRUMENTS[place]
    step = terms_of(instrument).size_step
    notional = 10 ** dice.uniform(2.8, 6.3) * USD
    size = max(1, round(notional / value_of(instrument, step, mark))) * step
    value = value_of(instrument, size, mark)
    most = 10**6 // terms_of(instrument).fractions.initial_ppm
    margin = value // dice.randint(max(2, most // 2), max(3, most))
    return (
        Position(
            market=place,
            signed_size=dice.choice([-1, 1]) * size,
            entry_notional=value,
            mode=MarginMode.ISOLATED if isolated else MarginMode.CROSS,
            leverage=1,
            isolated_margin=margin if isolated else 0,
        ),
        margin,
    )


class Judge:
    """Runs a case in the machine and in the kernel; raises where they differ."""

    def __init__(self, rulebook: BlockRulebook) -> None:
        self.machine = BlockPathMachine(rulebook, INSTRUMENTS)
        self.seen: Counter[str] = Counter()

    def judge(self, case: Case) -> None:
        machine = self.machine
        machine.begin(case.plan, case.marks[0], case.depths, IMPACT)
        for number, marks in enumerate(case.marks[1:], start=1):
            self._count_limits(case, marks)
            machine.step(number, (number - 1) * case.step_ms, number * case.step_ms, marks)
        held = sorted(case.plan.positions, key=lambda each: each.market)
        buckets = [POOL, *(e.market for e in held if e.mode == MarginMode.ISOLATED)]
        outcomes = self._kernel(case)
        assert outcomes.first[0].tolist() == [machine.first.get(b, 0) for b in buckets]
        assert outcomes.touched[0].tolist() == [machine.touched.get(e.market, 0) for e in held]
        equity = machine.equity(case.marks[-1])
        fills = machine.seen["sold in part"] + machine.seen["sold whole"]
        # Per fill: the quote, the fee and the fund's share are whole micro-USD.
        allowed = (4 * fills + len(held)) * 1e-6
        expected = [equity[bucket] / USD for bucket in buckets]
        np.testing.assert_allclose(outcomes.equity[0], expected, rtol=0, atol=allowed)
        assert abs(outcomes.cost[0] - machine.cost / USD) <= allowed
        self.seen += machine.seen
        self.seen[f"{case.kind}, liquidated"] += bool(machine.first)

    def _count_limits(self, case: Case, marks: list[int]) -> None:
        policy = self.machine.rulebook.liquidation
        for each in case.plan.positions:
            instrument = self.machine.instruments[each.market]
            size = abs(each.signed_size)
            part = part_of(self.machine.rulebook, instrument, size, marks[each.market])
            portion = size * policy.position_portion_ppm // 10**6
            self.seen["more than a block's limit"] += part < portion * 99 // 100

    def _kernel(self, case: Case):  # type: ignore[no-untyped-def]
        first = zip(INSTRUMENTS, case.marks[0], strict=True)
        account = path_account(
            case.plan,
            self.machine.rulebook,
            INSTRUMENTS,
            {e.name: from_units(mark, terms_of(e).oracle_decimals) for e, mark in first},
            case.depths,
            IMPACT,
        )
        columns = [[e.name for e in INSTRUMENTS].index(name) for name in account.markets]
        units = [10.0 ** terms_of(INSTRUMENTS[column]).oracle_decimals for column in columns]
        prices = np.array(case.marks[1:], dtype=float)[:, columns] / units
        return replay(account, prices, case.step_ms)


def seen_on(cases: range, rulebook: BlockRulebook) -> Counter[str]:
    judge = Judge(rulebook)
    for number in cases:
        try:
            judge.judge(random_case(number))
        except AssertionError as error:
            raise AssertionError(f"account {number}: {error}") from error
    return judge.seen


def test_kernel_and_machine_agree_on_random_accounts() -> None:
    seen = seen_on(range(200), shipped_blocks())
    assert all(seen[f"{kind}, liquidated"] > 10 for kind in KINDS), seen
    assert all(seen[what] for what in MUST_BE_SEEN), seen


def test_they_agree_where_turns_rotate_with_the_height() -> None:
    rotating = changed(
        shipped_blocks(),
        "rotating",
        liquidation={"position_offset": StartingOffset.BLOCK_HEIGHT},
    )
    seen = seen_on(range(1000, 1060), rotating)
    assert seen["cross, liquidated"] > 2
