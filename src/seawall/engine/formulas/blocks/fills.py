"""The collateral check of an order that has not traded: as if filled completely, at its price."""

from seawall.domain.codes import BUY, ISOLATED_MARKET_RULE, NO_REASON
from seawall.engine.compile import kernel
from seawall.engine.formulas.blocks.fees import charged_fee, fee_ppm
from seawall.engine.formulas.blocks.funding import unsettled_funding
from seawall.engine.formulas.blocks.margin import account_standing, market_standing, own_pool_market
from seawall.engine.formulas.blocks.standing import covers_initial, improvement_rejection
from seawall.engine.formulas.blocks.valuation import fill_value
from seawall.engine.formulas.shared.positions import find_position, has_any_position
from seawall.engine.tables import (
    State,
    account_at,
    block_market_at,
    block_position_at,
    order_at,
    position_at,
)


@kernel
def standing_with(
    s: State, account: int, market: int, size_delta: int, cash_delta: int
) -> tuple[int, int, int]:
    """(net collateral, initial, maintenance) if the account had traded this as well."""
    net = account_at(s, account).cash + unsettled_funding(s, account) + cash_delta
    initial = 0
    maintenance = 0
    index = account_at(s, account).first_position
    while index >= 0:
        position = position_at(s, index)
        size = position.signed_size
        if position.market == market:
            size += size_delta
        net += position.isolated_cash
        if size != 0:
            own_ppm = block_position_at(s, index).initial_ppm
            value, needed, kept = market_standing(s, position.market, size, -1, 0, own_ppm)
            net += value
            initial += needed
            maintenance += kept
        index = position.next_of_account
    if find_position(s, account, market) < 0:
        value, needed, kept = market_standing(s, market, size_delta, -1, 0, 0)
        net += value
        initial += needed
        maintenance += kept
    return net, initial, maintenance


@kernel
def may_hold(s: State, account: int, market: int) -> bool:
    """Whether the account may trade a market: one with its own pool excludes every other."""
    held = own_pool_market(s, account)
    if held >= 0:
        return held == market
    return block_market_at(s, market).own_pool == 0 or not has_any_position(s, account)


@kernel
def fill_rejection(s: State, account: int, market: int, side: int, size: int, quote: int) -> int:
    """Why a fill of ``size`` for ``quote`` with the maker fee would fail, or NO_REASON.

    Open interest does not move.
    """
    if not may_hold(s, account, market):
        return ISOLATED_MARKET_RULE
    fee = charged_fee(quote, fee_ppm(s, account, market, False))
    delta = size if side == BUY else -size
    paid = quote if side == BUY else -quote
    net, initial, maintenance = standing_with(s, account, market, delta, -paid - fee)
    if covers_initial(net, initial):
        return NO_REASON
    before, initial_before, maintenance_before = account_standing(s, account, -1)
    return improvement_rejection(
        before, initial_before, maintenance_before, net, initial, maintenance
    )


@kernel
def whole_fill_rejection(
    s: State, account: int, market: int, side: int, size: int, ticks: int
) -> int:
    """Why a fill of the whole order at its price would fail, or NO_REASON."""
    return fill_rejection(s, account, market, side, size, fill_value(s, market, size, ticks))


@kernel
def covers_whole_order(s: State, slot: int) -> bool:
    """Whether the owner of a resting order could carry a fill of its whole remaining size."""
    order = order_at(s, slot)
    reason = whole_fill_rejection(
        s, order.account, order.market, order.side, order.remaining_size, order.price
    )
    return reason == NO_REASON
