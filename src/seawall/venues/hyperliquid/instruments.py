"""Markets of this venue: from its own answer to ``meta``, or the tables that ship.

An answer to ``meta`` is the authority, because markets move between margin tables; what ships is
for use without a connection (``margin_tables.toml``, with sources).
"""

import re
import tomllib
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from msgspec import Struct, convert
from msgspec.structs import replace

from seawall.domain.enums import MarketMargin
from seawall.domain.instrument import Instrument, MarginTier
from seawall.domain.units import MICRO, MONEY_DECIMALS
from seawall.venues.numbers import exact_money, whole_number
from seawall.venues.raw_json import VenueDataError, decode

LARGE_IMPACT = {"BTC", "ETH"}
"""Markets whose impact price is that of 20,000 USD, not 6,000 [documented: trading/funding]."""

SINGLE_TIER_IDS = 50
"""A margin table id below this is one tier with that maximum leverage."""

MAXIMUM_LEVERAGE = 1000
"""Beyond any venue: a larger number is an error in the message."""


FIRST_SPOT_ASSET = 10_000
FIRST_DEX_ASSET = 100_000
ASSETS_OF_A_DEX = 10_000
"""Asset ids [documented: asset-ids]: a spot pair's is 10,000 and its index; a builder dex's market
has 100,000 + 10,000 x (number of the dex, from 1) + its index in the dex's universe."""


class Assets:
    """The markets by dex and by asset id. ``dexes``: names, the venue's own, which is empty, first.

    A market's dex is its margin group. ``markets``: of each dex, in the order of its universe.
    """

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self.markets: dict[str, list[int]] = {"": []}
        for market, instrument in enumerate(instruments):
            self.markets.setdefault(instrument.group, []).append(market)
        self.dexes = tuple(self.markets)
        self._ids: dict[int, int] = {}
        for number, markets in enumerate(self.markets.values()):
            first = FIRST_DEX_ASSET + ASSETS_OF_A_DEX * number if number else 0
            self._ids.update((market, first + place) for place, market in enumerate(markets))
        self._markets = {asset: market for market, asset in self._ids.items()}

    def of(self, market: int) -> int:
        """The asset id of a market."""
        return self._ids[market]

    def market(self, asset: int) -> int | None:
        """The market with an asset id; None where there is none."""
        return self._markets.get(asset)


@lru_cache(maxsize=8)
def _assets(instruments: tuple[Instrument, ...]) -> Assets:
    return Assets(instruments)


def assets_of(instruments: Sequence[Instrument]) -> Assets:
    """Asset ids and dexes of a venue's markets."""
    return _assets(tuple(instruments))


DEX_LEVERAGE = 20
"""The maximum leverage of a builder's market [assumed]."""
_DEX_COIN = re.compile(r"([a-z][a-z0-9]{1,5}):([A-Z0-9]{1,12})")
_MOST_SIZE_DECIMALS = 5


class _Asset(Struct, rename="camel"):
    name: str
    sz_decimals: int
    max_leverage: int
    margin_table_id: int | None = None
    only_isolated: bool = False
    margin_mode: str | None = None
    is_delisted: bool = False


class _Tier(Struct, rename="camel"):
    lower_bound: str
    max_leverage: int


class _Table(Struct, rename="camel"):
    margin_tiers: list[_Tier]


class _Meta(Struct, rename="camel"):
    universe: list[_Asset]
    margin_tables: list[tuple[int, _Table]] = []


def instruments_from_meta(raw: bytes) -> tuple[Instrument, ...]:
    """One instrument for each entry of the universe, in order (the index is the asset id).

    Raises VenueDataError naming the field.
    """
    meta = decode(_Meta, raw)
    tables: dict[int, tuple[MarginTier, ...]] = {}
    for row, (table_id, table) in enumerate(meta.margin_tables):
        tables[table_id] = _tiers(f"marginTables[{row}][1].marginTiers", table.margin_tiers)
    made = []
    for index, asset in enumerate(meta.universe):
        path = f"universe[{index}]"
        whole_number(f"{path}.szDecimals", asset.sz_decimals, 0, MONEY_DECIMALS)
        whole_number(f"{path}.maxLeverage", asset.max_leverage, 1, MAXIMUM_LEVERAGE)
        made.append(
            _instrument(
                asset.name,
                asset.sz_decimals,
                _tiers_of(path, asset, tables),
                margin=_margin_of(path, asset),
                delisted=asset.is_delisted,
            )
        )
    return tuple(made)


