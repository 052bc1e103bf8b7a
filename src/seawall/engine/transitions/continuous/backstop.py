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
    has_cross_position,
    maintenance_margin,
    pool_solvency,
)
from seawall.engine.formulas.shared.fills import closed_entry, closing_part
from seawall.engine.formulas.shared.groups import (
    cash_of,
    collateral_of,
    group_of,
    group_of_index,
    pool_index,
)
from seawall.engine.formulas.shared.positions import find_position, has_position_room
from seawall.engine.tables import (
    PositionRow,
    State,
    account_at,
    market_at,
    position_at,
)
from seawall.engine.transitions.shared.cancels import cancel_obsolete_after_fill
from seawall.engine.transitions.shared.cash import add_cash, add_cash_in
from seawall.engine.transitions.shared.orders import forced_order_id
from seawall.engine.transitions.shared.outbox import emit
from seawall.engine.transitions.shared.positions import mark_dirty, position_of


@inline
def in_bucket(s: State, position: PositionRow, index: int, own: int) -> bool:
    """Whether a row (number ``own``) belongs to the bucket ``index``, below 0 a cross pool."""
    if index >= 0:
        return own == index
    if position.mode != CROSS:
        return False
    return group_of(s, position.account, position.market) == group_of_index(index)


@inline
def bucket_group(s: State, account: int, index: int) -> int:
    """The margin group of a bucket."""
    if index < 0:
        return group_of_index(index)
    return group_of(s, account, position_at(s, index).market)


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
    add_cash_in(s, position.account, position.market, cash)
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
        s, BACKSTOP_TAKEN_OVER, NO_REASON, position.account, position.market, forced_order_id(s),
        market.mark_price, abs(size), cash,
    )  # fmt: skip
    event.position_size = size
    event.closed_profit = size * market.mark_price - position.entry_notional
    event.counterparty = BACKSTOP_ACCOUNT
    market.open_interest -= max(0, size)
    position.signed_size = 0
    position.entry_notional = 0
    mark_dirty(s, position.account)
    _add_at_mark(s, target, size, cash)


@kernel
def _backstop_can_carry(s: State, account: int, index: int) -> bool:
    """Whether the backstop stays above its own maintenance after taking the bucket at mark."""
    group = bucket_group(s, account, index)
    equity, maintenance = pool_solvency(s, BACKSTOP_ACCOUNT, collateral_of(s, group))
    if index < 0:
        equity += cash_of(s, account, group)
    own = account_at(s, account).first_position
    while own >= 0:
        position = position_at(s, own)
        if position.signed_size != 0 and in_bucket(s, position, index, own):
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
        cash = cash_of(s, account, group_of_index(index))
        add_cash(s, account, group_of_index(index), -cash)
    own = owner.first_position
    while own >= 0:
        position = position_at(s, own)
        following = position.next_of_account
        if position.signed_size != 0 and in_bucket(s, position, index, own):
            cash += position.isolated_cash
            position.isolated_cash = 0
            _move_to_backstop(s, own, cash)
            cash = 0
        own = following
    return True


@kernel
def backstop_bears(s: State, account: int, market: int, loss: int) -> None:
    """Charge a loss (> 0) that no account covers to the backstop; its cash may go below zero.

    ``market``: whose bucket owes it, or below 0 the ``pool_index`` of a group.
    """
    group = group_of_index(market)
    if market >= 0:
        group = group_of(s, account, market)
    add_cash(s, BACKSTOP_ACCOUNT, collateral_of(s, group), -loss)
    mark_dirty(s, BACKSTOP_ACCOUNT)
    event = emit(s, INSURANCE_PAID, NO_REASON, account, market, 0, 0, 0, loss)
    event.counterparty = BACKSTOP_ACCOUNT


@kernel
def bear_empty_pool(s: State, account: int, group: int) -> None:
    """Charge the negative cash of a group's pool without positions to the backstop."""
    cash = cash_of(s, account, group)
    if account_at(s, account).is_system != 0 or cash >= 0:
        return
    if not has_cross_position(s, account, group):
        backstop_bears(s, account, pool_index(group), -cash)
        add_cash(s, account, group, -cash)


@kernel
def pay_from_insurance(s: State, account: int, index: int, deficit: int) -> None:
    """Pay a deficit from the insurance fund if it can; the backstop then takes the bucket at 0."""
    group = bucket_group(s, account, index)
    fund = collateral_of(s, group)
    if cash_of(s, INSURANCE_FUND, fund) < deficit or not has_position_room(s):
        return
    add_cash(s, INSURANCE_FUND, fund, -deficit)
    if index < 0:
        add_cash(s, account, group, deficit)
    else:
        position_at(s, index).isolated_cash += deficit
    market = position_at(s, index).market if index >= 0 else index
    event = emit(s, INSURANCE_PAID, NO_REASON, account, market, 0, 0, 0, deficit)
    event.counterparty = INSURANCE_FUND
    move_bucket_to_backstop(s, account, index, True)
