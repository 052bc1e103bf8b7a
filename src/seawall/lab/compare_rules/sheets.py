"""A comparison of rulebooks as sheets: first difference, totals, accounts side by side."""

from collections.abc import Iterator
from operator import attrgetter
from typing import Any, NamedTuple

from seawall.domain.instrument import Instrument
from seawall.domain.units import from_units
from seawall.lab.compare_rules import RulesComparison
from seawall.lab.compare_rules.comparison import AccountEnd, Comparison, Totals
from seawall.lab.compare_rules.tiles import status, tiles
from seawall.lab.simulation.event_words import words
from seawall.lab.simulation.observer import Holding
from seawall.report import kinds
from seawall.report.findings import Findings, Section, Words
from seawall.report.sheet import Column, Sheet, transposed

MOST_ACCOUNTS = 8
MOST_EVENTS = 12
SIDES = ("left", "right")


class _Side(NamedTuple):
    """What one rulebook made of the journal."""

    side: str
    rulebook: str
    as_of: str
    totals: Totals


class _Rejected(NamedTuple):
    """How many commands one rulebook rejected for a reason."""

    of: _Side
    reason: str
    commands: int


class _End(NamedTuple):
    """An account at the end of one side."""

    side: str
    rulebook: str
    end: AccountEnd
    instruments: list[Instrument]


class _Held(NamedTuple):
    """A position at the end of one side."""

    of: _End
    market: Instrument
    holding: Holding
    liquidation_price: float | None

    @property
    def size(self) -> str:
        """Signed, in coins."""
        return from_units(self.holding.signed_size, self.market.size_decimals)

    @property
    def mark_price(self) -> str:
        """USD."""
        return from_units(self.holding.mark_price, self.market.price_decimals)


def findings(found: RulesComparison) -> Findings:
    """The comparison, ready to be shown."""
    result = found.result
    sides = [
        _Side(side, book.name, str(book.as_of), totals)
        for side, book, totals in zip(SIDES, found.books, result.totals, strict=True)
    ]
    first, totals, ends = _first_difference(result), _totals(found, sides), list(_ends(found))
    names = " and ".join(f"{each.rulebook} as of {each.as_of}" for each in sides)
    return Findings(
        command="compare-rules",
        title=f"{found.journal}: {result.commands:,} commands under {names}",
        verdict=[
            _first_words(result, first),
            *(Words(f"{each}.", is_warning=True) for each in found.notes),
        ],
        status=status(result),
        tiles=tiles(result),
        sections=[
            *_first_events(found, first),
            totals,
            transposed(totals, name="totals_side_by_side", title="In all, USD", heads="rulebook"),
            _rejections(found, sides),
            _accounts(found, ends),
            _positions(found, ends),
            *_shown_accounts(found, ends),
        ],
        facts={
            "journal": found.journal,
            "commands": result.commands,
            "first_difference": first,
            "bookkeeping_differences_before": result.bookkeeping,
            "differing_commands": result.differing,
            "notes": list(found.notes),
        },
        assumptions=found.assumptions,
    )


def _first_difference(result: Comparison) -> dict[str, Any] | None:
    """The first difference as JSON has it, its command and events in words."""
    first, left, right = result.first, result.left.instruments, result.right.instruments
    if first is None:
        return None
    return {
        "command_number": first.number,
        "time_ms": first.time_ms,
        "command": None if first.command is None else words(first.command, left),
        "left": [words(event, left) for event in first.left],
        "right": [words(event, right) for event in first.right],
    }


def _first_words(result: Comparison, first: dict[str, Any] | None) -> Words:
    if first is None:
        return Words(
            f"No fill, payment, rejection or liquidation differs; {result.bookkeeping:,} commands "
            "differ in bookkeeping alone (orders queued or resting, samples, indices)."
        )
    return Words(
        f"First difference: command {first['command_number']:,}, "
        f"{kinds.clock(first['time_ms'])} UTC, {first['command'] or 'an unknown command'}. Before "
        f"it {result.bookkeeping:,} commands differ in bookkeeping alone; from it on "
        f"{result.differing:,} differ in fills, payments, rejections or liquidations."
    )


def _titles(found: RulesComparison) -> list[str]:
    """What people read of each rulebook: its name, and the side where both have the same."""
    names = [book.name for book in found.books]
    if not found.is_alike:
        return names
    return [f"{name} ({side})" for name, side in zip(names, SIDES, strict=True)]


def _sides(found: RulesComparison, of: str = "") -> tuple[Column, Column]:
    """Side and rulebook of a row, or of its attribute ``of``."""
    side = attrgetter(f"{of}side")

    def mark(row: Any) -> str:
        return f" ({side(row)})" if found.is_alike else ""

    return Column("side", get=side, on="data"), Column("rulebook", get=f"{of}rulebook", mark=mark)


def _first_events(found: RulesComparison, first: dict[str, Any] | None) -> Iterator[Section]:
    """What the first differing command did, for people."""
    if first is None:
        return
    rows = []
    for side, title in zip(SIDES, _titles(found), strict=True):
        events = first[side][:MOST_EVENTS] or ["nothing of the kind"]
        if len(first[side]) > MOST_EVENTS:
            events.append(f"... and {len(first[side]) - MOST_EVENTS} more")
        rows += [{"rulebook": title, "what_happened": event} for event in events]
    yield Sheet(
        name="first_events",
        title="What the first command that differs did",
        rows=rows,
        columns=[Column("rulebook"), Column("what_happened")],
        on="screen",
    )


