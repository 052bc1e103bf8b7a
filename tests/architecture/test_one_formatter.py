"""Money, percent and durations are formatted in ``report/``, and tables are sheets.

Whatever shows a figure takes the functions of ``report.kinds``, so that two places cannot write the
same figure differently. Counts (``{n:,}``) and what is echoed as it was given are no figures.
"""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.sources import PACKAGE, files, imported_modules, shown

ROOMS = [
    each for each in ("lab", "guard", "terminal", "cli", "accounts", "venues")
    if (PACKAGE / each).is_dir()
]  # fmt: skip
WIRE = ("/wire/",)
"""What a venue itself writes: its texts are those of the venue."""
ROUNDED = re.compile(r"\.(\d|\{.*\})?[fgeE]$|%$")
"""A format that rounds to a few figures: money, rates, percent."""
WORDS = {
    "cents", "clock", "dollars", "duration", "millions", "money", "percent", "percentage",
    "probability", "ratio", "share", "usd",
}  # fmt: skip
"""A function that returns text and is named so is a formatter."""


def formats(source: str) -> list[str]:
    """Where a source rounds a figure into text, or defines a function that does."""
    return sorted({f"{line}: {what}" for line, what in _formats(ast.parse(source))})


def _formats(tree: ast.AST) -> Iterator[tuple[int, str]]:
    rounded = {
        id(node.args[0]) for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "float" and node.args
    }  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and id(node) not in rounded:
            yield from _of_text(node)
        elif isinstance(node, ast.FunctionDef):
            returns = "" if node.returns is None else ast.unparse(node.returns)
            if "kinds." in ast.unparse(node):
                continue  # Puts together what others have formatted.
            if returns == "str" and set(node.name.strip("_").split("_")) & WORDS:
                yield node.lineno, f"def {node.name}"
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "format":
            if ROUNDED.search(ast.unparse(node.args[-1]).strip("'")):
                yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            left = node.left
            if isinstance(left, ast.Constant) and re.search(r"%[-+\d.]*[fge]", str(left.value)):
                yield node.lineno, ast.unparse(node)


def _of_text(node: ast.JoinedStr) -> Iterator[tuple[int, str]]:
    for value, after in zip(node.values, [*node.values[1:], None], strict=True):
        if not isinstance(value, ast.FormattedValue):
            continue
        text = ast.unparse(value.format_spec)[2:-1] if value.format_spec is not None else ""
        is_percent = isinstance(after, ast.Constant) and re.match(r" ?%", str(after.value))
        # ``{100 * x:g} %`` is computed here; ``{x:g} %`` repeats what was asked for.
        if ROUNDED.search(text) or (is_percent and isinstance(value.value, ast.BinOp)):
            yield node.lineno, ast.unparse(value.value)


def tables(source: str) -> list[str]:
    """Where a source draws a table by itself."""
    tree = ast.parse(source)
    found = {
        f"{line}: {module}" for line, module in imported_modules(tree)
        if module.startswith(("rich.table", "tabulate", "prettytable"))
        or module == "seawall.report.findings.Table"
    }  # fmt: skip
    found |= {
        f"{node.lineno}: {ast.unparse(node.func)}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "Table"
    }
    return sorted(found)


def faults() -> dict[str, list[str]]:
    """What was found, by file."""
    found = {}
    for path in files(*ROOMS):
        name = path.relative_to(PACKAGE).as_posix()
        source = path.read_text()
        lines = [] if any(part in f"/{name}" for part in WIRE) else formats(source)
        if lines := [*lines, *tables(source)]:
            found[shown(path)] = lines
    return found


def test_figures_and_tables_are_the_report_s_alone() -> None:
    assert faults() == {}


@pytest.mark.parametrize(
    "source",
    [
        "f'{usd:,.0f} USD'",
        "f'{share:.1%} of it'",
        "f'{value:,.{3 if value < 1 else 2}f}'",
        "f'{rate:.3g} a year'",
        "f'{100 * share:g} %'",
        "format(x, ',.2f')",
        "'%.2f USD' % x",
        "def _usd(micro: int) -> str:\n    return str(micro)",
        "def share_text(part: float) -> str:\n    return str(part)",
        "class A:\n    def duration(self) -> str:\n        return ''",
    ],
)
def test_a_formatter_is_found(source: str) -> None:
    assert formats(source)


@pytest.mark.parametrize(
    "source",
    [
        "from rich.table import Table",
        "import rich.table",
        "from seawall.report.findings import Findings, Table",
        "def late():\n    return findings.Table(title='a', columns=[], rows=[])",
    ],
)
def test_a_table_is_found(source: str) -> None:
    assert tables(source)


@pytest.mark.parametrize(
    "source",
    [
        "f'{count:,} of {whole:,}'",
        "f'{days:g} days, {given} %'",
        "f'{name:>8}'",
        "f'{kinds.usd(amount)} USD'",
        "def usd(field: str, value: str) -> int:\n    return 1",
        "float(f'{leverage:.4g}')",
        "def share_text(part: float) -> str:\n    return f'{kinds.percent(part)} of it'",
        "Sheet(name='a', title='b', rows=[], columns=[Column('x', kinds.MONEY)])",
    ],
)
def test_what_is_no_formatter_passes(source: str) -> None:
    assert not formats(source)
    assert not tables(source)
