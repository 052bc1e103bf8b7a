"""The assumed book: depth where it is said to be, prices on valid ticks, stress and pressure."""

import numpy as np
import pytest

from seawall.domain.instrument import Instrument, MarginTier
from seawall.domain.units import MICRO
from seawall.lab.market.liquidity import (
    LARGEST_PRESSURE,
    LEAST_MULTIPLIER,
    Depth,
    MarketMaker,
    default_depth,
    depth_multipliers,
    depths,
    round_to_tick,
)

BTC = Instrument(name="BTC", size_decimals=5, tiers=(MarginTier(0, 40),))
DOGE = Instrument(name="DOGE", size_decimals=0, tiers=(MarginTier(0, 10),))


def maker(instrument: Instrument, usd: float = 10e6, spread: float = 1.0) -> MarketMaker:
    return MarketMaker(0, instrument, 5, Depth(usd, spread), 5, 10 * MICRO)


@pytest.mark.parametrize(
    ("instrument", "price"), [(BTC, 99_990.0), (BTC, 112_345.6), (DOGE, 0.234567), (DOGE, 9.5)]
)
def test_depth_and_ticks(instrument: Instrument, price: float) -> None:
    rows = maker(instrument).quotes(7, price, 1.0)[1:]
    scale = 10**instrument.price_decimals
    middle = price * scale
    tick = min(scale, 10 ** max(0, len(str(int(middle))) - 5))
    for side in (0, 1):
        quotes = rows[rows["side"] == side]
        away = np.abs(quotes["price"] / middle - 1)
        usd = quotes["price"] * quotes["order_size"] / MICRO
        # A tick further out than asked for at most.
        for within, expected in ((10, 2e6), (25, 5e6), (50, 10e6), (400, 30e6)):
            inside = usd[away <= within * 1.0001e-4 + tick / middle].sum()
            assert inside == pytest.approx(expected, rel=1e-3)
        for units in quotes["price"].tolist():
            digits = str(units).rstrip("0")
            assert len(digits) <= 5 or units % scale == 0
    bids, asks = rows[rows["side"] == 0]["price"], rows[rows["side"] == 1]["price"]
    assert bids.max() < middle < asks.min()
    assert (rows["time_ms"] == 7).all()


def test_orders_below_the_minimum_are_left_out() -> None:
    rows = maker(BTC, usd=150.0).quotes(0, 100_000.0, 1.0)
    assert len(rows) > 1
    assert (rows["price"][1:] * rows["order_size"][1:] >= 10 * MICRO).all()
    assert len(maker(BTC, usd=5.0).quotes(0, 100_000.0, 1.0)) == 1


def test_rounding_to_ticks() -> None:
    units = np.asarray([1_123_456.0, 99_999.0, 999_999.0, 1_000_000.0])
    assert round_to_tick(units, BTC, 5, up=False).tolist() == [
        1_123_450,
        99_999,
        999_990,
        1_000_000,
    ]
    assert round_to_tick(units, BTC, 5, up=True).tolist() == [
        1_123_460,
        99_999,
        1_000_000,
        1_000_000,
    ]
    assert round_to_tick(units, BTC, 0, up=True).tolist() == units.tolist()


def test_depth_leaves_when_prices_move_and_comes_back() -> None:
    prices = np.asarray([100.0] * 30 + [90.0] * 60)
    multipliers = depth_multipliers(prices, 3_000 * np.arange(90))
    assert (multipliers[:30] == 1).all()
    assert (multipliers[30:50] == LEAST_MULTIPLIER).all()
    assert (multipliers[50:] == 1).all()
    half = depth_multipliers(np.asarray([100.0, 100.5]), np.asarray([0, 60_000]))
    assert half[1] == pytest.approx(0.5)


def test_pressure_is_linear_decays_and_is_bounded() -> None:
    one = maker(BTC)
    one.feel(5e6, 1.0, 3_000)
    assert one.pressure == pytest.approx(-25e-4)
    one.feel(0.0, 1.0, 120_000)
    assert one.pressure == pytest.approx(-12.5e-4)
    one.feel(-1e12, 1.0, 0)
    assert one.pressure == LARGEST_PRESSURE
    assert one.quotes(0, 100_000.0, 1.0)["price"][1:].min() > 1_000_000


def test_depth_wishes() -> None:
    assert default_depth(BTC).usd_within_50bp > default_depth(DOGE).usd_within_50bp
    chosen = depths([BTC, DOGE], {"BTC": 5.0}, 7.0)
    assert (chosen["BTC"].usd_within_50bp, chosen["DOGE"].usd_within_50bp) == (5.0, 7.0)
    assert depths([BTC], {}, None) == {"BTC": default_depth(BTC)}
