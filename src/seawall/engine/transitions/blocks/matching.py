"""Matching under block rules: price-time, every fill checked on both sides as it happens."""

from seawall.domain.codes import (
    BUY,
    IMMEDIATE_REMAINDER,
    NO_REASON,
    POST_ONLY_WOULD_MATCH,
    REDUCE_ONLY,
    REDUCE_ONLY_CANCELLED,
    SELF_TRADE_CANCELLED,
)
from seawall.engine.compile import kernel
from seawall.engine.formulas.blocks.fees import charged_fee, fee_ppm
from seawall.engine.formulas.blocks.valuation import fill_value
from seawall.engine.formulas.shared.depth import (
    best_opposite,
    crosses,
    reducible,
)
from seawall.engine.tables import (
    SHORT_TERM_ORDER,
    TWAP_LEG,
    State,
    block_market_at,
    block_order_at,
    control,
    level_at,
    order_at,
    position_at,
)
from seawall.engine.transitions.blocks.fills import (
    book_trade,
    check_trade,
    stage_trade,
)
from seawall.engine.transitions.blocks.order_memory import has_memory_room, remember_fill
from seawall.engine.transitions.blocks.updates import clear_updates
from seawall.engine.transitions.shared.cancels import cancel_order
from seawall.engine.transitions.shared.orders import drop_order, find_order


@kernel
def fill_parent(s: State, parent_order_id: int, size: int) -> None:
    """Take a leg's fill off its parent's remaining size, where the parent is still open."""
    parent = find_order(s, parent_order_id)
    if parent >= 0:
        order_at(s, parent).remaining_size -= size


@kernel
def fill_maker(s: State, slot: int, size: int) -> None:
    """Take a fill off a resting order; less than one step left counts as filled completely."""
    order = order_at(s, slot)
    order.remaining_size -= size
    level_at(s, order.level).total_size -= size
    own = block_order_at(s, slot)
    if own.kind == SHORT_TERM_ORDER:
        remember_fill(
            s, order.account, order.client_id_high, order.client_id_low, size, own.good_til
        )
    elif own.kind == TWAP_LEG:
        fill_parent(s, own.parent_order_id, size)
    if order.remaining_size < block_market_at(s, order.market).size_step:
        drop_order(s, slot)


@kernel
def taker_size(s: State, index: int, side: int, size: int, flags: int) -> int:
    """How much a taker may still trade: a reduce-only one at most its position."""
    if flags & REDUCE_ONLY == 0:
        return size
    return min(size, reducible(s, index, side))


@kernel
def trade_with_maker(
    s: State, slot: int, index: int, order_id: int, side: int, size: int, post_only: bool
) -> tuple[int, int, bool]:
    """Try to trade ``size`` with the resting order in ``slot``.

    Returns (size traded, why the taker must stop, whether anything changed). A maker that cannot
    carry the trade is cancelled, and the taker continues.
    """
    maker = order_at(s, slot)
    market = maker.market
    price = maker.price
    delta = size if side == BUY else -size
    quote = fill_value(s, market, size, price)
    paid = quote if side == BUY else -quote
    maker_fee = charged_fee(quote, fee_ppm(s, maker.account, market, False))
    taker_fee = charged_fee(quote, fee_ppm(s, position_at(s, index).account, market, True))
    maker_index = maker.position
    stage_trade(s, maker_index, index, delta, paid, maker_fee, taker_fee)
    maker_reason, taker_reason = check_trade(s, maker_index, index)
    if maker_reason != NO_REASON or taker_reason != NO_REASON or post_only:
        clear_updates(s)
    if maker_reason != NO_REASON:
        cancel_order(s, slot, maker_reason)
    if taker_reason != NO_REASON:
        return 0, taker_reason, maker_reason != NO_REASON
    if maker_reason != NO_REASON:
        return 0, NO_REASON, True
    if post_only:
        return 0, POST_ONLY_WOULD_MATCH, False
    book_trade(
        s, maker_index, maker.order_id, index, order_id, price, delta, paid, maker_fee, taker_fee,
        0,
    )  # fmt: skip
    fill_maker(s, slot, size)
    return size, NO_REASON, True


@kernel
def match(
    s: State,
    index: int,
    order_id: int,
    side: int,
    size: int,
    limit_ticks: int,
    flags: int,
    post_only: bool,
) -> tuple[int, int, bool]:
    """Match a taker of the position row ``index``; returns (unfilled, why it stopped, acted).

    Why: NO_REASON when filled, or nothing more is within the limit. Earlier fills stay when the
    taker stops.
    """
    row = control(s)
    market = position_at(s, index).market
    account = position_at(s, index).account
    step = block_market_at(s, market).size_step
    remaining = size
    acted = False
    while remaining >= step:
        level = best_opposite(s, market, side)
        if level < 0 or not crosses(side, limit_ticks, level_at(s, level).price):
            break
        if row.visits_left <= 0 or not has_memory_room(s):
            return remaining, IMMEDIATE_REMAINDER, acted
        row.visits_left -= 1
        slot = level_at(s, level).first
        maker = order_at(s, slot)
        if maker.account == account:
            cancel_order(s, slot, SELF_TRADE_CANCELLED)
            acted = True
            continue
        wanted = taker_size(s, index, side, remaining, flags)
        if wanted <= 0:
            return remaining, REDUCE_ONLY_CANCELLED, acted
        traded, why, changed = trade_with_maker(
            s, slot, index, order_id, side, min(wanted, maker.remaining_size), post_only
        )
        acted = acted or changed
        remaining -= traded
        if why != NO_REASON:
            return remaining, why, acted
    return remaining, NO_REASON, acted
