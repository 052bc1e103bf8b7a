"""Everything that a venue's answers say about one account: its dexes, its balances, its mode.

The collateral token of a dex is that of its meta where the answers bring it, else the one that is
known (``account_rules.toml``), else it is taken to be USDC, which is said.
"""

from collections.abc import Mapping
from fractions import Fraction

from msgspec import Struct

from seawall.domain.instrument import Instrument
from seawall.venues.hyperliquid.account.document import DexPart, Document, documents_of
from seawall.venues.hyperliquid.account.rules import USDC, account_rules
from seawall.venues.hyperliquid.account.spot import SpotState, spot_state
from seawall.venues.hyperliquid.account.state import AccountState, account_state, coins_of
from seawall.venues.hyperliquid.account.trading import (
    ActiveAsset,
    ListedOrder,
    active_assets,
    listed_orders,
)
from seawall.venues.hyperliquid.instruments import instruments_from_meta
from seawall.venues.raw_json import VenueDataError, decode


class UserState(Struct, frozen=True, kw_only=True):
    """One account. ``abstraction``: what ``userAbstraction`` answered, None for null or nothing.

    ``assumed_collateral``: dexes whose collateral token nothing says. ``instruments``: markets with
    their tiers, by coin, where the answers or the caller bring them.
    """

    name: str = ""
    dexes: tuple[AccountState, ...]
    spot: SpotState | None = None
    abstraction: str | None = None
    orders: tuple[ListedOrder, ...] | None = None
    active: tuple[ActiveAsset, ...] = ()
    assumed_collateral: tuple[str, ...] = ()
    instruments: Mapping[str, Instrument] = {}
    recorded: str | None = None
    inferred_from: str = ""
    """The coin from whose price the file says its balance is inferred."""
    taken: Mapping[str, float] = {}
    absent: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    def mark(self, coin: str) -> Fraction | None:
        """The mark of a coin in its collateral token, from a position or ``activeAssetData``."""
        for state in self.dexes:
            for each in state.positions:
                if each.coin == coin:
                    return Fraction(each.mark_price, 10**each.price_decimals)
        return next((each.mark for each in self.active if each.coin == coin), None)


class _Meta(Struct, rename="camel"):
    collateral_token: int | None = None


def user_states(
    raw: bytes, instruments: Mapping[str, Instrument] | None = None
) -> tuple[UserState, ...]:
    """The accounts of a text: one, or each sub-account of a list.

    ``instruments``: markets of the main dex by coin, if known. Raises VenueDataError.
    """
    return tuple(_user_state(each, instruments) for each in documents_of(raw))


def perps_only(state: AccountState) -> UserState:
    """The account of one answer to ``clearinghouseState``."""
    return UserState(dexes=(state,))


def _user_state(document: Document, given: Mapping[str, Instrument] | None) -> UserState:
    spot = None
    if document.spot is not None:
        spot = spot_state(document.spot.raw, document.spot.path)
    known: dict[str, Instrument] = dict(given or {})
    dexes: list[AccountState] = []
    assumed: list[str] = []
    for entry in document.states:
        dex, coins = _dex_of(entry)
        if any(each.dex == dex for each in dexes):
            raise VenueDataError(f"{entry.part.path}: a second state of {dex or 'the main dex'}")
        markets = _markets(document, dex, coins, given)
        known |= markets or {}
        collateral = _collateral_of(document, dex)
        if collateral is None and coins:
            assumed.append(dex)
        dexes.append(
            account_state(
                entry.part.raw,
                markets,
                dex=dex,
                collateral=collateral or USDC,
                path=entry.part.path,
            )
        )
    return UserState(
        name=document.name,
        dexes=tuple(each for each in dexes if _is_used(each)) or tuple(dexes[:1]),
        spot=spot,
        abstraction=document.abstraction,
        orders=None if document.orders is None else listed_orders(document.orders),
        active=() if document.active is None else active_assets(document.active),
        assumed_collateral=tuple(assumed),
        instruments=known,
        recorded=document.recorded,
        inferred_from=document.inferred_from,
        taken=document.taken,
        absent=document.absent,
        unread=document.unread,
    )


def _is_used(state: AccountState) -> bool:
    """Whether a dex is the main one, or something is there."""
    value = 0 if state.everything is None else state.everything.account_value
    return not state.dex or bool(state.positions or state.empty or value)


def _dex_of(entry: DexPart) -> tuple[str, tuple[str, ...]]:
    """The name of a state's dex and its coins. A coin of another dex has the dex in its name."""
    coins = coins_of(entry.part.raw)
    prefixes = {coin.rpartition(":")[0] for coin in coins}
    if not entry.dex and len(prefixes) == 1:
        return prefixes.pop(), coins
    return entry.dex, coins


def _markets(
    document: Document,
    dex: str,
    coins: tuple[str, ...],
    given: Mapping[str, Instrument] | None,
) -> Mapping[str, Instrument] | None:
    """The markets of a dex by coin; None where they are not known for all of these coins."""
    if not dex and given is not None:
        return given
    if dex not in document.metas:
        return None
    part = document.metas[dex]
    found = {each.name: each for each in instruments_from_meta(part.raw)}
    return found if all(coin in found for coin in coins) else None


def _collateral_of(document: Document, dex: str) -> str | None:
    rules = account_rules()
    if dex in document.metas:
        number = decode(_Meta, document.metas[dex].raw, document.metas[dex].path).collateral_token
        name = None if number is None else rules.token_of_number(number)
        if name is None and number is not None:
            name = _listed_token(document, number)
        if name is not None:
            return name
    known = rules.collateral_of_dex.get(dex)
    return None if known is None else known.token


class _Token(Struct):
    coin: str
    token: int | str | None = None


class _Tokens(Struct):
    balances: list[_Token]


def _listed_token(document: Document, number: int) -> str:
    """The name of a token by its number in the spot answer; its number where that lacks it."""
    if document.spot is not None:
        for row in decode(_Tokens, document.spot.raw, document.spot.path).balances:
            if str(row.token) == str(number):
                return row.coin
    return f"token {number}"
