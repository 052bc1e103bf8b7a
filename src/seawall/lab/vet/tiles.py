"""A venue's quality at a glance."""

from seawall.lab.vet.verdict import FAIR, GOOD, POOR, Verdict
from seawall.report.findings import Status, Tile

_STYLES = {GOOD: "good", FAIR: "caution", POOR: "bad"}


def status(verdict: Verdict) -> Status:
    """The grades in calm and in storm; the worse one decides the colour."""
    grades = {verdict.calm, verdict.storm}
    worst = next((each for each in (POOR, FAIR, GOOD) if each in grades), "")
    words = f"Calm: {verdict.calm}, storm: {verdict.storm}"
    return Status(words, _STYLES.get(worst, ""))


def tiles(verdict: Verdict) -> list[Tile]:
    """Every graded measure with its bounds."""
    return [
        Tile(
            title=f"{each.measure}, {each.state}", value=each.figure,
            note=f"{each.grade}; {each.bounds}", style=_STYLES.get(each.grade, ""),
        )
        for each in verdict.grades
    ]  # fmt: skip
