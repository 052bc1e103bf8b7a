"""An indexer's answer about a subaccount, or about a parent and its children, as exact integers.

The documents: ``{"subaccount": S}`` with S a subaccount or a parent with ``childSubaccounts``,
``{"subaccounts": [S, ...]}`` of an address, or S alone. Beside ``subaccount`` may stand
``markets``, the answer to ``perpetualMarkets``; nothing here can be valued without it.

A size is signed and its side must agree. The USDC balance is what the indexer shows after unsettled
funding; what it shows below a micro-USD is rounded down, as funding is when it is settled. Other
assets are no collateral: they are named and not counted.

What an account is worth is computed twice, because the venue does: ``exact_equity`` as the indexer,
without rounding, and ``net_collateral`` as the chain, in whole micro-USD. All other figures of each
kind follow from that one.
"""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import NamedTuple

import msgspec
from msgspec import Struct

from seawall.domain.units import MAX_MONEY, MAX_NOTIONAL, MICRO, fraction_text
from seawall.venues.dydx.instruments import ListedMarket
from seawall.venues.numbers import exact_units, whole_number
from seawall.venues.raw_json import VenueDataError, decode

CHILDREN_OF_A_PARENT = 128
"""Numbers below are parents; a child's parent is its number modulo this."""
LARGEST_NUMBER = 128_000
COLLATERAL = "USDC"
_QUOTE = "USD"
_FINE = 36
"""Decimals to which figures are read: the indexer multiplies without rounding."""
_KEYS = {"subaccount", "subaccounts", "childSubaccounts", "openPerpetualPositions"}


class _Position(Struct, rename="camel"):
    size: str
    market: str | None = None
    side: str | None = None
    entry_price: str | None = None
    status: str | None = None


class _Asset(Struct):
    size: str
    side: str
    symbol: str | None = None


class _Subaccount(Struct, rename="camel"):
    subaccount_number: int
    positions: dict[str, msgspec.Raw] | None = msgspec.field(
        name="openPerpetualPositions", default=None
    )
    asset_positions: dict[str, msgspec.Raw] | None = None
    address: str | None = None
    equity: str | None = None
    free_collateral: str | None = None


class _Parent(Struct, rename="camel"):
    parent_subaccount_number: int
    child_subaccounts: list[msgspec.Raw]
    address: str | None = None
    equity: str | None = None
    free_collateral: str | None = None


class _Address(Struct):
    subaccounts: list[msgspec.Raw]


class PositionState(Struct, frozen=True, kw_only=True):
    """One position; ``signed_size`` in base quantums."""

    path: str
    """Where it stands in the message, for errors."""
    market: ListedMarket
    signed_size: int
    entry_price: Fraction | None = None
    """USD, the average of its opening fills as the indexer has it."""

    @property
    def side(self) -> int:
        return 1 if self.signed_size > 0 else -1

    @property
    def size(self) -> Fraction:
        """Signed coins."""
        return self.coins(self.signed_size)

    @property
    def exact_value(self) -> Fraction:
        """Signed USD at the oracle price, without rounding."""
        return self.size * self.market.usd(self.market.oracle_price)

    @property
    def unrealized_profit(self) -> Fraction | None:
        """USD at the oracle price, without rounding; None where the entry is not known."""
        return None if self.entry_price is None else self.exact_value - self.size * self.entry_price

    @property
    def value(self) -> int:
        """Signed micro-USD at the oracle price, truncated toward zero as the chain does."""
        return int(self.exact_value * MICRO)

    def coins(self, quantums: int) -> Fraction:
        return Fraction(quantums) / Fraction(10) ** self.market.size_decimals


class SubaccountState(Struct, frozen=True, kw_only=True):
    """One subaccount: an account with margin of its own. Cash in micro-USD."""

    path: str
    number: int
    cash: int
    positions: tuple[PositionState, ...]
    exact_cash: Fraction
    """USD as the message has it."""
    uncounted: tuple[str, ...] = ()
    """Assets that are no collateral, each as ``1.5 NAME``, negative where owed."""
    venue_equity: Fraction | None
    venue_free_collateral: Fraction | None

    @property
    def not_counted(self) -> list[str]:
        """A sentence for each asset that is no collateral."""
        return [
            f"subaccount {self.number}: {each} is not counted: only USDC is collateral"
            for each in self.uncounted
        ]

    @property
    def exact_equity(self) -> Fraction:
        """USD, as the indexer computes it: without rounding."""
        return self.exact_cash + sum(p.exact_value for p in self.positions)

    @property
    def net_collateral(self) -> int:
        """Micro-USD, as the chain computes it: the value of each position truncated."""
        return self.cash + sum(p.value for p in self.positions)

    @property
    def mode(self) -> str:
        """``isolated`` for what front ends show as an isolated position, else ``cross``."""
        own_pool = any(p.market.terms.own_pool for p in self.positions)
        return "isolated" if own_pool or self.number >= CHILDREN_OF_A_PARENT else "cross"


