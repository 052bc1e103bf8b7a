"""Reports open in a browser without a request and without a complaint, and can be read."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from seawall.cli.main import app
from seawall.report.html import report_page
from tests.browser.pages import PHONE, SCHEMES, WIDE, faults, open_report
from tests.lab.commands import seawall
from tests.lab.sample_findings import ASSUMPTION, SEED, charts, sample_findings
from tests.shared_files import ROOT

pytestmark = pytest.mark.browser

COMMAND = "seawall stress 'my account.toml' --report out/stress.html"

COMMANDS: list[tuple[str, tuple[str, ...]]] = [
    ("explain", (str(ROOT / "examples" / "account_parent.json"),)),
    ("stress", ()),
    ("rehearse", ("--png", "out/rehearsal.png")),
    ("compare", ("--paths", "200")),
    ("paths", ("--paths", "200")),
    ("size", ()),
    ("carry", ()),
    ("options", (str(ROOT / "examples" / "account_short_call.toml"),)),
    ("vet", ("--seconds", "60")),
    ("cascade", ("--minutes", "34", "--accounts", "600", "--backstop", "0%")),
    ("deleveraging", ("--equity", "20000", "--profit", "9000", "--notional", "60000")),
    ("crises", ()),
]
"""The lab's commands and what makes them quick."""
GLANCE = {
    "explain": "maintenance margin of equity",
    "stress": "nearest by one market",
    "rehearse": "largest drawdown",
    "compare": "ecommended: ",
    "paths": "probability of a liquidation",
    "size": "hold at most, USD",
    "carry": "flat at, USD",
    "options": "pooling saves, USD",
    "vet": "Calm: ",
    "cascade": "accounts liquidated",
    "deleveraging": "the bankrupt lack, USD",
    "crises": "worst run leaves, USD",
}
"""What the head of each report says."""


def picture(content: str) -> str:
    return f'<svg viewBox="0 0 720 300" width="720" height="300" role="img">{content}</svg>'


def is_registered(command: str) -> bool:
    return command in app


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
        ('<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">', "axe: image-alt"),
        (picture('<text x="10" y="50" fill="#bbbbbb">faint</text>'), "faint words: faint"),
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


def test_a_dark_page_is_dark_where_it_is_wanted(opened: Any, sample: Path) -> None:
    grounds = {}
    for scheme in SCHEMES:
        page = opened.new_page(color_scheme=scheme)
        page.goto(sample.resolve().as_uri())
        script = "getComputedStyle(document.body).backgroundColor"
        grounds[scheme] = page.evaluate(script)
        page.emulate_media(media="print", color_scheme=scheme)
        assert page.evaluate(script) == "rgb(255, 255, 255)", "paper is white"
        page.close()
    assert grounds == {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 23, 29)"}


def test_what_can_be_used_works_without_a_network(opened: Any, sample: Path) -> None:
    """A long table unfolds; a point of a curve says what it is."""
    context = opened.new_context(offline=True)
    try:
        page = context.new_page()
        page.goto(sample.resolve().as_uri())
        row = page.get_by_role("rowheader", name="M30")
        assert not row.is_visible()
        page.get_by_text("30 rows").click()
        assert row.is_visible()
        points = page.locator("svg .point title")
        assert "after" in points.first.text_content()
    finally:
        context.close()


def test_two_stand_beside_each_other_on_a_wide_page(opened: Any, sample: Path) -> None:
    lefts = "() => [...document.querySelectorAll('.picture:not(.wide)')].map(e => e.offsetLeft)"
    page = opened.new_page(viewport={"width": WIDE, "height": 900})
    page.goto(sample.resolve().as_uri())
    assert len(set(page.evaluate(lefts))) == 2
    page.set_viewport_size({"width": PHONE, "height": 900})
    assert len(set(page.evaluate(lefts))) == 1
    page.close()


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
    assert GLANCE[command] in text
