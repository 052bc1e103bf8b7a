"""Vetting a venue that runs: over its own API and control, and through an unmodified ccxt."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from seawall.lab.market.book import BookError
from seawall.lab.vet import vet
from seawall.lab.vet.book import UNKNOWN
from seawall.lab.vet.live import BookFeed, ControlApi, LiveBook, live_tape
from seawall.lab.vet.measures import phase_figures
from seawall.lab.vet.tape import AFTER, CALM, STORM, Charges, VetError, Watch
from seawall.venues.public_api import PublicApi
from seawall.venues.raw_json import VenueDataError
from seawall.venues.registry import DEFAULT_VENUE
from tests.conformance.hyperliquid.running import Venue, started

FEES = Charges(0.0005, 0.0002, "of the test")
SHOCKED: dict[str, Any] = {"seconds": "20", "shock": "-8%", "shock_seconds": "5", "withdraw": "80%"}


@pytest.fixture(scope="module")
def venue() -> Iterator[Venue]:
    """People in the books, a clock that only control moves."""
    with started("--agents", "--feed", "synthetic", "--seed", "5") as found:
        yield found


def test_a_sandbox_under_a_shock(venue: Venue) -> None:
    venue.control.call("/reset")
    tape = vet(**SHOCKED, at=venue.url, market="BTC").tape
    assert tape.source == f"BTC at {venue.url}"
    assert list(tape.phases) == [CALM, STORM, AFTER]
    # One a second from the first on, and one more each right after the shock and its end.
    assert len(tape.samples.times_ms) == 63
    assert [tape.seconds(phase) for phase in tape.phases] == [20.0, 20.0, 20.0]
    assert not tape.has_trades
    calm, storm = (phase_figures(tape, name) for name in (CALM, STORM))
    assert storm.spread.mean > 3 * calm.spread.mean
    assert storm.bands[0].mean < 0.2 * calm.bands[0].mean
    assert storm.range_bp > 700
    # What was withdrawn for the storm is given back.
    (market,) = [each for each in venue.control.status()["markets"] if each["name"] == "BTC"]
    assert market["withdrawn"] == 0


def test_a_running_venue_without_a_shock_is_only_watched(venue: Venue) -> None:
    before = venue.control.status()["timeMs"]
    tape = vet(at=venue.url, seconds="10", every="2").tape
    assert list(tape.phases) == [CALM]
    assert venue.control.status()["timeMs"] == before + 10_000
    assert phase_figures(tape, CALM).costs[0].held > 0.99


@pytest.mark.conformance
def test_through_ccxt(venue: Venue) -> None:
    shocked = {**SHOCKED, "ccxt": "hyperliquid", "at": venue.url}
    tape = vet(**shocked, market="ETH/USDC:USDC").tape
    calm, storm = (phase_figures(tape, name) for name in (CALM, STORM))
    assert storm.range_bp > 500
    assert storm.spread.mean > calm.spread.mean
    assert calm.costs[0].held > 0.99
    assert tape.charges.source.startswith("as ccxt gives them for hyperliquid")
    assert (tape.charges.taker, tape.charges.maker) == (0.00045, 0.00015)
    assert abs(calm.funding) < 0.001
    with pytest.raises(VetError, match="'DOGE/XYZ' is none of hyperliquid"):
        vet(**shocked, market="DOGE/XYZ")


def test_a_book_of_another_market_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """An API, or a proxy before one, that answers something else than it was asked."""
    answer = {"coin": "ETH", "time": 5, "levels": [[{"px": "9", "sz": "1"}]] * 2}
    monkeypatch.setattr(PublicApi, "post", lambda *_: json.dumps(answer).encode())
    feed = BookFeed("http://127.0.0.1:9", "BTC", DEFAULT_VENUE, FEES)
    with pytest.raises(BookError, match="is a book of ETH, not of BTC"):
        feed.book()


# -- a feed of one's own -------------------------------------------------------------------------


def sides(middle: float) -> tuple[Any, Any]:
    return np.array([[middle - 0.5, 10.0]]), np.array([[middle + 0.5, 10.0]])


class Script:
    """A feed that plays a list of middles, one a look; None is a look that fails."""

    source = "a script"
    charges = FEES

    def __init__(self, middles: list[float | None]) -> None:
        self._left = list(middles)
        self._time, self._step = 1_000_000, 1_000

    def stop_clock(self) -> int:
        """From now on every book has this time."""
        self._step = 0
        return self._time

    def book(self) -> LiveBook:
        self._time += self._step
        middle = self._left.pop(0)
        if middle is None:
            raise VenueDataError("a script: no answer")
        return LiveBook(self._time, *sides(middle))

    def trades(self) -> list[tuple[int, float, float, int]]:
        return [(self._time, 100.0, 1.0, 1)]

    def funding(self) -> float:
        return 1e-5


def watched(middles: list[float | None], seconds: float = 10.0) -> Any:
    options = Watch(market="BTC", sizes=(100.0,), charges=FEES, seconds=seconds)
    return live_tape(Script(middles), options, sleep=lambda _: None)


def test_a_look_that_fails_is_a_time_without_a_known_book() -> None:
    tape = watched([100.0] * 3 + [None] * 2 + [101.0] * 10)
    assert tape.breaks == 1
    figures = phase_figures(tape, CALM)
    # Unknown from just after the last good look until the next one.
    assert tape.samples.state.tolist().count(UNKNOWN) == 1
    assert figures.downtime.unknown == pytest.approx(2.999 / 10)
    assert figures.funding == pytest.approx(1e-5)
    assert figures.flow is not None
    assert figures.flow.trades == 8


def test_a_book_without_news_stands_while_time_passes() -> None:
    script = Script([100.0] * 11)
    begin = script.stop_clock()
    options = Watch(market="BTC", sizes=(100.0,), charges=FEES, seconds=10)
    tape = live_tape(script, options, sleep=lambda _: None)
    assert tape.samples.times_ms.tolist() == [begin]
    assert tape.end_ms == begin + 10_000


def test_a_venue_that_answers_no_more_is_an_error() -> None:
    with pytest.raises(VetError, match="no answer"):
        watched([100.0] * 3 + [None] * 5)
    with pytest.raises(VetError, match="no answer"):
        watched([None])


def test_a_shock_needs_control() -> None:
    options = Watch(market="BTC", sizes=(100.0,), charges=FEES, seconds=10, move=-0.1)
    with pytest.raises(VetError, match="-10 % belongs to a sandbox; --at should be the URL"):
        live_tape(Script([100.0]), options)


def test_control_says_whether_the_clock_stands_still(venue: Venue) -> None:
    control = ControlApi(venue.url)
    assert control.stands_still()
    venue.control.call("/time/speed", speed=1)
    assert not control.stands_still()
    venue.control.call("/time/speed", speed=0)
