"""What ``seawall compare-rules`` prints: the first difference, totals, accounts side by side."""

import sys
from typing import TYPE_CHECKING, Any

from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook
from seawall.domain.units import from_units, money_text
from seawall.engine.engine import Engine
from seawall.lab.compare_rules.comparison import AccountEnd, Comparison, Totals
from seawall.lab.simulation.event_words import clock, words

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PLAIN_WIDTH = 118
MOST_ACCOUNTS = 8
MOST_EVENTS = 12
Books = tuple[AnyRulebook, AnyRulebook]

_MONEY_ROWS = (
    ("traded, USD", "traded"),
    ("fees paid", "fees"),
    ("liquidation fees paid", "liquidation_fees"),
    ("funding received", "funding"),
    ("sold by liquidation", "sold_by_liquidation"),
    ("taken by the backstop", "taken_by_backstop"),
    ("deleveraged", "deleveraged"),
    ("paid by insurance", "insurance_paid"),
)


def print_comparison(
    journal: str, books: Books, result: Comparison, notes: list[str], *, is_whole: bool
) -> None:
    """The whole report on standard output."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    console = Console(width=width, markup=False, highlight=False, emoji=False)
    names = [f"{book.name} as of {book.as_of}" for book in books]
    console.print(f"{journal}: {result.commands:,} commands under {names[0]} and {names[1]}")
    _print_first(console, books, result)
    console.print(_totals_table(books, result))
    if is_whole:
        console.print(_accounts_table(books, result))
    else:
        for account in result.ends:
            console.print(_account_table(books, result, account))
    for note in notes:
        console.print(f"Note: {note}.", style="yellow")


def _print_first(console: "Console", books: Books, result: Comparison) -> None:
    first = result.first
    if first is None:
        console.print(
            f"Nothing that anybody has differs; {result.bookkeeping:,} commands differ in "
            "bookkeeping alone (orders queued or resting, samples, indices).\n"
        )
        return
    said = "an unknown command"
    if first.command is not None:
        said = words(first.command, result.left.instruments)
    console.print(
        f"First difference: command {first.number:,}, {clock(first.time_ms)} UTC, {said}",
        style="bold",
    )
    for book, engine, events in zip(
        books, (result.left, result.right), (first.left, first.right), strict=True
    ):
        lines = [words(event, engine.instruments) for event in events[:MOST_EVENTS]] or [
            "nothing of the kind"
        ]
        if len(events) > MOST_EVENTS:
            lines.append(f"... and {len(events) - MOST_EVENTS} more")
        for line in lines:
            console.print(f"  {book.name}: {line}")
    console.print(
        f"Before it {result.bookkeeping:,} commands differ in bookkeeping alone; from it on "
        f"{result.differing:,} differ in fills, payments, rejections or liquidations.\n",
        style="dim",
    )


def _table(title: str, *columns: str) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left")
    return table


def _totals_table(books: Books, result: Comparison) -> "Table":
    table = _table("In all", "", books[0].name, books[1].name)

    def row(label: str, value: Any) -> None:
        table.add_row(label, *(value(totals) for totals in result.totals))

    row("fills", lambda totals: f"{totals.fills:,}")
    for label, name in _MONEY_ROWS:
        row(label, lambda totals, name=name: _usd(getattr(totals, name)))
    row("accounts liquidated", lambda totals: f"{totals.liquidated_accounts:,}")
    row("first liquidation", _first_liquidation)
    row("rejected commands", lambda totals: f"{totals.rejected:,}")
    for name in sorted({name for totals in result.totals for name in totals.reasons}):
        label = f"  {name.lower().replace('_', ' ')}"
        row(label, lambda totals, name=name: f"{totals.reasons.get(name, 0):,}")
    return table


def _first_liquidation(totals: Totals) -> str:
    return clock(totals.first_liquidation_ms) if totals.first_liquidation_ms else "none"


def _most_different(result: Comparison) -> list[int]:
    def distance(account: int) -> int:
        equities = [end.equity if end else 0 for end in result.ends[account]]
        return abs(equities[0] - equities[1])

    far = sorted(result.ends, key=distance, reverse=True)[:MOST_ACCOUNTS]
    return sorted(account for account in far if distance(account))


def _accounts_table(books: Books, result: Comparison) -> "Table":
    """The accounts whose equity differs most."""
    names = [f"{what}, {book.name}" for book in books for what in ("equity", "positions")]
    shown = _most_different(result)
    table = _table("At the end, USD (one account in full: --account NUMBER)", "account", *names)
    for account in shown:
        cells = []
        for end in result.ends[account]:
            cells += ["no account", ""] if end is None else [_usd(end.equity), _names(end, result)]
        table.add_row(str(account), *cells)
    if len(shown) < len(result.ends):
        table.add_row(f"{len(result.ends) - len(shown)} more", *["differ less"], style="dim")
    return table


def _names(end: AccountEnd, result: Comparison) -> str:
    names = [result.left.instruments[market].name for market in end.now.holdings]
    return ", ".join(names) or "none"


def _account_table(books: Books, result: Comparison, account: int) -> "Table":
    table = _table(f"Account {account} at the end", "", books[0].name, books[1].name)
    ends = result.ends[account]

    def row(label: str, texts: list[str]) -> None:
        table.add_row(label, *texts)

    for label, name in (
        ("equity, USD", "equity"),
        ("cash", "cash"),
        ("initial margin", "initial_margin"),
        ("maintenance margin", "maintenance_margin"),
    ):
        row(label, ["no account" if end is None else _usd(getattr(end, name)) for end in ends])
    markets = sorted({market for end in ends if end for market in end.now.holdings})
    for market in markets:
        name = result.left.instruments[market].name
        sides = list(zip(ends, (result.left, result.right), strict=True))
        row(name, [_position(end, engine, market) for end, engine in sides])
        row(f"  {name} liquidation price", [_price(end, market) for end, _ in sides])
    return table


def _position(end: AccountEnd | None, engine: Engine, market: int) -> str:
    if end is None or market not in end.now.holdings:
        return "none"
    holding = end.now.holdings[market]
    instrument = engine.instruments[market]
    size = from_units(abs(holding.signed_size), instrument.size_decimals)
    entry = abs(holding.entry_notional) / abs(holding.signed_size)
    mode = ", isolated" if holding.isolated else ""
    side = "long" if holding.signed_size > 0 else "short"
    return f"{side} {size} at {entry / 10**instrument.price_decimals:,.6g}{mode}"


def _price(end: AccountEnd | None, market: int) -> str:
    price = None if end is None else end.liquidation_prices.get(market)
    return "none" if price is None else f"{price:,.6g}"


def _usd(micro: int) -> str:
    return f"{micro / 1_000_000:,.2f}"


def comparison_object(
    journal: str, books: Books, result: Comparison, notes: list[str]
) -> dict[str, Any]:
    """The comparison for programs: exact decimal text in USD and the markets' own units."""
    first = result.first
    return {
        "journal": journal,
        "commands": result.commands,
        "left": {"rulebook": books[0].name, "as_of": books[0].as_of},
        "right": {"rulebook": books[1].name, "as_of": books[1].as_of},
        "first_difference": None
        if first is None
        else {
            "command_number": first.number,
            "time_ms": first.time_ms,
            "command": None
            if first.command is None
            else words(first.command, result.left.instruments),
            "left": [words(event, result.left.instruments) for event in first.left],
            "right": [words(event, result.right.instruments) for event in first.right],
        },
        "bookkeeping_differences_before": result.bookkeeping,
        "differing_commands": result.differing,
        "totals": {
            side: _totals_object(totals)
            for side, totals in zip(("left", "right"), result.totals, strict=True)
        },
        "accounts": [
            {
                "account": account,
                "left": _end_object(ends[0], result.left.instruments),
                "right": _end_object(ends[1], result.right.instruments),
            }
            for account, ends in result.ends.items()
        ],
        "notes": notes,
    }


