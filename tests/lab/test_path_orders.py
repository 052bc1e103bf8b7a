"""Orders of the account on a path: the kernel, the machine and a plain twin do the same.

As ``test_path_stages``, with ladders of stops, take-profits and limit exits, parts closed before
funding, and money that is added on the way.
"""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from msgspec import structs

from seawall.domain.enums import Side
from seawall.domain.errors import InputError
from seawall.domain.holdings import Holdings, OpenOrder, TopUp
from seawall.domain.rulebook import Rulebook
from seawall.engine.compile import INTERPRETED
from seawall.engine.placement import worst_trigger_price
from seawall.lab.market.liquidity import Depth
from seawall.lab.paths.kernels.account import path_account
from seawall.lab.paths.kernels.account_orders import FundingClose, left_out
from seawall.lab.paths.kernels.simulate import simulate_chunk
from seawall.lab.paths.kernels.task import Bootstrap, OrderKind, Outcomes, PathAccount, PathOrder
from tests.lab.naive_orders import AccountWithOrders, Waiting
from tests.lab.path_accounts import path_task
from tests.lab.path_cases import INSTRUMENTS, KINDS, USD, Case, random_case
from tests.lab.path_machine import path_rulebook
from tests.lab.path_order_machine import OrderMachine
from tests.lab.path_replay import MARK, replay
from tests.lab.test_path_stages import (
    HOUR_MS,
    HOURLY,
    IMPACT,
    bucket_order,
    prices_of,
    truncations,
)
from tests.rulebooks import STANDARD

pytestmark = pytest.mark.skipif(
    INTERPRETED, reason="a thousand paths of a machine in plain Python take too long"
)

MUST_BE_SEEN = (
    "trigger filled",
    "limit filled",
    "filled in part",
    "nothing within the worst price",
    "capped by the position",
    "several of a market in a step",
    "cancelled by liquidation",
    "before funding filled",
    "topped up",
    "topped up late",
    "topped up too late",
    "sold whole",
)
WORST = 10
"""Percent beyond its trigger that an order at market takes."""


def with_ladder(case: Case, dice: random.Random) -> tuple[Case, list[FundingClose]]:
    """Random stops, take-profits, limit exits, top-ups and closes before funding."""
    orders, top_ups, closes = [], [], []
    route = random.Random(case.plan.name)
    for held in case.plan.positions:
        size, mark, sign = abs(held.signed_size), case.marks[0][held.market], 1
        if held.signed_size < 0:
            sign = -1
        side = Side.SELL if sign > 0 else Side.BUY
        kinds = ["stop"] * dice.randint(0, 3) + ["take"] * dice.randint(0, 2)
        kinds += ["limit"] * dice.randint(0, 2)
        for kind in kinds:
            away = 10 ** dice.uniform(-2.5, -1.0) * (-sign if kind == "stop" else sign)
            price = max(1, round(mark * (1 + away)))
            if price == mark:
                continue
            part = max(1, round(size * dice.uniform(0.1, 0.8)))
            is_limit = kind == "limit"
            orders.append(
                OpenOrder(
                    market=held.market, side=side, size=part, price=price if is_limit else 0,
                    trigger_price=0 if is_limit else price, take_profit=kind == "take",
                    reduce_only=True,
                )
            )  # fmt: skip
        if dice.random() < 0.4:
            price = max(1, round(mark * (1 - sign * 10 ** dice.uniform(-2.5, -1.3))))
            top_ups.append(
                TopUp(
                    market=held.market, trigger_price=price,
                    amount=size * mark // dice.randint(10, 100),
                    delay_ms=route.choice([0, 1, case.step_ms, 5 * case.step_ms + 1]),
                    cost=route.choice([0, route.randint(1, 100 * USD)]),
                )
            )  # fmt: skip
        if dice.random() < 0.4:
            part = max(1, round(size * dice.uniform(0.1, 0.8)))
            closes.append(FundingClose(market=held.market, size=part, rate=dice.choice([0, 1])))
    dice.shuffle(orders)
    plan = structs.replace(case.plan, orders=tuple(orders), top_ups=tuple(top_ups))
    # Some books are so thin that an order uses up all that it may take.
    thinner = dice.choice([1, 1, 30, 300])
    depths = {
        name: Depth(each.usd_within_50bp / thinner, each.spread_bp)
        for name, each in case.depths.items()
    }
    return replace(case, plan=plan, depths=depths), closes


