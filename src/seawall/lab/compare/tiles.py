"""A comparison of margin modes at a glance."""

from seawall.lab.compare.comparison import Comparison
from seawall.lab.compare.recommendation import mode_name
from seawall.report import kinds
from seawall.report.findings import Status, Tile


def status(found: Comparison) -> Status:
    """Which mode is recommended, and whether the account is over-leveraged in every one."""
    words = f"recommended: {mode_name(found.recommended)}"
    if found.is_over_leveraged:
        return Status(f"Over-leveraged in every mode; {words}", "bad")
    return Status(words.capitalize(), "good")


def tiles(found: Comparison) -> list[Tile]:
    """What the recommended mode means, beside the account as given."""
    chosen, given = found.recommended, found.given
    statistics, before = chosen.statistics, given.statistics
    name = chosen.mode.name

    def beside(text: str) -> str:
        return "" if chosen is given else f"as given: {text}"

    return [
        Tile(
            title=f"{name}: worst 5 % lose, USD", value=statistics.loss.shortfalls[0.95].value,
            kind=kinds.USD, note=beside(kinds.short_usd(before.loss.shortfalls[0.95].value)),
        ),
        Tile(
            title=f"{name}: ruin", value=statistics.ruin.value, kind=kinds.PROBABILITY,
            note=beside(kinds.probability(before.ruin.value)) or "the risk capital is lost",
        ),
        Tile(
            title=f"{name}: without liquidation", value=1 - statistics.liquidated.value,
            kind=kinds.PROBABILITY,
            note=beside(kinds.probability(1 - before.liquidated.value)) or "of the paths",
        ),
        Tile(
            title=f"{name}: capital needed, USD", value=chosen.capital, kind=kinds.USD,
            none="none is enough",
            note=f"for {kinds.probability(found.target)} of paths without liquidation",
        ),
    ]  # fmt: skip
