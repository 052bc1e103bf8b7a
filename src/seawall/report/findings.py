"""What a command of the lab found, before it is printed, drawn or written.

A command computes one ``Findings``; the same object becomes the terminal's tables, the ``--json``
object, the HTML report and the parquet tables, so they cannot disagree.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct


class Words(Struct, frozen=True):
    """A paragraph; ``is_warning`` for what a trader must not miss."""

    text: str
    is_warning: bool = False


class Table(Struct, frozen=True, kw_only=True):
    """Cells are text ready to be read; the first ``words`` columns hold words, the others numbers.

    ``styles``: by row number, ``bad``, ``good`` or ``quiet``. ``on_paper_only``: too long for a
    terminal, shown in the report.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: int = 1
    styles: Mapping[int, str] = {}
    note: str = ""
    on_paper_only: bool = False


class Figure(Struct, frozen=True, kw_only=True):
    """A picture; only reports show it. ``alt``: what it shows, in a sentence.

    ``chart``: a Vega-Lite specification that holds its data, or an Altair chart.
    """

    title: str
    chart: Any
    alt: str
    note: str = ""


Section = Words | Table | Figure


class Findings(Struct, frozen=True, kw_only=True):
    """``plain``: the ``--json`` object. ``frames``: parquet tables, columns of equal length.

    ``assumptions``: each a sentence on what is assumed and what would change it. ``seed``: None
    where nothing is random.
    """

    command: str
    title: str
    subtitle: str
    sections: Sequence[Section]
    plain: Mapping[str, Any]
    frames: Mapping[str, Mapping[str, Any]] = {}
    assumptions: Sequence[str] = ()
    seed: int | None = None
