"""An account and what protects it, through a crash in the engine: books, makers, population.

The engine does everything: orders of the guard meet the book of that moment, stops rest in it,
money moves by its rules, liquidations and deleveraging are its own. After every step the guard sees
the account and acts as often as a step has seconds.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct

from seawall.domain.enums import (
    CommandKind,
    EventKind,
    OrderFlag,
    Side,
    TimeInForce,
)
from seawall.domain.events import is_pool
from seawall.domain.units import MICRO
from seawall.engine.account_view import account_margins, pool_cash
from seawall.engine.placement import Rows, rows_of
from seawall.guard.actions import Action, AddMargin, CancelOrder, PlaceOrder, QueryOrder
from seawall.guard.decide import decide
from seawall.guard.memory import Memory
from seawall.guard.mirror import maintenance_rate
from seawall.guard.policy import POOL, Policy
from seawall.guard.view import (
    BucketView,
    MarketView,
    Observed,
    OrderStatus,
    OrderView,
    PositionView,
    View,
)
from seawall.lab.guard_test.crashes import Crash
from seawall.lab.guard_test.looks import LOOK_MS, MOST_LOOKS
from seawall.lab.guard_test.played import REPLENISH_FROM, REPLENISH_TO, Outside, Protection
from seawall.lab.guard_test.purse import Purse
from seawall.lab.keepers.gas import WINDOW_MS
from seawall.lab.simulation.incidents import IncidentKind
from seawall.lab.simulation.observer import Holding, valuation_prices
from seawall.lab.simulation.simulation import Batch, Simulation, steps
from seawall.lab.simulation.top_ups import deposit

NO_MARKET = -1
ORDER_EVENTS = (EventKind.ORDER_WAITING, EventKind.ORDER_FILLED, EventKind.ORDER_CANCELLED)


class CrisisLine(Struct, frozen=True, kw_only=True):
    """An account under one protection through one scenario. USD.

    ``lost``: of the equity at the start and of what came from the wallet, and what transfers cost;
    ``lowest``: the least equity, less what was added. ``market``: the command that plays the same
    without a guard. ``liquidated``: buckets that were found under maintenance margin, by name.
    ``cost``: fees and slippage of the protection's orders, from the mark, and fees of transfers.
    ``actions``: its orders that filled, and top-ups. ``refused``: transfers that the engine did not
    let through: they were blocked, the pool had too little, or the position was gone. ``wallet``:
    left in it, without what is on its way.
    """

    scenario: str
    market: str
    protection: str
    start: float
    lost: float
    lowest: float
    liquidated: tuple[str, ...]
    deleveraged: float
    cost: float
    added: float
    actions: int
    refused: int
    wallet: float

    @property
    def is_liquidated(self) -> bool:
        """Whether any bucket was."""
        return bool(self.liquidated)


def through(crash: Crash, plan: Protection, outside: Outside) -> CrisisLine:
    """One protection through one crash. Raises PathError, PlacementError, LayoutError."""
    simulation, pace = crash.begin()
    run = _Run(simulation, plan, outside)
    for (batch,) in steps([simulation], pace):
        run.act(batch)
    return run.line(crash)


class _Run:
    """One protection in one simulation."""

    def __init__(self, simulation: Simulation, plan: Protection, outside: Outside) -> None:
        assert simulation.start is not None and simulation.account is not None
        assert simulation.log is not None
        self.simulation, self._plan = simulation, plan
        self._placement, self._log = simulation.placement, simulation.log
        self._account = simulation.account
        self._names = [each.name for each in simulation.instruments]
        self._numbers = {name: place for place, name in enumerate(self._names)}
        self._start, self._now = simulation.start, simulation.start
        self._lowest = self._start.equity
        self._orders = _Orders(simulation.account.accounts)
        self._guard = None if plan.policy is None else _Guard(plan.policy)
        self._purse = Purse(outside.wallet, outside.route)
        self._added = self._top_ups = self._refused = 0
        held = self._start.holdings
        self._lead = max(held, key=lambda market: abs(held[market].value), default=0)
        self._seen: deque[tuple[int, int]] = deque()
        """Times and marks of the lead market within the hour."""
        times = simulation.grid.times_ms
        self._ends = np.append(times[1:], times[-1] + LOOK_MS)

    def act(self, batch: Batch) -> None:
        """What the protection does after a step."""
        assert batch.account is not None
        self._now = batch.account
        self._orders.read(batch.events, self._marks(), batch.time_ms)
        self._note(batch.time_ms)
        if self._arrive(batch.time_ms):
            self._now = self.simulation.observer.snapshot(batch.time_ms)
        if self._guard is not None:
            self._look(self._guard, batch.time_ms, int(self._ends[batch.last]))
        elif self._plan.replenishes:
            self._replenish(batch.time_ms)
        self._lowest = min(self._lowest, self._now.equity - self._added)

    def line(self, crash: Crash) -> CrisisLine:
        """What it came to."""
        log = self._log.incidents
        under = [each for each in log if each.kind == IncidentKind.LIQUIDATION_STARTED]
        against = (IncidentKind.DELEVERAGED_LOSER, IncidentKind.DELEVERAGED_WINNER)
        return CrisisLine(
            scenario=crash.name,
            market=crash.market,
            protection=self._plan.name,
            start=self._start.equity / MICRO,
            lost=(self._start.equity + self._added + self._purse.fees - self._now.equity) / MICRO,
            lowest=self._lowest / MICRO,
            liquidated=tuple(dict.fromkeys(self._bucket(each.market) for each in under)),
            deleveraged=sum(each.notional for each in log if each.kind in against) / MICRO,
            cost=(self._orders.cost + self._purse.fees) / MICRO,
            added=self._added / MICRO,
            actions=self._orders.filled + self._top_ups,
            refused=self._refused,
            wallet=self._purse.wallet / MICRO,
        )

    def _look(self, guard: "_Guard", time_ms: int, end_ms: int) -> None:
        for at in range(time_ms, end_ms, LOOK_MS)[:MOST_LOOKS]:
            if self._arrive(at):
                self._now = self.simulation.observer.snapshot(at)
            actions = guard.decide(self._view(at))
            acts = [each for each in actions if self._apply(each, at)]
            if not acts:
                return
            self._now = self.simulation.observer.snapshot(at)

    def _marks(self) -> list[int]:
        marks: list[int] = valuation_prices(self.simulation.engine).tolist()
        return marks

    def _bucket(self, number: int) -> str:
        if not is_pool(number):
            return self._names[number]
        return "cross" if number == -1 else f"cross {-number}"

    def _view(self, time_ms: int) -> View:
        """What the guard sees of the account."""
        engine, now = self.simulation.engine, self._now
        marks = self._marks()
        prices = self.simulation.observer.liquidation_prices(now)
        margins = account_margins(engine, self._account.account)
        first = self._bucket(next(each for each in now.buckets if is_pool(each)))
        return View(
            time_ms=time_ms,
            observed=Observed(
                account_ms=time_ms, orders_ms=time_ms, prices_ms=time_ms, ledger_ms=time_ms,
                funding_ms=time_ms,
            ),
            equity=now.equity,
            net_deposits=self._added,
            markets=tuple(
                MarketView(
                    name=each.name, mark=mark, size_decimals=each.size_decimals,
                    size_step=each.size_step(in_blocks=self._placement.in_blocks),
                )
                for each, mark in zip(self.simulation.instruments, marks, strict=True)
            ),
            buckets=tuple(
                BucketView(
                    name=self._bucket(number),
                    is_isolated=not is_pool(number),
                    equity=each.equity,
                    maintenance=each.maintenance_margin,
                    cash=self._cash(number, each.equity),
                    free=margins[number].free if is_pool(number) else None,
                    pool="" if is_pool(number) else first,
                )
                for number, each in now.buckets.items()
            ),
            positions=tuple(
                self._position(each, prices[market]) for market, each in now.holdings.items()
            ),
            orders=tuple(self._orders.resting.values()),
            statuses=tuple(self._orders.statuses.values()),
            wallets=dict.fromkeys(self._guard.sources if self._guard else (), self._purse.wallet),
        )  # fmt: skip

    def _cash(self, bucket: int, equity: int) -> int:
        """Of a pool; of another bucket its equity less what its position is worth."""
        if is_pool(bucket):
            return pool_cash(self.simulation.engine, self._account.account, bucket)
        held = self._now.holdings.get(bucket)
        return equity - (0 if held is None else held.value)

    def _position(self, held: Holding, price: float | None) -> PositionView:
        instrument = self.simulation.instruments[held.market]
        units = None
        if price is not None:
            round_to_mark = np.ceil if held.signed_size > 0 else np.floor
            units = int(round_to_mark(round(price * 10**instrument.price_decimals, 6)))
        return PositionView(
            market=instrument.name,
            bucket=self._bucket(held.bucket),
            signed_size=held.signed_size,
            entry_notional=abs(held.entry_notional),
            rate=maintenance_rate(instrument, abs(held.value)),
            liquidation_price=units,
        )

    def _send(self, rows: Rows, order: PlaceOrder | None = None) -> bool:
        """Send commands; whether the engine took them all."""
        events, time_ms = self._placement.send(rows).copy(), int(rows["time_ms"][-1])
        self._log.read(time_ms, events)
        if order is not None:
            self._orders.place(order, events)
        self._orders.read(events, self._marks(), time_ms)
        return not (events["kind"] == EventKind.COMMAND_REJECTED).any()

    def _apply(self, action: Action, time_ms: int) -> bool:
        """Do what an action says; whether something was done that the guard should look at."""
        if isinstance(action, PlaceOrder):
            self._place(action, time_ms)
        elif isinstance(action, CancelOrder):
            rows = rows_of(CommandKind.CANCEL_ORDER, 1, time_ms)
            market = self._numbers[action.market]
            rows["account"], rows["market"] = self._account.owner_of(market), market
            rows["order_id"] = action.order_id
            self._send(rows)
        elif isinstance(action, AddMargin):
            bucket = self._numbers.get(action.bucket)
            self._add(action.amount, bucket, time_ms, from_pool=action.source == POOL)
        elif isinstance(action, QueryOrder):
            self._orders.end(action.client_id, "unknown", time_ms)
        else:
            return False
        return True

    def _place(self, order: PlaceOrder, time_ms: int) -> None:
        market, rows = self._numbers[order.market], rows_of(CommandKind.PLACE_ORDER, 1, time_ms)
        ticks = self.simulation.agents.ticks
        decimals = ticks.decimals[market]
        limit = ticks.round(np.asarray([float(order.price)]), decimals, up=not order.is_buy)
        flags = OrderFlag.REDUCE_ONLY
        if order.trigger_price:
            flags |= OrderFlag.TRIGGER | OrderFlag.TRIGGER_MARKET
            flags |= OrderFlag.TAKE_PROFIT if order.take_profit else OrderFlag.NO_FLAG
            rows["trigger_price"] = ticks.one(market, order.trigger_price)
        else:
            rows["time_in_force"] = int(TimeInForce.IMMEDIATE_OR_CANCEL)
        rows["account"], rows["market"], rows["order_size"] = (
            self._account.owner_of(market), market, order.size,
        )  # fmt: skip
        rows["side"] = int(Side.BUY if order.is_buy else Side.SELL)
        rows["price"], rows["flags"] = limit, int(flags)
        self._send(rows, order)

    def _note(self, time_ms: int) -> None:
        """The mark of the largest position, by which the network is full or not."""
        self._seen.append((time_ms, self._marks()[self._lead]))
        while self._seen[0][0] < time_ms - WINDOW_MS:
            self._seen.popleft()

    def _add(self, amount: int, market: int | None, time_ms: int, *, from_pool: bool) -> None:
        """Send money to the bucket of a market, or to the pool; what takes no time is there."""
        highest = max(mark for _, mark in self._seen)
        self._purse.send(
            time_ms, NO_MARKET if market is None else market, amount,
            1.0 - self._seen[-1][1] / highest, is_bucket=market is not None, from_pool=from_pool,
        )  # fmt: skip
        self._arrive(time_ms)

    def _arrive(self, time_ms: int) -> bool:
        """What is there by now; whether there was any."""
        found = self._purse.arrived(time_ms)
        for each in found:
            market = None if each.bucket == NO_MARKET else each.bucket
            amount = each.amount if each.from_pool else self._deposit(each.amount, market, time_ms)
            self._top_ups += self._move(amount, market, time_ms)
        return bool(found)

    def _deposit(self, amount: int, market: int | None, time_ms: int) -> int:
        """The amount, in the pool now; 0 where that takes no money, which is the wallet's again."""
        if not deposit(self._placement, time_ms, self._account.account, market, amount):
            self._purse.wallet += amount
            self._refused += 1
            return 0
        self._added += amount
        return amount

    def _move(self, amount: int, market: int | None, time_ms: int) -> bool:
        """From the pool into the bucket of a market, or where it is the pool's own left there;
        whether any money came."""
        if market is not None and amount > 0:
            if self._placement.in_blocks:
                rows = rows_of(CommandKind.TRANSFER, 1, time_ms)
                rows["other_account"] = self._account.owner_of(market)
            else:
                rows = rows_of(CommandKind.ADJUST_ISOLATED_MARGIN, 1, time_ms)
                rows["market"] = market
            rows["account"], rows["money"] = self._account.account, amount
            is_moved = self._send(rows)
            self._refused += not is_moved
            return is_moved
        return amount > 0

    def _replenish(self, time_ms: int) -> None:
        """Money from the wallet for every bucket that is near liquidation."""
        for number, each in self._now.buckets.items():
            needed = each.maintenance_margin
            if needed <= 0 or each.equity >= needed / REPLENISH_FROM:
                continue
            market = None if is_pool(number) else number
            if not self._purse.is_coming(number if market is not None else NO_MARKET):
                amount = round(needed / REPLENISH_TO) - each.equity
                self._add(amount, market, time_ms, from_pool=False)
        self._now = self.simulation.observer.snapshot(time_ms)


