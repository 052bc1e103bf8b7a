"""Two rulebooks on one journal at a glance."""

from seawall.lab.compare_rules.comparison import Comparison
from seawall.report import kinds
from seawall.report.findings import Status, Tile


def status(result: Comparison) -> Status:
    """Whether the rulebooks part."""
    if result.first is None:
        return Status("No difference", "good")
    return Status("The rulebooks part", "caution")


def tiles(result: Comparison) -> list[Tile]:
    """How many commands there are, and how many of them differ."""
    differing = result.differing
    share = kinds.percent(differing / result.commands) if result.commands else ""
    return [
        Tile(title="commands", value=result.commands, kind=kinds.COUNT),
        Tile(
            title="commands that differ", value=differing, kind=kinds.COUNT, note=share,
            style="caution" if differing else "good",
        ),
        Tile(title="accounts that are compared", value=len(result.ends), kind=kinds.COUNT),
    ]  # fmt: skip
