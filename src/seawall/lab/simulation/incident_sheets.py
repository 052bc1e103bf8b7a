"""What happened to an account: sentences that merge close repetitions, and every incident."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from seawall.domain.events import is_pool
from seawall.domain.rulebook import BlockRulebook
from seawall.domain.units import DAY_MS, from_units
from seawall.lab.simulation.incidents import OF_NO_BUCKET, STAGES, Incident, IncidentKind
from seawall.lab.simulation.names import Buckets, bucket_name, gate_words, mode_name
from seawall.report.kinds import (
    MONEY,
    NUMBER,
    PRICE,
    SIZE,
    TIME,
    clock,
    money,
    percent,
    price,
    short_percent,
)
from seawall.report.sheet import Column, Sheet

MERGE_MS = 60_000
"""Repetitions within this time are one sentence; those of funding within ten hours."""
FUNDING_MS = 600 * MERGE_MS
_BAD = (
    *STAGES,
    IncidentKind.LIQUIDATION_STARTED,
    IncidentKind.LIQUIDATION_FEE,
    IncidentKind.TOP_UP_BLOCKED,
)


class Simulated(Buckets, Protocol):
    """An account to which things happened."""

    @property
    def incidents(self) -> Sequence[Incident]: ...
    @property
    def pools(self) -> Sequence[int]:
        """The cross pool that each market draws on."""
        ...


class Happened(Struct, frozen=True, kw_only=True):
    """One or more incidents of one kind as a sentence. ``equity``: of the account afterwards."""

    time_ms: int
    kind: IncidentKind
    what: str
    equity: int | None


def incident_sheets(result: Simulated, span_ms: int) -> tuple[Sheet, Sheet]:
    """Sentences for people and every incident for programs. ``span_ms``: of the whole run."""
    shown = slice(5 if span_ms > DAY_MS else 11, None)

    def style(row: Happened) -> str:
        return "bad" if row.kind in _BAD else "quiet" if row.kind in OF_NO_BUCKET else ""

    happened = Sheet(
        name="what_happened",
        title="What happened",
        rows=what_happened(result),
        columns=[
            Column("utc", get=lambda r: clock(r.time_ms)[shown], title="UTC"),
            Column("what"),
            Column("equity", MONEY, title="equity after", drop=1),
        ],
        on="screen",
        style=style,
    )
    return happened, _incidents(result)


def _incidents(result: Simulated) -> Sheet:
    def of_market(row: Incident, value: int, decimals: str) -> str | None:
        if is_pool(row.market) or not value:
            return None
        return from_units(value, getattr(result.instruments[row.market], decimals))

    def market(row: Incident) -> str | None:
        return None if is_pool(row.market) else result.instruments[row.market].name

    def mode(row: Incident) -> str | None:
        if row.kind in OF_NO_BUCKET:
            return None
        isolated = row.isolated and not is_pool(row.market)
        return mode_name(result.rulebook, isolated=isolated)

    return Sheet(
        name="incidents",
        title="Every incident",
        rows=result.incidents,
        columns=[
            Column("time_ms", TIME),
            Column("what", get="kind"),
            Column("bucket", get=mode),
            Column("market", get=market),
            Column("size", SIZE, lambda r: of_market(r, r.size, "size_decimals")),
            Column("price", PRICE, lambda r: of_market(r, r.price, "price_decimals")),
            Column("threshold", NUMBER, lambda r: r.threshold or None),
            Column("maintenance_margin", MONEY, lambda r: r.maintenance_margin or None),
            Column("money", MONEY),
            Column("equity", MONEY),
            Column("note", get=lambda r: r.note.lower() or None),
        ],
        on="data",
    )


def what_happened(result: Simulated) -> list[Happened]:
    """The incidents in order of time, repetitions merged."""
    return [
        Happened(
            time_ms=group[0].time_ms,
            kind=group[0].kind,
            what=_sentence(result, group),
            equity=None if group[0].kind == IncidentKind.FUNDING else group[-1].equity,
        )
        for group in _merged(result.incidents)
    ]


def _merged(incidents: Sequence[Incident]) -> list[list[Incident]]:
    groups: list[list[Incident]] = []
    latest: dict[tuple[IncidentKind, int, float], list[Incident]] = {}
    for each in incidents:
        key = (each.kind, each.market, each.threshold)
        apart = FUNDING_MS if each.kind == IncidentKind.FUNDING else MERGE_MS
        if key in latest and each.time_ms - latest[key][-1].time_ms <= apart:
            latest[key].append(each)
            continue
        latest[key] = [each]
        groups.append(latest[key])
    return groups


def _sentence(result: Simulated, group: Sequence[Incident]) -> str:
    first, kind = group[0], group[0].kind
    name = "" if is_pool(first.market) else result.instruments[first.market].name
    is_bucket = first.isolated or is_pool(first.market)
    bucket = bucket_name(result, first.market if is_bucket else result.pools[first.market])
    total = sum(each.money for each in group)
    if kind == IncidentKind.MARGIN_WARNING:
        return (
            f"{bucket}: maintenance margin passes {short_percent(first.threshold)} of equity "
            f"({money(first.maintenance_margin)} of {money(first.money)})"
        )
    if kind == IncidentKind.LIQUIDATION_STARTED:
        return (
            f"{bucket}: below maintenance margin, liquidation begins: equity {money(first.money)}, "
            f"needed {money(first.maintenance_margin)}"
        )
    if kind == IncidentKind.FUNDING:
        times = f" in {len(group)} settlements" if len(group) > 1 else ""
        return f"funding {'received' if total >= 0 else 'paid'}: {money(abs(total))}{times}"
    if kind == IncidentKind.INSURANCE_PAID:
        return f"the insurance fund pays {money(total)} into the account"
    if kind == IncidentKind.DELEVERAGING_STALLED:
        return f"{name}: no account can take the position, deleveraging waits"
    if kind == IncidentKind.ORDER_TRIGGERED:
        word = "oracle" if isinstance(result.rulebook, BlockRulebook) else "mark"
        at = _price(result, first.market, first.price)
        return f"{name}: an order is triggered at {word} {at}"
    if kind == IncidentKind.TOPPED_UP:
        kept = ": the pool keeps it, it has too little itself" if first.note else ""
        return f"{bucket}: {money(total)} USD are added{kept}"
    if kind == IncidentKind.TOP_UP_BLOCKED:
        return f"{bucket}: {money(total)} USD do not come, transfers are blocked"
    if kind == IncidentKind.LIQUIDATION_FEE:
        return f"{name}: liquidation fee {money(-total)} to the insurance fund"
    if kind == IncidentKind.TRANSFERS_GATED:
        return (
            "an account is below zero: no withdrawal and no transfer for "
            f"{gate_words(result.rulebook)}"
        )
    if kind == IncidentKind.ORDER_ENDED:
        times = f" ({len(group)} times)" if len(group) > 1 else ""
        return f"{name}: an order ends: {first.note.lower().replace('_', ' ')}{times}"
    return _trade(result, group, name, total)


def _trade(result: Simulated, group: Sequence[Incident], name: str, total: int) -> str:
    """What was closed, how much of the position, at which price, and the profit or loss."""
    first, kind = group[0], group[0].kind
    size = sum(each.size for each in group)
    notional = sum(each.notional for each in group)
    at = _price(result, first.market, notional // size if size else first.price)
    amount = f"{from_units(size, result.instruments[first.market].size_decimals)} {name}"
    share = percent(size / abs(first.before), 1) if first.before else ""
    profit = f"result {'+' if total >= 0 else ''}{money(total)}"
    verb = "buys" if first.note == "bought" else "sells"
    if kind == IncidentKind.PARTLY_LIQUIDATED:
        orders = f", {len(group)} orders" if len(group) > 1 else ""
        return f"liquidation {verb} {amount} ({share}{orders}) at {at} into the book, {profit}"
    if kind == IncidentKind.LIQUIDATED:
        return f"liquidation {verb} the rest, {amount}, at {at} into the book, {profit}"
    if kind == IncidentKind.BACKSTOP:
        return f"the backstop takes the whole bucket: {amount} at mark {at}, with all margin left"
    if kind == IncidentKind.DELEVERAGED_LOSER:
        return f"deleveraging closes {amount} at {at} against other accounts, {profit}"
    if kind == IncidentKind.DELEVERAGED_WINNER:
        return (
            f"deleveraged: {amount} ({share}) of the profitable position closed at {at} to cover "
            f"another account's loss, {profit}"
        )
    return f"order filled: {verb} {amount} at {at}, {profit}"


def _price(result: Simulated, market: int, units: int) -> str:
    return price(from_units(units, result.instruments[market].price_decimals))
