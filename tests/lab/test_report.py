"""The report is one page without scripts, the same for the same findings, safe for any name."""

import base64
import hashlib
import re
from html import unescape
from html.parser import HTMLParser

import pytest

from seawall.lab.paths.figures import leverage_curve, loss_histogram
from seawall.report.chart_kinds import break_even, candle_rows
from seawall.report.charts import (
    BACKSTOP,
    CHOSEN,
    CROSS_COLOUR,
    GRID,
    INK,
    LABEL,
    LIQUIDATION,
    MARKET_COLOURS,
    QUIET,
    Chart,
    columns,
    finished,
    hover,
    quantity,
)
from seawall.report.findings import Findings, Tile
from seawall.report.html import report_page
from seawall.report.kinds import USD, percent, short_usd
from seawall.report.svg import inline_svg, svg_text
from tests.lab.sample_findings import ASSUMPTION, HOSTILE, SEED, charts, sample_findings

COMMAND = "seawall stress '<b>' --report x.html"
ALLOWED = frozenset(
    "html head meta link title style body header main footer section h1 h2 p strong div table "
    "caption thead tbody tr th td figure figcaption svg g path rect line text defs clippath "
    "lineargradient stop ul li dl dt dd code "
    "details summary".split()
)
VOID = frozenset({"meta", "link"})


