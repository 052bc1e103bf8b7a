"""The question of ``seawall size``: what a trade is and what is known of its market, then advice.

Quantities are numbers, or texts as people write them (``domain/quantities.py``): ``2%``, ``25000``.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from math import ceil, floor, sqrt
from pathlib import Path

from seawall.accounts.account import Account
from seawall.domain import quantities
from seawall.domain.errors import InputError
from seawall.domain.quantities import Amount
from seawall.domain.units import MAX_PRICE, MICRO, fraction_text, from_units
from seawall.lab.market.assumption_sheets import FUNDING, Used
from seawall.lab.market.assumptions import DEPTH, FUNDING_OPTION, WITH_JUMPS, Assume, assumptions_of
from seawall.lab.market.book import Book
from seawall.lab.market.book_source import read_book
from seawall.lab.simulation.names import bucket_name
from seawall.lab.size.advice import HOURS_PER_YEAR, Advice, Odds, SizeTask, advise
from seawall.lab.size.candles import read_trading
from seawall.lab.size.exit import BookSide, book_side
from seawall.lab.size.kelly import Kelly, kelly_of
from seawall.lab.size.market import (
    SIDES,
    TradedMarket,
    funding_of,
    traded_market,
    with_fee_volume,
)
from seawall.lab.size.sizing import Trade
from seawall.report import kinds
from seawall.report.findings import Answer, Findings

DEFAULT_MARKET = "BTC"
DEFAULT_EQUITY = 100_000
LEAST_DEPTH = 0.0001
MOST_VOLUME = 10**15
"""USD a day."""
FARTHEST_STOP = 10
"""Times the price: beyond it (or below one over it) a number is more likely a forgotten %."""
ENTRY_FEES = ("maker", "taker")
READ, LADDER = (WITH_JUMPS, "volume", *FUNDING), (DEPTH, "spread_bp")
"""What is read of the assumptions, and what besides where no book is given."""
_plain = partial(quantities.number, percent=False)


class SizeResult(Answer, frozen=True, kw_only=True):
    """The advice. ``source``: where equity, price and book come from; ``notes``: what is assumed
    of the market."""

    task: SizeTask
    advice: Advice
    source: str
    notes: Sequence[str]
    used: Used

    @property
    def kelly(self) -> Kelly:
        """The advised size beside Kelly."""
        return kelly_of(self.task, self.advice)

    def findings(self) -> Findings:
        from seawall.lab.size.sheets import findings

        return findings(self)


def size(
    account: Account,
    market: str = DEFAULT_MARKET,
    *,
    side: str = "long",
    equity: Amount | None = None,
    price: Amount | None = None,
    loss_budget: Amount = "2%",
    stop: Amount | None = None,
    clearance: Amount = "50%",
    book: Book | str | Path | None = None,
    depth: Amount | None = None,
    stress: Amount = "2%",
    participation: Amount = "10%",
    volume: Amount | None = None,
    volatility: Amount | None = None,
    candles: str | Path | None = None,
    hours: Amount = 24,
    funding: Amount | None = None,
    entry_fee: str = "taker",
    fee_volume: Amount | None = None,
    edge: Amount | None = None,
    win_rate: Amount | None = None,
    payoff: Amount = 2,
    kelly: Amount = 0.5,
    ruin: Amount = "50%",
    assume: Assume = None,
) -> SizeResult:
    """Find the largest size whose loss at the stop fits a budget, and the leverage to hold it at.

    ``equity``: USD, that of the cross pool if None. ``price``: USD, else the middle of ``book``,
    else the account's. ``loss_budget``: USD or a share of the equity. ``stop``: a price or a
    distance (``3%``); else the standard deviation of these hours. ``clearance``: how far beyond the
    stop liquidation must lie, in its distances. ``book``: a file, URL or venue; else an assumed one
    of ``depth`` USD within 50 bp, of which the share ``stress`` is left. ``volume``: USD a day. The
    rest as in docs/commands/size.md. Raises SeawallError for input that cannot be used.
    """
    if isinstance(book, str | Path):
        book = read_book(str(book), market, venue=account.venue)
    middle = None if book is None else book.middle
    assumed = with_fee_volume(assumptions_of(assume), fee_volume)
    traded = traded_market(account, market, middle if price is None else price, assumed)
    traded = _with_depth(traded, book, depth)
    traded, notes = _trading(traded, volume, volatility, candles, funding)
    used, words, about_book = _book(traded, book)
    deviation = float(traded.assumption(WITH_JUMPS).value)
    pledged, whose = _equity(account, market, equity)
    held = _above_zero("hours", hours, 87_600, "hours above 0 and at most 87,600, such as 24")
    is_long = quantities.choice("side", side, SIDES) == "long"
    stop_price = _stop_price(traded, stop, is_long=is_long, usual=_usual_stop(deviation, held))
    calm = book_side(used, traded.instrument, bids=is_long)
    left = calm.stressed(quantities.share("stress", stress, least=LEAST_DEPTH, example="0.02"))
    task = SizeTask(
        rulebook=account.rulebook,
        instrument=traded.instrument,
        trade=_trade(traded, used, left, stop_price, held, funding, entry_fee),
        calm_exit=calm,
        equity=pledged,
        budget=quantities.usd_or_share("loss_budget", loss_budget, pledged),
        clearance=quantities.share("clearance", clearance, most=100.0, example="50%"),
        volume=traded.assumption("volume").value * MICRO,
        participation=quantities.share("participation", participation, example="10%"),
        horizon_hours=held,
        odds=_odds(deviation, edge, win_rate, payoff, kelly, ruin),
        step=traded.lot,
    )
    source = f"{whose}; {market} at {traded.price_text} USD; {words}; {traded.rules}"
    read = traded.used(*READ, *(LADDER if book is None else ()))
    notes += about_book
    return SizeResult(task=task, advice=advise(task), source=source, notes=notes, used=read)


def _equity(account: Account, market: str, equity: Amount | None) -> tuple[int, str]:
    """Micro-USD, and where it comes from: the cross pool of the market if not given."""
    if equity is not None:
        pledged = quantities.usd("equity", equity)
        return pledged, f"equity {kinds.money(pledged)} USD"
    from seawall.accounts.valuation import valuation_of

    valuation = valuation_of(account)
    pool = valuation.placed.pools[account.market(market)]
    name, found = bucket_name(valuation, pool), valuation.at(account.prices).get(pool)
    if found is None or found.equity <= 0:
        raise InputError(f"{account.source}: the {name} has no equity; say the equity")
    return found.equity, f"equity {kinds.money(found.equity)} USD, the {name} of {account.source}"


def _trading(
    traded: TradedMarket,
    volume: Amount | None,
    volatility: Amount | None,
    candles: str | Path | None,
    funding: Amount | None,
) -> tuple[TradedMarket, list[str]]:
    """The market with volume, volatility and funding as given or from candles; and notes."""
    notes = []
    if candles is not None:
        usd, deviation = read_trading(Path(candles), traded.name)
        traded = _replaced(traded, WITH_JUMPS, deviation, str(candles))
        if usd is not None:
            traded = _replaced(traded, "volume", float(usd), str(candles))
        a_day = "" if usd is None else f", {kinds.usd(usd)} USD on the median day"
        notes.append(f"From {candles}: {kinds.percent(deviation, 0)} volatility a year{a_day}.")
    if volume is not None:
        expected = f"USD a day above 0 and at most {MOST_VOLUME:,}, such as 500000000"
        usd = _above_zero("volume", volume, MOST_VOLUME, expected)
        traded = _replaced(traded, "volume", float(usd), "--volume")
    if volatility is not None:
        deviation = float(quantities.share("volatility", volatility, most=20.0, example="49%"))
        traded = _replaced(traded, WITH_JUMPS, deviation, "--volatility")
    if funding is not None:
        traded = _replaced(traded, "funding", float(funding_of(funding)), FUNDING_OPTION)
    return traded, notes


def _replaced(traded: TradedMarket, field: str, value: float, source: str) -> TradedMarket:
    """The market with another value of an assumption."""
    return traded._replace(assumed=traded.assumed.given(field, {traded.name: value}, source))


def _with_depth(traded: TradedMarket, book: Book | None, depth: Amount | None) -> TradedMarket:
    """The market with the depth that is given for the assumed ladder."""
    if depth is None:
        return traded
    if book is not None:
        expected = "left out beside a book: it is that of the assumed ladder"
        raise InputError.of("", "depth", depth, expected)
    expected = "1000 to 1e9 USD within 50 bp, such as 5000000"
    usd = float(_plain("depth", depth, least=1000, most=10**9, expected=expected))
    return _replaced(traded, DEPTH, usd, "--depth")


def _book(traded: TradedMarket, book: Book | None) -> tuple[Book, str, tuple[str, ...]]:
    """The book, what it is, and what is assumed about it."""
    if book is not None:
        moment = "" if book.time_ms is None else f" of {kinds.clock(book.time_ms)} UTC"
        return book, f"a book{moment} ({len(book.bids)} bids and {len(book.asks)} asks)", ()
    ladder, found = traded.ladder()
    words = f"an assumed book of {kinds.usd(found.usd_within_50bp)} USD within 50 bp per side"
    note = (
        "The book is assumed: 20 % of its depth within 10 bp, half within 25 bp, as much again to "
        "100 bp and to 400 bp; --book reads a real "
        "one, --depth sets another."
    )
    return ladder, words, (note,)


def _trade(
    traded: TradedMarket,
    book: Book,
    exit_book: BookSide,
    stop_price: int,
    hours: Fraction,
    funding: Amount | None,
    entry_fee: str,
) -> Trade:
    takes = quantities.choice("entry_fee", entry_fee, ENTRY_FEES) == "taker"
    fees = traded.fees()
    is_long = stop_price < traded.price
    return Trade(
        is_long=is_long,
        entry_price=traded.price,
        stop_price=stop_price,
        entry_book=book_side(book, traded.instrument, bids=not is_long) if takes else None,
        exit_book=exit_book,
        # A rebate is no part of being wrong.
        entry_rate=fees.taker if takes else max(0, fees.maker),
        exit_rate=fees.taker,
        funding_rate=abs(traded.funding_rate(funding)),
        settlements=ceil(hours),
    )


def _odds(
    volatility: float,
    edge: Amount | None,
    win_rate: Amount | None,
    payoff: Amount,
    kelly: Amount,
    ruin: Amount,
) -> Odds:
    def multiple(field: str, value: Amount, most: int, example: str) -> float:
        expected = f"above 0 and at most {most}, such as {example}"
        return float(_above_zero(field, value, most, expected))

    return Odds(
        volatility=volatility,
        edge=_float(edge, partial(quantities.rate, "edge", most=100.0, example="0.2 or 20%")),
        win_rate=_float(win_rate, partial(quantities.share, "win_rate", example="55%")),
        payoff=multiple("payoff", payoff, 1000, "2"),
        kelly_share=multiple("kelly", kelly, 10, "0.5"),
        remaining=float(quantities.share("ruin", ruin, most=0.99, example="50%")),
    )


def _float(value: Amount | None, read: Callable[[Amount], Fraction]) -> float | None:
    return None if value is None else float(read(value))


def _above_zero(field: str, value: Amount, most: int, expected: str) -> Fraction:
    return _plain(field, value, least=0, most=most, expected=expected, above=True)


def _usual_stop(volatility: float, hours: Fraction) -> Fraction:
    """One standard deviation of the holding time, as a share of the price."""
    deviation = Fraction(volatility * sqrt(float(hours) / HOURS_PER_YEAR))
    return min(max(deviation, Fraction(1, 1000)), Fraction(9, 10))


def _stop_price(
    traded: TradedMarket, stop: Amount | None, *, is_long: bool, usual: Fraction
) -> int:
    """The stop in price units, on the losing side."""
    if stop is None:
        distance = usual
    elif isinstance(stop, str) and stop.strip().endswith("%"):
        distance = quantities.share("stop", stop, most=0.99, example="3%")
    else:
        return _stop_at(traded, stop, is_long=is_long)
    exact = traded.price * (1 + (-distance if is_long else distance))
    units = floor(exact) if is_long else ceil(exact)
    if not 1 <= units <= MAX_PRICE:
        raise InputError.of("", "stop", stop, f"within the prices that {traded.name} can have")
    return units


def _stop_at(traded: TradedMarket, stop: Amount, *, is_long: bool) -> int:
    price, decimals = traded.price, traded.instrument.price_decimals
    ends = Fraction(price, FARTHEST_STOP), Fraction(price)
    if not is_long:
        ends = Fraction(price), Fraction(min(FARTHEST_STOP * price, MAX_PRICE + 1))
    low, high = (fraction_text(each / 10**decimals) for each in ends)
    step = from_units(1, decimals)
    expected = f"a price between {low} and {high} USD in steps of {step}, or a distance such as 3%"
    exact = 10**decimals * _plain("stop", stop, least=0, most=MAX_PRICE, expected=expected)
    if exact.denominator > 1 or not ends[0] < exact < ends[1]:
        raise InputError.of("", "stop", stop, expected)
    return int(exact)
