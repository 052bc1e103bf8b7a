"""What ``seawall carry`` is given, read and checked: one position, or all of an account."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, NamedTuple

from cyclopts import Parameter

from seawall.accounts.account import Account
from seawall.accounts.load import load_account
from seawall.cli import size_values as values
from seawall.cli.params import SignedTexts
from seawall.cli.size_inputs import (
    MOST_FUNDING,
    SIDES,
    Trade,
    read_fees,
    read_funding,
    read_trade,
)
from seawall.cli.size_options import MarketSource, Signed
from seawall.domain.errors import InputError
from seawall.domain.rulebook import Rulebook
from seawall.domain.units import (
    FUNDING_ONE,
    MAX_NOTIONAL,
    MAX_SIZE,
    MICRO,
    RATE_ONE,
    UnitError,
    from_units,
    to_units,
)
from seawall.lab.carry.carry import CarryTrade
from seawall.lab.carry.funding import FundingPath, constant_path, recorded_path, reverting_path
from seawall.lab.carry.outcome import CarryTask
from seawall.lab.market.book import ladder_book
from seawall.lab.market.liquidity import default_depth
from seawall.lab.market.market_path import parse_time
from seawall.lab.simulation.valuation import Valuation, ValuationError
from seawall.lab.size.defaults import default_funding
from seawall.lab.size.exit import book_side
from seawall.lab.size.margin import margin_rule

DEFAULT_NOTIONAL = "100000"
DEFAULT_DAYS = Fraction(30)
MOST_DAYS = 1_825
HOUR_MS = 3_600_000
HOURS_PER_DAY = 24
MOST_FEE = 0.05
BP = 10_000


@Parameter(name="*")
@dataclass(frozen=True)
class CarryOptions:
    """The position, its costs and the way of funding; texts, checked here."""

    side: str = "long"
    """long or short."""
    size: str | None = None
    """Coins; or say how large with --notional."""
    notional: str | None = None
    """USD at the price now, cut to whole lots; 100000 if neither is given."""
    leverage: str = "10"
    """Of the isolated bucket that holds the position."""
    days: str | None = None
    """How long it is held; 30, or as long as the recorded funding."""
    entry_fee: Signed = "taker"
    """taker, maker, or a rate such as 0.00035; negative for a rebate."""
    exit_fee: Signed = "taker"
    """taker, maker, or a rate."""
    fee_volume: str | None = None
    """USD traded by you in the venue's fee window, for the fee tier."""
    maker_share: str | None = None
    """Your part of all maker volume of the venue, for a rebate."""
    slippage: str | None = None
    """bp each way that takes; without it, what an assumed book costs at this size."""
    funding: SignedTexts = None
    """Funding rate an hour that longs pay; with an account also as BTC=0.00002."""
    funding_file: Path | None = None
    """Recorded funding rates, parquet or CSV."""
    from_: Annotated[str | None, Parameter(name="--from")] = None
    """Start in the recorded rates, UTC; without it their last days."""
    revert_to: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None
    """The rate an hour to which funding goes back."""
    half_life: str = "24"
    """Hours in which half of the way back is gone."""
    move: Signed = "0"
    """How far the price goes until the end, on a straight line, as 5%."""


class CarryInputs(NamedTuple):
    """One position, and what is said about it."""

    task: CarryTask
    about: str
    assumptions: tuple[str, ...]


class AccountInputs(NamedTuple):
    """All positions of an account; ``rates``: 1e-12 an hour by market."""

    account: Account
    valuation: Valuation
    rates: Mapping[str, int]
    hours: int


