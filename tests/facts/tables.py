"""Facts as text: JSON in which equal rows are tables and a source is written once."""

import json
from pathlib import Path
from typing import Any

Fact = Any


def packed(value: Fact) -> Any:
    """Lists of records with the same keys as ``{"columns": [...], "rows": [...]}``."""
    if isinstance(value, dict):
        return {name: packed(part) for name, part in value.items()}
    if not isinstance(value, list):
        return value
    if len(value) > 1 and all(
        isinstance(row, dict) and list(row) == list(value[0]) for row in value
    ):
        rows = [[packed(part) for part in row.values()] for row in value]
        return {"columns": list(value[0]), "rows": rows}
    return [packed(part) for part in value]


def unpacked(value: Any) -> Fact:
    """The inverse of ``packed``."""
    if isinstance(value, list):
        return [unpacked(part) for part in value]
    if not isinstance(value, dict):
        return value
    if list(value) == ["columns", "rows"]:
        columns = value["columns"]
        return [
            {name: unpacked(part) for name, part in zip(columns, row, strict=True)}
            for row in value["rows"]
        ]
    return {name: unpacked(part) for name, part in value.items()}


def text_of(value: Any, indent: str = "") -> str:
    """JSON, a line for each row of a table and for each part that fits into one."""
    line = json.dumps(value)
    if len(line) + len(indent) <= 100 or not isinstance(value, dict | list) or not value:
        return line
    deeper = indent + " "
    if isinstance(value, list):
        parts = [text_of(part, deeper) if isinstance(part, dict) else json.dumps(part)
                 for part in value]  # fmt: skip
        opening, closing = "[]"
    else:
        parts = [f"{json.dumps(name)}: {text_of(part, deeper)}" for name, part in value.items()]
        opening, closing = "{}"
    return f"{opening}\n{deeper}" + f",\n{deeper}".join(parts) + f"\n{indent}{closing}"


def write(path: Path, facts: Fact) -> None:
    path.write_text(text_of(packed(facts)) + "\n")


def read(path: Path) -> Fact:
    return unpacked(json.loads(path.read_text()))
