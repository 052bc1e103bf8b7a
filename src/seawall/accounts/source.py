"""Where an account comes from: the built-in example, a file, or a venue's API by address.

Here it is read and nothing more: which rules and prices it meets is decided elsewhere.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from seawall.accounts.examples import ACCOUNT, example_text
from seawall.accounts.file import AccountSketch, PositionSketch, parse_account, read_account
from seawall.accounts.markets import shipped_markets
from seawall.domain.instrument import Instrument
from seawall.domain.units import money_text
from seawall.venues.public_api import PublicApi
from seawall.venues.raw_json import VenueDataError
from seawall.venues.registry import DEFAULT_VENUE, VENUES, venue_of_account
from seawall.venues.venue import AccountAnswer, Venue

_ANSWER = ".json"
"""Suffix of a file with a venue's answer."""


class Refused(ValueError):
    """Input that only a command judges; the message names field, value and what would be right."""


class AccountOptions(NamedTuple):
    """What may be said beside the account. ``price``: wishes such as ``BTC=117000``.

    ``extra_markets``: markets wanted beside those of the account. ``at``: base URL of another API
    than the venue's own, for an address.
    """

    meta: Path | None = None
    markets: Path | None = None
    rulebook: str | None = None
    at: str | None = None
    price: Sequence[str] = ()
    extra_markets: Sequence[str] = ()


class AccountSource(NamedTuple):
    """An account as it was found. ``own``: markets as its venue lists them for it, by coin.

    ``shipped``: all other markets that are known, by coin. ``prices`` (USD) and ``funding``
    (fraction an hour that longs pay): those that the source tells, of any market. ``words``: where
    it comes from, for a report.
    """

    sketch: AccountSketch
    own: Mapping[str, Instrument]
    shipped: Mapping[str, Instrument]
    venue: str
    prices: Mapping[str, str]
    funding: Mapping[str, float]
    words: str

    def instrument(self, name: str) -> Instrument:
        """A market of the account, else a known one. Raises Refused."""
        found = self.own.get(name) or self.shipped.get(name)
        if found is not None:
            return found
        some = ", ".join(list(self.shipped)[:12]) + (" ..." if len(self.shipped) > 12 else "")
        raise Refused(
            f"{self.sketch.source}: market: {name!r} is not known here; known: {some}; --meta FILE "
            "with the venue's list of markets adds more"
        )


def read_source(account: str | None, options: AccountOptions) -> AccountSource:
    """The account of a file or an address; None: the built-in example.

    Raises Refused, AccountError.
    """
    text = "" if account is None else account
    found = None if Path(text).is_file() else _address(text)
    if found is not None:
        return _by_address(*found, options)
    if options.at is not None:
        raise Refused(f"--at: {options.at}: belongs to an account that is given by its address")
    shipped = _known(options.meta)
    if account is None:
        sketch = parse_account(example_text(ACCOUNT), ACCOUNT, "example")
        words = "the built-in example"
        return AccountSource(sketch, {}, shipped, DEFAULT_VENUE, {}, {}, words)
    return _of_file(Path(account), shipped, options)


def _address(text: str) -> tuple[Venue, str] | None:
    """The venue that knows the text as an address of its own, and the address. Raises Refused."""
    for venue in VENUES.values():
        try:
            address = venue.parse_address(text)
        except VenueDataError as error:
            raise Refused(f"ACCOUNT: {error}") from None
        if address is not None:
            return venue, address
    return None


def _by_address(venue: Venue, address: str, options: AccountOptions) -> AccountSource:
    for name, file in (("--meta", options.meta), ("--markets", options.markets)):
        if file is not None:
            raise Refused(f"{name}: {file}: belongs to a file; an address brings its own markets")
    try:
        api = PublicApi(options.at or venue.public_base)
    except VenueDataError as error:
        raise Refused(f"--at: {error}") from None
    words = f"{address} at {api.base}"
    shipped = shipped_markets()
    try:
        answers = venue.fetch_account(api, address)
        found = venue.read_account(answers.account, answers.markets, shipped, options.extra_markets)
    except VenueDataError as error:
        # An API that does not answer names itself; an answer that cannot be read does not.
        raise Refused(f"{error}" if api.base in str(error) else f"{words}: {error}") from None
    return AccountSource(
        sketch=sketch_of_answer(words, address, found),
        own=found.own_markets,
        shipped=shipped if found.listed_markets is None else found.listed_markets,
        venue=venue.name,
        prices=answers.prices,
        funding=answers.funding,
        words=words,
    )


def _of_file(path: Path, shipped: dict[str, Instrument], options: AccountOptions) -> AccountSource:
    """Our own TOML, or a venue's raw answer (.json)."""
    words = f"file {path}"
    if path.suffix != _ANSWER or not path.is_file():
        sketch = read_account(path, [_ANSWER])
        return AccountSource(sketch, {}, shipped, DEFAULT_VENUE, {}, {}, words)
    raw = _bytes(path)
    venue = venue_of_account(raw)
    market_list = options.meta if venue.market_list == "meta" else options.markets
    try:
        found = venue.read_account(
            raw,
            None if market_list is None else _bytes(market_list),
            shipped,
            options.extra_markets,
        )
    except VenueDataError as error:
        raise Refused(f"{path}: {error}") from None
    sketch = sketch_of_answer(str(path), path.stem, found)
    return AccountSource(sketch, found.own_markets, shipped, venue.name, {}, found.funding, words)


def sketch_of_answer(source: str, name: str, answer: AccountAnswer) -> AccountSketch:
    """The account of a venue's answer, as an account file would say it."""
    return AccountSketch(
        source=source,
        name=answer.name or name,
        collateral=money_text(answer.collateral),
        positions=tuple(
            PositionSketch(
                market=each.market,
                is_long=each.is_long,
                size=each.size,
                entry_notional=money_text(each.entry_notional),
                is_isolated=each.is_isolated,
                leverage=each.leverage,
                margin=None if each.margin is None else money_text(each.margin),
            )
            for each in answer.positions
        ),
        prices=answer.prices,
    )


def _known(meta: Path | None) -> dict[str, Instrument]:
    if meta is None:
        return shipped_markets()
    try:
        listed = VENUES[DEFAULT_VENUE].read_markets(_bytes(meta))
    except VenueDataError as error:
        raise Refused(f"{meta}: {error}") from None
    return {instrument.name: instrument for instrument in listed if not instrument.delisted}


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from None
