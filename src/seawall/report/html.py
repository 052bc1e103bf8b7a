"""Findings as one HTML page: self-contained, without scripts, the same bytes for the same input.

The page forbids itself every request by its Content-Security-Policy; its one style sheet is allowed
by its hash. Unfolding a long table and reading a point of a curve are the browser's own and need no
network. Jinja2 escapes all text: names come from venues and files.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from msgspec import structs

from seawall.report.charts import DARK
from seawall.report.findings import Figure, Findings, Section, Words
from seawall.report.sheet import Sheet
from seawall.report.values import readable, seawall_version

if TYPE_CHECKING:
    from jinja2 import Template

ABOUT = (
    "Seawall computes margin and liquidations by the rules of perpetual futures venues, with the "
    "same engine in its local venue and in its lab. It never sees a key and never sends an order. "
    "A report shows what follows from its assumptions; it is not a forecast and no advice."
)

LONGEST_TABLE = 24
"""Rows; a longer table is folded until it is asked for."""
WIDEST_TABLE = 80
"""Characters; a wider table has the page's whole width, a narrower one half of it."""
_GAP, _WORDS = 3, 44
"""Characters between two columns, and of a column of words, which can be folded."""


def report_page(findings: Findings, command: str) -> str:
    """The page. ``command``: the exact command line, as text, that makes these findings."""
    from markupsafe import Markup

    style = _style()
    return _template().render(
        findings=findings,
        sections=_prepared(findings.sections),
        command=command,
        version=seawall_version(),
        about=ABOUT,
        policy=_policy(style),
        style=Markup(style),
    )


def sheet_html(sheet: Sheet) -> str:
    """One table for a notebook."""
    return str(_module().table(_sheet(sheet) | {"is_long": False}, sheet.name))


def findings_html(findings: Findings) -> str:
    """Tables, pictures and sentences for a notebook, without the page around them."""
    sections = (*findings.verdict, *findings.sections)
    return str(_module().content(findings, _prepared(sections)))


def _text(name: str) -> str:
    return files("seawall.report").joinpath(name).read_text(encoding="utf-8")


@cache
def _style() -> str:
    """The style sheet, with the colours of pictures on a dark page."""
    rules = [
        f'figure svg [{name}="{light}"]{{{name}:{dark}}}'
        for light, dark in DARK.items()
        for name in ("fill", "stroke")
    ]
    # A printed page is white.
    dark_pictures = (
        "@media screen and (prefers-color-scheme: dark) {\n" + "\n".join(rules) + "\n}\n"
    )
    return _text("report.css") + dark_pictures


@cache
def _template() -> "Template":
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    def svg(chart: Any, prefix: str, alt: str) -> Markup:
        from seawall.report.svg import inline_svg

        # Our own drawing: its texts are escaped where it is made.
        return Markup(inline_svg(chart, prefix, alt))

    made = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    made.filters["readable"] = readable
    made.filters["svg"] = svg
    return made.from_string(_text("page.html.j2"))


@cache
def _module() -> Any:
    """The template's macros."""
    return _template().make_module(
        {
            "findings": Findings(command="", title=""), "sections": [], "command": "",
            "version": "", "about": "", "policy": "", "style": "",
        }
    )  # fmt: skip


def _policy(style: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )


def _prepared(sections: Iterable[Section]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    narrow: list[dict[str, Any]] = []
    for each in sections:
        if isinstance(each, Words):
            found.append(("words", each))
            continue
        if isinstance(each, Figure):
            kind, content = "figure", {**structs.asdict(each), "is_wide": False}
        elif each.on not in ("data", "tables") and each.rows:
            kind, content = "table", _sheet(each)
        else:
            continue
        found.append((kind, content))
        if not content["is_wide"]:
            narrow.append(content)
    if len(narrow) % 2:
        # Two stand beside each other; what is left alone has the whole width.
        narrow[-1]["is_wide"] = True
    return found


def _sheet(sheet: Sheet) -> dict[str, Any]:
    columns = sheet.shown
    heads = [(each.heading, each.kind.is_number) for each in columns]
    rows = [(sheet.style_of(row), sheet.texts(row)) for row in sheet.rows]
    if sheet.single:
        cells = [(each.heading, each.text(sheet.rows[0])) for each in columns]
        heads = [("", False), ("value", all(each.kind.is_number for each in columns))]
        rows = [("", list(cell)) for cell in cells if cell[1]]
    return {
        "title": sheet.title,
        "heads": heads,
        "rows": rows,
        "note": sheet.note,
        "is_long": len(rows) > LONGEST_TABLE,
        "is_wide": _characters(heads, [cells for _, cells in rows]) > WIDEST_TABLE,
    }


def _characters(heads: Sequence[tuple[str, bool]], rows: Sequence[Sequence[str]]) -> int:
    """About how many stand beside each other where headings are folded at blanks."""
    found = 0
    for (head, is_number), cells in zip(heads, zip(*rows, strict=True), strict=True):
        longest = max(map(len, cells))
        words = max(map(len, head.split()), default=0)
        found += _GAP + max(words, longest if is_number else min(longest, _WORDS))
    return found
