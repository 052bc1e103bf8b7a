"""One crisis, one population, two rulebooks: where they part, who ends differently, and why.

Both markets are told the time in the same steps. Whoever falls in one is looked at in the other at
that very moment, exactly as the machine sees him there: what he has more, or must have less, in the
one that lets him live is the reason, in three parts that add up (``Headroom``).
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from seawall.domain.enums import EventKind
from seawall.domain.events import CROSS_POOL
from seawall.engine.codec import decode_event_rows
from seawall.lab.compare_rules.comparison import SUBSTANCE
from seawall.lab.crises.ledger import Fall, Ledger
from seawall.lab.crises.market import OWN, CrisisMarket
from seawall.lab.simulation.block_observer import watch
from seawall.lab.simulation.event_words import words
from seawall.lab.simulation.observer import Snapshot
from seawall.lab.simulation.population import Population
from seawall.lab.simulation.world import Rows

Integers = NDArray[np.int64]

DIFFERENT_SHARE = 0.01
"""Of what somebody had at the start: less is no different end."""
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
    """Somebody falls under one rulebook and stands under the other at that moment. Micro-USD.

    ``equity`` and ``maintenance``: (where he falls, where he stands). What the one that lets him
    stand gives more: ``by_prices`` of his positions there, ``by_maintenance`` that it does not ask
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
        """``prices``, ``maintenance`` or ``money``, whatever is most; ``time`` where he is next."""
        if self.equity[1] < self.maintenance[1]:
            return "time"
        parts = {
            "prices": self.by_prices,
            "maintenance": self.by_maintenance,
            "money": self.by_money,
        }
        return max(parts, key=lambda name: parts[name])


class FirstDifference(Struct, frozen=True, kw_only=True):
    """The first moment at which the two did something different to somebody.

    ``somebody``: of the first event that only one of them has. ``events``: such events of each, in
    words, at most ``MOST_EVENTS``; ``counts``: how many there are.
    """

    time_ms: int
    somebody: int
    events: tuple[tuple[str, ...], tuple[str, ...]]
    counts: tuple[int, int]


class Different(Struct, frozen=True, kw_only=True):
    """Somebody who ends differently: pairs by rulebook, micro-USD. ``fell_ms``: 0 for never.

    ``headroom``: where he fell under one while he stood under the other. ``by_prices``: what of the
    difference of ``ends`` (second less first) positions still open explain.
    """

    somebody: int
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
    """``rulebooks``: their names. ``fell``: people who fell under (both, the first, the second).

    ``beyond_funding``: the first difference that is no funding, which each set of rules settles at
    times of its own.
    ``first_fall``: of those who fell under one while they stood under the other, the first, with
    the index of the rulebook under which he fell. ``different``: by amount, the account under study
    first.
    """

    rulebooks: tuple[str, str]
    people: int
    first: FirstDifference | None
    beyond_funding: FirstDifference | None
    first_fall: tuple[int, int, Headroom] | None
    fell: tuple[int, int, int]
    different: tuple[Different, ...]


