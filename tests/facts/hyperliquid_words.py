"""Figures in the venue's own words, read into the project's.

``SEAWALL_HYPERLIQUID_VECTORS`` names a file of such figures: groups of cases with the keys of the
venue's messages. Remarks are left out, and what is a number with a remark becomes the number.
"""

import re
from typing import Any

from tests.facts.hyperliquid import (
    ACTIVE,
    BALANCE,
    BESIDE,
    FUNDING,
    LEVERAGE,
    ORDER,
    POSITION,
    SPOT,
    STATE,
    SUMMARY,
)

GROUPS = (
    "margin_tiers maintenance_margin liquidation_price isolated_open_margin account_state "
    "price_validity size_validity funding fees"
).split()
"""What the project's own facts have of such a file, beside the client's messages."""
WORDS = {
    **SUMMARY,
    **POSITION,
    "F_8h": "rate_8h",
    "P": "premium",
    "account_value": "account_value",
    "availableToTrade": "available",
    "available(accountValue-totalMarginUsed)": "available",
    "builderFee": "builder_fee",
    "closedPnl": "closed_profit",
    "crossMaintenanceMarginUsed": "cross_maintenance",
    "crossMarginSummary": "cross",
    "cross_observed": "cross",
    "doc_example": "documented",
    "entryPx": "entry",
    "fundingRate": "rate",
    "hip3_freqtrade": "untruncated",
    "history_observed": "history",
    "hourly": "hourly_rate",
    "impactPxs": "impact_prices",
    "isolated_margin": "margin_used",
    "isolated_margin(marginUsed)": "margin_used",
    "lev": "leverage",
    "limitPx": "limit",
    "liq": "liquidation_price",
    "lowerBound": "lower_bound",
    "margin": "margin_used",
    "marginSummary": "total",
    "mark_px": "mark",
    "markPx": "mark",
    "maxTradeSz": "largest_sizes",
    "mm": "maintenance",
    "observed": "isolated",
    "observed_fills": "fills",
    "open_order": "open_orders",
    "oraclePx": "oracle",
    "perp_tiers": "tiers",
    "premium_observed": "premiums",
    "px": "price",
    "rawUsd": "raw_usd",
    "startPosition": "start_size",
    "symbol": "coin",
    "sz": "size",
    "szDecimals": "size_decimals",
    "usdc": "paid",
}
REMARKS = {
    "boundary_rule", "name", "note", "observed_source", "rounding", "rule", "verification",
}  # fmt: skip
CLIENT = ("signing", "float_to_wire")
"""What clients sign and write: messages, which keep the wire's words."""
_SECOND_MARK = re.compile(r"mark ([\d.]+) -> marginUsed ([\d.]+)")
_NUMBER_WITH_REMARK = re.compile(r"([-+]?\d+(?:\.\d+)?)\s+\D.*")


def translated(vectors: Any) -> dict[str, Any]:
    """The groups in the project's words; load the file with ``parse_float=str``."""
    found = {}
    for name, group in vectors.items():
        if not name.startswith("_"):
            found[name] = group if name in CLIENT else _value(group)
    if "liquidation_price" in found and "observed_source" in vectors["liquidation_price"]:
        found["liquidation_price"]["source"] = vectors["liquidation_price"]["observed_source"]
    return found


def _value(value: Any, is_expected: bool = False) -> Any:
    if isinstance(value, list):
        return [_value(part, is_expected) for part in value]
    if isinstance(value, str):
        remark = _NUMBER_WITH_REMARK.fullmatch(value)
        return remark[1] if remark else value
    if not isinstance(value, dict):
        return value
    made = {}
    for name, part in value.items():
        is_formula = name == "formula" and part not in ("main", "hip3")
        is_remark = is_expected and isinstance(part, str) and not re.match(r"[-+]?\d", part)
        if name not in REMARKS and not is_formula and not is_remark:
            made[_word(name)] = _value(part, is_expected or name == "expect")
    later = _SECOND_MARK.search(value["note"]) if "note" in value else None
    if later:
        made |= {"later_mark": later[1], "later_margin_used": later[2]}
    return made


def _word(name: str) -> str:
    """A key may have a coin or a summary in front: ``DYDX.liquidationPx``."""
    if name in WORDS:
        return WORDS[name]
    front, dot, last = name.partition(".")
    return f"{WORDS.get(front, front)}.{WORDS.get(last, last)}" if dot else name


def accounts(recorded: list[Any]) -> list[dict[str, Any]]:
    """Recorded answers of the venue as accounts of the project's file."""
    found = []
    for case in recorded:
        state = case["state"]
        account = {"id": case["id"], "source": case["source"]}
        if case.get("partial"):
            account["partial"] = True
        account |= _renamed(state, STATE)
        for theirs, ours in (("marginSummary", "total"), ("crossMarginSummary", "cross")):
            if theirs in state:
                account[ours] = _renamed(state[theirs], SUMMARY)
        account["positions"] = [
            _renamed(row["position"], POSITION)
            | _renamed(row["position"]["leverage"], LEVERAGE)
            | _renamed(row["position"].get("cumFunding", {}), FUNDING)
            for row in state["assetPositions"]
        ]
        found.append(account)
    return found


def unified_accounts(recorded: list[Any]) -> list[dict[str, Any]]:
    """Recorded accounts of several answers as accounts of the project's file; remarks left out.

    A source in brackets is the source; what stands before it is how it was found.
    """
    found = []
    for case in recorded:
        account = _renamed(case, BESIDE)
        account["source"] = re.sub(r"^.*\((survey[^;]*);[^)]*\)", r"\1", case["source"])
        perps = {"id": "", "source": "", "state": case["clearinghouseState"]}
        (state,) = accounts([perps])
        account["perps"] = {name: state[name] for name in state if name not in ("id", "source")}
        spot = case["spotClearinghouseState"]
        account["spot"] = _renamed(spot, SPOT)
        account["spot"]["balances"] = [_renamed(row, BALANCE) for row in spot["balances"]]
        if "openOrders" in case:
            orders = case["openOrders"]
            account["orders"] = orders and [_renamed(row, ORDER) for row in orders]
        if "activeAssetData" in case:
            account["active"] = [
                _renamed(row, ACTIVE) | _renamed(row["leverage"], LEVERAGE)
                for row in case["activeAssetData"].values()
            ]
        found.append(account)
    return found


def _renamed(record: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {ours: record[theirs] for theirs, ours in names.items() if theirs in record}
