"""What ``seawall size`` is given, read and checked: a ``SizeTask`` and the words about it."""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, sqrt
from pathlib import Path
from typing import Annotated, NamedTuple

from cyclopts import Parameter

from seawall.accounts.account import Account
from seawall.accounts.load import load_account
from seawall.accounts.markets import shipped_markets
from seawall.cli import size_values as values
from seawall.cli.book_input import read_book
from seawall.cli.size_options import MarketSource
from seawall.domain.errors import InputError
from seawall.domain.instrument import Instrument
from seawall.domain.units import FUNDING_ONE, MAX_PRICE, MICRO, from_units, to_units
from seawall.lab.carry.fees import FeeRates, fee_rates
from seawall.lab.market.book import Book, ladder_book
from seawall.lab.market.liquidity import Depth, default_depth
from seawall.lab.size.advice import HOURS_PER_YEAR, SizeTask
from seawall.lab.size.candles import read_trading
from seawall.lab.size.defaults import default_funding, default_volatility, default_volume
from seawall.lab.size.exit import BookSide, book_side
from seawall.lab.size.sizing import Wager

DEFAULT_EQUITY = "100000"
MOST_HOURS = 87_600
MOST_FUNDING = 0.04
MOST_VOLATILITY = 20.0
LEAST_DEPTH = 0.0001
FARTHEST_STOP = 10
"""Times the price: beyond it (or below one over it) a number is more likely a forgotten %."""
SIDES = ("long", "short")
FEES = ("maker", "taker")


@Parameter(name="*")
@dataclass(frozen=True)
class SizeOptions:
    """What the trade is and what is known of the market; texts, checked here."""

    side: str = "long"
    """long or short."""
    equity: str | None = None
    """USD behind the trade; 100000 if neither this nor an account is given."""
    loss_budget: str = "2%"
    """What being wrong may cost: USD, or a share of the equity."""
    stop: str | None = None
    """Distance (3%) or price (113000); without it, the standard deviation of these hours."""
    clearance: str = "50%"
    """How far beyond the stop liquidation must lie, as a share of the stop's distance."""
    book: str | None = None
    """A book: a file, a running venue's URL or a venue by name; without it, an assumed ladder."""
    at_time: str | None = None
    """A moment of a recorded book, UTC; its last one if not given."""
    depth: str | None = None
    """USD within 50 bp per side of the assumed ladder."""
    stress: str = "0.02"
    """Share of the book that is left when you have to leave."""
    participation: str = "10%"
    """Share of the traded volume that your exit may be."""
    volume: str | None = None
    """USD traded in the market in a day."""
    volatility: str | None = None
    """Standard deviation of a year's return, as 49%."""
    candles: Path | None = None
    """A file of candles, for volume and volatility."""
    hours: str = "24"
    """Hours that the trade is held."""
    funding: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None
    """Funding rate an hour, as 0.0000125; paid whatever its sign."""
    entry_fee: str = "taker"
    """taker or maker: how the trade is opened; the stop always takes."""
    fee_volume: str | None = None
    """USD traded by you in the venue's fee window, for the fee tier."""
    edge: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None
    """Expected return a year without leverage, for Kelly."""
    win_rate: str | None = None
    """Share of trades that win, for Kelly."""
    payoff: str = "2"
    """What a winner brings, in losses at the stop."""
    kelly: str = "0.5"
    """The share of Kelly to show as chosen."""
    ruin: str = "50%"
    """The share of the equity that counts as ruin when nothing more is left."""


class Trade(NamedTuple):
    """A market as ``size`` and ``carry`` use it: plain units, the price now in price units.

    ``listed``: as its venue lists it.
    """

    account: Account
    instrument: Instrument
    listed: Instrument
    price: int

    @property
    def market(self) -> str:
        return self.instrument.name


class SizeInputs(NamedTuple):
    """The task, and what is said about where it comes from."""

    task: SizeTask
    about: str
    assumptions: tuple[str, ...]


def read_trade(market: str, source: MarketSource) -> Trade:
    """The market under the rules, and its price now. Raises InputError."""
    if source.account is None and source.meta is None and market not in shipped_markets():
        raise InputError(
            f"MARKET: {market!r} is not known; known: {', '.join(shipped_markets())}; --meta FILE "
            "with the venue's list of markets adds more"
        )
    for text in source.price or ():
        name, equals, _ = text.rpartition("=")
        if source.account is None and equals and name != market:
            raise InputError(f"--price: {text!r}: the market is {market}")
    account = load_account(source.account, source.options(market))
    index = account.market(market)
    return Trade(account, account.instruments[index], account.listed[market], account.prices[index])


