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
UNIFIED_FILE = Path(__file__).with_name("hyperliquid_unified_accounts.json")
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


BALANCE = {
    "coin": "token",
    "token": "number",
    "total": "total",
    "hold": "hold",
    "entryNtl": "entry_notional",
    "ltv": "loan_to_value",
    "supplied": "supplied",
    "borrowed": "borrowed",
}
SPOT = {
    "portfolioMarginEnabled": "portfolio_margin",
    "portfolioMarginRatio": "portfolio_margin_ratio",
    "tokenToPortfolioBorrowRatio": "borrow_ratios",
    "tokenToPortfolioSupplyRatio": "supply_ratios",
    "tokenToAvailableAfterMaintenance": "available",
}
ORDER = {
    "coin": "coin",
    "side": "side",
    "limitPx": "limit",
    "sz": "size",
    "oid": "number",
    "timestamp": "time_ms",
    "origSz": "first_size",
    "reduceOnly": "reduce_only",
}
ACTIVE = {
    "coin": "coin",
    "maxTradeSzs": "largest_sizes",
    "availableToTrade": "available",
    "markPx": "mark",
}
BESIDE = {"id": "id", "source": "source", "recorded": "recorded", "abstraction": "abstraction",
          "inferred_from": "inferred_from"}  # fmt: skip
"""Of an account of several answers, what is beside them."""


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


def recorded_unified_accounts() -> list[dict[str, Any]]:
    """Accounts as several answers of the venue: its state, its balances, what it could trade."""
    return [_wire_document(account) for account in tables.read(UNIFIED_FILE)["accounts"]]


def read_modes() -> dict[str, Any]:
    """``isolated``: positions with the last digits of their price; ``portfolio_margin``: figures of
    accounts in that mode. Each with its source."""
    found = tables.read(UNIFIED_FILE)
    return {name: found[name] for name in ("isolated", "portfolio_margin")}


def _wire_document(account: dict[str, Any]) -> dict[str, Any]:
    made = _renamed(account, BESIDE)
    made["clearinghouseState"] = wire_state(account["perps"])
    spot = _renamed(account["spot"], SPOT)
    spot["balances"] = [_renamed(row, BALANCE) for row in account["spot"]["balances"]]
    made["spotClearinghouseState"] = spot
    if "orders" in account:
        orders = account["orders"]
        made["openOrders"] = orders and [_renamed(row, ORDER) for row in orders]
    if "active" in account:
        made["activeAssetData"] = {
            row["coin"]: _renamed(row, ACTIVE) | {"leverage": _renamed(row, LEVERAGE)}
            for row in account["active"]
        }
    return made


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
