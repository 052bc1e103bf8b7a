"""Findings on a terminal: no number is ever cut.

Where a sheet is too wide, columns are left out by their ``drop``, the highest first, and named
below. A sheet that is still too wide is printed row by row, a line a value, or in parts of its
columns (``Sheet.split``).
"""

import sys
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from seawall.report.findings import Findings, Section, Words
from seawall.report.sheet import Column, Row, Sheet
from seawall.report.values import readable

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_WIDTH = 200
"""Columns of what goes to a file or a pipe: no table is folded."""
PROSE_WIDTH = 100
"""Columns of a paragraph: longer lines are hard to read."""
GAP = 2
"""Blanks between two columns."""
LONGEST_WORD = 24
"""A column of words is folded no narrower than its longest word, or this."""
MARGIN = " "

_STYLES = {"bad": "red", "good": "green", "quiet": "dim", "chosen": "bold", "": ""}


def print_findings(findings: Findings, width: int | None = None) -> None:
    """Print everything that belongs on a terminal.

    ``width``: columns; without it those of the terminal, or ``PLAIN_WIDTH`` where there is none.
    """
    from rich.console import Console

    if width is None and not sys.stdout.isatty():
        width = PLAIN_WIDTH
    console = Console(width=width, markup=False, highlight=False, emoji=False)
    _print_words(console, findings.title, "bold")
    if findings.subtitle:
        _print_words(console, findings.subtitle, "dim")
    console.print()
    for section in (*findings.verdict, *findings.sections):
        _print_section(console, section)
    _print_end(console, findings)


def _print_section(console: "Console", section: Section) -> None:
    if isinstance(section, Words):
        mark, style = ("! ", "yellow") if section.is_warning else ("", "")
        _print_words(console, mark + section.text, style)
        console.print()
    elif isinstance(section, Sheet) and section.on in ("everywhere", "screen") and section.rows:
        _print_sheet(console, section)


def _print_words(console: "Console", text: str, style: str = "") -> None:
    console.print(readable(text), style=style, width=min(console.width, PROSE_WIDTH))


def _print_sheet(console: "Console", sheet: Sheet) -> None:
    if sheet.title:
        console.print(MARGIN + readable(sheet.title), style="italic")
    left_out: list[Column] = []
    for line, style in sheet_lines(sheet, console.width, left_out):
        console.print(MARGIN + line, style=style, no_wrap=True, overflow="ignore", crop=False)
    if left_out:
        names = ", ".join(each.heading for each in left_out)
        _print_words(console, f"{MARGIN}Too narrow for: {names}.", "dim")
    if sheet.note:
        _print_words(console, MARGIN + sheet.note, "dim")
    console.print()


def _print_end(console: "Console", findings: Findings) -> None:
    """What the figures rest on, quietly."""
    if findings.assumptions:
        console.print("Assumed", style="dim")
        for sentence in findings.assumptions:
            _print_words(console, f"- {sentence}", "dim")
    if findings.seed is not None:
        console.print(f"Seed {findings.seed}: the same seed gives the same figures.", style="dim")


class _Laid(Struct, eq=False, dict=True):
    """A column on its way to a width."""

    column: Column
    heading: str
    cells: list[str]
    width: int = 0

    @property
    def is_number(self) -> bool:
        return self.column.kind.is_number

    @cached_property
    def natural(self) -> int:
        """The width at which nothing is folded."""
        return max(map(_wide, [self.heading, *self.cells]))

    @cached_property
    def least(self) -> int:
        """The width under which a number would be cut."""
        heading = max(map(_wide, self.heading.split() or [""]))
        if self.is_number:
            return max([heading, *map(_wide, self.cells)])
        words = (_wide(word) for cell in self.cells for word in cell.split())
        return max(heading, min(LONGEST_WORD, max(words, default=1)), 1)


def sheet_lines(
    sheet: Sheet, width: int, left_out: list[Column] | None = None
) -> Iterator[tuple[str, str]]:
    """Lines of text with the style of each, at most ``width`` wide where numbers allow it.

    ``left_out``: receives the columns for which there was no room.
    """
    rows = list(sheet.rows)
    laid = [
        _Laid(each, readable(each.heading), [_one_line(each.text(row)) for row in rows])
        for each in sheet.shown
    ]
    room = width - 2 * len(MARGIN)
    if sheet.single:
        yield from _record_lines(laid, room)
        return
    kept = _without_dropped(laid, room)
    parts = _parts(kept, room) if sheet.split else [kept]
    if any(_total(part, least=True) > room for part in parts):
        # Below each other all columns have room again.
        yield from _stacked_lines(sheet, rows, laid, room)
        return
    if left_out is not None:
        left_out += [each.column for each in laid if each not in kept]
    for number, part in enumerate(parts):
        if number:
            yield "", ""
        _spread(part, room)
        yield from _table_lines(sheet, rows, part)


