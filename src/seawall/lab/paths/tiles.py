"""Many paths at a glance."""

import numpy as np

from seawall.lab.paths.question import PathsResult
from seawall.lab.paths.statistics import PathStatistics
from seawall.report import kinds
from seawall.report.findings import Status, Tile

HIGH, NOTABLE = 0.1, 0.01
"""Probabilities of liquidation from which a report is red and amber."""


def status(result: PathsResult) -> Status:
    """How probable ruin is where ``--ruin`` says what is accepted, and else a liquidation; judged
    by the whole confidence interval."""
    low, high = result.liquidated.interval
    words = f"liquidated on {kinds.probability(result.liquidated.value)} of the paths"
    least, most = NOTABLE, HIGH
    if result.search is not None:
        ruin = result.statistics.ruin
        least = most = result.search.accepted
        (low, high), words = ruin.interval, f"ruin on {kinds.probability(ruin.value)} of the paths"
    return graded(words, low, high, least, most)


def graded(
    words: str, low: float, high: float, least: float = NOTABLE, most: float = HIGH
) -> Status:
    """What an interval of a probability says: low risk to ``least``, high above ``most``."""
    if high <= least:
        return Status(f"Low risk: {words}", "good")
    if low > most:
        return Status(f"High risk: {words}", "bad")
    return Status(f"Some risk: {words}", "caution")


def loss_tiles(statistics: PathStatistics, risk_capital: float) -> list[Tile]:
    """Ruin, and the mean loss of the worst 5 %."""
    equity, worst = statistics.start_equity, statistics.loss.shortfalls[0.95].value
    return [
        Tile(
            title="ruin", value=statistics.ruin.value, kind=kinds.PROBABILITY,
            note=f"lost: {kinds.short_percent(risk_capital)} of the equity",
        ),
        Tile(
            title="worst 5 % lose, USD", value=worst, kind=kinds.USD,
            note=f"{kinds.percent(worst / equity, 1)} of equity" if equity > 0 else "",
        ),
    ]  # fmt: skip


def time_tile(statistics: PathStatistics) -> Tile:
    return Tile(
        title="median time to liquidation", value=statistics.median_hours, kind=kinds.HOURS,
        note="of the paths that have one",
    )  # fmt: skip


def tiles(result: PathsResult) -> list[Tile]:
    """Probability, losses, drawdown and leverage."""
    statistics, fan = result.statistics, result.fan
    median = statistics.loss.quantiles[0.5].value
    drawdowns = fan.drawdown[:, -1]
    found = None if result.search is None else result.search.leverage
    return [
        Tile(
            title="probability of a liquidation", value=result.liquidated.value,
            kind=kinds.PROBABILITY,
            note=f"{kinds.interval(kinds.PROBABILITY).text(result.liquidated.interval)}, 95 %",
        ),
        *loss_tiles(statistics, result.setup.limits.risk_capital),
        Tile(title="median loss, USD", value=median, kind=kinds.USD, note="a gain is below zero"),
        Tile(
            title="largest drawdown, median", value=float(np.median(drawdowns)), kind=kinds.SHARE,
            note=f"5 % of paths have {kinds.percent(float(np.quantile(drawdowns, 0.95)), 1)} "
            "or more",
        ),
        time_tile(statistics),
        Tile(
            title="leverage now", value=result.leverage, kind=kinds.TIMES, none="no equity",
            note="" if found is None else f"within the accepted risk: {kinds.times(found)}",
        ),
    ]  # fmt: skip
