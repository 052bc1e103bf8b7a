"""The words of an option: what it is, and a position in it."""

from enum import IntEnum, unique

from msgspec import Struct

DAYS_PER_YEAR = 365
"""Of option years."""
YEAR_MS = DAYS_PER_YEAR * 86_400_000


@unique
class OptionKind(IntEnum):
    """What its holder may do at expiry: buy, or sell, at the strike."""

    CALL = 1
    PUT = 2


class OptionPosition(Struct, frozen=True, kw_only=True):
    """European, settled in USD at expiry. ``market``: the underlying, by its instrument's index.

    ``strike``, ``forward``, ``entry``: USD as exact decimal text; ``forward``: None for the price
    of the market; ``entry``: the premium of one coin, None for its value now. ``expiry_ms``: since
    1970, UTC. ``signed_size``: in the market's units. ``volatility``: implied, a fraction a year as
    decimal text, None for that of a surface.
    """

    market: int
    kind: OptionKind
    strike: str
    expiry_ms: int
    signed_size: int
    volatility: str | None = None
    forward: str | None = None
    entry: str | None = None

    @property
    def is_call(self) -> bool:
        return self.kind == OptionKind.CALL
