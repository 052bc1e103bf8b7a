"""The liquidation price under block rules: the same boundary as the engine's own margins have."""

from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seawall.accounts.valuation import Valuation
from seawall.domain.enums import MarginMode
from seawall.domain.events import CROSS_POOL
from seawall.domain.holdings import Holdings, Position
from seawall.domain.instrument import Instrument
from seawall.domain.units import PPM
from seawall.engine.account_view import account_margins
from seawall.engine.formulas.blocks.liquidation_price import BlockPosition
from seawall.engine.holding_view import bucket_position, holdings
from seawall.engine.market_view import mark_value
from seawall.venues.dydx.built_in import built_in_instruments
from seawall.venues.dydx.instruments import plain_instrument
from seawall.venues.hyperliquid.instruments import built_in_instruments as plain_markets
from seawall.venues.rulebook_file import load_rulebook

BOOK = load_rulebook("dydx")
MARKETS = [plain_instrument(each) for each in plain_markets() if each.name in ("BTC", "SOL")]


def held(sizes: list[int], prices: list[int], collateral: int) -> Valuation:
    positions = tuple(
        Position(
            market=market, signed_size=size, entry_notional=abs(size) * prices[market],
            mode=MarginMode.CROSS, leverage=1, isolated_margin=0,
        )
        for market, size in enumerate(sizes)
        if size
    )  # fmt: skip
    plan = Holdings(name="x", collateral=collateral, positions=positions)
    return Valuation(plan, BOOK, MARKETS, prices)


@given(
    sizes=st.lists(st.integers(-(10**8), 10**8), min_size=2, max_size=2).filter(any),
    prices=st.lists(st.integers(1, 10**6), min_size=2, max_size=2),
    collateral=st.integers(0, 10**15),
)
@example(sizes=[0, 80_000_000], prices=[100, 600_000], collateral=10**15)  # much open interest
def test_it_is_the_boundary_of_the_engine(
    sizes: list[int], prices: list[int], collateral: int
) -> None:
    valuation = held(sizes, prices, collateral)
    account, engine = valuation.placed.account, valuation.engine
    valuation.at(prices)
    margins = account_margins(engine, account)
    for each in holdings(engine, account, margins):
        assert each.mark == prices[each.market]
        found = bucket_position(engine, each, margins[CROSS_POOL], 1)
        assert isinstance(found, BlockPosition)
        boundary = valuation.boundary(each.market)
        valuation.at(prices)
        price = found.liquidation()
        assert price == (None if boundary is None else (boundary[1], 1))
        own = margins[each.market]
        assert found.maintenance_at(found.oracle_price) == own.maintenance_margin
        assert -(-found.notional * found.initial_ppm // PPM) == own.initial_margin
        assert found.notional == abs(mark_value(engine, each.market, each.signed_size))
        gone = found.bankruptcy()
        if gone is not None and gone[0] >= gone[1]:
            # Beside the price at which nothing is left, net collateral changes its sign.
            around = [prices[:], prices[:]]
            around[0][each.market] = gone[0] // gone[1]
            around[1][each.market] = gone[0] // gone[1] + 1
            left = [valuation.at(at)[CROSS_POOL].equity for at in around]
            assert min(left) <= 0 <= max(left)
            valuation.at(prices)


@pytest.mark.parametrize("of", built_in_instruments(), ids=lambda each: str(each.name))
def test_prices_and_sizes_of_every_market_have_as_few_decimals_as_they_need(of: Instrument) -> None:
    step = Fraction(of.size_step(in_blocks=True)) / Fraction(10) ** of.size_decimals
    for unit, decimals in ((of.price_unit, of.tick_decimals), (step, of.step_decimals)):
        assert (unit * 10**decimals).denominator == 1
        assert decimals == 0 or (unit * 10 ** (decimals - 1)).denominator > 1
