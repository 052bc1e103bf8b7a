"""``seawall size``: how large a position may be, and at which leverage."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path

from cyclopts import Parameter

from seawall.accounts.account import Account
from seawall.cli.params import Outputs, SignedText, SourceOptions, given
from seawall.cli.run import run
from seawall.domain.errors import InputError
from seawall.report.findings import Answer
from seawall.report.progress import Progress


@Parameter(name="*")
@dataclass(frozen=True)
class SizeOptions:
    """What the trade is and what is known of the market."""

    side: str | None = None
    """long (if not given) or short."""
    equity: str | None = None
    """USD behind the trade, instead of an account's; 100000 if neither is given."""
    loss_budget: str | None = None
    """What being wrong may cost: USD, or a share of the equity; 2% if not given."""
    stop: str | None = None
    """Distance (3%) or price (113000); without it, the standard deviation of these hours."""
    clearance: str | None = None
    """How far beyond the stop liquidation must lie, as a share of the stop's distance; 50%."""
    depth: str | None = None
    """USD within 50 bp per side of the assumed ladder, which also bounds a --book."""
    stress: str | None = None
    """Share of the book that is left when you have to leave; 2%."""
    participation: str | None = None
    """Share of the traded volume that your exit may be; 10%."""
    volume: str | None = None
    """USD traded in the market in a day."""
    volatility: str | None = None
    """Standard deviation of a year's return, as 49%."""
    candles: Path | None = None
    """A file of candles, for volume and volatility."""
    hours: str | None = None
    """Hours that the trade is held; 24."""
    funding: SignedText = None
    """Funding rate an hour, as 0.0000125; paid whatever its sign."""
    entry_fee: str | None = None
    """taker (if not given) or maker: how the trade is opened; the stop always takes."""
    fee_volume: str | None = None
    """USD traded by you in the venue's fee window, for the fee tier."""
    refill: str | None = None
    """Seconds in which half of what was taken from a calm book is back; 10."""
    risk_capital: str | None = None
    """What may be lost in all, in USD or as a share of the equity; 50%."""
    max_drawdown: str | None = None
    """How far the equity may fall below its highest so far; 30%."""
    ruin: str | None = None
    """A probability such as 1%: which leverage for how long, and which buffer, keeps the loss of
    the risk capital under it."""
    edge: SignedText = None
    """Expected return a year without leverage, for Kelly."""
    win_rate: str | None = None
    """Share of trades that win, for Kelly and for many trades in a row."""
    payoff: str | None = None
    """What a winner brings, in losses at the stop; 2."""
    kelly: str | None = None
    """The share of Kelly to show as chosen; 0.5."""
    trades: str | None = None
    """How many trades follow each other, with a --win-rate; 100."""


def size(
    market: str = "BTC",
    /,
    *,
    account: str | None = None,
    book: str | None = None,
    at_time: str | None = None,
    options: SizeOptions = SizeOptions(),
    source: SourceOptions = SourceOptions(),  # noqa: B008 (frozen)
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """How large a position may be when you are wrong, and at which leverage to hold it.

    Walks a book, calm and stressed, adds fees and funding, and finds the largest size whose loss at
    the stop stays within a budget and whose liquidation lies beyond the stop: as one more trade of
    an account, with what it does to that account. Without arguments: a long position in BTC,
    100,000 USD of equity, an assumed book. Exit status 2 for input that cannot be used.

    Parameters
    ----------
    market
        The market, BTC if not given.
    account
        An account file or an address, which the trade joins.
    book
        A book: a file, a running venue's URL or a venue by name; without it, an assumed ladder.
    at_time
        A moment of a recorded book, UTC; its last one if not given.
    """

    def compute(_: Progress) -> Answer:
        from seawall.lab.market.book_source import read_book
        from seawall.lab.size import size
        from seawall.lab.size.question import DEFAULT_EQUITY

        asked = given(options)
        if account is None:
            asked.setdefault("equity", DEFAULT_EQUITY)
        # A book says the price of its market where nothing else does.
        prices = None if book is None else partial(_middle, book, market, at_time)
        held = account_with(market, account, source, prices)
        if source.price:
            asked["price"] = held.price_texts[market]
        if book is not None:
            asked["book"] = read_book(book, market, at_time=at_time, venue=held.venue)
        elif at_time is not None:
            raise InputError(f"--at-time: {at_time}: belongs to a recorded --book")
        return size(held, market, **asked, assume=source.assume)

    run("size", outputs, compute)


def _middle(book: str, market: str, at_time: str | None, names: Sequence[str]) -> Mapping[str, str]:
    """Sample prices, and the middle of the book as that of its market."""
    from seawall.accounts.prices import sample_prices
    from seawall.lab.market.book_source import read_book

    if market not in names:
        return sample_prices()
    middle = Decimal(str(read_book(book, market, at_time=at_time).middle))
    return sample_prices() | {market: format(middle, "f")}


def account_with(
    market: str | None,
    account: str | None,
    source: SourceOptions,
    usual_prices: Callable[[Sequence[str]], Mapping[str, str]] | None = None,
) -> Account:
    """The account with this market beside its own, at prices such as ``117000``, which is that of
    the market, or ``BTC=117000``. ``usual_prices``: of markets of which nothing else says one."""
    from seawall.accounts.load import load_account

    prices = source.price or []
    if market is not None:
        prices = [text if "=" in text else f"{market}={text}" for text in prices]
        other = [text for text in prices if text.rpartition("=")[0] != market]
        if other and account is None:
            raise InputError(f"--price: {other[0]!r}: the market is {market}")
    wanted = () if market is None else (market,)
    options = source.options()._replace(
        price=prices, extra_markets=wanted, usual_prices=usual_prices
    )
    return load_account(account, options)
