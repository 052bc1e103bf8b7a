"""The same positions held another way, in exact integers."""

import random
from fractions import Fraction

import pytest
from msgspec import structs

from seawall.domain.enums import MarginMode, MarketMargin
from seawall.domain.errors import InputError
from seawall.domain.holdings import Holdings, Position
from seawall.domain.instrument import Instrument, MarginTier
from seawall.lab.paths.variants import (
    as_cross,
    as_isolated,
    at_leverage,
    entered_at,
    hybrid,
    notional_at,
)
from tests.lab.path_cases import INSTRUMENTS, random_case
from tests.rulebooks import DOGE, USD

BTC, ETH = INSTRUMENTS[:2]
PRICES = {"BTC": "100000", "ETH": "4000"}


def position(
    market: int, size: int, entry: int, leverage: int, margin: int | None = None
) -> Position:
    return Position(
        market=market,
        signed_size=size,
        entry_notional=entry,
        mode=MarginMode.CROSS if margin is None else MarginMode.ISOLATED,
        leverage=leverage,
        isolated_margin=margin or 0,
    )


HEDGE = Holdings(
    name="hedge",
    collateral=30_000 * USD,
    positions=(
        # Long 1 BTC from 90 000, so 10 000 up; short 10 ETH from 4100, so 1000 up.
        position(0, 100_000, 90_000 * USD, 10),
        position(1, -100_000, 41_000 * USD, 5, margin=8_000 * USD),
    ),
    orders=(),
)


def pool_of(plan: Holdings) -> int:
    return plan.collateral - sum(each.isolated_margin for each in plan.positions)


def equity_at(plan: Holdings, instruments: tuple[Instrument, ...], prices: dict[str, str]) -> int:
    total = plan.collateral
    for each in plan.positions:
        value = notional_at(each, instruments[each.market], prices)
        total += (value - each.entry_notional) * (1 if each.signed_size > 0 else -1)
    return total


def test_entered_at_the_prices_by_hand() -> None:
    present = entered_at(HEDGE, INSTRUMENTS, PRICES)
    assert present.collateral == 41_000 * USD
    assert [each.entry_notional for each in present.positions] == [100_000 * USD, 40_000 * USD]
    assert [each.isolated_margin for each in present.positions] == [0, 9_000 * USD]
    assert pool_of(present) == 32_000 * USD


def test_one_pool_has_the_same_money() -> None:
    pooled = as_cross(HEDGE)
    assert pool_of(pooled) == pooled.collateral == HEDGE.collateral
    assert {each.mode for each in pooled.positions} == {MarginMode.CROSS}
    assert [e.entry_notional for e in pooled.positions] == [90_000 * USD, 41_000 * USD]


def test_a_market_without_cross_mode_keeps_its_bucket() -> None:
    plan = structs.replace(HEDGE, positions=(position(0, 10, USD, 2, margin=USD),))
    alone = structs.replace(DOGE, margin=MarketMargin.ISOLATED_ONLY)
    assert as_cross(plan, [alone]) == plan
    assert hybrid(plan, [alone], {"DOGE": "0.1"}, []).positions[0].mode == MarginMode.ISOLATED


@pytest.mark.parametrize(
    ("share", "margins", "pool"),
    [
        # Initial margins are 10 000 and 8000, so 5/9 and 4/9 of 41 000.
        ("margin", [22_777_777_777, 18_222_222_222], 1),
        ("notional", [29_285_714_285, 11_714_285_714], 1),
        ("own", [10_000 * USD, 8_000 * USD], 23_000 * USD),
    ],
)
def test_every_position_in_its_own_bucket_by_hand(share, margins, pool) -> None:  # type: ignore[no-untyped-def]
    apart = as_isolated(HEDGE, INSTRUMENTS, PRICES, share)
    assert [each.isolated_margin for each in apart.positions] == margins
    assert {each.mode for each in apart.positions} == {MarginMode.ISOLATED}
    assert pool_of(apart) == pool
    assert apart.collateral == 41_000 * USD


def test_hybrid_leaves_the_rest_to_the_pool() -> None:
    split = hybrid(HEDGE, INSTRUMENTS, PRICES, ["ETH"])
    assert [each.mode for each in split.positions] == [MarginMode.CROSS, MarginMode.ISOLATED]
    assert split.positions[1].isolated_margin == 18_222_222_222
    assert pool_of(split) == 41_000 * USD - 18_222_222_222


