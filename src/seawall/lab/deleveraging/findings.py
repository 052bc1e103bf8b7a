"""What the comparison of policies found, as tables to read and pictures."""

from collections.abc import Mapping, Sequence

from seawall.lab.deleveraging.charts import concentration_curve, haircut_bars, overshoot_bars
from seawall.lab.deleveraging.comparison import Outcome, Total, WaveOutcome, totals
from seawall.lab.deleveraging.plain import comparison_frames, plain_comparison
from seawall.lab.deleveraging.policies import Terms
from seawall.report.charts import percent
from seawall.report.findings import Figure, Findings, Section, Table, Words

SHOWN_WAVES = 30
"""With more waves, the table of waves is shown on paper only."""
QUEUE, FAIREST = "rank_queue", "pro_rata_equity"

_CLOSES = "Who closes takes contracts: the winner misses what the price does afterwards."


def deleveraging_findings(
    results: Sequence[WaveOutcome],
    terms: Terms,
    source: str,
    seed: int,
    more_sections: Sequence[Section] = (),
    more_assumptions: Sequence[str] = (),
) -> Findings:
    """``source``: where the waves come from, in words."""
    sums = totals(results)
    sections: list[Section] = [
        Words(text=_summary(sums)),
        *unmet_words(sums),
        policy_table(sums, results),
    ]
    own = _own_results(results)
    if own:
        sections.append(_own_table(own))
    if len(results) > 1:
        sections.append(_waves(results))
    sections += more_sections
    sections += policy_figures(sums, results)
    return Findings(
        command="deleveraging",
        title="Deleveraging: who pays under which policy",
        subtitle=f"{source}: {_counted(results)}",
        sections=sections,
        plain=plain_comparison(results, sums, terms),
        frames=comparison_frames(results),
        assumptions=[*_assumptions(terms, is_own=bool(own)), *more_assumptions],
        seed=seed,
    )


def usd(value: float) -> str:
    """Whole USD from a hundred on, cents below; what rounding leaves is 0."""
    if abs(value) < 0.005:
        return "0"
    return (f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}").replace("-", "−")


def share(value: float) -> str:
    """Percent with three figures where it is small."""
    if 0 < abs(value) < 0.001:
        return f"{100 * value:.2g} %"
    return percent(value) if abs(value) < 100 else f"{value:,.0f} x"


def _counted(results: Sequence[WaveOutcome]) -> str:
    winners = sum(len(each.wave.winners) for each in results)
    waves = "one wave" if len(results) == 1 else f"{len(results)} waves"
    return f"{waves}, {winners:,} winners"


def _summary(sums: Sequence[Total]) -> str:
    by_key = {each.policy.key: each for each in sums}
    queue, fairest = by_key[QUEUE], by_key[FAIREST]
    text = (
        f"The bankrupt lack {usd(queue.needed)} USD. Closing positions by rank costs winners "
        f"{usd(queue.taken)} USD by the later price, {_beyond(queue)}; the worst haircut is "
        f"{share(queue.largest_of_equity)} of somebody's equity. "
    )
    return text + (
        f"In proportion to equity the same need costs {usd(fairest.taken)} USD, "
        f"{_beyond(fairest)}, and nobody more than "
        f"{share(fairest.largest_of_equity)} of the equity."
    )


def _beyond(total: Total) -> str:
    if abs(total.overshoot) < 0.005:
        return "nothing beyond the need"
    words = f"{usd(abs(total.overshoot))} USD"
    return f"{words} beyond the need" if total.overshoot > 0 else f"{words} less than the need"


def unmet_words(sums: Sequence[Total]) -> list[Section]:
    """A warning where policies do not raise all that is needed."""
    short = [each for each in sums if each.unmet > max(0.01, 1e-9 * each.needed)]
    if not short:
        return []
    words = ", ".join(f"{each.policy.name} {usd(each.unmet)}" for each in short)
    return [
        Words(
            text=f"Not all that is needed is raised: {words} USD stay open. Winners have no more "
            "to give under these terms, or closing at that price brings no more.",
            is_warning=True,
        )
    ]


def policy_table(sums: Sequence[Total], results: Sequence[WaveOutcome]) -> Table:
    """One row for each policy, all waves together."""
    rows = [
        [
            each.policy.name,
            "closes" if each.policy.closes or each.closed_usd > 0 else "pays",
            usd(each.taken), usd(each.overshoot), usd(each.largest_usd),
            share(each.largest_of_profit), share(each.largest_of_equity), f"{each.touched:,}",
            f"{each.gini:.2f}", share(each.top_share),
        ]
        for each in sums
    ]  # fmt: skip
    note = _CLOSES + (
        " Largest: the largest haircut, in USD and as a share of a winner's profit and equity (of "
        "closings: of what there would have been; more than 100 % of a profit ends in a loss). "
        "Top 1 %: what the hundredth of winners who pay most bears."
    )
    if len(results) > 1:
        largest = max(results, key=lambda each: each.wave.needed)
        note += f" Gini and top 1 %: of wave {largest.wave.name}, in which most was needed."
    return Table(
        title="Policies side by side, USD" + (", all waves together" if len(results) > 1 else ""),
        columns=[
            "policy", "how", "taken", "beyond need", "largest", "of profit", "of equity", "payers",
            "Gini", "top 1 %",
        ],
        rows=rows,
        words=2,
        note=note,
    )  # fmt: skip


