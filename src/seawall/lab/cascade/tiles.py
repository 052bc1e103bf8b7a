"""A crash of a whole market at a glance."""

from seawall.lab.cascade.question import CascadeAnswer
from seawall.lab.simulation.incidents import STAGES
from seawall.report import kinds
from seawall.report.findings import Status, Tile


def status(answer: CascadeAnswer) -> Status | None:
    """What happened to the account; None where there is none."""
    run = answer.run
    if run.own_start is None or run.own_end is None:
        return None
    if any(each.kind in STAGES for each in run.incidents):
        return Status("The account is liquidated", "bad")
    return Status("The account survives", "good")


def tiles(answer: CascadeAnswer) -> list[Tile]:
    """How deep the market falls, how much is liquidated, and what is left of the account."""
    run, without = answer.run, answer.without
    name = run.setup.markets[answer.deepest]
    found = [
        Tile(
            title=f"{name} falls", value=run.drops[answer.deepest], kind=kinds.SHARE,
            note=f"{kinds.percent(without.drops[answer.deepest])} without liquidations",
        ),
        Tile(
            title="accounts liquidated", value=int(run.is_liquidated.sum()), kind=kinds.COUNT,
            note=f"of {kinds.COUNT.text(len(run.accounts))}",
        ),
        Tile(
            title="positions liquidated", value=float(run.series.flow.sum()),
            kind=kinds.SHORT_USD,
        ),
        Tile(
            title="closed against winners", value=float(run.series.deleveraged.sum()),
            kind=kinds.SHORT_USD, note="deleveraging",
        ),
    ]  # fmt: skip
    if run.own_start is not None and run.own_end is not None:
        start, end = run.own_start.equity, run.own_end.equity
        found.append(
            Tile(
                title="the account ends with, USD", value=end, kind=kinds.MONEY,
                note=f"of {kinds.money(start)}", style="bad" if end < start else "good",
            )
        )  # fmt: skip
    return found
