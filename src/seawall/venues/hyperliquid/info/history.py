"""What happened to an account: fills, funding, time-weighted orders."""

from collections.abc import Iterable
from typing import Any

from seawall.domain.commands import split_client_id
from seawall.domain.enums import FillFlag, Side
from seawall.domain.units import MONEY_DECIMALS
from seawall.venues.hyperliquid.directory.twaps import Twap, slice_of
from seawall.venues.hyperliquid.info.base import (
    FOREVER_MS,
    DeskView,
    Request,
    flag_of,
    span_of,
    user_of,
)
from seawall.venues.hyperliquid.info.orders import shown_cloid
from seawall.venues.hyperliquid.info.trades import FUNDING_DECIMALS
from seawall.venues.hyperliquid.wire.values import (
    NO_HASH,
    average_price_text,
    decimal_text,
    hash_text,
    money_text,
    price_text,
    rate_text,
    side_text,
    size_text,
)
from seawall.venues.port import Fill, FundingRecord

MOST_FILLS = 2000
REMEMBERED_FILLS = 10_000
"""Older fills are not answered."""
MOST_FUNDINGS = 500
_METHODS = {"liquidation": "market", "backstop": "backstop", "deleveraging": "backstop"}
"""Origins of fills that belong to a liquidation, and the venue's word for how."""


# -- fills ---------------------------------------------------------------------------------------


def _direction(fill: Fill) -> str:
    before = fill.position_before
    if fill.flags & FillFlag.LIQUIDATED:
        mode = "Isolated" if fill.flags & FillFlag.ISOLATED_BUCKET else "Cross"
        return f"Liquidated {mode} {'Long' if before > 0 else 'Short'}"
    if fill.origin == "deleveraging":
        return "Auto-Deleveraging"
    if fill.side == Side.BUY:
        if before >= 0:
            return "Open Long"
        return "Close Short" if fill.size <= -before else "Short > Long"
    if before <= 0:
        return "Open Short"
    return "Close Long" if fill.size <= before else "Long > Short"


def twap_of(fill: Fill) -> int | None:
    """The time-weighted order that a fill belongs to."""
    found = slice_of(*split_client_id(fill.client_id)) if fill.client_id else None
    return found[0] if found else None


def _liquidation(venue: DeskView, fill: Fill) -> dict[str, Any]:
    own = bool(fill.flags & FillFlag.LIQUIDATED)
    user = fill.account if own else fill.counterparty
    return {
        "liquidatedUser": venue.directory.address_of(user),
        "markPx": price_text(fill.mark_price, venue.size_decimals(fill.market)),
        "method": _METHODS[fill.origin],
    }


def user_fill(venue: DeskView, fill: Fill) -> dict[str, Any]:
    """One side of a fill as its user sees it."""
    decimals = venue.size_decimals(fill.market)
    twap = twap_of(fill)
    builder_fee = venue.directory.state.builder_fees.of_trade(fill.account, fill.trade_id)
    shown: dict[str, Any] = {
        "coin": venue.coin(fill.market),
        "px": price_text(fill.price, decimals),
        "sz": size_text(fill.size, decimals),
        "side": side_text(fill.side),
        "time": fill.time_ms,
        "startPosition": size_text(fill.position_before, decimals),
        "dir": _direction(fill),
        "closedPnl": money_text(fill.closed_profit),
        "hash": NO_HASH if twap is not None else hash_text(fill.sequence),
        "oid": fill.order_id,
        "crossed": fill.is_taker or fill.origin == "deleveraging",
        "fee": money_text(fill.fee + builder_fee),
        "tid": fill.trade_id,
        "feeToken": "USDC",
        "twapId": twap,
    }
    if builder_fee:
        shown["builderFee"] = money_text(builder_fee)
    cloid = shown_cloid(fill.client_id)
    if cloid:
        shown["cloid"] = cloid
    if fill.origin in _METHODS:
        shown["liquidation"] = _liquidation(venue, fill)
    return shown


def _joined(venue: DeskView, group: list[Fill]) -> dict[str, Any]:
    """Fills of one order at one time as one, the first in time first."""
    shown = user_fill(venue, group[0])
    if len(group) > 1:
        decimals = venue.size_decimals(group[0].market)
        size = sum(fill.size for fill in group)
        notional = sum(fill.size * fill.price for fill in group)
        shown["px"] = average_price_text(notional, size, decimals)
        shown["sz"] = size_text(size, decimals)
        fees = venue.directory.state.builder_fees
        builders = sum(fees.of_trade(fill.account, fill.trade_id) for fill in group)
        shown["fee"] = money_text(sum(fill.fee for fill in group) + builders)
        if builders:
            shown["builderFee"] = money_text(builders)
        shown["closedPnl"] = money_text(sum(fill.closed_profit for fill in group))
    return shown


def shown_fills(venue: DeskView, fills: Iterable[Fill], aggregate: bool) -> list[Any]:
    """Fills (oldest first) as users see them; ``aggregate`` joins those of one order and time."""
    if not aggregate:
        return [user_fill(venue, fill) for fill in fills]
    groups: dict[tuple[int, int, int, bool], list[Fill]] = {}
    for fill in fills:
        groups.setdefault((fill.time_ms, fill.order_id, fill.market, fill.is_taker), []).append(
            fill
        )
    return [_joined(venue, group) for group in groups.values()]


