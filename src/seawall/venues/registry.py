"""The venues that ship with Seawall, so that no other room has to name one."""

from typing import TYPE_CHECKING

from seawall.domain.errors import InputError
from seawall.venues.dydx.entry import Dydx
from seawall.venues.hyperliquid.entry import Hyperliquid
from seawall.venues.venue import Venue, Wire

if TYPE_CHECKING:
    from seawall.venues.gateway_port import Gateway
    from seawall.venues.public_stream import PublicReader

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


def gateway_of(name: str) -> "Gateway":
    """The way to running accounts of a venue. Raises InputError for one that has none."""
    gateway = venue_named(name).gateway
    if gateway is None:
        known = ", ".join(each.name for each in VENUES.values() if each.gateway is not None)
        raise InputError.of("", "venue", name, f"one with running accounts: {known}")
    return gateway


def followed_names() -> list[str]:
    """The names of the venues whose public streams can be followed."""
    return [name for venue in VENUES.values() for name in venue.followed_bases]


def public_reader(text: str) -> "PublicReader | None":
    """A reader of the public streams of a venue by its name, or by the URL of one that speaks the
    default wire language; None for text that is neither.

    Raises VenueDataError for a URL that cannot be used.
    """
    for venue in VENUES.values():
        if text in venue.followed_bases:
            return wire_of(venue.name).public_reader(venue.followed_bases[text])
    if "://" not in text:
        return None
    base = text.rstrip("/").removesuffix("/ws")
    for of_stream, plain in (("ws://", "http://"), ("wss://", "https://")):
        if base.startswith(of_stream):
            base = plain + base.removeprefix(of_stream)
    return wire_of(DEFAULT_VENUE).public_reader(base)
