"""On a terminal of any usual width every number of every command is whole, and every mark is there.

A command runs once, as a user calls it; its findings are then printed at each width. One command
runs on a real pseudo-terminal.
"""

import contextlib
import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from seawall.cli.main import app
from seawall.report import deliver
from seawall.report.findings import Findings
from seawall.report.sheet import Column, Row, Sheet
from seawall.report.text import print_findings, sheet_lines
from tests.cli.commands import CALLS, NO_FINDINGS, prepare, words
from tests.shared_files import ROOT

# The first command in this process compiles the kernels.
pytestmark = pytest.mark.timeout(600)

PROGRAM = "from seawall.cli.main import main; main()"
WIDTHS = (80, 100, 120)
COMMANDS = sorted(set(CALLS) - NO_FINDINGS)
MARKS = ("*", "liquidat", "closed", "delever", "backstop", "yes", "poor", "too near", "!")
"""Where a row is drawn in red one of these stands in it: colour is never the only sign."""

Run = Callable[[str], Findings]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The findings of a command line, each computed once."""
    kept: dict[str, Findings] = {}
    files = prepare(tmp_path_factory.mktemp("files"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("run"))

        def run(name: str) -> Findings:
            if name not in kept:
                shown: list[Findings] = []
                patch.setattr(deliver, "print_findings", shown.append)
                app(words(name, files), result_action="return_value")
                (kept[name],) = shown
            return kept[name]

        yield run


def printed(findings: Findings, width: int) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        print_findings(findings, width)
    return out.getvalue()


def on_terminal(findings: Findings) -> list[Sheet]:
    return [each for each in findings.sheets if each.on in ("everywhere", "screen") and each.rows]


def whole(text: str, lines: str) -> bool:
    """Whether a number stands in a line with nothing but blanks beside it."""
    return re.search(rf"(?<!\S){re.escape(text)}(?!\S)", lines) is not None


def missing(sheet: Sheet, text: str, left_out: Sequence[Column]) -> list[str]:
    """Numbers and marks of the sheet that the text does not show."""
    gone = []
    for column in sheet.shown:
        if column in left_out or not column.kind.is_number:
            continue
        gone += [each for each in map(column.text, sheet.rows) if each and not whole(each, text)]
    return gone


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", COMMANDS)
def test_every_number_is_whole(name: str, width: int, found: Run) -> None:
    findings = found(name)
    text = printed(findings, width)
    assert max(map(len, text.splitlines())) <= width
    said = " ".join(text.split())
    for sheet in on_terminal(findings):
        left_out: list[Column] = []
        list(sheet_lines(sheet, width, left_out))
        assert all(column.drop for column in left_out), sheet.name
        if left_out:
            names = ", ".join(each.heading for each in left_out)
            assert f"Too narrow for: {names}." in said
        assert missing(sheet, text, left_out) == [], (sheet.name, width)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_liquidation_is_said_without_colour(name: str, found: Run) -> None:
    for sheet in on_terminal(found(name)):
        always = [column for column in sheet.shown if not column.drop]
        for row in sheet.rows:
            if sheet.style_of(row) == "bad":
                assert any(is_marked(column, row) for column in always), (sheet.name, row)


def is_marked(column: Column, row: Row) -> bool:
    text = column.text(row)
    named = column.heading.startswith("liquidated") and text not in ("", "no", "none")
    return named or any(mark in text for mark in MARKS)


def test_the_stars_of_a_stress_test_are_there(found: Run) -> None:
    matrix = found("stress").sheet("matrix")
    stars = [cell for row in matrix.rows for cell in matrix.texts(row) if cell.endswith("*")]
    assert stars
    for width in WIDTHS:
        text = printed(found("stress"), width)
        assert all(whole(star, text) for star in stars)


def test_a_cut_number_would_be_found(found: Run) -> None:
    findings = found("stress")
    text = printed(findings, 100)
    sheet = findings.sheet("liquidation_prices")
    number = sheet.columns[4].text(sheet.rows[0])
    assert missing(sheet, text, []) == []
    assert number in missing(sheet, text.replace(number, number[:-1]), [])
    assert number in missing(sheet, text.replace(number, number[:3] + " " + number[3:]), [])


@pytest.mark.parametrize("width", [80])
def test_on_a_real_terminal(width: int, found: Run) -> None:
    text = on_pseudo_terminal(width, *words("stress", {}))
    for sheet in on_terminal(found("stress")):
        left_out: list[Column] = []
        list(sheet_lines(sheet, width, left_out))
        assert missing(sheet, text, left_out) == [], sheet.name


def on_pseudo_terminal(width: int, *arguments: str) -> str:
    """What a user sees of a command on a terminal of this width, without colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    environment = {
        key: value for key, value in os.environ.items()
        if key not in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=ROOT,
        env={**environment, "PYTHONPATH": str(Path(ROOT) / "src"), "TERM": "xterm"},
        stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    # Reading a terminal that its last user has closed is an error on this system.
    with contextlib.suppress(OSError):
        while part := os.read(ours, 65536):
            shown += part
    os.close(ours)
    assert process.wait() == 0
    text = shown.decode().replace("\r\n", "\n")
    assert "\x1b[" in text, "a terminal has colours"
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
