"""The question of ``seawall options``: which presets, which moment, and the account's answer."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from seawall.accounts.account import Account
from seawall.domain import quantities
from seawall.domain.errors import InputError
from seawall.domain.quantities import Amount
from seawall.lab.market.assumption_sheets import Used
from seawall.lab.market.assumptions import (
    FUNDING_OPTION,
    Assume,
    assumptions_of,
    leverages_of,
)
from seawall.lab.market.candle_file import PathError
from seawall.lab.market.market_path import parse_time
from seawall.lab.options.analysis import (
    ByVolatility,
    Cell,
    Deleveraged,
    Hedge,
    Moment,
    Pooling,
    UnderPreset,
    by_volatility,
    cells,
    deleveraged,
    hedges,
    moments,
    over_time,
    pooling,
    under_preset,
)
from seawall.lab.options.held import Held, held_of, surface_of
from seawall.lab.options.pool import AnyRule, Rule
from seawall.lab.options.preset import AnyPreset, RatioPreset, load_preset, preset_names
from seawall.lab.options.ratio import RatioRule
from seawall.lab.size.margin import margin_rule
from seawall.lab.size.market import funding_of
from seawall.report.findings import Answer, Findings

DELEVERAGED_AFTER = "10%"
MOST_DAYS = 3_650
FUNDING = ("funding",)


class OptionsResult(Answer, frozen=True, kw_only=True, eq=False):
    """An account under several presets. ``unusable``: presets that cannot margin it, and why.

    ``strictest``: the place of the preset that asks most initial margin; sentences are about it.
    """

    held: Held
    unusable: Mapping[str, str]
    now: Sequence[UnderPreset]
    pooled: Sequence[Pooling]
    hedges: Sequence[Hedge]
    by_volatility: Sequence[ByVolatility]
    cells: Sequence[Cell]
    deleveraged: Sequence[Deleveraged]
    over_time: Sequence[Moment]
    used: Used

    @property
    def strictest(self) -> int:
        return max(range(len(self.now)), key=lambda place: self.now[place].total.initial)

    def findings(self) -> Findings:
        from seawall.lab.options.sheets import findings

        return findings(self)


def options(
    account: Account,
    *,
    presets: str | Path | Sequence[str | Path] = (),
    surface: str | Path | None = None,
    time: str | None = None,
    days: Amount | None = None,
    deleveraged_after: Amount = DELEVERAGED_AFTER,
    funding: Iterable[str] | Mapping[str, Amount] = (),
    assume: Assume = None,
) -> OptionsResult:
    """Margin an account of perpetuals and options as one portfolio, and look at what it may meet.

    ``presets``: shipped ones by name, or files; all that ship if empty. ``surface``: a file of
    option quotes, for options without a volatility of their own. ``time``: the moment now, UTC; the
    account's, else that of the surface. ``days``: how far to look; until the last expiry if None.
    ``deleveraged_after``: how far a price goes in favour of a perpetual before it is deleveraged.
    ``funding``: rates of an hour that longs pay, by market or as ``BTC=0.00002``. Raises
    SeawallError for input that cannot be used.
    """
    if not (account.positions or account.options or account.holdings.coins):
        raise InputError(f"{account.source}: option: the account has none, and no position")
    wanted = [load_preset(each) for each in (quantities.several(presets) or preset_names())]
    after = float(_move(deleveraged_after))
    horizon = None if days is None else float(_days(days))
    held = _held(account, surface, time)
    rates, used = _rates(account, funding, assume)
    rules, unusable = _rules(wanted, rates, held)
    books, cash = held.portfolios, held.cash
    mixed = [name for name, each in books.items() if each.futures and len(each.options)]
    with_options = [name for name, each in books.items() if len(each.options)]
    each_of = [(rule, name) for rule in rules for name in books]
    return OptionsResult(
        held=held,
        unusable=unusable,
        now=[under_preset(rule, books, cash) for rule in rules],
        pooled=[pooling(rule, books, cash) for rule in rules],
        hedges=[
            found
            for rule, name in each_of
            if name in with_options
            for found in hedges(rule, name, books[name])
        ],
        by_volatility=[
            found
            for rule, name in each_of
            if name in with_options
            for found in by_volatility(rule, books, cash, name)
        ],
        cells=[found for rule, name in each_of for found in cells(rule, books, cash, name)],
        deleveraged=[
            found
            for rule, name in each_of
            if name in mixed
            for found in deleveraged(rule, books, cash, name, after)
        ],
        over_time=[
            found
            for rule in rules
            for found in over_time(rule, books, cash, moments(books, horizon))
        ],
        used=used,
    )


def _rules(
    wanted: Sequence[AnyPreset], rates: Mapping[str, float], held: Held
) -> tuple[list[AnyRule], dict[str, str]]:
    """The presets that can margin the account, and why the others cannot.

    Raises InputError where none can.
    """
    account = held.account
    rules: list[AnyRule] = []
    unusable = {}
    for preset in wanted:
        rule: AnyRule
        if isinstance(preset, RatioPreset):
            margins = {
                each.name: margin_rule(account.rulebook, each) for each in account.instruments
            }
            rule = RatioRule(preset=preset, margins=margins, funding=rates)
        else:
            rule = Rule(preset=preset, funding=rates)
        if refusal := rule.refusal(held.portfolios):
            unusable[rule.name] = refusal
        else:
            rules.append(rule)
    if not rules:
        named = "; ".join(f"{name} {why}" for name, why in unusable.items())
        raise InputError(f"{account.source}: preset: none can margin the account: {named}")
    return rules, unusable


def _held(account: Account, file: str | Path | None, time: str | None) -> Held:
    """The account at the moment that is asked for, else its own, else that of its quotes."""
    moment = account.time_ms if time is None else _moment(time)
    quotes = surface_of(account, file, moment)
    if moment is None and quotes is not None:
        moment = quotes.time_ms
    if moment is None:
        if account.options:
            raise InputError(
                f"{account.source}: time: is missing; write the time of its prices (UTC) such as "
                "2025-10-10T20:00:00Z, or give --time"
            )
        moment = 0
    return held_of(account, quotes, moment)


def _moment(text: str) -> int:
    try:
        return parse_time(text, "time")
    except PathError:
        expected = "a time (UTC) such as 2025-10-10T20:00"
        raise InputError.of("", "time", text, expected) from None


def _days(days: Amount) -> Fraction:
    expected = f"days above 0 and at most {MOST_DAYS:,}, such as 30"
    return quantities.number(
        "days", days, least=0, most=MOST_DAYS, expected=expected, above=True, percent=False
    )


def _move(move: Amount) -> Fraction:
    sign, size = quantities.percent_move("deleveraged_after", move, highest=90, example="10%")
    if sign < 0:
        expected = "without a sign: the move is in favour of the perpetual, such as 10%"
        raise InputError.of("", "deleveraged_after", move, expected)
    return size


def _rates(
    account: Account, funding: Iterable[str] | Mapping[str, Amount], assume: Assume
) -> tuple[dict[str, float], Used]:
    """Funding an hour by market: given, else the venue's now, else assumed."""
    names = list(account.markets)
    given = quantities.assignments("funding", funding, lambda field, rate: funding_of(rate, field))
    given = quantities.for_markets("funding", given, names)
    leverages = leverages_of(account.listed[name] for name in names)
    assumed = assumptions_of(assume).given("funding", given, FUNDING_OPTION)
    venues = {name: each for name, each in account.funding.items() if name not in given}
    rates = {
        name: venues.get(name, float(assumed.of("funding", name, leverages[name]).value))
        for name in names
    }
    used = Used(assumptions=assumed, leverages=leverages, fields=FUNDING, rates_now=account.funding)
    return rates, used
