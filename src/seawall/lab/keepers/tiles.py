"""Keepers at a glance."""

from seawall.lab.keepers.liquidation import Party
from seawall.lab.keepers.question import KeepersAnswer
from seawall.report import kinds
from seawall.report.findings import Status, Tile


def status(answer: KeepersAnswer) -> Status:
    """Whether keepers come."""
    hit = [each for each in answer.trials if each.began]
    if not hit:
        return Status("Not liquidatable", "good")
    none = sum(each.untouched for each in hit)
    if none:
        return Status(f"No keeper in {none} of {sum(each.began for each in hit)} trials", "bad")
    return Status("Liquidated by keepers in every trial", "caution")


def tiles(answer: KeepersAnswer) -> list[Tile]:
    """What lenders lose at most, what keepers gain at most, gas at its peak."""
    hit = [each for each in answer.trials if each.began]
    if not hit:
        return []
    lost = min(hit, key=lambda each: each.mean(Party.LENDERS))
    gained = max(hit, key=lambda each: each.mean(Party.KEEPERS))
    return [
        Tile(
            title="largest loss of lenders, USD", value=-lost.mean(Party.LENDERS),
            kind=kinds.MONEY, note=lost.mechanism,
            style="bad" if lost.mean(Party.LENDERS) < 0 else "good",
        ),
        Tile(
            title="keepers gain at most, USD", value=gained.mean(Party.KEEPERS),
            kind=kinds.MONEY, note=gained.mechanism,
        ),
        Tile(
            title="gas at its highest, gwei", value=max(gwei for _, gwei in answer.gas_minutes),
            kind=kinds.FIGURE, note=answer.gas.name,
        ),
    ]  # fmt: skip
