"""A match under block rules: staged as two updates, checked, and booked on both sides."""

from seawall.domain.codes import (
    DELEVERAGED,
    LIQUIDATED,
    MATCH_UPDATE,
    NO_REASON,
    ORDER_FILLED,
    TAKER,
)
from seawall.domain.system_accounts import FEE_ACCOUNT
from seawall.engine.compile import kernel
from seawall.engine.formulas.blocks.updates import pool_rejection, update_outcome
from seawall.engine.formulas.shared.fills import split_quote
from seawall.engine.tables import State, account_at, block_market_at, market_at, position_at
from seawall.engine.transitions.blocks.updates import (
    add_update,
    apply_updates,
    clear_updates,
    pool_pays,
)
from seawall.engine.transitions.shared.fills import fill_event

MAKER_UPDATE = 0
TAKER_UPDATE = 1


@kernel
def stage_trade(
    s: State, maker: int, taker: int, delta: int, paid: int, maker_fee: int, taker_fee: int
) -> None:
    """Add a trade between two position rows as updates; ``delta`` signed, of the taker.

    ``paid``: signed micro-USD that the taker pays the maker. A fee is a row of its own, so that
    the first is the trade.
    """
    clear_updates(s)
    one = position_at(s, maker)
    other = position_at(s, taker)
    add_update(s, MAKER_UPDATE, one.account, one.market, -delta, paid)
    add_update(s, TAKER_UPDATE, other.account, other.market, delta, -paid)
    if maker_fee != 0:
        add_update(s, MAKER_UPDATE, one.account, -1, 0, -maker_fee)
    if taker_fee != 0:
        add_update(s, TAKER_UPDATE, other.account, -1, 0, -taker_fee)


@kernel
def _side_outcome(s: State, account: int, number: int) -> int:
    reason = update_outcome(s, MATCH_UPDATE, 2, number)
    if reason != NO_REASON:
        return reason
    return pool_rejection(s, account, number)


@kernel
def check_trade(s: State, maker: int, taker: int) -> tuple[int, int]:
    """(why the maker cannot, why the taker cannot) carry the staged trade."""
    return (
        _side_outcome(s, position_at(s, maker).account, MAKER_UPDATE),
        _side_outcome(s, position_at(s, taker).account, TAKER_UPDATE),
    )


@kernel
def profit_of(s: State, index: int, delta: int, quote: int) -> int:
    """Closed profit that a signed size bought for a signed quote would bring."""
    position = position_at(s, index)
    _, _, profit = split_quote(position.signed_size, position.entry_notional, delta, quote)
    return profit


@kernel
def _note_trade(s: State, market: int, ticks: int) -> None:
    """Widen the range of this block's trade prices, which triggers conditional orders."""
    terms = block_market_at(s, market)
    if terms.lowest_trade == 0 or ticks < terms.lowest_trade:
        terms.lowest_trade = ticks
    terms.highest_trade = max(terms.highest_trade, ticks)
    market_at(s, market).last_trade_price = ticks


@kernel
def book_trade(
    s: State,
    maker: int,
    maker_order: int,
    taker: int,
    taker_order: int,
    ticks: int,
    delta: int,
    paid: int,
    maker_fee: int,
    taker_fee: int,
    flags: int,
) -> None:
    """Book the staged trade: both accounts, fees, pools, volumes and the two fill events.

    ``flags``: of the taker's row.
    """
    one = position_at(s, maker)
    other = position_at(s, taker)
    market = one.market
    maker_profit = profit_of(s, maker, -delta, -paid)
    taker_profit = profit_of(s, taker, delta, paid)
    maker_before, taker_before = one.signed_size, other.signed_size
    apply_updates(s, MATCH_UPDATE, 2)
    clear_updates(s)
    account_at(s, FEE_ACCOUNT).cash += maker_fee + taker_fee
    pool_pays(s, market, maker_fee + taker_fee)
    fill_event(
        s, ORDER_FILLED, maker, maker_order, ticks, -delta, maker_fee, maker_profit, maker_before,
        other.account, 0,
    )  # fmt: skip
    fill_event(
        s, ORDER_FILLED, taker, taker_order, ticks, delta, taker_fee, taker_profit, taker_before,
        one.account, TAKER | flags,
    )  # fmt: skip
    _note_trade(s, market, ticks)
    account_at(s, one.account).day_maker_volume += abs(paid)
    account_at(s, other.account).day_taker_volume += abs(paid)


@kernel
def book_deleveraging(s: State, counterparty: int, taken: int, delta: int, paid: int) -> None:
    """Book the staged closing of two opposite positions against each other; no fees.

    ``delta``: signed size of the position that is closed; ``paid``: signed micro-USD that it pays.
    """
    one = position_at(s, counterparty)
    other = position_at(s, taken)
    one_profit = profit_of(s, counterparty, -delta, -paid)
    other_profit = profit_of(s, taken, delta, paid)
    one_before, other_before = one.signed_size, other.signed_size
    apply_updates(s, MATCH_UPDATE, 2)
    clear_updates(s)
    fill_event(
        s, DELEVERAGED, taken, 0, 0, delta, -paid, other_profit, other_before, one.account,
        LIQUIDATED,
    )  # fmt: skip
    fill_event(
        s, DELEVERAGED, counterparty, 0, 0, -delta, paid, one_profit, one_before, other.account, 0
    )
