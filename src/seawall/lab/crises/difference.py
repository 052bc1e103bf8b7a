"""One crisis and population under two rulebooks: where they differ, for which accounts, and why.

Both simulations go through the same steps. When a trader is liquidated in one, its margin is read
from the other engine at that very moment. The difference has three parts that add up
(``MarginDifference``), the largest of which is the reason.
"""

from collections import Counter

import numpy as np
from msgspec import Struct

from seawall.domain.enums import EventKind
from seawall.engine.codec import decode_event_rows
from seawall.engine.placement import Rows
from seawall.lab.arrays import Integers
from seawall.lab.compare_rules.comparison import SUBSTANCE
from seawall.lab.crises.record import OWN, Liquidation, Record
from seawall.lab.simulation.event_words import words
from seawall.lab.simulation.observer import valuation_prices
from seawall.lab.simulation.population import Population

DIFFERENT_SHARE = 0.01
"""Of what a trader had at the start: an end that differs by less is no different end."""
MOST_EVENTS = 4
_KEY = (
    "account", "kind", "market", "order_size", "price", "money", "closed_profit", "position_size",
)  # fmt: skip
"""What must be the same of two events for them to be the same."""
_OWN_ACCOUNT = f"account {OWN}"
Pair = tuple[int, int]


class MarginDifference(Struct, frozen=True, kw_only=True):
    """A trader liquidated under one rulebook and not (yet) under the other. Micro-USD.

    ``side``: the index of the rulebook under which it is liquidated. ``equity``, ``maintenance``:
    (there, under the other). What the other gives more: ``by_prices`` of the positions there,
    ``by_maintenance`` that it does not require, ``by_money`` left by funding, fees and earlier
    closings; their sum is the difference of equity less maintenance. ``market``: where prices
    matter most; ``marks``: in it, units.
    """

    trader: int
    side: int
    time_ms: int
    equity: Pair
    maintenance: Pair
    by_prices: int
    by_maintenance: int
    by_money: int
    market: int
    marks: Pair

    @property
    def reason(self) -> str:
        """The largest part, or ``time`` where it is under maintenance there too."""
        if self.equity[1] < self.maintenance[1]:
            return "time"
        parts = {
            "prices": self.by_prices,
            "maintenance": self.by_maintenance,
            "money": self.by_money,
        }
        return max(parts, key=lambda name: parts[name])


class FirstDifference(Struct, frozen=True, kw_only=True):
    """The first moment at which something different happens to a trader under two rulebooks.

    ``trader``: of the first event that only one of them has. ``events``: such events of each as
    text, at most ``MOST_EVENTS``; ``counts``: of all such events.
    """

    time_ms: int
    trader: int
    events: tuple[tuple[str, ...], tuple[str, ...]]
    counts: Pair


class AccountDifference(Struct, frozen=True, kw_only=True):
    """A trader with a different end: pairs by rulebook, micro-USD. ``liquidated_ms``: 0 for never.

    ``positions``: (market, signed size) at the start. ``by_prices``: the part of the difference of
    ``ends`` (second less first) that marks of positions open under both explain. ``margin``: where
    it was liquidated under one rulebook before the other.
    """

    trader: int
    kind: str
    positions: tuple[Pair, ...]
    leverage: float
    start: int
    ends: Pair
    liquidated_ms: Pair
    closed: Pair
    funding: Pair
    by_prices: int
    margin: MarginDifference | None

    @property
    def is_liquidated_once(self) -> bool:
        """Whether it is liquidated under exactly one of the rulebooks."""
        return (self.liquidated_ms[0] > 0) != (self.liquidated_ms[1] > 0)


class RulebookDifference(Struct, frozen=True, kw_only=True):
    """Two rulebooks, by name, in one crisis, mode and depth.

    ``first_beyond_funding``: the first difference that is not funding, which is paid at different
    times. ``liquidated``: of ``population`` accounts, under (both, the first only, the second
    only). ``first_liquidation``: the first under one rulebook alone at that moment. ``accounts``:
    with different ends, the account under study first, then by amount.
    """

    crisis: str
    mode: str
    depth: str
    rulebooks: tuple[str, str]
    population: int
    first: FirstDifference | None
    first_beyond_funding: FirstDifference | None
    first_liquidation: MarginDifference | None
    liquidated: tuple[int, int, int]
    accounts: tuple[AccountDifference, ...]

    @property
    def own(self) -> AccountDifference | None:
        """The account under study, where its end differs."""
        return next((each for each in self.accounts if each.trader == OWN), None)