def _own_results(results: Sequence[WaveOutcome]) -> list[WaveOutcome]:
    return [each for each in results if each.wave.own is not None]


def _own_table(results: Sequence[WaveOutcome]) -> Table:
    with_wave = len(results) > 1
    rows = []
    for each in results:
        for line in each.outcomes:
            rows.append([each.wave.name] * with_wave + _own_row(line))
    places = [
        f"{line.own.place:,} of {len(each.wave.winners):,}"
        for each in results
        for line in each.outcomes
        if line.policy.key == QUEUE and line.own
    ]
    where = ", ".join(places[:4]) + (" and so on" if len(places) > 4 else "")
    return Table(
        title="What would have been taken from you, USD",
        columns=["wave"] * with_wave
        + ["policy", "taken", "of your profit", "of your equity", "closed", "chance", "on average"],
        rows=rows,
        words=1 + with_wave,
        note=f"Your place in the queue: {where}. Chance and average of the rotation: over all "
        "winners with whom it may begin.",
    )


def _own_row(line: Outcome) -> list[str]:
    own = line.own
    if own is None:
        return [line.policy.name, *[""] * 6]
    return [
        line.policy.name, usd(own.haircut), share(own.of_profit), share(own.of_equity),
        share(own.closed), share(own.chance), usd(own.expected),
    ]  # fmt: skip


def _waves(results: Sequence[WaveOutcome]) -> Table:
    rows = []
    for each in results:
        lines = _by_key(each)
        queue, fairest = lines[QUEUE].measures, lines[FAIREST].measures
        rows.append([
            each.wave.name, f"{len(each.wave.winners):,}",
            usd(each.wave.size * each.wave.mark_price), usd(each.wave.needed), usd(queue.taken),
            usd(queue.overshoot), share(queue.largest_of_equity), share(fairest.largest_of_equity),
        ])  # fmt: skip
    return Table(
        title="Waves, USD: what the rank queue takes, and the largest haircut beside pro-rata",
        columns=[
            "wave", "winners", "to be closed", "needed", "queue takes", "beyond the need",
            "queue, of equity", "pro-rata, of equity",
        ],
        rows=rows,
        on_paper_only=len(results) > SHOWN_WAVES,
    )  # fmt: skip


def policy_figures(
    sums: Sequence[Total], results: Sequence[WaveOutcome], dashed: str = ""
) -> list[Section]:
    """What is taken beyond the need, the largest haircut, and who pays.

    ``dashed``: the name of a policy to be told apart from the others.
    """
    largest = max(results, key=lambda each: each.wave.needed)
    title = "Who pays" + (f", wave {largest.wave.name}" if len(results) > 1 else "")
    return [
        Figure(
            title="Taken beyond the need",
            chart=overshoot_bars(sums),
            alt="A bar for each policy: USD taken from winners beyond what was needed.",
            note=_CLOSES,
        ),
        Figure(
            title="The largest haircut",
            chart=haircut_bars(sums),
            alt="A bar for each policy: the largest haircut as a share of the winner's equity.",
        ),
        Figure(
            title=title,
            chart=concentration_curve(largest, dashed),
            alt="Lines: the share of the bill that the winners who pay most bear, by policy.",
            note="The sooner a line reaches 100 %, the fewer pay.",
        ),
    ]


def _by_key(result: WaveOutcome) -> Mapping[str, Outcome]:
    return {each.policy.key: each for each in result.outcomes}


def _assumptions(terms: Terms, *, is_own: bool) -> list[str]:
    paying = (
        "Pro-rata policies close contracts as well, in the proportions of what each would pay."
        if terms.in_contracts
        else "Policies that pay take money out of unrealised profits and leave positions open."
    )
    found = [
        "Each wave is judged by itself: what it takes from a winner is not missing in the next.",
        "The price path is the same under every policy, whoever is closed.",
        paying,
        f"Risk-aware pro-rata weighs leverage with power {1 + terms.power:g}.",
    ]
    if terms.largest_share < 1:
        found.append(f"Paying takes at most {share(terms.largest_share)} of anybody's profit.")
    if is_own:
        found.append("You are one more winner; what is needed and closed stays the same.")
    return found