def waiting_of(
    plan: Holdings, closes: list[FundingClose], marks: list[int], step_ms: int
) -> list[Waiting]:
    """The account's orders as the twin has them, in the order of the kernel's."""
    found = []
    for each in plan.orders:
        rises = (each.side == Side.BUY) != each.take_profit
        price = each.price
        if each.trigger_price:
            worse = WORST if each.side == Side.BUY else -WORST
            price = each.trigger_price * (100 + worse) // 100
            assert price == worst_trigger_price(each, lambda market, units: units)
        found.append(
            Waiting(
                0, "trigger" if each.trigger_price else "limit", each.market, each.side, each.size,
                price, each.trigger_price, rises,
            )
        )  # fmt: skip
    sides = {e.market: Side.SELL if e.signed_size > 0 else Side.BUY for e in plan.positions}
    for close in closes:
        rate = round(close.rate * 10**12)
        found.append(
            Waiting(
                0, "before funding", close.market, sides[close.market], close.size, rate=rate
            )
        )  # fmt: skip
    for top_up in plan.top_ups:
        level = top_up.trigger_price
        found.append(
            Waiting(
                0, "top-up", top_up.market, Side.BUY, trigger=level,
                rises=level > marks[top_up.market], money=top_up.amount, cost=top_up.cost,
                steps=-(-top_up.delay_ms // step_ms),
            )
        )  # fmt: skip
    return found


KIND = {
    "limit": OrderKind.LIMIT, "trigger": OrderKind.TRIGGER,
    "before funding": OrderKind.BEFORE_FUNDING, "top-up": OrderKind.TOP_UP,
}  # fmt: skip


def number_as(account: PathAccount, waiting: list[Waiting]) -> None:
    """Give the twin's orders the places of the kernel's."""
    left = list(waiting)
    for place, order in enumerate(account.orders):
        found = next(e for e in left if is_same(e, account.markets[order.market], order))
        left.remove(found)
        found.number = place
    assert not left


def is_same(each: Waiting, market: str, order: PathOrder) -> bool:
    instrument = INSTRUMENTS[each.market]
    unit = 10.0**instrument.price_decimals
    if (instrument.name, KIND[each.kind], each.size) != (market, order.kind, order.lots):
        return False
    if each.kind == "limit":
        return each.price == round(order.worst * unit)
    return each.trigger == round(order.level * unit)


class Judge:
    """Runs a case on the twin, in the machine and in the kernel; raises where they differ."""

    def __init__(self, rulebook: Rulebook, hourly: int) -> None:
        self.hourly = hourly
        self.rulebook = path_rulebook(rulebook, hourly)
        self.machine = OrderMachine(self.rulebook, INSTRUMENTS)
        self.seen: Counter[str] = Counter()

    def judge(self, case: Case, closes: list[FundingClose]) -> None:
        account = path_account(
            case.plan, self.rulebook, INSTRUMENTS, case.prices(INSTRUMENTS), case.depths, IMPACT,
            closes,
        )  # fmt: skip
        waiting = waiting_of(case.plan, closes, case.marks[0], case.step_ms)
        number_as(account, waiting)
        twin = self._twin_and_machine(case, waiting)
        rates = np.full(len(account.markets), self.hourly / 1e12)
        outcomes = replay(account, prices_of(case, account), case.step_ms, rates)
        self._compare(case, twin, outcomes)
        self.seen += twin.seen
        self.seen[case.kind] += 1
        self.seen["orders"] += len(account.orders)

    def _twin_and_machine(self, case: Case, waiting: list[Waiting]) -> AccountWithOrders:
        """The twin after the last step; equal to the machine after every one that did anything."""
        twin = AccountWithOrders.of(
            case.plan, self.rulebook, INSTRUMENTS, case.depths, IMPACT, case.marks[0]
        )
        assert isinstance(twin, AccountWithOrders)
        twin.waiting = list(waiting)
        twin.leverage = {each.market: each.leverage for each in case.plan.positions}
        machine = self.machine
        machine.begin_with(case.plan, case.marks[0], waiting)
        for number, marks in enumerate(case.marks[1:], start=1):
            now_ms = number * case.step_ms
            hours = now_ms // HOUR_MS - (now_ms - case.step_ms) // HOUR_MS
            before = len(twin.acted)
            orders = twin.step(number, now_ms, marks, hours, self.hourly)
            twin.top_up(number)
            machine.step_with(number, now_ms, marks, orders, twin)
            if orders or len(twin.acted) > before:
                assert machine.sizes() == {each.market: each.size for each in twin.held}
        last = case.marks[-1]
        assert machine.acted == twin.acted
        assert machine.first == twin.first
        assert machine.touched == twin.touched
        assert machine.equity(last) == {b: twin.equity(b) for b in twin.buckets()}
        assert (machine.funding, machine.cost) == (twin.funding, twin.cost)
        assert (machine.order_cost, machine.added) == (twin.order_cost, twin.added)
        return twin

    def _compare(self, case: Case, twin: AccountWithOrders, outcomes: Outcomes) -> None:
        held = sorted(twin.held, key=lambda each: each.market)
        buckets = bucket_order(twin)
        acted = [twin.acted.get(each, 0) for each in range(outcomes.acted.shape[1])]
        assert outcomes.acted[0].tolist() == acted
        assert outcomes.first[0].tolist() == [twin.first.get(b, 0) for b in buckets]
        assert outcomes.touched[0].tolist() == [twin.touched.get(e.market, 0) for e in held]
        equity = [twin.equity(bucket) / USD for bucket in buckets]
        # A fill truncates its fee and, if isolated, what it releases.
        allowed = (truncations(case, twin) + 2 * twin.order_fills) * 1e-6
        np.testing.assert_allclose(outcomes.equity[0], equity, rtol=0, atol=allowed)
        for found, expected in (
            (outcomes.funding, twin.funding),
            (outcomes.cost, twin.cost),
            (outcomes.taken, twin.taken),
            (outcomes.order_cost, twin.order_cost),
            (outcomes.added, twin.added),
        ):
            assert abs(found[0] - expected / USD) <= allowed


def seen_on(numbers: Iterable[int], rulebook: Rulebook, hourly: int = 0) -> Counter[str]:
    judge = Judge(rulebook, hourly)
    for number in numbers:
        case, closes = with_ladder(random_case(number), random.Random(-number))
        try:
            judge.judge(case, closes)
        except AssertionError as error:
            raise AssertionError(f"{case.plan.name}, {case.kind}: {error}") from error
    return judge.seen


def test_kernel_and_machine_agree_on_a_thousand_accounts_with_ladders() -> None:
    seen = seen_on(range(700), STANDARD)
    seen += seen_on(range(700, 1000), STANDARD, HOURLY)
    assert sum(seen[kind] for kind in KINDS) == 1000
    assert seen["orders"] > 5_000
    assert all(seen[what] > 20 for what in MUST_BE_SEEN), seen


def account_with_ladder(number: int) -> PathAccount:
    case, closes = with_ladder(random_case(number), random.Random(-number))
    return path_account(
        case.plan, STANDARD, INSTRUMENTS, case.prices(INSTRUMENTS), case.depths, IMPACT, closes
    )


@pytest.mark.parametrize("number", [5, 8, 16])
def test_every_lane_acts_as_if_it_were_alone(number: int) -> None:
    account = account_with_ladder(number)
    markets, steps = len(account.markets), 60
    returns = np.random.default_rng(number).normal(0.0, 0.01, (steps, 1)).repeat(markets, axis=1)

    def outcomes(rows: np.ndarray, paths: int, steps: int = steps) -> Outcomes:
        model = Bootstrap(returns=rows, block_steps=len(rows))
        task = path_task(account, model, steps=steps, step_seconds=60.0, paths=paths, seed=0)
        return simulate_chunk(task, 0)

    together = outcomes(returns, 300)
    assert len(np.unique(together.acted, axis=0)) > 5
    marked = MARK * np.arange(steps, dtype=float)[:, None].repeat(markets, axis=1)
    first = outcomes(marked, 300, 1).final_price[:, 0]
    starts = np.rint(np.log(first / account.price[0]) / MARK).astype(int)
    for path in range(0, 300, 11):
        alone = outcomes(np.roll(returns, starts[0] - starts[path], axis=0), 1)
        for name in ("equity", "first", "acted", "order_cost", "added", "cost"):
            assert np.array_equal(getattr(alone, name)[0], getattr(together, name)[path]), name


def test_orders_that_nothing_reaches_change_no_path() -> None:
    account = account_with_ladder(8)
    far = [each._replace(level=1e12, rises=True, rate=1.0) for each in account.orders]
    tasks = [
        path_task(structs.replace(account, orders=orders), paths=512, steps=30, step_seconds=600.0)
        for orders in ((), tuple(far))
    ]
    without, beyond = (simulate_chunk(each, 0) for each in tasks)
    for name in ("equity", "first", "touched", "cost", "final_price"):
        assert np.array_equal(getattr(without, name), getattr(beyond, name)), name
    assert not beyond.acted.any()


def test_a_trigger_that_is_passed_already_is_refused() -> None:
    case = random_case(0)
    held, mark = case.plan.positions[0], case.marks[0][case.plan.positions[0].market]
    side = Side.SELL if held.signed_size > 0 else Side.BUY
    stop = OpenOrder(
        market=held.market, side=side, size=1, price=0, reduce_only=True, take_profit=False,
        trigger_price=mark + mark // 10 * (1 if side == Side.SELL else -1),
    )  # fmt: skip
    case.plan = structs.replace(case.plan, orders=(stop,))
    with pytest.raises(InputError, match=r"account 0: order 1 \(\w+\): stop: .*should be"):
        path_account(case.plan, STANDARD, INSTRUMENTS, case.prices(INSTRUMENTS), case.depths)


def test_orders_that_would_open_a_position_are_left_out() -> None:
    case = random_case(0)
    held = case.plan.positions[0]
    side = Side.BUY if held.signed_size > 0 else Side.SELL
    more = OpenOrder(
        market=held.market, side=side, size=1, price=case.marks[0][held.market], trigger_price=0,
        take_profit=False, reduce_only=False,
    )  # fmt: skip
    case.plan = structs.replace(case.plan, orders=(more,))
    prices = case.prices(INSTRUMENTS)
    assert left_out(case.plan) == 1
    assert not path_account(case.plan, STANDARD, INSTRUMENTS, prices, case.depths).orders
