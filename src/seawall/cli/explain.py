"""``seawall explain``: an account as the venue tells it, with margin and liquidation prices
computed here and compared with the venue's own."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from seawall.accounts.load import AccountOptions, load_answer
from seawall.cli.run import refuse
from seawall.domain.errors import SeawallError
from seawall.venues.explanation import Explanation, Sheet
from seawall.venues.rulebook_file import load_rulebook

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_WIDTH = 200
"""Columns of a table that goes to a file or a pipe: none is folded."""


def explain(
    state: Annotated[str, Parameter(allow_leading_hyphen=True)] = "-",
    /,
    *,
    venue: str | None = None,
    meta: Path | None = None,
    markets: Path | None = None,
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
        subaccount or parent subaccount), or an address; `-` reads standard input.
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
    options = AccountOptions(meta=meta, markets=markets, venue=venue)
    try:
        answer = load_answer(state, options)
        found = answer.explain(load_rulebook(rulebook or answer.venue))
    except SeawallError as error:
        refuse("explain", str(error))
    if steps is not None and steps not in found.markets:
        names = ", ".join(dict.fromkeys(found.markets)) or "no position"
        refuse("explain", f"--steps: no position in {steps!r}; the account holds {names}")
    if json_:
        _print_json(found.to_object(), found.warnings)
    else:
        _print(found, steps)


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
