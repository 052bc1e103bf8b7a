"""How a policy did in a wave: what it raised, what it took beyond that, and from whom.

Definitions, over the winners i of a wave, all in USD:

* **haircut** h_i: what i has less at the later price than without deleveraging: money paid, plus
  contracts closed times (close price - later price), not below zero. Without a later price that is
  what i gives up against the mark.
* **raised**: what reaches the bankrupt: money paid, plus contracts closed times the gap between
  close price and mark. **Unmet**: needed - raised. **Taken**: the sum of h_i.
  **Overshoot**: taken - needed, below zero where the price came back.
* **largest haircut**: of h_i in USD, as a share of profit and as a share of equity: of those at the
  mark for money paid; for contracts closed of the larger of those at the mark and those that there
  would have been at the later price.
* **gini** of h: 0 where all lose the same, towards 1 where one pays all. **top share**: of what is
  taken, by the hundredth of winners who pay most.
* **best left** u: the largest profit that is left to a winner, max (capacity_i - h_i). With D what
  the bankrupt are below zero together and d the worst of them, the paper's tables compute
  **ptsr** = u / (D - H), **share kept** (rd_nse) = u / (u + D - H) and
  **pmr** = u / (clip((D - H) / D, 0, 1) x d) from the budget H, here what is taken. Where D - H is
  not above zero, ptsr and pmr say nothing and are not a number.
"""

import math

import numpy as np
from msgspec import Struct

from seawall.lab.arrays import Floats
from seawall.lab.deleveraging.policies import Taking
from seawall.lab.deleveraging.wave import DeleveragingWave

TOP = 0.01
"""Share of the winners whose part of the bill is shown."""
_TOUCHED_USD = 1e-9


class Measures(Struct, frozen=True, kw_only=True):
    """USD, shares of 1, and counts; see the definitions above. NaN where there is none."""

    needed: float
    raised: float
    taken: float
    winners: int
    touched: int
    closed_usd: float
    largest_usd: float
    largest_of_profit: float
    largest_of_equity: float
    largest_closed: float
    gini: float
    top_share: float
    best_left: float
    ptsr: float
    share_kept: float
    pmr: float

    @property
    def overshoot(self) -> float:
        return self.taken - self.needed

    @property
    def unmet(self) -> float:
        return max(0.0, self.needed - self.raised)


def haircuts(wave: DeleveragingWave, taking: Taking) -> Floats:
    """USD that each winner has less at the later price, shape (n,)."""
    return np.asarray(taking.paid + taking.closed * max(0.0, wave.missed))


def measures(wave: DeleveragingWave, taking: Taking) -> Measures:
    """The figures of one policy in one wave."""
    lost = haircuts(wave, taking)
    taken = float(lost.sum())
    capacity = wave.capacity
    best_left = float(np.maximum(0.0, capacity - lost).max())
    # Not a number where it is not known: so is then what follows from it.
    deficit = math.nan if wave.deficit_usd is None else wave.deficit_usd
    worst = math.nan if wave.largest_deficit_usd is None else wave.largest_deficit_usd
    return Measures(
        needed=wave.needed,
        raised=float(taking.paid.sum() + taking.closed.sum() * max(0.0, wave.gap)),
        taken=taken,
        winners=len(lost),
        touched=int(((taking.closed > 0) | (taking.paid > _TOUCHED_USD)).sum()),
        closed_usd=float(taking.closed.sum() * wave.mark_price),
        largest_usd=float(lost.max()),
        largest_of_profit=float(share_lost(wave, taking, wave.profit).max()),
        largest_of_equity=float(share_lost(wave, taking, wave.winners.equity).max()),
        largest_closed=float((taking.closed / wave.winners.size).max()),
        gini=gini(lost),
        top_share=top_share(lost),
        best_left=best_left,
        ptsr=profit_to_deficit(best_left, deficit, taken),
        share_kept=share_kept(best_left, deficit, taken),
        pmr=profit_to_worst(best_left, deficit, taken, worst),
    )


def share_lost(wave: DeleveragingWave, taking: Taking, whole: Floats) -> Floats:
    """What each lost of ``whole``, the profit or the equity at the mark; (n,), 0 without any.

    A closed winner misses what there would have been at the later price, if that is more.
    """
    later = whole + wave.winners.size * max(0.0, wave.later_gain)
    missed = taking.closed * max(0.0, wave.missed)
    return _ratio(taking.paid, whole) + _ratio(missed, later)


def _ratio(part: Floats, whole: Floats) -> Floats:
    has = whole > 0
    return np.where(has, part / np.where(has, whole, 1.0), 0.0)


def profit_to_deficit(best_left: float, deficit: float, taken: float) -> float:
    """ptsr: the best profit that is left, over the deficit that is left."""
    left = deficit - taken
    return best_left / left if left > 0 else math.nan


def share_kept(best_left: float, deficit: float, taken: float) -> float:
    """rd_nse: the best profit that is left, of itself and the deficit that is left.

    Above 1 where more was taken than the deficit.
    """
    whole = best_left + deficit - taken
    return best_left / whole if whole > 0 else math.nan


def profit_to_worst(best_left: float, deficit: float, taken: float, worst: float) -> float:
    """pmr: the best profit that is left, over that share of the worst deficit that is left."""
    left = min(1.0, max(0.0, (deficit - taken) / deficit)) * worst if deficit > 0 else 0.0
    return best_left / left if left > 0 else math.nan


def gini(amounts: Floats) -> float:
    """0 where all are equal, 1 - 1/n where one has all; 0 where there is nothing."""
    total = amounts.sum()
    if total <= 0:
        return 0.0
    count = len(amounts)
    places = np.arange(1, count + 1)
    return float(2 * (places * np.sort(amounts)).sum() / (count * total) - (count + 1) / count)


def top_share(amounts: Floats, top: float = TOP) -> float:
    """Of the total, what the ``top`` share of all (at least one) has; 0 where there is nothing."""
    total = amounts.sum()
    if total <= 0:
        return 0.0
    count = max(1, round(top * len(amounts)))
    return float(np.sort(amounts)[-count:].sum() / total)


def concentration(amounts: Floats) -> tuple[Floats, Floats]:
    """Share of winners, who pays most first, and share of the total that they pay; from (0, 0)."""
    paid = np.concatenate(([0.0], np.cumsum(np.sort(amounts)[::-1])))
    winners = np.arange(len(paid)) / max(1, len(amounts))
    return winners, paid / paid[-1] if paid[-1] > 0 else paid
