"""Where an account comes from: the built-in example, a file, or a venue's API by address.

Here it is read and nothing more: which rules and prices it meets is decided elsewhere.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from seawall.accounts.examples import ACCOUNT, example_text
from seawall.accounts.file import AccountError, AccountSketch, parse_account, read_account
from seawall.accounts.markets import shipped_markets, venue_of
from seawall.accounts.state import sketch_of_state
from seawall.accounts.subaccounts import read_subaccounts
from seawall.domain.instrument import Instrument
from seawall.venues.known import DEFAULT_VENUE, VENUES, venue_module
from seawall.venues.public_api import PublicAnswers, PublicApi
from seawall.venues.raw_json import VenueDataError


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


def _address(text: str) -> tuple[str, str] | None:
    """(venue, address) where a venue knows the text as an address of its own. Raises Refused."""
    for venue in VENUES:
        try:
            address = venue_module(venue, "public").parse_address(text)
        except VenueDataError as error:
            raise Refused(f"ACCOUNT: {error}") from None
        if address is not None:
            return venue, address
    return None


def _by_address(venue: str, address: str, options: AccountOptions) -> AccountSource:
    for name, file in (("--meta", options.meta), ("--markets", options.markets)):
        if file is not None:
            raise Refused(f"{name}: {file}: belongs to a file; an address brings its own markets")
    public = venue_module(venue, "public")
    base = options.at or public.BASE
    try:
        api = PublicApi(base)
    except VenueDataError as error:
        raise Refused(f"--at: {error}") from None
    words = f"{address} at {api.base}"
    try:
        answers: PublicAnswers = public.account_answers(api, address)
        shipped = shipped_markets()
        own: dict[str, Instrument] = {}
        if venue == DEFAULT_VENUE:
            shipped = _open_markets(answers.markets)
            sketch, own = _pools(words, address, answers.account, shipped, is_complete=True)
        else:
            sketch, own = read_subaccounts(
                venue, words, answers.account, answers.markets, shipped, options.extra_markets
            )
    except VenueDataError as error:
        # An API that does not answer names itself; an answer that cannot be read does not.
        raise Refused(f"{error}" if api.base in str(error) else f"{words}: {error}") from None
    return AccountSource(sketch, own, shipped, venue, answers.prices, answers.funding, words)


def _of_file(path: Path, shipped: dict[str, Instrument], options: AccountOptions) -> AccountSource:
    """Our own TOML, or a venue's raw answer (.json)."""
    venue = DEFAULT_VENUE
    own: dict[str, Instrument] = {}
    data: bytes | None = None

    def read_state(file: Path) -> AccountSketch:
        nonlocal venue, data
        raw = _bytes(file)
        venue = venue_of(raw)
        if venue == DEFAULT_VENUE:
            is_complete = options.meta is not None
            sketch, found = _pools(str(file), file.stem, raw, shipped, is_complete=is_complete)
            own.update(found)
            return sketch
        data = _bytes(options.markets) if options.markets else raw
        sketch, found = read_subaccounts(
            venue, str(file), raw, data, shipped, options.extra_markets
        )
        own.update(found)
        return sketch

    try:
        sketch = read_account(path, {".json": read_state})
        public = venue_module(venue, "public")
        funding = {} if data is None else public.funding_rates(data)
    except VenueDataError as error:
        raise Refused(f"{path}: {error}") from None
    return AccountSource(sketch, own, shipped, venue, {}, funding, f"file {path}")


def _pools(
    source: str, name: str, raw: bytes, known: Mapping[str, Instrument], *, is_complete: bool
) -> tuple[AccountSketch, dict[str, Instrument]]:
    """An account with a cross pool and isolated buckets, and markets that only it tells.

    ``is_complete``: ``known`` is the venue's list, so that a position elsewhere is an error.
    Raises VenueDataError, AccountError.
    """
    decode = venue_module(DEFAULT_VENUE, "account_state").account_state
    state = decode(raw, known if is_complete else None)
    if not state.positions and not state.cross_equity():
        raise AccountError(f"{source}: has no positions and no collateral")
    own = venue_module(DEFAULT_VENUE, "explain").own_instruments(state, known)
    return sketch_of_state(source, name, state), own


def _known(meta: Path | None) -> dict[str, Instrument]:
    if meta is None:
        return shipped_markets()
    try:
        return _open_markets(_bytes(meta))
    except VenueDataError as error:
        raise Refused(f"{meta}: {error}") from None


def _open_markets(meta: bytes) -> dict[str, Instrument]:
    """The markets of the default venue's list that trade, by name. Raises VenueDataError."""
    listed = venue_module(DEFAULT_VENUE, "instruments").instruments_from_meta(meta)
    return {instrument.name: instrument for instrument in listed if not instrument.delisted}


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from None
