"""What is shown of an account that is read from a venue that runs elsewhere."""

from seawall.terminal.protocol.base import Part


class ReadInput(Part):
    """One thing that is read. ``age_ms``: None where it has not come yet; ``is_stale``: older than
    it may be, which is ``stale_after_ms``."""

    name: str
    age_ms: int | None
    stale_after_ms: int
    is_stale: bool


class Reading(Part):
    """How an account of a venue that runs elsewhere is read. ``is_live``: whether there is a
    connection now; ``troubles``: what went wrong, or is not known, and what is shown instead."""

    url: str
    is_live: bool
    inputs: tuple[ReadInput, ...]
    troubles: tuple[str, ...]


class ReportedPrice(Part):
    """The liquidation price that the venue states, None for none; by how much it is above the
    engine's at the very same marks, from 0 where the engine has none. ``agrees``: whether that is
    at most one unit of the market's prices, to which the engine's is rounded towards the mark."""

    liquidation_price: str | None
    difference: str | None
    agrees: bool


class ReportedBucket(Part):
    """What the venue states of a bucket's equity and maintenance margin, less the engine's at the
    very same marks, USD; None for what it does not state."""

    equity_difference: str | None
    maintenance_difference: str | None
