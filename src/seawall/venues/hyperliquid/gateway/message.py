"""Single fields of messages and answers about an account."""

from contextlib import suppress

from msgspec import Raw, Struct

from seawall.venues.raw_json import VenueDataError, decode


class _Time(Struct):
    time: int | None = None


class _OfDex(Struct):
    dex: str | None = None


class _OfSnapshot(Struct, rename="camel"):
    is_snapshot: bool = False


def part_of(data: bytes, channel: str, name: str) -> bytes:
    """One field of a message. Raises VenueDataError."""
    found = decode(dict[str, Raw], data, channel)
    if name not in found:
        raise VenueDataError(f"{channel}.{name}: missing")
    return bytes(found[name])


def time_of(state: bytes | None) -> int | None:
    """The venue's time that an answer states."""
    if state is None:
        return None
    with suppress(VenueDataError):
        return decode(_Time, state).time
    return None


def without_time(state: bytes | None) -> dict[str, bytes]:
    if state is None:
        return {}
    fields = decode(dict[str, Raw], state, "clearinghouseState")
    return {name: bytes(value) for name, value in fields.items() if name != "time"}


def dex_of_orders(data: bytes) -> str:
    """The dex whose open orders a message has; empty for the main one. Raises VenueDataError."""
    return decode(_OfDex, data, "openOrders").dex or ""


def is_snapshot_of(data: bytes, channel: str) -> bool:
    """Whether a message says what was there before the subscription. Raises VenueDataError."""
    return decode(_OfSnapshot, data, channel).is_snapshot
