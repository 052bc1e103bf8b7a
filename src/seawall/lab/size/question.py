"""The question of ``seawall size``: what a trade is and what is known of its market, then advice.

Quantities are numbers, or texts as people write them (``domain/quantities.py``): ``2%``, ``25000``.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cached_property, partial
from math import ceil, floor, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypedDict, Unpack

from msgspec import structs

from seawall.accounts.account import Account
from seawall.domain import quantities
from seawall.domain.errors import InputError
from seawall.domain.quantities import Amount
from seawall.domain.units import MAX_PRICE, MICRO, fraction_text, from_units
from seawall.lab.market.assumption_sheets import (
    BOOK,
    FUNDING,
    AssumedRow,
    Used,
    rows_together,
)
from seawall.lab.market.assumptions import DEPTH, FUNDING_OPTION, WITH_JUMPS, Assume, assumptions_of
from seawall.lab.market.book import Book
from seawall.lab.market.book_source import read_book
from seawall.lab.market.price_models import ModelOptions
from seawall.lab.paths.limits import MAX_DRAWDOWN, RISK_CAPITAL
from seawall.lab.size.advice import (
    HOURS_PER_YEAR,
    Advice,
    Odds,
    SimulatedMarket,
    SizeTask,
    advise,
)
from seawall.lab.size.candles import read_trading
from seawall.lab.size.exit import BookSide, book_side
from seawall.lab.size.kelly import Kelly, kelly_of
from seawall.lab.size.margin import margin_rule
from seawall.lab.size.market import (
    SIDES,
    TradedMarket,
    funding_of,
    traded_market,
    with_fee_volume,
)
from seawall.lab.size.sizing import Backing, Trade
from seawall.report import kinds
from seawall.report.findings import Answer, Findings

if TYPE_CHECKING:
    from seawall.lab.size.account import AccountEffect, Place
    from seawall.lab.size.compounding import Compounding
    from seawall.lab.size.exits import Exits
    from seawall.lab.size.horizons import Horizons

DEFAULT_MARKET = "BTC"
DEFAULT_EQUITY = 100_000
LEAST_DEPTH = 0.0001
MOST_VOLUME = 10**15
"""USD a day."""
FARTHEST_STOP = 10
"""Times the price: beyond it (or below one over it) a number is more likely a forgotten %."""
ENTRY_FEES = ("maker", "taker")
READ = (WITH_JUMPS, "volume", *FUNDING, *BOOK)
"""What is read of the assumptions of the market and its assumed ladder."""
DEFAULT_TRADES = 100
MOST_TRADES = 500
DEFAULT_REFILL = 10
"""Seconds, assumed."""
_plain = partial(quantities.number, percent=False)


class RiskOptions(TypedDict, total=False):
    """What may be lost, and what is believed of trades like this one.

    ``risk_capital``: USD or a share of the equity, 50% if not given; ``max_drawdown``: a share of
    the highest equity so far, 30%. ``ruin``: the accepted probability of losing the risk capital,
    for the tables of holding times and the buffer. ``edge``: expected return a year. ``win_rate``:
    of trades, for their compounding over ``trades`` (100); ``payoff``: of a winner, in losses (2).
    ``kelly``: the share of Kelly that is shown as chosen (0.5).
    """

    risk_capital: Amount
    max_drawdown: Amount
    ruin: Amount | None
    edge: Amount | None
    win_rate: Amount | None
    payoff: Amount
    kelly: Amount
    trades: Amount


class SizeResult(Answer, frozen=True, kw_only=True, dict=True):
    """The advice. ``source``: where equity, price and book come from; ``notes``: what is assumed
    of the market. ``place``: where in the account the trade goes; None where an equity was given.
    ``shown``: orders of the book on the side of the exit; None of an assumed one. ``accepted``: the
    probability of ruin; None where holding times are not asked about. ``used``: what the size reads
    of the assumptions of its market.
    """

    task: SizeTask
    advice: Advice
    traded: TradedMarket
    source: str
    notes: Sequence[str]
    used: Used
    place: "Place | None" = None
    shown: int | None = None
    accepted: float | None = None

    @cached_property
    def account(self) -> "AccountEffect | None":
        """What the advised size does to the account; None where it holds nothing."""
        if self.place is None or not self.place.account.positions or not self.advice.size:
            return None
        from seawall.lab.size.account import effect_of

        margin = self._own_margin
        if self.place.bucket is None and margin is None:
            return None
        return effect_of(self.place, self.task, self.advice.size, margin)

    @property
    def _own_margin(self) -> int | None:
        """Micro-USD of a bucket of its own, where the market allows nothing else."""
        if self.place is None or self.place.bucket is not None:
            return None
        rows = (row for row in self.advice.settings if row.leverage == self.advice.setting)
        return next((row.margin for row in rows), None)

    @cached_property
    def horizons(self) -> "Horizons | None":
        """Ruin by holding time, leverage and depth, and the buffer; None where not asked for."""
        if self.accepted is None or not self.advice.size:
            return None
        from seawall.lab.size.account import alone_with, with_trade
        from seawall.lab.size.horizons import horizons_of

        place = self.place or alone_with(self.traded, self.task.equity)
        after = with_trade(place, self.task.trade, self.advice.size, self._own_margin)
        return horizons_of(place, self.task, self.advice, after, self.accepted)

    @cached_property
    def exits(self) -> "Exits | None":
        """Ways to leave: at once, TWAP, POV; None where nothing is to be traded."""
        from seawall.lab.size.exits import exits_of

        return exits_of(self.task, self.advice)

    @cached_property
    def compounding(self) -> "Compounding | None":
        """Many such trades in a row; None without a win rate."""
        from seawall.lab.size.compounding import compounding_of

        return compounding_of(self.task, self.advice)

    @property
    def assumed(self) -> list[AssumedRow]:
        """What was read of the assumptions: by the size, the tail of the account and horizons."""
        used: list[Used | None] = [self.used]
        if self.place is not None and self.task.backing.along is not None:
            from seawall.lab.size.account import betas_used

            used.append(betas_used(self.place, self.traded.assumed))
        if self.account is not None:
            used.append(self.account.used)
        if self.horizons is not None:
            used += self.horizons.used
        return rows_together(*used)

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
    refill: Amount = DEFAULT_REFILL,
    assume: Assume = None,
    **risk: Unpack[RiskOptions],
) -> SizeResult:
    """Find the largest trade whose loss at the stop fits a budget, and the leverage to hold it at.

    It is one more trade of the account. ``equity``: USD instead, without the account's positions;
    if None, that of the bucket that the trade joins. ``price``: USD, else the middle of ``book``,
    else the account's. ``stop``: a price or a distance (``3%``); else the standard deviation of
    these hours. ``book``: a file, URL or venue, held against the assumed ladder of ``depth`` USD
    within 50 bp; else that ladder alone. The share ``stress`` of either is left. ``risk``: as
    ``RiskOptions``. The rest as in docs/commands/size.md. Raises SeawallError.
    """
    if isinstance(book, str | Path):
        book = read_book(str(book), market, venue=account.venue)
    if price is None and book is not None:
        price = book.middle
    assumed = with_fee_volume(assumptions_of(assume), fee_volume)
    traded = _with_depth(traded_market(account, market, price, assumed), depth)
    traded, notes = _trading(traded, volume, volatility, candles, funding)
    books = _book(traded, book)
    deviation = float(traded.assumption(WITH_JUMPS).value)
    held = _above_zero("hours", hours, 87_600, "hours above 0 and at most 87,600, such as 24")
    is_long = quantities.choice("side", side, SIDES) == "long"
    stop_price = _stop_price(traded, stop, is_long=is_long, usual=_usual_stop(deviation, held))
    cleared = quantities.share("clearance", clearance, most=100.0, example="50%")
    left = quantities.share("stress", stress, least=LEAST_DEPTH, example="0.02")
    place, backing, pledged, whose = _behind(traded, equity, stop_price, cleared)
    sides = partial(_sides, traded, depth=left, is_long=is_long)
    trade = _trade(traded, stop_price, held, funding, sides(books.book), entry_fee, place)
    task = SizeTask(
        rulebook=account.rulebook, instrument=traded.instrument, trade=trade,
        calm_exit=book_side(books.book, traded.instrument, bids=is_long),
        equity=pledged, budget=quantities.usd_or_share("loss_budget", loss_budget, pledged),
        clearance=cleared, volume=traded.assumption("volume").value * MICRO,
        participation=quantities.share("participation", participation, example="10%"),
        horizon_hours=held, odds=_odds(deviation, risk), backing=backing,
        risk_capital=_risk_capital(risk.get("risk_capital", RISK_CAPITAL), pledged),
        refill_s=_above_zero("refill", refill, 86_400, "seconds above 0, such as 10"),
        step=traded.size_step, simulated=_simulated(traded, funding),
        ladder=None if books.ladder is None else _on(sides(books.ladder), trade),
    )  # fmt: skip
    return SizeResult(
        task=task, advice=advise(task), traded=traded, place=place,
        source=f"{whose}; {market} at {traded.price_text} USD; {books.words}; {traded.rules}",
        notes=(*notes, *books.notes),
        shown=None if books.ladder is None else _orders(books.book, task),
        accepted=_accepted(risk.get("ruin")), used=traded.used(*READ),
    )  # fmt: skip


def _behind(
    traded: TradedMarket, equity: Amount | None, stop_price: int, clearance: Fraction
) -> "tuple[Place | None, Backing, int, str]":
    """Where the trade goes, what stands behind it, the equity (micro-USD), and whose it is.

    The whole account, unless an equity is given.
    """
    if equity is not None:
        pledged = quantities.usd("equity", equity)
        return None, Backing.alone(pledged), pledged, f"equity {kinds.money(pledged)} USD"
    from seawall.lab.size.account import backing_of, moved_along, place_of

    account, place = traded.account, place_of(traded)
    away = (1 + clearance) * (stop_price - traded.price)
    at = min(MAX_PRICE, max(1, round(traded.price + away)))
    rule = margin_rule(account.rulebook, traded.instrument)
    backing = backing_of(place, moved_along(place, rule, at, traded.assumed))
    if backing.equity <= 0:
        raise InputError(f"{account.source}: the {place.words} has no equity; say the equity")
    whose = f"equity {kinds.money(backing.equity)} USD, the {place.words} of {account.source}"
    return place, backing, backing.equity, whose


def _orders(book: Book, task: SizeTask) -> int:
    """Orders of the book on the side of the exit."""
    return len(book.bids if task.trade.is_long else book.asks)


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
        traded = _with_volatility(traded, deviation, str(candles))
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
        traded = _with_volatility(traded, deviation, "--volatility")
    if funding is not None:
        traded = _replaced(traded, "funding", float(funding_of(funding)), FUNDING_OPTION)
    return traded, notes


def _replaced(traded: TradedMarket, field: str, value: float, source: str) -> TradedMarket:
    """The market with another value of an assumption."""
    return traded._replace(assumed=traded.assumed.given(field, {traded.name: value}, source))


def _with_volatility(traded: TradedMarket, deviation: float, source: str) -> TradedMarket:
    """The market with another volatility, jumps included."""
    most = traded.listed.maximum_leverage
    assumed = traded.assumed.given_with_jumps(traded.name, most, deviation, source)
    return traded._replace(assumed=assumed)


def _with_depth(traded: TradedMarket, depth: Amount | None) -> TradedMarket:
    """The market with the depth that is given for the assumed ladder."""
    if depth is None:
        return traded
    expected = "1000 to 1e9 USD within 50 bp, such as 5000000"
    usd = float(_plain("depth", depth, least=1000, most=10**9, expected=expected))
    return _replaced(traded, DEPTH, usd, "--depth")


class _Books(NamedTuple):
    """The book and the assumed ladder beside it, if it is another; what the book is, and what is
    assumed."""

    book: Book
    ladder: Book | None
    words: str
    notes: tuple[str, ...]


def _book(traded: TradedMarket, book: Book | None) -> _Books:
    ladder, found = traded.ladder()
    deep = f"{kinds.usd(found.usd_within_50bp)} USD within 50 bp per side"
    shape = (
        "20 % of its depth within 10 bp, half within 25 bp, as much again to 100 bp and to 400 bp."
    )
    if book is None:
        note = f"The book is assumed: {shape} --book reads a real one, --depth sets another."
        return _Books(ladder, None, f"an assumed book of {deep}", (note,))
    moment = "" if book.time_ms is None else f" of {kinds.clock(book.time_ms)} UTC"
    words = f"a book{moment} ({len(book.bids)} bids and {len(book.asks)} asks)"
    note = (
        "A book is what was shown at one moment. The size is no larger than the stressed book "
        f"shows, nor than an assumed ladder of {deep} allows: {shape} --depth sets another."
    )
    return _Books(book, ladder, words, (note,))


def _trade(
    traded: TradedMarket,
    stop_price: int,
    hours: Fraction,
    funding: Amount | None,
    sides: tuple[BookSide, BookSide],
    entry_fee: str,
    place: "Place | None",
) -> Trade:
    takes = quantities.choice("entry_fee", entry_fee, ENTRY_FEES) == "taker"
    fees = traded.fees()
    return Trade(
        is_long=stop_price < traded.price,
        entry_price=traded.price,
        stop_price=stop_price,
        entry_book=sides[0] if takes else None,
        exit_book=sides[1],
        # A rebate is no part of being wrong.
        entry_rate=fees.taker if takes else max(0, fees.maker),
        exit_rate=fees.taker,
        funding_rate=abs(traded.funding_rate(funding)),
        settlements=ceil(hours),
        held=0 if place is None else place.held,
    )


def _sides(
    traded: TradedMarket, book: Book, depth: Fraction, *, is_long: bool
) -> tuple[BookSide, BookSide]:
    """What is traded with on the way in, calm, and out, where the share ``depth`` is left."""
    way_in = book_side(book, traded.instrument, bids=not is_long)
    return way_in, book_side(book, traded.instrument, bids=is_long).stressed(depth)


def _on(book: tuple[BookSide, BookSide], trade: Trade) -> Trade:
    """The same trade through another book."""
    entry = None if trade.entry_book is None else book[0]
    return structs.replace(trade, entry_book=entry, exit_book=book[1])


def _simulated(traded: TradedMarket, funding: Amount | None) -> SimulatedMarket:
    """What simulations read. ``funding``: None where the rate moves as it is assumed to."""
    rates = {} if funding is None else {traded.name: funding}
    return {"assume": traded.assumed, "model": ModelOptions(funding=rates)}


def _risk_capital(value: Amount, equity: int) -> int:
    """Micro-USD, at most the equity."""
    found = quantities.usd_or_share("risk_capital", value, equity)
    if found > equity:
        expected = f"at most the equity of {kinds.money(equity)} USD, or a share of it such as 50%"
        raise InputError.of("", "risk_capital", value, expected)
    return found


def _accepted(ruin: Amount | None) -> float | None:
    """The accepted probability of ruin."""
    if ruin is None:
        return None
    return float(quantities.share("ruin", ruin, most=0.99, example="1%"))


def _odds(volatility: float, risk: RiskOptions) -> Odds:
    def multiple(field: str, value: Amount, most: int, example: str) -> float:
        expected = f"above 0 and at most {most}, such as {example}"
        return float(_above_zero(field, value, most, expected))

    expected = f"a whole number from 1 to {MOST_TRADES}, such as 100"
    number = risk.get("trades", DEFAULT_TRADES)
    trades = _plain("trades", number, least=1, most=MOST_TRADES, expected=expected)
    if trades.denominator != 1:
        raise InputError.of("", "trades", number, expected)
    edge, win_rate = risk.get("edge"), risk.get("win_rate")
    most = risk.get("max_drawdown", MAX_DRAWDOWN)
    return Odds(
        volatility=volatility,
        edge=_float(edge, partial(quantities.rate, "edge", most=100.0, example="0.2 or 20%")),
        win_rate=_float(win_rate, partial(quantities.share, "win_rate", example="55%")),
        payoff=multiple("payoff", risk.get("payoff", 2), 1000, "2"),
        kelly_share=multiple("kelly", risk.get("kelly", 0.5), 10, "0.5"),
        trades=int(trades),
        max_drawdown=float(quantities.share("max_drawdown", most, most=0.99, example="30%")),
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