def read_size(market: str, source: MarketSource, options: SizeOptions) -> SizeInputs:
    """Raises InputError."""
    values.choice("--side", options.side, SIDES)
    values.choice("--entry-fee", options.entry_fee, FEES)
    trade = read_trade(market, source)
    book, book_words = _book(trade, options)
    if options.book is not None and not source.price:
        middle = Fraction(repr(book.middle)) * 10**trade.instrument.price_decimals
        trade = trade._replace(price=round(middle))
    if not 1 <= trade.price <= MAX_PRICE:
        raise InputError(f"--book: {options.book}: price {book.middle:g} does not fit {market}")
    equity, equity_words = _equity(trade, source, options)
    trading = _trading(trade, options)
    task = _task(trade, book, options, equity, trading)
    price = from_units(trade.price, trade.instrument.price_decimals)
    rules = trade.account.rulebook
    about = (
        f"{equity_words}; {market} at {price} USD; {book_words}; rules of {rules.name} as of "
        f"{rules.as_of}"
    )
    return SizeInputs(task, about, (*trading.words, *_book_assumptions(options, trade)))


def _equity(trade: Trade, source: MarketSource, options: SizeOptions) -> tuple[int, str]:
    """Micro-USD, and where it comes from."""
    if options.equity is not None or source.account is None:
        equity = values.usd("--equity", options.equity or DEFAULT_EQUITY)
        return equity, f"equity {equity / MICRO:,.0f} USD"
    from seawall.domain.events import CROSS_POOL
    from seawall.lab.simulation.valuation import Valuation, ValuationError

    account = trade.account
    try:
        valuation = Valuation(
            account.holdings, account.rulebook, account.instruments, account.prices
        )
        equity = valuation.at(account.prices)[CROSS_POOL].equity
    except ValuationError as error:
        raise InputError(f"{account.source}: {error}") from None
    if equity <= 0:
        raise InputError(f"{account.source}: the cross pool has no equity; give --equity")
    return equity, f"equity {equity / MICRO:,.0f} USD, the cross pool of {account.source}"


class _Trading(NamedTuple):
    volume: Fraction
    volatility: float
    words: tuple[str, ...]


def _trading(trade: Trade, options: SizeOptions) -> _Trading:
    """Volume (USD a day) and volatility: said, else from candles, else assumed."""
    volume: Fraction | None = None
    volatility: float | None = None
    words = []
    if options.candles is not None:
        found = read_trading(options.candles, trade.market)
        volume, volatility = found.volume, found.volatility
        words.append(
            f"From {options.candles}: {volatility:.0%} volatility a year"
            + ("." if volume is None else f", {float(volume):,.0f} USD on the median day.")
        )
    if options.volume is not None:
        wish = "should be USD a day above 0, such as 500000000"
        volume = values.plain("--volume", options.volume, 0, 1e15, wish, above=True)
    if options.volatility is not None:
        said = values.share("--volatility", options.volatility, MOST_VOLATILITY, "49%")
        volatility = float(said)
    source = "recorded hourly candles of 14 coins, 2024-09 to 2025-07"
    if volume is None:
        volume = default_volume(trade.listed)
        words.append(
            f"{float(volume):,.0f} USD trade in {trade.market} a day: the median day of the least "
            f"traded coin with as high a maximum leverage ({source}). --volume and --candles know "
            "better."
        )
    if volatility is None:
        volatility = default_volatility(trade.listed)
        words.append(
            f"{volatility:.0%} volatility a year: the median of coins with as high a maximum "
            f"leverage ({source}). --volatility and --candles know better."
        )
    return _Trading(volume, volatility, tuple(words))


def _book(trade: Trade, options: SizeOptions) -> tuple[Book, str]:
    if options.book is not None:
        if options.depth is not None:
            raise InputError(
                f"--depth: {options.depth}: belongs to the assumed ladder, not to --book"
            )
        book = read_book(
            options.book, trade.market, at_time=options.at_time, venue=trade.account.venue
        )
        levels = f"{len(book.bids)} bids and {len(book.asks)} asks"
        return book, f"book of {options.book} ({levels})"
    if options.at_time is not None:
        raise InputError(f"--at-time: {options.at_time}: belongs to a recorded --book")
    depth = _depth(trade, options)
    price = trade.price / 10**trade.instrument.price_decimals
    words = f"an assumed book of {depth.usd_within_50bp:,.0f} USD within 50 bp per side"
    return ladder_book(trade.instrument, depth, price), words


def _depth(trade: Trade, options: SizeOptions) -> Depth:
    usual = default_depth(trade.listed)
    if options.depth is None:
        return usual
    wish = "should be 1000 to 1e9 USD within 50 bp, such as 5000000"
    return Depth(float(values.plain("--depth", options.depth, 1000, 1e9, wish)), usual.spread_bp)


def _book_assumptions(options: SizeOptions, trade: Trade) -> tuple[str, ...]:
    if options.book is not None:
        return ()
    return (
        "The book is assumed: 20 % of its depth within 10 bp, half within 25 bp, as much again to "
        "100 bp and to 400 bp; how deep follows the market's maximum leverage. --book reads a real "
        "one, --depth sets another.",
    )


