"""The waves of a market-wide rehearsal as waves on which every policy can be tried."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct, structs

from seawall.lab.deleveraging.comparison import WaveOutcome, compare_policies, totals
from seawall.lab.deleveraging.policies import POLICIES, Policy, Taking, Terms
from seawall.lab.deleveraging.sheets import policy_figures, totals_sheet, unmet_words
from seawall.lab.deleveraging.wave import DeleveragingWave, WaveError, Winners, checked_wave
from seawall.lab.simulation.event_words import clock
from seawall.report.findings import Section, Table
from seawall.report.kinds import probability, usd

if TYPE_CHECKING:
    from seawall.lab.cascade.waves import DeleveragingWave as CascadeWave

AS_HAPPENED, _AS_HAPPENED_NAME = "as_happened", "as it happened"
TITLE = "What was taken from winners under each policy, USD"
_HOW = (
    "As it happened: this run's own closings, which asked anew for each bankrupt position, each at "
    "its own price. The policies choose once a wave, among those who held the other side when it "
    "began, at the mean mark and the mean price of its closings; haircuts are told by the mark "
    "when the wave was over."
)


class JudgedWaves(Struct, frozen=True, kw_only=True, eq=False):
    """``results``: all policies, as it happened last; empty where nobody was deleveraged.

    ``own``: (wave, winner) numbers in ``results`` of the account under study. ``joined_usd``: what
    was closed of those who came to hold the other side within a wave, or ranked too low for its
    snapshot; no policy can be tried on them. ``others``: holders left out of the snapshots.
    ``unjudged``: waves left out.
    """

    results: Sequence[WaveOutcome]
    own: Sequence[tuple[int, int]] = ()
    joined_usd: float = 0.0
    others: int = 0
    unjudged: int = 0


def wave_name(wave: "CascadeWave", markets: Sequence[str]) -> str:
    """``21:17:32 BTC shorts``: when, where, and whose positions were taken."""
    side = "longs" if wave.is_long else "shorts"
    return f"{clock(wave.start_ms)[11:19]} {markets[wave.market]} {side}"


def judge_waves(
    waves: Sequence["CascadeWave"],
    markets: Sequence[str],
    later: Sequence[float],
    accounts: Collection[int] = (),
) -> JudgedWaves:
    """``markets``: their names; ``later``: USD, the price by which each wave is looked back at.

    ``accounts``: numbers of the account under study and its children.
    """
    judged: list[DeleveragingWave] = []
    own: list[tuple[int, int]] = []
    happened, joined, others, unjudged = {}, 0.0, 0, 0
    for wave, price in zip(waves, later, strict=True):
        try:
            made = wave_of_cascade(wave, wave_name(wave, markets), price)
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
    real = Policy(AS_HAPPENED, _AS_HAPPENED_NAME, True, lambda wave, _: happened[wave.name])
    results = compare_policies(judged, Terms(), [*POLICIES, real])
    return JudgedWaves(
        results=results, own=own, joined_usd=joined, others=others, unjudged=unjudged
    )


def cascade_sections(judged: JudgedWaves, venue_policy: str) -> list[Section]:
    """For a report: every policy on the waves of one run; empty where nobody was deleveraged.

    ``venue_policy``: key of the policy that the run's own rules have.
    """
    if not judged.results:
        return []
    sums = totals(judged.results)
    table = totals_sheet(sums, judged.results)
    name = next(each.policy.name for each in sums if each.policy.key == venue_policy)
    same = agreement(judged, venue_policy)
    note = (
        f"{_HOW} The rules of this run have a {name}; chosen once a wave it closes "
        f"{probability(same)} of the same positions. {_left_out(judged)}{table.note}"
    )
    table = structs.replace(table, title=TITLE, note=note, on="screen")
    return [
        *unmet_words(sums[:-1]),
        table,
        *own_tables(judged),
        *policy_figures(sums, judged.results, _AS_HAPPENED_NAME),
    ]


def own_tables(judged: JudgedWaves) -> list[Table]:
    """What each policy takes from the account under study; empty where it held no other side."""
    if not judged.own:
        return []
    rows = []
    for index, line in enumerate(judged.results[0].outcomes):
        lost = closed = 0.0
        asked = 0
        for number, place in judged.own:
            result = judged.results[number]
            outcome = result.outcomes[index]
            contracts, paid = (float(each[place]) for each in outcome.taking)
            lost += float(outcome.haircut[place])
            closed += contracts * result.wave.mark_price
            asked += contracts > 0 or paid > 0
        rows.append((line.policy.name, usd(lost), usd(closed), f"{asked:,}"))
    return [
        Table(
            title="What each policy takes from the account, USD",
            columns=("policy", "taken", "positions closed", "waves"),
            rows=rows,
            note=f"It held the other side in {len(judged.own):,} of {len(judged.results):,} waves; "
            "each is judged by itself, so what one closes is not missing in the next.",
        )
    ]


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
    wave: "CascadeWave", name: str, later_price: float | None = None
) -> DeleveragingWave:
    """The same people and the same deficit, at the mean mark and the mean price of what was closed.

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


def _holders(wave: "CascadeWave") -> np.ndarray:
    return np.abs(wave.notional) > 0


def _left_out(judged: JudgedWaves) -> str:
    words = ""
    if judged.joined_usd > 0:
        words += (
            f"Left out: {usd(judged.joined_usd)} USD closed of who came to hold the other side "
            "within a wave, or ranked too low for its snapshot. "
        )
    if judged.others:
        words += (
            f"Left out: {judged.others:,} holders of low rank, with whom shares would be smaller. "
        )
    if judged.unjudged:
        words += f"Left out: {judged.unjudged:,} waves without a holder to judge. "
    return words