def _without_dropped(laid: Sequence[_Laid], room: int) -> list[_Laid]:
    """The columns that fit, or those that are always shown."""
    kept = list(laid)
    while _total(kept, least=True) > room:
        last = max(kept, key=lambda each: each.column.drop)
        if not last.column.drop:
            break
        kept.remove(last)
    return kept


def _parts(laid: Sequence[_Laid], room: int) -> list[list[_Laid]]:
    """The columns in as few parts as fit, about equally many in each, behind the first column."""
    head, *others = laid
    for count in range(1, len(others) + 1):
        size = -(-len(others) // count)
        parts = [[head, *others[at : at + size]] for at in range(0, len(others), size)]
        if all(_total(part, least=True) <= room for part in parts):
            return parts
    return [list(laid)]


def _total(laid: Sequence[_Laid], *, least: bool) -> int:
    widths = [each.least if least else each.width for each in laid]
    return sum(widths) + GAP * (len(laid) - 1)


def _spread(laid: Sequence[_Laid], room: int) -> None:
    """Give every column its least width, then what is left to those that would be folded."""
    for each in laid:
        each.width = each.least
    spare = room - _total(laid, least=True)
    # Folded words cost a line in every row, the folded heading of a number only one.
    for each in sorted(laid, key=lambda each: (each.is_number, each.natural - each.least)):
        more = min(spare, each.natural - each.least)
        each.width += more
        spare -= more


def _table_lines(
    sheet: Sheet, rows: Sequence[Row], laid: Sequence[_Laid]
) -> Iterator[tuple[str, str]]:
    for line in _folded([each.heading for each in laid], laid):
        yield line, "bold"
    yield "─" * _total(laid, least=False), ""
    for number, row in enumerate(rows):
        style = _STYLES[sheet.style_of(row)]
        for line in _folded([each.cells[number] for each in laid], laid):
            yield line, style


def _folded(cells: Sequence[str], laid: Sequence[_Laid]) -> Iterator[str]:
    """One row as lines: words are folded at blanks, numbers never."""
    columns = [_wrap(cell, each.width) for cell, each in zip(cells, laid, strict=True)]
    for place in range(max(map(len, columns))):
        parts = []
        for lines, each in zip(columns, laid, strict=True):
            text = lines[place] if place < len(lines) else ""
            blanks = " " * (each.width - _wide(text))
            parts.append(blanks + text if each.is_number else text + blanks)
        yield (" " * GAP).join(parts).rstrip()


def _stacked_lines(
    sheet: Sheet, rows: Sequence[Row], laid: Sequence[_Laid], room: int
) -> Iterator[tuple[str, str]]:
    """Row by row, a line a value: for what no terminal of this width can hold side by side."""
    for number, row in enumerate(rows):
        style = _STYLES[sheet.style_of(row)]
        if number:
            yield "", ""
        one = [_Laid(each.column, each.heading, [each.cells[number]]) for each in laid]
        for line, _ in _record_lines(one, room):
            yield line, style


def _record_lines(laid: Sequence[_Laid], room: int) -> Iterator[tuple[str, str]]:
    """One row as lines of heading and value."""
    shown = [each for each in laid if each.cells[0]]
    heads = max((_wide(each.heading) for each in shown), default=0)
    for each in shown:
        blanks = " " * (heads - _wide(each.heading) + GAP)
        lines = [each.cells[0]]
        if not each.is_number:
            lines = _wrap(each.cells[0], max(LONGEST_WORD, room - heads - GAP))
        yield each.heading + blanks + lines[0], ""
        for line in lines[1:]:
            yield " " * (heads + GAP) + line, ""


def _wrap(text: str, width: int) -> list[str]:
    """Folded at blanks; a longer word is broken, which only a name can be."""
    lines = [""]
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if _wide(joined) <= width:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        while _wide(word) > width:
            lines[-1], word = word[:width], word[width:]
            lines.append("")
        lines[-1] = word
    return lines


def _one_line(text: str) -> str:
    return readable(" ".join(text.split("\n")))


def _wide(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)
