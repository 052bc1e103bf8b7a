"""What ``seawall rehearse`` prints: the story of a rehearsal on one screen."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from seawall.domain.events import CROSS_POOL
from seawall.domain.units import MICRO, from_units, money_text
from seawall.lab.rehearse.lessons import lessons
from seawall.lab.rehearse.rehearsal import Rehearsal
from seawall.lab.rehearse.wording import (
    bucket_name,
    gate_words,
    liquidation_words,
    mode_name,
    pool_name,
)
from seawall.lab.simulation.incidents import Incident, IncidentKind

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PLAIN_WIDTH = 118
MERGE_MS = 60_000
"""Repetitions of one thing within this time are told as one."""

_STYLES = {
    IncidentKind.MARGIN_WARNING: "yellow",
    IncidentKind.LIQUIDATION_STARTED: "bold red",
    IncidentKind.PARTLY_LIQUIDATED: "red",
    IncidentKind.LIQUIDATED: "red",
    IncidentKind.BACKSTOP: "magenta",
    IncidentKind.DELEVERAGED_LOSER: "magenta",
    IncidentKind.DELEVERAGED_WINNER: "cyan",
    IncidentKind.FUNDING: "dim",
    IncidentKind.LIQUIDATION_FEE: "red",
    IncidentKind.TRANSFERS_GATED: "dim",
}


def subtitle(result: Rehearsal, rulebook: str, as_of: str) -> str:
    """The line under the picture's title."""
    before, after = result.start.equity, result.end.equity
    return (
        f"equity {_usd(before)} to {_usd(after)} USD · rules of {rulebook} as of {as_of} · "
        f"{'' if result.in_blocks else 'mark and '}liquidations by the machine, book assumed"
    )


def print_report(
    result: Rehearsal,
    rulebook: str,
    as_of: str,
    about: Sequence[str],
    picture: Path | None,
    journal: Path | None = None,
) -> None:
    """The whole report on standard output."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    console = Console(width=width, markup=False, highlight=False, emoji=False)
    _print_head(console, result, rulebook, as_of, about)
    console.print(_positions_table(result))
    console.print(_story_table(result))
    _print_around(console, result)
    console.print(_account_table(result))
    for line in lessons(result):
        console.print(f"  > {line}")
    _print_end(console, result, picture)
    if journal is not None:
        accounts = "".join(f" --account {n}" for n in (result.account, *result.children))
        console.print(f"Journal: {journal}; seawall compare-rules {journal}{accounts}")


def _print_head(
    console: "Console", result: Rehearsal, rulebook: str, as_of: str, about: Sequence[str]
) -> None:
    path = result.path
    first, last = int(path.times_ms[0]), int(path.times_ms[-1])
    console.print(f"{result.name} through {path.name}", style="bold")
    for line in filter(None, about):
        console.print(line, style="dim")
    depth = ", ".join(
        f"{name} {each.usd_within_50bp / 1e6:g}M" for name, each in result.depths.items()
    )
    console.print(
        f"{_day(first)} {_clock(first)} to {_day(last)} {_clock(last)} UTC, "
        f"{len(path.times_ms):,} steps of at most {path.step_ms / 1000:g} s; rules of "
        f"{rulebook} as of {as_of}; assumed book within 50 bp per side: {depth} USD, less in "
        "stress",
        style="dim",
    )
    console.print(f"Liquidation: {liquidation_words(result.rulebook)}.", style="dim")


def _table(title: str, *columns: str, words: int = 1) -> "Table":
    """A table whose first ``words`` columns hold words, the others numbers."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index < words else "right")
    return table


def _positions_table(result: Rehearsal) -> "Table":
    word = "oracle" if result.in_blocks else "mark"
    table = _table(
        "At the start",
        *("position", "mode", "size", "notional", "at most" if result.in_blocks else "leverage"),
        *(word, "liquidation price"),
        *("distance", f"worst {word}"),
        words=2,
    )
    for market, holding in result.start.holdings.items():
        instrument = result.instruments[market]
        mark = holding.mark_price / 10**instrument.price_decimals
        price = result.liquidation_prices[market]
        marks = result.series.mark[market]
        worst = int(marks.min() if holding.signed_size > 0 else marks.max())
        table.add_row(
            f"{'long' if holding.signed_size > 0 else 'short'} {instrument.name}",
            mode_name(result, isolated=holding.isolated),
            from_units(abs(holding.signed_size), instrument.size_decimals),
            _usd(abs(holding.value)),
            f"{holding.leverage or instrument.maximum_leverage}x",
            _price(mark),
            "none" if price is None else _price(price),
            "" if price is None else f"{(price / mark - 1) * 100:+.1f} %",
            f"{(worst / holding.mark_price - 1) * 100:+.1f} %",
        )
    return table


