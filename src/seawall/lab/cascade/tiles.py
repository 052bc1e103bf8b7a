"""A crash of a whole market at a glance."""

from seawall.lab.cascade.question import CascadeAnswer
from seawall.lab.simulation.incidents import IncidentKind
from seawall.report import kinds
from seawall.report.findings import Status, Tile


def status(answer: CascadeAnswer) -> Status | None:
    """What happened to the account; None where there is none."""
    run = answer.run
    if run.own_start is None or run.own_end is None:
        return None
    if run.is_own_liquidated:
        return Status("The account is liquidated", "bad")
    if any(each.kind == IncidentKind.DELEVERAGED_WINNER for each in run.incidents):
        return Status("The account survives, and is deleveraged as a winner", "caution")
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
                note=f"of {kinds.money(start + run.added)}",
                style="bad" if run.is_own_liquidated else "caution" if run.own_loss > 0 else "good",
            )
        )  # fmt: skip
    return found
