"""All policies on the same waves, and what each takes from one winner."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from seawall.lab.arrays import Floats
from seawall.lab.deleveraging.measures import Measures, haircuts, measures, share_lost
from seawall.lab.deleveraging.policies import (
    POLICIES,
    Policy,
    Taking,
    Terms,
    queue_order,
)
from seawall.lab.deleveraging.sharing import rounded_down, rounded_up
from seawall.lab.deleveraging.wave import DeleveragingWave

# A prime, so that the rotations of waves with equally many winners do not begin alike.
_STRIDE = 7919
SUMMED = ("needed", "raised", "taken", "unmet", "touched", "closed_usd")
LARGEST = ("largest_usd", "largest_of_profit", "largest_of_equity")


class Own(Struct, frozen=True, kw_only=True):
    """What a policy takes from your account. USD at the later price; shares of 1.

    ``closed``: of the position. ``chance``: of being asked at all, over all starts of a rotation; 1
    or 0 for the others. ``expected``: USD over all those starts. ``place``: in the queue, from 1.
    """

    haircut: float
    of_profit: float
    of_equity: float
    closed: float
    chance: float
    expected: float
    place: int


class Outcome(Struct, frozen=True, kw_only=True, eq=False):
    """One policy in one wave."""

    policy: Policy
    taking: Taking
    haircut: Floats
    measures: Measures
    own: Own | None


class WaveOutcome(Struct, frozen=True, kw_only=True, eq=False):
    """All policies in one wave, in their order."""

    wave: DeleveragingWave
    outcomes: Sequence[Outcome]


class Total(Struct, frozen=True, kw_only=True):
    """One policy over all waves: sums of USD and counts, the largest of the largest haircuts.

    ``gini`` and ``top_share``: of the wave in which most was needed.
    """

    policy: Policy
    needed: float
    raised: float
    taken: float
    unmet: float
    touched: int
    closed_usd: float
    largest_usd: float
    largest_of_profit: float
    largest_of_equity: float
    gini: float
    top_share: float

    @property
    def overshoot(self) -> float:
        return self.taken - self.needed


def compare_policies(
    waves: Sequence[DeleveragingWave], terms: Terms, policies: Sequence[Policy] = POLICIES
) -> list[WaveOutcome]:
    """Every policy on every wave; the rotation goes on from wave to wave.

    Each wave is judged by itself: what one takes is not missing in the next.
    """
    results = []
    for number, wave in enumerate(waves):
        here = replace(terms, start=terms.start + number * _STRIDE)
        results.append(
            WaveOutcome(wave=wave, outcomes=[_outcome(wave, here, each) for each in policies])
        )
    return results


def totals(results: Sequence[WaveOutcome]) -> list[Total]:
    """One for each policy."""
    largest = max(range(len(results)), key=lambda index: results[index].wave.needed)
    made = []
    for lines in zip(*(each.outcomes for each in results), strict=True):
        found = [each.measures for each in lines]
        sums = {name: sum(getattr(each, name) for each in found) for name in SUMMED}
        most = {name: max(getattr(each, name) for each in found) for name in LARGEST}
        of_largest = {name: getattr(found[largest], name) for name in ("gini", "top_share")}
        made.append(Total(policy=lines[0].policy, **sums, **most, **of_largest))
    return made


def _outcome(wave: DeleveragingWave, terms: Terms, policy: Policy) -> Outcome:
    taking = policy.rule(wave, terms)
    lost = haircuts(wave, taking)
    own = None if wave.own is None else _own(wave, wave.own, terms, policy, taking, lost)
    return Outcome(
        policy=policy, taking=taking, haircut=lost, measures=measures(wave, taking), own=own
    )


def _own(
    wave: DeleveragingWave, own: int, terms: Terms, policy: Policy, taking: Taking, lost: Floats
) -> Own:
    haircut = float(lost[own])
    chance, expected = float(taking.closed[own] > 0 or taking.paid[own] > 0), haircut
    if policy.key == "rotating_offset":
        closed = closed_over_starts(wave, own, terms)
        chance = float((closed > 0).mean())
        expected = float(closed.mean()) * max(0.0, wave.missed)
    return Own(
        haircut=haircut,
        of_profit=float(share_lost(wave, taking, wave.profit)[own]),
        of_equity=float(share_lost(wave, taking, wave.winners.equity)[own]),
        closed=float(taking.closed[own] / wave.winners.size[own]),
        chance=chance,
        expected=expected,
        place=int(np.flatnonzero(queue_order(wave) == own)[0]) + 1,
    )


def closed_over_starts(wave: DeleveragingWave, own: int, terms: Terms) -> Floats:
    """Contracts of the winner ``own`` that a rotation closes, by the winner it begins with; (n,).

    A winner that could not bear to be closed wholly counts as passed over, also where a last part
    would do.
    """
    count = len(wave.winners)
    gives = rounded_down(wave.winners.size, wave.step)
    equity = wave.winners.equity
    gives = np.where((equity > 0) & (gives * max(0.0, wave.gap) <= equity), gives, 0.0)
    # From the start to that winner, going round once.
    around = np.concatenate((gives, gives))
    until = np.concatenate(([0.0], np.cumsum(around)))
    starts = np.arange(count)
    end = np.where(starts <= own, own, own + count)
    before = until[end] - until[starts]
    left = np.maximum(0.0, rounded_up(wave.size, wave.step) - before)
    asked = end - starts < (count if terms.visits is None else terms.visits)
    return np.where(asked, np.minimum(left, gives[own]), 0.0)