class Page(HTMLParser):
    """Elements and attributes as a browser would find them; complains of what is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for each, attributes in self.elements if each == tag]


@pytest.fixture(scope="module")
def text() -> str:
    return report_page(sample_findings(), COMMAND)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_the_same_findings_make_the_same_bytes(text: str) -> None:
    svg_text(charts()["fan"])
    assert report_page(sample_findings(), COMMAND) == text


def test_no_name_becomes_an_element(page: Page) -> None:
    assert {tag for tag, _ in page.elements} <= ALLOWED
    shown = HOSTILE.replace("\x1b", "\ufffd").replace("\x00", "\ufffd")
    assert sum(shown in words for words in page.words) >= 4


def test_nothing_is_fetched_and_nothing_runs(page: Page) -> None:
    for tag, attributes in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            assert name not in ("src", "srcset", "style", "xlink:href"), (tag, name)
            if name == "href":
                assert (tag, value) == ("link", "data:,")
            if value and "url(" in value:
                assert re.fullmatch(r"url\(#s\d+-\d+\)", value), (tag, value)


def test_the_policy_allows_this_style_sheet_alone(page: Page, text: str) -> None:
    policy = next(
        each["content"] or "" for each in page.named("meta") if each.get("http-equiv") is not None
    )
    style = text[text.index("<style>") + 7 : text.index("</style>")]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; ")
    assert f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert "script-src" not in policy
    assert "@import" not in style
    assert "url(" not in style


def test_it_says_how_to_make_it_again(text: str) -> None:
    assert f"<code>{COMMAND}</code>" in unescape(text)
    assert f"<dt>Seed</dt><dd>{SEED}</dd>" in text
    assert "<dt>Version</dt><dd>seawall " in text
    assert f"<li>{ASSUMPTION}</li>" in text


def test_no_seed_is_said_too() -> None:
    page = report_page(Findings(command="x", title="t", subtitle="", sections=[]), "x")
    assert "<dd>none: nothing in it is random</dd>" in page


def test_it_can_be_read_without_eyes(page: Page) -> None:
    assert page.named("html") == [{"lang": "en"}]
    assert len(page.named("h1")) == 1
    pictures = page.named("svg")
    assert len(pictures) == len(charts())
    for attributes in pictures:
        assert attributes["role"] == "img"
        assert re.fullmatch(r'The picture ".*" of <the sample>\.', attributes["aria-label"] or "")
    assert len(page.named("caption")) == len(page.named("table")) == 2
    assert {each["scope"] for each in page.named("th")} == {"row", "col"}


def test_the_head_says_the_verdict_in_a_word_and_its_colour(text: str) -> None:
    head = text[text.index("<main>") : text.index('<div class="sections">')]
    found = re.search(r'<p class="status caution"><strong>(Near liquidation .*?)</strong>', head)
    assert found is not None
    assert "<script>" not in head
    for style in ("", "good", "caution", "bad"):
        assert f'<div class="tile {style}"><dt>equity, USD</dt><dd class="figure">250,000' in head
    none = Tile(title="x", value=None, kind=USD, none="none near")
    assert none.text == "none near"


def test_every_colour_of_ours_has_one_for_a_dark_page() -> None:
    """Words and lines that keep their colour would vanish on the other ground."""
    rules = dict(re.findall(r'svg \[fill="(.*?)"\]\{fill:(.*?)\}', report_page(
        Findings(command="x", title="t"), "x"
    )))  # fmt: skip
    named = [INK, QUIET, LABEL, GRID, CROSS_COLOUR, LIQUIDATION, BACKSTOP, CHOSEN, *MARKET_COLOURS]
    assert [each for each in named if each not in rules] == []
    assert all(dark != light for light, dark in rules.items())


def test_a_point_says_its_words_and_is_not_seen() -> None:
    x, y = (quantity(name, None) for name in "xy")
    chart = finished({"layer": [hover([{"x": 1, "y": 2, "words": HOSTILE}], x, y)]}, height=100)
    drawn = inline_svg(chart, "p", "one point")
    assert drawn.count('class="point"') == drawn.count("<title>") == 1
    assert "<script" not in drawn


def test_candles_open_where_the_one_before_closed() -> None:
    bars = candle_rows(range(101), [float(each % 7) for each in range(101)], most=10)
    assert len(bars) == 10
    assert [each["close"] for each in bars[:-1]] == [each["open"] for each in bars[1:]]
    assert all(each["low"] <= min(each["open"], each["close"]) for each in bars)
    assert all(each["high"] >= max(each["open"], each["close"]) for each in bars)
    assert max(each["high"] for each in bars) == 6.0


@pytest.mark.parametrize(("size", "expected"), [(2.0, 100 * 1.001 / 0.999), (-2.0, 99.8001998)])
def test_break_even_pays_both_fees(size: float, expected: float) -> None:
    found = break_even(100.0, size, 0.001)
    assert found == pytest.approx(expected)
    fees = 0.001 * abs(size) * (100.0 + found)
    assert size * (found - 100.0) == pytest.approx(fees)


def test_long_tables_are_in_the_report(page: Page) -> None:
    assert "Every shock" in page.words
    assert "30,024" in page.words


def test_ids_of_pictures_are_their_own(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    used = {
        value[5:-1]
        for _, attributes in page.elements
        for value in attributes.values()
        if value and value.startswith("url(#")
    }
    assert used, "some pictures clip"
    assert used <= set(ids)


def test_a_picture_fetches_no_data() -> None:
    chart: Chart = {
        "data": {"url": "http://127.0.0.1:9/x.json"},
        "mark": "bar",
        "encoding": {"x": {"field": "a", "type": "quantitative"}},
    }
    with pytest.raises(ValueError, match="not allowed"):
        svg_text(chart)


def test_pictures_and_links_inside_a_chart_are_left_out() -> None:
    chart: Chart = {
        "data": {"values": [{"a": 1, "to": "https://example.org/x.png"}]},
        "layer": [
            {"mark": "point", "encoding": {"x": {"field": "a"}, "href": {"field": "to"}}},
            {"mark": "image", "encoding": {"x": {"field": "a"}, "url": {"field": "to"}}},
        ],
    }
    assert "example.org" in svg_text(chart)
    made = inline_svg(chart, "s1", "words")
    assert "example.org" not in made
    assert "<image" not in made


@pytest.mark.parametrize("name", sorted(charts()))
def test_axes_are_labelled_with_units(name: str) -> None:
    words = unescape(" ".join(re.findall(r"<text[^>]*>([^<]*)</text>", svg_text(charts()[name]))))
    for unit in {
        "survival": ["leverage, notional / equity", "paths that lose the risk capital, %",
                     "chosen: 3x", "now: 10x"],
        "equity": ["time, hours", "equity, USD", "start: $"],
        "drawdown": ["time, hours", "fall from the highest equity, %", "5 % to"],
        "profit": ["price, USD", "profit of the position, USD", "liquidation: 2,350.00",
                   "stop: 2,100.00", "break-even: 1,998.20", "entry: 2,000.00", "now: 1,990.00"],
        "candles": ["price, USD", "liquidated", "liquidation: 100,150"],
        "fan": ["time, hours", "maintenance margin / equity, %", "100 %: liquidation"],
        "modes": ["capital needed, USD", "paths without a liquidation, %", "$412k", "95.5 %"],
        "losses": ["loss, USD", "-$200k", "share of paths, %", "median: ", "95 % lose less: "],
        "times": ["time, hours", "paths with a liquidation so far, %"],
        "break-even": ["held for, days", "break-even price, USD", "entry price"],
    }[name]:  # fmt: skip
        assert unit in words


@pytest.mark.parametrize(
    ("usd", "words"),
    [
        (0, "$0"), (0.25, "$0.25"), (95.5, "$95.5"), (999.4, "$999"), (999.6, "$1k"),
        (-340_000, "-$340k"), (1_250_000, "$1.25M"), (999_960, "$1M"), (2.5e9, "$2.5B"),
        (-0.001, "$0"),
    ],
)  # fmt: skip
def test_money_in_pictures(usd: float, words: str) -> None:
    assert short_usd(usd) == words


def test_percent_in_pictures() -> None:
    assert percent(-0.1234, 1) == "-12.3 %"
    assert percent(0.05, 1, signed=True) == "+5.0 %"


def test_long_lines_are_thinned_with_both_ends() -> None:
    rows = columns(x=range(10_001), y=[float("nan"), *range(10_000)])
    assert len(rows) == 400
    assert rows[0] == {"x": 0, "y": None}
    assert rows[-1] == {"x": 10_000, "y": 9_999}
    with pytest.raises(ValueError, match="different lengths"):
        columns(x=[1], y=[1, 2])


def test_a_histogram_counts_every_path() -> None:
    chart = loss_histogram([1.0] * 900 + [1e9] * 1 + [-50.0] * 99)
    shares = [row["share"] for row in chart["layer"][0]["data"]["values"]]
    assert sum(shares) == pytest.approx(100)
    assert loss_histogram([0.0] * 10)["layer"], "all alike"


def test_leverages_of_a_wide_range_are_logarithmic() -> None:
    def x_of(leverages: list[float]) -> dict[str, object]:
        found: dict[str, object] = leverage_curve(
            leverages, [0.1] * len(leverages), [0.0] * len(leverages), [0.2] * len(leverages)
        )["layer"][0]["encoding"]["x"]
        return found

    assert x_of([1, 2, 50])["scale"] == {"type": "log", "nice": False, "padding": 12}
    assert x_of([1, 2, 3])["axis"]["values"] == [1, 2, 3]  # type: ignore[index]
