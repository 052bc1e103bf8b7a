"""An account in portfolio margin: what it holds at a moment, and the rules that margin it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

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
from seawall.lab.options.held import Held, held_of, surface_of
from seawall.lab.options.pool import AnyRule, Rule
from seawall.lab.options.preset import AnyPreset, RatioPreset, load_preset, preset_names
from seawall.lab.options.ratio import RatioRule
from seawall.lab.size.margin import margin_rule
from seawall.lab.size.market import funding_of
from seawall.lab.sourced_file import each_once

Presets = str | Path | Sequence[str | Path]
"""Shipped presets by name, or files; all that ship if empty."""
Rates = Iterable[str] | Mapping[str, Amount]
"""Funding rates of an hour that longs pay, by market or as ``BTC=0.00002``."""
FUNDING = ("funding",)


class Pooled(Struct, frozen=True, kw_only=True, eq=False):
    """An account and the presets that can margin it.

    ``unusable``: presets that cannot, and why. ``used``: what was read of the assumptions.
    """

    held: Held
    rules: Sequence[AnyRule]
    unusable: Mapping[str, str]
    used: Used

    @property
    def strictest(self) -> AnyRule:
        """The rule that asks most initial margin now."""
        books, cash = self.held.portfolios, self.held.cash
        return max(self.rules, key=lambda each: each.total(books, cash).initial)


def pooled(
    account: Account,
    *,
    presets: Presets = (),
    surface: str | Path | None = None,
    time: str | None = None,
    funding: Rates = (),
    assume: Assume = None,
) -> Pooled:
    """The account at a moment under presets. Raises InputError for what cannot be used."""
    if not (account.positions or account.options or account.holdings.coins):
        raise InputError(f"{account.source}: option: the account has none, and no position")
    names = quantities.several(presets) or preset_names()
    wanted = each_once("preset", map(load_preset, names))
    held = _held(account, surface, time)
    rates, used = _rates(account, funding, assume)
    rules, unusable = _rules(wanted, rates, held)
    return Pooled(held=held, rules=rules, unusable=unusable, used=used)


def stands_in_a_pool(account: Account) -> bool:
    """Whether it holds what only portfolio margin counts: options, coins or a debt."""
    holdings = account.holdings
    return bool(holdings.options or holdings.coins or holdings.borrowed)


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
