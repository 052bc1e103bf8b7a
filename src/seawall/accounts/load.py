"""What a command of the lab is given: an account, its rules and markets, and the prices now."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from seawall.accounts.file import AccountError, AccountSketch
from seawall.accounts.markets import MarketError, markets_under
from seawall.accounts.plan import plan_account
from seawall.accounts.source import AccountOptions, AccountSource, Refused, read_source
from seawall.domain.holdings import Holdings
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook
from seawall.domain.units import MAX_PRICE, UnitError, from_units, to_units
from seawall.lab.market.candle_file import PathError
from seawall.venues.rulebook_file import RulebookError, load_rulebook

__all__ = ["REFUSALS", "AccountOptions", "Given", "Refused", "read_given"]

REFUSALS: tuple[type[Exception], ...] = (
    Refused,
    AccountError,
    PathError,
    RulebookError,
    MarketError,
)
"""What ``read_given`` raises for input that cannot be used; each says what would be right."""

_FINE_DECIMALS = 18
_HIGHEST_FINE = 10**33


class Given(NamedTuple):
    """An account ready to be computed with.

    ``instruments``: its markets, then the wished ones, under the rulebook. ``prices``: exact
    decimal text in USD of each of them, on the finest price that the machine can hold there.
    ``plan``: the account at these prices. ``listed``: the same markets as their venue lists them,
    whose leverage says how liquid they are. ``source``: where the account comes from, in words.
    ``funding``: fraction of notional an hour that longs pay now; empty where nobody says.
    """

    sketch: AccountSketch
    book: AnyRulebook
    instruments: list[Instrument]
    prices: dict[str, str]
    plan: Holdings
    venue: str
    listed: dict[str, Instrument]
    source: str
    funding: dict[str, float] = {}  # noqa: RUF012 - a default nobody writes to


def read_given(account: str | None, options: AccountOptions) -> Given:
    """The account of a file, of an address or (None) the built-in one.

    A current price is the one wished for, else the source's, else the position's entry, else the
    one at which the built-in crash begins. Raises what ``REFUSALS`` lists.
    """
    source = read_source(account, options)
    sketch = source.sketch
    markets = list(dict.fromkeys([*sketch.markets, *options.extra_markets]))
    if not markets:
        raise Refused(f"{sketch.source}: has no positions")
    book = load_rulebook(options.rulebook or source.venue)
    listed = [source.instrument(name) for name in markets]
    instruments = markets_under(book, listed, source.shipped)
    prices = _prices(source, instruments, options.price)
    return Given(
        sketch=sketch,
        book=book,
        instruments=instruments,
        prices=prices,
        plan=plan_account(sketch, instruments, prices),
        venue=source.venue,
        # Liquidity is that of the market, whatever leverage the rules grant in it.
        listed={each.name: source.shipped.get(each.name, each) for each in listed},
        source=source.words,
        funding={name: source.funding[name] for name in markets if name in source.funding},
    )


def _prices(
    source: AccountSource, instruments: Sequence[Instrument], wishes: Sequence[str]
) -> dict[str, str]:
    wished = _wished(wishes, instruments)
    usual: Mapping[str, str] = {}
    if any(_told(source, each.name) is None for each in instruments):
        usual = _crash_prices()
    found = {}
    for each in instruments:
        text = wished.get(each.name) or _told(source, each.name) or usual.get(each.name)
        if text is None:
            raise Refused(
                f"{source.sketch.source}: the price of {each.name} now is not known: give the "
                f"position an entry, or --price {each.name}=USD"
            )
        found[each.name] = _to_grid(f"{source.sketch.source}: price of {each.name}", text, each)
    return found


def _told(source: AccountSource, name: str) -> str | None:
    """What the source says of the price now, or else the entry of the position."""
    return source.prices.get(name) or source.sketch.start_price(name)


def _crash_prices() -> Mapping[str, str]:
    """Where the built-in crash begins, by market."""
    from seawall.lab.market.named_scenarios import DEFAULT, load

    markets = load(DEFAULT).market
    return {each.name: repr(each.price) for each in markets if each.price is not None}


def _wished(wishes: Sequence[str], instruments: Sequence[Instrument]) -> dict[str, str]:
    """Prices by market, each exactly as the machine can hold it. Raises Refused."""
    known = {each.name: each for each in instruments}
    found = {}
    for wish in wishes:
        name, equals, text = wish.rpartition("=")
        if not equals:
            raise Refused(
                f"--price: {wish!r} should be MARKET=USD, such as {next(iter(known))}=100"
            )
        if name not in known:
            raise Refused(f"--price: {name!r} is not one of the markets: {', '.join(known)}")
        try:
            units = to_units(text, known[name].price_decimals, MAX_PRICE)
        except UnitError as error:
            raise Refused(f"--price: {wish!r}: {error}") from None
        if units <= 0:
            raise Refused(f"--price: {wish!r}: should be above 0")
        found[name] = text.strip()
    return found


def _to_grid(where: str, text: str, instrument: Instrument) -> str:
    """The nearest price that the machine can hold: averages of fills and oracles are finer."""
    try:
        fine = to_units(text, _FINE_DECIMALS, _HIGHEST_FINE)
    except UnitError as error:
        raise Refused(f"{where}: {error}") from None
    grain = 10 ** (_FINE_DECIMALS - instrument.price_decimals)
    units = (2 * fine + grain) // (2 * grain)
    if not 1 <= units <= MAX_PRICE:
        least, most = (from_units(each, instrument.price_decimals) for each in (1, MAX_PRICE))
        raise Refused(f"{where}: {text} should be {least} to {most} USD")
    return from_units(units, instrument.price_decimals)
