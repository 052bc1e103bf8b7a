"""The numbers of files with their sources, as every command that reads such files shows them."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from seawall.domain.sourced import Sourced
from seawall.report.sheet import Column, Sheet


class _Row(NamedTuple):
    file: str
    number: str
    of: Sourced


def sourced_sheet(
    name: str, title: str, files: Iterable[tuple[str, Mapping[str, Sourced]]]
) -> Sheet:
    """Every number of every file: a name, and its entries by dotted key."""
    return Sheet(
        name=name,
        title=title,
        rows=[_Row(file, key, each) for file, entries in files for key, each in entries.items()],
        on="page",
        columns=[
            Column("file"),
            Column("number"),
            Column("value", get=lambda row: value_text(row.of.value)),
            Column("mark", get="of.mark"),
            Column("as_of", get="of.as_of"),
            Column("source", get="of.source"),
        ],
    )


def value_text(value: Any) -> str:
    """A value of a file as people read it; rows of a table with semicolons between them."""
    if isinstance(value, list):
        between = "; " if any(isinstance(each, list) for each in value) else ", "
        return between.join(map(value_text, value))
    return f"{value:,}" if isinstance(value, int | float) else str(value)
