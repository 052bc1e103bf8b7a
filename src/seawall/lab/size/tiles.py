"""A size and a leverage at a glance."""

from fractions import Fraction

from seawall.domain.units import from_units
from seawall.lab.size.advice import Advice, SizeTask
from seawall.report import kinds
from seawall.report.findings import Status, Tile


def status(task: SizeTask, advice: Advice) -> Status:
    """The advised leverage, or that nothing should be traded."""
    if advice.loss is None:
        return Status("Do not trade this", "bad")
    whole = kinds.times(Fraction(advice.notional(task), task.equity))
    if advice.hours > task.horizon_hours:
        return Status(f"At most {whole} the equity, slow to leave", "caution")
    return Status(f"At most {whole} the equity", "good")


def tiles(task: SizeTask, advice: Advice) -> list[Tile]:
    """Size, what a wrong trade costs, leverage and how long it takes to leave."""
    loss, notional = advice.loss, advice.notional(task)
    size = from_units(advice.size, task.instrument.size_decimals)
    return [
        Tile(
            title="hold at most, USD", value=notional, kind=kinds.MONEY,
            note=f"{size} {task.instrument.name} {task.trade.side_name}",
        ),
        Tile(
            title="what decides", value=advice.deciding.name, note=advice.deciding.reason,
        ),
        Tile(
            title="if it is wrong it costs, USD", value=None if loss is None else loss.total,
            kind=kinds.MONEY,
            note="" if loss is None
            else f"{kinds.percent(Fraction(loss.total, task.equity))} of equity",
        ),
        Tile(
            title="leverage to hold it at", value=advice.setting, kind=kinds.TIMES,
            note=f"the venue allows {kinds.times(advice.by_tiers)}",
        ),
        Tile(
            title="time to leave", value=float(advice.hours), kind=kinds.HOURS,
            note=f"at {kinds.short_percent(task.participation)} of the volume",
            style="caution" if advice.hours > task.horizon_hours else "",
        ),
    ]  # fmt: skip
