"""What stays the same of an account on every path, in the units that the guard counts in."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seawall.accounts.account import Account
from seawall.domain.rulebook import BlockRulebook
from seawall.domain.units import PPM
from seawall.lab.arrays import Integers, Mask
from seawall.lab.guard_test.watch import Scales
from seawall.lab.paths.kernels.task import PathAccount


class Terms(NamedTuple):
    """m markets, b buckets. ``steps``: of sizes. ``start_units``, ``entry``: (m,) signed
    units and micro-USD of the entries. ``holds``: (b, m) which bucket holds a market. ``rates``: of
    each market, ppm by tier.
    """

    account: PathAccount
    scales: Scales
    decimals: Sequence[int]
    steps: Sequence[int]
    start_units: Integers
    entry: Integers
    holds: Mask
    rates: Sequence[Sequence[int]]


def terms_of(account: Account, made: PathAccount) -> Terms:
    """The terms of an account and of the same for the kernel."""
    named = {each.name: each for each in account.instruments}
    held = {account.instruments[each.market].name: each for each in account.positions}
    in_blocks = isinstance(account.rulebook, BlockRulebook)
    size_decimals = [named[each].size_decimals for each in made.markets]
    price_decimals = [named[each].price_decimals for each in made.markets]
    return Terms(
        account=made,
        scales=Scales(10.0 ** np.array(size_decimals), 10.0 ** np.array(price_decimals)),
        decimals=size_decimals,
        steps=[named[each].size_step(in_blocks=in_blocks) for each in made.markets],
        start_units=np.array([held[each].signed_size for each in made.markets]),
        entry=np.array([held[each].entry_notional for each in made.markets]),
        holds=np.arange(len(made.cash))[:, None] == np.asarray(made.bucket)[None, :],
        rates=np.ceil(PPM * made.tiers[1] - 1e-6).astype(np.int64).tolist(),
    )