class AccountState(Struct, frozen=True, kw_only=True):
    """The whole answer. ``number`` is None where it is about more than one parent."""

    address: str | None
    number: int | None
    is_parent: bool
    subaccounts: tuple[SubaccountState, ...]
    venue_equity: Fraction | None
    venue_free_collateral: Fraction | None


def coin_of(ticker: str) -> str:
    """``BTC`` for ``BTC-USD``."""
    return ticker.partition("-")[0]


def ticker_of(coin: str) -> str:
    """``BTC-USD`` for ``BTC``, and for itself."""
    return coin if "-" in coin else f"{coin}-{_QUOTE}"


def is_account(raw: bytes) -> bool:
    """Whether the JSON text has the shape of one of this venue's account answers."""
    try:
        return bool(_KEYS & set(msgspec.json.decode(raw, type=dict[str, msgspec.Raw])))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


class _Answer(NamedTuple):
    """The document taken apart: its subaccounts with their paths, and what is around them."""

    prefix: str
    path: str
    subaccounts: list[tuple[str, _Subaccount]]
    parent: _Parent | None
    is_parent: bool


def tickers(raw: bytes) -> tuple[str, ...]:
    """The markets that an account answer has positions in. Raises VenueDataError."""
    found = [ticker for _, each in _read(raw).subaccounts for ticker in each.positions or ()]
    return tuple(dict.fromkeys(found))


def account_state(raw: bytes, markets: Mapping[str, ListedMarket]) -> AccountState:
    """Decode an account answer; ``markets`` by ticker.

    Raises VenueDataError naming the field, its value and what would be right.
    """
    answer = _read(raw)
    subaccounts = tuple(_subaccount(path, each, markets) for path, each in answer.subaccounts)
    number = None if answer.parent is None else answer.parent.parent_subaccount_number
    if not answer.is_parent:
        number = subaccounts[0].number
    _check_children(answer, subaccounts)
    about: _Parent | _Subaccount | None = answer.parent
    if about is None and answer.subaccounts:
        about = answer.subaccounts[0][1]
    whole = about if answer.parent is not None or not answer.is_parent else None
    return AccountState(
        address=None if about is None else about.address,
        number=number,
        is_parent=answer.is_parent,
        subaccounts=subaccounts,
        venue_equity=_figure(answer.prefix, "equity", whole),
        venue_free_collateral=_figure(answer.prefix, "freeCollateral", whole),
    )


def _read(raw: bytes) -> _Answer:
    document = decode(dict[str, msgspec.Raw], raw)
    if "subaccounts" in document:
        listed = decode(_Address, raw).subaccounts
        return _Answer("", "subaccounts", _children("subaccounts", listed), None, True)
    prefix = ""
    if "subaccount" in document:
        prefix = "subaccount"
        raw = bytes(document["subaccount"])
        document = decode(dict[str, msgspec.Raw], raw, prefix)
    if "childSubaccounts" in document or "parentSubaccountNumber" in document:
        parent = decode(_Parent, raw, prefix)
        path = _joined(prefix, "childSubaccounts")
        return _Answer(prefix, path, _children(path, parent.child_subaccounts), parent, True)
    if "openPerpetualPositions" not in document and "subaccountNumber" not in document:
        raise VenueDataError(
            f"{prefix or 'the message'}: no account: expected a subaccount with "
            "openPerpetualPositions and assetPositions, or a parent with childSubaccounts"
        )
    alone = decode(_Subaccount, raw, prefix)
    _require(prefix, "openPerpetualPositions", alone.positions)
    _require(prefix, "assetPositions", alone.asset_positions)
    return _Answer(prefix, prefix, [(prefix, alone)], None, False)


def _require(path: str, name: str, value: object) -> None:
    if value is None:
        raise VenueDataError(f"{_joined(path, name)}: missing")


def _children(path: str, listed: list[msgspec.Raw]) -> list[tuple[str, _Subaccount]]:
    """The subaccounts of a list; one without positions may leave out what it has none of."""
    found = []
    for index, text in enumerate(listed):
        where = f"{path}[{index}]"
        child = decode(_Subaccount, bytes(text), where)
        if child.positions:
            _require(where, "assetPositions", child.asset_positions)
        found.append((where, child))
    return found


