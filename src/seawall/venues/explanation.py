"""An account explained: one object for programs, tables to read."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Protocol

from msgspec import Struct


class Sheet(Struct, frozen=True, kw_only=True):
    """A table: its first ``words`` columns are words, the others numbers. ``note`` follows it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1
    note: str = ""


class Explanation(Protocol):
    """An account with margin and liquidation prices computed, and compared with the venue's."""

    @property
    def markets(self) -> Sequence[str]:
        """The markets with a position, as the venue names them."""
        ...

    @property
    def warnings(self) -> Sequence[str]:
        """Where the computed figures and the venue's differ."""
        ...

    def liquidation_price(self, market: str) -> Decimal | None:
        """USD where the position of a market, or of a coin, is liquidated; None at no price."""
        ...

    def to_object(self) -> dict[str, Any]:
        """One JSON-ready object; money and prices as exact decimal text."""
        ...

    def sheets(self) -> Sequence[Sheet]: ...

    def notes(self) -> Sequence[str]:
        """What the figures assume."""
        ...

    def steps(self, market: str) -> Sequence[Sheet]:
        """How the liquidation prices of a market, or of a coin, come about."""
        ...


def grouped(number: str) -> str:
    """Decimal text with thousands separators."""
    sign = "-" if number.startswith("-") else ""
    whole, dot, fraction = number.removeprefix("-").partition(".")
    return f"{sign}{int(whole):,}{dot}{fraction}"
