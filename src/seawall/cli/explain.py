"""``seawall explain``: an account as the venue tells it, with margin and liquidation prices
computed here and compared with the venue's own."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, NoReturn, TypeVar

from cyclopts import Parameter

from seawall.cli.run import refuse
from seawall.domain.rulebook import BlockRulebook, Rulebook
from seawall.domain.units import MONEY_DECIMALS, from_units, money_text
from seawall.venues.known import DEFAULT_VENUE, VENUES, venue_module
from seawall.venues.raw_json import VenueDataError
from seawall.venues.rulebook_file import RulebookError, load_rulebook

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PLAIN_WIDTH = 200
"""Columns of a table that goes to a file or a pipe: none is folded."""

Book = TypeVar("Book", Rulebook, BlockRulebook)


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
    source = "standard input" if state == "-" else state
    if venue is not None and venue not in VENUES:
        refuse("explain", f"--venue: {venue!r} is unknown; known are {', '.join(VENUES)}")
    venue = venue or _venue_of(raw)
    options = _Options(venue, meta, markets, steps, json_, rulebook or venue)
    if venue == DEFAULT_VENUE:
        _explain_pools(raw, source, options)
    else:
        _explain_subaccounts(raw, source, options)


class _Options(NamedTuple):
    venue: str
    meta: str | None
    markets: str | None
    steps: str | None
    json: bool
    rulebook: str


def _venue_of(raw: bytes) -> str:
    """The venue whose account answer this is by its shape; the default where no other claims it."""
    for venue in VENUES:
        if venue != DEFAULT_VENUE and venue_module(venue, "account_state").is_account(raw):
            return venue
    return DEFAULT_VENUE


def _explain_pools(raw: bytes, source: str, options: _Options) -> None:
    """An account with a cross pool and isolated buckets."""
    if options.markets is not None:
        refuse(
            "explain",
            "--markets: this venue's account needs none; its market data is read by --meta",
        )
    explainer = venue_module(options.venue, "explain")
    reading = "the rulebook"
    try:
        book = _rulebook(options.rulebook, Rulebook)
        instruments = None
        if options.meta is not None:
            reading = options.meta
            listed = venue_module(options.venue, "instruments").instruments_from_meta(
                _read(options.meta)
            )
            instruments = {instrument.name: instrument for instrument in listed}
        reading = source
        decode = venue_module(options.venue, "account_state").account_state
        account = decode(raw, instruments)
        report = explainer.account_report(account, book, instruments)
    except VenueDataError as error:
        refuse("explain", f"{reading}: {error}")
    chosen = [p for p in report.positions if p.state.coin == options.steps]
    if options.steps is not None and not chosen:
        _refuse_steps(options.steps, [p.state.coin for p in report.positions])
    if options.json:
        _print_json(explainer.report_object(report), report.warnings)
        return
    console = _console()
    _print_positions(console, report)
    _print_account(console, report, account)
    for warning in report.warnings:
        console.print(f"! {warning}", style="yellow")
    for position in chosen:
        _print_steps(console, explainer, position, explainer.derivation(position, book))


def _explain_subaccounts(raw: bytes, source: str, options: _Options) -> None:
    """Subaccounts, each with margin of its own, in markets of an oracle price."""
    if options.meta is not None:
        refuse(
            "explain",
            "--meta: this venue's account needs none; its market data is read by --markets",
        )
    explainer = venue_module(options.venue, "explain")
    reading = source
    try:
        book = _rulebook(options.rulebook, BlockRulebook)
        decoder = venue_module(options.venue, "account_state")
        held = decoder.tickers(raw)
        data = raw
        if options.markets is not None:
            reading = options.markets
            data = _read(options.markets)
        listed = venue_module(options.venue, "account_markets").market_states(data, held)
        reading = source
        account = decoder.account_state(raw, listed)
        report = explainer.account_report(account, book)
    except VenueDataError as error:
        refuse("explain", f"{reading}: {error}")
    if options.steps is not None and options.steps not in held:
        _refuse_steps(options.steps, list(held))
    if options.json:
        _print_json(explainer.report_object(report), report.warnings)
        return
    shown = venue_module(options.venue, "explain_sheets")
    console = _console()
    for sheet in shown.sheets(report):
        _print_sheet(console, sheet)
    for note in shown.notes(report):
        console.print(note)
    for warning in report.warnings:
        console.print(f"! {warning}", style="yellow")
    if options.steps is not None:
        for sheet in shown.steps(report, options.steps):
            _print_sheet(console, sheet)


def _rulebook(name: str, kind: type[Book]) -> Book:
    """The rulebook, which must be of the kind that the venue's accounts follow."""
    try:
        book = load_rulebook(name)
    except RulebookError as error:
        refuse("explain", str(error))
    if not isinstance(book, kind):
        refuse(
            "explain", f"--rulebook: {name} holds rules of another kind than this account follows"
        )
    return book