class Comparer:
    """Follows two simulations through one crisis."""

    def __init__(self, first: Record, second: Record, population: Population) -> None:
        self._records = (first, second)
        self._population = population
        self._first: FirstDifference | None = None
        self._beyond_funding: FirstDifference | None = None
        self._margins: dict[int, MarginDifference] = {}
        self._start = first.equities(0)

    def compare(
        self,
        time_ms: int,
        events: tuple[Rows, Rows],
        liquidations: tuple[list[Liquidation], list[Liquidation]],
    ) -> None:
        """Read the events of one moment, and the liquidations that began with them."""
        for side, found in enumerate(liquidations):
            for each in found:
                # A trader that is liquidated in both at the same moment has no difference.
                if not self._records[1 - side].liquidated_ms[each.trader]:
                    self._margins[each.trader] = self._margin(time_ms, side, each)
        if self._beyond_funding is not None:
            return
        rows = [self._of_traders(side, each) for side, each in enumerate(events)]
        if self._first is None:
            self._first = self._difference(time_ms, rows)
        rows = [each[each["kind"] != EventKind.FUNDING_PAID] for each in rows]
        self._beyond_funding = self._difference(time_ms, rows)

    def _of_traders(self, side: int, rows: Rows) -> Rows:
        """A copy of the rows about a trader's money or positions, by number of the trader."""
        owners = rows["account"]
        traders = np.where(owners >= 0, self._records[side].trader_of[owners], -1)
        kept = (traders >= 0) & np.isin(rows["kind"], SUBSTANCE)
        found: Rows = rows[kept].copy()
        found["account"] = traders[kept]
        found["counterparty"] = -1
        return found

    def _difference(self, time_ms: int, found: list[Rows]) -> FirstDifference | None:
        """The events that only one of two lists has; None where they have the same."""
        keys = [_keys(rows) for rows in found]
        alone: list[Rows] = []
        for rows, own, other in zip(found, keys, reversed(keys), strict=True):
            spare, chosen = Counter(other), []
            for number, key in enumerate(own):
                spare[key] -= 1
                if spare[key] < 0:
                    chosen.append(number)
            alone.append(rows[chosen])
        owners = [int(rows["account"][0]) for rows in alone if len(rows)]
        if not owners:
            return None
        texts = [self._texts(side, rows) for side, rows in enumerate(alone)]
        return FirstDifference(
            time_ms=time_ms,
            trader=owners[0],
            events=(texts[0], texts[1]),
            counts=(len(alone[0]), len(alone[1])),
        )

    def _texts(self, side: int, rows: Rows) -> tuple[str, ...]:
        instruments = self._records[side].simulation.instruments
        events = decode_event_rows(rows[:MOST_EVENTS])
        texts = (words(each, instruments) for each in events)
        return tuple(
            f"your account{text.removeprefix(_OWN_ACCOUNT)}"
            if text.startswith((f"{_OWN_ACCOUNT},", f"{_OWN_ACCOUNT}:"))
            else text
            for text in texts
        )

    def _margin(self, time_ms: int, side: int, found: Liquidation) -> MarginDifference:
        here, there = self._records[side], self._records[1 - side]
        now = there.snapshot(found.trader, time_ms)
        buckets, holdings = list(now.buckets.values()), now.holdings
        if found.trader == OWN:
            # All others have one bucket each.
            bucket = here.account.children.get(found.account, found.market)
            buckets = [now.buckets[bucket]]
            holdings = {market: each for market, each in holdings.items() if each.bucket == bucket}
        marks = [valuation_prices(each.simulation.engine) for each in (here, there)]
        better = {
            market: each.signed_size * int(marks[1][market] - marks[0][market])
            for market, each in holdings.items()
        }
        equity = sum(each.equity for each in buckets)
        maintenance = sum(each.maintenance_margin for each in buckets)
        by_prices = sum(better.values())
        market = max(better, key=lambda each: better[each]) if better else 0
        return MarginDifference(
            trader=found.trader,
            side=side,
            time_ms=time_ms,
            equity=(found.equity, equity),
            maintenance=(found.maintenance, maintenance),
            by_prices=by_prices,
            by_maintenance=found.maintenance - maintenance,
            by_money=equity - found.equity - by_prices,
            market=market,
            marks=(int(marks[0][market]), int(marks[1][market])),
        )

    def result(self, time_ms: int, crisis: str, mode: str, depth: str) -> RulebookDifference:
        """Everything that differs, after the last moment."""
        first, second = self._records
        ends = (first.equities(time_ms), second.equities(time_ms))
        one, other = (each.liquidated_ms > 0 for each in self._records)
        apart = np.abs(ends[1] - ends[0])
        differs = (one != other) | (apart > DIFFERENT_SHARE * np.maximum(1, self._start))
        order = sorted(
            np.flatnonzero(differs).tolist(), key=lambda n: (n != OWN, -int(apart[n]), n)
        )
        margins = self._margins.values()
        counts = [int(each[1:].sum()) for each in (one & other, one & ~other, other & ~one)]
        return RulebookDifference(
            crisis=crisis,
            mode=mode,
            depth=depth,
            rulebooks=(first.rulebook, second.rulebook),
            population=len(self._start) - 1,
            first=self._first,
            first_beyond_funding=self._beyond_funding,
            first_liquidation=min(
                margins, key=lambda each: (each.time_ms, each.trader), default=None
            ),
            liquidated=(counts[0], counts[1], counts[2]),
            accounts=tuple(self._account(each, ends, time_ms) for each in order),
        )

    def _account(
        self, trader: int, ends: tuple[Integers, Integers], time_ms: int
    ) -> AccountDifference:
        def pair(name: str) -> Pair:
            one, other = (int(getattr(each, name)[trader]) for each in self._records)
            return one, other

        positions, kind, leverage = self._at_start(trader)
        return AccountDifference(
            trader=trader,
            kind=kind,
            positions=positions,
            leverage=leverage,
            start=int(self._start[trader]),
            ends=(int(ends[0][trader]), int(ends[1][trader])),
            liquidated_ms=pair("liquidated_ms"),
            closed=pair("closed"),
            funding=pair("funding"),
            by_prices=self._open_prices(trader, time_ms),
            margin=self._margins.get(trader),
        )

    def _open_prices(self, trader: int, time_ms: int) -> int:
        """What the second's marks give more on positions that are the same under both."""
        first, second = (each.snapshot(trader, time_ms).holdings for each in self._records)
        return sum(
            each.signed_size * (second[market].mark_price - each.mark_price)
            for market, each in first.items()
            if market in second and second[market].signed_size == each.signed_size
        )

    def _at_start(self, trader: int) -> tuple[tuple[Pair, ...], str, float]:
        """(market, signed size) of each position, the kind of trader, its leverage."""
        if trader == OWN:
            simulation = self._records[0].simulation
            start, holdings = simulation.start, simulation.setup.holdings
            assert start is not None and holdings is not None
            notional = sum(abs(each.value) for each in start.holdings.values())
            held = tuple((each.market, each.signed_size) for each in holdings.positions)
            return held, "account", notional / start.equity if start.equity > 0 else 0.0
        population, number = self._population, trader - 1
        mine = population.owner == number
        sizes = population.signed_size[mine].tolist()
        held = tuple(zip(population.market[mine].tolist(), sizes, strict=True))
        kind = "hedger" if population.is_hedger[number] else "crowd"
        return held, kind, float(population.leverage[number])


def _keys(rows: Rows) -> list[tuple[int, ...]]:
    same = rows.copy()
    # A position that is alone in its account is shown as a pool or as a bucket.
    same["market"][rows["kind"] == EventKind.LIQUIDATION_STARTED] = 0
    return [tuple(int(row[name]) for name in _KEY) for row in same]
