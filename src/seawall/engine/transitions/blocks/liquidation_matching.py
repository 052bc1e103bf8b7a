"""Matching of a liquidation order under block rules: price-time, at most its limit.

The account itself cannot stop it; a fill that it cannot carry skips that maker. Limits of the
block and an insurance fund that cannot pay do stop it.
"""

from seawall.domain.codes import (
    BUY,
    INSURANCE_PAID,
    LIQUIDATED,
    LIQUIDATION_FEE_PAID,
    NO_REASON,
    SELF_TRADE_CANCELLED,
    SELL,
)
from seawall.domain.system_accounts import INSURANCE_FUND
from seawall.engine.compile import kernel
from seawall.engine.formulas.blocks.fees import charged_fee, fee_ppm
from seawall.engine.formulas.blocks.liquidation import (
    FILL_ALLOWED,
    current_block,
    liquidation_fill,
)
from seawall.engine.formulas.blocks.valuation import fill_value, position_value
from seawall.engine.formulas.shared.depth import (
    best_opposite,
    crosses,
    next_opposite,
)
from seawall.engine.tables import (
    State,
    account_at,
    block_account_at,
    block_market_at,
    block_position_at,
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
from seawall.engine.transitions.blocks.matching import fill_maker
from seawall.engine.transitions.blocks.order_memory import has_memory_room
from seawall.engine.transitions.blocks.updates import clear_updates, pool_pays
from seawall.engine.transitions.shared.cancels import cancel_order
from seawall.engine.transitions.shared.outbox import emit


@kernel
def _start_counting(s: State, account: int) -> None:
    """Set the account's counters of the block to 0 when they are of an earlier one."""
    used = block_account_at(s, account)
    if used.liquidated_height != current_block(s):
        used.liquidated_height = current_block(s)
        used.liquidated_notional = 0
        used.insurance_lost = 0


@kernel
def count_liquidation(s: State, account: int, notional: int, gain: int) -> None:
    """Count one fill against the account's limits of the block; a fee gives nothing back."""
    _start_counting(s, account)
    used = block_account_at(s, account)
    used.liquidated_notional += notional
    if gain < 0:
        used.insurance_lost -= gain


@kernel
def _move_insurance(s: State, account: int, market: int, gain: int) -> None:
    """Pay a fee (> 0) to the market's insurance fund, or its loss (< 0) from it.

    Cash of the pool and of the fund moves; the account's own was part of the trade.
    """
    pool_pays(s, market, gain)
    terms = block_market_at(s, market)
    if terms.own_pool != 0:
        terms.insurance_cash += gain
    else:
        account_at(s, INSURANCE_FUND).cash += gain
    if gain > 0:
        emit(s, LIQUIDATION_FEE_PAID, NO_REASON, account, market, 0, 0, 0, gain)
    elif gain < 0:
        event = emit(s, INSURANCE_PAID, NO_REASON, account, market, 0, 0, 0, -gain)
        event.counterparty = INSURANCE_FUND


@kernel
def _liquidate_with(s: State, slot: int, index: int, delta: int) -> tuple[int, bool]:
    """Try one fill of a signed size with the resting order in ``slot``: (traded, must stop)."""
    maker = order_at(s, slot)
    account = position_at(s, index).account
    market = maker.market
    price = maker.price
    gain, verdict = liquidation_fill(s, account, index, delta, price)
    if verdict != FILL_ALLOWED:
        return 0, True
    size = abs(delta)
    quote = fill_value(s, market, size, price)
    paid = quote if delta > 0 else -quote
    maker_fee = max(0, charged_fee(quote, fee_ppm(s, maker.account, market, False)))
    maker_index = maker.position
    stage_trade(s, maker_index, index, delta, paid, maker_fee, gain)
    maker_reason, own_reason = check_trade(s, maker_index, index)
    if maker_reason != NO_REASON or own_reason != NO_REASON:
        clear_updates(s)
        if maker_reason != NO_REASON:
            cancel_order(s, slot, maker_reason)
        return 0, False
    notional = abs(position_value(s, market, delta))
    book_trade(
        s, maker_index, maker.order_id, index, 0, price, delta, paid, maker_fee, 0, LIQUIDATED
    )
    count_liquidation(s, account, notional, gain)
    _move_insurance(s, account, market, gain)
    fill_maker(s, slot, size)
    return size, False


@kernel
def _first_of(s: State, level: int) -> int:
    if level < 0:
        return -1
    return level_at(s, level).first


@kernel
def liquidate_position(s: State, index: int, delta: int, limit_ticks: int) -> int:
    """Send one liquidation order for a signed size to the book; returns the size it filled.

    There is no taker fee and no maker rebate. Each position has one such order in a block, whether
    it fills or not.
    """
    row = control(s)
    account = position_at(s, index).account
    market = position_at(s, index).market
    block_position_at(s, index).liquidated_height = current_block(s)
    side = SELL if delta < 0 else BUY
    remaining = abs(delta)
    slot = _first_of(s, best_opposite(s, market, side))
    while remaining > 0 and slot >= 0:
        maker = order_at(s, slot)
        price = maker.price
        if not crosses(side, limit_ticks, price):
            break
        if row.visits_left <= 0 or not has_memory_room(s):
            break
        row.visits_left -= 1
        following = maker.next
        if maker.account == account:
            cancel_order(s, slot, SELF_TRADE_CANCELLED)
        else:
            size = min(remaining, maker.remaining_size)
            traded, stop = _liquidate_with(s, slot, index, size if side == BUY else -size)
            remaining -= traded
            if stop:
                break
        slot = following
        if slot < 0:
            slot = _first_of(s, next_opposite(s, market, side, price))
    return abs(delta) - remaining
