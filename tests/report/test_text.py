"""Tables on a terminal of any width: every number whole, nothing left out without a word."""

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seawall.report.findings import Findings, Words
from seawall.report.kinds import CENTS, MONEY, MOVE, NAMES, PRICE, TEXT, Kind
from seawall.report.sheet import Column, Sheet, pivot, record
from seawall.report.text import print_findings, sheet_lines

NUMBERS = {
    "money": (MONEY, st.integers(-(10**18), 10**18)),
    "cents": (CENTS, st.integers(-(10**18), 10**18)),
    "move": (MOVE, st.floats(-0.99, 50)),
    "price": (PRICE, st.decimals("0.000001", "1000000000", places=6)),
}
NAME = st.text("abcdefgh", min_size=1, max_size=14)
WORDS = st.lists(NAME, min_size=0, max_size=6).map(" ".join)
STYLES = st.sampled_from(["bad", "good", "quiet", ""])


@st.composite
def sheets(draw: st.DrawFn) -> Sheet:
    """Any mixture of words and numbers, some columns marked, some that may be left out."""
    columns, values = [], []
    for place in range(draw(st.integers(1, 14))):
        name = draw(st.sampled_from(["words", *NUMBERS]))
        kind, value = NUMBERS.get(name, (TEXT, WORDS))
        columns.append(
            Column(
                name=f"c{place}_{draw(NAME)}",
                kind=kind,
                get=lambda row, place=place: row["cells"][place],
                drop=draw(st.integers(0, 5)),
                none="none",
                mark=(lambda row: row["mark"]) if draw(st.booleans()) else None,
            )
        )
        values.append(st.none() | value)
    row = st.fixed_dictionaries(
        {"cells": st.tuples(*values), "mark": st.sampled_from(["", "*"]), "style": STYLES}
    )
    return Sheet(
        name="any",
        title="Any",
        rows=draw(st.lists(row, min_size=1, max_size=6)),
        columns=columns,
        style=lambda row: row["style"],
        split=draw(st.booleans()),
        single=draw(st.booleans()),
    )


def whole(text: str, lines: str) -> bool:
    """Whether a number stands somewhere with nothing but blanks beside it."""
    return re.search(rf"(?<!\S){re.escape(text)}(?!\S)", lines) is not None


@given(sheet=sheets(), width=st.integers(40, 200))
@example(record("r", "R", {"x": -1}, [Column(name="x", kind=MONEY)]), 40)
def test_every_number_is_whole_or_its_column_is_named(sheet: Sheet, width: int) -> None:
    left_out: list[Column] = []
    lines = [line for line, _ in sheet_lines(sheet, width, left_out)]
    text = "\n".join(lines)
    rows = sheet.rows[:1] if sheet.single else sheet.rows
    for column in sheet.shown:
        if column in left_out:
            assert column.drop, "only what may be left out is"
            assert column.heading not in text
        elif column.kind.is_number:
            for row in rows:
                assert whole(column.text(row), text), (column.name, column.text(row))
        else:
            seen = re.sub(r"\s", "", text)
            assert all(word in seen for row in rows for word in column.text(row).split())
    numbers = [column.text(row) for column in sheet.shown for row in rows if column.kind.is_number]
    heads = max(len(column.heading) for column in sheet.shown)
    unbreakable = heads + 2 + max(24, *map(len, ["", *numbers]))
    assert max(map(len, lines), default=0) <= max(width - 2, unbreakable)


@given(sheet=sheets(), width=st.integers(40, 200))
def test_the_printed_text_names_what_is_left_out(sheet: Sheet, width: int) -> None:
    left_out: list[Column] = []
    lines = [line for line, _ in sheet_lines(sheet, width, left_out)]
    shown = printed(sheet, width)
    for line in lines:
        assert line in shown, "a line is printed as it was laid out"
    said = " ".join(shown.split())
    names = ", ".join(each.heading for each in left_out)
    assert (f"Too narrow for: {names}." in said) if left_out else "Too narrow" not in said


def printed(sheet: Sheet, width: int) -> str:
    import contextlib
    import io

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        print_findings(Findings(command="x", title="T", sections=[sheet]), width)
    return out.getvalue()


def table(columns: list[Column], rows: list[dict[str, Any]], **more: Any) -> Sheet:
    return Sheet(name="t", title="T", rows=rows, columns=columns, **more)


def lines_of(sheet: Sheet, width: int) -> list[str]:
    return [line for line, _ in sheet_lines(sheet, width)]


def test_numbers_end_below_each_other_and_words_begin_there() -> None:
    columns = [Column(name="market"), Column(name="equity", kind=MONEY)]
    rows = [{"market": "BTC", "equity": 5_000_000}, {"market": "ETH", "equity": 12_345_000_000}]
    assert lines_of(table(columns, rows), 80) == [
        "market  equity",
        "──────────────",
        "BTC       5.00",
        "ETH     12,345",
    ]


