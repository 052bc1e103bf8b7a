"""A comparison of rulebooks as sheets: first difference, totals, accounts side by side."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from msgspec import Struct

from seawall.domain.instrument import Instrument
from seawall.domain.units import from_units
from seawall.lab.compare_rules import RulesComparison
from seawall.lab.compare_rules.comparison import AccountEnd, Comparison, Totals
from seawall.lab.simulation.event_words import words
from seawall.lab.simulation.observer import Holding
from seawall.report import kinds
from seawall.report.findings import Findings, Section, Words
from seawall.report.sheet import Column, Sheet, transposed

MOST_ACCOUNTS = 8
MOST_EVENTS = 12
SIDES = ("left", "right")


class _Side(Struct, frozen=True):
    """What one rulebook made of the journal."""

    side: str
    rulebook: str
    as_of: str
    totals: Totals


class _End(Struct, frozen=True):
    """An account at the end of one side."""

    account: int
    side: str
    rulebook: str
    end: AccountEnd
    instruments: list[Instrument]


class _Held(Struct, frozen=True):
    """A position at the end of one side."""

    of: _End
    instrument: Instrument
    holding: Holding
    liquidation_price: float | None


def findings(found: RulesComparison) -> Findings:
    """The comparison, ready to be shown."""
    result = found.result
    sides = [
        _Side(side, book.name, str(book.as_of), totals)
        for side, book, totals in zip(SIDES, found.books, result.totals, strict=True)
    ]
    totals = _totals(sides)
    ends = list(_ends(found))
    names = " and ".join(f"{each.rulebook} as of {each.as_of}" for each in sides)
    return Findings(
        command="compare-rules",
        title=f"{found.journal}: {result.commands:,} commands under {names}",
        verdict=[
            _first_words(result),
            *(Words(f"{each}.", is_warning=True) for each in found.notes),
        ],
        sections=[
            *_first_events(found),
            totals,
            transposed(totals, name="totals_side_by_side", title="In all, USD", heads="rulebook"),
            _rejections(sides),
            _accounts(ends),
            _positions(ends),
            *_shown_accounts(found, ends),
        ],
        facts={
            "journal": found.journal,
            "commands": result.commands,
            "first_difference": _first_object(result),
            "bookkeeping_differences_before": result.bookkeeping,
            "differing_commands": result.differing,
            "notes": list(found.notes),
        },
    )


def _first_words(result: Comparison) -> Words:
    first = result.first
    if first is None:
        return Words(
            f"No fill, payment, rejection or liquidation differs; {result.bookkeeping:,} commands "
            "differ in bookkeeping alone (orders queued or resting, samples, indices)."
        )
    return Words(
        f"First difference: command {first.number:,}, {kinds.clock(first.time_ms)} UTC, "
        f"{_command(result) or 'an unknown command'}. Before it {result.bookkeeping:,} commands "
        f"differ in bookkeeping alone; from it on {result.differing:,} differ in fills, payments, "
        "rejections or liquidations."
    )


def _command(result: Comparison) -> str | None:
    first = result.first
    if first is None or first.command is None:
        return None
    return words(first.command, result.left.instruments)


def _first_object(result: Comparison) -> dict[str, Any] | None:
    first = result.first
    if first is None:
        return None
    return {
        "command_number": first.number,
        "time_ms": first.time_ms,
        "command": _command(result),
        "left": [words(event, result.left.instruments) for event in first.left],
        "right": [words(event, result.right.instruments) for event in first.right],
    }


def _first_events(found: RulesComparison) -> Iterator[Section]:
    """What the first differing command did, for people."""
    first = _first_object(found.result)
    if first is None:
        return
    rows = []
    for side, book in zip(SIDES, found.books, strict=True):
        events = first[side][:MOST_EVENTS] or ["nothing of the kind"]
        if len(first[side]) > MOST_EVENTS:
            events.append(f"... and {len(first[side]) - MOST_EVENTS} more")
        rows += [{"rulebook": book.name, "what_happened": event} for event in events]
    yield Sheet(
        name="first_events",
        title="What the first command that differs did",
        rows=rows,
        columns=[Column(name="rulebook"), Column(name="what_happened")],
        on="screen",
    )


def _totals(sides: list[_Side]) -> Sheet:
    def money(name: str, title: str) -> Column:
        return Column(
            name=name, title=title, kind=kinds.CENTS, get=lambda row: getattr(row.totals, name)
        )  # fmt: skip

    def count(name: str, title: str, field: str) -> Column:
        return Column(
            name=name, title=title, kind=kinds.COUNT, get=lambda row: getattr(row.totals, field)
        )  # fmt: skip

    return Sheet(
        name="totals",
        title="In all",
        rows=sides,
        on="data",
        columns=[
            Column(name="side", on="data"),
            Column(name="rulebook"),
            Column(name="as_of", on="data"),
            count("fills", "fills", "fills"),
            money("traded", "traded"),
            money("fees", "fees paid"),
            money("liquidation_fees", "liquidation fees paid"),
            money("funding", "funding received"),
            money("sold_by_liquidation", "sold by liquidation"),
            money("taken_by_backstop", "taken by the backstop"),
            money("deleveraged", "deleveraged"),
            money("insurance_paid", "paid by insurance"),
            count("liquidated_accounts", "accounts liquidated", "liquidated_accounts"),
            Column(
                name="first_liquidation_ms",
                title="first liquidation",
                kind=kinds.TIME,
                get=lambda row: row.totals.first_liquidation_ms or None,
                none="none",
            ),
            count("rejected_commands", "rejected commands", "rejected"),
        ],
    )


def _rejections(sides: list[_Side]) -> Sheet:
    rows = [
        {"side": each.side, "rulebook": each.rulebook, "reason": name.lower(), "commands": count}
        for each in sides
        for name, count in sorted(each.totals.reasons.items())
    ]
    return Sheet(
        name="rejections",
        title="Rejected commands by reason",
        rows=rows,
        columns=[
            Column(name="side", on="data"),
            Column(name="rulebook"),
            Column(name="reason"),
            Column(name="commands", kind=kinds.COUNT),
        ],
    )


def _ends(found: RulesComparison) -> Iterator[_End]:
    engines = (found.result.left, found.result.right)
    for account, ends in found.result.ends.items():
        for side, book, engine, end in zip(SIDES, found.books, engines, ends, strict=True):
            if end is not None:
                yield _End(account, side, book.name, end, engine.instruments)


def _accounts(rows: list[_End]) -> Sheet:
    def money(name: str) -> Column:
        return Column(name=name, kind=kinds.CENTS, get=lambda row: getattr(row.end, name))

    return Sheet(
        name="accounts",
        title="At the end, USD",
        rows=rows,
        on="data",
        columns=[
            Column(name="account", kind=kinds.COUNT),
            Column(name="side", on="data"),
            Column(name="rulebook"),
            *map(money, ("equity", "cash", "initial_margin", "maintenance_margin")),
        ],
    )


def _held(rows: list[_End]) -> Iterator[_Held]:
    for row in rows:
        for market, holding in row.end.now.holdings.items():
            price = row.end.liquidation_prices.get(market)
            yield _Held(row, row.instruments[market], holding, price)


def _positions(rows: list[_End], *, on: str = "data") -> Sheet:
    return Sheet(
        name="positions",
        title="Positions at the end",
        rows=list(_held(rows)),
        on=on,
        columns=[
            Column(name="account", kind=kinds.COUNT, get=lambda row: row.of.account),
            Column(name="side", get=lambda row: row.of.side, on="data"),
            Column(name="rulebook", get=lambda row: row.of.rulebook),
            Column(name="market", get=lambda row: row.instrument.name),
            Column(name="mode", get=lambda row: "isolated" if row.holding.isolated else "cross"),
            Column(name="size", kind=kinds.SIZE, get=_size),
            Column(name="mark_price", kind=kinds.PRICE, get=_mark, drop=2),
            Column(
                name="entry_notional",
                kind=kinds.CENTS,
                get=lambda row: abs(row.holding.entry_notional),
                drop=1,
            ),
            Column(
                name="liquidation_price",
                kind=kinds.AVERAGE_PRICE,
                get=lambda row: row.liquidation_price,
                none="none",
            ),
        ],
    )


def _size(row: _Held) -> Decimal:
    return Decimal(from_units(row.holding.signed_size, row.instrument.size_decimals))


def _mark(row: _Held) -> Decimal:
    return Decimal(from_units(row.holding.mark_price, row.instrument.price_decimals))


def _shown_accounts(found: RulesComparison, ends: list[_End]) -> Iterator[Sheet]:
    """The chosen accounts in full, or those whose equity differs most."""
    if not found.is_whole:
        for account in found.result.ends:
            rows = [each for each in ends if each.account == account]
            title = f"Account {account} at the end, USD"
            yield transposed(_accounts(rows), name="account", title=title, heads="rulebook")
            yield _positions(rows, on="screen")
        return
    shown = _most_different(found.result)
    rest = len(found.result.ends) - len(shown)
    yield Sheet(
        name="most_different",
        title="At the end, USD: the accounts whose equity differs most",
        rows=[(account, found.result.ends[account]) for account in shown],
        columns=[
            Column(name="account", kind=kinds.COUNT, get=lambda row: row[0]),
            *(
                column
                for side, book in enumerate(found.books)
                for column in _side_columns(side, book.name, found)
            ),
        ],
        note=f"{rest} more differ less. One account in full: --account NUMBER.",
        on="screen",
    )


def _side_columns(side: int, name: str, found: RulesComparison) -> Iterator[Column]:
    def equity(row: Any) -> int | None:
        end: AccountEnd | None = row[1][side]
        return None if end is None else end.equity

    def positions(row: Any) -> list[str]:
        end: AccountEnd | None = row[1][side]
        held = end.now.holdings if end is not None else {}
        return [found.result.left.instruments[market].name for market in held] or ["none"]

    yield Column(name=f"equity, {name}", kind=kinds.CENTS, get=equity, none="no account")
    yield Column(name=f"positions, {name}", kind=kinds.NAMES, get=positions)


def _most_different(result: Comparison) -> list[int]:
    def distance(account: int) -> int:
        equities = [end.equity if end else 0 for end in result.ends[account]]
        return abs(equities[0] - equities[1])

    far = sorted(result.ends, key=distance, reverse=True)[:MOST_ACCOUNTS]
    return sorted(account for account in far if distance(account))
