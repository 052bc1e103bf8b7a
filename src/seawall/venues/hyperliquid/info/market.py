"""Markets as they stand: metadata, contexts, mids, the book."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.domain.enums import MarketMargin, MarketStatus
from seawall.domain.instrument import Instrument, MarginTier
from seawall.domain.units import MONEY_DECIMALS
from seawall.engine.book_view import book_levels, book_rows
from seawall.engine.market_view import market_view
from seawall.venues.hyperliquid.info.base import (
    BadRequest,
    DeskView,
    Request,
    dex_of,
    text_of,
    whole_of,
)
from seawall.venues.hyperliquid.info.spot import PAIR, empty_book
from seawall.venues.hyperliquid.info.trades import FUNDING_DECIMALS
from seawall.venues.hyperliquid.instruments import SINGLE_TIER_IDS, built_in_tiers
from seawall.venues.hyperliquid.wire.values import (
    decimal_text,
    money_text,
    price_text,
    rate_text,
    size_text,
)

BOOK_LEVELS = 20
_DEEP_LEVELS = 4096
"""Levels read on each side before they are put together in coarser ones."""
_IMPACT_DECIMALS = 6
"""Decimals of an impact price beyond those of its market."""
_SHOWN_DECIMALS = 8
_TABLE_OF = {"BTC": 56, "ETH": 55, "SOL": 54, "XRP": 53, "HYPE": 52, "BNB": 51}
"""Ids of the tables of several tiers, each by a coin that has it."""

_POWERS = np.array([10**power for power in range(18)], np.int64)


# -- metadata ------------------------------------------------------------------------------------


def margin_tables(instruments: Iterable[Instrument]) -> dict[tuple[MarginTier, ...], int]:
    """The id of every table of margin tiers that the markets use.

    One tier has its leverage as id, several have the shipped id or the next free one.
    """
    found: dict[tuple[MarginTier, ...], int] = {}
    shipped = {built_in_tiers(coin): number for coin, number in _TABLE_OF.items()}
    free = max(_TABLE_OF.values()) + 1
    for instrument in instruments:
        tiers = instrument.tiers
        if tiers in found:
            continue
        if len(tiers) == 1 and tiers[0].maximum_leverage <= SINGLE_TIER_IDS:
            found[tiers] = tiers[0].maximum_leverage
        elif tiers in shipped:
            found[tiers] = shipped[tiers]
        else:
            found[tiers] = free
            free += 1
    return found


def _table(tiers: Iterable[MarginTier]) -> dict[str, Any]:
    rows = [
        {"lowerBound": money_text(tier.lower_bound), "maxLeverage": tier.maximum_leverage}
        for tier in tiers
    ]
    description = f"tiered {rows[0]['maxLeverage']}x" if len(rows) > 1 else ""
    return {"description": description, "marginTiers": rows}


def dex_meta(venue: DeskView, dex: str = "") -> dict[str, Any]:
    """The markets of a dex and all margin tables."""
    ids = margin_tables(venue.instruments)
    universe = []
    for row in venue.assets.markets[dex]:
        market = venue.instruments[row]
        entry: dict[str, Any] = {
            "szDecimals": market.size_decimals,
            "name": market.name,
            "maxLeverage": market.maximum_leverage,
            "marginTableId": ids[market.tiers],
        }
        if market.margin == MarketMargin.STRICT_ISOLATED:
            entry |= {"onlyIsolated": True, "marginMode": "strictIsolated"}
        elif market.margin == MarketMargin.ISOLATED_ONLY:
            entry |= {"onlyIsolated": True, "marginMode": "noCross"}
        if int(venue.tables["markets"]["status"][row]) == MarketStatus.DELISTED:
            entry["isDelisted"] = True
        universe.append(entry)
    tables: dict[int, tuple[MarginTier, ...]] = {SINGLE_TIER_IDS: (MarginTier(0, SINGLE_TIER_IDS),)}
    tables |= {number: tiers for tiers, number in ids.items() if number >= SINGLE_TIER_IDS}
    return {
        "universe": universe,
        "marginTables": [[number, _table(tables[number])] for number in sorted(tables)],
        "collateralToken": 0,
    }


def meta(venue: DeskView, request: Request) -> dict[str, Any]:
    return dex_meta(venue, dex_of(venue, request))


def all_perp_metas(venue: DeskView, request: Request) -> list[Any]:
    return [dex_meta(venue, dex) for dex in venue.assets.dexes]


def margin_table(venue: DeskView, request: Request) -> dict[str, Any]:
    dex_of(venue, request)
    wanted = whole_of(request, "id")
    for tiers, number in margin_tables(venue.instruments).items():
        if number == wanted:
            return _table(tiers)
    if 1 <= wanted <= SINGLE_TIER_IDS:
        return _table([MarginTier(0, wanted)])
    raise BadRequest("id is unknown")


# -- prices and contexts -------------------------------------------------------------------------


def mid_text(venue: DeskView, market: int) -> str | None:
    """Half way between best bid and ask; None unless both exist."""
    bids, asks = book_levels(venue.engine, market, 1)
    if not bids or not asks:
        return None
    twice: int = bids[0][0] + asks[0][0]
    return decimal_text(5 * twice, MONEY_DECIMALS - venue.size_decimals(market) + 1)


def dex_mids(venue: DeskView, dex: str = "") -> dict[str, str]:
    """Without a mid the last trade stands for it, or the mark before the first trade."""
    found = {}
    for market in venue.assets.markets[dex]:
        instrument = venue.instruments[market]
        row = venue.tables["markets"][market]
        text = mid_text(venue, market)
        price = int(row["last_trade_price"]) or int(row["mark_price"])
        if text is None and price > 0:
            text = price_text(price, instrument.size_decimals)
        if text is not None:
            found[instrument.name] = text
    return found


def all_mids(venue: DeskView, request: Request) -> dict[str, str]:
    return dex_mids(venue, dex_of(venue, request))


def _impact_text(price: int, size_decimals: int) -> str:
    decimals = MONEY_DECIMALS - size_decimals + _IMPACT_DECIMALS
    cut = max(0, decimals - _SHOWN_DECIMALS)
    return decimal_text(price // 10**cut, decimals - cut)


def asset_context(venue: DeskView, market: int) -> dict[str, Any]:
    row = venue.tables["markets"][market]
    decimals = venue.size_decimals(market)
    view = market_view(venue.engine, market)
    money, size, before = venue.history.day_volume(market)
    mark = int(row["mark_price"])
    impact = None
    if view.impact_bid > 0 and view.impact_ask > 0:
        impact = [_impact_text(view.impact_bid, decimals), _impact_text(view.impact_ask, decimals)]
    return {
        "funding": rate_text(view.funding_rate, FUNDING_DECIMALS),
        "openInterest": size_text(int(row["open_interest"]), decimals),
        "prevDayPx": price_text(before or mark, decimals),
        "dayNtlVlm": money_text(money),
        "premium": rate_text(view.premium, FUNDING_DECIMALS) if impact else None,
        "oraclePx": price_text(int(row["oracle_price"]), decimals),
        "markPx": price_text(mark, decimals),
        "midPx": mid_text(venue, market),
        "impactPxs": impact,
        "dayBaseVlm": size_text(size, decimals),
    }


def asset_contexts(venue: DeskView, dex: str = "") -> list[dict[str, Any]]:
    """Of the markets of a dex, in the order of its universe."""
    return [asset_context(venue, market) for market in venue.assets.markets[dex]]


def meta_and_asset_contexts(venue: DeskView, request: Request) -> list[Any]:
    dex = dex_of(venue, request)
    return [dex_meta(venue, dex), asset_contexts(venue, dex)]


# -- the book ------------------------------------------------------------------------------------


def _shown(levels: Iterable[tuple[int, int, int]], decimals: int) -> list[dict[str, Any]]:
    return [
        {"px": price_text(price, decimals), "sz": size_text(size, decimals), "n": count}
        for price, size, count in levels
    ]


def _coarser(
    rows: NDArray[np.void], figures: int, mantissa: int, up: bool
) -> list[tuple[int, int, int]]:
    """Levels put together at so many significant figures, bids rounded down and asks up."""
    if not len(rows):
        return []
    prices = rows["price"]
    digits = np.searchsorted(_POWERS, prices, side="right")
    steps = _POWERS[np.maximum(digits - figures, 0)]
    steps = np.where(digits > figures, steps * mantissa, 1)
    merged = (prices + (steps - 1 if up else 0)) // steps * steps
    starts = np.flatnonzero(np.r_[True, merged[1:] != merged[:-1]])[:BOOK_LEVELS]
    sizes = np.add.reduceat(rows["total_size"], starts)
    counts = np.add.reduceat(rows["count"], starts)
    if len(starts) == BOOK_LEVELS:
        last = merged == merged[starts[-1]]
        sizes[-1], counts[-1] = rows["total_size"][last].sum(), rows["count"][last].sum()
    return list(zip(merged[starts].tolist(), sizes.tolist(), counts.tolist(), strict=True))


def grouping_of(request: Request) -> tuple[int, int]:
    """(significant figures or 0 for all, mantissa). Raises BadRequest."""
    figures = request.get("nSigFigs")
    mantissa = request.get("mantissa")
    if figures not in (None, 2, 3, 4, 5) or isinstance(figures, float):
        raise BadRequest("nSigFigs must be 2 to 5")
    if mantissa not in (None, 1, 2, 5) or isinstance(mantissa, bool | float):
        raise BadRequest("mantissa must be 2 or 5")
    if mantissa is not None and figures != 5:
        raise BadRequest("mantissa needs nSigFigs 5")
    return figures or 0, mantissa or 1


def book(
    venue: DeskView, market: int, figures: int = 0, mantissa: int = 1, depth: int = BOOK_LEVELS
) -> dict[str, Any]:
    decimals = venue.size_decimals(market)
    if figures:
        bid_rows, ask_rows = book_rows(venue.engine, market, _DEEP_LEVELS)
        bids = _coarser(bid_rows, figures, mantissa, False)[:depth]
        asks = _coarser(ask_rows, figures, mantissa, True)[:depth]
    else:
        bids, asks = book_levels(venue.engine, market, depth)
    return {
        "coin": venue.coin(market),
        "time": venue.now_ms(),
        "levels": [_shown(bids, decimals), _shown(asks, decimals)],
    }


def l2_book(venue: DeskView, request: Request) -> dict[str, Any] | None:
    """null for a coin that does not exist."""
    figures, mantissa = grouping_of(request)
    coin = text_of(request, "coin")
    if coin == PAIR:
        return empty_book(venue)
    market = venue.market_of.get(coin)
    return None if market is None else book(venue, market, figures, mantissa)


def best_bid_and_ask(venue: DeskView, market: int) -> dict[str, Any]:
    bids, asks = book_levels(venue.engine, market, 1)
    decimals = venue.size_decimals(market)
    sides = [_shown(bids, decimals), _shown(asks, decimals)]
    return {
        "coin": venue.coin(market),
        "time": venue.now_ms(),
        "bbo": [side[0] if side else None for side in sides],
    }