def _check_children(answer: _Answer, children: tuple[SubaccountState, ...]) -> None:
    """No number twice, and each a child of the parent, if there is one. Raises VenueDataError."""
    number = None if answer.parent is None else answer.parent.parent_subaccount_number
    if number is not None:
        where = _joined(answer.prefix, "parentSubaccountNumber")
        whole_number(where, number, 0, CHILDREN_OF_A_PARENT - 1)
    for index, child in enumerate(children):
        where = _joined(child.path, "subaccountNumber")
        if any(other.number == child.number for other in children[:index]):
            raise VenueDataError(f"{where}: {child.number} is listed twice")
        if number is not None and child.number % CHILDREN_OF_A_PARENT != number:
            raise VenueDataError(
                f"{where}: {child.number} is no child of parent {number}; the remainder of "
                f"{child.number} by {CHILDREN_OF_A_PARENT} must be {number}"
            )


def _subaccount(
    path: str, raw: _Subaccount, markets: Mapping[str, ListedMarket]
) -> SubaccountState:
    whole_number(_joined(path, "subaccountNumber"), raw.subaccount_number, 0, LARGEST_NUMBER)
    cash, uncounted = _assets(_joined(path, "assetPositions"), raw.asset_positions or {})
    positions = tuple(
        _position(_joined(path, f"openPerpetualPositions.{ticker}"), ticker, text, markets)
        for ticker, text in (raw.positions or {}).items()
    )
    return SubaccountState(
        path=path,
        number=raw.subaccount_number,
        cash=(cash * MICRO).__floor__(),
        exact_cash=cash,
        positions=positions,
        uncounted=uncounted,
        venue_equity=_figure(path, "equity", raw),
        venue_free_collateral=_figure(path, "freeCollateral", raw),
    )


def _assets(path: str, assets: dict[str, msgspec.Raw]) -> tuple[Fraction, tuple[str, ...]]:
    """The signed USDC balance in USD, which alone is collateral, and the other assets by name."""
    cash = Fraction(0)
    uncounted = []
    for symbol, raw in assets.items():
        where = f"{path}.{symbol}"
        asset = decode(_Asset, bytes(raw), where)
        if (asset.symbol or symbol) != symbol:
            raise VenueDataError(f"{where}.symbol: {asset.symbol!r} must be the key {symbol!r}")
        amount = _fraction(f"{where}.size", asset.size)
        if amount < 0:
            raise VenueDataError(
                f"{where}.size: {asset.size!r} must not be negative; side SHORT says owed"
            )
        amount *= _side(f"{where}.side", asset.side)
        if symbol == COLLATERAL:
            cash += amount
        elif amount:
            uncounted.append(f"{fraction_text(amount)} {symbol}")
    return cash, tuple(uncounted)


def _position(
    path: str, ticker: str, text: msgspec.Raw, markets: Mapping[str, ListedMarket]
) -> PositionState:
    raw = decode(_Position, bytes(text), path)
    if raw.market is not None and raw.market != ticker:
        raise VenueDataError(f"{path}.market: {raw.market!r} must be the key {ticker!r}")
    if raw.status is not None and raw.status != "OPEN":
        raise VenueDataError(f"{path}.status: {raw.status!r} must be 'OPEN'")
    market = markets.get(ticker)
    if market is None:
        raise VenueDataError(f"{path}: {ticker!r} is not among the markets: {_some(markets)}")
    size = exact_units(f"{path}.size", raw.size, market.size_decimals)
    if size == 0:
        raise VenueDataError(f"{path}.size: {raw.size!r} must not be zero")
    if raw.side is not None and _side(f"{path}.side", raw.side) * size < 0:
        raise VenueDataError(
            f"{path}.size: {raw.size!r} and side {raw.side!r} disagree; the size of a short "
            "position is negative"
        )
    entry = None if raw.entry_price is None else _fraction(f"{path}.entryPrice", raw.entry_price)
    position = PositionState(path=path, market=market, signed_size=size, entry_price=entry)
    if abs(position.exact_value) * MICRO > MAX_NOTIONAL:
        raise VenueDataError(f"{path}.size: {raw.size!r} is worth more than 10 billion USD")
    return position


def _some(markets: Mapping[str, ListedMarket]) -> str:
    names = list(markets)
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "") or "there are none"


def _side(path: str, side: str) -> int:
    if side not in ("LONG", "SHORT"):
        raise VenueDataError(f"{path}: {side!r} must be 'LONG' or 'SHORT'")
    return 1 if side == "LONG" else -1


def _figure(path: str, name: str, raw: _Parent | _Subaccount | None) -> Fraction | None:
    """A figure that the message may lack, in USD."""
    if raw is None:
        return None
    text = raw.equity if name == "equity" else raw.free_collateral
    return None if text is None else _fraction(_joined(path, name), text)


def _fraction(path: str, text: str) -> Fraction:
    units = exact_units(path, text, _FINE, MAX_MONEY // MICRO * 10**_FINE)
    return Fraction(units, 10**_FINE)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def all_positions(state: AccountState) -> Iterator[PositionState]:
    """The positions of all subaccounts, in order."""
    for subaccount in state.subaccounts:
        yield from subaccount.positions
