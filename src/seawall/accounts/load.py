"""Loading an account: from a file, a venue's own answer, an address, or the built-in example."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from seawall.accounts.account import Account
from seawall.accounts.address import Fetched, fetch_account, fetched_of, known_address
from seawall.accounts.answer import VenueAnswer, text_of_answer
from seawall.accounts.examples import ACCOUNT, example_text
from seawall.accounts.file import AccountText, parse_account
from seawall.accounts.holdings import holdings_of
from seawall.accounts.markets import markets_under, shipped_markets
from seawall.accounts.prices import (
    Price,
    exact_prices,
    nearest_price,
    parsed_prices,
    sample_prices,
)
from seawall.domain.errors import InputError
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook
from seawall.domain.units import from_units
from seawall.venues.raw_json import VenueDataError
from seawall.venues.registry import DEFAULT_VENUE, VENUES, venue_of_account
from seawall.venues.rulebook_file import load_rulebook
from seawall.venues.venue import Venue

if TYPE_CHECKING:
    from seawall.venues.public_api import PublicAnswers

__all__ = ["AccountOptions", "Source", "load_account", "load_answer"]

Source = str | Path | bytes | None
"""A file's or a folder's name, an address, or a text itself (our TOML or a venue's answer); None:
the example."""
_ANSWER, _OURS = ".json", ".toml"
_GIVEN = "account"
"""Name of an account that comes as bytes."""
_ENTRY = "the entry of the position"
_EXAMPLE = "the built-in example"
_SHOWN = 12
"""Of the known markets, named where one is not known."""


class AccountOptions(NamedTuple):
    """What may be said beside the account.

    ``rulebook``: one by name or file, or itself; its venue's own if None. ``price``: prices now,
    such as ``BTC=117000``, or by market. ``venue``: whose answer it is; its shape says it if None.
    ``meta``, ``markets``: files with a venue's list of markets. ``at``: base URL of another API
    than the venue's own, for an address. ``extra_markets``: wanted beside those of the account;
    ``only_markets``: exactly these, in this order. ``usual_prices``: prices in USD of markets of
    which nothing else says one; those of the built-in example if None.
    """

    meta: Path | None = None
    markets: Path | None = None
    rulebook: str | AnyRulebook | None = None
    at: str | None = None
    price: Sequence[str] | Mapping[str, Price] = ()
    extra_markets: Sequence[str] = ()
    only_markets: Sequence[str] = ()
    venue: str | None = None
    usual_prices: Callable[[Sequence[str]], Mapping[str, str]] | None = None


class _Found(NamedTuple):
    """An account as it was found. ``own``: markets as its venue lists them for it, by name.

    ``shipped``: all other markets that are known, by name. ``prices``, ``funding``: those that the
    source says, of any market. ``uncounted``: what the account has that is no collateral.
    """

    written: AccountText
    shipped: Mapping[str, Instrument]
    source: str
    venue: str = DEFAULT_VENUE
    own: Mapping[str, Instrument] = {}
    prices: Mapping[str, str] = {}
    funding: Mapping[str, float] = {}
    answer: VenueAnswer | None = None
    uncounted: tuple[str, ...] = ()

    def instrument(self, name: str) -> Instrument:
        """A market of the account, else a known one. Raises InputError."""
        found = self.own.get(name) or self.shipped.get(name)
        if found is not None:
            return found
        known = list(self.shipped)
        some = ", ".join(known[:_SHOWN])
        if len(known) > _SHOWN:
            some += f" and {len(known) - _SHOWN} more"
        raise InputError(
            f"{self.named(name)}market: {name!r} is not known here; known: {some}; --meta FILE "
            "with the venue's list of markets adds more"
        )

    def named(self, market: str) -> str:
        """What names a market, before what is wrong with it; nothing where an option does."""
        return f"{self.written.source}: " if market in self.written.markets else ""


def load_account(
    source: Source = None,
    options: AccountOptions = AccountOptions(),  # noqa: B008 (frozen)
    *,
    prices: Sequence[str] | Mapping[str, Price] | None = None,
    rulebook: str | AnyRulebook | None = None,
    extra_markets: Sequence[str] | None = None,
    at: str | None = None,
    venue: str | None = None,
    meta: str | Path | None = None,
    markets: str | Path | None = None,
) -> Account:
    """The account of a file, an address, a venue's own answer, or (None) the built-in one.

    The keywords are those of ``AccountOptions`` and go before them: ``prices``: now, USD, such as
    ``{"BTC": 117_000}``; ``rulebook``: other rules than its venue's; ``extra_markets``: beside its
    own; ``at``: another API for an address, such as a running sandbox's URL. A price now is one of
    these, else the source's, else the entry of the position, else the usual one of the market.
    Raises SeawallError naming what cannot be used.
    """
    given: dict[str, Any] = {
        "price": prices,
        "rulebook": rulebook,
        "extra_markets": extra_markets,
        "at": at,
        "venue": venue,
        "meta": None if meta is None else Path(meta),
        "markets": None if markets is None else Path(markets),
    }
    asked = {name: value for name, value in given.items() if value is not None}
    return _loaded(source, options._replace(**asked))


def address_in(text: str) -> tuple[Venue, str] | None:
    """The venue whose address a text is, and its usual form; None for what is no address.

    Raises InputError for an address with a mistake.
    """
    return known_address(text)


def account_of(
    venue: str,
    address: str,
    source: str,
    answers: "PublicAnswers",
    options: AccountOptions = AccountOptions(),  # noqa: B008 (frozen)
) -> Account:
    """The account of what a venue has answered about an address; ``source``: for errors.

    Raises InputError.
    """
    return _account(_of_fetched(fetched_of(venue, address, source, answers), options), options)


def _loaded(source: Source, options: AccountOptions) -> Account:
    return _account(_find(source, options), options)


def _account(found: _Found, options: AccountOptions) -> Account:
    if options.markets is not None and (
        found.answer is None or VENUES[found.venue].market_list != "markets"
    ):
        raise InputError(f"--markets: {options.markets}: belongs to an indexer's account")
    markets = _markets(found.written, options)
    rulebook = options.rulebook or found.venue
    if isinstance(rulebook, str):
        rulebook = load_rulebook(rulebook)
    listed = [found.instrument(name) for name in markets]
    instruments = tuple(markets_under(rulebook, listed, found.shipped))
    prices, origins = _prices(found, instruments, options)
    holdings = holdings_of(
        found.written,
        instruments,
        {
            each.name: from_units(price, each.price_decimals)
            for each, price in zip(instruments, prices, strict=True)
        },
        rulebook,
    )
    origins |= {
        f"market {name}": found.source if name in found.own else "the known markets"
        for name in markets
    }
    if found.uncounted:
        origins["collateral"] = f"{found.source}; " + "; ".join(found.uncounted)
    return Account(
        name=found.written.name,
        source=found.source,
        venue=found.venue,
        rulebook=rulebook,
        instruments=instruments,
        # Liquidity is that of the market, whatever leverage the rules grant in it.
        listed={each.name: found.shipped.get(each.name, each) for each in listed},
        prices=prices,
        holdings=holdings,
        funding={name: found.funding[name] for name in markets if name in found.funding},
        reported=_still_reported(found, rulebook, options),
        time_ms=found.written.time_ms,
        surface=found.written.surface,
        origins={"rulebook": f"{rulebook.name} as of {rulebook.as_of}", **origins},
        written=found.written,
    )


def load_answer(source: Source, options: AccountOptions = AccountOptions()) -> VenueAnswer:  # noqa: B008 (frozen)
    """A venue's own answers: a file, a folder with one file for each, an address, the text itself,
    or ``-`` for standard input.

    It may be of an account that no engine can hold. Raises InputError.
    """
    if options.venue is not None and options.venue not in VENUES:
        known = ", ".join(VENUES)
        raise InputError(f"--venue: {options.venue!r} is unknown; known are {known}")
    text = str(source)
    is_text = source == "-" or isinstance(source, bytes) or Path(text).exists()
    address = None if is_text else known_address(text)
    if options.at is not None and address is None:
        raise InputError(f"--at: {options.at}: belongs to an account that is given by its address")
    if source == "-":
        answer = _answer(sys.stdin.buffer.read(), "standard input", options)
    elif isinstance(source, bytes):
        answer = _answer(source, _GIVEN, options)
    else:
        if address is not None:
            return fetch_account(*address, options.at).answer
        answer = _answer(_text_at(Path(text), options), text, options)
    needed = VENUES[answer.venue].market_list
    unneeded = "markets" if needed == "meta" else "meta"
    if getattr(options, unneeded) is not None:
        raise InputError(
            f"--{unneeded}: this venue's account needs none; its market data is read by --{needed}"
        )
    return answer


def _find(source: Source, options: AccountOptions) -> _Found:
    text = source if isinstance(source, bytes) else "" if source is None else str(source)
    if isinstance(text, str) and not Path(text).exists():
        address = known_address(text)
        if address is not None:
            return _of_address(*address, options)
    if options.at is not None:
        raise InputError(f"--at: {options.at}: belongs to an account that is given by its address")
    known = _known_markets(options.meta)
    if source is None:
        written = parse_account(example_text(ACCOUNT).encode(), _EXAMPLE, "example")
        return _Found(written, known, _EXAMPLE)
    if isinstance(text, bytes):
        if _is_json(text):
            return _of_answer(_answer(text, _GIVEN, options), _GIVEN, _GIVEN, known, options)
        return _Found(parse_account(text, _GIVEN, _GIVEN), known, _GIVEN)
    path = Path(text)
    shown = f"folder {path}" if path.is_dir() else f"file {path}"
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.suffix == _ANSWER or path.is_dir():
        answer = _answer(_text_at(path, options), str(path), options)
        return _of_answer(answer, path.stem, shown, known, options)
    if path.suffix != _OURS:
        raise InputError(f"{path}: the file's name should end in {_OURS}, {_ANSWER}")
    return _Found(parse_account(_bytes(path), str(path), path.stem), known, shown)


def _of_address(venue: Venue, address: str, options: AccountOptions) -> _Found:
    for name in ("meta", "markets"):
        file = getattr(options, name)
        if file is not None:
            raise InputError(
                f"--{name}: {file}: belongs to a file; an address brings its own markets"
            )
    return _of_fetched(fetch_account(venue, address, options.at), options)


def _of_fetched(fetched: Fetched, options: AccountOptions) -> _Found:
    source = fetched.answer.source
    found = _of_answer(fetched.answer, fetched.address, source, shipped_markets(), options)
    return found._replace(prices=fetched.prices, funding=fetched.funding)


def _of_answer(
    answer: VenueAnswer,
    name: str,
    shown: str,
    known: Mapping[str, Instrument],
    options: AccountOptions,
) -> _Found:
    read = answer.read(known, options.extra_markets or options.only_markets)
    return _Found(
        written=text_of_answer(answer.source, name, read),
        shipped=known if read.listed_markets is None else read.listed_markets,
        source=f"{shown} ({read.remark})" if read.remark else shown,
        venue=answer.venue,
        own=read.own_markets,
        funding=read.funding,
        answer=answer,
        uncounted=read.uncounted,
    )


def _answer(raw: bytes, source: str, options: AccountOptions) -> VenueAnswer:
    venue = venue_of_account(raw) if options.venue is None else VENUES[options.venue]
    file: Path | None = getattr(options, venue.market_list)
    return VenueAnswer(
        venue=venue.name,
        raw=raw,
        source=source,
        market_list=None if file is None else _bytes(file),
        list_source=str(file or ""),
    )


def _markets(written: AccountText, options: AccountOptions) -> list[str]:
    """The account's and those that the options name. Raises InputError for none."""
    if options.only_markets:
        for name in written.markets:
            if name not in options.only_markets:
                raise InputError(
                    f"--market: leaves out {name}, in which the account has a position"
                )
        return list(dict.fromkeys(options.only_markets))
    markets = list(dict.fromkeys([*written.markets, *options.extra_markets]))
    if not markets:
        raise InputError(f"{written.source}: has no positions; name a market to look at")
    return markets


def _prices(
    found: _Found, instruments: Sequence[Instrument], options: AccountOptions
) -> tuple[tuple[int, ...], dict[str, str]]:
    """Price units by market, and where each came from. Raises InputError."""
    wanted = options.price
    if not isinstance(wanted, Mapping):
        wanted = parsed_prices(wanted, instruments)
    chosen = exact_prices(wanted, instruments)
    stated = {each.name: _stated_price(found, each.name) for each in instruments}
    open_ones = [name for name, price in stated.items() if price is None and name not in chosen]
    usual: Mapping[str, str] = {}
    usual_source = "the usual price"
    if open_ones and options.usual_prices is not None:
        usual = options.usual_prices(open_ones)
    elif open_ones:
        usual, usual_source = sample_prices(), sample_prices().source
    prices, origins = [], {}
    for each in instruments:
        text, origin = stated[each.name] or (usual.get(each.name), usual_source)
        if each.name in chosen:
            price, origin = chosen[each.name], "--price"
        elif text is not None:
            field = f"{each.name}: entry" if origin == _ENTRY else f"price of {each.name}"
            price = nearest_price(f"{found.named(each.name)}{field}", text, each)
        else:
            entry = "the position an entry, or " if each.name in found.written.markets else ""
            raise InputError(
                f"{found.named(each.name)}the price of {each.name} now is not known: give {entry}"
                f"--price {each.name}=USD"
            )
        prices.append(price)
        origins[f"price {each.name}"] = origin
    return tuple(prices), origins


def _stated_price(found: _Found, name: str) -> tuple[str | None, str] | None:
    """What the source says of the price now, or else the entry of the position, and which."""
    if name in found.prices:
        return found.prices[name], found.source
    text = found.written.start_price(name)
    if text is None:
        return None
    return text, found.source if name in found.written.prices else _ENTRY


def _still_reported(
    found: _Found, rulebook: AnyRulebook, options: AccountOptions
) -> VenueAnswer | None:
    """The venue's answer, where rules and prices are those that it is about."""
    answer = found.answer
    if answer is None or options.price or not isinstance(rulebook, VENUES[answer.venue].rules):
        return None
    return answer


def _known_markets(meta: Path | None) -> dict[str, Instrument]:
    """The markets that ship, and those of the venue's list: it says which terms hold, and which
    markets are no more."""
    if meta is None:
        return shipped_markets()
    try:
        listed = VENUES[DEFAULT_VENUE].read_markets(_bytes(meta))
    except VenueDataError as error:
        raise InputError(f"{meta}: {error}") from None
    found = {each.name: each for each in listed}
    known = found | {name: each for name, each in shipped_markets().items() if name not in found}
    return {name: each for name, each in known.items() if not each.delisted}


def _text_at(path: Path, options: AccountOptions) -> bytes:
    """A venue's answer in a file, or its several answers in a folder. Raises InputError."""
    if not path.is_dir():
        return _bytes(path)
    venue = VENUES[options.venue or DEFAULT_VENUE]
    try:
        files = {each.name: _bytes(each) for each in sorted(path.glob(f"*{_ANSWER}"))}
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    try:
        return venue.joined_account(files)
    except VenueDataError as error:
        raise InputError(f"{path}: {error}") from None


def _is_json(text: bytes) -> bool:
    """Whether a text is JSON; our own format may begin with a bracket too."""
    start = text.lstrip()[:1]
    if start == b"[":
        try:
            msgspec.json.decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return False
    return start in (b"{", b"[")


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
