"""One crisis, one population, two rulebooks: where they part, who ends differently, and why.

Both simulations go through the same steps. A trader that is liquidated in one is looked at in the
other at that very moment, exactly as the engine sees it there: what it has more, or must have less,
where it stands is the reason, in three parts that add up (``Headroom``).
"""

from collections import Counter

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from seawall.domain.enums import EventKind
from seawall.domain.events import CROSS_POOL
from seawall.engine.codec import decode_event_rows
from seawall.engine.placement import Rows
from seawall.lab.compare_rules.comparison import SUBSTANCE
from seawall.lab.crises.ledger import OWN, Fall, Ledger
from seawall.lab.simulation.event_words import words
from seawall.lab.simulation.observer import Snapshot, valuation_prices, watch
from seawall.lab.simulation.population import Population

Integers = NDArray[np.int64]

DIFFERENT_SHARE = 0.01
"""Of what a trader had at the start: less is no different end."""
MOST_EVENTS = 4
_STARTED = int(EventKind.LIQUIDATION_STARTED)
_KEY = (
    "account",
    "kind",
    "market",
    "order_size",
    "price",
    "money",
    "closed_profit",
    "position_size",
)


class Headroom(Struct, frozen=True, kw_only=True):
    """A trader falls under one rulebook and stands under the other at that moment. Micro-USD.

    ``equity`` and ``maintenance``: (where it falls, where it stands). What the other rulebook
    gives more: ``by_prices`` of its positions there, ``by_maintenance`` that it does not ask
    for, ``by_money`` left by funding, fees and earlier closings. The three add up to the difference
    of equity less maintenance. ``market``: where prices matter most; ``marks``: there, units.
    """

    time_ms: int
    equity: tuple[int, int]
    maintenance: tuple[int, int]
    by_prices: int
    by_maintenance: int
    by_money: int
    market: int
    marks: tuple[int, int]

    @property
    def reason(self) -> str:
        """``prices``, ``maintenance`` or ``money``, whatever is most; ``time`` where it is next."""
        if self.equity[1] < self.maintenance[1]:
            return "time"
        parts = {
            "prices": self.by_prices,
            "maintenance": self.by_maintenance,
            "money": self.by_money,
        }
        return max(parts, key=lambda name: parts[name])


class FirstDifference(Struct, frozen=True, kw_only=True):
    """The first moment at which the two did something different to a trader.

    ``trader``: of the first event that only one of them has. ``events``: such events of each, in
    words, at most ``MOST_EVENTS``; ``counts``: how many there are.
    """

    time_ms: int
    trader: int
    events: tuple[tuple[str, ...], tuple[str, ...]]
    counts: tuple[int, int]


class Different(Struct, frozen=True, kw_only=True):
    """A trader that ends differently: pairs by rulebook, micro-USD. ``fell_ms``: 0 for never.

    ``headroom``: where it fell under one while it stood under the other. ``by_prices``: what of the
    difference of ``ends`` (second less first) positions still open explain.
    """

    trader: int
    kind: str
    positions: tuple[tuple[int, int], ...]
    leverage: float
    start: int
    ends: tuple[int, int]
    fell_ms: tuple[int, int]
    takers: tuple[int, int]
    funding: tuple[int, int]
    by_prices: int
    headroom: Headroom | None


class Contrast(Struct, frozen=True, kw_only=True):
    """``rulebooks``: their names. ``fell``: of the population, how many fell under
    (both, the first, the second).

    ``beyond_funding``: the first difference that is no funding, which each set of rules settles at
    times of its own.
    ``first_fall``: of those who fell under one while they stood under the other, the first, with
    the index of the rulebook under which it fell. ``different``: by amount, the account under study
    first.
    """

    rulebooks: tuple[str, str]
    population: int
    first: FirstDifference | None
    beyond_funding: FirstDifference | None
    first_fall: tuple[int, int, Headroom] | None
    fell: tuple[int, int, int]
    different: tuple[Different, ...]


