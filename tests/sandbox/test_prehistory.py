"""The year before a venue begins: one story at every interval, which leads to the first price."""

import asyncio
import math
import statistics
from fractions import Fraction

import pytest

from seawall.domain.enums import Side
from seawall.domain.units import DAY_MS, HOUR_MS, MICRO
from seawall.lab.market.candle_file import PathError
from seawall.lab.market.recorded_feed import recorded_feed
from seawall.sandbox.feeds import RecordedPath
from seawall.sandbox.history import SqlHistory
from seawall.sandbox.markets import OpenMarket, choose_markets
from seawall.sandbox.prehistory import DAYS, MINUTE_MS, Beginning, Prehistory
from seawall.sandbox.venue import VenueOptions, running_venue
from seawall.venues.registry import DEFAULT_VENUE, venue_named
from seawall.venues.rulebook_file import load_rulebook
from tests.sandbox.venue import BTC, LOT, PRICE, do, order, run, set_up

BEGAN_MS = 1_700_000_000_000 + 12_345
"""22:13 UTC: neither a whole hour nor a whole minute."""
MINUTES = (1, 3, 5, 15, 30, 60, 120, 240, 480, 720, 1440, 3 * 1440, 7 * 1440)
NAMES = ("BTC", "ETH=2000.5", "LINK", "kPEPE")


def markets_of(names: tuple[str, ...] = NAMES) -> tuple[OpenMarket, ...]:
    shipped = venue_named(DEFAULT_VENUE).built_in_markets()
    return choose_markets(names, {instrument.name: instrument for instrument in shipped})


def made(names=NAMES, seed=7, began_ms=BEGAN_MS, recorded=None):
    markets = markets_of(names)
    book = load_rulebook()
    return Prehistory(
        markets,
        Beginning(
            seed=seed,
            time_ms=began_ms,
            prices=[market.start_price for market in markets],
            figures=book.order.maximum_significant_figures,
            funding=book.funding,
            recorded=recorded,
        ),
    )


def candles(before, row, minutes, limit=5000):
    return before.candles(row, minutes * MINUTE_MS, 0, 2**61, limit)


@pytest.fixture(scope="module")
def before():
    return made()


@pytest.mark.parametrize("row", range(len(NAMES)))
@pytest.mark.parametrize("minutes", [1, 60])
def test_five_thousand_candles_without_a_gap_lead_to_the_first_price(before, row, minutes):
    found = candles(before, row, minutes)
    assert len(found) == 5000
    length = minutes * MINUTE_MS
    assert [one.opened_ms for one in found] == [
        found[-1].opened_ms - length * back for back in range(4999, -1, -1)
    ]
    assert found[-1].opened_ms == (BEGAN_MS - MINUTE_MS) // length * length
    assert found[-1].close == markets_of()[row].start_price
    for one in found:
        assert one.low <= min(one.open, one.close) <= max(one.open, one.close) <= one.high
        assert one.low > 0
        assert (one.volume > 0) == (one.trades > 0)


@pytest.mark.parametrize("seed", range(20))
def test_a_quiet_last_minute_ends_at_the_first_price_as_well(seed):
    """At five in the morning a thin market often has no order in a minute."""
    found = candles(made(("BTC", "LINK"), seed, 1_700_024_400_000), 1, 1, 10)
    assert found[-1].close == markets_of(("BTC", "LINK"))[1].start_price
    assert found[-1].trades > 0


