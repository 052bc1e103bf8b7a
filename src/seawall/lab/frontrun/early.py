"""Speculative liquidation: a keeper that sends its transaction before the price that allows it.

It sees the true price, which liquidates already, and sends a liquidation into every block until the
update is in one: its transaction stands right behind it. One that does not speculate sees the
update and comes a block later or more, and in that time the published price may be back, or money
may have arrived.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct, structs

from seawall.accounts.valuation import BucketValue, Valuation
from seawall.domain.units import PPM
from seawall.lab.arrays import Floats, Integers, Mask
from seawall.lab.frontrun.searcher import Searcher
from seawall.lab.keepers.gas import Gas
from seawall.lab.keepers.mechanism import WHOLE, Mechanism, Standing
from seawall.lab.oracle.preset import Preset
from seawall.lab.oracle.publish import Published
from seawall.lab.simulation.setup import price_units


class Early(Struct, frozen=True, kw_only=True):
    """One bucket under one oracle, on one path. Times in ms after its start.

    ``update_ms``: when the published price first liquidates, None for never; ``true_ms``: when the
    true one does. ``warned_ms``: when the published margin ratio was last below the warning before
    that. ``included_ms``: when a keeper that does not speculate has its transaction included.
    ``updates``: how often the published price turns to liquidate, all positions kept; ``over``: how
    many of those are over when such a keeper comes. ``attempts``: what a speculating one sends in
    vain before the first; ``gas``: micro-USD of all that it sends; ``reward``: micro-USD of the
    discount that it takes.
    """

    preset: str
    bucket: int
    true_ms: int | None
    updates: int
    over: int
    update_ms: int | None = None
    warned_ms: int | None = None
    included_ms: int | None = None
    attempts: int = 0
    gas: int = 0
    reward: int = 0

    @property
    def lost_ms(self) -> int | None:
        """What a speculating keeper takes of the time to add money."""
        if self.update_ms is None or self.included_ms is None:
            return None
        return self.included_ms - self.update_ms

    @property
    def left_ms(self) -> int | None:
        """From the warning to the liquidation by a speculating keeper."""
        if self.update_ms is None or self.warned_ms is None:
            return None
        return self.update_ms - self.warned_ms

    @property
    def pays(self) -> bool:
        """Whether speculating is worth its gas."""
        return self.update_ms is not None and self.reward > self.gas


class Values:
    """Buckets at prices; what was asked is remembered."""

    def __init__(self, valuation: Valuation) -> None:
        self.valuation = valuation
        self._known: dict[tuple[int, ...], dict[int, BucketValue]] = {}

    def at(self, usd: Floats) -> list[dict[int, BucketValue]]:
        """Of every row of prices (n, m)."""
        rows = price_units(self.valuation.instruments, usd).tolist()
        for row in rows:
            key = tuple(row)
            if key not in self._known:
                self._known[key] = self.valuation.at(row)
        return [self._known[tuple(row)] for row in rows]


def early_liquidations(
    values: Values, times_ms: Integers, true: Floats, published: Published, preset: Preset,
    searcher: Searcher, mechanism: Mechanism, gas: Gas, gas_prices: Integers,
) -> list[Early]:  # fmt: skip
    """Every bucket with a position under one oracle."""
    at_true, at_shown = values.at(true), values.at(published.taken)
    found = []
    for bucket, markets in values.valuation.buckets.items():
        if not markets:
            continue
        truly = np.asarray([row[bucket].is_liquidatable for row in at_true])
        shown = np.asarray([row[bucket].is_liquidatable for row in at_shown])
        ratios = np.asarray([row[bucket].ratio for row in at_shown])
        starts = np.flatnonzero(shown & ~np.concatenate([[False], shown[:-1]])).tolist()
        begin = int(times_ms[0])
        never = Early(
            preset=preset.name, bucket=bucket,
            true_ms=int(times_ms[truly.argmax()]) - begin if truly.any() else None,
            updates=len(starts),
            over=sum(_is_over(times_ms, shown, step, searcher) for step in starts),
        )  # fmt: skip
        if not starts:
            found.append(never)
            continue
        step = starts[0]
        update, price = int(times_ms[step]), int(gas_prices[step])
        sent = _attempts(times_ms, truly, step, searcher)
        spent = sent * gas.cost(searcher.failed_gas_units, price)
        spent += gas.cost(mechanism.numbers["gas_units"], price)
        found.append(
            structs.replace(
                never, update_ms=update - begin, attempts=sent, gas=spent,
                warned_ms=_warned(times_ms, ratios, step, searcher, begin),
                included_ms=searcher.inclusion_ms(update) - begin,
                reward=_reward(values.valuation, bucket, at_shown, published, step, mechanism),
            )
        )  # fmt: skip
    return found


def _is_over(times_ms: Integers, shown: Mask, step: int, searcher: Searcher) -> bool:
    """Whether the published price liquidates no more when a keeper comes that has waited."""
    comes = searcher.inclusion_ms(int(times_ms[step]))
    place = int(np.searchsorted(times_ms, comes, side="right")) - 1
    return not bool(shown[place])


def _attempts(times_ms: Integers, truly: Mask, step: int, searcher: Searcher) -> int:
    """Blocks from the moment at which the true price liquidates, last before the update."""
    if not truly[step]:
        return 0
    earlier = np.flatnonzero(~truly[:step])
    began = int(earlier[-1]) + 1 if len(earlier) else 0
    return int(times_ms[step] - times_ms[began]) // searcher.block_ms


def _warned(
    times_ms: Integers, ratios: Floats, step: int, searcher: Searcher, begin: int
) -> int | None:
    """When the ratio last passed the warning before a step; None where it always was beyond."""
    calm = np.flatnonzero(ratios[:step] < searcher.warning_ppm / PPM)
    return int(times_ms[calm[-1] + 1]) - begin if len(calm) else None


def _reward(
    valuation: Valuation, bucket: int, rows: Sequence[dict[int, BucketValue]],
    published: Published, step: int, mechanism: Mechanism,
) -> int:  # fmt: skip
    """Micro-USD of the discount on the largest part that may be taken at once."""
    now, first = rows[step][bucket], rows[0][bucket]
    units = price_units(valuation.instruments, published.taken[step : step + 1])[0].tolist()
    held = [each for each in valuation.plan.positions if each.market in valuation.buckets[bucket]]
    worth = sum(abs(each.signed_size) * units[each.market] for each in held)
    if mechanism.kind == "rising_bid":
        return 0
    standing = Standing(
        equity=now.equity, maintenance=now.maintenance_margin, notional=worth,
        start_equity=first.equity, first_notional=worth,
    )  # fmt: skip
    offer = mechanism.offer(standing, 0)
    return offer.discount * offer.most // WHOLE + offer.reward
