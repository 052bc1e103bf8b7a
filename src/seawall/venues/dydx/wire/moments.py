"""Times as the venue prints them."""

from datetime import UTC, datetime

from seawall.venues.raw_json import VenueDataError


def ms_of(path: str, text: str) -> int:
    """ISO time as ms since 1970. Raises VenueDataError naming ``path``."""
    try:
        return round(1000 * datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())
    except ValueError:
        raise VenueDataError(f"{path}: {text!r} must be an ISO time") from None


def iso(time_ms: int) -> str:
    """A time in ms as the wire prints it."""
    text = datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{time_ms % 1000:03d}Z"
