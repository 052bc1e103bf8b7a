"""Front-running at a glance."""

from seawall.lab.frontrun.question import FrontrunAnswer
from seawall.report import kinds
from seawall.report.findings import Status, Tile


def status(answer: FrontrunAnswer) -> Status:
    """Whether anything of the account itself is worth a searcher's while."""
    if any(each.found.is_done for each in answer.sandwiches):
        return Status("Worth a sandwich", "bad")
    if any(each.pays for each in answer.hunts):
        return Status("Stops worth reaching", "caution")
    return Status("Not worth a searcher's while", "good")


def tiles(answer: FrontrunAnswer) -> list[Tile]:
    """The largest cost of a sandwich, the time lost, the largest loss of a pool in one step."""
    costs = [each.found.cost for each in answer.sandwiches]
    lost = [each.lost_ms for each in answer.early if each.lost_ms is not None]
    pools = [-each.one_step.pool for each in answer.stale]
    cost = max(costs, default=None)
    return [
        Tile(
            title="a sandwich costs at most, USD", value=cost, kind=kinds.MONEY,
            style="bad" if cost else "good",
        ),
        Tile(
            title="time to add money lost to speculation", kind=kinds.SECONDS,
            value=max(lost) / 1000 if lost else None,
        ),
        Tile(
            title="a pool loses at most in one step, USD", value=max(pools, default=None),
            kind=kinds.MONEY,
        ),
    ]  # fmt: skip
