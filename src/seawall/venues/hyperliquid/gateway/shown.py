"""What the parts of an account say, in the gateway's terms; every part is read where all are."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction

from msgspec import Struct

from seawall.domain.instrument import MAIN_COLLATERAL, MAIN_GROUP
from seawall.domain.units import MICRO, fraction_text, from_units
from seawall.venues.gateway_port import LiveOrder, Reported
from seawall.venues.hyperliquid.account.modes import mode_of_spot, stated_mode
from seawall.venues.hyperliquid.account.public import AccountParts, dex_of
from seawall.venues.hyperliquid.account.spot import spot_state
from seawall.venues.hyperliquid.account.state import AccountState
from seawall.venues.hyperliquid.account.trading import ListedOrder
from seawall.venues.hyperliquid.account.user import UserState, user_states
from seawall.venues.public_api import PublicAnswers
from seawall.venues.public_stream import Level, PublicBook

_MOST_DECIMALS = 18


class Shown(Struct, frozen=True, kw_only=True):
    """The account as its parts say it. ``is_pooled``: whether spot balances are its collateral.
    ``wallet``: micro-USD outside of it. ``dexes``: the main one, and those in which the account has
    a position or an order. ``trouble``: what was assumed of it."""

    answers: PublicAnswers
    reported: Reported
    orders: tuple[LiveOrder, ...]
    is_pooled: bool
    wallet: int
    dexes: tuple[str, ...]
    trouble: str = ""


def shown_account(parts: AccountParts) -> Shown:
    """The account that the parts are of. Raises VenueDataError naming the field."""
    answers = parts.answers()
    (user,) = user_states(answers.account)
    mode = stated_mode(user) or mode_of_spot(user)
    is_pooled = mode is not None and mode.is_pooled
    return Shown(
        answers=answers,
        reported=_reported(user, is_pooled=is_pooled),
        orders=tuple(_live_order(each) for each in user.orders or ()),
        is_pooled=is_pooled,
        wallet=_wallet(parts, is_pooled=is_pooled),
        dexes=tuple(_dexes(parts, user)),
        trouble="" if mode is not None or user.spot is None else "the mode is not known",
    )


def _dexes(parts: AccountParts, user: UserState) -> Iterator[str]:
    held = {state.dex for state in user.dexes if state.positions}
    ordered = {dex_of(each.coin) for each in user.orders or ()}
    for dex in parts.states:
        if not dex or dex in held or dex in ordered:
            yield dex


def _wallet(parts: AccountParts, *, is_pooled: bool) -> int:
    """Micro-USD of spot balance that is no collateral yet. Raises VenueDataError."""
    if is_pooled or parts.spot is None:
        return 0
    balance = spot_state(parts.spot, "spotClearinghouseState").balances.get(MAIN_COLLATERAL)
    if balance is None:
        return 0
    return max(0, int((balance.total - (balance.hold or 0)) * MICRO))


def _reported(user: UserState, *, is_pooled: bool) -> Reported:
    """The venue's own figures. In a pooled account a pool is that of a collateral, of which only
    the maintenance margins are stated, and those by dex."""
    positions = [each for state in user.dexes for each in state.positions]
    maintenance: dict[str, int] = {}
    for state in user.dexes:
        if state.cross_maintenance is not None and _belongs(state, is_pooled):
            group = MAIN_GROUP if is_pooled else state.dex
            maintenance[group] = maintenance.get(group, 0) + state.cross_maintenance
    equity = {} if is_pooled else _cross_equity(user.dexes)
    return Reported(
        marks={
            each.coin: Decimal(from_units(each.mark_price, each.price_decimals))
            for each in positions
        },
        liquidation_prices={
            each.coin: Decimal(each.venue_liquidation_price)
            for each in positions
            if each.venue_liquidation_price is not None
        },
        bucket_equity={
            each.coin: each.venue_margin_used
            for each in positions
            if not each.is_cross and each.venue_margin_used is not None
        },
        funding_since_open={
            each.coin: each.funding_since_open
            for each in positions
            if each.funding_since_open is not None
        },
        cross_equity=equity,
        cross_maintenance=maintenance,
    )


def _belongs(state: AccountState, is_pooled: bool) -> bool:
    return not is_pooled or state.collateral == MAIN_COLLATERAL


def _cross_equity(states: Sequence[AccountState]) -> dict[str, int]:
    return {each.dex: each.cross.account_value for each in states if each.cross is not None}


def _live_order(order: ListedOrder) -> LiveOrder:
    return LiveOrder(
        market=order.coin,
        order_id=order.order_id,
        is_buy=order.is_buy,
        size=_decimal(order.size),
        price=_decimal(order.price),
        client_id=order.client_id,
        trigger_price=None if order.trigger_price is None else _decimal(order.trigger_price),
        take_profit=order.take_profit,
        reduce_only=order.reduce_only,
        whole_position=order.whole_position,
        post_only=order.post_only,
        at_market=order.trigger_price is not None and order.kind.endswith("Market"),
        original_size=None if order.original_size is None else _decimal(order.original_size),
        placed_ms=order.placed_ms,
    )


def _decimal(value: Fraction) -> Decimal:
    return Decimal(fraction_text(value, _MOST_DECIMALS))


def joined_book(near: PublicBook, far: PublicBook | None) -> PublicBook:
    """The levels of the stream, then of a coarser book those beyond them."""
    if far is None:
        return near

    def more(levels: Sequence[Level], beyond: Sequence[Level], sign: int) -> Sequence[Level]:
        if not levels:
            return levels
        last = levels[-1][0]
        return [*levels, *(each for each in beyond if sign * (each[0] - last) > 0)]

    return PublicBook(
        near.market,
        more(near.bids, far.bids, -1),
        more(near.asks, far.asks, 1),
        time_ms=near.time_ms,
    )
