"""The path kernel's liquidations, the machine's and those of a plain twin are the same.

The twin (``naive_paths``) counts in whole micro-USD and must agree with the machine to the last
one. The kernel counts in floats and does not truncate.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from seawall.domain.enums import DeleveragingPrice, LiquidationPriceLimit, LiquidationStage
from seawall.domain.errors import InputError
from seawall.domain.holdings import Holdings
from seawall.domain.rulebook import Rulebook
from seawall.engine.compile import INTERPRETED
from seawall.lab.arrays import Floats
from seawall.lab.paths.kernels.account import path_account
from seawall.lab.paths.kernels.task import BelowZero, Outcomes, PathAccount, StageRules
from seawall.lab.paths.variants import as_cross, as_isolated, at_leverage, hybrid
from tests.lab.naive_paths import POOL, NaiveAccount
from tests.lab.path_cases import INSTRUMENTS, KINDS, USD, Case, random_case
from tests.lab.path_machine import PathMachine, path_rulebook
from tests.lab.path_replay import replay
from tests.rulebooks import STANDARD, changed

pytestmark = pytest.mark.skipif(
    INTERPRETED, reason="a thousand paths of a machine in plain Python take too long"
)

IMPACT = 0.005
HOUR_MS = 3_600_000
HOURLY = 2_000_000_000
"""Funding of 0.2 % an hour, as 1e-12."""

MUST_BE_SEEN = (
    "sold in part",
    "sold whole",
    "sold whole in the cooldown",
    "refused below zero",
    "healthy again",
    "taken over",
    "closed against others",
)


def account_of(case: Case, rulebook: Rulebook) -> PathAccount:
    prices = case.prices(INSTRUMENTS)
    return path_account(case.plan, rulebook, INSTRUMENTS, prices, case.depths, IMPACT)


def prices_of(case: Case, account: PathAccount) -> Floats:
    """(steps, m) USD."""
    columns = [[each.name for each in INSTRUMENTS].index(name) for name in account.markets]
    units = [10.0 ** INSTRUMENTS[column].price_decimals for column in columns]
    prices: Floats = np.array(case.marks[1:], dtype=float)[:, columns] / units
    return prices


def bucket_order(twin: NaiveAccount) -> list[int]:
    """The twin's buckets as the kernel numbers them."""
    held = sorted(twin.held, key=lambda each: each.market)
    return [POOL, *(each.bucket for each in held if each.bucket != POOL)]


class Judge:
    """Runs a case on the twin, in the machine and in the kernel; raises where they differ."""

    def __init__(self, rulebook: Rulebook, hourly: int) -> None:
        self.hourly = hourly
        self.rulebook = path_rulebook(rulebook, hourly)
        self.machine = PathMachine(self.rulebook, INSTRUMENTS)
        self.seen: Counter[str] = Counter()

    def judge(self, case: Case) -> None:
        twin = self._twin_and_machine(case)
        outcomes = self._kernel(case)
        self._compare(case, twin, outcomes)
        self.seen += twin.seen
        self.seen[case.kind] += 1
        self.seen[f"{case.kind}, liquidated"] += bool(twin.first)

    def _twin_and_machine(self, case: Case) -> NaiveAccount:
        """The twin after the last step; equal to the machine after every one of them."""
        twin = NaiveAccount.of(
            case.plan, self.rulebook, INSTRUMENTS, case.depths, IMPACT, case.marks[0]
        )
        machine = self.machine
        machine.begin(case.plan, case.marks[0])
        for number, marks in enumerate(case.marks[1:], start=1):
            now_ms = number * case.step_ms
            hours = now_ms // HOUR_MS - (now_ms - case.step_ms) // HOUR_MS
            orders = twin.step(number, now_ms, marks, hours, self.hourly)
            machine.step(number, now_ms, marks, orders)
            if orders:
                assert machine.sizes() == {each.market: each.size for each in twin.held}
        last = case.marks[-1]
        assert machine.first == twin.first
        assert machine.touched == twin.touched
        assert machine.equity(last) == {b: twin.equity(b) for b in twin.buckets()}
        assert (machine.funding, machine.cost) == (twin.funding, twin.cost)
        return twin

    def _kernel(self, case: Case) -> Outcomes:
        account = account_of(case, self.rulebook)
        rates = np.full(len(account.markets), self.hourly / 1e12)
        return replay(account, prices_of(case, account), case.step_ms, rates)

    def _compare(self, case: Case, twin: NaiveAccount, outcomes: Outcomes) -> None:
        held = sorted(twin.held, key=lambda each: each.market)
        buckets = bucket_order(twin)
        assert outcomes.first[0].tolist() == [twin.first.get(b, 0) for b in buckets]
        assert outcomes.touched[0].tolist() == [twin.touched.get(e.market, 0) for e in held]
        equity = [twin.equity(bucket) / USD for bucket in buckets]
        allowed = truncations(case, twin) * 1e-6
        np.testing.assert_allclose(outcomes.equity[0], equity, rtol=0, atol=allowed)
        for found, expected in (
            (outcomes.funding, twin.funding),
            (outcomes.cost, twin.cost),
            (outcomes.taken, twin.taken),
        ):
            assert abs(found[0] - expected / USD) <= allowed


def truncations(case: Case, twin: NaiveAccount) -> int:
    """Micro-USD that truncation may come to on a path.

    A fill truncates its fee and, if isolated, what it releases; an hour's funding each position's
    payment; closing against others its price. One more for the floats.
    """
    positions = len(case.plan.positions)
    fills = twin.seen["sold in part"] + twin.seen["sold whole"]
    hours = len(case.marks) * case.step_ms // HOUR_MS
    return 2 * fills + positions * (hours if twin.funding else 0) + positions + 1


