"""Whether an account can carry a fill."""

from seawall.domain.codes import CROSS
from seawall.engine.compile import inline
from seawall.engine.formulas.continuous.margin import (
    hold_after_credit,
    initial_margin,
    pool_without,
)
from seawall.engine.formulas.shared.fills import closing_part, released_cash
from seawall.engine.formulas.shared.groups import group_of
from seawall.engine.tables import State, account_at, market_at, position_at, rules


@inline
def cross_fill_allowed(
    s: State, index: int, delta: int, price: int, fee: int, holds_count: bool
) -> bool:
    """Whether the pool has the initial margin of an opening fill, or stays above 0 in a closing."""
    position = position_at(s, index)
    mark = market_at(s, position.market).mark_price
    group = group_of(s, position.account, position.market)
    equity, initial, holds = pool_without(s, position.account, group, index)
    size_after = position.signed_size + delta
    equity += size_after * mark - delta * price
    closing = closing_part(position.signed_size, delta)
    if closing == abs(delta):
        return equity - fee >= 0
    margin = initial_margin(abs(size_after) * mark, position.leverage)
    required = initial + margin
    if holds_count:
        required += holds + hold_after_credit(
            size_after, CROSS, position.buy_hold, position.sell_hold, margin, 0
        )
    if rules(s).reserve_fee != 0:
        required += max(0, fee)
    return equity - fee >= 0 and equity >= required


@inline
def isolated_fill_allowed(
    s: State, index: int, delta: int, price: int, fee: int, holds_count: bool
) -> bool:
    """Whether a close releases no negative cash and the pool can pay the margin of what opens."""
    position = position_at(s, index)
    mark = market_at(s, position.market).mark_price
    size = position.signed_size
    closing = closing_part(size, delta)
    sign = 1 if delta > 0 else -1
    opening = abs(delta) - closing
    released = 0
    bucket = position.isolated_cash
    if closing > 0:
        share = released_cash(position.isolated_cash, closing, abs(size))
        released = share - sign * closing * price
        bucket -= share
        if released - (fee if opening == 0 else 0) < 0:
            return False
    if opening == 0:
        return True
    margin = initial_margin(opening * price, position.leverage)
    size_after = size + delta
    bucket += margin - sign * opening * price + size_after * mark
    if bucket - fee < 0:
        return False
    group = group_of(s, position.account, position.market)
    equity, initial, holds = pool_without(s, position.account, group, index)
    equity += released - margin
    if holds_count:
        margin_after = initial_margin(abs(size_after) * mark, position.leverage)
        initial += holds + hold_after_credit(
            size_after,
            position.mode,
            position.buy_hold,
            position.sell_hold,
            margin_after,
            bucket,
        )
    return equity >= initial


@inline
def fill_allowed(s: State, index: int, delta: int, price: int, fee: int, holds_count: bool) -> bool:
    """Whether the position's owner can carry a fill of signed size ``delta`` at ``price``.

    ``holds_count``: whether margin held by other resting orders is out of reach (it is for a
    taker). System accounts always can.
    """
    position = position_at(s, index)
    if account_at(s, position.account).is_system != 0:
        return True
    if position.mode == CROSS:
        return cross_fill_allowed(s, index, delta, price, fee, holds_count)
    return isolated_fill_allowed(s, index, delta, price, fee, holds_count)
