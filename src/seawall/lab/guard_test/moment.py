"""The account on many paths at one moment, in the whole units that the guard counts in."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seawall.accounts.account import Account
from seawall.domain.units import MICRO
from seawall.lab.arrays import Floats, Integers, Mask
from seawall.lab.paths.kernels.task import PathAccount


class Terms(NamedTuple):
    """What stays the same on every path. m markets, b buckets.

    ``coin``, ``cent``: (m, 1) units of a coin and of a USD of price. ``start_units``, ``entry``:
    (m,) signed units and micro-USD of the entries. ``holds``: (b, m) which bucket holds a market.
    """

    account: PathAccount
    coin: Floats
    cent: Floats
    decimals: Sequence[int]
    start_units: Integers
    entry: Integers
    holds: Mask


def terms_of(account: Account, made: PathAccount) -> Terms:
    """The terms of an account and of the same for the kernel."""
    named = {each.name: each for each in account.instruments}
    held = {account.instruments[each.market].name: each for each in account.positions}
    size_decimals = [named[each].size_decimals for each in made.markets]
    price_decimals = [named[each].price_decimals for each in made.markets]
    return Terms(
        account=made,
        coin=10.0 ** np.array(size_decimals)[:, None],
        cent=10.0 ** np.array(price_decimals)[:, None],
        decimals=size_decimals,
        start_units=np.array([held[each].signed_size for each in made.markets]),
        entry=np.array([held[each].entry_notional for each in made.markets]),
        holds=np.arange(len(made.cash))[:, None] == np.asarray(made.bucket)[None, :],
    )


class Moment(NamedTuple):
    """n paths. ``marks``, ``units``: (m, n). ``equity``: (b, n) micro-USD. ``needed``: (m, n) and
    ``maintenance``: (b, n) micro-USD of maintenance margin, not rounded."""

    marks: Integers
    units: Integers
    cash: Integers
    equity: Integers
    needed: Floats
    maintenance: Floats

    @property
    def whole(self) -> Integers:
        """(n,) micro-USD of equity of the account."""
        result: Integers = self.equity.sum(axis=0)
        return result


def moment_of(terms: Terms, price: Floats, size: Floats, cash: Floats) -> Moment:
    """The moment at prices and sizes (m, n) and cash (b, n) as the kernel has them."""
    marks = np.maximum(1, np.rint(price * terms.cent).astype(np.int64))
    units = np.rint(size * terms.coin).astype(np.int64)
    value = units * marks
    money = np.rint(cash * MICRO).astype(np.int64)
    needed = MICRO * terms.account.maintenance(np.abs(value) / MICRO)
    needed[units == 0] = 0.0
    holds = terms.holds.astype(np.int64)
    return Moment(marks, units, money, money + holds @ value, needed, terms.holds @ needed)


def liquidation_prices(terms: Terms, now: Moment) -> Floats:
    """(m, n) price units at which each position, moving alone, is liquidated; nan for none.

    Equity equals maintenance margin there: one equation for each tier, true in one of them.
    """
    account = terms.account
    lower, rates, deductions = MICRO * account.tiers[0], account.tiers[1], MICRO * account.tiers[2]
    bucket = np.asarray(account.bucket)
    value = (now.units * now.marks).astype(np.float64)
    rest = now.maintenance[bucket] - now.needed - (now.equity[bucket] - value)
    size = now.units.astype(np.float64)
    found = np.full(size.shape, np.nan)
    for tier in range(lower.shape[1]):
        slope = size - rates[:, tier, None] * np.abs(size)
        with np.errstate(divide="ignore", invalid="ignore"):
            at = (rest - deductions[:, tier, None]) / slope
            notional = np.abs(size) * at
        upper = lower[:, tier + 1, None] if tier + 1 < lower.shape[1] else np.inf
        is_here = (at > 0) & (notional >= lower[:, tier, None]) & (notional < upper)
        found[is_here] = at[is_here]
    return found