def seen_on(cases: Iterable[Case], rulebook: Rulebook, hourly: int = 0) -> Counter[str]:
    judge = Judge(rulebook, hourly)
    for case in cases:
        try:
            judge.judge(case)
        except AssertionError as error:
            raise AssertionError(f"{case.plan.name}, {case.kind}: {error}") from error
    return judge.seen


def test_kernel_and_machine_agree_on_a_thousand_random_accounts() -> None:
    seen = seen_on(map(random_case, range(800)), STANDARD)
    seen += seen_on(map(random_case, range(800, 1000)), STANDARD, HOURLY)
    assert sum(seen[kind] for kind in KINDS) == 1000
    assert all(seen[f"{kind}, liquidated"] > 80 for kind in KINDS), seen
    assert all(seen[what] > 50 for what in MUST_BE_SEEN), seen


@pytest.mark.parametrize(
    ("choice", "never_seen"),
    [
        ({"liquidation": {"book_first_below_backstop": False}}, ""),
        ({"deleveraging": {"price": DeleveragingPrice.BANKRUPTCY_PRICE}}, ""),
        ({"liquidation": {"price_limit": LiquidationPriceLimit.PRICE_BAND}}, "refused below zero"),
        ({"liquidation": {"partial_above": 0}}, "sold in part"),
        ({"liquidation": {"cooldown_ms": 0}}, "sold whole in the cooldown"),
    ],
    ids=["backstop first", "closed at zero", "no limit", "always whole", "no cooldown"],
)
def test_they_agree_under_other_choices_of_the_rules(
    choice: dict[str, dict[str, object]], never_seen: str
) -> None:
    seen = seen_on(map(random_case, range(2000, 2100)), changed(STANDARD, "other", **choice))
    assert seen["sold whole"] > 5
    assert not seen[never_seen]


def test_they_agree_on_the_variants_of_an_account() -> None:
    cases = []
    for number in range(3000, 3060):
        case = random_case(number)
        prices = case.prices(INSTRUMENTS)
        first = INSTRUMENTS[case.plan.positions[0].market].name
        try:
            plans = (
                as_cross(case.plan),
                as_isolated(case.plan, INSTRUMENTS, prices),
                hybrid(case.plan, INSTRUMENTS, prices, [first], "notional"),
                at_leverage(case.plan, INSTRUMENTS, prices, 4),
            )
        except InputError:
            continue
        cases += [replace(case, plan=plan) for plan in plans]
    assert len(cases) > 150
    seen = seen_on(cases, STANDARD)
    assert all(seen[what] for what in MUST_BE_SEEN), seen


def test_what_an_account_loses_is_accounted_for() -> None:
    """Without funding: what prices made of it, less cost, less what left with its positions."""
    for number in range(4000, 4030):
        case = random_case(number)
        account = account_of(case, STANDARD)
        prices = prices_of(case, account)
        outcomes = replay(account, prices, case.step_ms)
        last = NaiveAccount.of(case.plan, STANDARD, INSTRUMENTS, case.depths, IMPACT, case.marks[0])
        earned = 0.0
        before = case.marks[0]
        for step, marks in enumerate(case.marks[1:], start=1):
            earned += sum(
                each.size * (marks[each.market] - before[each.market]) for each in last.held
            )
            last.step(step, step * case.step_ms, marks, 0, 0)
            before = marks
        left = account.equity.sum() + earned / USD - outcomes.cost[0] - outcomes.taken[0]
        assert outcomes.equity.sum() == pytest.approx(left, abs=truncations(case, last) * 1e-6)


def test_an_account_in_coins_and_dollars() -> None:
    case = random_case(2)
    account = account_of(case, STANDARD)
    rules = account.rules
    assert isinstance(rules, StageRules)
    assert rules.below_zero == BelowZero.CLOSED_AT_PREVIOUS
    assert (rules.partial_above, rules.portion, rules.cooldown_ms) == (1e5, 0.2, 30_000)
    twin = NaiveAccount.of(case.plan, STANDARD, INSTRUMENTS, case.depths, IMPACT, case.marks[0])
    equity = [twin.equity(each) / USD for each in bucket_order(twin)]
    np.testing.assert_allclose(account.equity, equity, rtol=0, atol=1e-8)
    eth = account.markets.index("ETH")
    lower, rate, deduction = account.tiers[:, eth]
    assert lower.tolist() == [0, 100_000, 300_000]
    np.testing.assert_allclose(rate, [0.02, 0.05, 0.1])
    # Continuous at the bounds: 100 000 x 0.03, then 300 000 x 0.05 more.
    np.testing.assert_allclose(deduction, [0, 3_000, 18_000])


def test_an_account_without_positions_is_refused() -> None:
    empty = Holdings(name="empty", collateral=USD, positions=(), orders=())
    with pytest.raises(InputError, match="empty: position: the account has none"):
        path_account(empty, STANDARD, INSTRUMENTS, {}, {})


def test_stages_in_another_order_are_refused() -> None:
    odd = changed(
        STANDARD,
        "odd",
        liquidation={"stages": (LiquidationStage.BACKSTOP, LiquidationStage.BOOK)},
    )
    with pytest.raises(InputError, match=r"odd: liquidation.stages: .* not backstop, book"):
        account_of(random_case(2), odd)
