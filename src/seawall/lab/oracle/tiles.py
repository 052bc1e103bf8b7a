"""Published and true prices at a glance."""

from seawall.lab.oracle.question import OracleAnswer
from seawall.report import kinds
from seawall.report.findings import Status, Tile


def status(answer: OracleAnswer) -> Status:
    """Whether the published price decides what is liquidated in the crisis."""
    apart = sum(set(each.published) != set(answer.true) for each in answer.looks)
    if apart:
        return Status(f"Judged differently under {apart} of {len(answer.looks)} oracles", "caution")
    if answer.true:
        return Status("Liquidated on the true price and on every published one", "bad")
    return Status("Not liquidated on any price", "good")


def tiles(answer: OracleAnswer) -> list[Tile]:
    """The widest gap, the slowest liquidation, and the least and the most that is left."""
    widest = max(answer.looks, key=lambda each: max(each.largest_gap))
    ends = sorted(answer.looks, key=lambda each: each.outcome.end)
    return [
        Tile(
            title="largest gap between published and true price", value=max(widest.largest_gap),
            kind=kinds.SHARE, note=widest.preset.name,
        ),
        Tile(
            title="least left, by oracle, USD", value=ends[0].outcome.end, kind=kinds.MONEY,
            note=ends[0].preset.name, style="bad" if ends[0].outcome.liquidated else "",
        ),
        Tile(
            title="most left, by oracle, USD", value=ends[-1].outcome.end, kind=kinds.MONEY,
            note=ends[-1].preset.name,
        ),
    ]  # fmt: skip
