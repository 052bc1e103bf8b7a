"""A sheet's forms come from the same rows: JSON, numbers, Arrow, and a matrix of it."""

import sys
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from seawall.report.findings import Answer, Findings, Words
from seawall.report.kinds import COUNT, MONEY, MOVE, NAMES, RATIO, SHOCK, TIME
from seawall.report.sheet import Column, Sheet, pivot, record

ROWS = [
    {"market": "BTC", "shock": -0.2, "left": 12_345_670_000, "gone": ("cross pool",)},
    {"market": "BTC", "shock": 0.1, "left": -500_000, "gone": ()},
    {"market": "ETH_2", "shock": -0.2, "left": None, "gone": ()},
]
COLUMNS = [
    Column(name="market"),
    Column(name="shock", kind=SHOCK),
    Column(name="left", kind=MONEY, none="nothing", mark=lambda row: "*" if row["gone"] else ""),
    Column(name="gone", kind=NAMES, title="liquidated", on="data"),
    Column(name="holds", get=lambda row: f"long 1 {row['market']}", on="screen"),
]


def shocks(**more: Any) -> Sheet:
    return Sheet(name="shocks", title="Shocks", rows=ROWS, columns=COLUMNS, **more)


def test_json() -> None:
    assert shocks().plain() == [
        {"market": "BTC", "shock": -20.0, "left": "12345.67", "gone": ["cross pool"]},
        {"market": "BTC", "shock": 10.0, "left": "-0.5", "gone": []},
        {"market": "ETH_2", "shock": -20.0, "left": None, "gone": []},
    ]


def test_numbers() -> None:
    assert shocks().numbers()[0] == {
        "market": "BTC", "shock": -20.0, "left": 12345.67, "gone": ["cross pool"],
    }  # fmt: skip
    assert shocks().numbers()[2]["left"] is None


def test_people_see_other_columns_than_programs() -> None:
    sheet = shocks()
    assert [each.heading for each in sheet.shown] == ["market", "shock", "left", "holds"]
    assert sheet.texts(ROWS[0]) == ["BTC", "-20 %", "12,346*", "long 1 BTC"]
    assert sheet.texts(ROWS[2]) == ["ETH_2", "-20 %", "nothing", "long 1 ETH_2"]
    assert Column(name="margin_ratio").heading == "margin ratio"


def test_arrow_columns_have_types_and_units() -> None:
    table = shocks().to_arrow()
    assert table.schema.types == [pa.string(), pa.float64(), pa.float64(), pa.list_(pa.string())]
    units = {field.name: (field.metadata or {}).get(b"unit") for field in table.schema}
    assert units == {"market": None, "shock": b"%", "left": b"USD", "gone": None}
    assert table.column("left").to_pylist() == [12345.67, -0.5, None]


def test_where_a_value_comes_from() -> None:
    row = SimpleNamespace(size=2, cell=SimpleNamespace(move=SimpleNamespace(name="all")))
    assert Column("size", COUNT).value(row) == 2
    assert Column("move", get="cell.move.name").value(row) == "all"
    assert Column("double", COUNT, lambda row: 2 * row.size).value(row) == 4
    assert Column("equity", get="a.b").value({"a.b": 3}) == 3, "a key of a mapping"


def test_an_empty_sheet_keeps_its_types() -> None:
    columns = [Column(name="at", kind=TIME), Column(name="count", kind=COUNT)]
    empty = Sheet(name="empty", title="", rows=[], columns=columns)
    assert empty.to_arrow().schema.types == [pa.timestamp("ms", tz="UTC"), pa.int64()]
    assert empty.plain() == []


def test_infinity_is_a_number_in_arrow_and_none_in_json() -> None:
    sheet = record("bucket", "", {"ratio": float("inf")}, [Column(name="ratio", kind=RATIO)])
    assert sheet.to_arrow().column("ratio").to_pylist() == [float("inf")]
    assert sheet.plain() == {"ratio": None}


def test_a_frame_for_notebooks_is_made_of_the_arrow_table(monkeypatch: pytest.MonkeyPatch) -> None:
    class Frame:
        """Stands for the frame of a library that is no requirement."""

        def __init__(self, table: pa.Table) -> None:
            self.columns = table.column_names

    monkeypatch.setitem(sys.modules, "polars", SimpleNamespace(from_arrow=Frame, DataFrame=Frame))
    assert shocks().to_polars().columns == ["market", "shock", "left", "gone"]


def test_a_record_is_one_object() -> None:
    class Row:
        equity = 1_000_000

    sheet = record("account", "Account", Row(), [Column(name="equity", kind=MONEY)], note="Now.")
    assert (sheet.single, sheet.note) == (True, "Now.")
    assert sheet.plain() == {"equity": "1"}


def matrix(**more: Any) -> Sheet:
    return pivot(
        shocks(), name="matrix", title="Left", index="market", across="shock", value="left", **more
    )


def test_a_pivot_has_a_row_for_each_index_and_a_column_for_each_value_across() -> None:
    made = matrix(sort=lambda size: size, mark=lambda row: "*" if row["gone"] else "")
    assert [each.heading for each in made.columns] == ["market", "-20 %", "+10 %"]
    assert [made.texts(row) for row in made.rows] == [
        ["BTC", "12,346*", "-0.50"],
        ["ETH_2", "nothing", "nothing"],
    ]
    assert made.on == "screen"
    assert made.split


def test_a_pivot_keeps_names_and_order_of_first_appearance() -> None:
    by_market = pivot(
        shocks(), name="m", title="", index="shock", across="market", value="left",
        style=lambda rows: "bad" if any(row["gone"] for row in rows) else "",
    )  # fmt: skip
    assert [each.heading for each in by_market.columns] == ["shock", "BTC", "ETH_2"]
    assert [by_market.style_of(row) for row in by_market.rows] == ["bad", ""]
    assert by_market.columns[0].kind is SHOCK


class Found(Answer, frozen=True, kw_only=True):
    """An answer as a command makes it."""

    def findings(self) -> Findings:
        more = [Words("Sure."), Words("Beware.", is_warning=True), shocks(), matrix()]
        return Findings(
            command="stress", title="T", verdict=[Words("Safe.")], sections=more,
            facts={"account": "a"}, assumptions=["Calm."], seed=3,
        )  # fmt: skip


def test_an_answer_as_an_object() -> None:
    made = Found().to_dict()
    assert list(made) == ["account", "shocks", "verdict", "warnings", "assumptions", "seed"]
    assert made["verdict"] == ["Safe.", "Sure."]
    assert made["warnings"] == ["Beware."]
    assert (made["assumptions"], made["seed"]) == (["Calm."], 3)
    assert Found().sheet("shocks").plain() == made["shocks"]
    with pytest.raises(KeyError, match=r"no sheet 'none'; there are: shocks, matrix"):
        Found().sheet("none")


@pytest.mark.parametrize("kind", [MOVE, SHOCK])
def test_percent_is_not_scaled_twice(kind: Any) -> None:
    column = Column(name="x", kind=kind)
    assert (column.number({"x": 0.1}), column.exact({"x": 0.1})) == (10.0, 10.0)