def latest_fills(venue: DeskView, address: str, aggregate: bool) -> list[Any]:
    """The latest fills of an address, newest first; empty for an unknown one."""
    row = venue.row_of(address)
    if row < 0:
        return []
    fills = venue.history.fills(row, limit=MOST_FILLS)
    return shown_fills(venue, reversed(fills), aggregate)[::-1]


def user_fills(venue: DeskView, request: Request) -> list[Any]:
    return latest_fills(venue, user_of(request), flag_of(request, "aggregateByTime"))


def _fills_between(venue: DeskView, request: Request) -> list[Fill]:
    """The fills of the span, oldest first, as far back as the venue remembers."""
    start, end = span_of(request, required=True)
    row = venue.row_of(user_of(request))
    if row < 0:
        return []
    return venue.history.fills(row, start, end, REMEMBERED_FILLS)[::-1]


def user_fills_by_time(venue: DeskView, request: Request) -> list[Any]:
    """Oldest first, or newest first where ``reversed``."""
    fills = _fills_between(venue, request)
    backward = flag_of(request, "reversed")
    chosen = fills[-MOST_FILLS:] if backward else fills[:MOST_FILLS]
    shown = shown_fills(venue, chosen, flag_of(request, "aggregateByTime"))
    return shown[::-1] if backward else shown


# -- funding -------------------------------------------------------------------------------------


def funding_event(venue: DeskView, row: FundingRecord) -> dict[str, Any]:
    """A payment as the streams carry it; ``usdc`` is negative where it was paid."""
    return {
        "time": row.time_ms,
        "coin": venue.coin(row.market),
        "usdc": money_text(row.amount),
        "szi": size_text(row.signed_size, venue.size_decimals(row.market)),
        "fundingRate": rate_text(row.rate, FUNDING_DECIMALS),
        "nSamples": None,
    }


def user_funding(venue: DeskView, request: Request) -> list[Any]:
    """Oldest first; with a start the first of the span, without one the latest."""
    start, end = span_of(request)
    row = venue.row_of(user_of(request))
    if row < 0:
        return []
    if start:
        rows = venue.history.funding(row, start, end, REMEMBERED_FILLS)[::-1][:MOST_FUNDINGS]
    else:
        rows = venue.history.funding(row, 0, end, MOST_FUNDINGS)[::-1]
    found = []
    for paid in rows:
        event = funding_event(venue, paid)
        when = event.pop("time")
        found.append({"time": when, "hash": NO_HASH, "delta": {"type": "funding", **event}})
    return found


# -- time-weighted orders ------------------------------------------------------------------------


def twap_state(venue: DeskView, twap: Twap) -> dict[str, Any]:
    decimals = venue.size_decimals(twap.market)
    trigger = None
    if twap.trigger_price:
        trigger = {"px": price_text(twap.trigger_price, decimals), "above": twap.trigger_above}
    return {
        "coin": venue.coin(twap.market),
        "executedNtl": decimal_text(twap.executed_notional, MONEY_DECIMALS),
        "executedSz": size_text(twap.executed_size, decimals),
        "minutes": twap.minutes,
        "randomize": twap.randomize,
        "reduceOnly": twap.reduce_only,
        "side": side_text(twap.side),
        "stopPx": price_text(twap.stop_price, decimals) if twap.stop_price else None,
        "sz": size_text(twap.size, decimals),
        "timestamp": twap.created_ms,
        "trigger": trigger,
        "user": twap.address,
    }


def twap_entry(venue: DeskView, twap: Twap) -> dict[str, Any]:
    """One entry of the history of time-weighted orders; its time is in seconds."""
    status: dict[str, Any] = {"status": twap.status}
    if twap.status == "error":
        status["description"] = "The order could not be continued."
    return {
        "time": (twap.ended_ms or twap.started_ms or twap.created_ms) // 1000,
        "state": twap_state(venue, twap),
        "status": status,
        "twapId": twap.twap_id,
    }


def running_twaps(venue: DeskView, address: str, dex: str = "") -> list[Any]:
    """Those on a dex, oldest first."""
    return [
        [twap.twap_id, twap_state(venue, twap)]
        for twap in venue.directory.twaps_of(address)
        if not twap.ended_ms and venue.dex_of(twap.market) == dex
    ]


def twap_entries(venue: DeskView, address: str) -> list[Any]:
    """Newest first."""
    return [twap_entry(venue, twap) for twap in reversed(venue.directory.twaps_of(address))]


def twap_history(venue: DeskView, request: Request) -> list[Any]:
    return twap_entries(venue, user_of(request))


def slice_fill(venue: DeskView, fill: Fill) -> dict[str, Any]:
    return {"fill": user_fill(venue, fill), "twapId": twap_of(fill)}


def latest_slice_fills(venue: DeskView, address: str) -> list[Any]:
    """Newest first; empty for an unknown address."""
    row = venue.row_of(address)
    if row < 0:
        return []
    fills = venue.history.fills(row, 0, FOREVER_MS, REMEMBERED_FILLS)
    slices = [fill for fill in fills if twap_of(fill) is not None]
    return [slice_fill(venue, fill) for fill in slices[:MOST_FILLS]]


def user_twap_slice_fills(venue: DeskView, request: Request) -> list[Any]:
    return latest_slice_fills(venue, user_of(request))


def user_twap_slice_fills_by_time(venue: DeskView, request: Request) -> list[Any]:
    slices = [fill for fill in _fills_between(venue, request) if twap_of(fill) is not None]
    return [slice_fill(venue, fill) for fill in slices[:MOST_FILLS]]