def read_carry(market: str, source: MarketSource, options: CarryOptions) -> CarryInputs:
    """Raises InputError."""
    values.choice("--side", options.side, SIDES)
    trade = read_trade(market, source)
    path = _path(trade, options)
    position, slippage_words = _position(trade, options)
    rule = margin_rule(trade.account.rulebook, trade.instrument)
    most = rule.most_leverage(position.notional)
    wish = f"should be a whole number from 1 to {most}, the most at this size"
    leverage = values.plain("--leverage", options.leverage, 1, most, wish)
    if leverage.denominator != 1:
        raise InputError(f"--leverage: {options.leverage!r} {wish}")
    task = CarryTask(
        rulebook=trade.account.rulebook,
        instrument=trade.instrument,
        trade=position,
        leverage=int(leverage),
        path=path,
        move=values.rate("--move", options.move, 0.99, "5%"),
    )
    price = from_units(trade.price, trade.instrument.price_decimals)
    book = trade.account.rulebook
    about = (
        f"{from_units(position.size, trade.instrument.size_decimals)} {market} at {price} USD; "
        f"funding {path.words}; rules of {book.name} as of {book.as_of}"
    )
    return CarryInputs(task, about, (*slippage_words, *path.notes))


def _position(trade: Trade, options: CarryOptions) -> tuple[CarryTrade, tuple[str, ...]]:
    size = _size(trade, options)
    entry, entry_takes = _fee(trade, options, "--entry-fee", options.entry_fee)
    exit_, exit_takes = _fee(trade, options, "--exit-fee", options.exit_fee)
    is_long = options.side == "long"
    way_in, words = _slippage(trade, options, size, bids=not is_long)
    way_out, _ = _slippage(trade, options, size, bids=is_long)
    position = CarryTrade(
        is_long=is_long,
        size=size,
        price=trade.price,
        entry_rate=entry,
        exit_rate=exit_,
        entry_slippage=way_in if entry_takes else 0,
        exit_slippage=way_out if exit_takes else 0,
    )
    return position, words if entry_takes or exit_takes else ()


def _size(trade: Trade, options: CarryOptions) -> int:
    """Size units: coins as said, or USD cut to whole lots."""
    decimals = trade.instrument.size_decimals
    if options.size is not None:
        if options.notional is not None:
            raise InputError("--notional: give this or --size, not both")
        try:
            size = to_units(options.size, decimals, MAX_SIZE)
        except UnitError as error:
            raise InputError(f"--size: {error}") from None
        if size < 1 or size * trade.price > MAX_NOTIONAL:
            raise InputError(
                f"--size: {options.size!r} should be above 0 and at most "
                f"{MAX_NOTIONAL // MICRO:,} USD"
            )
        return size
    text = options.notional or DEFAULT_NOTIONAL
    size = values.usd("--notional", text) // trade.price
    if size < 1 or size * trade.price > MAX_NOTIONAL:
        smallest = from_units(trade.price, 6)
        raise InputError(
            f"--notional: {text!r} should be one lot ({smallest} USD) or more and at most "
            f"{MAX_NOTIONAL // MICRO:,} USD"
        )
    return size


def _fee(trade: Trade, options: CarryOptions, option: str, text: str) -> tuple[int, bool]:
    """(rate in 1e-9, whether the order takes): a word, or a rate, which takes if it is paid."""
    part = Fraction(0)
    if options.maker_share is not None:
        part = values.share("--maker-share", options.maker_share, 1.0, "1%")
    if text in ("maker", "taker"):
        return read_fees(trade, options.fee_volume, part).rate(text), text == "taker"
    try:
        rate = values.rate(option, text, MOST_FEE, "0.00045")
    except InputError:
        raise InputError(
            f"{option}: {text[:40]!r} should be taker, maker or a rate from -{MOST_FEE:g} to "
            f"{MOST_FEE:g}, such as 0.00045"
        ) from None
    return round(rate * RATE_ONE), rate > 0


