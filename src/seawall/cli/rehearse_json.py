"""What ``seawall rehearse --json`` prints: one object with exact decimal text."""

from typing import Any

from seawall.domain.events import CROSS_POOL
from seawall.domain.units import from_units, money_text
from seawall.lab.rehearse.rehearsal import Rehearsal
from seawall.lab.rehearse.wording import mode_name
from seawall.lab.simulation.incidents import Incident


def result_object(result: Rehearsal) -> dict[str, Any]:
    """The result for programs: exact decimal text in USD and the markets' own units."""
    return {
        "account": result.name,
        "account_number": result.account,
        "child_accounts": {
            result.instruments[market].name: child for child, market in result.children.items()
        },
        "rulebook": result.rulebook.name,
        "path": result.path.name,
        "steps": len(result.path.times_ms),
        "step_ms": result.path.step_ms,
        "markets": [instrument.name for instrument in result.instruments],
        "equity_at_start": money_text(result.start.equity),
        "equity_at_end": money_text(result.end.equity),
        "funding": money_text(result.funding),
        "unsettled_funding": money_text(result.end.unsettled_funding),
        "recorded_funding": None
        if result.recorded_funding is None
        else money_text(result.recorded_funding),
        "positions_at_start": _positions(result, result.start.holdings, result.liquidation_prices),
        "positions_at_end": _positions(result, result.end.holdings, result.end_liquidation_prices),
        "incidents": [_incident_object(result, incident) for incident in result.incidents],
        "others": {
            "liquidated_accounts": result.others.liquidated_accounts,
            "sold_to_book": money_text(result.others.sold_to_book),
            "taken_by_backstop": money_text(result.others.taken_by_backstop),
            "deleveraged": money_text(result.others.deleveraged),
            "insurance_paid": money_text(result.others.insurance_paid),
            "liquidation_fees": money_text(result.others.liquidation_fees),
        },
        "conservation": {
            "cash": money_text(result.cash),
            "isolated_cash": money_text(result.isolated_cash),
            "deposits": money_text(result.deposits),
            "withdrawals": money_text(result.withdrawals),
            "equal": result.is_conserved,
        },
        "state_hash": result.state_hash,
        "notes": result.notes,
    }


def _positions(result: Rehearsal, holdings: Any, prices: Any) -> list[dict[str, Any]]:
    rows = []
    for market, holding in holdings.items():
        instrument = result.instruments[market]
        price = prices[market]
        rows.append(
            {
                "market": instrument.name,
                "mode": mode_name(result, isolated=holding.isolated),
                "leverage": holding.leverage or None,
                "size": from_units(holding.signed_size, instrument.size_decimals),
                "mark_price": from_units(holding.mark_price, instrument.price_decimals),
                "unrealized_profit": money_text(holding.profit),
                "liquidation_price": None if price is None else round(price, 6),
            }
        )
    return rows


def _incident_object(result: Rehearsal, incident: Incident) -> dict[str, Any]:
    row: dict[str, Any] = {
        "time_ms": incident.time_ms,
        "what": str(incident.kind),
        "bucket": "cross",
        "equity": money_text(incident.equity),
    }
    if incident.market != CROSS_POOL:
        instrument = result.instruments[incident.market]
        row["market"] = instrument.name
        row["bucket"] = mode_name(result, isolated=incident.isolated)
        if incident.size:
            row["size"] = from_units(incident.size, instrument.size_decimals)
        if incident.price:
            row["price"] = from_units(incident.price, instrument.price_decimals)
    if incident.threshold:
        row["threshold"] = incident.threshold
    if incident.maintenance_margin:
        row["maintenance_margin"] = money_text(incident.maintenance_margin)
    row["money"] = money_text(incident.money)
    if incident.note:
        row["note"] = incident.note.lower()
    return row
