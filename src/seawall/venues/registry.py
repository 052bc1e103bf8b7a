"""The venues that ship with Seawall, so that no other room has to name one."""

from seawall.domain.errors import InputError
from seawall.venues.dydx.entry import Dydx
from seawall.venues.hyperliquid.entry import Hyperliquid
from seawall.venues.venue import Venue, Wire

DEFAULT_VENUE = "hyperliquid"
VENUES: dict[str, Venue] = {each.name: each for each in (Hyperliquid(), Dydx())}
"""By name, in the order in which they are tried."""


def venue_of_account(raw: bytes) -> Venue:
    """The venue whose account answer this is by its shape; the default where no other claims it."""
    for name, venue in VENUES.items():
        if name != DEFAULT_VENUE and venue.is_account(raw):
            return venue
    return VENUES[DEFAULT_VENUE]


def venue_named(name: str) -> Venue:
    """The venue of this name. Raises InputError for one that does not ship."""
    if name not in VENUES:
        raise InputError(f"unknown venue {name!r}; known: {', '.join(VENUES)}")
    return VENUES[name]


def wire_of(name: str) -> Wire:
    """The wire language of a venue. Raises InputError for one that has none."""
    wire = venue_named(name).wire
    if wire is None:
        known = ", ".join(each.name for each in VENUES.values() if each.wire is not None)
        raise InputError.of("", "venue", name, f"one whose wire language is spoken here: {known}")
    return wire
