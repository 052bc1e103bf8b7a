"""An account of this venue in the terms that every venue has, with the markets it needs.

A parent's own subaccount is the account; each child with one position is an isolated position. A
child without one is no margin of the others, and is left out beside them.
Positions are entered at the oracle price, so that equity is the venue's own. The markets keep their
own margins but get plain units, in which price x size is micro-USD, and share one pool of
collateral and one insurance fund.
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

import msgspec
from msgspec import Struct, structs

from seawall.domain.instrument import Instrument
from seawall.domain.plain_units import in_plain_units
from seawall.domain.units import MONEY_DECIMALS, from_units, money_text
from seawall.venues.dydx.account.markets import market_states
from seawall.venues.dydx.account.public import funding_rates
from seawall.venues.dydx.account.state import (
    CHILDREN_OF_A_PARENT,
    PositionState,
    SubaccountState,
    account_state,
    coin_of,
    tickers,
)
from seawall.venues.dydx.instruments import ListedMarket
from seawall.venues.raw_json import VenueDataError
from seawall.venues.venue import AccountAnswer, HeldPosition


class _Listed(Struct):
    markets: dict[str, msgspec.Raw] = {}


def read_account(
    raw: bytes,
    market_list: bytes,
    known: Mapping[str, Instrument],
    extra_markets: Sequence[str] = (),
) -> AccountAnswer:
    """The account of an answer and its markets by coin; ``known`` says usual size decimals.

    ``extra_markets`` that are not listed are left out. Raises VenueDataError.
    """
    held = tickers(raw)
    extra = [
        each
        for each in _tickers(market_list)
        if coin_of(each) in extra_markets and each not in held
    ]
    states = market_states(market_list, [*held, *extra])
    listed = account_state(raw, states).subaccounts
    subaccounts, idle = _used([each for each in listed if each.positions or each.cash])
    main = _parent(subaccounts)
    positions: dict[str, HeldPosition] = {}
    prices: dict[str, str] = {}
    markets: dict[str, Instrument] = {}
    collateral = 0
    for subaccount in subaccounts:
        if _is_child(subaccount) and len(subaccount.positions) > 1:
            raise VenueDataError(
                f"subaccount {subaccount.number}: has {len(subaccount.positions)} "
                "positions; a child that is rehearsed has one"
            )
        equity = _equity(subaccount)
        collateral += equity
        for position in subaccount.positions:
            coin = coin_of(position.market.name)
            if coin in positions:
                raise VenueDataError(
                    f"subaccount {subaccount.number}: a second position in {coin}; an "
                    "account that is rehearsed has one per market"
                )
            market, size = position.market, abs(position.size)
            markets[coin] = _plain(coin, market, size, known.get(coin))
            prices[coin] = _decimal(market.usd(market.oracle_price))
            positions[coin] = _position(
                markets[coin], position, equity, is_child=_is_child(subaccount)
            )
    for market in (states[ticker] for ticker in extra):
        coin = coin_of(market.name)
        markets[coin] = _plain(coin, market, Fraction(0), known.get(coin))
        prices[coin] = _decimal(market.usd(market.oracle_price))
    return AccountAnswer(
        name="child accounts" if main is None else f"subaccount {main.number}",
        collateral=collateral,
        positions=tuple(positions.values()),
        prices=prices,
        own_markets=markets,
        funding=funding_rates(market_list),
        uncounted=(
            *(
                f"subaccount {each.number}: {money_text(each.cash)} USDC without a position is not "
                "counted: it is no margin of the others"
                for each in idle
            ),
            *(sentence for each in listed for sentence in each.not_counted),
        ),
    )


def _used(
    subaccounts: Sequence[SubaccountState],
) -> tuple[Sequence[SubaccountState], Sequence[SubaccountState]]:
    """Those that are the account, and children beside them that hold cash alone."""
    used = [each for each in subaccounts if each.positions or not _is_child(each)]
    if not used:
        return subaccounts, []
    return used, [each for each in subaccounts if each not in used]


def _parent(subaccounts: Sequence[SubaccountState]) -> SubaccountState | None:
    """The one that is no child. Raises VenueDataError for several, or for no subaccount at all."""
    if not subaccounts:
        raise VenueDataError("has no positions and no collateral")
    main = [each for each in subaccounts if not _is_child(each)]
    if len(main) > 1:
        numbers = " and ".join(str(each.number) for each in main)
        raise VenueDataError(f"subaccounts: {numbers} are parents; give the answer of one parent")
    return main[0] if main else None


def _is_child(subaccount: SubaccountState) -> bool:
    return subaccount.number >= CHILDREN_OF_A_PARENT


def _tickers(market_list: bytes) -> Iterable[str]:
    """The markets that an answer lists, none where it lists none."""
    try:
        return msgspec.json.decode(market_list, type=_Listed).markets
    except msgspec.MsgspecError:
        return ()


def _equity(subaccount: SubaccountState) -> int:
    """Net collateral in micro-USD. Raises VenueDataError where there is none."""
    equity = subaccount.net_collateral
    if equity <= 0:
        raise VenueDataError(
            f"subaccount {subaccount.number}: has no equity: {money_text(equity)} USD"
        )
    return equity


def _position(
    market: Instrument, position: PositionState, equity: int, *, is_child: bool
) -> HeldPosition:
    notional = abs(position.value)
    return HeldPosition(
        market=market.name,
        is_long=position.signed_size > 0,
        size=from_units(abs(position.signed_size), position.market.size_decimals),
        entry_notional=notional,
        is_isolated=is_child,
        leverage=max(1, min(notional // equity, market.maximum_leverage)),
        margin=equity if is_child else None,
    )


def _plain(coin: str, market: ListedMarket, size: Fraction, usual: Instrument | None) -> Instrument:
    """The market with its own margins in units whose product is micro-USD, and ``size`` whole."""
    price = market.usd(market.oracle_price)
    least = 0 if usual is None else usual.size_decimals
    found = in_plain_units(market.instrument, price, [size], least)
    if found is None:
        raise VenueDataError(
            f"{market.name}: size {_decimal(size)} at {_decimal(price)} USD "
            f"does not fit {MONEY_DECIMALS} decimals of size and price together"
        )
    return structs.replace(found, name=coin)


def _decimal(value: Fraction) -> str:
    """Exact decimal text of a fraction whose denominator divides a power of ten."""
    return from_units(int(value * 10**36), 36)
