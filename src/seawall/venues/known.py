"""Which venues ship with Seawall, so that no other room has to name one."""

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

DEFAULT_VENUE = "hyperliquid"
VENUES = ("hyperliquid", "dydx")


def venue_module(venue: str, part: str) -> ModuleType:
    """The module ``part`` of a shipped venue, imported when asked for.

    Raises ValueError for a venue that does not ship, and for a part that this venue does not have.
    """
    if venue not in VENUES:
        raise ValueError(f"unknown venue {venue!r}; known: {', '.join(VENUES)}")
    name = f"seawall.venues.{venue}.{part}"
    if not part.isidentifier() or find_spec(name) is None:
        having = [
            other
            for other in VENUES
            if part.isidentifier() and find_spec(f"seawall.venues.{other}.{part}") is not None
        ]
        known = f"; venues that have it: {', '.join(having)}" if having else ""
        raise ValueError(f"{venue} has no part {part!r}{known}")
    return import_module(name)
