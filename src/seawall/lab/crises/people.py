"""The same people under every rulebook: one account a bucket, at leverage that all rules allow.

An isolated position of a trader is an account of its own here, because that is what it is where
rules know no isolated mode; where they do, the account holds it isolated. So who falls and who does
not can be compared one by one.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from seawall.domain.holdings import Holdings
from seawall.domain.instrument import Instrument, MarginTier
from seawall.lab.crises.setup import Rules, Script
from seawall.lab.simulation.population import Distribution, Population, draw_population

PPM = 1_000_000
Integers = NDArray[np.int64]


def draw_people(
    script: Script, rules: Sequence[Rules], plan: Holdings, accounts: int, seed: int
) -> Population:
    """Who else is there when the script begins; ``accounts`` of them are drawn, 0 for nobody.

    Longs equal shorts in every market, the account under study included.
    """
    instruments = common_terms([each.instruments for each in rules])
    scale = 10.0 ** np.asarray([each.price_decimals for each in instruments])
    first = np.asarray([script.path.oracle[each.name][0] for each in instruments])
    prices = np.rint(first * scale).astype(np.int64)
    own = np.zeros(len(prices), np.int64)
    for each in plan.positions:
        own[each.market] += each.signed_size
    facts = script.facts
    wishes = Distribution(
        accounts=accounts,
        long_share=facts.long_share,
        leverage_median=facts.leverage,
        leverage_sigma=facts.spread,
    )
    drawn = draw_population(wishes, instruments, prices, np.asarray(script.interest), own, seed)
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


def one_bucket_each(people: Population, prices: Integers) -> Population:
    """Every isolated position as an account of its own, with its margin as all it has."""
    apart = people.is_isolated
    owner = people.owner.copy()
    owner[apart] = people.accounts + np.arange(int(apart.sum()))
    kept, owner = np.unique(owner, return_inverse=True)
    deposit = people.deposit.copy()
    np.subtract.at(deposit, people.owner[apart], people.bucket[apart])
    of_bucket = people.owner[apart]
    value = np.abs(people.signed_size) * prices[people.market] / PPM
    return structs.replace(
        people,
        owner=owner.astype(np.int64),
        deposit=np.concatenate([deposit, people.bucket[apart]])[kept],
        leverage=np.concatenate([people.leverage, people.leverage[of_bucket]])[kept],
        notional=np.bincount(owner, value, len(kept)),
        is_hedger=np.concatenate([people.is_hedger, np.zeros(len(of_bucket), np.bool_)])[kept],
    )


def as_pools(people: Population) -> Population:
    """The same accounts for rules that know no isolated mode: each has its money in its pool."""
    nobody = np.zeros(len(people.owner), np.bool_)
    return structs.replace(people, is_isolated=nobody, bucket=np.zeros(len(people.owner), np.int64))