def test_hybrid_names_what_it_does_not_know() -> None:
    with pytest.raises(InputError, match=r"hedge: isolated market: 'SOL' has no position.*ETH"):
        hybrid(HEDGE, INSTRUMENTS, PRICES, ["SOL"])


def test_leverage_by_hand() -> None:
    half = at_leverage(HEDGE, INSTRUMENTS, PRICES, 7)
    assert half.collateral == 20_000 * USD
    # The bucket had 9 of 41 parts.
    assert half.positions[1].isolated_margin == 20_000 * USD * 9 // 41
    assert [each.leverage for each in half.positions] == [7, 7]


@pytest.mark.parametrize("leverage", [0.5, 1, 1.3, 2.5, Fraction(10, 3), 9.99])
def test_leverage_is_notional_over_equity(leverage: float | Fraction) -> None:
    plan = at_leverage(HEDGE, INSTRUMENTS, PRICES, leverage)
    equity = equity_at(plan, INSTRUMENTS, PRICES)
    assert (
        abs(140_000 * USD - equity * Fraction(leverage).limit_denominator(10**6)) < 2 * leverage + 1
    )
    shares = [each.isolated_margin / plan.collateral for each in plan.positions]
    assert shares == pytest.approx([0, 9 / 41], abs=1e-9)


def test_too_much_leverage_names_who_forbids_it_and_what_is_allowed() -> None:
    # The pool has 32/41 of the money and holds 100 000 at 40 at most: 2500 of the 3203 needed.
    with pytest.raises(InputError, match=r"hedge: leverage: 60 is more than the pool allows"):
        at_leverage(as_cross(HEDGE), INSTRUMENTS, PRICES, 60)
    with pytest.raises(InputError, match=r"leverage: 24 is more than ETH allows; at most 19.2"):
        # 9/41 of the money for 40 000 USD at 25 at most.
        at_leverage(HEDGE, [BTC, structs.replace(ETH, tiers=ETH.tiers[:1])], PRICES, 24)
    highest = 140_000 / (41 / 9 * 40_000 / 25)
    assert f"{int(highest * 100) / 100:g}" == "19.2"


def test_a_large_position_is_allowed_less() -> None:
    large = Holdings(
        name="large",
        collateral=200_000 * USD,
        positions=(position(1, 400_000, 160_000 * USD, 5),),
        orders=(),
    )
    at_leverage(large, INSTRUMENTS, PRICES, 10)
    with pytest.raises(InputError, match=r"leverage: 11 is more than the pool allows; at most 10"):
        at_leverage(large, INSTRUMENTS, PRICES, 11)


@pytest.mark.parametrize("leverage", [0, -1])
def test_leverage_must_be_above_zero(leverage: int) -> None:
    with pytest.raises(InputError, match="should be above 0"):
        at_leverage(HEDGE, INSTRUMENTS, PRICES, leverage)


def test_an_account_without_equity_is_refused() -> None:
    poor = structs.replace(HEDGE, collateral=8_000 * USD)
    with pytest.raises(InputError, match=r"the pool has an equity of -10000 USD"):
        entered_at(poor, INSTRUMENTS, {"BTC": "80000", "ETH": "4000"})
    with pytest.raises(InputError, match=r"the pool has an equity of"):
        as_isolated(poor, INSTRUMENTS, {"BTC": "80000", "ETH": "4000"})


def test_variants_keep_equity_at_every_price() -> None:
    dice = random.Random(5)
    for number in range(60):
        case = random_case(number)
        prices = case.prices(INSTRUMENTS)
        names = [INSTRUMENTS[each.market].name for each in case.plan.positions]
        variants = [
            as_cross(case.plan),
            entered_at(case.plan, INSTRUMENTS, prices),
            as_isolated(case.plan, INSTRUMENTS, prices, "notional"),
            hybrid(case.plan, INSTRUMENTS, prices, names[:1]),
        ]
        elsewhere = {
            each.name: str(
                round(float(prices[each.name]) * dice.uniform(0.5, 2), each.price_decimals)
            )
            for each in INSTRUMENTS
        }
        for at in (prices, elsewhere):
            expected = equity_at(case.plan, INSTRUMENTS, at)
            assert [equity_at(each, INSTRUMENTS, at) for each in variants] == [expected] * 4
        for each in variants:
            assert pool_of(each) >= 0
            assert [p.signed_size for p in each.positions] == [
                p.signed_size for p in case.plan.positions
            ]


def test_tiers_are_those_of_the_instruments() -> None:
    """The figures that the cases above count on."""
    assert ETH.tiers[:2] == (MarginTier(0, 25), MarginTier(100_000 * USD, 10))
