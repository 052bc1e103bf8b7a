"""Who is deleveraged first, and at which price."""

from seawall.domain.codes import BANKRUPTCY_PRICE, CROSS
from seawall.engine.compile import kernel
from seawall.engine.formulas.fixed_point import RATE, mul_div_floor
from seawall.engine.formulas.margin import bucket_equity, cross_risk
from seawall.engine.formulas.profit import released_cash
from seawall.engine.tables import account_at, market_at, position_at, rules

OUTSIDE = 4


@kernel
def holder_equity(s, index):
    """Equity of the bucket that owns a position."""
    position = position_at(s, index)
    if position.mode == CROSS:
        equity, _, _, _ = cross_risk(s, position.account)
        return equity
    return bucket_equity(s, position)


@kernel
def rank_of(s, index):
    """Profit factor x leverage in 1e-9: (mark/entry or entry/mark) x notional / equity.

    -1 for a holder without equity; the account for the world outside ranks last with 0.
    """
    position = position_at(s, index)
    if position.account == OUTSIDE:
        return 0
    equity = holder_equity(s, index)
    if equity <= 0:
        return -1
    notional = abs(position.signed_size) * market_at(s, position.market).mark_price
    entry = max(1, abs(position.entry_notional))
    if position.signed_size > 0:
        factor = mul_div_floor(RATE, notional, entry)
    else:
        factor = mul_div_floor(RATE, entry, max(1, notional))
    return max(1, mul_div_floor(factor, notional, equity))


@kernel
def zero_price(s, index):
    """The best whole price for the counterparty that leaves the bucket at zero or above.

    Only for the last position of its bucket: the bucket's cash is all there is beside it.
    """
    position = position_at(s, index)
    cash = position.isolated_cash
    if position.mode == CROSS:
        cash = account_at(s, position.account).cash
    size = abs(position.signed_size)
    if position.signed_size > 0:
        return max(1, -(cash // size))
    return max(1, cash // size)


@kernel
def deleveraging_price(s, index, is_last):
    """The previous mark, or the price that leaves nothing owed when better for the bucket."""
    position = position_at(s, index)
    row = market_at(s, position.market)
    price = row.previous_mark_price if row.previous_mark_price > 0 else row.mark_price
    if not is_last:
        return price
    zero = zero_price(s, index)
    if rules(s).deleveraging_price == BANKRUPTCY_PRICE:
        return zero
    return max(price, zero) if position.signed_size > 0 else min(price, zero)


@kernel
def bearable_size(s, index, price):
    """How much of a counterparty's position can be closed at ``price`` without owing anything."""
    position = position_at(s, index)
    size = abs(position.signed_size)
    if position.account == OUTSIDE:
        return size
    mark = market_at(s, position.market).mark_price
    sign = 1 if position.signed_size > 0 else -1
    if position.mode == CROSS:
        loss = sign * (mark - price)
        equity, _, _, _ = cross_risk(s, position.account)
        if equity < 0:
            return 0
        if loss <= 0:
            return size
        return min(size, equity // loss)
    share = released_cash(position.isolated_cash, size, size)
    if share + sign * size * price < 0:
        return 0
    return size
