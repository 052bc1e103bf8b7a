"""An account read by its address from its venue's public API, or from a running sandbox."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from seawall.accounts.answer import VenueAnswer
from seawall.domain.errors import InputError
from seawall.venues.raw_json import VenueDataError
from seawall.venues.registry import VENUES
from seawall.venues.venue import Venue

if TYPE_CHECKING:
    from seawall.venues.public_api import PublicAnswers


class Fetched(NamedTuple):
    """What a venue answers about an address now. ``prices``: USD by market; ``funding``: the
    fraction of notional that longs pay an hour, by market."""

    answer: VenueAnswer
    address: str
    prices: Mapping[str, str]
    funding: Mapping[str, float]


def known_address(text: str) -> tuple[Venue, str] | None:
    """The venue whose address the text is, and its usual form; None for what is no address.

    Raises InputError for an address with a mistake.
    """
    for venue in VENUES.values():
        try:
            address = venue.parse_address(text)
        except VenueDataError as error:
            raise InputError(f"ACCOUNT: {error}") from None
        if address is not None:
            return venue, address
    return None


def fetch_account(venue: Venue, address: str, at: str | None = None) -> Fetched:
    """The account of an address. ``at``: base URL of another API than the venue's own.

    Raises InputError.
    """
    # HTTP takes longer to import than a file takes to read.
    from seawall.venues.public_api import PublicApi

    try:
        api = PublicApi(at or venue.public_base)
    except VenueDataError as error:
        raise InputError(f"--at: {error}") from None
    source = f"{address} at {api.base}"
    try:
        found = venue.fetch_account(api, address)
    except VenueDataError as error:
        # An API that does not answer names itself; an answer that cannot be read does not.
        raise InputError(f"{error}" if api.base in str(error) else f"{source}: {error}") from None
    return fetched_of(venue.name, address, source, found)


def fetched_of(venue: str, address: str, source: str, answers: "PublicAnswers") -> Fetched:
    """What a venue has answered, as an account is read from it. ``source``: for errors."""
    answer = VenueAnswer(
        venue=venue,
        raw=answers.account,
        source=source,
        market_list=answers.markets,
        list_source=source,
    )
    return Fetched(answer, address, answers.prices, answers.funding)
