"""The assumed book: depth where it is said to be, prices on valid ticks, stress and pressure."""

from typing import Any

import numpy as np
import pytest

from seawall.domain.instrument import Instrument, MarginTier
from seawall.domain.units import MICRO
from seawall.lab.market.liquidity import (
    LEAST_MULTIPLIER,
    Depth,
    Ladder,
    Ticks,
    assumed_depth,
    depth_multipliers,
    depths,
)
from seawall.lab.simulation.price_formation import LARGEST_PRESSURE, QuotePressure

BTC = Instrument(name="BTC", size_decimals=5, tiers=(MarginTier(0, 40),))
DOGE = Instrument(name="DOGE", size_decimals=0, tiers=(MarginTier(0, 10),))


def quoted(instrument: Instrument, price: float, usd: float = 10e6) -> Any:
    """The rows of one market: a cancel, then the quotes at the calm depth."""
    market = np.zeros(1, np.int64)
    ladder = Ladder(market + 5, [Depth(usd, 1.0)], Ticks([instrument], 5, 10 * MICRO))
    rows, usable = ladder.quotes(7, np.asarray([price]), np.ones(1), market)
    return rows[usable]


@pytest.mark.parametrize(
    ("instrument", "price"), [(BTC, 99_990.0), (BTC, 112_345.6), (DOGE, 0.234567), (DOGE, 9.5)]
)
def test_depth_and_ticks(instrument: Instrument, price: float) -> None:
    rows = quoted(instrument, price)[1:]
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
    rows = quoted(BTC, 100_000.0, usd=150.0)
    assert len(rows) > 1
    assert (rows["price"][1:] * rows["order_size"][1:] >= 10 * MICRO).all()
    assert len(quoted(BTC, 100_000.0, usd=5.0)) == 1


def test_rounding_to_ticks() -> None:
    units = np.asarray([1_123_456.0, 99_999.0, 999_999.0, 1_000_000.0])
    ticks, decimals = Ticks([BTC], 5, 0), BTC.price_decimals
    assert ticks.round(units, decimals, up=False).tolist() == [
        1_123_450,
        99_999,
        999_990,
        1_000_000,
    ]
    assert ticks.round(units, decimals, up=True).tolist() == [
        1_123_460,
        99_999,
        1_000_000,
        1_000_000,
    ]
    assert Ticks([BTC], 0, 0).round(units, decimals, up=True).tolist() == units.tolist()


def test_depth_leaves_when_prices_move_and_comes_back() -> None:
    prices = np.asarray([100.0] * 30 + [90.0] * 60)
    multipliers = depth_multipliers(prices, 3_000 * np.arange(90))
    assert (multipliers[:30] == 1).all()
    assert (multipliers[30:50] == LEAST_MULTIPLIER).all()
    assert (multipliers[50:] == 1).all()
    half = depth_multipliers(np.asarray([100.0, 100.5]), np.asarray([0, 60_000]))
    assert half[1] == pytest.approx(0.5)


def test_pressure_is_linear_decays_and_is_bounded() -> None:
    price, calm = np.asarray([100_000.0]), np.ones(1)
    one = QuotePressure(np.asarray([10e6]), price)
    one.move(1_000, price, calm)
    one.record_fills(np.asarray([-5e6]))
    assert one.pressure[0] == pytest.approx(-25e-4)
    one.move(121_000, price, calm)
    one.record_fills(np.zeros(1))
    assert one.pressure[0] == pytest.approx(-12.5e-4)
    one.record_fills(np.asarray([1e12]))
    assert one.pressure[0] == LARGEST_PRESSURE
    one.move(121_000, price, calm)
    assert one.fair[0] == pytest.approx(100_000.0 * (1 + LARGEST_PRESSURE))


def test_chosen_depths() -> None:
    assert assumed_depth(BTC).usd_within_50bp > assumed_depth(DOGE).usd_within_50bp
    chosen = depths([BTC, DOGE], {"BTC": 5.0})
    assert chosen["BTC"] == Depth(5.0, assumed_depth(BTC).spread_bp)
    assert chosen["DOGE"] == assumed_depth(DOGE)
