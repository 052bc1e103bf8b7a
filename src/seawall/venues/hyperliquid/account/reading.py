"""An account of this venue in the terms that every venue has.

An account is rebuilt from one deposit, chosen so that the equity of the pool and of every bucket is
the venue's own: cross cash plus what the cross positions cost, and the buckets' margins.
"""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from msgspec import structs

from seawall.domain.enums import MarginGrouping
from seawall.domain.instrument import MAIN_COLLATERAL, MAIN_GROUP, Instrument
from seawall.domain.units import fraction_text, from_units, money_text
from seawall.venues.hyperliquid.account.explain import measured, position_tiers
from seawall.venues.hyperliquid.account.groups import Group
from seawall.venues.hyperliquid.account.modes import PORTFOLIO, Mode
from seawall.venues.hyperliquid.account.rules import account_rules
from seawall.venues.hyperliquid.account.state import PositionState
from seawall.venues.hyperliquid.account.trading import ListedOrder
from seawall.venues.hyperliquid.account.user import UserState, user_states
from seawall.venues.hyperliquid.instruments import instruments_from_meta
from seawall.venues.raw_json import VenueDataError
from seawall.venues.venue import AccountAnswer, ClosingOrder, HeldPosition

_MARKET_TRIGGERS = {"Stop Market": "stop", "Take Profit Market": "take_profit"}


def read_account(raw: bytes, meta: bytes | None, known: Mapping[str, Instrument]) -> AccountAnswer:
    """The account of a venue's answers. With ``meta`` a main position elsewhere is an error.

    Raises VenueDataError, also for sub-accounts of which several hold something.
    """
    listed = None
    if meta is not None:
        listed = {each.name: each for each in instruments_from_meta(meta) if not each.delisted}
        known = listed
    users = user_states(raw, listed)
    held = [user for user in users if any(state.positions for state in user.dexes)] or users[:1]
    if len(held) > 1:
        names = ", ".join(user.name or "unnamed" for user in held)
        raise VenueDataError(f"several sub-accounts hold positions ({names}); give one of them")
    return account_answer(held[0], known, listed)


def account_answer(
    user: UserState,
    known: Mapping[str, Instrument],
    listed: Mapping[str, Instrument] | None = None,
) -> AccountAnswer:
    """The account of one user. Raises VenueDataError without equity."""
    mode, groups = measured(user, None)
    states = [position for state in user.dexes for position in state.positions]
    if not states and not any(group.equity for group in groups):
        raise VenueDataError("has no positions and no collateral")
    profits = {p.coin: p.unrealized_profit or 0 for p in states}
    money: dict[str, int] = {}
    for group in groups:
        name = group.collateral if mode.is_pooled else _dex(group)
        money[name] = _deposit(group, profits)
    main = MAIN_COLLATERAL if mode.is_pooled else MAIN_GROUP
    return AccountAnswer(
        name=user.name or None,
        collateral=money.pop(main, 0),
        positions=tuple(_position(each, profits[each.coin]) for each in states),
        orders=tuple(_closing(user.orders or (), states)),
        prices={each.coin: from_units(each.mark_price, each.price_decimals) for each in states},
        own_markets=own_markets(states, known),
        listed_markets=listed,
        funding={},
        remark=_remark(mode),
        grouping=MarginGrouping.SHARED if mode.is_pooled else MarginGrouping.SEPARATE,
        other_collateral=money,
        uncounted=tuple(f"{group.name}: {reason}" for group in groups for reason in group.reasons),
    )


def _closing(
    orders: Sequence[ListedOrder], positions: Sequence[PositionState]
) -> Iterator[ClosingOrder]:
    """The orders that close a position: stops and take-profits at market, reduce-only limits.

    Triggers that send a limit order are left out, and those that the mark has passed.
    """
    held = {each.coin: each for each in positions}
    for each in orders:
        position = held.get(each.coin)
        if position is None or (position.signed_size > 0) == each.is_buy:
            continue
        size = each.size
        if each.whole_position or not size:
            size = Fraction(abs(position.signed_size), 10**position.size_decimals)
        kind, price = "price", each.price
        if each.trigger_price is not None:
            kind, price = _MARKET_TRIGGERS.get(each.kind, ""), each.trigger_price
            rises = each.is_buy == (kind == "stop")
            mark = Fraction(position.mark_price, 10**position.price_decimals)
            if not kind or (price <= mark if rises else price >= mark):
                continue
        elif not each.reduce_only:
            continue
        yield ClosingOrder(
            market=each.coin, is_buy=each.is_buy, size=fraction_text(size),
            price=fraction_text(price), kind=kind,
        )  # fmt: skip


def _remark(mode: Mode) -> str:
    """In which mode the account is measured, where that is not the standard one."""
    if mode.name == PORTFOLIO:
        above = account_rules().portfolio_margin.liquidatable_above.value
        return (
            "portfolio margin account, measured as a unified one: the venue liquidates it at a "
            f"margin ratio of {above} already"
        )
    return "unified account" if mode.is_pooled else ""


def _dex(group: Group) -> str:
    """The dex of a pool in standard mode: each has its own."""
    return group.dexes[0] if group.dexes else MAIN_GROUP


def _deposit(group: Group, profits: dict[str, int]) -> int:
    """The deposit that gives a group's pool and its buckets their equity. Raises VenueDataError.

    Where it would not be above zero, ``profits`` of the group become 0: they were withdrawn, and
    entering at mark says the same about margin.
    """
    if group.equity is None and group.cross:
        raise VenueDataError(f"the equity of the cross pool is missing ({group.name})")
    equity = int(group.equity or 0)
    states = [each.state for each in group.held]
    found = _collateral(states, equity, profits)
    if found <= 0 and states:
        profits.update(dict.fromkeys([each.coin for each in states], 0))
        found = _collateral(states, equity, profits)
        if found <= 0:
            raise VenueDataError(
                f"the account has no equity: {money_text(found)} {group.collateral}"
            )
    return max(0, found)


def own_markets(
    positions: Sequence[PositionState], known: Mapping[str, Instrument]
) -> dict[str, Instrument]:
    """By coin, the markets that are not known, or whose tiers are others for this account."""
    found = {}
    for position in positions:
        coin = position.coin
        listed = known.get(coin)
        if listed is None:
            found[coin] = Instrument(
                name=coin,
                size_decimals=position.size_decimals,
                tiers=position_tiers(position, None),
                group=position.dex,
                collateral=position.collateral,
            )
            continue
        tiers = position_tiers(position, known)
        if tiers != listed.tiers:
            found[coin] = structs.replace(listed, tiers=tiers)
    return found


def _collateral(
    positions: Sequence[PositionState], cross_equity: int, profits: Mapping[str, int]
) -> int:
    """Deposit that gives every bucket its equity when the positions are entered."""
    cross = sum(profits[p.coin] for p in positions if p.is_cross)
    buckets = sum(_margin(p, profits[p.coin]) for p in positions if not p.is_cross)
    return cross_equity - cross + buckets


def _margin(position: PositionState, profit: int) -> int:
    """What the bucket was given: its cash plus what the position cost."""
    return position.isolated_cash + position.value - profit


def _position(position: PositionState, profit: int) -> HeldPosition:
    return HeldPosition(
        market=position.coin,
        is_long=position.signed_size > 0,
        size=from_units(abs(position.signed_size), position.size_decimals),
        entry_notional=abs(position.value - profit),
        is_isolated=not position.is_cross,
        leverage=position.leverage,
        margin=None if position.is_cross else _margin(position, profit),
    )
