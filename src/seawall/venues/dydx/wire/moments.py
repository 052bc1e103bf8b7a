"""Times as the venue prints them."""

from datetime import datetime

from seawall.venues.raw_json import VenueDataError


def ms_of(path: str, text: str) -> int:
    """ISO time as ms since 1970. Raises VenueDataError naming ``path``."""
    try:
        return round(1000 * datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())
    except ValueError:
        raise VenueDataError(f"{path}: {text!r} must be an ISO time") from None
