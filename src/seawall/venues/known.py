"""Which venues ship with Seawall, so that no other room has to name one."""

from importlib import import_module
from types import ModuleType

DEFAULT_VENUE = "hyperliquid"
VENUES = ("hyperliquid",)


def venue_module(venue: str, part: str) -> ModuleType:
    """The module ``part`` of a shipped venue, imported when asked for.

    Raises ValueError for a venue that does not ship.
    """
    if venue not in VENUES:
        raise ValueError(f"unknown venue {venue!r}; known: {', '.join(VENUES)}")
    return import_module(f"seawall.venues.{venue}.{part}")
