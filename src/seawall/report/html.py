"""Findings as one HTML page: self-contained, without scripts, the same bytes for the same input.

The page forbids itself every request by its Content-Security-Policy; its one style sheet is allowed
by its hash. All text is escaped: names come from venues and files.
"""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files

from seawall.report.findings import Figure, Findings, Section, Table, Words
from seawall.report.svg import inline_svg
from seawall.report.values import readable, seawall_version

ABOUT = (
    "Seawall computes margin and liquidations by the rules of perpetual futures venues, with the "
    "same machine in its local venue and in its lab. It never sees a key and never sends an order. "
    "A report shows what follows from its assumptions; it is not a forecast and no advice."
)


def report_page(findings: Findings, command: str) -> str:
    """The page. ``command``: the exact command line, as text, that makes these findings."""
    style = files("seawall.report").joinpath("report.css").read_text(encoding="utf-8")
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(style)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="data:,">',
            f"<title>{_safe(findings.title)}</title>",
            f"<style>{style}</style>",
            "</head>",
            "<body>",
            *_head(findings),
            "<main>",
            *(line for n, each in enumerate(findings.sections, 1) for line in _section(each, n)),
            *_assumptions(findings),
            *_origin(findings, command),
            "</main>",
            f"<footer><p>{_safe(ABOUT)}</p></footer>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _policy(style: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )


def _safe(text: str) -> str:
    return escape(readable(text), quote=True)


def _head(findings: Findings) -> Iterator[str]:
    yield "<header>"
    yield f'<p class="product">Seawall {_safe(findings.command)}</p>'
    yield f"<h1>{_safe(findings.title)}</h1>"
    if findings.subtitle:
        yield f'<p class="subtitle">{_safe(findings.subtitle)}</p>'
    yield '<p class="narrow">Wide tables and pictures scroll sideways.</p>'
    yield "</header>"


def _section(section: Section, number: int) -> Iterator[str]:
    if isinstance(section, Words):
        yield from _words(section)
    elif isinstance(section, Table):
        yield from _table(section, f"s{number}")
    else:
        yield from _figure(section, f"s{number}")


def _words(section: Words) -> Iterator[str]:
    if section.is_warning:
        yield f'<p class="warning"><strong>Warning:</strong> {_safe(section.text)}</p>'
    else:
        yield f"<p>{_safe(section.text)}</p>"


def _table(section: Table, anchor: str) -> Iterator[str]:
    title = _safe(section.title)
    yield f'<section class="sheet" aria-labelledby="{anchor}">'
    yield f'<h2 id="{anchor}">{title}</h2>'
    # What scrolls must be reachable by the keyboard.
    yield f'<div class="scroll" role="region" tabindex="0" aria-labelledby="{anchor}">'
    yield f"<table><caption>{title}</caption>"
    heads = (
        f'<th scope="col"{"" if index < section.words else _NUMBER}>{_safe(column)}</th>'
        for index, column in enumerate(section.columns)
    )
    yield f"<thead><tr>{''.join(heads)}</tr></thead>"
    yield "<tbody>"
    for index, row in enumerate(section.rows):
        style = f' class="{section.styles[index]}"' if index in section.styles else ""
        yield f"<tr{style}>{''.join(_cells(row, section.words))}</tr>"
    yield "</tbody></table></div>"
    if section.note:
        yield f'<p class="note">{_safe(section.note)}</p>'
    yield "</section>"


_NUMBER = ' class="number"'


def _cells(row: Sequence[str], words: int) -> Iterator[str]:
    for index, cell in enumerate(row):
        if index == 0 and words:
            yield f'<th scope="row">{_safe(cell)}</th>'
        else:
            yield f"<td{'' if index < words else _NUMBER}>{_safe(cell)}</td>"


def _figure(section: Figure, anchor: str) -> Iterator[str]:
    yield f'<section aria-labelledby="{anchor}">'
    yield f'<h2 id="{anchor}">{_safe(section.title)}</h2>'
    yield "<figure>"
    yield f'<div class="scroll" role="region" tabindex="0" aria-labelledby="{anchor}">'
    yield inline_svg(section.chart, anchor, section.alt)
    yield "</div>"
    if section.note:
        yield f'<figcaption class="note">{_safe(section.note)}</figcaption>'
    yield "</figure></section>"


def _assumptions(findings: Findings) -> Iterator[str]:
    if findings.assumptions:
        yield "<section><h2>Assumed</h2><ul>"
        yield from (f"<li>{_safe(sentence)}</li>" for sentence in findings.assumptions)
        yield "</ul></section>"


def _origin(findings: Findings, command: str) -> Iterator[str]:
    """What is needed to make the report again."""
    seed = "none: nothing in it is random" if findings.seed is None else str(findings.seed)
    yield "<section><h2>To make this report again</h2><dl>"
    yield f"<dt>Command</dt><dd><code>{_safe(command)}</code></dd>"
    yield f"<dt>Version</dt><dd>seawall {_safe(seawall_version())}</dd>"
    yield f"<dt>Seed</dt><dd>{seed}</dd>"
    yield "</dl></section>"
