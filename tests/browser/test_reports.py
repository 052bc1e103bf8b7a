"""Reports open in a browser without a request and without a complaint, and can be read."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from seawall.cli.main import app
from seawall.report.html import report_page
from tests.browser.pages import browser, faults, open_report
from tests.lab.commands import seawall
from tests.lab.sample_findings import ASSUMPTION, SEED, charts, sample_findings

pytestmark = pytest.mark.browser

COMMAND = "seawall stress 'my account.toml' --report out/stress.html"

COMMANDS: list[tuple[str, tuple[str, ...]]] = [
    ("stress", ()),
    ("rehearse", ("--png", "out/rehearsal.png")),
    ("compare", ("--paths", "200")),
    ("paths", ("--paths", "200")),
    ("size", ()),
    ("carry", ()),
    ("vet", ("--seconds", "60")),
    ("cascade", ("--minutes", "34", "--accounts", "600", "--backstop", "0%")),
    ("deleveraging", ("--equity", "20000", "--profit", "9000", "--notional", "60000")),
    ("crises", ()),
]
"""The lab's commands and what makes them quick."""


def picture(content: str) -> str:
    return f'<svg viewBox="0 0 720 300" width="720" height="300" role="img">{content}</svg>'


def is_registered(command: str) -> bool:
    return command in app


@pytest.fixture(scope="module")
def opened() -> Iterator[Any]:
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "sample.html"
    path.write_text(report_page(sample_findings(), COMMAND), encoding="utf-8")
    return path


def test_the_sample_opens(opened: Any, sample: Path) -> None:
    text = open_report(opened, sample)
    assert COMMAND in text
    assert ASSUMPTION in text
    assert str(SEED) in text
    assert "<script>alert('x')</script>" in text, "names are shown as they are"
    for name in charts():
        assert f"Picture: {name}" in text


@pytest.mark.parametrize(
    ("spoiled", "fault"),
    [
        ('<img src="http://127.0.0.1:9/x.png" alt="">', "error: "),
        ("<script>1</script>", "error: "),
        ('<p style="color: red">x</p>', "error: "),
        ('<div class="scroll"></div><pre>' + "x" * 3000 + "</pre>", "pixels wide"),
        ('<svg aria-label="gone" width="0" height="0"></svg>', "hidden picture: gone"),
        ('<p id="s3">x</p>', "id twice: s3"),
        (picture('<text x="10" y="50" font-size="4">tiny</text>'), "small words: tiny"),
        (picture('<text x="700" y="50">leaves the picture</text>'), "cut words: leaves"),
        (
            picture('<text x="10" y="50">one</text><text x="20" y="54">other</text>'),
            "overlapping words: one / other",
        ),
    ],
)
def test_faults_are_found(
    opened: Any, sample: Path, tmp_path: Path, spoiled: str, fault: str
) -> None:
    page = tmp_path / "spoiled.html"
    page.write_text(sample.read_text().replace("</main>", f"{spoiled}</main>"))
    assert any(fault in each for each in faults(opened, page))


@pytest.mark.parametrize(
    ("command", "arguments"),
    [each for each in COMMANDS if is_registered(each[0])],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_reports_of_commands_open(
    opened: Any, tmp_path: Path, command: str, arguments: tuple[str, ...]
) -> None:
    """On built-in input."""
    # In a thread of its own: the browser's driver runs an event loop in this one.
    with ThreadPoolExecutor(1) as thread:
        call = thread.submit(seawall, tmp_path, command, *arguments, "--report", "report.html")
        result = call.result()
    assert result.returncode == 0, result.stderr
    text = open_report(opened, tmp_path / "report.html")
    assert f"seawall {command}" in text
    assert "report.html" in text
    assert "Assumed" in text
