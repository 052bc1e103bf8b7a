"""The guard of each path: its memory, its orders, what it sees, and what its actions do."""

from collections.abc import Iterator

import numpy as np
from msgspec import structs

from seawall.domain.units import DAY_MS, MICRO
from seawall.guard.actions import Action, AddMargin, CancelOrder, PlaceOrder, QueryOrder
from seawall.guard.decide import decide
from seawall.guard.memory import Memory
from seawall.guard.policy import POOL, TRAILING, Policy
from seawall.guard.stops import leg_key
from seawall.guard.view import (
    BucketView,
    MarketView,
    Observed,
    OrderStatus,
    OrderView,
    PositionView,
    View,
)
from seawall.lab.guard_test.bounds import Bounds, forgetful
from seawall.lab.guard_test.fills import Book
from seawall.lab.guard_test.moment import Terms
from seawall.lab.guard_test.transit import Transit, free_margin
from seawall.lab.guard_test.watch import Watched, fresh_now, measure
from seawall.lab.paths.kernels.stages_state import Rules, State

START_MS = 20_000 * DAY_MS
"""A path begins with a day."""
LOOK_MS = 1_000
"""Between two looks while something is being done."""
MOST_LOOKS = 20
"""In one step of a path."""
NEVER = 2**62


class Guards:
    """The guards of one block of paths. ``transit``: their money outside and on its way.

    ``reductions``: (n,) orders that filled. ``decisions``: calls of ``decide`` of all paths. Money
    from the wallet is counted in ``watched.added``.
    """

    def __init__(
        self, terms: Terms, policy: Policy, rules: Rules, watched: Watched, transit: Transit,
        step_ms: int,
    ) -> None:  # fmt: skip
        paths = len(watched.until)
        self._terms, self._policy, self._rules, self._step_ms = terms, policy, rules, step_ms
        self._watched = watched
        self._now = fresh_now(len(terms.account.price), len(terms.account.cash))
        self._numbers = {name: place for place, name in enumerate(terms.account.markets)}
        self._buckets = {name: place for place, name in enumerate(terms.account.buckets)}
        self._trailing = [each for each in policy.stops if each.kind == TRAILING]
        self._sources = [each.source for each in policy.steps if each.source != POOL]
        self.book = Book(terms, rules, paths)
        self.bounds = Bounds(terms, policy, watched)
        self._memories = [Memory() for _ in range(paths)]
        self._orders: list[list[OrderView]] = [[] for _ in range(paths)]
        self._statuses: list[dict[str, OrderStatus]] = [{} for _ in range(paths)]
        self._transit = transit
        self._next_id = 1
        self.reductions = np.zeros(paths, np.int64)
        self.decisions = 0

    def begin(self, state: State) -> None:
        """The first look. All paths begin alike, so one look stands for those of all."""
        self.look(state, 0, START_MS)
        size, cash = state.size, state.cash
        lanes = (
            *self._watched, size, cash, state.cooldown, state.first, state.touched, state.cost,
            state.taken, self.book.taken, self.book.cost, self.reductions,
        )  # fmt: skip
        for each in lanes:
            each[...] = each[..., :1]
        self._transit.repeat_first()
        for path in range(1, len(self._memories)):
            self._memories[path] = self._memories[0]
            self._orders[path] = list(self._orders[0])
            self._statuses[path] = dict(self._statuses[0])

    def fire(self, state: State, path: int, time_ms: int) -> None:
        """Fill the orders of a path that its marks have reached, and drop those of positions that
        are gone, as the venue does."""
        self._measure(state, path)
        marks = self._now.marks.tolist()
        for each in list(self._orders[path]):
            mark, price = marks[self._numbers[each.market]], each.trigger_price
            if mark <= price if each.is_buy == each.take_profit else mark >= price:
                self._orders[path].remove(each)
                self._fill(state, path, each.client_id, each.market, each.is_buy, each.size,
                           each.price, time_ms)  # fmt: skip

    def drop_orders(self, state: State, path: int, time_ms: int) -> None:
        """Cancel the orders of positions that are gone, as the venue does."""
        for each in list(self._orders[path]):
            if state.size[self._numbers[each.market], path] == 0.0:
                self._orders[path].remove(each)
                self._ended(path, each.client_id, "cancelled", time_ms)

    def look(self, state: State, path: int, time_ms: int) -> None:
        """Let the guard of a path look until it does nothing more."""
        memory, is_calm = self._recalled(path), False
        for number in range(min(MOST_LOOKS, max(1, self._step_ms // LOOK_MS))):
            at = time_ms + number * LOOK_MS
            self._transit.arrive(state, path, at)
            view = self.view(state, path, at)
            memory, actions = decide(self._policy, memory, view)
            memory = forgetful(memory)
            self.decisions += 1
            if not [each for each in actions if self._apply(state, path, each, at)]:
                is_calm = True
                break
        self._remember(path, memory, view, is_calm)

    def _recalled(self, path: int) -> Memory:
        """The memory of a path with what was carried forward since it was last looked at."""
        memory, watched = self._memories[path], self._watched
        account = memory.account
        if account is None:
            return memory
        peak, day = watched.peak[:, path].tolist(), watched.day[:, path].tolist()
        account = structs.replace(
            account,
            measured_ms=int(watched.measured[path]),
            peak=structs.replace(account.peak, reference=peak[0], smoothed=peak[1]),
            day=structs.replace(account.day, reference=day[0], smoothed=day[1]),
            day_number=int(watched.day_number[path]),
        )
        legs = dict(memory.legs)
        for number, place in zip(*watched.level[:, :, path].nonzero(), strict=True):
            key = leg_key(self._trailing[number], self._terms.account.markets[place])
            if key in legs:
                extreme = int(watched.extreme[number, place, path])
                legs[key] = structs.replace(legs[key], extreme=extreme)
        return structs.replace(memory, account=account, legs=legs, time_ms=account.measured_ms)

    def _remember(self, path: int, memory: Memory, view: View, is_calm: bool) -> None:
        self._memories[path] = memory
        # What nothing asks for any more need not be shown again.
        wanted = set(_awaited(memory))
        known = self._statuses[path]
        self._statuses[path] = {name: known[name] for name in wanted if name in known}
        watched, account = self._watched, memory.account
        watched.level[:, :, path] = 0
        if is_calm:
            self.bounds.keep(path, memory, view)
        else:
            self.bounds.none(path)
        # It sees what arrives.
        watched.until[path] = min(watched.until[path], self._transit.due[path])
        if account is not None:
            watched.measured[path], watched.began[path] = account.measured_ms, account.start
            watched.peak[:, path] = account.peak.reference, account.peak.smoothed
            watched.day[:, path] = account.day.reference, account.day.smoothed
            watched.day_number[path] = account.day_number
        self._mark_fires(path)

    def _measure(self, state: State, path: int) -> None:
        measure(
            self._rules, self._terms.scales, state.price, state.size, state.cash, path, self._now
        )

    def view(self, state: State, path: int, time_ms: int) -> View:
        """What the guard of a path sees."""
        self._measure(state, path)
        now, account = self._now, self._terms.account
        marks, units, prices = now.marks.tolist(), now.units.tolist(), now.liquidation.tolist()
        held = [place for place, each in enumerate(units) if each]
        used = {0} | {int(account.bucket[place]) for place in held}
        names, equity, cash = account.buckets, now.equity.tolist(), now.money.tolist()
        maintenance = np.ceil(now.maintenance).astype(np.int64).tolist()
        return View(
            time_ms=time_ms,
            observed=Observed(
                account_ms=time_ms, orders_ms=time_ms, prices_ms=time_ms, ledger_ms=time_ms,
                funding_ms=time_ms,
            ),
            equity=sum(equity),
            net_deposits=int(self._watched.added[path]),
            markets=tuple(
                MarketView(name=name, mark=mark, size_decimals=decimals, size_step=step)
                for name, mark, decimals, step in zip(
                    account.markets, marks, self._terms.decimals, self._terms.steps, strict=True
                )
            ),
            buckets=tuple(
                BucketView(
                    name=names[each],
                    is_isolated=each > 0,
                    equity=equity[each],
                    maintenance=maintenance[each],
                    cash=cash[each],
                    free=(
                        free_margin(self._rules, self._terms, units, marks, equity[0])
                        if each == 0
                        else None
                    ),
                    pool=names[0] if each > 0 else "",
                )
                for each in sorted(used)
            ),
            positions=tuple(
                self._position(each, units[each], marks[each], prices[each]) for each in held
            ),
            orders=tuple(self._orders[path]),
            statuses=tuple(self._statuses[path].values()),
            wallets=dict.fromkeys(self._sources, self._transit.purses[path].wallet),
        )  # fmt: skip

    def _position(self, place: int, units: int, mark: int, price: float) -> PositionView:
        terms, account = self._terms, self._terms.account
        notional = abs(units) * mark / MICRO
        tier = max(0, int((account.tiers[0, place] <= notional).sum()) - 1)
        rounded = np.ceil(price) if units > 0 else np.floor(price)
        return PositionView(
            market=account.markets[place],
            bucket=account.buckets[account.bucket[place]],
            signed_size=units,
            entry_notional=int(terms.entry[place]) * units // int(terms.start_units[place]),
            rate=terms.rates[place][tier],
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
            self._transit.send(
                state, path, self._buckets[action.bucket], action.amount, time_ms,
                from_pool=action.source == POOL,
            )  # fmt: skip
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
        market = self._numbers[name]
        filled, held = 0, state.size[market, path]
        if held != 0.0 and is_buy == (held < 0.0):
            worst = price / float(self._terms.scales.cent[market])
            filled = self.book.fill(state, path, market, size, worst)
        self.reductions[path] += filled > 0
        self._ended(path, client_id, "filled" if filled >= size else "cancelled", time_ms)

    def _ended(self, path: int, client_id: str, state: str, time_ms: int) -> None:
        if client_id:
            self._statuses[path][client_id] = OrderStatus(
                client_id=client_id, state=state, asked_ms=time_ms, answered_ms=time_ms
            )

    def _mark_fires(self, path: int) -> None:
        """The nearest levels of the orders that rest."""
        fires = self._watched.fires
        fires[0, :, path], fires[1, :, path] = -1, NEVER
        for each in self._orders[path]:
            place = self._numbers[each.market]
            if each.is_buy == each.take_profit:
                fires[0, place, path] = max(fires[0, place, path], each.trigger_price)
            else:
                fires[1, place, path] = min(fires[1, place, path], each.trigger_price)


def _awaited(memory: Memory) -> Iterator[str]:
    """The orders that a memory has not seen to end."""
    for leg in memory.legs.values():
        yield from leg.leaving
        if leg.sent is not None:
            yield leg.sent.client_id
    for work in memory.works.values():
        if work.sent is not None:
            yield work.sent.client_id
