"""Price-time matching: a taker trades with one resting order after another until it must stop."""

from seawall.domain.codes import (
    BANKRUPTCY,
    BUY,
    IMMEDIATE_REMAINDER,
    LIQUIDATED,
    LIQUIDATION,
    MARGIN_CANCELLED,
    NO_REASON,
    REDUCE_ONLY,
    REDUCE_ONLY_CANCELLED,
    SELF_TRADE_CANCELLED,
)
from seawall.engine.compile import inline, kernel
from seawall.engine.formulas.continuous.fees import fee_of
from seawall.engine.formulas.continuous.fills import fill_allowed
from seawall.engine.formulas.continuous.margin import initial_margin
from seawall.engine.formulas.shared.depth import (
    best_opposite,
    crosses,
    reducible,
)
from seawall.engine.tables import (
    OrderRow,
    State,
    account_at,
    control,
    level_at,
    order_at,
    position_at,
    prefetch_account,
    prefetch_order,
    prefetch_position,
    rules,
)
from seawall.engine.transitions.continuous.fills import book_trade
from seawall.engine.transitions.shared.cancels import (
    cancel_obsolete_after_fill,
    cancel_order,
    cancel_siblings,
    finish_order,
)
from seawall.engine.transitions.shared.orders import set_hold


@inline
def _maker_size(s: State, maker: OrderRow, wanted: int) -> int:
    """What the resting order can give: a reduce-only one at most its position."""
    size = min(wanted, maker.remaining_size)
    if maker.flags & REDUCE_ONLY != 0:
        size = min(size, reducible(s, maker.position, maker.side))
    return size


@inline
def _taker_allowed(s: State, index: int, delta: int, price: int, fee: int, flags: int) -> bool:
    """Whether the taker can carry a fill; a liquidation always can."""
    if flags & LIQUIDATION != 0 and rules(s).liquidation_price_limit != BANKRUPTCY:
        return True
    return fill_allowed(s, index, delta, price, fee, flags & LIQUIDATION == 0)


@inline
def _reduce_maker(s: State, slot: int, size: int) -> None:
    """Take a fill off a resting order: its level, its hold, and the order when it is complete."""
    order = order_at(s, slot)
    order.remaining_size -= size
    level_at(s, order.level).total_size -= size
    if order.next_child >= 0:
        cancel_siblings(s, slot)
    if order.remaining_size == 0:
        finish_order(s, slot)
    elif order.hold != 0:
        leverage = position_at(s, order.position).leverage
        set_hold(s, slot, initial_margin(order.remaining_size * order.price, leverage))


@inline
def _trade(
    s: State,
    slot: int,
    index: int,
    order_id: int,
    side: int,
    size: int,
    fees: tuple[int, int],
    flags: int,
) -> None:
    """Book one trade against the resting order in ``slot`` and everything that follows from it."""
    maker = order_at(s, slot)
    maker_index = maker.position
    maker_before = position_at(s, maker_index).signed_size
    taker_before = position_at(s, index).signed_size
    role = LIQUIDATED if flags & LIQUIDATION != 0 else 0
    book_trade(s, maker_index, maker.order_id, index, order_id, side, size, maker.price, fees, role)
    _reduce_maker(s, slot, size)
    cancel_obsolete_after_fill(s, maker_index, maker_before)
    cancel_obsolete_after_fill(s, index, taker_before)


@inline
def _prefetch_next(s: State, maker: OrderRow) -> None:
    """Prefetch what the next fill at this price needs."""
    following = maker.next
    if following >= 0:
        other = order_at(s, following)
        prefetch_position(s, other.position)
        prefetch_account(s, other.account)
        if other.next >= 0:
            prefetch_order(s, other.next)


@kernel
def match(
    s: State, index: int, order_id: int, side: int, size: int, limit_price: int, flags: int
) -> tuple[int, int, bool]:
    """Match a taker of the position row ``index``; returns (unfilled size, why it stopped, acted).

    Why: NO_REASON when filled or nothing more is within the limit. ``acted``: whether anything
    changed, even if only a resting order was cancelled.
    """
    position = position_at(s, index)
    taker_rate = account_at(s, position.account).taker_rate
    remaining = size
    acted = False
    row = control(s)
    while remaining > 0:
        level = best_opposite(s, position.market, side)
        if level < 0:
            break
        price = level_at(s, level).price
        if not crosses(side, limit_price, price):
            break
        if row.visits_left <= 0:
            return remaining, IMMEDIATE_REMAINDER, acted
        row.visits_left -= 1
        slot = level_at(s, level).first
        maker = order_at(s, slot)
        _prefetch_next(s, maker)
        if maker.account == position.account:
            # What is left of a reduce-only taker without a position ends before its own orders.
            if flags & REDUCE_ONLY != 0 and reducible(s, index, side) <= 0:
                return remaining, REDUCE_ONLY_CANCELLED, acted
            cancel_order(s, slot, SELF_TRADE_CANCELLED)
            acted = True
            continue
        wanted = remaining
        if flags & REDUCE_ONLY != 0:
            wanted = min(wanted, reducible(s, index, side))
            if wanted <= 0:
                return remaining, REDUCE_ONLY_CANCELLED, acted
        traded = _maker_size(s, maker, wanted)
        if traded <= 0:
            cancel_order(s, slot, REDUCE_ONLY_CANCELLED)
            acted = True
            continue
        delta = traded if side == BUY else -traded
        maker_fee = fee_of(traded * price, account_at(s, maker.account).maker_rate)
        if not fill_allowed(s, maker.position, -delta, price, maker_fee, False):
            cancel_order(s, slot, MARGIN_CANCELLED)
            acted = True
            continue
        taker_fee = fee_of(traded * price, taker_rate)
        if not _taker_allowed(s, index, delta, price, taker_fee, flags):
            return remaining, MARGIN_CANCELLED, acted
        _trade(s, slot, index, order_id, side, traded, (maker_fee, taker_fee), flags)
        acted = True
        remaining -= traded
    return remaining, NO_REASON, acted
