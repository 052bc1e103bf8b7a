"""The same population under every rulebook: one account a bucket, at leverage all rules allow.

An isolated position of a trader is an account of its own here, because that is what it is where
rules know no isolated mode; where they do, the account holds it isolated. So who is liquidated and
who is not can be compared one by one.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from seawall.domain.holdings import Holdings
from seawall.domain.instrument import Instrument, MarginTier
from seawall.lab.cascade.setup import sizes_held
from seawall.lab.crises.setup import Rules, Script
from seawall.lab.simulation.population import Distribution, Population, draw_population
from seawall.lab.simulation.setup import price_units

PPM = 1_000_000
Integers = NDArray[np.int64]


def draw_crisis_population(
    script: Script, rules: Sequence[Rules], plan: Holdings, accounts: int, seed: int
) -> Population:
    """The other accounts when the script begins; ``accounts`` of the crowd are drawn, 0 for none.

    Longs equal shorts in every market, the account under study included.
    """
    instruments = common_terms([each.instruments for each in rules])
    first = np.asarray([script.path.oracle[each.name][0] for each in instruments])
    prices = price_units(instruments, first)
    facts = script.facts
    distribution = Distribution(
        accounts=accounts,
        long_share=facts.long_share,
        leverage_median=facts.leverage,
        leverage_sigma=facts.spread,
    )
    drawn = draw_population(
        distribution, instruments, prices, np.asarray(script.interest),
        sizes_held(plan, len(prices)), seed,
    )  # fmt: skip
    return one_bucket_each(drawn, prices)


def common_terms(lists: Sequence[Sequence[Instrument]]) -> list[Instrument]:
    """The markets with the least leverage that any of the lists allows at each size."""
    found = []
    for several in zip(*lists, strict=True):
        bounds = sorted({tier.lower_bound for each in several for tier in each.tiers})
        tiers = [
            MarginTier(bound, min(_largest_at(each, bound) for each in several)) for bound in bounds
        ]
        kept = [
            tier
            for number, tier in enumerate(tiers)
            if not number or tier.maximum_leverage < tiers[number - 1].maximum_leverage
        ]
        found.append(structs.replace(several[0], tiers=tuple(kept), block_terms=None))
    return found


def _largest_at(instrument: Instrument, bound: int) -> int:
    """Whole leverage that a market allows a position of so many micro-USD."""
    terms = instrument.block_terms
    if terms is not None:
        return PPM // terms.fractions.initial_ppm
    return [t.maximum_leverage for t in instrument.tiers if t.lower_bound <= bound][-1]


def one_bucket_each(population: Population, prices: Integers) -> Population:
    """Every isolated position as an account of its own, with its margin as all it has."""
    apart = population.is_isolated
    owner = population.owner.copy()
    owner[apart] = population.accounts + np.arange(int(apart.sum()))
    kept, owner = np.unique(owner, return_inverse=True)
    deposit = population.deposit.copy()
    np.subtract.at(deposit, population.owner[apart], population.bucket[apart])
    of_bucket = population.owner[apart]
    value = np.abs(population.signed_size) * prices[population.market] / PPM
    return structs.replace(
        population,
        owner=owner.astype(np.int64),
        deposit=np.concatenate([deposit, population.bucket[apart]])[kept],
        leverage=np.concatenate([population.leverage, population.leverage[of_bucket]])[kept],
        notional=np.bincount(owner, value, len(kept)),
        is_hedger=np.concatenate([population.is_hedger, np.zeros(len(of_bucket), np.bool_)])[kept],
    )