def _task(
    trade: Trade, book: Book, options: SizeOptions, equity: int, trading: _Trading
) -> SizeTask:
    is_long = options.side == "long"
    wish = f"should be hours above 0 and at most {MOST_HOURS:,}, such as 24"
    hours = values.plain("--hours", options.hours, 0, MOST_HOURS, wish, above=True)
    stop = _stop(trade, options, is_long, trading.volatility, hours)
    calm = book_side(book, trade.instrument, bids=is_long)
    way_in = book_side(book, trade.instrument, bids=not is_long)
    kept = values.share("--stress", options.stress, 1.0, "0.02", least=LEAST_DEPTH)
    wager = _wager(trade, options, (way_in, calm.stressed(kept)), stop, hours)
    win_rate = options.win_rate and float(values.share("--win-rate", options.win_rate, 1.0, "55%"))
    wish = "should be above 0 and at most 1000, such as 2"
    payoff = values.plain("--payoff", options.payoff, 0, 1000, wish, above=True)
    wish = "should be above 0 and at most 10, such as 0.5"
    kelly = values.plain("--kelly", options.kelly, 0, 10, wish, above=True)
    remaining = float(values.share("--ruin", options.ruin, 0.99, "50%"))
    edge = None
    if options.edge is not None:
        edge = float(values.rate("--edge", options.edge, 100.0, "0.2 or 20%"))
    terms = trade.instrument.block_terms
    return SizeTask(
        rulebook=trade.account.rulebook,
        instrument=trade.instrument,
        wager=wager,
        calm_exit=calm,
        equity=equity,
        budget=values.usd_or_share("--loss-budget", options.loss_budget, equity),
        clearance=values.share("--clearance", options.clearance, 100.0, "50%"),
        volume=trading.volume * MICRO,
        participation=values.share("--participation", options.participation, 1.0, "10%"),
        horizon_hours=hours,
        volatility=trading.volatility,
        edge=edge,
        win_rate=win_rate or None,
        payoff=float(payoff),
        kelly_share=float(kelly),
        remaining=remaining,
        step=1 if terms is None else terms.size_step,
    )


def _wager(
    trade: Trade,
    options: SizeOptions,
    books: tuple[BookSide, BookSide],
    stop: int,
    hours: Fraction,
) -> Wager:
    fees = read_fees(trade, options.fee_volume)
    takes = options.entry_fee == "taker"
    return Wager(
        is_long=options.side == "long",
        entry_price=trade.price,
        stop_price=stop,
        entry_book=books[0] if takes else None,
        exit_book=books[1],
        # A rebate is no part of being wrong.
        entry_rate=fees.taker if takes else max(0, fees.maker),
        exit_rate=fees.taker,
        funding_rate=abs(read_funding(trade, options.funding)),
        settlements=-int(-hours // 1),
    )


def read_fees(trade: Trade, volume: str | None, maker_share: Fraction = Fraction(0)) -> FeeRates:
    """The rates of the tier that the volume in the fee window gives. Raises InputError."""
    traded = 0
    if volume is not None:
        wish = "should be USD of 0 or more, such as 6000000"
        traded = int(values.plain("--fee-volume", volume, 0, 1e11, wish) * MICRO)
    return fee_rates(trade.account.rulebook, traded, int(maker_share * 10**6))


def read_funding(trade: Trade, text: str | None) -> int:
    """The rate of an hour that longs pay, 1e-12: said, else the venue's, else the usual."""
    if text is not None:
        found = values.rate("--funding", text, MOST_FUNDING, "0.0000125")
    elif trade.market in trade.account.funding:
        found = Fraction(repr(trade.account.funding[trade.market]))
    else:
        found = default_funding(trade.account.rulebook)
    return round(found * FUNDING_ONE)


def _stop(
    trade: Trade, options: SizeOptions, is_long: bool, volatility: float, hours: Fraction
) -> int:
    """The stop in price units, on the losing side."""
    side = -1 if is_long else 1
    if options.stop is None:
        distance = Fraction(volatility * sqrt(float(hours) / HOURS_PER_YEAR))
        distance = min(max(distance, Fraction(1, 1000)), Fraction(9, 10))
    elif options.stop.strip().endswith("%"):
        distance = values.share("--stop", options.stop, 0.99, "3%")
    else:
        return _stop_price(trade, options.stop, is_long)
    exact = trade.price * (1 + side * distance)
    stop = floor(exact) if is_long else ceil(exact)
    if not 1 <= stop <= MAX_PRICE:
        raise InputError(
            f"--stop: {options.stop}: is beyond the prices that {trade.market} can have"
        )
    return stop


def _stop_price(trade: Trade, text: str, is_long: bool) -> int:
    decimals = trade.instrument.price_decimals
    now = from_units(trade.price, decimals)
    wrong = InputError(
        f"--stop: {text!r} should be a price {'below' if is_long else 'above'} {now} USD, or a "
        "distance such as 3%"
    )
    try:
        stop = to_units(text, decimals, MAX_PRICE)
    except ValueError:
        raise wrong from None
    far = FARTHEST_STOP
    if not (
        trade.price < far * stop < far * trade.price
        if is_long
        else trade.price < stop < far * trade.price
    ):
        raise wrong
    return stop
