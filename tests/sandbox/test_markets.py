"""Which markets a venue opens, and that thin ones are as thin as the real ones."""

import asyncio
import statistics

import pytest

from seawall.domain.units import MICRO
from seawall.engine.book_view import book_levels
from seawall.sandbox.markets import (
    DEFAULT_MARKETS,
    START_PRICES,
    MarketChoiceError,
    choose_markets,
    expand_markets,
)
from seawall.sandbox.venue import VenueError, VenueOptions, running_venue
from seawall.venues.registry import DEFAULT_VENUE, venue_named

SHIPPED = {each.name: each for each in venue_named(DEFAULT_VENUE).built_in_markets()}


def test_a_number_or_all_takes_the_first_known_markets():
    assert expand_markets(("6",), SHIPPED) == DEFAULT_MARKETS
    assert expand_markets(("all",), SHIPPED) == tuple(START_PRICES)
    assert len(START_PRICES) == 43
    assert set(START_PRICES) == set(SHIPPED)
    chosen = choose_markets(expand_markets(("20",), SHIPPED), SHIPPED)
    assert [market.name for market in chosen] == list(START_PRICES)[:20]
    assert {market.profile_name for market in chosen} == {
        "deep", "large", "middle", "small", "thin",
    }  # fmt: skip
    assert expand_markets(("BTC=1", "ETH"), SHIPPED) == ("BTC=1", "ETH")
    assert expand_markets((), SHIPPED) == ()


@pytest.mark.parametrize("count", ["0", "44"])
def test_more_markets_than_there_are(count):
    with pytest.raises(MarketChoiceError, match="there are 1 to 43"):
        expand_markets((count,), SHIPPED)


def test_a_folder_keeps_the_markets_that_a_number_stood_for(tmp_path):
    async def live(*markets):
        options = VenueOptions(markets=markets, speed=0, feed="manual", agents=False, data=tmp_path)
        async with running_venue(options) as venue:
            return [market.name for market in venue.markets]

    first = asyncio.run(live("12"))
    assert len(first) == 12
    assert asyncio.run(live()) == asyncio.run(live(*first)) == asyncio.run(live("12")) == first
    with pytest.raises(VenueError, match="markets"):
        asyncio.run(live("13"))


def impact_width_bp(engine, row, usd):
    """Between the mean prices at which so many USD would be bought and sold, in bp."""
    found = []
    bids, asks = book_levels(engine, row, 400)
    for levels in (bids, asks):
        left, size, paid = usd * MICRO, 0.0, 0.0
        for price, there, _ in levels:
            worth = min(left, price * there)
            left, paid, size = left - worth, paid + worth, size + worth / price
        assert left <= 0
        found.append(paid / size)
    bid, ask = found
    return (ask - bid) / (ask + bid) * 20_000


RECORDED_WIDTH_BP = {"DOGE": 1.75, "LINK": 3.25}
"""Between the impact prices of 6,000 USD in the frame that ``profiles.toml`` names."""


def test_small_orders_move_doge_and_link_as_they_do_really():
    widths: dict[str, list[float]] = {name: [] for name in RECORDED_WIDTH_BP}

    async def main():
        options = VenueOptions(markets=("BTC", *widths), speed=0, seed=5)
        async with running_venue(options) as venue:
            for _ in range(30):
                await venue.market.advance(6_000, 3_000)
                for market in venue.markets[1:]:
                    width = impact_width_bp(venue.host.engine, market.row, 6_000)
                    widths[market.name].append(width)

    asyncio.run(main())
    for name, recorded in RECORDED_WIDTH_BP.items():
        assert statistics.median(widths[name]) == pytest.approx(recorded, rel=0.25), name