@pytest.mark.parametrize("minutes", MINUTES[1:])
def test_a_longer_candle_is_the_sum_of_its_minutes(before, minutes):
    count = max(3, 600 // minutes)
    found = candles(before, 2, minutes, count)
    assert len(found) == count
    ones = before.candles(2, MINUTE_MS, found[0].opened_ms, BEGAN_MS, 10**6)
    assert sum(one.volume for one in found) == sum(one.volume for one in ones)
    for candle in found:
        end = candle.opened_ms + candle.interval_ms
        parts = [one for one in ones if candle.opened_ms <= one.opened_ms < end]
        assert (candle.open, candle.close) == (parts[0].open, parts[-1].close)
        assert candle.high == max(one.high for one in parts)
        assert candle.low == min(one.low for one in parts)
        assert candle.volume == sum(one.volume for one in parts)
        assert candle.trades == sum(one.trades for one in parts)


def test_what_is_asked_first_changes_nothing():
    """Pieces are walked backwards and drawn again: the order of the questions must not matter."""
    one, other = made(), made()
    far = BEGAN_MS - 100 * DAY_MS
    late = candles(one, 0, 60)
    early = one.candles(0, MINUTE_MS, far, far + HOUR_MS, 5000)
    assert other.candles(0, MINUTE_MS, far, far + HOUR_MS, 5000) == early
    assert len(early) == 61
    assert candles(other, 0, 60) == late
    assert candles(made(seed=8), 0, 60) != late


def test_prices_are_ones_the_venue_can_trade_at(before):
    for row, market in enumerate(markets_of()):
        tick = 10 ** max(0, len(str(market.start_price)) - 6)
        for one in candles(before, row, 60, 500):
            assert len(str(one.high).rstrip("0")) <= 5, (market.name, one)
            assert one.close % tick == 0


def test_it_moves_and_trades_like_its_market(before):
    """Of a day's volume and a year's volatility, within what chance allows of 200 days."""
    for row, market in enumerate(markets_of()):
        days = candles(before, row, 1440, 200)
        profile = market.profile
        # Price units and size units are such that their product is micro-USD.
        usd = statistics.mean(one.volume * (one.open + one.close) / 2 for one in days) / MICRO
        assert 0.5 < usd / profile.daily_usd < 2.0, market.name
        hours = candles(before, row, 60)
        moves = [math.log(b.close / a.close) for a, b in zip(hours, hours[1:], strict=False)]
        yearly = statistics.pstdev(moves) * math.sqrt(365 * 24)
        jumps = 3 * 365 * 0.012**2 + 2 * 365 * 0.015**2
        assert 0.8 < yearly / math.sqrt(profile.yearly_volatility**2 + jumps) < 1.25, market.name


def test_markets_move_together(before):
    first, second = (candles(before, row, 60) for row in (0, 1))
    moves = [
        [math.log(b.close / a.close) for a, b in zip(rows, rows[1:], strict=False)]
        for rows in (first, second)
    ]
    assert 0.4 < statistics.correlation(*moves) < 0.95


def test_funding_rates_are_those_of_their_premiums(before):
    policy = load_rulebook().funding
    rates = before.funding_rates(0, 0, 2**61, 10**6)
    assert len(rates) == DAYS * 24
    assert [rate.time_ms for rate in rates] == [
        BEGAN_MS // HOUR_MS * HOUR_MS - HOUR_MS * back for back in range(len(rates) - 1, -1, -1)
    ]
    for rate in rates:
        pull = max(-policy.clamp, min(policy.clamp, policy.interest - rate.premium))
        exact = Fraction(rate.premium + pull, policy.intervals_per_period)
        assert rate.rate == max(-policy.cap, min(policy.cap, int(exact)))
    usual = policy.interest // policy.intervals_per_period
    assert 0.5 < statistics.mean(rate.rate == usual for rate in rates) < 0.8
    since = BEGAN_MS - 10 * HOUR_MS
    assert before.funding_rates(0, since, 2**61, 500) == rates[-10:]
    assert before.funding_rates(0, since, 2**61, 3) == rates[-10:-7]
    assert before.funding_rates(0, BEGAN_MS, 2**61, 500) == []
    assert before.funding_rates(0, 0, 0, 500) == []


def test_a_recorded_path_is_the_history_as_far_back_as_it_goes():
    names = ("BTC=60000", "ETH=2000")
    times = [BEGAN_MS - 2 * DAY_MS, BEGAN_MS - DAY_MS, BEGAN_MS]
    prices = {"BTC": [50_000.0, 55_000.0, 60_000.0], "ETH": [2000.0, 2000.0, 2000.0]}
    before = made(names, recorded=RecordedPath("file", times, prices))
    market = markets_of(names)[0]
    at_noon = before.price_before(0, BEGAN_MS - DAY_MS)
    assert math.isclose(market.to_usd(at_noon), 55_000, rel_tol=1e-4)
    quarter = before.price_before(0, BEGAN_MS - 3 * DAY_MS // 2)
    assert math.isclose(market.to_usd(quarter), 52_500, rel_tol=1e-4)
    earlier = candles(before, 0, 60)
    assert len(earlier) == 5000
    assert len({one.close for one in earlier[:1000]}) > 900


def test_a_file_that_is_played_from_later_on_has_its_own_history(tmp_path):
    file = tmp_path / "BTC_1m.csv"
    rows = ["date,open,high,low,close"]
    for minute in range(240):
        low, high = 50_000 + 10 * minute, 50_010 + 10 * minute
        at = f"2025-10-10T{minute // 60:02}:{minute % 60:02}:00"
        rows.append(f"{at},{low},{high},{low},{high}")
    file.write_text("\n".join(rows) + "\n")
    path = recorded_feed(file, ["BTC"], "2025-10-10T03:00")
    assert path.before is not None
    assert path.prices["BTC"][0] == 51_800
    options = VenueOptions(markets=("BTC",), speed=0, feed=path, agents=False, start_ms=BEGAN_MS)

    async def main():
        async with running_venue(options) as venue:
            found = venue.host.history.candles(0, MINUTE_MS, 0, 2**62, 5000)
            closes = [market.to_usd(one.close) for one in found]
            await venue.market.advance(30 * MINUTE_MS)
            return closes, venue.market.world.spot_usd(0)

    market = markets_of(("BTC",))[0]
    closes, later = asyncio.run(main())
    assert len(closes) == 5000
    assert closes[-1] == pytest.approx(51_800, abs=3)
    assert closes[-180:] == pytest.approx([50_010 + 10 * at for at in range(180)], abs=15)
    assert later == pytest.approx(52_100, abs=12)
    with pytest.raises(PathError, match="--feed-from: 'soon' is not a time"):
        recorded_feed(file, ["BTC"], "soon")
    with pytest.raises(PathError, match="0 candles of BTC in the window"):
        recorded_feed(file, ["BTC"], "2024-10-10")


def test_a_venue_that_begins_at_the_epoch_has_as_much_as_there_is():
    before = made(("BTC",), began_ms=2 * DAY_MS + 30_000)
    assert len(candles(before, 0, 60)) == 48
    assert candles(before, 0, 60)[0].opened_ms == 0
    assert len(before.funding_rates(0, 0, 2**61, 500)) == 48
    assert candles(made(("BTC",), began_ms=0), 0, 60) == []


# -- joined with what the venue does -------------------------------------------------------------


def test_candles_of_before_and_since_are_one_series():
    async def main(host):
        maker, taker = await set_up(host)
        book = load_rulebook()
        start = host.now_ms()
        markets = markets_of(("BTC=50000", "ETH"))
        prices = [PRICE, 300_000]
        before = Prehistory(
            markets,
            Beginning(seed=1, time_ms=start, prices=prices, figures=5, funding=book.funding),
        )
        host.begin_history(before)
        host.clock.advance(MINUTE_MS)
        await do(host, order(maker, Side.SELL, PRICE + 50), order(taker, Side.BUY, PRICE + 50))
        for minutes in (1, 60, 1440):
            length = minutes * MINUTE_MS
            alone = before.candles(BTC, length, 0, 2**61, 50)
            found = host.history.candles(BTC, length, 0, 2**61, 50)
            assert len(found) == 50
            last = found[-1]
            assert last.close == PRICE + 50
            if minutes == 1:
                assert (last.volume, last.trades, found[:-1]) == (LOT, 1, alone[1:])
            else:
                assert found[:-1] == alone[:-1]
                assert last.volume == alone[-1].volume + LOT
                assert (last.open, last.trades) == (alone[-1].open, alone[-1].trades + 1)
                assert last.high == max(alone[-1].high, PRICE + 50)
        notional, size, price = host.history.day_volume(BTC)
        since = (host.now_ms() - DAY_MS) // MINUTE_MS * MINUTE_MS
        minutes = before.candles(BTC, MINUTE_MS, since, 2**61, 5000)
        assert size == sum(one.volume for one in minutes) + LOT
        assert price == before.price_before(BTC, since)
        assert price == before.candles(BTC, MINUTE_MS, 0, since - 1, 1)[0].close
        dearest = max(one.high for one in minutes)
        assert LOT * (PRICE + 50) < notional < size * max(dearest, PRICE + 50)
        await host.advance(2 * HOUR_MS)
        rates = host.history.funding_rates(BTC, start - 3 * HOUR_MS)
        assert [b.time_ms - a.time_ms for a, b in zip(rates, rates[1:], strict=False)] == (
            [HOUR_MS] * (len(rates) - 1)
        )
        assert len(rates) == 5
        assert len(host.history.funding_rates(BTC, 0, limit=500)) == 500

    run(main)


def test_a_venue_begins_with_it_unless_told_not_to(tmp_path):
    options = VenueOptions(
        markets=("BTC=50000", "LINK"), speed=0, feed="manual", agents=False, data=tmp_path,
        start_ms=BEGAN_MS,
    )  # fmt: skip

    def told(venue):
        history = venue.host.history
        assert isinstance(history, SqlHistory)
        return [
            [*history.candles(row, HOUR_MS, 0, 2**61), *history.funding_rates(row, limit=10**6)]
            for row in range(2)
        ]

    off = VenueOptions(
        markets=("BTC=50000",), speed=0, feed="manual", agents=False, history=False
    )  # fmt: skip

    async def main():
        async with running_venue(options) as venue:
            first = told(venue)
            assert [len(rows) for rows in first] == [5000 + DAYS * 24] * 2
            await venue.market.advance(HOUR_MS)
        (tmp_path / "history.sqlite").unlink()
        async with running_venue(options) as venue:
            again = told(venue)
            assert again[0][:5000] == first[0][:5000]
            await venue.market.revert("start")
            assert told(venue) == first
        async with running_venue(off) as venue:
            assert venue.host.history.candles(0, HOUR_MS, 0, 2**61) == []
            assert venue.host.history.day_volume(0) == (0, 0, 0)

    asyncio.run(main())
