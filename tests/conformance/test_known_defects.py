"""Defects measured in widely used tools, each in numbers: what they show and what is right."""

from fractions import Fraction

from seawall.domain.instrument import MarginTier
from seawall.engine.formulas.continuous.liquidation_price import (
    BucketPosition,
    liquidation_price,
    maintenance_tiers,
    truncated_maintenance,
)
from seawall.venues.hyperliquid.instruments import built_in_tiers
from tests.naive import liquidation_price as naive

USD = 10**6
Tiers = tuple[MarginTier, ...]


def tiers_of(coin: str) -> Tiers:
    tiers = built_in_tiers(coin)
    assert tiers is not None
    return tiers


def in_usd(position: BucketPosition) -> Fraction:
    price = liquidation_price(position)
    assert price is not None
    return Fraction(*price) / 10**position.price_decimals


def by_twin(position: BucketPosition, tiers: Tiers) -> Fraction:
    bounds = tuple((tier.lower_bound, tier.maximum_leverage) for tier in tiers)
    mark = position.notional // abs(position.signed_size)
    bucket = naive.Bucket(
        position.signed_size, mark, position.equity, position.others_maintenance, bounds
    )
    price = naive.solution(bucket)
    assert price is not None
    return price / 10**position.price_decimals


def test_cross_price_that_ignores_the_other_positions() -> None:
    """1 BTC long at 100,000; 40 ETH long at 2,500, mark 2,400; 12,000 of collateral.

    89,113.92 ignores the ETH position; 95,108.86 is right.
    """
    btc, eth = maintenance_tiers(tiers_of("BTC")), maintenance_tiers(tiers_of("ETH"))
    equity = (12_000 - 40 * 100) * USD
    others = truncated_maintenance(eth, 40 * 2_400 * USD)
    position = BucketPosition(10**5, 100_000 * USD, equity, others, btc, 1)
    assert round(in_usd(position), 2) == Fraction("95108.86")
    assert in_usd(position) == by_twin(position, tiers_of("BTC"))
    alone = position._replace(equity=12_000 * USD, others_maintenance=0)
    assert round(in_usd(alone), 2) == Fraction("89113.92")


def test_profit_of_a_short_hedge_with_the_wrong_sign() -> None:
    """1 BTC long at 100,000 and 50 ETH short from 2,500, mark 2,250, on 65,250 of collateral.

    Both at a maintenance rate of 0.4 %. The hedge has earned 12,500, which is equity: 22,791 is
    right. Taken off instead, 47,891 is shown. (The two prices are measured; the position is
    chosen to give both.)
    """
    tiers = (MarginTier(0, 125),)
    rows = maintenance_tiers(tiers)
    profit = 50 * (2_500 - 2_250) * USD
    others = truncated_maintenance(rows, 50 * 2_250 * USD)
    right = BucketPosition(10**5, 100_000 * USD, 65_250 * USD + profit, others, rows, 1)
    assert int(in_usd(right)) == 22_791
    assert in_usd(right) == by_twin(right, tiers)
    wrong = right._replace(equity=65_250 * USD - profit)
    assert int(in_usd(wrong)) == 47_891


def test_tier_is_looked_up_on_notional_not_collateral() -> None:
    """A stake of 1 million at 20x is 20 million of notional: the tier of 20 million applies.

    With tiers 50x up to 2 million, 25x above: looked up on the stake, the rate is 1 %; the
    distance to liquidation is then shown too long.
    """
    tiers = (MarginTier(0, 50), MarginTier(2_000_000 * USD, 25))
    notional, stake = 20_000_000 * USD, 1_000_000 * USD
    right = BucketPosition(200 * 10**5, notional, stake, 0, maintenance_tiers(tiers), 1)
    assert in_usd(right) == by_twin(right, tiers)
    assert truncated_maintenance(right.tiers, notional) == 380_000 * USD
    wrong = right._replace(tiers=maintenance_tiers(tiers[:1]))
    distances = [100_000 - in_usd(position) for position in (right, wrong)]
    assert [round(float(distance), 2) for distance in distances] == [3163.27, 4040.40]


def test_maintenance_is_not_divided_by_the_users_leverage() -> None:
    """180,000 of BTC: 1.25 % is 2,250.00 at any leverage, not 112.50 at the user's 40x (or 20x)."""
    rows = maintenance_tiers(tiers_of("BTC"))
    assert truncated_maintenance(rows, 180_000 * USD) == 2_250 * USD