class Watch:
    """Follows two simulations through one crisis. ``sides``: their ledgers."""

    def __init__(
        self,
        sides: tuple[Ledger, Ledger],
        population: Population,
    ) -> None:
        self._sides = sides
        self._population = population
        self._first: FirstDifference | None = None
        self._beyond: FirstDifference | None = None
        self._headrooms: tuple[dict[int, Headroom], dict[int, Headroom]] = ({}, {})
        self._start = self._equities(0)[0]

    def compare(self, time_ms: int, events: tuple[Rows, Rows]) -> None:
        """The events of one moment; only the first differences are kept."""
        if self._beyond is not None:
            return
        found = (self._of_traders(0, events[0]), self._of_traders(1, events[1]))
        if self._first is None:
            self._first = self._parting(time_ms, found)
        kept = [rows[rows["kind"] != EventKind.FUNDING_PAID] for rows in found]
        self._beyond = self._parting(time_ms, (kept[0], kept[1]))

    def _parting(self, time_ms: int, found: tuple[Rows, Rows]) -> FirstDifference | None:
        """What only one of two lists of events has; None where they say the same."""
        keys = [_keys(rows) for rows in found]
        alone: list[list[int]] = []
        for own, other in ((0, 1), (1, 0)):
            spare = Counter(keys[other])
            rows = []
            for number, key in enumerate(keys[own]):
                if spare[key]:
                    spare[key] -= 1
                else:
                    rows.append(number)
            alone.append(rows)
        owners = [int(found[side]["account"][rows[0]]) for side, rows in enumerate(alone) if rows]
        if not owners:
            return None
        return FirstDifference(
            time_ms=time_ms,
            trader=owners[0],
            events=(self._words(0, found[0], alone[0]), self._words(1, found[1], alone[1])),
            counts=(len(alone[0]), len(alone[1])),
        )

    def _of_traders(self, side: int, rows: Rows) -> Rows:
        """A copy of the rows about a trader's money or positions, by numbers that both know."""
        owners = rows["account"]
        traders = np.where(owners >= 0, self._sides[side].trader_of[owners], -1)
        kept = (traders >= 0) & np.isin(rows["kind"], SUBSTANCE)
        found: Rows = rows[kept].copy()
        found["account"] = traders[kept]
        found["counterparty"] = -1
        return found

    def _words(self, side: int, rows: Rows, chosen: list[int]) -> tuple[str, ...]:
        instruments = self._sides[side].simulation.instruments
        events = decode_event_rows(rows[chosen[:MOST_EVENTS]])
        return tuple(trader_words(words(each, instruments)) for each in events)

    def note(self, time_ms: int, falls: tuple[list[Fall], list[Fall]]) -> None:
        """A trader that fell now in one is looked at in the other, if it still stands there."""
        for side, several in enumerate(falls):
            other = self._sides[1 - side]
            for fall in several:
                if not other.fell_ms[fall.trader]:
                    self._headrooms[side][fall.trader] = self._headroom(time_ms, side, fall)

    def _headroom(self, time_ms: int, side: int, fall: Fall) -> Headroom:
        here, there = self._sides[side], self._sides[1 - side]
        now = self._snapshot(there, fall.trader, time_ms)
        bucket = CROSS_POOL
        if fall.trader == OWN:
            bucket = here.account.children.get(fall.account, fall.market)
        marks = [valuation_prices(each.simulation.engine) for each in (here, there)]
        if fall.trader == OWN:
            equity, maintenance = now.buckets[bucket].equity, now.buckets[bucket].maintenance_margin
        else:
            equity = now.equity
            maintenance = sum(each.maintenance_margin for each in now.buckets.values())
        better = {
            market: holding.signed_size * int(marks[1][market] - marks[0][market])
            for market, holding in now.holdings.items()
            if fall.trader != OWN or (market if holding.isolated else CROSS_POOL) == bucket
        }
        by_prices = sum(better.values())
        most = max(better, key=lambda market: better[market]) if better else 0
        return Headroom(
            time_ms=time_ms,
            equity=(fall.equity, equity),
            maintenance=(fall.maintenance, maintenance),
            by_prices=by_prices,
            by_maintenance=fall.maintenance - maintenance,
            by_money=equity - fall.equity - by_prices,
            market=most,
            marks=(int(marks[0][most]), int(marks[1][most])),
        )

    def _snapshot(self, ledger: Ledger, trader: int, time_ms: int) -> Snapshot:
        """A trader now, with its children."""
        if trader == OWN:
            return ledger.simulation.observer.snapshot(time_ms)
        account = int(ledger.simulation.population[trader - 1])
        return watch(ledger.simulation.engine, account).snapshot(time_ms)

    def _equities(self, time_ms: int) -> tuple[Integers, Integers]:
        """Of all traders now, in both simulations."""
        first, second = (
            np.asarray(
                [
                    self._snapshot(ledger, trader, time_ms).equity
                    for trader in range(len(ledger.fell_ms))
                ],
                dtype=np.int64,
            )
            for ledger in self._sides
        )
        return first, second

    def result(self, time_ms: int) -> Contrast:
        """After the last moment."""
        ledgers = self._sides
        ends = self._equities(time_ms)
        fell = [ledger.fell_ms > 0 for ledger in ledgers]
        apart = np.abs(ends[1] - ends[0])
        differs = (fell[0] != fell[1]) | (apart > DIFFERENT_SHARE * np.maximum(1, self._start))
        order = sorted(
            np.flatnonzero(differs).tolist(), key=lambda n: (n != OWN, -int(apart[n]), n)
        )
        different = tuple(self._different(each, ends, time_ms) for each in order)
        others = fell[0][1:], fell[1][1:]
        first = [
            (headroom.time_ms, trader, side, headroom)
            for side, several in enumerate(self._headrooms)
            for trader, headroom in several.items()
        ]
        earliest = min(first, key=lambda each: each[:3]) if first else None
        return Contrast(
            rulebooks=(ledgers[0].name, ledgers[1].name),
            population=len(self._start) - 1,
            first=self._first,
            beyond_funding=self._beyond,
            first_fall=None if earliest is None else (earliest[1], earliest[2], earliest[3]),
            fell=(
                int((others[0] & others[1]).sum()),
                int((others[0] & ~others[1]).sum()),
                int((others[1] & ~others[0]).sum()),
            ),
            different=different,
        )

    def _different(self, trader: int, ends: tuple[Integers, Integers], time_ms: int) -> Different:
        ledgers = self._sides
        fell = tuple(int(ledger.fell_ms[trader]) for ledger in ledgers)
        headroom = self._headrooms[0].get(trader) or self._headrooms[1].get(trader)
        positions, kind, leverage = self._who(trader)
        return Different(
            trader=trader,
            kind=kind,
            positions=positions,
            leverage=leverage,
            start=int(self._start[trader]),
            ends=(int(ends[0][trader]), int(ends[1][trader])),
            fell_ms=(fell[0], fell[1]),
            takers=(int(ledgers[0].takers[trader]), int(ledgers[1].takers[trader])),
            funding=(int(ledgers[0].funding[trader]), int(ledgers[1].funding[trader])),
            by_prices=self._open_prices(trader, time_ms),
            headroom=headroom,
        )

    def _open_prices(self, trader: int, time_ms: int) -> int:
        """What the second's marks give more on what is open under both."""
        held = [self._snapshot(each, trader, time_ms).holdings for each in self._sides]
        marks = [valuation_prices(each.simulation.engine) for each in self._sides]
        total = 0
        for number, holding in held[0].items():
            if number in held[1] and held[1][number].signed_size == holding.signed_size:
                total += holding.signed_size * int(marks[1][number] - marks[0][number])
        return total

    def _who(self, trader: int) -> tuple[tuple[tuple[int, int], ...], str, float]:
        """(market, signed size) of each position at the start, its kind, its leverage then."""
        if trader == OWN:
            simulation = self._sides[0].simulation
            start, plan = simulation.start, simulation.setup.holdings
            assert start is not None and plan is not None
            notional = sum(abs(each.value) for each in start.holdings.values())
            held = tuple((each.market, each.signed_size) for each in plan.positions)
            return held, "account", notional / start.equity if start.equity > 0 else 0.0
        population = self._population
        mine = population.owner == trader - 1
        held = tuple(
            zip(
                population.market[mine].tolist(), population.signed_size[mine].tolist(), strict=True
            )
        )
        kind = "hedger" if population.is_hedger[trader - 1] else "crowd"
        return held, kind, float(population.leverage[trader - 1])


def _keys(rows: Rows) -> list[tuple[int, ...]]:
    """What must be the same of each event for two to be the same."""
    same = rows.copy()
    # A position that is alone in its account is shown as a pool or as a bucket.
    same["market"][rows["kind"] == _STARTED] = 0
    return [tuple(int(row[name]) for name in _KEY) for row in same]


def trader_words(text: str) -> str:
    """Words of an event with what ``account 0`` is."""
    head, rest = text[: len("account 0")], text[len("account 0") :]
    return f"your account{rest}" if head == "account 0" and rest[:1] in ",:" else text