def _totals(found: RulesComparison, sides: list[_Side]) -> Sheet:
    def money(name: str, title: str = "") -> Column:
        return Column(name, kinds.CENTS, f"totals.{name}", title)

    return Sheet(
        name="totals",
        title="In all",
        rows=sides,
        on="data",
        columns=[
            *_sides(found),
            Column("as_of", on="data"),
            Column("fills", kinds.COUNT, "totals.fills"),
            money("traded"),
            money("fees", "fees paid"),
            money("liquidation_fees", "liquidation fees paid"),
            money("funding", "funding received"),
            money("sold_by_liquidation"),
            money("taken_by_backstop", "taken by the backstop"),
            money("deleveraged"),
            money("insurance_paid", "paid by insurance"),
            Column("liquidated_accounts", kinds.COUNT, "totals.liquidated_accounts",
                   "accounts liquidated"),
            Column("first_liquidation_ms", kinds.TIME,
                   lambda row: row.totals.first_liquidation_ms or None, "first liquidation",
                   none="none"),
            Column("rejected_commands", kinds.COUNT, "totals.rejected"),
        ],
    )  # fmt: skip


def _rejections(found: RulesComparison, sides: list[_Side]) -> Sheet:
    rows = [
        _Rejected(each, name.lower(), count)
        for each in sides
        for name, count in sorted(each.totals.reasons.items())
    ]
    return Sheet(
        name="rejections",
        title="Rejected commands by reason",
        rows=rows,
        columns=[
            *_sides(found, "of."),
            Column("reason"),
            Column("commands", kinds.COUNT),
        ],
    )


def _ends(found: RulesComparison) -> Iterator[_End]:
    engines = (found.result.left, found.result.right)
    for ends in found.result.ends.values():
        for side, book, engine, end in zip(SIDES, found.books, engines, ends, strict=True):
            if end is not None:
                yield _End(side, book.name, end, engine.instruments)


def _accounts(found: RulesComparison, rows: list[_End]) -> Sheet:
    money = ("equity", "cash", "initial_margin", "maintenance_margin")
    return Sheet(
        name="accounts",
        title="At the end, USD",
        rows=rows,
        on="data",
        columns=[
            Column("account", kinds.COUNT, "end.account"),
            *_sides(found),
            *(Column(name, kinds.CENTS, f"end.{name}") for name in money),
        ],
    )


def _positions(found: RulesComparison, rows: list[_End], *, on: str = "data") -> Sheet:
    return Sheet(
        name="positions",
        title="Positions at the end",
        rows=[
            _Held(row, row.instruments[market], holding, row.end.liquidation_prices.get(market))
            for row in rows
            for market, holding in row.end.now.holdings.items()
        ],
        on=on,
        columns=[
            Column("account", kinds.COUNT, "of.end.account"),
            *_sides(found, "of."),
            Column("market", get="market.name"),
            Column("mode", get=lambda row: "isolated" if row.holding.isolated else "cross"),
            Column("size", kinds.SIZE),
            Column("mark_price", kinds.PRICE, drop=2),
            Column("entry_notional", kinds.CENTS, lambda row: abs(row.holding.entry_notional),
                   drop=1),
            Column("liquidation_price", kinds.AVERAGE_PRICE, none="none"),
        ],
    )  # fmt: skip


def _shown_accounts(found: RulesComparison, ends: list[_End]) -> Iterator[Sheet]:
    """The chosen accounts in full, or those whose equity differs most."""
    if not found.is_whole:
        for account in found.result.ends:
            rows = [each for each in ends if each.end.account == account]
            title = f"Account {account} at the end, USD"
            yield transposed(_accounts(found, rows), name="account", title=title, heads="rulebook")
            yield _positions(found, rows, on="screen")
        return
    differing, accounts = _differing(found.result), len(found.result.ends)
    yield Sheet(
        name="most_different",
        title="At the end, USD: the accounts whose equity differs most",
        rows=[(each, found.result.ends[each]) for each in sorted(differing[:MOST_ACCOUNTS])],
        columns=[
            Column("account", kinds.COUNT, lambda row: row[0]),
            *(
                column
                for side, title in enumerate(_titles(found))
                for column in _side_columns(side, title, found)
            ),
        ],
        note=f"The equity of {len(differing):,} of {accounts:,} accounts differs. One account in "
        "full: --account NUMBER.",
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

    yield Column(f"equity, {name}", kinds.CENTS, equity, none="no account")
    yield Column(f"positions, {name}", kinds.NAMES, positions)


def _differing(result: Comparison) -> list[int]:
    """The accounts whose equity differs, the farthest apart first."""

    def distance(account: int) -> int:
        equities = [end.equity if end else 0 for end in result.ends[account]]
        return abs(equities[0] - equities[1])

    return sorted(filter(distance, result.ends), key=distance, reverse=True)
