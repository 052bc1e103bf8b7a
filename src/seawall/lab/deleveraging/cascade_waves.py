"""The waves of a market-wide rehearsal as waves on which every policy can be tried."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from seawall.lab.deleveraging.comparison import compare_policies, totals
from seawall.lab.deleveraging.findings import policy_figures, policy_table
from seawall.lab.deleveraging.policies import Terms
from seawall.lab.deleveraging.wave import DeleveragingWave, WaveError, Winners, checked_wave
from seawall.lab.findings import Section

if TYPE_CHECKING:
    from seawall.lab.cascade.waves import DeleveragingWave as CascadeWave


def cascade_sections(
    waves: Sequence["CascadeWave"], markets: Sequence[str], later: Sequence[float]
) -> list[Section]:
    """For a report: every policy on the waves of one run; empty where nobody was deleveraged.

    ``markets``: their names; ``later``: USD, the price of each when the run ends.
    """
    judged = [
        wave_of_cascade(wave, f"{markets[wave.market]} {number}", later[wave.market])
        for number, wave in enumerate(waves, start=1)
        if wave.taken.sum() > 0
    ]
    if not judged:
        return []
    results = compare_policies(judged, Terms())
    sums = totals(results)
    return [policy_table(sums, results), *policy_figures(sums, results)]


def wave_of_cascade(
    wave: "CascadeWave", name: str, later_price: float | None = None
) -> DeleveragingWave:
    """The same people and the same deficit; the close price is the mean of what was closed.

    Winners are those who held the other side when the wave began. Raises WaveError, where none of
    them can be judged or nothing was closed.
    """
    holds = np.abs(wave.notional) > 0
    sign = 1.0 if wave.is_long else -1.0
    size = wave.notional[holds] / wave.mark
    entry = wave.mark - sign * wave.profit[holds] / size
    # What was closed, at the mark: the price that was got plus what that was worse than the mark.
    closed = float((wave.taken + sign * wave.haircut).sum()) / wave.mark
    if closed <= 0 or not holds.any():
        raise WaveError(f"wave {name}: size: nothing was closed")
    return checked_wave(
        DeleveragingWave(
            name=name,
            winners=Winners(
                size=size,
                entry_price=entry,
                equity=wave.equity[holds],
                names=[str(account) for account in wave.account[holds].tolist()],
            ),
            closes_longs=not wave.is_long,
            size=closed,
            mark_price=wave.mark,
            close_price=float(wave.taken.sum()) / closed,
            later_price=later_price,
            deficit_usd=wave.deficit,
        )
    )
