"""What happened to the account under study, as sentences."""

from collections.abc import Sequence

from seawall.domain.events import CROSS_POOL
from seawall.domain.units import MICRO, from_units
from seawall.lab.cascade.simulate import CascadeRun
from seawall.lab.simulation.event_words import clock
from seawall.lab.simulation.incidents import Incident, IncidentKind

MERGED_MS = 60_000
"""Equal incidents of one market closer than this are one line."""
_TRADES = {
    IncidentKind.PARTLY_LIQUIDATED: "liquidated in part",
    IncidentKind.LIQUIDATED: "liquidated",
    IncidentKind.DELEVERAGED_LOSER: "its loss closed against winners",
    IncidentKind.DELEVERAGED_WINNER: "deleveraged as a winner",
    IncidentKind.ORDER_FILLED: "its order filled",
}


def incident_rows(run: CascadeRun) -> list[tuple[str, str, str]]:
    """(UTC, what, equity after) of every incident, equal ones of a minute together."""
    rows = []
    for group in _merged(run.incidents):
        rows.append(
            (clock(group[0].time_ms), _sentence(run, group), f"{group[-1].equity / MICRO:,.2f}")
        )
    return rows


def _merged(incidents: Sequence[Incident]) -> list[list[Incident]]:
    groups: list[list[Incident]] = []
    for each in incidents:
        last = groups[-1][-1] if groups else None
        same = last is not None and (last.kind, last.market, last.note) == (
            each.kind, each.market, each.note,
        )  # fmt: skip
        if same and last is not None and each.time_ms - last.time_ms <= MERGED_MS:
            groups[-1].append(each)
        else:
            groups.append([each])
    return groups


def _sentence(run: CascadeRun, group: Sequence[Incident]) -> str:
    one = group[0]
    name = run.setup.instruments[one.market].name if one.market != CROSS_POOL else "cross pool"
    money = sum(each.money for each in group) / MICRO
    if one.kind in _TRADES:
        instrument = run.setup.instruments[one.market]
        size = sum(each.size for each in group)
        notional = sum(each.notional for each in group)
        price = notional / size / 10**instrument.price_decimals if size else 0.0
        return (
            f"{name} {_TRADES[one.kind]}: {one.note} "
            f"{from_units(size, instrument.size_decimals)} at {price:,.6g}, profit {money:,.2f} USD"
        )
    if one.kind == IncidentKind.LIQUIDATION_STARTED:
        return (
            f"{name}: liquidation begins, equity {one.money / MICRO:,.2f} against maintenance "
            f"{one.maintenance_margin / MICRO:,.2f} USD"
        )
    if one.kind == IncidentKind.BACKSTOP:
        return f"{name}: the backstop takes the position, {one.notional / MICRO:,.0f} USD"
    if one.kind == IncidentKind.TRANSFERS_GATED:
        return "withdrawals stop for a while: an account was below zero"
    words = one.kind.value.replace("_", " ")
    return f"{name}: {words}{f', {money:,.2f} USD' if money else ''}"