def _slippage(
    trade: Trade, options: CarryOptions, size: int, *, bids: bool
) -> tuple[int, tuple[str, ...]]:
    """1e-9 of the value, rounded up, and what is assumed about it."""
    if options.slippage is not None:
        wish = "should be bp from 0 to 5000, such as 2"
        said = values.plain("--slippage", options.slippage, 0, 5000, wish)
        return -int(-said * RATE_ONE // BP // 1), ()
    depth = default_depth(trade.listed)
    book = ladder_book(trade.instrument, depth, trade.price / 10**trade.instrument.price_decimals)
    left = book_side(book, trade.instrument, bids=bids).exit(size)
    words = (
        f"Slippage is that of an assumed book with {depth.usd_within_50bp:,.0f} USD within 50 bp "
        "per side, in calm. --slippage sets another; seawall size reads real books.",
    )
    return -int(-left.share * RATE_ONE // 1), words


def _interval_hours(book: object) -> Fraction:
    """Hours between two settlements of the rules."""
    if isinstance(book, Rulebook):
        return Fraction(book.funding.settlement_ms, HOUR_MS)
    return Fraction(getattr(book, "funding").tick_ms, HOUR_MS)  # noqa: B009


def _days(options: CarryOptions) -> Fraction | None:
    if options.days is None:
        return None
    wish = f"should be days above 0 and at most {MOST_DAYS:,}, such as 30"
    return values.plain("--days", options.days, 0, MOST_DAYS, wish, above=True)


def _path(trade: Trade, options: CarryOptions) -> FundingPath:
    days = _days(options)
    said = options.funding or []
    if len(said) > 1 or any("=" in text for text in said):
        raise InputError(f"--funding: {' '.join(said)}: one rate; several belong to an --account")
    if options.funding_file is not None:
        if said or options.revert_to is not None:
            raise InputError("--funding-file: stands alone; leave out --funding and --revert-to")
        from_ms = None if options.from_ is None else parse_time(options.from_, "--from")
        lasting = None if days is None else float(days)
        return recorded_path(options.funding_file, trade.market, from_ms, lasting)
    if options.from_ is not None:
        raise InputError(f"--from: {options.from_}: belongs to a --funding-file")
    each = _interval_hours(trade.account.rulebook)
    count = max(1, -int(-(days or DEFAULT_DAYS) * HOURS_PER_DAY / each // 1))
    now = round(read_funding(trade, said[0] if said else None) * each)
    if options.revert_to is None:
        return constant_path(now, count, each)
    mean = values.rate("--revert-to", options.revert_to, MOST_FUNDING, "0.0000125")
    wish = "should be hours above 0 and at most 100,000, such as 24"
    half = values.plain("--half-life", options.half_life, 0, 100_000, wish, above=True)
    return reverting_path(now, round(mean * FUNDING_ONE * each), float(half), count, each)


def read_account_carry(source: MarketSource, options: CarryOptions) -> AccountInputs:
    """Raises InputError."""
    for name, value in (("--size", options.size), ("--notional", options.notional)):
        if value is not None:
            raise InputError(f"{name}: {value}: an --account brings its own positions")
    if options.funding_file is not None or options.revert_to is not None:
        raise InputError("--funding-file, --revert-to: an --account is carried at constant rates")
    account = load_account(source.account, source.options(None))
    if not account.positions:
        raise InputError(f"{account.source}: has no positions")
    try:
        valuation = Valuation(
            account.holdings, account.rulebook, account.instruments, account.prices
        )
    except ValuationError as error:
        raise InputError(f"{account.source}: {error}") from None
    days = _days(options) or DEFAULT_DAYS
    hours = max(1, int(days * HOURS_PER_DAY))
    return AccountInputs(account, valuation, _rates(account, options), hours)


def _rates(account: Account, options: CarryOptions) -> dict[str, int]:
    """1e-12 an hour by market: said for it, said for all, told by the source, else the usual."""
    names = [each.name for each in account.instruments]
    everywhere: Fraction | None = None
    own: dict[str, Fraction] = {}
    for text in options.funding or []:
        name, equals, rate = text.rpartition("=")
        found = values.rate("--funding", rate, MOST_FUNDING, "0.0000125")
        if not equals:
            everywhere = found
        elif name in names:
            own[name] = found
        else:
            raise InputError(f"--funding: {name!r} is not one of the markets: {', '.join(names)}")
    usual = default_funding(account.rulebook) if everywhere is None else everywhere
    told = {} if everywhere is not None else account.funding
    return {
        name: round(
            own.get(name, Fraction(repr(told[name])) if name in told else usual) * FUNDING_ONE
        )
        for name in names
    }
