"""An account placed in an engine: where its positions are, what is refused, that money adds up."""

import numpy as np
import pytest

from seawall.accounts.markets import markets_under, shipped_markets
from seawall.domain.commands import Withdraw
from seawall.domain.enums import MarginMode, OrderFlag, Reason, Side
from seawall.domain.events import CROSS_POOL
from seawall.domain.holdings import Holdings, OpenOrder, Position
from seawall.domain.units import MICRO
from seawall.engine.account_view import account_margins
from seawall.engine.engine import Engine
from seawall.engine.layout import Limits
from seawall.engine.placement import (
    PlacedAccount,
    Placement,
    PlacementError,
    write_account,
    write_prices,
)
from seawall.venues.rulebook_file import load_rulebook

pytestmark = pytest.mark.timeout(600)
RULEBOOKS = ("hyperliquid", "dydx")
PRICES = np.asarray([1_000_000, 200_000])
"""Units: BTC at 100,000 and ETH at 2,000 USD."""


def position(market: int, size: int, margin: int = 0, leverage: int = 10) -> Position:
    return Position(
        market=market,
        signed_size=size,
        entry_notional=abs(size) * int(PRICES[market]),
        mode=MarginMode.ISOLATED if margin else MarginMode.CROSS,
        leverage=leverage,
        isolated_margin=margin,
    )


HELD = Holdings(
    name="one cross, one isolated",
    collateral=30_000 * MICRO,
    positions=(position(0, 100_000), position(1, -100_000, margin=4_000 * MICRO)),
)


def placement_under(rulebook: str) -> Placement:
    book, shipped = load_rulebook(rulebook), shipped_markets()
    instruments = markets_under(book, [shipped["BTC"], shipped["ETH"]], shipped)
    scale = [10**each.price_decimals for each in instruments]
    assert scale == [10, 100]
    placement = Placement(Engine.create(book, list(instruments), Limits(accounts=32)))
    placement.prices(1, PRICES, PRICES)
    return placement


def placed_under(rulebook: str) -> tuple[Placement, PlacedAccount]:
    placement = placement_under(rulebook)
    return placement, placement.account(1, HELD)


@pytest.mark.parametrize("rulebook", RULEBOOKS)
def test_an_isolated_position_is_a_bucket_or_a_child_with_its_margin(rulebook: str) -> None:
    placement, placed = placed_under(rulebook)
    assert placed.buckets == {CROSS_POOL: (0,), 1: (1,)}
    assert [placed.bucket_of(market) for market in (0, 1)] == [CROSS_POOL, 1]
    assert placed.owner_of(0) == placed.account
    assert (placed.owner_of(1) != placed.account) is (rulebook == "dydx")
    assert placed.accounts == [placed.account, *placed.children]
    margins = account_margins(placement.engine, placed.owner_of(1))
    bucket = margins[CROSS_POOL if placed.children else 1]
    assert bucket.equity == 4_000 * MICRO
    assert account_margins(placement.engine, placed.account)[CROSS_POOL].equity == 26_000 * MICRO
    assert placement.deposits == 30_000 * MICRO
    assert placement.is_conserved()


@pytest.mark.parametrize("rulebook", RULEBOOKS)
def test_withdrawals_are_what_the_engine_counts(rulebook: str) -> None:
    placement, placed = placed_under(rulebook)
    assert placement.withdrawals == 0
    placement.engine.apply(Withdraw(time_ms=1, account=placed.account, amount=5 * MICRO))
    assert placement.withdrawals == 5 * MICRO
    assert placement.is_conserved()
    placement.engine.tables["accounts"]["cash"][placed.account] += 1
    assert not placement.is_conserved()


def test_the_engine_s_reason_is_in_the_error() -> None:
    placement = placement_under("hyperliquid")
    wrong = Holdings(name="wrong", collateral=MICRO, positions=(position(1, 10, leverage=1_000),))
    with pytest.raises(PlacementError, match=r"the position in ETH: .*INVALID_LEVERAGE") as caught:
        placement.account(1, wrong)
    assert caught.value.reason == Reason.INVALID_LEVERAGE
    assert caught.value.what == "the position in ETH"
    with pytest.raises(PlacementError, match=r"the price of ETH: .*INVALID_PRICE"):
        placement.prices(1, np.asarray([1, 0]), np.asarray([1, 1]))


def test_open_orders_go_to_the_owner_with_a_protection_price() -> None:
    placement, placed = placed_under("hyperliquid")
    stop = OpenOrder(
        market=0, side=Side.SELL, size=100_000, price=0, trigger_price=900_000,
        take_profit=False, reduce_only=True,
    )  # fmt: skip
    limit = OpenOrder(
        market=1, side=Side.BUY, size=1_000, price=100_000, trigger_price=0,
        take_profit=False, reduce_only=False,
    )  # fmt: skip
    placement.orders(1, placed, (stop, limit), lambda market, units: units)
    orders = placement.engine.tables["orders"]
    resting = orders[orders["account"] == placed.account]
    by_market = {int(each["market"]): each for each in resting}
    assert int(by_market[0]["price"]) == 810_000
    assert int(by_market[0]["flags"]) & OrderFlag.TRIGGER
    assert int(by_market[1]["price"]) == 100_000
    bad = OpenOrder(
        market=1, side=Side.BUY, size=0, price=100_000, trigger_price=0,
        take_profit=False, reduce_only=False,
    )  # fmt: skip
    with pytest.raises(PlacementError, match=r"order 2 \(ETH\): .*ZERO_SIZE"):
        placement.orders(1, placed, (limit, bad), lambda market, units: units)


def test_a_written_account_is_worth_what_a_placed_one_is() -> None:
    """Also one that no command would create."""
    placement, placed = placed_under("dydx")
    engine = placement.engine
    pool = engine.tables["accounts"]["cash"][placed.account]
    twin = write_account(engine, int(pool), [(0, 100_000)])
    for price in (1_000_000, 700_000, 1):
        write_prices(engine, [price, 200_000])
        here, there = (account_margins(engine, each)[CROSS_POOL] for each in (placed.account, twin))
        assert here == there
    write_prices(engine, PRICES.tolist())
    under = write_account(engine, -5 * MICRO, [])
    assert account_margins(engine, under)[CROSS_POOL].equity == -5 * MICRO
