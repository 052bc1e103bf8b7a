"""An account of this venue in the terms that every venue has.

An account is rebuilt from one deposit, chosen so that the equity of the pool and of every bucket is
the venue's own: cross cash plus what the cross positions cost, and the buckets' margins.
"""

from collections.abc import Mapping

from msgspec import structs

from seawall.domain.instrument import Instrument
from seawall.domain.units import from_units, money_text
from seawall.venues.hyperliquid.account.explain import position_tiers
from seawall.venues.hyperliquid.account.state import AccountState, PositionState, account_state
from seawall.venues.hyperliquid.instruments import instruments_from_meta
from seawall.venues.raw_json import VenueDataError
from seawall.venues.venue import AccountAnswer, HeldPosition


def read_account(raw: bytes, meta: bytes | None, known: Mapping[str, Instrument]) -> AccountAnswer:
    """The account of a ``clearinghouseState``. With ``meta`` a position elsewhere is an error.

    Raises VenueDataError.
    """
    listed = None
    if meta is not None:
        listed = {each.name: each for each in instruments_from_meta(meta) if not each.delisted}
        known = listed
    return account_answer(account_state(raw, listed), known, listed)


def account_answer(
    state: AccountState,
    known: Mapping[str, Instrument],
    listed: Mapping[str, Instrument] | None = None,
) -> AccountAnswer:
    """The account of a state. Raises VenueDataError without cross equity or without a deposit."""
    cross_equity = state.cross_equity()
    if not state.positions and not cross_equity:
        raise VenueDataError("has no positions and no collateral")
    if cross_equity is None and any(position.is_cross for position in state.positions):
        raise VenueDataError("the equity of the cross pool is missing")
    profits = {p.coin: p.unrealized_profit or 0 for p in state.positions}
    collateral = _collateral(state, cross_equity or 0, profits)
    if collateral <= 0:
        # Profits already withdrawn: entering at mark says the same about margin.
        profits = dict.fromkeys(profits, 0)
        collateral = _collateral(state, cross_equity or 0, profits)
    if collateral <= 0:
        raise VenueDataError(f"the account has no equity: {money_text(collateral)} USD")
    return AccountAnswer(
        name=None,
        collateral=collateral,
        positions=tuple(_position(each, profits[each.coin]) for each in state.positions),
        prices={
            each.coin: from_units(each.mark_price, each.price_decimals) for each in state.positions
        },
        own_markets=own_markets(state, known),
        listed_markets=listed,
        funding={},
    )


def own_markets(state: AccountState, known: Mapping[str, Instrument]) -> dict[str, Instrument]:
    """By coin, the markets that are not known, or whose tiers are others for this account."""
    found = {}
    for position in state.positions:
        coin = position.coin
        listed = known.get(coin)
        if listed is None:
            tiers = position_tiers(position, None)
            found[coin] = Instrument(name=coin, size_decimals=position.size_decimals, tiers=tiers)
            continue
        tiers = position_tiers(position, known)
        if tiers != listed.tiers:
            found[coin] = structs.replace(listed, tiers=tiers)
    return found


def _collateral(state: AccountState, cross_equity: int, profits: Mapping[str, int]) -> int:
    """Deposit that gives every bucket its equity when the positions are entered."""
    cross = sum(profits[p.coin] for p in state.positions if p.is_cross)
    buckets = sum(_margin(p, profits[p.coin]) for p in state.positions if not p.is_cross)
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
