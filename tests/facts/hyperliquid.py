"""The figures of Hyperliquid: documented, recorded, or derived from a documented formula.

Decimal numbers are text, as they were printed. ``status`` says how a figure is known.
"""

from functools import cache
from pathlib import Path
from typing import Any

from tests.facts import tables

FILE = Path(__file__).with_name("hyperliquid.json")
CLIENT_FILE = Path(__file__).with_name("hyperliquid_client.json")
ACCOUNTS_FILE = Path(__file__).with_name("hyperliquid_accounts.json")
SUMMARY = {
    "accountValue": "account_value",
    "totalNtlPos": "total_notional",
    "totalRawUsd": "total_raw_usd",
    "totalMarginUsed": "total_margin_used",
}
POSITION = {
    "coin": "coin",
    "szi": "signed_size",
    "entryPx": "entry",
    "positionValue": "value",
    "unrealizedPnl": "profit",
    "returnOnEquity": "return_on_margin",
    "liquidationPx": "liquidation_price",
    "marginUsed": "margin_used",
    "maxLeverage": "maximum_leverage",
    "maxTradeSzs": "largest_sizes",
}
LEVERAGE = {"type": "mode", "value": "leverage", "rawUsd": "raw_usd"}
FUNDING = {"allTime": "funding_ever", "sinceOpen": "funding_held", "sinceChange": "funding_changed"}
STATE = {
    "crossMaintenanceMarginUsed": "cross_maintenance",
    "withdrawable": "withdrawable",
    "time": "time_ms",
}


@cache
def read() -> dict[str, Any]:
    """The figures by group; not to be changed."""
    found: dict[str, Any] = tables.read(FILE)
    return found


@cache
def read_client() -> dict[str, Any]:
    """Messages of the official client, with the hashes and signatures it made of them."""
    found: dict[str, Any] = tables.read(CLIENT_FILE)
    return found


def recorded_accounts() -> list[dict[str, Any]]:
    """``id``, ``source``, ``partial`` and ``state``: the account as the venue answers for it."""
    return [
        {
            "id": account["id"],
            "source": account["source"],
            "partial": account.get("partial", False),
            "state": wire_state(account),
        }
        for account in tables.read(ACCOUNTS_FILE)["accounts"]
    ]


def wire_state(account: dict[str, Any]) -> dict[str, Any]:
    """An account of the file as the venue's ``clearinghouseState``."""
    state = _renamed(account, STATE)
    for ours, theirs in (("total", "marginSummary"), ("cross", "crossMarginSummary")):
        if ours in account:
            state[theirs] = _renamed(account[ours], SUMMARY)
    state["assetPositions"] = [
        {"type": "oneWay", "position": _wire_position(position)}
        for position in account["positions"]
    ]
    return state


def _wire_position(position: dict[str, Any]) -> dict[str, Any]:
    made = _renamed(position, POSITION) | {"leverage": _renamed(position, LEVERAGE)}
    funding = _renamed(position, FUNDING)
    return made | {"cumFunding": funding} if funding else made


def _renamed(record: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {theirs: record[ours] for theirs, ours in names.items() if ours in record}
