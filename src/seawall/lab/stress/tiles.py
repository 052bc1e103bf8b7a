"""A stress test at a glance."""

from fractions import Fraction

from seawall.lab.simulation.names import bucket_name
from seawall.lab.stress.result import StressResult
from seawall.report import kinds
from seawall.report.findings import Status, Tile

CLOSE, NEAR = Fraction(1, 10), Fraction(1, 5)
"""A move against the account below the first is an ordinary day of many markets, below the second a
bad one: from these on a report is red and amber."""


def status(result: StressResult) -> Status:
    """How far the smallest move is that liquidates, of one market or of several.

    Of an account with orders or top-ups the move that liquidates although they act.
    """
    if any(each.is_liquidatable for each in result.buckets.values()):
        return Status("Liquidatable now", "bad")
    sizes = [each.size for each in result.boundaries]
    sizes += [each.boundary.over for each in result.joint]
    acting = ""
    if result.machine.has_orders:
        acted = [*result.with_orders.values(), *(each.with_orders for each in result.joint)]
        sizes = [None if each is None else each.over for each in acted]
        acting = ", its orders acting"
    found = [abs(each) for each in sizes if each is not None]
    if not found:
        return Status(f"No single move liquidates{acting}", "good")
    nearest = min(found)
    words = f"liquidated by a move of {kinds.percent(nearest)}{acting}"
    if nearest < CLOSE:
        return Status(f"Close: {words}", "bad")
    if nearest < NEAR:
        return Status(f"Near: {words}", "caution")
    return Status(f"Far: {words}", "good")


def tiles(result: StressResult) -> list[Tile]:
    """Equity, how near liquidation is, and how many of the shocks liquidate."""
    valuation = result.valuation
    alone = [each for each in result.boundaries if each.size is not None]
    nearest = min(alone, key=lambda each: abs(each.size or Fraction()), default=None)
    joint = [each.boundary for each in result.joint if each.boundary.over is not None]
    first = min(joint, key=lambda each: abs(each.over or Fraction()), default=None)
    liquidated = [cell for cell in result.cells if cell.liquidated]
    worst = min(result.cells, key=lambda cell: cell.left, default=None)
    bare = "; without its orders" if result.machine.has_orders else ""
    where = "" if nearest is None else (
        f"{valuation.instruments[nearest.market].name}: {bucket_name(valuation, nearest.bucket)}"
        f"{bare}"
    )  # fmt: skip
    return [
        Tile(title="equity, USD", value=result.equity, kind=kinds.MONEY),
        Tile(
            title="nearest by one market", kind=kinds.MOVE, none=kinds.NONE_NEAR,
            value=None if nearest is None else nearest.size,
            note=where,
        ),
        Tile(
            title="nearest by several at once", kind=kinds.MOVE, none=kinds.NONE_NEAR,
            value=None if first is None else first.over,
            note="" if first is None else
            f"{first.move.name}: {', '.join(bucket_name(valuation, b) for b in first.buckets)}"
            f"{bare}",
        ),
        Tile(
            title="shocks that liquidate", value=f"{len(liquidated)} of {len(result.cells)}",
            style="" if not result.cells else "bad" if liquidated else "good",
        ),
        Tile(
            title="worst shock leaves, USD", kind=kinds.MONEY,
            value=None if worst is None else worst.left,
            note="" if worst is None else
            f"{worst.move.name} {kinds.SHOCK.text(worst.size)}",
        ),
    ]  # fmt: skip