@cache
def built_in_instruments() -> tuple[Instrument, ...]:
    """The best-known markets with the mainnet margin tables of August 2026, or one tier."""
    return tuple(
        _instrument(
            market["name"],
            market["size_decimals"],
            built_in_tiers(market["name"]) or (MarginTier(0, market["maximum_leverage"]),),
        )
        for market in _shipped()["markets"]
    )


def builder_instrument(name: str, price: str) -> Instrument | None:
    """A market ``dex:COIN`` of a builder's dex that begins at about this price in USD.

    Its terms are assumed: ``DEX_LEVERAGE`` and as many size decimals as the price has digits
    before the point, as the venue's own markets have. None for a name of another form.
    """
    found = _DEX_COIN.fullmatch(name)
    if found is None:
        return None
    whole = price.partition(".")[0].lstrip("0")
    size_decimals = min(len(whole), _MOST_SIZE_DECIMALS)
    instrument = _instrument(name, size_decimals, (MarginTier(0, DEX_LEVERAGE),))
    return replace(instrument, group=found[1])


def built_in_tiers(coin: str, network: str = "mainnet") -> tuple[MarginTier, ...] | None:
    """The margin tiers of a coin that has a table of several; None for any other coin.

    ``network`` is ``mainnet`` or ``testnet``, whose bounds are much lower.
    """
    return _tables_by_coin(network).get(coin)


@cache
def _tables_by_coin(network: str) -> dict[str, tuple[MarginTier, ...]]:
    found = {}
    for table in _shipped()[network]:
        tiers = tuple(MarginTier(int(bound) * MICRO, most) for bound, most in table["tiers"])
        for coin in convert(table["coins"], list[str]):
            found[coin] = tiers
    return found


@cache
def _shipped() -> dict[str, Any]:
    path = Path(__file__).with_name("margin_tables.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _instrument(
    name: str,
    size_decimals: int,
    tiers: tuple[MarginTier, ...],
    margin: MarketMargin = MarketMargin.ANY_MODE,
    delisted: bool = False,
) -> Instrument:
    return Instrument(
        name=name,
        size_decimals=size_decimals,
        tiers=tiers,
        margin=margin,
        impact_notional=(20_000 if name in LARGE_IMPACT else 6_000) * MICRO,
        delisted=delisted,
    )


def _tiers_of(
    path: str, asset: _Asset, tables: dict[int, tuple[MarginTier, ...]]
) -> tuple[MarginTier, ...]:
    table_id = asset.margin_table_id
    if table_id is None:
        return (MarginTier(0, asset.max_leverage),)
    if table_id in tables:
        return tables[table_id]
    if 1 <= table_id < SINGLE_TIER_IDS:
        return (MarginTier(0, table_id),)
    raise VenueDataError(f"{path}.marginTableId: {table_id} is not in marginTables")


def _tiers(path: str, raw: list[_Tier]) -> tuple[MarginTier, ...]:
    tiers = tuple(
        MarginTier(
            exact_money(f"{path}[{index}].lowerBound", tier.lower_bound, least=0),
            whole_number(f"{path}[{index}].maxLeverage", tier.max_leverage, 1, MAXIMUM_LEVERAGE),
        )
        for index, tier in enumerate(raw)
    )
    bounds = [tier.lower_bound for tier in tiers]
    if not tiers or bounds[0] != 0 or bounds != sorted(set(bounds)):
        raise VenueDataError(f"{path}: lower bounds must ascend from 0")
    return tiers


def _margin_of(path: str, asset: _Asset) -> MarketMargin:
    if asset.margin_mode == "strictIsolated":
        return MarketMargin.STRICT_ISOLATED
    if asset.margin_mode == "noCross" or (asset.margin_mode is None and asset.only_isolated):
        return MarketMargin.ISOLATED_ONLY
    if asset.margin_mode is None:
        return MarketMargin.ANY_MODE
    raise VenueDataError(
        f"{path}.marginMode: {asset.margin_mode!r} is unknown; known are strictIsolated, noCross"
    )
