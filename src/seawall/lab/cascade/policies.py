"""Every deleveraging policy on the waves of a run, with its own population and deficit."""

from collections.abc import Collection, Sequence

import numpy as np
from msgspec import Struct

from seawall.lab.cascade.waves import ObservedWave
from seawall.lab.deleveraging.comparison import WaveOutcome, compare_policies
from seawall.lab.deleveraging.policies import POLICIES, Policy, Taking, Terms
from seawall.lab.deleveraging.wave import DeleveragingWave, WaveError, Winners, checked_wave
from seawall.report import kinds

AS_HAPPENED, AS_HAPPENED_NAME = "as_happened", "as it happened"


class JudgedWaves(Struct, frozen=True, kw_only=True, eq=False):
    """``results``: all policies, as it happened last; empty where no account was deleveraged.

    ``own``: (wave, winner) numbers in ``results`` of the account under study. ``joined_usd``: what
    was closed of accounts that came to hold the other side within a wave, or ranked too low for its
    snapshot; no policy can be tried on them. ``others``: holders left out of the snapshots.
    ``unjudged``: waves left out.
    """

    results: Sequence[WaveOutcome]
    own: Sequence[tuple[int, int]] = ()
    joined_usd: float = 0.0
    others: int = 0
    unjudged: int = 0


def wave_names(waves: Sequence[ObservedWave], markets: Sequence[str]) -> list[str]:
    """``21:17:32 BTC shorts``: when, where, and which side was taken from; no two are the same.

    The day stands before the time where they are of several.
    """
    clocks = [kinds.clock(each.start_ms) for each in waves]
    shown = 5 if len({each[:10] for each in clocks}) > 1 else 11
    return [
        f"{clock[shown:]} {markets[each.market]} {'longs' if each.is_long else 'shorts'}"
        for clock, each in zip(clocks, waves, strict=True)
    ]


def judge_waves(
    waves: Sequence[ObservedWave],
    markets: Sequence[str],
    later: Sequence[float],
    accounts: Collection[int] = (),
) -> JudgedWaves:
    """All policies on every wave that can be judged.

    ``markets``: their names; ``later``: USD, the price by which each wave's haircuts are measured.
    ``accounts``: numbers of the account under study and its children.
    """
    judged: list[DeleveragingWave] = []
    own: list[tuple[int, int]] = []
    happened, joined, others, unjudged = {}, 0.0, 0, 0
    for wave, name, price in zip(waves, wave_names(waves, markets), later, strict=True):
        try:
            made = wave_of_cascade(wave, name, price)
        except WaveError:
            unjudged += 1
            continue
        holds = _holders(wave)
        mine = np.flatnonzero(np.isin(wave.account[holds], list(accounts)))
        own += [(len(judged), int(place)) for place in mine]
        judged.append(made)
        happened[made.name] = Taking(wave.closed[holds], np.zeros(int(holds.sum())))
        joined += float(wave.taken[~holds].sum())
        others += wave.others
    if not judged:
        return JudgedWaves(results=[], unjudged=unjudged)
    real = Policy(AS_HAPPENED, AS_HAPPENED_NAME, True, lambda wave, _: happened[wave.name])
    results = compare_policies(judged, Terms(), [*POLICIES, real])
    return JudgedWaves(
        results=results, own=own, joined_usd=joined, others=others, unjudged=unjudged
    )


def agreement(judged: JudgedWaves, key: str) -> float:
    """Share of what was closed, by value at the mark, that a policy closes of the same accounts."""
    same = whole = 0.0
    for each in judged.results:
        closed = {line.policy.key: line.taking.closed for line in each.outcomes}
        happened = closed[AS_HAPPENED]
        same += float(np.minimum(happened, closed[key]).sum()) * each.wave.mark_price
        whole += float(happened.sum()) * each.wave.mark_price
    return same / whole if whole > 0 else 1.0


def wave_of_cascade(
    wave: ObservedWave, name: str, later_price: float | None = None
) -> DeleveragingWave:
    """The same holders and deficit, at the mean mark and the mean price of what was closed.

    So what is needed is what the closings cost winners against the marks of their moments, and the
    run's own closings miss by the later price what they missed in the run. Winners are those who
    held the other side when the wave began. Raises WaveError, where none of them can be judged or
    nothing was closed.
    """
    holds = _holders(wave)
    closed = float(wave.closed.sum())
    if closed <= 0 or not holds.any():
        raise WaveError(f"wave {name}: size: nothing was closed")
    sign = 1.0 if wave.is_long else -1.0
    size = np.abs(wave.notional[holds]) / wave.mark
    # The price that was got, and what that was worse than the mark.
    mark = float((wave.taken + sign * wave.haircut).sum()) / closed
    return checked_wave(
        DeleveragingWave(
            name=name,
            winners=Winners(
                size=size,
                entry_price=wave.mark - sign * wave.profit[holds] / size,
                equity=wave.equity[holds] + sign * size * (mark - wave.mark),
                names=[str(account) for account in wave.account[holds].tolist()],
            ),
            closes_longs=not wave.is_long,
            size=closed,
            mark_price=mark,
            close_price=float(wave.taken.sum()) / closed,
            later_price=later_price,
            deficit_usd=wave.deficit,
        )
    )


def _holders(wave: ObservedWave) -> np.ndarray:
    return np.abs(wave.notional) > 0
