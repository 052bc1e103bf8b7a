"""An account explained: what every venue's explanation offers beside its sheets."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple, Self

from msgspec import structs

from seawall.domain.errors import InputError
from seawall.report import kinds
from seawall.report.findings import Answer, Figure, Status, Tile
from seawall.report.kinds import TEXT, VALUE
from seawall.report.sheet import Column, Sheet

CAUTION = 0.5
"""Maintenance margin over equity from which a report says that little margin is left: twice as much
as now liquidates."""


class Explanation(Answer, frozen=True, kw_only=True):
    """An account with margin and liquidation prices computed, and compared with the venue's.

    ``markets``: those with a position, as the venue names them. ``warnings``: where the computed
    figures and the venue's differ.
    """

    markets: tuple[str, ...]
    warnings: tuple[str, ...]
    shown_steps: str = ""
    """The market whose steps are shown with the account."""

    def liquidation_price(self, market: str) -> Decimal | None:
        """USD where the position of a market, or of a coin, is liquidated; None at no price."""
        raise NotImplementedError

    def with_steps(self, market: str) -> Self:
        """The same with the steps of a market shown. Raises InputError without a position."""
        if market not in self.markets:
            names = ", ".join(dict.fromkeys(self.markets)) or "no position"
            raise InputError(f"--steps: no position in {market!r}; the account holds {names}")
        return structs.replace(self, shown_steps=market)

    def step_sheets(self) -> Sequence[Sheet]:
        """The steps of the market that was asked for."""
        return self.steps(self.shown_steps) if self.shown_steps else ()

    def steps(self, market: str) -> Sequence[Sheet]:
        """How the liquidation prices of a market, or of a coin, come about."""
        raise NotImplementedError


def steps_sheet(title: str, rows: Sequence[Sequence[str]], note: str = "") -> Sheet:
    """Steps of a derivation: rows of name, formula and value, or with numbers before the value."""
    names = ["name", "formula", "numbers", "value"]
    steps = [
        dict(zip(names, [*row[:2], *([""] * (4 - len(row))), *row[2:]], strict=True))
        for row in rows
    ]
    if not any(each["numbers"] for each in steps):
        names.remove("numbers")
    kinds = {"value": VALUE}
    columns = [
        Column(name=name, kind=kinds.get(name, TEXT), title=" " if name == "name" else "")
        for name in names
    ]
    return Sheet(name="steps", title=title, rows=steps, columns=columns, note=note, on="screen")


class HeldPosition(NamedTuple):
    """A position as every venue's explanation shows it. ``size``: signed coins; prices in USD."""

    market: str
    size: float
    now: float
    entry: float | None
    profit: Fraction | None
    liquidation: float | None
    distance: Fraction | None
    taker_fee: float


def explained_status(ratios: Sequence[float]) -> Status | None:
    """How the worst pool or bucket stands, of maintenance margin over equity of each."""
    if not ratios:
        return None
    worst = max(ratios)
    if worst > 1:
        return Status("Liquidatable now", "bad")
    return Status("Little margin left", "caution") if worst >= CAUTION else (
        Status("Above maintenance margin", "good")
    )  # fmt: skip


def explained_tiles(
    equity: Fraction | None, unit: str, held: Sequence[HeldPosition], ratios: Sequence[float]
) -> list[Tile]:
    """The key figures of an account: its value, its positions, and how near liquidation is."""
    profits = [each.profit for each in held]
    notional = Fraction(sum(abs(each.size) * each.now for each in held))
    near = [each for each in held if each.distance is not None]
    nearest = min(near, key=lambda each: each.distance or Fraction(), default=None)
    status = explained_status(ratios)
    return [
        Tile(title=f"account value, {unit}", value=equity, kind=kinds.USD, none="unknown"),
        Tile(
            title="unrealized profit", kind=kinds.USD, none="unknown",
            value=None if None in profits else sum(filter(None, profits), Fraction()),
        ),
        Tile(
            title="notional of positions", kind=kinds.SHORT_USD, value=notional,
            note="" if not equity or equity <= 0
            else f"{kinds.times(notional / equity)} the account value",
        ),
        Tile(
            title="maintenance margin of equity", kind=kinds.RATIO, value=max(ratios, default=0.0),
            note="of the worst pool or bucket; liquidation above 100 %",
            style="" if status is None else status.style,
        ),
        Tile(
            title="nearest liquidation", kind=kinds.DISTANCE, none=kinds.NONE_NEAR,
            value=None if nearest is None else nearest.distance,
            note="" if nearest is None else _nearest_words(nearest),
        ),
    ]  # fmt: skip


def _nearest_words(held: HeldPosition) -> str:
    return f"{held.market} at {kinds.AVERAGE_PRICE.text(held.liquidation)}"


def profit_figures(held: Sequence[HeldPosition]) -> Iterator[Figure]:
    """Of each position whose entry is known: its profit over the price of its market."""
    from seawall.report.chart_kinds import PriceMark, break_even, profit_over_price

    for each in held:
        if each.entry is None:
            continue
        marks = [
            PriceMark("now", each.now),
            PriceMark("entry", each.entry),
            PriceMark("break-even", break_even(each.entry, each.size, each.taker_fee)),
        ]
        if each.liquidation is not None:
            marks.append(PriceMark("liquidation", each.liquidation))
        yield Figure(
            title=f"{each.market}: profit over price",
            chart=profit_over_price(
                each.size, each.entry, each.now, marks, kinds.AVERAGE_PRICE.text
            ),
            alt=f"Profit of the {each.market} position over its price, with entry, break-even and "
            "liquidation marked.",
            note="All other prices stand still. Break-even pays the taker fee of the lowest tier "
            "twice, without funding. Dashed: beyond liquidation.",
        )