def test_the_highest_drop_goes_first() -> None:
    columns = [
        Column(name=f"column{place}", kind=MONEY, get=lambda row: 10**12, drop=drop)
        for place, drop in enumerate([0, 3, 1, 2])
    ]
    left_out: list[Column] = []
    list(sheet_lines(table(columns, [{}]), 26, left_out))
    assert [each.name for each in left_out] == ["column1", "column3"]


def test_what_fits_at_no_width_stands_row_by_row_with_all_columns() -> None:
    columns = [
        Column(name=f"c{place}", kind=MONEY, get=lambda row: row["x"] * 10**12, drop=place == 9)
        for place in range(10)
    ]
    left_out: list[Column] = []
    sheet = table(columns, [{"x": 1}, {"x": 2}], style=lambda row: "bad" if row["x"] == 2 else "")
    lines = list(sheet_lines(sheet, 40, left_out))
    assert left_out == []
    assert [line for line, _ in lines].count("") == 1, "a blank line between two rows"
    assert ("c9  2,000,000", "red") in lines


def test_a_matrix_is_split_and_each_part_repeats_its_first_column() -> None:
    rows = [
        {"move": move, "shock": shock / 100, "left": 10**11, "gone": move == "all" and shock < 0}
        for move in ("BTC", "all")
        for shock in (-30, -20, -10, 10, 20, 30)
    ]
    columns = [
        Column(name="move"),
        Column(name="shock", kind=MOVE),
        Column(name="left", kind=MONEY),
    ]
    matrix = pivot(
        table(columns, rows), name="m", title="M", index="move", across="shock", value="left",
        mark=lambda row: "*" if row["gone"] else "",
    )  # fmt: skip
    lines = lines_of(matrix, 44)
    assert [line.split()[0] for line in lines if line] == ["move", "─" * 34, "BTC", "all"] * 2
    assert sum(line.count("100,000*") for line in lines) == 3
    assert max(map(len, lines)) <= 42
    assert len(lines_of(matrix, 200)) == 4


def test_words_are_folded_and_numbers_are_not() -> None:
    columns = [Column(name="about"), Column(name="at", kind=MOVE)]
    rows = [{"about": "one two three four five six seven eight nine ten", "at": -0.25}]
    lines = lines_of(table(columns, rows), 40)
    assert len(lines) == 4
    assert lines[2].endswith("-25.00 %")


def test_a_name_longer_than_its_column_is_broken_and_stays_complete() -> None:
    name = "x" * 90
    lines = lines_of(table([Column(name="name")], [{"name": name}]), 60)
    assert "".join(lines[2:]) == name


@pytest.mark.parametrize("hostile", ["\x1b[31mred", "two\nlines", "\u202etxet", "wide 比特币"])
def test_no_name_steers_the_terminal(hostile: str) -> None:
    text = printed(table([Column(name="name"), Column(name="n", kind=NAMES)], [
        {"name": hostile, "n": [hostile]}]), 80)  # fmt: skip
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert len(text.splitlines()) == len(printed(table(
        [Column(name="name"), Column(name="n", kind=NAMES)], [{"name": "a", "n": ["a"]}]), 80)
        .splitlines())  # fmt: skip


def test_sheets_for_programs_and_pages_are_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    columns = [Column(name="x")]
    sections = [
        Sheet(name=on, title=f"On {on}", rows=[{"x": "row"}], columns=columns, on=on)
        for on in ("everywhere", "page", "screen", "data")
    ]
    empty = Sheet(name="empty", title="Empty", rows=[], columns=columns)
    print_findings(
        Findings(
            command="x",
            title="T",
            verdict=[Words("First."), Words("Danger.", is_warning=True)],
            sections=[*sections, empty],
            assumptions=["Calm."],
            seed=7,
        )
    )
    shown = capsys.readouterr().out
    assert [line for line in shown.splitlines() if "On " in line] == [
        " On everywhere",
        " On screen",
    ]
    assert "Empty" not in shown
    assert shown.index("First.") < shown.index("! Danger.") < shown.index("On everywhere")
    assert shown.endswith("Assumed\n- Calm.\nSeed 7: the same seed gives the same figures.\n")


def test_kinds_decide_what_is_a_number() -> None:
    kind = Kind(name="k", text=str, exact=str, number=str, is_number=False)
    column = Column(name="x", kind=kind)
    assert not column.kind.is_number
    folded = lines_of(table([column], [{"x": "word " * 30}]), 40)
    assert len(folded) > 3
