"""A comparison of margin modes at a glance."""

import math
from collections.abc import Sequence

from seawall.lab.compare.choice import WORST, Choice, Judged, is_over_leveraged
from seawall.report import kinds
from seawall.report.findings import Status, Tile


def status(modes: Sequence[Judged], choice: Choice) -> Status:
    """Which mode is recommended, and whether the account is over-leveraged in every one."""
    words = f"recommended: {_chosen(modes, choice).title}"
    if is_over_leveraged(modes):
        return Status(f"Over-leveraged in every mode; {words}", "bad")
    return Status(words.capitalize(), "good")


def tiles(modes: Sequence[Judged], choice: Choice, target: float) -> list[Tile]:
    """What the recommended mode means, beside the account as given, the first of the modes.

    ``target``: the share of paths without a liquidation that the capital is for.
    """
    chosen, given = _chosen(modes, choice), modes[0]
    statistics, before = chosen.statistics, given.statistics
    name = chosen.name
    capital = None if chosen.capital is None or math.isinf(chosen.capital) else chosen.capital

    def beside(text: str) -> str:
        return "" if chosen is given else f"as given: {text}"

    return [
        Tile(
            title=f"{name}: worst 5 % lose, USD", value=statistics.loss.shortfalls[WORST].value,
            kind=kinds.USD, note=beside(kinds.short_usd(before.loss.shortfalls[WORST].value)),
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
            title=f"{name}: capital needed, USD", value=capital, kind=kinds.USD,
            none="none is enough",
            note=f"for {kinds.probability(target)} of paths without liquidation",
        ),
    ]  # fmt: skip


def _chosen(modes: Sequence[Judged], choice: Choice) -> Judged:
    return next(each for each in modes if each.name == choice.mode)