def _story_table(result: Rehearsal) -> "Table":
    table = _table("What happened", "UTC", "what", "equity after", words=2)
    long = int(result.path.times_ms[-1] - result.path.times_ms[0]) > 86_400_000
    merged = _merged(result.incidents)
    if not merged:
        table.add_row("", "nothing: no warning, no liquidation, no funding", "")
    for incidents in merged:
        first = incidents[0]
        when = (_day(first.time_ms)[5:] + " " if long else "") + _clock(first.time_ms)
        table.add_row(
            when,
            _sentence(result, incidents),
            "" if first.kind == IncidentKind.FUNDING else _usd(incidents[-1].equity),
            style=_STYLES.get(first.kind, ""),
        )
    return table


def _merged(incidents: list[Incident]) -> list[list[Incident]]:
    """Neighbours of one kind and market, close in time, become one line."""
    groups: list[list[Incident]] = []
    open_groups: dict[tuple[IncidentKind, int, float], list[Incident]] = {}
    for incident in incidents:
        key = (incident.kind, incident.market, incident.threshold)
        group = open_groups.get(key)
        apart = 10 * MERGE_MS * 60 if incident.kind == IncidentKind.FUNDING else MERGE_MS
        if group and incident.time_ms - group[-1].time_ms <= apart:
            group.append(incident)
            continue
        open_groups[key] = [incident]
        groups.append(open_groups[key])
    return groups


def _sentence(result: Rehearsal, incidents: list[Incident]) -> str:
    first = incidents[0]
    kind = first.kind
    name = "" if first.market == CROSS_POOL else result.instruments[first.market].name
    bucket = pool_name(result, first.market, isolated=first.isolated)
    if kind == IncidentKind.MARGIN_WARNING:
        return (
            f"{bucket}: maintenance margin passes {first.threshold:.0%} of equity "
            f"({_usd(first.maintenance_margin)} of {_usd(first.money)})"
        )
    if kind == IncidentKind.LIQUIDATION_STARTED:
        return (
            f"{bucket}: below maintenance margin, liquidation begins: equity {_usd(first.money)}, "
            f"needed {_usd(first.maintenance_margin)}"
        )
    if kind == IncidentKind.FUNDING:
        total = sum(each.money for each in incidents)
        times = f" in {len(incidents)} settlements" if len(incidents) > 1 else ""
        return f"funding {'received' if total >= 0 else 'paid'}: {_usd(abs(total))}{times}"
    if kind == IncidentKind.INSURANCE_PAID:
        total = sum(each.money for each in incidents)
        return f"the insurance fund pays {_usd(total)} into the account"
    if kind == IncidentKind.DELEVERAGING_STALLED:
        return f"{name}: nobody can take the position, deleveraging waits"
    if kind == IncidentKind.ORDER_TRIGGERED:
        word = "price" if result.in_blocks else "mark"
        price = _units(result, first.market, first.price)
        return f"{name}: an order is triggered at {word} {price}"
    if kind == IncidentKind.LIQUIDATION_FEE:
        return (
            f"{name}: liquidation fee {_usd(-sum(each.money for each in incidents))} to the "
            "insurance fund"
        )
    if kind == IncidentKind.TRANSFERS_GATED:
        return (
            "an account is below zero: no withdrawal and no transfer for "
            f"{gate_words(result.rulebook)}"
        )
    if kind == IncidentKind.ORDER_ENDED:
        times = f" ({len(incidents)} times)" if len(incidents) > 1 else ""
        return f"{name}: an order ends: {first.note.lower().replace('_', ' ')}{times}"
    return _trade_sentence(result, incidents, name)


