"""An account explained: what every venue's explanation offers beside its sheets."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Self

from msgspec import structs

from seawall.domain.errors import InputError
from seawall.report.findings import Answer
from seawall.report.kinds import TEXT, VALUE
from seawall.report.sheet import Column, Sheet


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
