"""How selling moves prices: worked out by hand."""

import numpy as np
import pytest

from seawall.lab.simulation.assumptions import LEAST_MAKER, TradingAssumptions
from seawall.lab.simulation.price_formation import PriceFormation

PRICE = np.asarray([100.0])
CALM = np.ones(1)
DEPTH = 1e6


def formation(**chosen: float) -> PriceFormation:
    usual = {"permanent_share": 1.0, "lag_seconds": 0.0}
    return PriceFormation(
        TradingAssumptions(**{**usual, **chosen}), np.asarray([DEPTH]), PRICE.copy(), 1000
    )


def moved(prices: PriceFormation, seconds: int = 1) -> float:
    """The displacement after so many seconds at a fundamental price that stands still."""
    for _ in range(seconds):
        prices.move(0, PRICE, CALM)
    return float(prices.displacement[0])


@pytest.mark.parametrize(
    ("depths", "displacement"),
    [(-0.5, -0.0025), (1.0, 0.005), (-4.0, -0.01), (100.0, 0.05)],
)
def test_one_depth_moves_50_bp_and_more_goes_with_the_square_root(
    depths: float, displacement: float
) -> None:
    prices = formation()
    prices.record_fills(np.asarray([depths * DEPTH]))
    assert moved(prices) == pytest.approx(displacement)
    assert prices.fair[0] == pytest.approx(100.0 * np.exp(displacement))


def test_a_share_stays_and_the_rest_halves() -> None:
    prices = formation(permanent_share=0.25, half_life_seconds=10.0)
    prices.record_fills(np.asarray([-0.8 * DEPTH]))
    assert moved(prices, 10) == pytest.approx(-0.005 * 0.8 * (0.25 + 0.75 / 2))
    assert moved(prices, 200) == pytest.approx(-0.005 * 0.8 * 0.25)
    at_rest = moved(prices)
    assert moved(prices, 100) == at_rest


def test_a_thin_book_moves_by_the_root_of_what_is_left() -> None:
    prices = formation()
    prices.move(0, PRICE, np.asarray([0.25]))
    prices.record_fills(np.asarray([0.1 * DEPTH]))
    assert moved(prices) == pytest.approx(0.005 * 0.1 / 0.5)


def test_other_venues_follow_with_their_share_late() -> None:
    prices = formation(coupling=0.5, lag_seconds=3.0)
    prices.record_fills(np.asarray([-0.4 * DEPTH]))
    seen = []
    for _ in range(5):
        moved(prices)
        seen.append(float(np.log(prices.elsewhere[0])))
    assert seen == pytest.approx([0.0, 0.0, 0.0, -0.001, -0.001])


def test_makers_leave_when_prices_move_and_when_they_lose() -> None:
    prices = formation(maker_ruin=4.0)
    prices.move(0, PRICE * 0.99, CALM)
    assert prices.left[0] == pytest.approx(0.2)
    for _ in range(61):
        prices.move(0, PRICE * 0.99, CALM)
    assert prices.left[0] == pytest.approx(1.0)
    prices.maker_loss = np.asarray([1.0 * DEPTH])
    prices.move(0, PRICE * 0.99, CALM)
    assert prices.left[0] == pytest.approx(0.75)
    prices.maker_loss = np.asarray([40.0 * DEPTH])
    prices.move(0, PRICE * 0.99, CALM)
    assert prices.left[0] == pytest.approx(LEAST_MAKER)
