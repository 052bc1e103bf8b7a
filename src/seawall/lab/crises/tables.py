"""The tables of the crises: cells, rulebooks side by side, accounts that end differently."""

from collections import Counter
from collections.abc import Sequence

from seawall.lab.crises.contrast import Contrast, Different
from seawall.lab.crises.ledger import taker_words
from seawall.lab.crises.play import Cell
from seawall.lab.crises.result import CrisesResult
from seawall.lab.crises.setup import Script
from seawall.lab.crises.words import (
    REASONS,
    end_text,
    ending,
    liquidated_text,
    minutes_text,
    positions_text,
    reason_text,
    trader_text,
    usd,
)
from seawall.lab.simulation.event_words import clock
from seawall.report.findings import Table

MOST_APART = 6
"""Accounts shown that fell under one rulebook alone, by amount."""
MOST_OTHERS = 3
"""And of all others that end differently."""


def cells_table(result: CrisesResult, script: Script) -> Table:
    """One crisis: what each way of holding the account came to."""
    rows, styles = [], {}
    for number, each in enumerate(result.cells_of(script)):
        rows.append(
            (
                each.rulebook,
                each.mode,
                each.depth,
                liquidated_text(each, result.task.rules[0].instruments),
                taker_words(each.takers) or "nobody",
                usd(each.lowest),
                minutes_text(each.lowest_minutes),
                usd(each.end),
                usd(each.lost),
            )
        )
        styles[number] = "bad" if each.liquidated else "good"
    return Table(
        title=f"{script.title}: {minutes_text(script.minutes)} from {clock(_start(script))} UTC",
        columns=(
            "rulebook", "mode", "book", "liquidated after", "taken by",
            "lowest, USD", "at", "end, USD", "lost, USD",
        ),
        rows=rows,
        words=5,
        styles=styles,
    )  # fmt: skip


def _start(script: Script) -> int:
    return int(script.path.times_ms[0])


def people_table(result: CrisesResult) -> Table:
    """What happened to everybody else, in the first mode of the account."""
    mode = result.task.modes[0].name
    cells = [each for each in result.cells if each.mode == mode]
    rows = [
        (
            each.crisis,
            each.rulebook,
            each.depth,
            f"{each.population:,}",
            f"{each.fallen:,}",
            f"{each.sold_to_book / 1e6:,.1f}",
            f"{each.taken_over / 1e6:,.1f}",
            f"{each.deleveraged / 1e6:,.1f}",
            f"{each.insurance / 1e6:,.2f}",
            _deepest(result, each),
        )
        for each in cells
    ]
    return Table(
        title="Everybody else: what was liquidated, in million USD",
        columns=(
            "crisis", "rulebook", "book", "accounts", "liquidated", "sold to the book",
            "backstop", "deleveraged", "insurance fund", "furthest mark, % of the start",
        ),
        rows=rows,
        words=3,
        note=(
            "The mark is the price that equity counts with; the crisis itself is the same for all "
            "rulebooks."
        ),
    )  # fmt: skip


def _deepest(result: CrisesResult, cell: Cell) -> str:
    """The market whose mark went furthest from its start."""
    names = [each.name for each in result.task.rules[0].instruments]
    moves = [
        (max(1.0 - low, high - 1.0), name, low if 1.0 - low >= high - 1.0 else high)
        for name, low, high in zip(names, cell.lowest_marks, cell.highest_marks, strict=True)
    ]
    _, name, level = max(moves)
    return f"{name} {100 * level:.1f}"


def contrast_table(result: CrisesResult) -> Table | None:
    """Every pair of rulebooks in every crisis, mode and depth; None for a single rulebook."""
    rows = []
    names: tuple[str, str] | None = None
    for script in result.task.scripts:
        for mode, depth, each in result.contrasts(script):
            names = names or each.rulebooks
            first = "none" if each.first is None else clock(each.first.time_ms)
            rows.append(
                (
                    script.name,
                    mode,
                    depth,
                    " / ".join(each.rulebooks),
                    first,
                    *(f"{count:,}" for count in each.fell),
                    f"{len(each.different):,}",
                    _own_text(each),
                )
            )
    if names is None:
        return None
    return Table(
        title="The same crisis and people under two rulebooks",
        columns=(
            "crisis", "mode", "book", "first / second rulebook", "first difference, UTC",
            "liquidated under both", "first only", "second only", "end differently",
            "your account, USD more under the second",
        ),
        rows=rows,
        words=5,
        note="Accounts of the population; a different end is 1 % of what somebody had, or more.",
    )  # fmt: skip


def _own_text(contrast: Contrast) -> str:
    own = next((each for each in contrast.different if each.kind == "account"), None)
    return "the same" if own is None else usd(own.ends[1] - own.ends[0])


def different_table(
    result: CrisesResult, script: Script, label: str, contrast: Contrast
) -> Table | None:
    """Who ends differently, and why; the rest of them is in the parquet table."""
    chosen = chosen_people(contrast)
    if not chosen:
        return None
    instruments = result.task.rules[0].instruments
    one, other = contrast.rulebooks
    rows = [
        (
            trader_text(each.trader),
            f"{positions_text(each, instruments)}: {each.leverage:.1f} times {usd(each.start)}",
            end_text(each, 0),
            end_text(each, 1),
            reason_text(contrast, each, instruments),
            usd(each.ends[1] - each.ends[0]),
        )
        for each in chosen
    ]
    rest = len(contrast.different) - len(chosen)
    return Table(
        title=f"Who ends differently under {one} and {other}: {script.name}, {label}",
        columns=(
            "who", "positions: leverage times equity, USD", f"end under {one}",
            f"end under {other}", "why", "difference, USD",
        ),
        rows=rows,
        words=5,
        note=f"{rest:,} more are in the parquet table people. {why_words(contrast)}".strip(),
    )  # fmt: skip


def chosen_people(contrast: Contrast) -> list[Different]:
    """The account under study, then who fell under one alone, then others, by amount."""
    own = [each for each in contrast.different if each.kind == "account"]
    others = [each for each in contrast.different if each.kind != "account"]
    apart = [each for each in others if _fell_once(each)]
    rest = [each for each in others if not _fell_once(each)]
    return [*own, *apart[:MOST_APART], *rest[:MOST_OTHERS]]


def _fell_once(each: Different) -> bool:
    return (each.fell_ms[0] > 0) != (each.fell_ms[1] > 0)


def why_words(contrast: Contrast) -> str:
    """How many of those who fell under one alone did so for which reason."""
    reasons: Counter[str] = Counter(
        each.headroom.reason
        for each in contrast.different
        if each.headroom is not None and _fell_once(each) and each.kind != "account"
    )
    if not reasons:
        return ""
    told = ", ".join(f"{count:,} {REASONS[name]}" for name, count in reasons.most_common())
    return f"Why accounts were liquidated under one only: {told}."


def endings_words(contrast: Contrast) -> str:
    """How many end in which way."""
    several = Counter(ending(each) for each in contrast.different)
    return ", ".join(f"{count:,} {way}" for way, count in several.most_common())


def sources_table(scripts: Sequence[Script]) -> Table:
    """Where prices and people come from, crisis by crisis."""
    rows = []
    for script in scripts:
        for what, text in (("prices", script.source), ("people", script.facts.source)):
            rows += [(script.name, what, line) for line in text.splitlines() if line]
    return Table(
        title="Sources", columns=("crisis", "of", "source"), rows=rows, words=3, on_paper_only=True
    )
