"""The crises of the past at a glance."""

from collections.abc import Sequence

from seawall.lab.crises.trial import Outcome, best_and_worst
from seawall.report import kinds
from seawall.report.findings import Status, Tile


def status(outcomes: Sequence[Outcome]) -> Status | None:
    """In how many of the runs something is liquidated."""
    if not outcomes:
        return None
    hit = sum(bool(each.liquidated) for each in outcomes)
    if not hit:
        return Status(f"Survives all {len(outcomes)} runs", "good")
    style = "bad" if 2 * hit > len(outcomes) else "caution"
    return Status(f"Liquidated in {hit} of {len(outcomes)} runs", style)


def tiles(outcomes: Sequence[Outcome]) -> list[Tile]:
    """What is there, what the worst run leaves, and each mode by its worst.

    Red is a liquidation.
    """
    if not outcomes:
        return []
    _, worst = best_and_worst(outcomes)
    found = [
        Tile(
            title="equity at the start, USD", value=outcomes[0].start, kind=kinds.MONEY,
        ),
        Tile(
            title="worst run leaves, USD", value=worst.end, kind=kinds.MONEY,
            style="bad" if worst.liquidated else "",
            note=f"{worst.crisis}, {worst.mode}",
        ),
    ]  # fmt: skip
    for mode in dict.fromkeys(each.mode for each in outcomes):
        mine = [each for each in outcomes if each.mode == mode]
        hit = sum(bool(each.liquidated) for each in mine)
        least = best_and_worst(mine)[1].end
        found.append(
            Tile(
                title=f"{mode}: runs with a liquidation", value=f"{hit} of {len(mine)}",
                style="bad" if hit else "good",
                note=f"the worst leaves {kinds.money(least)} USD",
            )
        )  # fmt: skip
    return found
