"""The questions of ``seawall carry``: one position along a funding path, or all of an account.

Quantities are numbers, or texts as people write them (``domain/quantities.py``).
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import partial
from math import ceil
from pathlib import Path

from seawall.accounts.account import Account
from seawall.domain import quantities
from seawall.domain.errors import InputError
from seawall.domain.quantities import Amount
from seawall.domain.rulebook import Rulebook
from seawall.domain.units import FUNDING_ONE, HOUR_MS, MAX_NOTIONAL, MICRO, RATE_ONE, from_units
from seawall.lab.carry.account import AccountCarry, account_carry
from seawall.lab.carry.carry import CarryTrade
from seawall.lab.carry.funding import FundingPath, constant_path, recorded_path, reverting_path
from seawall.lab.carry.outcome import CarryOutcome, CarryTask, outcome_of
from seawall.lab.market.assumption_sheets import BOOK, FUNDING, Used
from seawall.lab.market.assumptions import (
    FUNDING_OPTION,
    Assume,
    assumptions_of,
    leverages_of,
)
from seawall.lab.size.exit import HOURS_PER_DAY, book_side
from seawall.lab.size.margin import margin_rule
from seawall.lab.size.market import (
    SIDES,
    TradedMarket,
    funding_of,
    traded_market,
    with_fee_volume,
)
from seawall.report import kinds
from seawall.report.findings import Answer, Findings

DEFAULT_MARKET = "BTC"
DEFAULT_NOTIONAL = 100_000
DEFAULT_DAYS = 30
MOST_DAYS = 1_825
MOST_FEE = 0.05
DEFAULT_HALF_LIFE = 24
"""Hours."""
BP = 10_000
_plain = partial(quantities.number, percent=False)


class CarryResult(Answer, frozen=True, kw_only=True):
    """One position, carried. ``source``: where price, rules and funding come from; ``notes``: what
    is assumed of them."""

    task: CarryTask
    outcome: CarryOutcome
    source: str
    notes: Sequence[str]
    used: Used

    def findings(self) -> Findings:
        from seawall.lab.carry.sheets import findings

        return findings(self)


class AccountCarryResult(Answer, frozen=True, kw_only=True):
    """All positions of an account, carried at constant prices and rates."""

    account: str
    carried: AccountCarry
    source: str
    notes: Sequence[str]
    used: Used

    def findings(self) -> Findings:
        from seawall.lab.carry.account_sheets import findings

        return findings(self)


def carry(
    account: Account,
    market: str = DEFAULT_MARKET,
    *,
    side: str = "long",
    size: Amount | None = None,
    notional: Amount | None = None,
    leverage: Amount = 10,
    days: Amount | None = None,
    entry_fee: Amount = "taker",
    exit_fee: Amount = "taker",
    fee_volume: Amount | None = None,
    maker_share: Amount | None = None,
    slippage: Amount | None = None,
    funding: Amount | None = None,
    funding_file: str | Path | None = None,
    start_ms: int | None = None,
    revert_to: Amount | None = None,
    half_life: Amount | None = None,
    move: Amount = 0,
    assume: Assume = None,
) -> CarryResult:
    """Count what it costs to hold a position in a market of the account, and the flat price.

    ``size``: coins; else ``notional``: USD, cut to whole lots. ``leverage``: of the isolated
    position. ``days``: 30, or as long as the recorded funding. Fees: ``taker``, ``maker`` or a
    rate. ``slippage``: bp each way that takes, that of an assumed book if None. ``funding``: an
    hour, longs pay. ``start_ms``: in the recorded rates, UTC; their last days if None.
    ``half_life``: hours, 24 if None. ``assume``: a file that changes the assumptions. The rest as
    in docs/commands/carry.md. Raises SeawallError for input that cannot be used.
    """
    is_long = quantities.choice("side", side, SIDES) == "long"
    given = {} if funding is None else {market: float(funding_of(funding))}
    assumed = assumptions_of(assume).given("funding", given, FUNDING_OPTION)
    traded = traded_market(account, market, assume=with_fee_volume(assumed, fee_volume))
    fees = traded.fees(maker_share)
    rates = {"taker": fees.taker, "maker": fees.maker}
    entry, entry_takes = _fee("entry_fee", entry_fee, rates)
    exit_, exit_takes = _fee("exit_fee", exit_fee, rates)
    if slippage is not None and not (entry_takes or exit_takes):
        raise InputError.of("", "slippage", slippage, "left out where neither order takes")
    units = _size(traded, size, notional)
    trade = CarryTrade(
        is_long=is_long,
        size=units,
        price=traded.price,
        entry_rate=entry,
        exit_rate=exit_,
        entry_slippage=_slippage(traded, slippage, units, bids=not is_long) if entry_takes else 0,
        exit_slippage=_slippage(traded, slippage, units, bids=is_long) if exit_takes else 0,
    )
    path = _path(traded, days, funding, funding_file, start_ms, revert_to, half_life)
    most = margin_rule(account.rulebook, traded.instrument).most_leverage(trade.notional)
    task = CarryTask(
        rulebook=account.rulebook,
        instrument=traded.instrument,
        trade=trade,
        leverage=_leverage(leverage, most),
        path=path,
        move=quantities.rate("move", move, most=0.99, example="5%"),
        lot=traded.size_step,
    )
    coins = from_units(units, traded.instrument.size_decimals)
    source = f"{coins} {market} at {traded.price_text} USD; funding {path.words}; {traded.rules}"
    assumed_book = slippage is None and (entry_takes or exit_takes)
    notes = (*([_slippage_note(traded)] if assumed_book else []), *path.notes)
    fields = (*(() if funding_file else FUNDING), *(BOOK if assumed_book else ()))
    return CarryResult(
        task=task, outcome=outcome_of(task), source=source, notes=notes, used=traded.used(*fields)
    )


def carry_account(
    account: Account,
    *,
    days: Amount = DEFAULT_DAYS,
    funding: Iterable[str] | Mapping[str, Amount] = (),
    assume: Assume = None,
) -> AccountCarryResult:
    """Count what each bucket of the account pays or receives, and when funding alone liquidates it.

    ``funding``: rates of an hour that longs pay, by market or as ``BTC=0.00002``, a bare one for
    all; else the venue's, else what is assumed, of which ``assume`` is a file with changes. Raises
    SeawallError for input that cannot be used.
    """
    from seawall.accounts.valuation import valuation_of

    names = [each.name for each in account.instruments]
    hours = max(1, int(_days(days) * HOURS_PER_DAY))
    given = quantities.assignments("funding", funding, lambda field, rate: funding_of(rate, field))
    given = quantities.for_markets("funding", given, names)
    if not account.holdings.positions:
        raise InputError(f"{account.source}: has no positions")
    venues = {name: Fraction(repr(rate)) for name, rate in account.funding.items()}
    leverages = leverages_of(account.listed[name] for name in names)
    assumed = assumptions_of(assume).given("funding", given, FUNDING_OPTION)
    rates = {
        name: venues[name]
        if name in venues and name not in given
        else assumed.of("funding", name, leverages[name]).value
        for name in names
    }
    counted = {name: round(rate * FUNDING_ONE) for name, rate in rates.items()}
    carried = account_carry(valuation_of(account), counted, hours)
    unknown = [name for name in names if name not in given and name not in venues]
    notes = []
    if unknown:
        notes.append(
            f"The funding rate now is not known for {', '.join(unknown)}: longs pay the rate that "
            "is assumed. --funding sets other rates."
        )
    known = "the venue's rates now" if venues and not given else "constant rates"
    rules = f"rules of {account.rulebook.name} as of {account.rulebook.as_of}"
    source = f"{account.source}; {known}; {rules}"
    used = Used(
        assumptions=assumed, leverages=leverages, fields=FUNDING,
        rates_now=account.funding,
    )  # fmt: skip
    return AccountCarryResult(
        account=account.name, carried=carried, source=source, notes=notes, used=used
    )


def _days(days: Amount) -> Fraction:
    expected = f"days above 0 and at most {MOST_DAYS:,}, such as 30"
    return _plain("days", days, least=0, most=MOST_DAYS, expected=expected, above=True)


def _size(traded: TradedMarket, size: Amount | None, notional: Amount | None) -> int:
    """Size units: coins, or USD cut to whole lots."""
    most = f"at most {MAX_NOTIONAL // MICRO:,} USD"
    if size is None:
        field, value = "notional", DEFAULT_NOTIONAL if notional is None else notional
        expected = f"one lot ({from_units(traded.price, 6)} USD) or more and {most}"
        exact = Fraction(quantities.usd(field, value) // traded.price)
    elif notional is not None:
        raise InputError.of("", "notional", notional, "left out beside a size")
    else:
        field, value, decimals = "size", size, traded.instrument.size_decimals
        expected = f"coins above 0 with at most {decimals} decimals, and {most}"
        exact = 10**decimals * _plain(
            field, value, least=0, most=MAX_NOTIONAL, expected=expected, above=True
        )
    if exact.denominator != 1 or not 1 <= exact <= MAX_NOTIONAL // traded.price:
        raise InputError.of("", field, value, expected)
    return int(exact)


def _leverage(value: Amount, most: int) -> int:
    expected = f"a whole number from 1 to {most}, the most at this size"
    found = _plain("leverage", value, least=1, most=most, expected=expected)
    if found.denominator != 1:
        raise InputError.of("", "leverage", value, expected)
    return int(found)


def _fee(field: str, value: Amount, rates: Mapping[str, int]) -> tuple[int, bool]:
    """(rate in 1e-9, whether the order takes): by a word, or a rate, which takes if it is paid."""
    if isinstance(value, str) and value in rates:
        return rates[value], value == "taker"
    example = f"taker, maker or a rate from -{MOST_FEE:g} to {MOST_FEE:g}, such as 0.00045"
    found = quantities.number(field, value, least=-MOST_FEE, most=MOST_FEE, expected=example)
    return round(found * RATE_ONE), found > 0


def _slippage(traded: TradedMarket, slippage: Amount | None, size: int, *, bids: bool) -> int:
    """1e-9 of the value, rounded up."""
    if slippage is not None:
        expected = "bp from 0 to 5000, such as 2"
        return ceil(
            _plain("slippage", slippage, least=0, most=5000, expected=expected) * RATE_ONE / BP
        )
    book, _ = traded.ladder()
    return ceil(book_side(book, traded.instrument, bids=bids).exit(size).share * RATE_ONE)


def _slippage_note(traded: TradedMarket) -> str:
    _, depth = traded.ladder()
    return (
        f"Slippage is that of an assumed book with {kinds.usd(depth.usd_within_50bp)} USD within "
        "50 bp per side, in calm. --slippage sets another; seawall size reads real books."
    )


def _path(
    traded: TradedMarket,
    days: Amount | None,
    funding: Amount | None,
    file: str | Path | None,
    start_ms: int | None,
    revert_to: Amount | None,
    half_life: Amount | None,
) -> FundingPath:
    """Settlements of a file, or those of the rules: at a constant rate or back to a mean."""
    held = None if days is None else _days(days)
    if file is not None:
        rates = {"funding": funding, "revert_to": revert_to, "half_life": half_life}
        for field, value in rates.items():
            if value is not None:
                expected = "left out beside a funding_file, which has rates of its own"
                raise InputError.of("", field, value, expected)
        return recorded_path(
            Path(file), traded.name, start_ms, None if held is None else float(held)
        )
    if start_ms is not None:
        raise InputError.of("", "start_ms", start_ms, "left out without a funding_file")
    if half_life is not None and revert_to is None:
        expected = "left out without a rate to which funding goes back"
        raise InputError.of("", "half_life", half_life, expected)
    rules = traded.account.rulebook
    # A rate of an hour is paid in parts where the rules settle more often.
    settled = rules.funding.settlement_ms if isinstance(rules, Rulebook) else rules.funding.tick_ms
    each = Fraction(settled, HOUR_MS)
    count = max(1, ceil((DEFAULT_DAYS if held is None else held) * HOURS_PER_DAY / each))
    now = round(traded.funding_rate(funding) * each)
    if revert_to is None:
        return constant_path(now, count, each)
    mean = round(funding_of(revert_to, "revert_to") * FUNDING_ONE * each)
    expected = "hours above 0 and at most 100,000, such as 24"
    given = DEFAULT_HALF_LIFE if half_life is None else half_life
    half = _plain("half_life", given, least=0, most=10**5, expected=expected, above=True)
    return reverting_path(now, mean, float(half), count, each)