def _refuse_steps(market: str, held: list[str]) -> NoReturn:
    names = ", ".join(dict.fromkeys(held)) or "no position"
    refuse("explain", f"--steps: no position in {market!r}; the account holds {names}")


def _print_json(report: dict[str, Any], warnings: tuple[str, ...]) -> None:
    print(json.dumps(report, indent=2))
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)


def _print_sheet(console: "Console", sheet: Any) -> None:
    if sheet.rows:
        table = _table(sheet.title, *sheet.columns, words=sheet.words)
        for row in sheet.rows:
            table.add_row(*row)
        console.print(table)


def _read(path: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        refuse("explain", f"{path}: {error.strerror}")


def _console() -> "Console":
    from rich.console import Console

    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    return Console(width=width, markup=False, highlight=False, emoji=False)


def _table(title: str, *columns: str, words: int = 1) -> "Table":
    """A table whose first ``words`` columns hold words, the others numbers."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index < words else "right")
    return table


def _print_positions(console: "Console", report: Any) -> None:
    table = _table(
        "Positions",
        *("market", "mode", "leverage", "size", "notional", "margin used", "maintenance"),
        *("liquidation price", "at the venue", "distance"),
        words=2,
    )
    for position in report.positions:
        state = position.state
        distance = position.distance
        table.add_row(
            state.coin,
            state.mode.name.lower(),
            f"{state.leverage}x of {state.maximum_leverage}",
            _grouped(from_units(state.signed_size, state.size_decimals)),
            _money(state.notional),
            _money(position.margin_used),
            _money(position.maintenance_margin),
            _grouped(position.liquidation_price) or "none",
            _grouped(state.venue_liquidation_price) or "none",
            "" if distance is None else f"{float(100 * distance):.2f} %",
        )
    console.print(table)


def _print_account(console: "Console", report: Any, account: Any) -> None:
    """The pool, the buckets, and the account's figures beside the venue's."""
    buckets = _table("Margin buckets", "bucket", "equity", "maintenance", "equity above it")
    cross = (report.cross_equity, report.cross_maintenance_margin)
    rows = [("cross pool", *cross)] if cross[0] is not None else []
    rows += [
        (f"isolated {p.state.coin}", p.bucket.equity, p.maintenance_margin)
        for p in report.positions
        if not p.state.is_cross
    ]
    for name, equity, maintenance in rows:
        above = None if maintenance is None else equity - maintenance
        buckets.add_row(name, _money(equity), _money(maintenance), _money(above))
    console.print(buckets)
    whole, pool = account.everything, account.cross
    figures = _table("Account", "", "here", "at the venue")
    for name, ours, theirs in (
        ("account value", report.account_value, whole and whole.account_value),
        ("total margin used", report.total_margin_used, whole and whole.margin_used),
        ("cross initial margin", report.cross_initial_margin, pool and pool.margin_used),
        ("cross maintenance margin", report.cross_maintenance_margin, account.cross_maintenance),
        ("withdrawable", report.withdrawable, account.withdrawable),
    ):
        figures.add_row(name, _money(ours), _money(theirs))
    if report.withdrawable is None and report.withdrawable_without_orders is not None:
        most = _money(report.withdrawable_without_orders)
        figures.add_row("withdrawable without orders", most, "")
    console.print(figures)


def _print_steps(console: "Console", explainer: Any, position: Any, steps: Any) -> None:
    side = "long, s = 1" if position.state.signed_size > 0 else "short, s = -1"
    table = _table(
        f"Liquidation price of {position.state.coin} ({side})", "", "formula", "value", words=2
    )
    for step in steps:
        most = MONEY_DECIMALS if step.value[1] == 1 else explainer.PRICE_DECIMALS
        text = explainer.decimal_text(step.value, step.decimals, most)
        table.add_row(step.name, step.formula, _grouped(text))
    console.print(table)
    if position.liquidation_price is None:
        console.print("No mark above zero liquidates it: there is no liquidation price.")


def _money(micro: int | None) -> str:
    return "unknown" if micro is None else _grouped(money_text(micro))


def _grouped(number: str | None) -> str:
    """Decimal text with thousands separators; nothing for None."""
    if number is None:
        return ""
    whole, dot, fraction = number.partition(".")
    return f"{int(whole):,}{dot}{fraction}" if whole not in ("-0", "") else number
