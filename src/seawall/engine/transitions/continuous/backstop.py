"""The backstop and the insurance fund: buckets move to the backstop account, deficits are paid."""

from seawall.domain.codes import (
    BACKSTOP_TAKEN_OVER,
    CROSS,
    INSURANCE_PAID,
    NO_REASON,
)
from seawall.domain.system_accounts import BACKSTOP_ACCOUNT, INSURANCE_FUND
from seawall.engine.compile import inline, kernel
from seawall.engine.formulas.continuous.margin import (
    cross_risk,
    has_cross_position,
    maintenance_margin,
)
from seawall.engine.formulas.shared.fills import closed_entry, closing_part
from seawall.engine.formulas.shared.positions import find_position, has_position_room
from seawall.engine.tables import (
    PositionRow,
    State,
    account_at,
    market_at,
    position_at,
)
from seawall.engine.transitions.shared.cancels import cancel_obsolete_after_fill
from seawall.engine.transitions.shared.outbox import emit
from seawall.engine.transitions.shared.positions import mark_dirty, position_of


@inline
def in_bucket(position: PositionRow, index: int, own: int) -> bool:
    """Whether a row (number ``own``) belongs to the bucket ``index``; -1 is the cross pool."""
    if index >= 0:
        return own == index
    return position.mode == CROSS


@kernel
def _add_at_mark(s: State, index: int, delta: int, cash: int) -> None:
    """Add a signed size at mark, with its raw cash, to a cross position row."""
    position = position_at(s, index)
    market = market_at(s, position.market)
    market.open_interest -= max(0, position.signed_size)
    closing = closing_part(position.signed_size, delta)
    if closing > 0:
        size = abs(position.signed_size)
        position.entry_notional -= closed_entry(position.entry_notional, closing, size)
    opening = abs(delta) - closing
    sign = 1 if delta > 0 else -1
    position.entry_notional += sign * opening * market.mark_price
    before = position.signed_size
    position.signed_size += delta
    market.open_interest += max(0, position.signed_size)
    account_at(s, position.account).cash += cash
    mark_dirty(s, position.account)
    cancel_obsolete_after_fill(s, index, before)


@kernel
def _move_to_backstop(s: State, own: int, cash: int) -> None:
    """Move one position with ``cash`` to the backstop account."""
    position = position_at(s, own)
    market = market_at(s, position.market)
    target = position_of(s, BACKSTOP_ACCOUNT, position.market)
    size = position.signed_size
    event = emit(
        s, BACKSTOP_TAKEN_OVER, NO_REASON, position.account, position.market, 0,
        market.mark_price, abs(size), cash,
    )  # fmt: skip
    event.position_size = size
    event.counterparty = BACKSTOP_ACCOUNT
    market.open_interest -= max(0, size)
    position.signed_size = 0
    position.entry_notional = 0
    mark_dirty(s, position.account)
    _add_at_mark(s, target, size, cash)


@kernel
def _backstop_can_carry(s: State, account: int, index: int) -> bool:
    """Whether the backstop stays above its own maintenance after taking the bucket at mark."""
    equity, _, maintenance, _ = cross_risk(s, BACKSTOP_ACCOUNT)
    if index < 0:
        equity += account_at(s, account).cash
    own = account_at(s, account).first_position
    while own >= 0:
        position = position_at(s, own)
        if position.signed_size != 0 and in_bucket(position, index, own):
            row = market_at(s, position.market)
            equity += position.signed_size * row.mark_price + position.isolated_cash
            target = find_position(s, BACKSTOP_ACCOUNT, position.market)
            held = 0
            schedule = row.schedule
            if target >= 0:
                held = position_at(s, target).signed_size
                schedule = position_at(s, target).schedule
            elif not has_position_room(s):
                return False
            after = abs(held + position.signed_size) * row.mark_price
            maintenance += maintenance_margin(s, schedule, after)
            maintenance -= maintenance_margin(s, schedule, abs(held) * row.mark_price)
        own = position.next_of_account
    return equity >= maintenance


@kernel
def move_bucket_to_backstop(s: State, account: int, index: int, unconditionally: bool) -> bool:
    """Move a bucket's positions and cash to the backstop; False when the backstop cannot carry it.

    ``unconditionally``: the bucket has just been paid up to zero, so it brings no loss.
    """
    if not unconditionally and not _backstop_can_carry(s, account, index):
        return False
    owner = account_at(s, account)
    cash = 0
    if index < 0:
        cash = owner.cash
        owner.cash = 0
    own = owner.first_position
    while own >= 0:
        position = position_at(s, own)
        following = position.next_of_account
        if position.signed_size != 0 and in_bucket(position, index, own):
            cash += position.isolated_cash
            position.isolated_cash = 0
            _move_to_backstop(s, own, cash)
            cash = 0
        own = following
    return True


@kernel
def backstop_bears(s: State, account: int, market: int, loss: int) -> None:
    """Charge a loss (> 0) that no account covers to the backstop; its cash may go below zero."""
    account_at(s, BACKSTOP_ACCOUNT).cash -= loss
    mark_dirty(s, BACKSTOP_ACCOUNT)
    event = emit(s, INSURANCE_PAID, NO_REASON, account, market, 0, 0, 0, loss)
    event.counterparty = BACKSTOP_ACCOUNT


@kernel
def bear_empty_pool(s: State, account: int) -> None:
    """Charge the negative cash of a pool without positions to the backstop."""
    owner = account_at(s, account)
    if owner.is_system == 0 and owner.cash < 0 and not has_cross_position(s, account):
        backstop_bears(s, account, -1, -owner.cash)
        owner.cash = 0


@kernel
def pay_from_insurance(s: State, account: int, index: int, deficit: int) -> None:
    """Pay a deficit from the insurance fund if it can; the backstop then takes the bucket at 0."""
    fund = account_at(s, INSURANCE_FUND)
    if fund.cash < deficit or not has_position_room(s):
        return
    fund.cash -= deficit
    if index < 0:
        account_at(s, account).cash += deficit
    else:
        position_at(s, index).isolated_cash += deficit
    market = position_at(s, index).market if index >= 0 else -1
    event = emit(s, INSURANCE_PAID, NO_REASON, account, market, 0, 0, 0, deficit)
    event.counterparty = INSURANCE_FUND
    move_bucket_to_backstop(s, account, index, True)