class Watch:
    """Follows two markets through one crisis. ``sides``: both with their ledgers."""

    def __init__(
        self,
        sides: tuple[tuple[CrisisMarket, Ledger], tuple[CrisisMarket, Ledger]],
        people: Population,
    ) -> None:
        self._sides = sides
        self._people = people
        self._first: FirstDifference | None = None
        self._beyond: FirstDifference | None = None
        self._headrooms: tuple[dict[int, Headroom], dict[int, Headroom]] = ({}, {})
        self._start = self._equities(0)[0]

    def compare(self, time_ms: int, events: tuple[Rows, Rows]) -> None:
        """The events of one moment; only the first differences are kept."""
        if self._beyond is not None:
            return
        told = (self._of_people(0, events[0]), self._of_people(1, events[1]))
        if self._first is None:
            self._first = self._parting(time_ms, told)
        kept = [rows[rows["kind"] != EventKind.FUNDING_PAID] for rows in told]
        self._beyond = self._parting(time_ms, (kept[0], kept[1]))

    def _parting(self, time_ms: int, told: tuple[Rows, Rows]) -> FirstDifference | None:
        """What only one of two lists of events has; None where they say the same."""
        keys = [_keys(rows) for rows in told]
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
        owners = [int(told[side]["account"][rows[0]]) for side, rows in enumerate(alone) if rows]
        if not owners:
            return None
        return FirstDifference(
            time_ms=time_ms,
            somebody=owners[0],
            events=(self._words(0, told[0], alone[0]), self._words(1, told[1], alone[1])),
            counts=(len(alone[0]), len(alone[1])),
        )

    def _of_people(self, side: int, rows: Rows) -> Rows:
        """A copy of the rows about somebody's money or positions, by numbers that both know."""
        market = self._sides[side][0]
        owners = rows["account"]
        who = np.where(owners >= 0, market.somebody[owners], -1)
        kept = (who >= 0) & np.isin(rows["kind"], SUBSTANCE)
        found: Rows = rows[kept].copy()
        found["account"] = who[kept]
        found["counterparty"] = -1
        return found

    def _words(self, side: int, rows: Rows, chosen: list[int]) -> tuple[str, ...]:
        instruments = self._sides[side][0].world.instruments
        told = decode_event_rows(rows[chosen[:MOST_EVENTS]])
        return tuple(somebody_words(words(each, instruments)) for each in told)

    def note(self, time_ms: int, falls: tuple[list[Fall], list[Fall]]) -> None:
        """Whoever fell now in one market is looked at in the other, if he still stands there."""
        for side, several in enumerate(falls):
            other = self._sides[1 - side][1]
            for fall in several:
                if not other.fell_ms[fall.somebody]:
                    self._headrooms[side][fall.somebody] = self._headroom(time_ms, side, fall)

    def _headroom(self, time_ms: int, side: int, fall: Fall) -> Headroom:
        here, there = self._sides[side][0], self._sides[1 - side][0]
        bucket, now = _bucket_there(here, there, fall, time_ms)
        marks = here.marks(), there.marks()
        if fall.somebody == OWN:
            equity, maintenance = now.buckets[bucket].equity, now.buckets[bucket].maintenance_margin
        else:
            equity = now.equity
            maintenance = sum(each.maintenance_margin for each in now.buckets.values())
        better = {
            market: holding.signed_size * int(marks[1][market] - marks[0][market])
            for market, holding in now.holdings.items()
            if fall.somebody != OWN or (market if holding.isolated else CROSS_POOL) == bucket
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

    def _equities(self, time_ms: int) -> tuple[Integers, Integers]:
        """Of everybody now, in both markets."""
        found = []
        for market, ledger in self._sides:
            numbers = [market.observer.snapshot(time_ms).equity]
            engine = market.world.engine
            numbers += [
                watch(engine, int(each)).snapshot(time_ms).equity for each in market.accounts
            ]
            assert len(numbers) == len(ledger.fell_ms)
            found.append(np.asarray(numbers, dtype=np.int64))
        return found[0], found[1]

    def result(self, time_ms: int) -> Contrast:
        """After the last moment."""
        ledgers = [ledger for _, ledger in self._sides]
        ends = self._equities(time_ms)
        fell = [ledger.fell_ms > 0 for ledger in ledgers]
        apart = np.abs(ends[1] - ends[0])
        differs = (fell[0] != fell[1]) | (apart > DIFFERENT_SHARE * np.maximum(1, self._start))
        order = sorted(
            np.flatnonzero(differs).tolist(), key=lambda n: (n != OWN, -int(apart[n]), n)
        )
        different = tuple(self._different(each, ends, time_ms) for each in order)
        people = fell[0][1:], fell[1][1:]
        first = [
            (headroom.time_ms, somebody, side, headroom)
            for side, several in enumerate(self._headrooms)
            for somebody, headroom in several.items()
        ]
        earliest = min(first, key=lambda each: each[:3]) if first else None
        return Contrast(
            rulebooks=(self._sides[0][0].rules.name, self._sides[1][0].rules.name),
            people=len(self._start) - 1,
            first=self._first,
            beyond_funding=self._beyond,
            first_fall=None if earliest is None else (earliest[1], earliest[2], earliest[3]),
            fell=(
                int((people[0] & people[1]).sum()),
                int((people[0] & ~people[1]).sum()),
                int((people[1] & ~people[0]).sum()),
            ),
            different=different,
        )

    def _different(self, somebody: int, ends: tuple[Integers, Integers], time_ms: int) -> Different:
        ledgers = [ledger for _, ledger in self._sides]
        fell = tuple(int(ledger.fell_ms[somebody]) for ledger in ledgers)
        headroom = self._headrooms[0].get(somebody) or self._headrooms[1].get(somebody)
        positions, kind, leverage = self._who(somebody)
        return Different(
            somebody=somebody,
            kind=kind,
            positions=positions,
            leverage=leverage,
            start=int(self._start[somebody]),
            ends=(int(ends[0][somebody]), int(ends[1][somebody])),
            fell_ms=(fell[0], fell[1]),
            takers=(int(ledgers[0].takers[somebody]), int(ledgers[1].takers[somebody])),
            funding=(int(ledgers[0].funding[somebody]), int(ledgers[1].funding[somebody])),
            by_prices=self._open_prices(somebody, time_ms),
            headroom=headroom,
        )

    def _open_prices(self, somebody: int, time_ms: int) -> int:
        """What the second's marks give more on what is open under both."""
        held: list[Mapping[int, Any]] = []
        for market, _ in self._sides:
            if somebody == OWN:
                now = market.observer.snapshot(time_ms)
            else:
                account = int(market.accounts[somebody - 1])
                now = watch(market.world.engine, account).snapshot(time_ms)
            held.append(now.holdings)
        marks = [market.marks() for market, _ in self._sides]
        total = 0
        for number, holding in held[0].items():
            if number in held[1] and held[1][number].signed_size == holding.signed_size:
                total += holding.signed_size * int(marks[1][number] - marks[0][number])
        return total

    def _who(self, somebody: int) -> tuple[tuple[tuple[int, int], ...], str, float]:
        """(market, signed size) of each position at the start, what he is, his leverage then."""
        if somebody == OWN:
            plan = self._sides[0][0].person.plan
            notional = sum(abs(h.value) for h in self._sides[0][0].start.holdings.values())
            equity = self._sides[0][0].start.equity
            held = tuple((each.market, each.signed_size) for each in plan.positions)
            return held, "account", notional / equity if equity > 0 else 0.0
        people = self._people
        mine = people.owner == somebody - 1
        held = tuple(
            zip(people.market[mine].tolist(), people.signed_size[mine].tolist(), strict=True)
        )
        kind = "hedger" if people.is_hedger[somebody - 1] else "crowd"
        return held, kind, float(people.leverage[somebody - 1])


def _bucket_there(
    here: CrisisMarket, there: CrisisMarket, fall: Fall, time_ms: int
) -> tuple[int, Snapshot]:
    """The bucket of a fall as the account knows it, and the same somebody in the other market."""
    if fall.somebody == OWN:
        bucket = here.person.children.get(fall.account, fall.market)
        return bucket, there.observer.snapshot(time_ms)
    account = int(there.accounts[fall.somebody - 1])
    return CROSS_POOL, watch(there.world.engine, account).snapshot(time_ms)


def _keys(rows: Rows) -> list[tuple[int, ...]]:
    """What must be the same of each event for two to be the same."""
    same = rows.copy()
    # A position that is alone in its account is told as a pool or as a bucket.
    same["market"][rows["kind"] == _STARTED] = 0
    return [tuple(int(row[name]) for name in _KEY) for row in same]


def somebody_words(text: str) -> str:
    """Words of an event with what ``account 0`` is."""
    head, rest = text[: len("account 0")], text[len("account 0") :]
    return f"your account{rest}" if head == "account 0" and rest[:1] in ",:" else text
