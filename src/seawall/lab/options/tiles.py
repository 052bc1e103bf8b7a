"""An account of perpetuals and options at a glance."""

from typing import NamedTuple

from seawall.lab.options.question import OptionsResult
from seawall.report import kinds
from seawall.report.findings import Status, Tile

CLOSE, NEAR = 0.1, 0.2
"""A move of the price below the first is an ordinary day, below the second a bad one."""


class Nearest(NamedTuple):
    """The liquidation price nearest to the price now; USD."""

    market: str
    now: float
    price: float


def nearest(result: OptionsResult) -> Nearest | None:
    """Of all markets, under the preset that asks most; None where no price liquidates."""
    found = []
    for name, each in result.now[result.strictest].liquidation.items():
        spot = result.held.portfolios[name].spot
        price = each.nearest(spot)
        if price is not None:
            found.append(Nearest(name, spot, price))
    return min(found, key=lambda each: abs(each.price / each.now - 1), default=None)


def status(result: OptionsResult) -> Status:
    """How far a price has to go until the account is liquidated."""
    if result.now[result.strictest].total.is_liquidatable:
        return Status("Liquidatable now", "bad")
    found = nearest(result)
    if found is None:
        return Status("No price liquidates", "good")
    move = abs(found.price / found.now - 1)
    words = f"liquidated by a move of {kinds.percent(move)}"
    if move < CLOSE:
        return Status(f"Close: {words}", "bad")
    return Status(f"Near: {words}", "caution") if move < NEAR else Status(f"Far: {words}", "good")


def tiles(result: OptionsResult) -> list[Tile]:
    """Equity, requirement, what pooling saves, and the nearest liquidation prices."""
    now, pool = result.now[result.strictest], result.pooled[result.strictest]
    found = nearest(result)
    naked = [
        each for each in result.deleveraged
        if each.share == 1 and each.rule.name == now.rule.name
    ]  # fmt: skip
    made = [
        Tile(title="equity, USD", value=now.total.equity, kind=kinds.USD),
        Tile(
            title="initial margin, USD", value=now.total.initial, kind=kinds.USD,
            note=now.rule.preset.title,
        ),
        Tile(title="pooling saves, USD", value=pool.saved, kind=kinds.USD,
             note="against each leg for itself"),
        Tile(
            title="nearest liquidation, USD", kind=kinds.AVERAGE_PRICE,
            value=None if found is None else found.price,
            note="" if found is None else f"{found.market} is at "
            f"{kinds.AVERAGE_PRICE.text(found.now)}",
        ),
    ]  # fmt: skip
    for each in naked[:1]:
        end = each.liquidation.nearest(result.held.portfolios[each.market].spot * (1 + each.move))
        made.append(
            Tile(
                title="with the perpetual deleveraged, USD",
                kind=kinds.AVERAGE_PRICE,
                value=end,
                note=f"liquidation price after {kinds.percent(each.move, signed=True)}",
            )
        )
    return made