def _trade_sentence(result: Rehearsal, incidents: list[Incident], name: str) -> str:
    first = incidents[0]
    size = sum(each.size for each in incidents)
    notional = sum(each.notional for each in incidents)
    money = sum(each.money for each in incidents)
    price = _units(result, first.market, notional // size if size else first.price)
    amount = f"{from_units(size, result.instruments[first.market].size_decimals)} {name}"
    share = _share(size, abs(first.before)) if first.before else ""
    result_text = f"result {_signed(money)}"
    if first.kind == IncidentKind.PARTLY_LIQUIDATED:
        orders = f", {len(incidents)} orders" if len(incidents) > 1 else ""
        return (
            f"liquidation {_verb(first)} {amount} ({share}{orders}) at {price} into the book, "
            f"{result_text}"
        )
    if first.kind == IncidentKind.LIQUIDATED:
        return (
            f"liquidation {_verb(first)} the rest, {amount}, at {price} into the book, "
            f"{result_text}"
        )
    if first.kind == IncidentKind.BACKSTOP:
        return (
            f"the backstop takes over the whole bucket: {amount} at mark {price}, with all margin "
            "left"
        )
    if first.kind == IncidentKind.DELEVERAGED_LOSER:
        return f"deleveraging closes {amount} at {price} against other traders, {result_text}"
    if first.kind == IncidentKind.DELEVERAGED_WINNER:
        return (
            f"deleveraged: {amount} ({share}) of your profitable position closed at {price} for "
            f"somebody's bankruptcy, {result_text}"
        )
    return f"your order: {_verb(first)} {amount} at {price}, {result_text}"


def _share(part: int, whole: int) -> str:
    """Percent; 100% only for all of it."""
    text = f"{part / whole:.0%}"
    return text if part == whole or text != "100%" else f"{part / whole:.2%}"


def _verb(incident: Incident) -> str:
    return "buys" if incident.note == "bought" else "sells"


def _print_around(console: "Console", result: Rehearsal) -> None:
    others = result.others
    if not others.liquidated_accounts:
        return
    between = f"{_usd(others.taken_by_backstop)} to the backstop"
    if result.in_blocks:
        between = (
            f"{_usd(others.liquidation_fees)} in fees to the insurance fund, "
            f"{_usd(others.insurance_paid)} out of it"
        )
    console.print(
        f"  Around you: {others.liquidated_accounts} other accounts liquidated; "
        f"{_usd(others.sold_to_book)} USD into the book, {between}, "
        f"{_usd(others.deleveraged)} deleveraged\n",
        style="dim",
    )


def _account_table(result: Rehearsal) -> "Table":
    table = _table(
        "The account", "bucket", "at the start", "at the end", "change", "positions left"
    )
    names = {bucket: bucket_name(result, bucket) for bucket in result.start.buckets}
    for bucket, name in names.items():
        before = result.start.buckets[bucket].equity
        after = result.end.buckets[bucket].equity if bucket in result.end.buckets else 0
        left = [
            f"{'long' if h.signed_size > 0 else 'short'} {result.instruments[m].name} "
            f"{_usd(abs(h.value))}"
            for m, h in result.end.holdings.items()
            if (m if h.isolated else CROSS_POOL) == bucket
        ]
        table.add_row(
            name, _usd(before), _usd(after), _signed(after - before), ", ".join(left) or "none"
        )
    before, after = result.start.equity, result.end.equity
    change = f"{_signed(after - before)} ({(after / before - 1) * 100:+.1f} %)"
    table.add_row("equity, USD", _usd(before), _usd(after), change, "", style="bold")
    return table


def _print_end(console: "Console", result: Rehearsal, picture: Path | None) -> None:
    console.print()
    if result.recorded_funding is not None:
        console.print(
            f"Funding: {_signed(result.funding)} USD by the machine, from its own book; the "
            f"recorded rates would have paid {_signed(result.recorded_funding)} USD on the same "
            "positions."
        )
    for note in result.notes:
        console.print(f"Note: {note}.", style="yellow")
    sign = "=" if result.is_conserved else "IS NOT"
    console.print(
        f"Money conserved, everybody's, exactly: cash {_exact(result.cash)} + isolated cash "
        f"{_exact(result.isolated_cash)} {sign} deposits {_exact(result.deposits)} - withdrawals "
        f"{_exact(result.withdrawals)}",
        style="green" if result.is_conserved else "bold red",
    )
    console.print(f"State {result.state_hash} after {result.commands:,} commands", style="dim")
    if picture is not None:
        console.print(f"Picture: {picture}")


def _units(result: Rehearsal, market: int, units: int) -> str:
    return _price(units / 10 ** result.instruments[market].price_decimals)


def _price(usd: float) -> str:
    """Five or so figures, as traders read prices."""
    if usd >= 10_000:
        return f"{usd:,.0f}"
    return f"{usd:,.5g}" if usd < 1000 else f"{usd:,.1f}"


def _usd(micro: int) -> str:
    """Whole USD from 1,000 on, cents below."""
    usd = micro / MICRO
    return f"{usd:,.0f}" if abs(usd) >= 1000 or usd == 0 else f"{usd:,.2f}"


def _exact(micro: int) -> str:
    whole, dot, fraction = money_text(micro).partition(".")
    return f"{int(whole):,}{dot}{fraction}"


def _signed(micro: int) -> str:
    text = _usd(micro)
    return text if micro < 0 else f"+{text}"


def _clock(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%H:%M:%S")


def _day(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d")
