"""``seawall explain``: an account as the venue tells it, with margin and liquidation prices
computed here and compared with the venue's own."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from seawall.cli.run import refuse
from seawall.domain.rulebook import AnyRulebook
from seawall.venues.explanation import Explanation, Sheet
from seawall.venues.raw_json import MarketListError, VenueDataError
from seawall.venues.registry import VENUES, venue_of_account
from seawall.venues.rulebook_file import RulebookError, load_rulebook
from seawall.venues.venue import Venue

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_WIDTH = 200
"""Columns of a table that goes to a file or a pipe: none is folded."""


def explain(
    state: Annotated[str, Parameter(allow_leading_hyphen=True)] = "-",
    /,
    *,
    venue: str | None = None,
    meta: str | None = None,
    markets: str | None = None,
    steps: str | None = None,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
    rulebook: str | None = None,
) -> None:
    """Show the margin and the liquidation prices of a real account, derived step by step.

    Nothing is copied from the venue that can be computed; differences are shown as warnings.
    Exit status 2 for input that cannot be used.

    Parameters
    ----------
    state
        A file with the venue's raw answer about an account (`clearinghouseState`, or an indexer's
        subaccount or parent subaccount); `-` reads standard input.
    venue
        Whose answer it is, by name. Without it, the shape of the answer tells.
    meta
        A file with the venue's raw answer to `meta`: size decimals and margin tiers of the
        markets. Without it, shipped tiers of well-known markets are used.
    markets
        A file with an indexer's raw answer to `perpetualMarkets`, which its subaccounts need:
        margin fractions, oracle prices and open interest. It may also stand in the account's own
        document, under `markets`.
    steps
        Print how the liquidation price of this coin or market comes about.
    json_
        Print one JSON object with exact decimal text instead of tables.
    rulebook
        A shipped rulebook by name, or a rulebook file. Without it, the venue's own.
    """
    if state.startswith("-") and state != "-":
        refuse("explain", f"unknown option {state}")
    if "seawall.engine.compile" not in sys.modules:
        # One account is a few additions: only importing the compiler would take longer.
        os.environ["SEAWALL_INTERPRETED"] = "1"
    raw = _read(state)
    if venue is not None and venue not in VENUES:
        refuse("explain", f"--venue: {venue!r} is unknown; known are {', '.join(VENUES)}")
    chosen = venue_of_account(raw) if venue is None else VENUES[venue]
    market_list, unneeded = (meta, markets) if chosen.market_list == "meta" else (markets, meta)
    if unneeded is not None:
        other = "markets" if chosen.market_list == "meta" else "meta"
        refuse(
            "explain",
            f"--{other}: this venue's account needs none; its market data is read by "
            f"--{chosen.market_list}",
        )
    book = _rulebook(rulebook or chosen.name, chosen)
    source = "standard input" if state == "-" else state
    listed = None if market_list is None else _read(market_list)
    try:
        found = chosen.explain(raw, listed, book)
    except MarketListError as error:
        refuse("explain", f"{market_list or source}: {error}")
    except VenueDataError as error:
        refuse("explain", f"{source}: {error}")
    if steps is not None and steps not in found.markets:
        names = ", ".join(dict.fromkeys(found.markets)) or "no position"
        refuse("explain", f"--steps: no position in {steps!r}; the account holds {names}")
    if json_:
        _print_json(found.to_object(), found.warnings)
    else:
        _print(found, steps)


def _rulebook(name: str, venue: Venue) -> AnyRulebook:
    """The rulebook, which must be of the kind that the venue's accounts follow."""
    try:
        book = load_rulebook(name)
    except RulebookError as error:
        refuse("explain", str(error))
    if not isinstance(book, venue.rules):
        refuse(
            "explain", f"--rulebook: {name} holds rules of another kind than this account follows"
        )
    return book


def _print_json(report: dict[str, Any], warnings: Sequence[str]) -> None:
    print(json.dumps(report, indent=2))
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)


def _print(found: Explanation, steps: str | None) -> None:
    from rich.console import Console

    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    console = Console(width=width, markup=False, highlight=False, emoji=False)
    for sheet in found.sheets():
        _print_sheet(console, sheet)
    for note in found.notes():
        console.print(note)
    for warning in found.warnings:
        console.print(f"! {warning}", style="yellow")
    for sheet in [] if steps is None else found.steps(steps):
        _print_sheet(console, sheet)


def _print_sheet(console: "Console", sheet: Sheet) -> None:
    """A table whose first columns hold words, the others numbers."""
    from rich import box
    from rich.table import Table

    if not sheet.rows:
        return
    table = Table(title=sheet.title, title_justify="left", box=box.SIMPLE_HEAD)
    for index, column in enumerate(sheet.columns):
        table.add_column(column, justify="left" if index < sheet.words else "right")
    for row in sheet.rows:
        table.add_row(*row)
    console.print(table)
    if sheet.note:
        console.print(sheet.note)


def _read(path: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        refuse("explain", f"{path}: {error.strerror}")
