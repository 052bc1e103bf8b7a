"""The guard of each path: its memory, its orders, what it sees, and what its actions do."""

import numpy as np
from msgspec import structs

from seawall.domain.units import DAY_MS, MICRO, PPM
from seawall.guard.actions import Action, AddMargin, CancelOrder, PlaceOrder, QueryOrder
from seawall.guard.decide import decide
from seawall.guard.memory import Memory
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
from seawall.lab.arrays import Mask
from seawall.lab.guard_test.bounds import Bounds
from seawall.lab.guard_test.fills import Book
from seawall.lab.guard_test.moment import Moment, Terms, liquidation_prices, moment_of
from seawall.lab.paths.kernels.stages_state import Rules, State

START_MS = 20_000 * DAY_MS
"""A path begins with a day."""
LOOK_MS = 1_000
"""Between two looks while something is being done."""
MOST_LOOKS = 20
"""In one step of a path."""
NEVER = 2**62


class Guards:
    """The guards of one block of paths. ``wallet``: micro-USD that other sources of top-ups have.

    Counts, (n,) each: ``reductions``: orders that filled; ``top_ups``; ``added``: micro-USD from
    the wallet. ``decisions``: calls of ``decide`` of all paths.
    """

    def __init__(
        self, terms: Terms, policy: Policy, rules: Rules, wallet: int, paths: int, step_ms: int
    ) -> None:
        markets = len(terms.account.price)
        self._terms, self._policy, self._rules, self._step_ms = terms, policy, rules, step_ms
        self.book = Book(terms, rules, paths)
        self.bounds = Bounds(terms, policy, paths)
        self._memories = [Memory() for _ in range(paths)]
        self._orders: list[list[OrderView]] = [[] for _ in range(paths)]
        self._statuses: list[dict[str, OrderStatus]] = [{} for _ in range(paths)]
        self._wallet = np.full(paths, wallet, np.int64)
        self._measured = np.zeros(paths, np.int64)
        self._peak = np.zeros((2, paths), np.int64)
        self._day = np.zeros((2, paths), np.int64)
        self._began = np.zeros(paths, np.int64)
        self._fires = np.empty((2, markets, paths), np.int64)
        self._fires[0], self._fires[1] = -1, NEVER
        self._next_id = 1
        self.reductions = np.zeros(paths, np.int64)
        self.top_ups = np.zeros(paths, np.int64)
        self.added = np.zeros(paths, np.int64)
        self.decisions = 0

    def triggered(self, now: Moment) -> Mask:
        """(n,) whether a mark has reached an order that rests."""
        result: Mask = ((now.marks <= self._fires[0]) | (now.marks >= self._fires[1])).any(axis=0)
        return result

    def fire(self, state: State, path: int, now: Moment, time_ms: int) -> None:
        """Fill the orders of a path that its marks have reached."""
        names = self._terms.account.markets
        for each in list(self._orders[path]):
            market = names.index(each.market)
            mark = int(now.marks[market, path])
            fires_below = each.is_buy == each.take_profit
            price = each.trigger_price
            if mark <= price if fires_below else mark >= price:
                self._orders[path].remove(each)
                self._fill(state, path, each.client_id, each.market, each.is_buy, each.size,
                           each.price, time_ms)  # fmt: skip
        self._mark_fires(path)

    def drop_orders(self, path: int, now: Moment, time_ms: int) -> None:
        """Cancel the orders of positions that are gone, as the venue does."""
        names = self._terms.account.markets
        for each in list(self._orders[path]):
            if now.units[names.index(each.market), path] == 0:
                self._orders[path].remove(each)
                self._ended(path, each.client_id, "cancelled", time_ms)
        self._mark_fires(path)

    def has_lost(self, now: Moment) -> Mask:
        """(n,) whether the loss, not smoothed, is at a limit on drawdown."""
        profit = now.whole - self.added
        found = np.zeros(len(profit), bool)
        limits, capital = self._policy.drawdown, self._policy.account.risk_capital
        for (reference, _), most in (
            (self._peak, limits.from_peak), (self._day, limits.from_day_start),
        ):  # fmt: skip
            if most is not None:
                base = np.maximum(1, capital + np.maximum(0, reference - self._began))
                found |= profit <= reference - most * base // PPM
        return found

    def carry_forward(self, quiet: Mask, now: Moment, time_ms: int) -> None:
        """Bring the smoothed losses of paths within their bounds up to now."""
        smoothing = self._policy.drawdown.smoothing_ms
        passed = time_ms - self._measured[quiet]
        profit = (now.whole - self.added)[quiet]
        for held, is_peak in ((self._peak, True), (self._day, False)):
            reference, before = held[:, quiet]
            if is_peak:
                reference = np.maximum(reference, profit)
            loss = np.maximum(0, reference - profit)
            share = np.where(passed > 0, (loss - before) * passed // (passed + smoothing), 0)
            held[0, quiet], held[1, quiet] = reference, before + share
        self._measured[quiet] = time_ms

    def look(self, state: State, path: int, time_ms: int) -> None:
        """Let the guard of a path look until it does nothing more."""
        for number in range(min(MOST_LOOKS, max(1, self._step_ms // LOOK_MS))):
            at = time_ms + number * LOOK_MS
            view = self.view(state, path, at)
            self._memories[path], actions = decide(self._policy, self._recalled(path), view)
            self.decisions += 1
            self._remember(path, view)
            acts = [each for each in actions if self._apply(state, path, each, at)]
            if not acts:
                break
        self._mark_fires(path)

    def _recalled(self, path: int) -> Memory:
        """The memory of a path with the losses that were carried forward."""
        memory = self._memories[path]
        account = memory.account
        if account is None or account.measured_ms == self._measured[path]:
            return memory
        peak, day = account.peak, account.day
        account = structs.replace(
            account,
            measured_ms=int(self._measured[path]),
            peak=structs.replace(
                peak, reference=int(self._peak[0, path]), smoothed=int(self._peak[1, path])
            ),
            day=structs.replace(
                day, reference=int(self._day[0, path]), smoothed=int(self._day[1, path])
            ),
        )
        # After a new peak the bounds of ``decide`` itself are those of the peak before.
        is_new = account.peak.reference != peak.reference
        return structs.replace(
            memory,
            account=account,
            time_ms=account.measured_ms,
            quiet=None if is_new else memory.quiet,
        )

    def _remember(self, path: int, view: View) -> None:
        memory = self._memories[path]
        self.bounds.keep(path, memory, view)
        account = memory.account
        if account is not None:
            self._measured[path], self._began[path] = account.measured_ms, account.start
            self._peak[:, path] = account.peak.reference, account.peak.smoothed
            self._day[:, path] = account.day.reference, account.day.smoothed

    def view(self, state: State, path: int, time_ms: int) -> View:
        """What the guard of a path sees."""
        terms, one = self._terms, slice(path, path + 1)
        account = terms.account
        now = moment_of(terms, state.price[:, one], state.size[:, one], state.cash[:, one])
        prices = liquidation_prices(terms, now)[:, 0]
        held = [place for place in range(len(account.markets)) if now.units[place, 0]]
        buckets = [0] + [b for b in range(1, len(account.cash)) if terms.holds[b][held].any()]
        names = list(account.buckets)
        seen = Observed(
            account_ms=time_ms, orders_ms=time_ms, prices_ms=time_ms, ledger_ms=time_ms,
            funding_ms=time_ms,
        )  # fmt: skip
        return View(
            time_ms=time_ms,
            observed=seen,
            equity=int(now.equity.sum()),
            net_deposits=int(self.added[path]),
            markets=tuple(
                MarketView(
                    name=name,
                    mark=int(now.marks[place, 0]),
                    size_decimals=terms.decimals[place],
                )
                for place, name in enumerate(account.markets)
            ),
            buckets=tuple(
                BucketView(
                    name=names[each],
                    is_isolated=each > 0,
                    equity=int(now.equity[each, 0]),
                    maintenance=int(np.ceil(now.maintenance[each, 0])),
                    cash=int(now.cash[each, 0]),
                    free=self._free(now) if each == 0 else None,
                    pool=names[0] if each > 0 else "",
                )
                for each in buckets
            ),
            positions=tuple(self._position(each, now, prices[each]) for each in held),
            orders=tuple(self._orders[path]),
            statuses=tuple(self._statuses[path].values()),
            wallets={
                each.source: int(self._wallet[path])
                for each in self._policy.steps
                if each.source != POOL
            },
        )

    def _free(self, now: Moment) -> int:
        """Micro-USD that may leave the pool: its equity beyond initial margin."""
        own = self._terms.holds[0]
        value = np.abs(now.units * now.marks)[own, 0]
        floor = self._rules.stages.transfer_floor
        shares = np.maximum(1.0 / self._rules.leverage[own], floor)
        return max(0, int(now.equity[0, 0] - np.ceil((value * shares).sum())))

    def _position(self, place: int, now: Moment, price: float) -> PositionView:
        terms = self._terms
        account, units = terms.account, int(now.units[place, 0])
        notional = abs(units) * int(now.marks[place, 0]) / MICRO
        tier = max(0, int((account.tiers[0, place] <= notional).sum()) - 1)
        rounded = np.ceil(price) if units > 0 else np.floor(price)
        return PositionView(
            market=account.markets[place],
            bucket=account.buckets[account.bucket[place]],
            signed_size=units,
            entry_notional=int(terms.entry[place]) * units // int(terms.start_units[place]),
            rate=int(np.ceil(PPM * account.tiers[1, place, tier] - 1e-6)),
            liquidation_price=None if np.isnan(price) else int(rounded),
        )

    def _apply(self, state: State, path: int, action: Action, time_ms: int) -> bool:
        """Do what an action says; whether something was done that the guard should look at."""
        if isinstance(action, PlaceOrder):
            if action.kind == "immediate":
                self._fill(state, path, action.client_id, action.market, action.is_buy, action.size,
                           action.price, time_ms)  # fmt: skip
            else:
                self._rest(path, action)
        elif isinstance(action, CancelOrder):
            for each in list(self._orders[path]):
                if each.order_id == action.order_id:
                    self._orders[path].remove(each)
                    self._ended(path, each.client_id, "cancelled", time_ms)
        elif isinstance(action, AddMargin):
            self._add(state, path, action)
        elif isinstance(action, QueryOrder):
            self._ended(path, action.client_id, "unknown", time_ms)
        else:
            return False
        return True

    def _rest(self, path: int, action: PlaceOrder) -> None:
        self._next_id += 1
        self._orders[path].append(
            OrderView(
                market=action.market, order_id=self._next_id, is_buy=action.is_buy,
                size=action.size, price=action.price, client_id=action.client_id,
                trigger_price=action.trigger_price, take_profit=action.take_profit,
                reduce_only=True,
            )
        )  # fmt: skip

    def _fill(
        self, state: State, path: int, client_id: str, name: str, is_buy: bool, size: int,
        price: int, time_ms: int,
    ) -> None:  # fmt: skip
        market = self._terms.account.markets.index(name)
        filled, held = 0, state.size[market, path]
        if held != 0.0 and is_buy == (held < 0.0):
            worst = price / float(self._terms.cent[market, 0])
            filled = self.book.fill(state, path, market, size, worst)
        self.reductions[path] += filled > 0
        self._ended(path, client_id, "filled" if filled >= size else "cancelled", time_ms)

    def _ended(self, path: int, client_id: str, state: str, time_ms: int) -> None:
        if client_id:
            self._statuses[path][client_id] = OrderStatus(
                client_id=client_id, state=state, asked_ms=time_ms, answered_ms=time_ms
            )

    def _add(self, state: State, path: int, action: AddMargin) -> None:
        amount = action.amount
        if action.source == POOL:
            state.cash[0, path] -= amount / MICRO
        else:
            amount = min(amount, int(self._wallet[path]))
            self._wallet[path] -= amount
            self.added[path] += amount
        place = list(self._terms.account.buckets).index(action.bucket)
        state.cash[place, path] += amount / MICRO
        self.top_ups[path] += amount > 0

    def _mark_fires(self, path: int) -> None:
        """The nearest levels of the orders that rest."""
        self._fires[0, :, path], self._fires[1, :, path] = -1, NEVER
        names = self._terms.account.markets
        for each in self._orders[path]:
            place = names.index(each.market)
            if each.is_buy == each.take_profit:
                self._fires[0, place, path] = max(self._fires[0, place, path], each.trigger_price)
            else:
                self._fires[1, place, path] = min(self._fires[1, place, path], each.trigger_price)
