"""Where the findings of a command go: the terminal or ``--json``, ``--report``, ``--parquet``."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from seawall.domain.errors import InputError
from seawall.report.findings import Findings
from seawall.report.text import print_findings
from seawall.report.values import command_text, json_object, readable, write_tables

REPORT_ENDINGS = (".html", ".htm")


class OutputError(InputError):
    """A file or folder that cannot be written; the text names the option and the path."""


class OutputOptions(NamedTuple):
    """What a command was asked to leave besides its tables."""

    json: bool = False
    report: Path | None = None
    parquet: Path | None = None
    png: Path | None = None
    """A picture of the first figure."""


def check_outputs(options: OutputOptions) -> None:
    """See that files and folders can be written, before long work and not after it.

    Nothing is made: a run that is refused or interrupted leaves nothing. Raises OutputError.
    """
    if options.report is not None:
        if options.report.suffix.lower() not in REPORT_ENDINGS:
            raise OutputError(f"--report: {options.report}: a report is HTML, name it FILE.html")
        if options.report.is_dir():
            raise OutputError(f"--report: {options.report}: is a folder, name a file in it")
        _check_folder("--report", options.report, options.report.parent)
    if options.parquet is not None:
        if options.parquet.exists() and not options.parquet.is_dir():
            raise OutputError(f"--parquet: {options.parquet}: is a file, name a folder")
        _check_folder("--parquet", options.parquet, options.parquet)
    if options.png is not None:
        _check_folder("--png", options.png, options.png.parent)


def deliver(findings: Findings, options: OutputOptions) -> None:
    """Print the tables or the JSON object, then write the report, the tables and the picture.

    A reader that closes standard output early, or a full device behind it, loses none of the files.
    With ``--json`` standard output holds exactly one object; warnings and the names of written
    files go to standard error. Raises OutputError if a file cannot be written, and OSError where
    nothing can be printed.
    """
    command = command_text(sys.argv[1:])
    try:
        _printed(findings, options, command)
    except (OSError, SystemExit):
        # At a closed pipe Rich ends the process.
        list(_written(findings, options, command))
        raise
    for line in list(_written(findings, options, command)):
        print(line, file=sys.stderr if options.json else sys.stdout)


def _printed(findings: Findings, options: OutputOptions, command: str) -> None:
    if not options.json:
        print_findings(findings)
        return
    print(json.dumps(json_object(findings, command), indent=2, allow_nan=False))
    for each in findings.words:
        if each.is_warning:
            print(f"warning: {readable(each.text)}", file=sys.stderr)


def _check_folder(option: str, target: Path, folder: Path) -> None:
    """Whether the folder is there, or can be made in the nearest one that is."""
    place = target if target.exists() else folder
    try:
        while not place.exists():
            place = place.parent
    except OSError as error:
        raise OutputError(f"{option}: {target}: {error.strerror}") from None
    if place != target and not place.is_dir():
        raise OutputError(f"{option}: {target}: {place} is no folder")
    if not os.access(place, os.W_OK):
        raise OutputError(f"{option}: {target}: cannot be written")


def _written(findings: Findings, options: OutputOptions, command: str) -> Iterator[str]:
    """Write what was asked for; a line for each file."""
    if options.report is not None:
        from seawall.report.html import report_page

        page = report_page(findings, command)
        with _writing("--report", options.report, options.report.parent):
            options.report.write_text(page, encoding="utf-8")
        yield f"Report: {options.report}"
    if options.parquet is not None:
        with _writing("--parquet", options.parquet, options.parquet):
            files = write_tables(findings, options.parquet, command)
        yield from (f"Table: {file}" for file in files)
    if options.png is not None and findings.figures:
        from seawall.report.svg import png_bytes

        figure = findings.figures[0]
        picture = png_bytes(figure.chart, figure.title, figure.note)
        with _writing("--png", options.png, options.png.parent):
            options.png.write_bytes(picture)
        yield f"Picture: {options.png}"


@contextmanager
def _writing(option: str, target: Path, folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise OutputError(f"{option}: {target}: {error.strerror or error}") from None
