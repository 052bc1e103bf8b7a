"""The liquidation price formula against its naive twin, the published rule, and the ledger."""

from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.domain.instrument import MarginTier
from seawall.engine.formulas.continuous.liquidation_price import (
    LARGEST_PRICE,
    BucketPosition,
    backstop_price,
    bankruptcy_price,
    liquidation_price,
    liquidation_price_steps,
    maintenance_tiers,
    share_price,
    tier_index,
    truncated_maintenance,
)
from tests.facts import hyperliquid
from tests.naive import liquidation_price as naive

USD = 10**6


@st.composite
def buckets(draw: st.DrawFn) -> naive.Bucket:
    """Positions from dust to far beyond the tiers, healthy or under water, in one to four tiers."""
    count = draw(st.integers(1, 4))
    bounds = sorted(draw(st.sets(st.integers(1, 10**14), min_size=count - 1, max_size=count - 1)))
    leverages = sorted(draw(st.lists(st.integers(1, 125), min_size=count, max_size=count)))
    tiers = tuple(zip([0, *bounds], reversed(leverages), strict=True))
    mark = draw(st.integers(1, 2**30 - 1))
    size = draw(st.integers(1, 10**16 // mark)) * draw(st.sampled_from([1, -1]))
    near = abs(size) * mark
    equity = draw(st.integers(-near, 2 * near) | st.integers(-(10**17), 10**17))
    others = draw(st.just(0) | st.integers(0, near) | st.integers(0, 10**16))
    return naive.Bucket(size, mark, equity, others, tiers)


def position_of(bucket: naive.Bucket, price_decimals: int = 1) -> BucketPosition:
    tiers = tuple(MarginTier(bound, leverage) for bound, leverage in bucket.tiers)
    return BucketPosition(
        bucket.size,
        abs(bucket.size) * bucket.mark,
        bucket.equity,
        bucket.others,
        maintenance_tiers(tiers),
        price_decimals,
    )


def as_price(value: Fraction | None, price_decimals: int = 1) -> tuple[int, int] | None:
    """The twin's answer as the formula words it."""
    if value is None or value > LARGEST_PRICE * 10**price_decimals:
        return None
    return value.numerator, value.denominator


@given(buckets())
def test_equals_its_naive_twin(bucket: naive.Bucket) -> None:
    position = position_of(bucket)
    assert liquidation_price(position) == as_price(naive.solution(bucket))
    for share in (Fraction(2, 3), Fraction(0), Fraction(1, 7)):
        expected = as_price(naive.solution(bucket, share))
        assert share_price(position, share.numerator, share.denominator) == expected
    assert bankruptcy_price(position) == as_price(naive.solution(bucket, Fraction(0)))


@given(buckets())
def test_healthy_just_inside_and_liquidatable_just_outside(bucket: naive.Bucket) -> None:
    price = liquidation_price(position_of(bucket))
    if price is None:
        return
    exact = Fraction(*price)
    side = 1 if bucket.size > 0 else -1
    little = exact / 10**15
    assert naive.slack(bucket, exact + side * little) > 0
    assert naive.slack(bucket, exact) == 0
    assert naive.slack(bucket, exact - side * little) < 0


@given(buckets())
def test_the_truncating_ledger_agrees_to_one_micro(bucket: naive.Bucket) -> None:
    """Never liquidated at a whole price on the healthy side; always once 1 micro-USD past it."""
    price = liquidation_price(position_of(bucket))
    if price is None:
        return
    exact = Fraction(*price)
    inside, outside = (ceil(exact), floor(exact)) if bucket.size > 0 else (
        floor(exact), ceil(exact)
    )  # fmt: skip
    assert naive.truncated_slack(bucket, inside) >= 0
    if naive.slack(bucket, Fraction(outside)) <= -1:
        assert naive.truncated_slack(bucket, outside) < 0


@given(buckets())
def test_is_the_published_rule_while_the_tier_stays(bucket: naive.Bucket) -> None:
    position = position_of(bucket)
    price = liquidation_price(position)
    tiers = position.tiers
    now = tier_index(tiers, position.notional)
    if price is None or tier_index(tiers, floor(abs(bucket.size) * Fraction(*price))) != now:
        return
    side = 1 if bucket.size > 0 else -1
    rate = Fraction(tiers[now].numerator, tiers[now].denominator)
    maintenance = truncated_maintenance(tiers, position.notional)
    available = bucket.equity - bucket.others - maintenance
    assert Fraction(*price) == bucket.mark - side * Fraction(available, abs(bucket.size)) / (
        1 - side * rate
    )


@given(buckets())
def test_lines_stand_in_order(bucket: naive.Bucket) -> None:
    """Moving against the position: maintenance first, then the backstop, then bankruptcy."""
    position = position_of(bucket)
    empty = bankruptcy_price(position)
    if empty is None:
        return
    own = naive.maintenance(bucket.tiers, abs(bucket.size) * Fraction(*empty))
    if bucket.others + own < 1:
        return  # dust: the fraction that truncation drops is all there is
    lines = [liquidation_price(position), backstop_price(position, 2, 3), empty]
    prices = [Fraction(*price) for price in lines if price is not None]
    assert prices == sorted(prices, reverse=bucket.size > 0)


@given(buckets())
def test_steps_lead_to_the_price(bucket: naive.Bucket) -> None:
    position = position_of(bucket)
    steps = {step.name: Fraction(*step.value) for step in liquidation_price_steps(position)}
    side = 1 if bucket.size > 0 else -1
    shown = steps["mark price"] - side * steps["distance"]
    assert shown == steps["liquidation price"]
    price = liquidation_price(position)
    assert price is None or shown == Fraction(*price)


@given(buckets())
def test_maintenance_equals_its_naive_twin(bucket: naive.Bucket) -> None:
    notional = abs(bucket.size) * bucket.mark
    expected = floor(naive.maintenance(bucket.tiers, Fraction(notional)))
    assert truncated_maintenance(position_of(bucket).tiers, notional) == expected


def test_crossing_a_tier_is_solved_exactly() -> None:
    """50,000 at 2,100 in the second tier (105 million); the solution lies in the first."""
    tiers = ((0, 25), (100_000_000 * USD, 15))
    bucket = naive.Bucket(50_000 * 10**4, 2_100 * 10**2, 10_000_000 * USD, 0, tiers)
    price = liquidation_price(position_of(bucket, 2))
    assert price is not None
    assert round(Fraction(*price) / 100, 10) == round(Fraction(95_000_000, 49_000), 10)
    today = truncated_maintenance(position_of(bucket, 2).tiers, 105_000_000 * USD)
    shortcut = 2_100 - Fraction(10_000_000 * USD - today, 50_000 * USD) / Fraction(98, 100)
    assert round(float(shortcut), 2) == 1940.14
    names = [step.name for step in liquidation_price_steps(position_of(bucket, 2))]
    assert "maintenance on the line of tier 1" in names


def test_no_price() -> None:
    tiers = ((0, 20),)
    rich_long = naive.Bucket(10, 100, 10_000, 0, tiers)
    assert liquidation_price(position_of(rich_long)) is None
    poor_short = naive.Bucket(-10, 100, -2_000, 0, tiers)
    assert liquidation_price(position_of(poor_short)) is None
    with pytest.raises(ValueError, match="empty position"):
        liquidation_price(position_of(naive.Bucket(0, 1, 1, 0, tiers)))


def test_absurdly_large_is_no_price() -> None:
    short = naive.Bucket(-1, 1, 10**17, 0, ((0, 20),))
    assert naive.solution(short) is not None
    assert liquidation_price(position_of(short, 6)) is not None
    assert liquidation_price(position_of(short._replace(equity=10**17 * 10**5), 6)) is None


def test_recorded_isolated_positions() -> None:
    """Every recorded liquidation price, to the last of its eight decimals.

    With the margin not truncated only part of them is met: that is how truncation is known.
    """
    facts = hyperliquid.read()["liquidation_price"]
    met_without_truncation = 0
    for case in facts["isolated"]:
        # Six size decimals, so that a price unit is one USD.
        size = int(Fraction(case["size"]) * 10**6) * (1 if case["side"] == "long" else -1)
        notional = int(Fraction(case["mark"]) * abs(size))
        equity = int(Fraction(case["margin_used"]) * USD)
        tiers = maintenance_tiers((MarginTier(0, case["maximum_leverage"]),))
        position = BucketPosition(size, notional, equity, 0, tiers, 0)
        price = liquidation_price(position)
        assert price is not None
        printed = Fraction(case["liquidation_price"])
        assert round(Fraction(*price), 8) == printed, case
        side = 1 if size > 0 else -1
        rate = Fraction(1, 2 * case["maximum_leverage"])
        available = equity - notional * rate
        exact = Fraction(notional, abs(size)) - side * available / abs(size) / (1 - side * rate)
        met_without_truncation += round(exact, 8) == printed
    assert (len(facts["isolated"]), met_without_truncation) == (21, 10)


def test_recorded_cross_position() -> None:
    facts = hyperliquid.read()["liquidation_price"]
    case = facts["cross"]
    notional = round(Fraction(case["value"]) * USD)
    tiers = maintenance_tiers((MarginTier(0, case["maximum_leverage"]),))
    others = round(Fraction(case["cross_maintenance"]) * USD) - truncated_maintenance(
        tiers, notional
    )
    equity = round(Fraction(case["account_value"]) * USD)
    position = BucketPosition(
        int(Fraction(case["signed_size"]) * 10), notional, equity, others, tiers, 5
    )
    price = liquidation_price(position)
    assert price is not None
    assert round(Fraction(*price) / 10**5, 10) == Fraction(case["liquidation_price"])
