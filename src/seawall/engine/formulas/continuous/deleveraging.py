"""The order in which counterparties are deleveraged, and the price."""

from seawall.domain.codes import CROSS, PREVIOUS_MARK
from seawall.domain.system_accounts import OUTSIDE_ACCOUNT
from seawall.domain.units import MAX_PRICE, RATE_ONE
from seawall.engine.compile import inline, kernel
from seawall.engine.formulas.continuous.margin import bucket_equity, is_in_pool, pool_solvency
from seawall.engine.formulas.shared.fills import released_cash
from seawall.engine.formulas.shared.fixed_point import mul_div_floor
from seawall.engine.formulas.shared.groups import cash_of, group_of
from seawall.engine.tables import PositionRow, State, account_at, market_at, position_at, rules


@inline
def _pool_of(s: State, position: PositionRow) -> int:
    """The group whose cross pool owns a position."""
    return group_of(s, position.account, position.market)


@kernel
def holder_equity(s: State, index: int) -> int:
    """Equity of the bucket that owns a position."""
    position = position_at(s, index)
    if position.mode == CROSS:
        equity, _ = pool_solvency(s, position.account, _pool_of(s, position))
        return equity
    return bucket_equity(s, position)


@kernel
def rank_of(s: State, index: int) -> int:
    """Profit factor x leverage in 1e-9: (mark/entry or entry/mark) x notional / equity.

    -1 for a holder without equity; 0, the last rank, for the account outside.
    """
    position = position_at(s, index)
    if position.account == OUTSIDE_ACCOUNT:
        return 0
    equity = holder_equity(s, index)
    if equity <= 0:
        return -1
    notional = abs(position.signed_size) * market_at(s, position.market).mark_price
    entry = max(1, abs(position.entry_notional))
    if position.signed_size > 0:
        factor = mul_div_floor(RATE_ONE, notional, entry)
    else:
        factor = mul_div_floor(RATE_ONE, entry, max(1, notional))
    return max(1, mul_div_floor(factor, notional, equity))


@inline
def _valuation(s: State, market: int) -> int:
    """The price that deleveraging starts from: the previous mark, or the mark."""
    row = market_at(s, market)
    if rules(s).deleveraging_price == PREVIOUS_MARK and row.previous_mark_price > 0:
        return row.previous_mark_price
    return row.mark_price


@kernel
def value_before(s: State, index: int) -> int:
    """What the bucket of a position would be worth if all of it closed at the valuation prices."""
    own = position_at(s, index)
    if own.mode != CROSS:
        return own.isolated_cash + own.signed_size * _valuation(s, own.market)
    group = _pool_of(s, own)
    total = cash_of(s, own.account, group)
    other = account_at(s, own.account).first_position
    while other >= 0:
        position = position_at(s, other)
        if is_in_pool(s, position, group):
            total += position.signed_size * _valuation(s, position.market)
        other = position.next_of_account
    return total


@kernel
def deleveraging_price(s: State, index: int) -> int:
    """The previous mark, moved in the bucket's favour by what it would still owe at it.

    The debt is put on the position at hand: they are closed largest first, so a small one never
    has to carry it.
    """
    position = position_at(s, index)
    price = _valuation(s, position.market)
    debt = -value_before(s, index)
    size = abs(position.signed_size)
    move = -(-debt // size) if debt > 0 else 0
    if position.signed_size > 0:
        return min(MAX_PRICE, price + move)
    return max(1, price - move)


@kernel
def bearable_size(s: State, index: int, price: int) -> int:
    """How much of a counterparty's position can be closed at ``price`` without owing anything."""
    position = position_at(s, index)
    size = abs(position.signed_size)
    if position.account == OUTSIDE_ACCOUNT:
        return size
    mark = market_at(s, position.market).mark_price
    sign = 1 if position.signed_size > 0 else -1
    if position.mode == CROSS:
        loss = sign * (mark - price)
        equity, _ = pool_solvency(s, position.account, _pool_of(s, position))
        if equity < 0:
            return 0
        if loss <= 0:
            return size
        return min(size, equity // loss)
    share = released_cash(position.isolated_cash, size, size)
    if share + sign * size * price < 0:
        return 0
    return size
