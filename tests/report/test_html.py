"""Sheets as HTML: names are escaped, numbers are aligned, notebooks get the same tables."""

from html.parser import HTMLParser

from seawall.report.findings import Figure, Findings, Words
from seawall.report.html import findings_html, report_page, sheet_html
from seawall.report.kinds import MONEY
from seawall.report.sheet import Column, Sheet, record

HOSTILE = "<script>alert('x')</script> & \"quoted\" \x1b[31m\ud800\ufffe"
SHOWN = HOSTILE.replace("\x1b", "\ufffd").replace("\ud800\ufffe", "\ufffd\ufffd")


class Page(HTMLParser):
    """Start tags with attributes, and the text between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def hostile_sheet(on: str = "everywhere") -> Sheet:
    return Sheet(
        name="hostile",
        title=HOSTILE,
        rows=[{"name": HOSTILE, "equity": 12_345_000_000, "style": "bad"}],
        columns=[
            Column(name="name", title=HOSTILE),
            Column(name="equity", kind=MONEY, mark=lambda row: "*"),
            Column(name="style", on="data"),
        ],
        note=HOSTILE,
        on=on,
        style=lambda row: str(row["style"]),
    )


def hostile_findings() -> Findings:
    return Findings(
        command="stress", title=HOSTILE, subtitle=HOSTILE, verdict=[Words(HOSTILE)],
        sections=[hostile_sheet(), Words(HOSTILE, is_warning=True)], assumptions=[HOSTILE],
    )  # fmt: skip


def test_a_sheet_in_a_notebook() -> None:
    page = Page(hostile_sheet()._repr_html_())
    tags = [tag for tag, _ in page.tags]
    assert "script" not in tags
    assert page.words.count(SHOWN) == 5, "title, caption, heading, cell, note"
    assert ("tr", {"class": "bad"}) in page.tags
    assert ("td", {"class": "number"}) in page.tags
    assert "12,345*" in page.words
    assert "style" not in page.words, "a column for programs"


def test_findings_in_a_notebook() -> None:
    text = findings_html(hostile_findings())
    page = Page(text)
    assert not {"script", "html", "head", "body"} & {tag for tag, _ in page.tags}
    assert page.words.count(SHOWN) >= 7
    assert sheet_html(hostile_sheet()).count("12,345*") == text.count("12,345*") == 1


def test_a_page_escapes_every_text() -> None:
    page = Page(report_page(hostile_findings(), HOSTILE))
    assert "script" not in {tag for tag, _ in page.tags}
    assert page.words.count(SHOWN) >= 10


def test_a_picture_is_drawn_with_its_words_escaped() -> None:
    chart = {
        "data": {"values": [{"a": HOSTILE, "b": 1}]},
        "mark": "bar",
        "encoding": {
            "x": {"field": "b", "type": "quantitative"}, "y": {"field": "a", "type": "nominal"},
        },
    }  # fmt: skip
    figure = Figure(title=HOSTILE, chart=chart, alt=HOSTILE, note=HOSTILE)
    page = Page(findings_html(Findings(command="x", title="t", sections=[figure])))
    tags = [tag for tag, _ in page.tags]
    assert "svg" in tags
    assert "script" not in tags


def test_a_record_is_a_table_of_names_and_values() -> None:
    columns = [
        Column(name="equity", kind=MONEY),
        Column(name="maintenance_margin", kind=MONEY),
        Column(name="never", kind=MONEY),
    ]
    row = {"equity": 1_000_000, "maintenance_margin": 2_000_000, "never": None}
    page = Page(sheet_html(record("account", "Account", row, columns)))
    assert [word for word in page.words if word.strip()] == [
        "Account", "Account", "value", "equity", "1.00", "maintenance margin", "2.00",
    ]  # fmt: skip


def test_what_is_for_programs_or_empty_is_not_on_the_page() -> None:
    empty = Sheet(name="empty", title="Nothing here", rows=[], columns=[Column(name="x")])
    findings = Findings(command="x", title="t", sections=[hostile_sheet("data"), empty])
    page = Page(report_page(findings, "seawall x"))
    assert "table" not in {tag for tag, _ in page.tags}
    long = Findings(command="x", title="t", sections=[hostile_sheet("page")])
    assert "12,345*" in Page(report_page(long, "seawall x")).words
