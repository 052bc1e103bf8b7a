"""A sheet: rows and columns once, from which every form of a table is made."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from seawall.report.kinds import TEXT, VALUE, Kind

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

Row = Any


class Column(Struct, frozen=True):
    """One column. ``name``: its key in JSON, parquet and notebooks, and its heading unless
    ``title`` says better.

    ``get``: the value of a row, or its attributes as ``cell.move.name``; without it the row's
    attribute (or key) of that name. ``drop``: 0 for a column that is always shown; of the others
    the highest goes first where a terminal is too narrow. ``on``: ``everywhere``, ``screen``
    (people only) or ``data`` (programs only). ``none``: the text for None. ``mark``: text that is
    put behind a value for people, such as a star.
    """

    name: str
    kind: Kind = TEXT
    get: Callable[[Row], Any] | str = ""
    title: str = ""
    drop: int = 0
    on: str = "everywhere"
    none: str = ""
    mark: Callable[[Row], str] | None = None

    @property
    def heading(self) -> str:
        return self.title or self.name.replace("_", " ")

    def value(self, row: Row) -> Any:
        """The value of a row as the computation left it."""
        if callable(self.get):
            return self.get(row)
        name = self.get or self.name
        return row[name] if isinstance(row, Mapping) else attrgetter(name)(row)

    def text(self, row: Row) -> str:
        """The value as people read it."""
        value = self.value(row)
        shown = self.none if value is None else self.kind.text(value)
        return shown + (self.mark(row) if self.mark is not None else "")

    def exact(self, row: Row) -> Any:
        """The value for JSON: money and prices are exact decimal text."""
        value = self.value(row)
        return None if value is None else self.kind.exact(value)

    def number(self, row: Row) -> Any:
        """The value for a column of numbers."""
        value = self.value(row)
        return None if value is None else self.kind.number(value)


class Sheet(Struct, frozen=True):
    """A table of one kind of thing. ``name``: its key in JSON and its file in parquet.

    ``on``: ``everywhere``; ``page`` for what is too long for a terminal; ``screen`` for people
    only; ``data`` for programs only; ``tables`` for parquet and notebooks only, where JSON would be
    too long. ``single``: one row that is a record, not a table. ``style``: of a row, ``bad``,
    ``good``, ``quiet``, ``chosen`` (the row that is suggested) or nothing. ``split``: where a
    terminal is too narrow the columns are printed in parts, each behind the first column.
    """

    name: str
    title: str
    rows: Sequence[Row]
    columns: Sequence[Column]
    note: str = ""
    on: str = "everywhere"
    single: bool = False
    style: Callable[[Row], str] | None = None
    split: bool = False

    @property
    def shown(self) -> tuple[Column, ...]:
        """The columns that people see."""
        return tuple(each for each in self.columns if each.on != "data")

    @property
    def stored(self) -> tuple[Column, ...]:
        """The columns that programs see."""
        return tuple(each for each in self.columns if each.on != "screen")

    def style_of(self, row: Row) -> str:
        """``bad``, ``good``, ``quiet``, ``chosen`` or nothing."""
        return self.style(row) if self.style is not None else ""

    def texts(self, row: Row) -> list[str]:
        """The cells of a row as people read them."""
        return [each.text(row) for each in self.shown]

    def plain(self) -> Any:
        """The JSON form: a list of objects, or one object where the sheet is a record."""
        rows = [{each.name: each.exact(row) for each in self.stored} for row in self.rows]
        return rows[0] if self.single and rows else rows

    def numbers(self) -> list[dict[str, Any]]:
        """Rows as dictionaries of numbers and text, for charts."""
        return [{each.name: each.number(row) for each in self.stored} for row in self.rows]

    def to_arrow(self) -> pyarrow.Table:
        """An Arrow table; the unit of a column is in the metadata of its field."""
        import pyarrow as pa

        arrays, fields = [], []
        for each in self.stored:
            array = pa.array([each.number(row) for row in self.rows], type=_arrow_type(each.kind))
            unit = {"unit": each.kind.unit} if each.kind.unit else None
            arrays.append(array)
            fields.append(pa.field(each.name, array.type, metadata=unit))
        return pa.Table.from_arrays(arrays, schema=pa.schema(fields))

    def to_pandas(self) -> pandas.DataFrame:
        """A pandas frame. Raises ImportError where pandas is not installed."""
        return self.to_arrow().to_pandas()

    def to_polars(self) -> polars.DataFrame:
        """A polars frame. Raises ImportError where polars is not installed."""
        import polars

        frame = polars.from_arrow(self.to_arrow())
        assert isinstance(frame, polars.DataFrame)
        return frame

    def _repr_html_(self) -> str:
        from seawall.report.html import sheet_html

        return sheet_html(self)


def _arrow_type(kind: Kind) -> Any:
    import pyarrow as pa

    named = {
        "string": pa.string(), "bool": pa.bool_(), "int64": pa.int64(), "double": pa.float64(),
        "list<string>": pa.list_(pa.string()), "list<double>": pa.list_(pa.float64()),
        "timestamp[ms, UTC]": pa.timestamp("ms", tz="UTC"),
    }  # fmt: skip
    return named[kind.arrow]


def record(name: str, title: str, row: Row, columns: Sequence[Column], **more: Any) -> Sheet:
    """A sheet of one row."""
    return Sheet(name=name, title=title, rows=[row], columns=columns, single=True, **more)


def pivot(
    sheet: Sheet,
    *,
    name: str,
    title: str,
    index: str,
    across: str,
    value: str,
    mark: Callable[[Row], str] | None = None,
    style: Callable[[Sequence[Row]], str] | None = None,
    note: str = "",
    sort: Callable[[Any], Any] | None = None,
) -> Sheet:
    """A sheet's rows as a matrix for people: a row for each ``index``, a column for each
    ``across``, ``value`` in the cells. The names are those of columns of the sheet; ``sort``: the
    order of the values of ``across``, theirs of first appearance without it.
    """
    by_name = {each.name: each for each in sheet.columns}
    rows_by, head, cell = by_name[index], by_name[across], by_name[value]
    heads: list[Any] = list(dict.fromkeys(head.value(row) for row in sheet.rows))
    if sort is not None:
        heads = sorted(heads, key=sort)
    groups: dict[Hashable, dict[Hashable, Row]] = {}
    for row in sheet.rows:
        groups.setdefault(rows_by.value(row), {})[head.value(row)] = row

    def column(at: Hashable) -> Column:
        def get(cells: Mapping[Hashable, Row]) -> Any:
            return cell.value(cells[at]) if at in cells else None

        def marked(cells: Mapping[Hashable, Row]) -> str:
            return mark(cells[at]) if mark is not None and at in cells else ""

        text = head.kind.text(at)
        return Column(text, cell.kind, get, title=text, none=cell.none, mark=marked)

    def first(cells: Mapping[Hashable, Row]) -> Any:
        return rows_by.value(next(iter(cells.values())))

    return Sheet(
        name=name,
        title=title,
        rows=list(groups.values()),
        columns=[Column(index, rows_by.kind, first, rows_by.title), *map(column, heads)],
        note=note,
        on="screen",
        split=True,
        style=None if style is None else lambda cells: style(list(cells.values())),
    )


def transposed(sheet: Sheet, *, name: str, title: str, heads: str, note: str = "") -> Sheet:
    """A sheet of few rows turned round for people: a row for each column, a column for each row.

    ``heads``: the column whose values become the headings.
    """
    by_name = {each.name: each for each in sheet.columns}

    def column(row: Row) -> Column:
        heading = by_name[heads].text(row)
        return Column(name=heading, title=heading, kind=VALUE, get=lambda each: each.text(row))

    return Sheet(
        name=name,
        title=title,
        rows=[each for each in sheet.shown if each.name != heads],
        columns=[
            Column(name="figure", title=" ", get=lambda each: each.heading),
            *map(column, sheet.rows),
        ],
        note=note,
        on="screen",
    )
