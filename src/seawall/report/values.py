"""Findings as plain values: the JSON object, the parquet tables, and text that is safe to show."""

import math
import re
import shlex
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from seawall.report.findings import Findings

# Steering characters, turns of the reading direction, and what no UTF-8 or XML document may hold.
_CONTROLS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_FILE_NAME = re.compile(r"[a-z][a-z0-9_]*")


def seawall_version() -> str:
    """The installed version, or ``unknown`` where the sources run without being installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("seawall")
    except PackageNotFoundError:
        return "unknown"


def command_text(arguments: Sequence[str]) -> str:
    """What to type to get the same again: the arguments after the program, quoted for a shell."""
    return shlex.join(["seawall", *arguments])


def readable(text: str) -> str:
    """Text without what would steer a terminal or turn the reading direction.

    Names come from venues and files; each such character is shown as the replacement character.
    """
    return _CONTROLS.sub("\ufffd", text)


def json_object(findings: Findings, command: str) -> dict[str, Any]:
    """The findings for programs, with what is needed to make them again.

    ``command``: the command line as text. Numbers that are not finite become None: JSON has none.
    """
    head = {"command": command, "version": seawall_version()}
    end = {"assumptions": list(findings.assumptions), "seed": findings.seed}
    return {**head, **plain_value(findings.plain_object()), **head, **end}


def plain_value(value: Any) -> Any:
    """Lists, dicts, text and numbers alone. Raises TypeError for what has no such form."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain_value(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(each) for each in value]
    if isinstance(value, Decimal | Path):
        return str(value)
    if hasattr(value, "tolist"):  # an array of numpy, which is not imported for its sake
        return plain_value(value.tolist())
    raise TypeError(f"{type(value).__name__} has no plain form")


def write_tables(findings: Findings, folder: Path, command: str) -> list[Path]:
    """One parquet file for each sheet, with the command, the seed and the version inside.

    Raises OSError if a file cannot be written.
    """
    import pyarrow.parquet as pq

    about = {
        "seawall_command": command,
        "seawall_version": seawall_version(),
        "seawall_seed": "" if findings.seed is None else str(findings.seed),
        "seawall_assumptions": "\n".join(findings.assumptions),
    }
    tables = {each.name: each.to_arrow() for each in findings.sheets if each.on != "screen"}
    written = []
    for name, table in tables.items():
        if not _FILE_NAME.fullmatch(name):
            raise ValueError(f"sheet {name!r} is no name of a file")
        target = folder / f"{name}.parquet"
        pq.write_table(table.replace_schema_metadata(about), target)
        written.append(target)
    return written