def _totals_object(totals: Totals) -> dict[str, Any]:
    return {
        "fills": totals.fills,
        **{name: money_text(getattr(totals, name)) for _, name in _MONEY_ROWS},
        "liquidated_accounts": totals.liquidated_accounts,
        "first_liquidation_ms": totals.first_liquidation_ms or None,
        "rejected_commands": totals.rejected,
        "rejections": {name.lower(): count for name, count in sorted(totals.reasons.items())},
    }


def _end_object(end: AccountEnd | None, instruments: list[Instrument]) -> dict[str, Any] | None:
    if end is None:
        return None
    return {
        "equity": money_text(end.equity),
        "cash": money_text(end.cash),
        "initial_margin": money_text(end.initial_margin),
        "maintenance_margin": money_text(end.maintenance_margin),
        "positions": [
            {
                "market": instruments[market].name,
                "size": from_units(holding.signed_size, instruments[market].size_decimals),
                "mark_price": from_units(holding.mark_price, instruments[market].price_decimals),
                "entry_notional": money_text(abs(holding.entry_notional)),
                "mode": "isolated" if holding.isolated else "cross",
                "liquidation_price": None
                if (price := end.liquidation_prices.get(market)) is None
                else round(price, 6),
            }
            for market, holding in end.now.holdings.items()
        ],
    }
