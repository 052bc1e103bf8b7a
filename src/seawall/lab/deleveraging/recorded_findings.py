"""The recorded day beside its stand-ins: what was measured, what was published, what we find."""

from collections.abc import Sequence

from seawall.lab.deleveraging.comparison import WaveOutcome
from seawall.lab.deleveraging.findings import share, usd
from seawall.lab.deleveraging.recorded import COUNTERPARTS, RecordedDay
from seawall.report.findings import Section, Table, Words

STAND_INS = (
    "The winners of each wave are stand-ins: accounts of that day in random order, each with what "
    "was deleveraged of it in all, as shorts in one market. Budgets and overshoots are those of "
    "the waves; largest haircuts depend on who stands in.",
    "Equity of a stand-in is its cash plus the profit that was realised by deleveraging; profits "
    "of positions that stayed open are not in the data.",
)


def recorded_sections(day: RecordedDay, results: Sequence[WaveOutcome]) -> list[Section]:
    """What was measured wave by wave, then the published budgets beside ours."""
    return [_measured(day), *_repeated(day), _beside(day, results)]


def _measured(day: RecordedDay) -> Table:
    rows = [
        [
            str(each.number), usd(each.deficit), usd(each.needed), usd(each.production),
            usd(each.production - each.needed), usd(each.closed),
        ]
        for each in day.waves
    ]  # fmt: skip
    rows.append([
        "all",
        *(
            usd(sum(values))
            for values in zip(
                *(
                    (each.deficit, each.needed, each.production, each.production - each.needed,
                     each.closed)
                    for each in day.waves
                ),
                strict=True,
            )
        ),
    ])  # fmt: skip
    return Table(
        title="As measured on the day, USD",
        columns=["wave", "deficit", "needed", "production", "overshoot", "closed, about"],
        rows=rows,
        note="Production: what winners had less at the end of a wave than without deleveraging.",
    )


def _repeated(day: RecordedDay) -> list[Section]:
    """The deficits add up one account several times, where it was below zero in several waves."""
    worst = [each.worst for each in day.waves]
    most = max(set(worst), key=worst.count)
    times = worst.count(most)
    if times < 2:
        return []
    total = sum(each.deficit for each in day.waves)
    return [
        Words(
            text=f"The largest single deficit is {usd(most)} USD in {times} of {len(worst)} waves: "
            f"one account, counted again in each. It makes up {share(times * most / total)} of the "
            "sum of deficits.",
            is_warning=True,
        )
    ]


def _beside(day: RecordedDay, results: Sequence[WaveOutcome]) -> Table:
    rows = []
    for place, line in enumerate(results[0].outcomes):
        name = COUNTERPARTS.get(line.policy.key)
        if name is None or any(name not in each.published for each in day.waves):
            continue
        published = [each.published[name] for each in day.waves]
        ours = [each.outcomes[place].measures for each in results]
        # Production is known by what it took; the others by what they would have raised.
        is_production = name == "prod"
        budgets = [each.taken if is_production else each.raised for each in ours]
        rows.append([
            line.policy.name,
            usd(sum(each.budget for each in published)), usd(sum(budgets)),
            share(max(each.max_pct for each in published)),
            share(max(each.largest_of_equity for each in ours)),
        ])  # fmt: skip
    return Table(
        title="Published budgets and largest haircuts of equity, beside ours with stand-ins",
        columns=["policy", "published, USD", "ours, USD", "published, of equity", "ours"],
        rows=rows,
        note="Why they differ: docs/commands/deleveraging.md.",
    )
