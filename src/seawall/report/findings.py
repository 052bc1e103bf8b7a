"""What a command found, before it is printed, drawn or written.

A command computes an ``Answer``; its ``Findings`` become the terminal's tables, the ``--json``
object, the HTML report and the parquet tables, so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from seawall.report.kinds import TEXT, Kind
from seawall.report.sheet import Sheet

if TYPE_CHECKING:
    from pathlib import Path

NO_VALUES: Mapping[str, Any] = {}
NOT_CONSERVED = "Money is not conserved: this is a defect of Seawall."


class Words(Struct, frozen=True):
    """A paragraph; ``is_warning`` for what a trader must not miss."""

    text: str
    is_warning: bool = False


class Figure(Struct, frozen=True, kw_only=True):
    """A picture; only reports show it. ``alt``: what it shows, in a sentence.

    ``chart``: a Vega-Lite specification that holds its data.
    """

    title: str
    chart: Any
    alt: str
    note: str = ""


class Status(Struct, frozen=True):
    """The verdict in one word or two, for the head of a report.

    ``style``: ``bad``, ``caution``, ``good`` or nothing; the colour never stands without the word.
    """

    word: str
    style: str = ""


class Tile(Struct, frozen=True, kw_only=True):
    """A key figure at the head of a report; the sheets have it too.

    ``style``: as of ``Status``. ``note``: a few words below it. ``none``: the text for None.
    """

    title: str
    value: Any
    kind: Kind = TEXT
    note: str = ""
    style: str = ""
    none: str = "none"

    @property
    def text(self) -> str:
        """The value as people read it."""
        return self.none if self.value is None else self.kind.text(self.value)


Section = Words | Sheet | Figure


class Findings(Struct, frozen=True, kw_only=True):
    """``verdict``: sentences, the most important first. ``status`` and ``tiles``: the same at a
    glance, for the head of a report. ``sections``: sheets, figures and paragraphs in the order in
    which they are read.

    ``facts``: plain values of the JSON object beside the sheets, such as the account's name.
    ``assumptions``: each a sentence on what is assumed and what would change it. ``seed``: None
    where nothing is random.
    """

    command: str
    title: str
    subtitle: str = ""
    verdict: Sequence[Words] = ()
    status: Status | None = None
    tiles: Sequence[Tile] = ()
    sections: Sequence[Section] = ()
    facts: Mapping[str, Any] = NO_VALUES
    assumptions: Sequence[str] = ()
    seed: int | None = None

    @property
    def sheets(self) -> tuple[Sheet, ...]:
        """All sheets, in order."""
        return tuple(each for each in self.sections if isinstance(each, Sheet))

    @property
    def figures(self) -> tuple[Figure, ...]:
        """All pictures, in order."""
        return tuple(each for each in self.sections if isinstance(each, Figure))

    @property
    def words(self) -> tuple[Words, ...]:
        """All sentences, in order."""
        return (*self.verdict, *(each for each in self.sections if isinstance(each, Words)))

    def sheet(self, name: str) -> Sheet:
        """The sheet of a name. Raises KeyError naming those that there are."""
        for each in self.sheets:
            if each.name == name:
                return each
        raise KeyError(f"no sheet {name!r}; there are: {', '.join(s.name for s in self.sheets)}")

    def plain_object(self) -> dict[str, Any]:
        """The JSON object without what ``deliver`` adds: facts, then each sheet by name."""
        made = dict(self.facts)
        sheets = [each for each in self.sheets if each.on not in ("screen", "tables")]
        made |= {each.name: each.plain() for each in sheets}
        made["verdict"] = [each.text for each in self.words if not each.is_warning]
        made["warnings"] = [each.text for each in self.words if each.is_warning]
        return made


class Answer(Struct, frozen=True, kw_only=True):
    """The result of a question. A subclass says what was computed; ``findings`` shows it."""

    def findings(self) -> Findings:
        """The result as sheets, figures and sentences."""
        raise NotImplementedError

    @property
    def is_conserved(self) -> bool:
        """Whether the money of every simulation adds up; a command exits with 1 where not."""
        return True

    @property
    def sheets(self) -> tuple[Sheet, ...]:
        """All sheets, in order."""
        return self.findings().sheets

    def sheet(self, name: str) -> Sheet:
        """One sheet by name. Raises KeyError naming those that there are."""
        return self.findings().sheet(name)

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints, without the command line."""
        from seawall.report.values import plain_value

        found = self.findings()
        plain: dict[str, Any] = plain_value(found.plain_object())
        return plain | {"assumptions": list(found.assumptions), "seed": found.seed}

    def save_report(self, path: str | Path) -> None:
        """Write the HTML report. Raises OSError."""
        from pathlib import Path

        from seawall.report.html import report_page

        Path(path).write_text(report_page(self.findings(), "seawall"), encoding="utf-8")

    def show(self) -> None:
        """Print the tables to the terminal."""
        from seawall.report.text import print_findings

        print_findings(self.findings())

    def _repr_html_(self) -> str:
        from seawall.report.html import findings_html

        return findings_html(self.findings())
