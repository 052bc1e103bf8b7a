"""What holding costs, at a glance."""

from seawall.domain.units import MICRO
from seawall.lab.carry.account import AccountCarry
from seawall.lab.carry.carry import break_even_move
from seawall.lab.carry.outcome import CarryOutcome, CarryTask
from seawall.lab.size.exit import HOURS_PER_DAY
from seawall.report import kinds
from seawall.report.findings import Status, Tile


def status(task: CarryTask, outcome: CarryOutcome) -> Status:
    """How far the price has to go until the position is flat."""
    held = outcome.held
    if held.hours_left is not None and held.hours_left <= held.hours[-1]:
        left = kinds.duration(3600 * held.hours_left)
        return Status(f"Funding alone liquidates it after {left}", "bad")
    move = break_even_move(task.trade, outcome.paid)
    if move <= 0:
        return Status("Holding earns", "good")
    way = "rise" if task.trade.is_long else "fall"
    return Status(f"Flat after a {way} of {kinds.percent(move)}", "caution")


def tiles(task: CarryTask, outcome: CarryOutcome) -> list[Tile]:
    """The price at which leaving is flat, and what the way there costs."""
    held, unit = outcome.held, 10.0**-task.instrument.price_decimals
    flat, end = held.last.break_even, held.last.liquidation_price
    price = kinds.price_of(task.instrument.price_decimals)
    return [
        Tile(
            title="flat at, USD", value=None if flat is None else float(flat) * unit, kind=price,
            note=f"entered at {price.text(task.trade.price * unit)}",
        ),
        Tile(
            title="costs to the end, USD", value=float(outcome.cost / MICRO), kind=kinds.USD,
            note=f"{kinds.percent(outcome.cost / held.margin)} of the margin at {task.leverage}x",
        ),
        Tile(
            title="fees and slippage, USD", kind=kinds.USD,
            value=float((outcome.entry + outcome.exit) / MICRO),
        ),
        Tile(
            title="funding paid, USD", value=outcome.paid, kind=kinds.MONEY,
            note="received where below zero",
        ),
        Tile(
            title="liquidation price in the end, USD", kind=price,
            value=None if end is None else float(end) * unit,
        ),
    ]  # fmt: skip


def account_status(carried: AccountCarry) -> Status:
    """Whether the account pays or receives, and whether that ends it."""
    left = [each.hours_left for each in carried.buckets if each.hours_left is not None]
    if 0 in left:
        return Status("Under maintenance margin", "bad")
    return Status("Pays funding", "caution") if carried.payment > 0 else (
        Status("Receives funding" if carried.payment else "No funding", "good")
    )  # fmt: skip


def account_tiles(carried: AccountCarry) -> list[Tile]:
    """Funding of the account, and how long it can pay."""
    equity = sum(each.equity for each in carried.buckets)
    a_day = HOURS_PER_DAY * carried.payment
    left = [each.hours_left for each in carried.buckets if each.hours_left is not None]
    return [
        Tile(title="equity, USD", value=equity, kind=kinds.MONEY),
        Tile(
            title="funding a day, USD", value=a_day, kind=kinds.MONEY,
            note="" if equity <= 0 else f"{kinds.percent(abs(a_day) / equity)} of equity",
        ),
        Tile(
            title="until funding alone liquidates", value=min(left, default=None),
            kind=kinds.HOURS, none="never", note="the first bucket, at these prices and rates",
        ),
    ]  # fmt: skip