class _Guard:
    """A policy and what it remembers."""

    def __init__(self, policy: Policy) -> None:
        self._policy, self._memory = policy, Memory()
        self.sources = [each.source for each in policy.steps if each.source != POOL]

    def decide(self, view: View) -> Sequence[Action]:
        """What to do now."""
        self._memory, actions = decide(self._policy, self._memory, view)
        return actions


class _Orders:
    """The protection's own orders in the engine. ``cost``: micro-USD of fees and slippage.

    ``filled``: how many have filled, wholly or in part.
    """

    def __init__(self, accounts: Sequence[int]) -> None:
        self._accounts = accounts
        self.resting: dict[int, OrderView] = {}
        self.statuses: dict[str, OrderStatus] = {}
        self.cost = self.filled = 0
        self._sent: dict[int, PlaceOrder] = {}
        self._left: dict[int, int] = {}

    def place(self, order: PlaceOrder, events: Rows) -> None:
        """Take up an order with the events of its command."""
        own = events[np.isin(events["account"], self._accounts) & (events["order_id"] > 0)]
        if len(own):
            number = int(own["order_id"][0])
            self._sent[number], self._left[number] = order, order.size
        else:
            self.end(order.client_id, "rejected", int(order.expires_ms))

    def read(self, events: Rows, marks: Sequence[int], time_ms: int) -> None:
        """What became of them. ``marks``: price units by market."""
        own = np.isin(events["account"], self._accounts)
        own = events[own & np.isin(events["kind"], ORDER_EVENTS)]
        for row in own:
            number, kind = int(row["order_id"]), int(row["kind"])
            order = self._sent.get(number)
            if order is None:
                continue
            if kind == EventKind.ORDER_WAITING:
                self.resting[number] = OrderView(
                    market=order.market, order_id=number, is_buy=order.is_buy, size=order.size,
                    price=order.price, client_id=order.client_id,
                    trigger_price=order.trigger_price, take_profit=order.take_profit,
                    reduce_only=True,
                )  # fmt: skip
            elif kind == EventKind.ORDER_FILLED:
                self._fill(number, order, row, marks, time_ms)
            else:
                self._leave(number, order, "cancelled", time_ms)

    def _fill(
        self, number: int, order: PlaceOrder, row: Any, marks: Sequence[int], time_ms: int
    ) -> None:
        size, price, mark = int(row["order_size"]), int(row["price"]), marks[int(row["market"])]
        away = price - mark if order.is_buy else mark - price
        self.cost += size * away + int(row["money"])
        self.filled += self._left[number] == order.size
        self._left[number] -= size
        if self._left[number] <= 0:
            self._leave(number, order, "filled", time_ms)

    def _leave(self, number: int, order: PlaceOrder, state: str, time_ms: int) -> None:
        self.resting.pop(number, None)
        del self._sent[number], self._left[number]
        self.end(order.client_id, state, time_ms)

    def end(self, client_id: str, state: str, time_ms: int) -> None:
        """An order is over, or was asked for and is not there."""
        self.statuses[client_id] = OrderStatus(
            client_id=client_id, state=state, asked_ms=time_ms, answered_ms=time_ms
        )
