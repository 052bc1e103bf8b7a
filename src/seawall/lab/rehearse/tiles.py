"""A rehearsal at a glance."""

import numpy as np

from seawall.domain.units import MICRO
from seawall.lab.rehearse.rehearsal import Rehearsal
from seawall.lab.simulation.incidents import STAGES, IncidentKind, liquidation_began
from seawall.report import kinds
from seawall.report.findings import Status, Tile

_WORST = (
    (IncidentKind.BACKSTOP, "Liquidated", "bad"),
    (IncidentKind.DELEVERAGED_LOSER, "Liquidated", "bad"),
    (IncidentKind.LIQUIDATED, "Liquidated", "bad"),
    (IncidentKind.PARTLY_LIQUIDATED, "Liquidated in part", "bad"),
    (IncidentKind.LIQUIDATION_STARTED, "Below maintenance margin", "bad"),
    (IncidentKind.DELEVERAGED_WINNER, "Profit deleveraged", "caution"),
    (IncidentKind.MARGIN_WARNING, "Survives after a margin warning", "caution"),
)
"""What can happen to an account, the worst first."""


def status(result: Rehearsal) -> Status:
    """The worst that happened to the account."""
    happened = {each.kind for each in result.incidents}
    for kind, word, style in _WORST:
        if kind in happened:
            return Status(word, style)
    return Status("Survives", "good")


def tiles(result: Rehearsal) -> list[Tile]:
    """Equity at both ends and at its lowest, and what was taken. Red is a liquidation.

    What top-ups add is no gain: the change and the drawdown leave it out.
    """
    before, after = result.start.equity, result.end.equity
    equity = result.series.total_equity / MICRO
    lowest = int(equity.argmin())
    own = result.own_money / MICRO
    peaks = np.maximum.accumulate(own)
    falls = np.where(peaks > 0, 1 - own / np.where(peaks > 0, peaks, 1.0), 0.0)
    kept_of_own = after - result.added
    change = kinds.percent(kept_of_own / before - 1, 1, signed=True) if before > 0 else ""
    added = f", {kinds.money(result.added)} added" if result.added else ""
    is_liquidated = liquidation_began(result.incidents)
    taken = [each for each in result.incidents if each.kind in STAGES]
    first = f"the first at {kinds.clock(taken[0].time_ms)}" if taken else ""
    kept = float(result.untouched_equity[-1])
    return [
        Tile(title="equity at the start, USD", value=before, kind=kinds.MONEY),
        Tile(
            title="equity at the end, USD", value=after, kind=kinds.MONEY,
            style="bad" if is_liquidated else "caution" if kept_of_own < before else "good",
            note=f"{change}{added}",
        ),
        Tile(
            title="lowest equity, USD", value=float(equity[lowest]), kind=kinds.USD,
            note=kinds.clock(int(result.series.times_ms[lowest])),
        ),
        Tile(title="largest drawdown", value=float(falls.max()), kind=kinds.SHARE),
        Tile(
            title="taken by liquidation, backstop, deleveraging", value=len(taken),
            kind=kinds.COUNT, note=first,
            style="bad" if is_liquidated else "caution" if taken else "good",
        ),
        Tile(title="without liquidation it would end at, USD", value=kept, kind=kinds.USD),
    ]  # fmt: skip
