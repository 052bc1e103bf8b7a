"""What is asked about the markets of a running venue, one question after the other.

The prices of all its markets, and the candles of those that pages look at. At this pace the
questions take 160 of the 1,200 that the requests of one address may weigh in a minute at the venue
that counts so [documented: rate limits], beside the at most 800 of ``VenueReader``.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from seawall.terminal import protocol
from seawall.terminal.market import SHOWN_CANDLES
from seawall.venues.public_stream import CandleReader, PublicCandle, PublicPrices
from seawall.venues.raw_json import VenueDataError

PACE_S = 7.5
"""Between two questions."""
LOOK_S = 0.5
"""Until a market or an interval that a page has just chosen is asked about."""


class Shown(NamedTuple):
    """Candles that a page shows."""

    market: str
    interval: protocol.Interval


class Asked(NamedTuple):
    """``asked_at``: when it was asked last, ``known_at``: when what is known was asked, seconds of
    the clock; ``trouble``: why the last answer did not come, empty where it did."""

    asked_at: float
    known_at: float | None = None
    trouble: str = ""


class MarketQuestions:
    """``now_ms``: the venue's time; ``hear``: called at each answer; ``clock``: seconds."""

    def __init__(
        self,
        reader: CandleReader,
        now_ms: Callable[[], int],
        hear: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader, self._now_ms, self._hear, self._clock = reader, now_ms, hear, clock
        self.prices: Mapping[str, PublicPrices] = {}
        self._candles: dict[Shown, dict[int, PublicCandle]] = {}
        self._asked: dict[Shown | None, Asked] = {}
        """None stands for the prices of all markets."""
        self._names: Sequence[str] = ()
        self._shown: tuple[Shown, ...] = ()
        self._next_at = 0.0

    # -- what is known ---------------------------------------------------------------------------

    def candles(self, market: str, interval_ms: int) -> Sequence[PublicCandle]:
        """Oldest first; none where they were not asked for yet."""
        names = {length: name for name, length in protocol.INTERVALS.items()}
        found = self._candles.get(Shown(market, names[interval_ms]), {})  # type: ignore[arg-type]
        return [found[at] for at in sorted(found)]

    def age_ms(self, about: Shown | None) -> int | None:
        """Since when an answer is known; None where there was none."""
        found = self._asked.get(about)
        if found is None or found.known_at is None:
            return None
        return round(1000 * (self._clock() - found.known_at))

    @property
    def cycle_s(self) -> float:
        """How often each question is asked."""
        return PACE_S * (1 + len(self._shown))

    def troubles(self) -> Iterator[str]:
        """Why answers did not come, each once."""
        yield from dict.fromkeys(each.trouble for each in self._asked.values() if each.trouble)

    def look_at(self, shown: Sequence[Shown], names: Sequence[str]) -> None:
        """From now on ask about these candles; ``names``: markets beside the venue's own list."""
        self._shown, self._names = tuple(dict.fromkeys(shown)), tuple(names)
        for each in [each for each in self._asked if each is not None and each not in self._shown]:
            del self._asked[each]
            self._candles.pop(each, None)

    # -- asking ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            await self.ask_due()
            await asyncio.sleep(LOOK_S)

    async def ask_due(self) -> None:
        """Ask at once what was never asked, else what was asked longest ago once it is time."""
        questions: list[Shown | None] = [None, *self._shown]
        new = [each for each in questions if each not in self._asked]
        if not new and self._clock() < self._next_at:
            return
        about = new[0] if new else min(questions, key=lambda each: self._asked[each].asked_at)
        self._next_at = self._clock() + PACE_S
        await self.ask(about)

    async def ask(self, about: Shown | None) -> None:
        """One question; that it is not answered is kept beside the older answer."""
        asked_at = self._clock()
        try:
            if about is None:
                self.prices = (await self._reader.markets(self._names)).prices
            else:
                await self._ask_candles(about)
        except VenueDataError as error:
            before = self._asked.get(about, Asked(asked_at))
            self._asked[about] = Asked(asked_at, before.known_at, str(error))
        else:
            self._asked[about] = Asked(asked_at, asked_at)
        self._hear()

    async def _ask_candles(self, shown: Shown) -> None:
        length, now_ms = protocol.INTERVALS[shown.interval], self._now_ms()
        known = self._candles.get(shown, {})
        start = max(known) if known else now_ms - SHOWN_CANDLES * length
        found = await self._reader.candles(shown.market, shown.interval, max(0, start), now_ms)
        if shown not in self._shown:
            return  # no page looks at it any more
        kept = self._candles.setdefault(shown, {})
        kept.update({each.opened_ms: each for each in found})
        for at in sorted(kept)[: -SHOWN_CANDLES - 1]:
            del kept[at]
