"""The comparison of policies as sentences, sheets and pictures."""

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from operator import itemgetter
from typing import Any

from msgspec import Struct

from seawall.lab.deleveraging.comparison import Outcome, Total, WaveOutcome, totals
from seawall.lab.deleveraging.figures import concentration_curve, haircut_bars, overshoot_bars
from seawall.lab.deleveraging.question import DeleveragingResult
from seawall.lab.deleveraging.recorded import COUNTERPARTS, PublishedLine, RecordedDay
from seawall.lab.deleveraging.tiles import left_open, status, tiles
from seawall.lab.deleveraging.wave import DeleveragingWave
from seawall.report import kinds
from seawall.report.findings import Figure, Findings, Section, Words
from seawall.report.kinds import COUNT, FIGURE, FLAG, NUMBER, RATE, TEXT, USD
from seawall.report.sheet import Column, Sheet, record

SHOWN_WAVES = 30
"""More waves are too long for a terminal."""
QUEUE, FAIREST = "rank_queue", "pro_rata_equity"

_CLOSES = "Who closes takes contracts: the winner misses what the price does afterwards."
_STAND_INS = (
    "The winners of each wave are stand-ins: accounts of that day in random order, each with what "
    "was deleveraged of it in all, as shorts in one market. Budgets and overshoots are those of "
    "the waves; largest haircuts depend on who stands in.",
    "Equity of a stand-in is its cash plus the profit that was realised by deleveraging; profits "
    "of positions that stayed open are not in the data.",
)


class _Line(Struct, frozen=True, eq=False):
    """One policy in one wave."""

    wave: DeleveragingWave
    outcome: Outcome


class _Published(Struct, frozen=True):
    """A policy's published figures beside ours."""

    policy: str
    published: Sequence[PublishedLine]
    budget: float
    largest: float


def findings(result: DeleveragingResult) -> Findings:
    """The findings of a comparison."""
    sums = totals(result.results)
    winners = sum(len(each.wave.winners) for each in result.results)
    count = len(result.results)
    waves = "one wave" if count == 1 else f"{count} waves"
    return Findings(
        command="deleveraging",
        title="Deleveraging: who pays under which policy",
        subtitle=f"{result.source}: {waves}, {winners:,} winners",
        verdict=(Words(_summary(sums)), *unmet_words(sums)),
        status=status(sums),
        tiles=tiles(sums, (QUEUE, FAIREST)),
        sections=tuple(_sections(result, sums)),
        assumptions=tuple(_assumptions(result)),
        seed=result.seed,
    )


def _sections(result: DeleveragingResult, sums: Sequence[Total]) -> Iterator[Section]:
    results = result.results
    terms = {"start": COUNT, "visits": COUNT, "largest_share": NUMBER, "power": NUMBER,
             "in_contracts": FLAG}  # fmt: skip
    fields = [Column(name, kind) for name, kind in terms.items()]
    yield record("terms", "", result.terms, fields, on="data")
    yield totals_sheet(sums, results)
    yield from _your_sheet(_lines(results), single=len(results) == 1)
    yield _waves(results)
    yield policies_sheet(results)
    yield _winners(_lines(results))
    if result.day is not None:
        yield _measured(result.day)
        yield from _repeated(result.day)
        yield _beside(result.day, results)
    yield from policy_figures(sums, results)


def _summary(sums: Sequence[Total]) -> str:
    by_key = {each.policy.key: each for each in sums}
    queue, fairest = by_key[QUEUE], by_key[FAIREST]
    return (
        f"The bankrupt lack {kinds.usd(queue.needed)} USD. Closing positions by rank costs winners "
        f"{kinds.usd(queue.taken)} USD by the later price, {_beyond(queue)}; the worst haircut is "
        f"{kinds.probability(queue.largest_of_equity)} of a winner's equity. In proportion to "
        "equity the same "
        f"need costs {kinds.usd(fairest.taken)} USD, {_beyond(fairest)}, and no winner more than "
        f"{kinds.probability(fairest.largest_of_equity)} of the equity."
    )


def _beyond(total: Total) -> str:
    if abs(total.overshoot) < 0.005:
        return "nothing beyond the need"
    than = "beyond" if total.overshoot > 0 else "less than"
    return f"{kinds.usd(abs(total.overshoot))} USD {than} the need"


def unmet_words(sums: Sequence[Total]) -> list[Words]:
    """A warning where policies do not raise all that is needed."""
    short = [each for each in sums if left_open(each)]
    if not short:
        return []
    amounts = ", ".join(f"{each.policy.name} {kinds.usd(each.unmet)}" for each in short)
    text = (
        f"Not all that is needed is raised: {amounts} USD stay open. Winners have no more to give "
        "under these terms, or closing at that price brings no more."
    )
    return [Words(text, is_warning=True)]


def totals_sheet(sums: Sequence[Total], results: Sequence[WaveOutcome]) -> Sheet:
    """One row for each policy, all waves together."""
    note = (
        f"{_CLOSES} Largest: the largest haircut, in USD and as a share of a winner's profit and "
        "equity (of closings: of what there would have been; more than 100 % of a profit ends in a "
        "loss). Top 1 %: what the hundredth of winners who pay most bears."
    )
    if len(results) > 1:
        largest = max(results, key=lambda each: each.wave.needed)
        note += f" Gini and top 1 %: of wave {largest.wave.name}, in which most was needed."
    return Sheet(
        name="totals",
        title="Policies side by side, USD" + (", all waves together" if len(results) > 1 else ""),
        rows=sums,
        columns=[
            Column("policy", get="policy.key", on="data"),
            Column("name", get="policy.name", title="policy"),
            Column("how",
                   get=lambda row: "closes" if row.policy.closes or row.closed_usd > 0 else "pays",
                   drop=7, on="screen"),
            Column("closes", FLAG, "policy.closes", on="data"),
            Column("needed", USD, on="data"),
            Column("raised", USD, on="data"),
            Column("taken", USD),
            Column("overshoot", USD, title="beyond need"),
            Column("unmet", USD, on="data"),
            Column("closed", USD, "closed_usd", on="data"),
            Column("largest", USD, "largest_usd", drop=3),
            Column("largest_of_profit", RATE, title="of profit", drop=5),
            Column("largest_of_equity", RATE, title="of equity"),
            Column("touched", COUNT, title="payers", drop=2),
            Column("gini", FIGURE, title="Gini", drop=6),
            Column("top_share", RATE, title="top 1 %", drop=1),
        ],
        note=note,
    )  # fmt: skip


def _your_sheet(lines: Sequence[_Line], *, single: bool) -> Iterator[Sheet]:
    """What would have been taken from your account, where it is one of the winners."""
    owned = [each for each in lines if each.outcome.own is not None]
    if not owned:
        return
    places = [
        f"{each.outcome.own.place:,} of {len(each.wave.winners):,}"
        for each in owned
        if each.outcome.own is not None and each.outcome.policy.key == QUEUE
    ]
    where = ", ".join(places[:4]) + (" and so on" if len(places) > 4 else "")
    own = "outcome.own."
    yield Sheet(
        name="you",
        title="What would have been taken from you, USD",
        rows=owned,
        columns=[
            Column("wave", get="wave.name", on="data" if single else "everywhere"),
            Column("policy", get="outcome.policy.key", on="data"),
            Column("name", get="outcome.policy.name", title="policy"),
            Column("haircut", USD, f"{own}haircut", "taken"),
            Column("of_profit", RATE, f"{own}of_profit", "of your profit", 2),
            Column("of_equity", RATE, f"{own}of_equity", "of your equity"),
            Column("closed", RATE, f"{own}closed", drop=3),
            Column("chance", RATE, f"{own}chance", drop=1),
            Column("expected", USD, f"{own}expected", "on average"),
            Column("place", COUNT, f"{own}place", on="data"),
        ],
        note=f"Your place in the queue: {where}. Chance and average of the rotation: over all "
        "winners with whom it may begin.",
    )


def _waves(results: Sequence[WaveOutcome]) -> Sheet:
    def measured(policy: str, name: str) -> Callable[[WaveOutcome], float]:
        def get(row: WaveOutcome) -> float:
            line = next(each for each in row.outcomes if each.policy.key == policy)
            return float(getattr(line.measures, name))

        return get

    prices = ("size", "mark_price", "close_price", "later_price")
    return Sheet(
        name="waves",
        title="Waves, USD: what the rank queue takes, and the largest haircut beside pro-rata",
        rows=results,
        columns=[
            Column("name", get="wave.name"),
            Column("winners", COUNT, lambda row: len(row.wave.winners), drop=2),
            Column("closes", get=lambda row: "long" if row.wave.closes_longs else "short",
                   on="data"),
            *(Column(each, NUMBER, f"wave.{each}", on="data") for each in prices),
            Column("to_be_closed", USD, lambda row: row.wave.size * row.wave.mark_price, drop=1),
            Column("needed", USD, "wave.needed"),
            Column("queue_taken", USD, measured(QUEUE, "taken"), "queue takes"),
            Column("queue_overshoot", USD, measured(QUEUE, "overshoot"), "beyond the need", 3),
            Column("queue_largest_of_equity", RATE, measured(QUEUE, "largest_of_equity"),
                   "queue, of equity"),
            Column("pro_rata_largest_of_equity", RATE, measured(FAIREST, "largest_of_equity"),
                   "pro-rata, of equity"),
        ],
        on="data" if len(results) == 1 else "page" if len(results) > SHOWN_WAVES else "everywhere",
    )  # fmt: skip


def _lines(results: Sequence[WaveOutcome]) -> list[_Line]:
    return [_Line(each.wave, outcome) for each in results for outcome in each.outcomes]


def policies_sheet(results: Sequence[WaveOutcome], on: str = "data") -> Sheet:
    """Every policy in every wave, for programs."""
    money = ("needed", "raised", "taken", "overshoot", "unmet", "closed_usd", "largest_usd")
    others = (
        "largest_of_profit", "largest_of_equity", "largest_closed", "gini", "top_share",
        "best_left", "ptsr", "share_kept", "pmr",
    )  # fmt: skip
    families = (("winners", "touched"), COUNT), (money, USD), (others, NUMBER)
    columns = [
        Column("wave", get="wave.name"),
        Column("policy", get="outcome.policy.key"),
        *(
            Column(name.removesuffix("_usd"), kind, f"outcome.measures.{name}")
            for names, kind in families
            for name in names
        ),
    ]
    return Sheet("policies", "Every policy in every wave", _lines(results), columns, on=on)


def _winners(lines: Sequence[_Line]) -> Sheet:
    """Every winner under every policy, for tables of numbers."""
    kinds_of = {
        "wave": TEXT, "policy": TEXT, "winner": COUNT, "name": TEXT,
        "haircut": USD, "paid": USD, "closed_size": NUMBER, "profit": USD, "equity": USD,
    }  # fmt: skip
    return Sheet(
        name="winners",
        title="Every winner under every policy",
        rows=[row for each in lines for row in _winner_rows(each)],
        columns=[
            Column(name, kind, itemgetter(place))
            for place, (name, kind) in enumerate(kinds_of.items())
        ],
        on="tables",
    )


def _winner_rows(line: _Line) -> Iterator[tuple[Any, ...]]:
    winners, outcome, taking = line.wave.winners, line.outcome, line.outcome.taking
    arrays = (outcome.haircut, taking.paid, taking.closed, line.wave.profit, winners.equity)
    return zip(
        repeat(line.wave.name),
        repeat(outcome.policy.key),
        range(len(winners)),
        winners.names or repeat(""),
        *(each.tolist() for each in arrays),
    )


def policy_figures(
    sums: Sequence[Total], results: Sequence[WaveOutcome], dashed: str = ""
) -> list[Figure]:
    """What is taken beyond the need, the largest haircut, and who pays.

    ``dashed``: the name of a policy that stands out from the others.
    """
    largest = max(results, key=lambda each: each.wave.needed)
    rows = totals_sheet(sums, results).numbers()
    return [
        Figure(
            title="Taken beyond the need",
            chart=overshoot_bars(rows),
            alt="A bar for each policy: USD taken from winners beyond what was needed.",
            note=_CLOSES,
        ),
        Figure(
            title="The largest haircut",
            chart=haircut_bars(rows),
            alt="A bar for each policy: the largest haircut as a share of the winner's equity.",
        ),
        Figure(
            title="Who pays" + (f", wave {largest.wave.name}" if len(results) > 1 else ""),
            chart=concentration_curve(largest, dashed),
            alt="Lines: the share of the bill that the winners who pay most bear, by policy.",
            note="The sooner a line reaches 100 %, the fewer pay.",
        ),
    ]


def _measured(day: RecordedDay) -> Sheet:
    """What was measured wave by wave; the sums are the last row."""

    def total(name: str, title: str = "") -> Column:
        return Column(name, USD, lambda row: sum(getattr(each, name) for each in row), title)

    return Sheet(
        name="measured",
        title="As measured on the day, USD",
        rows=[*([each] for each in day.waves), day.waves],
        columns=[
            Column("wave", get=lambda row: "all" if row is day.waves else str(row[0].number)),
            *map(total, ("deficit", "needed", "production", "overshoot")),
            total("closed", "closed, about"),
        ],
        note="Production: what winners had less at the end of a wave than without deleveraging.",
    )


def _repeated(day: RecordedDay) -> Iterator[Words]:
    """The deficits add up one account several times, where it was below zero in several waves."""
    worst = [each.worst for each in day.waves]
    most = max(set(worst), key=worst.count)
    times = worst.count(most)
    if times < 2:
        return
    total = sum(each.deficit for each in day.waves)
    text = (
        f"The largest single deficit is {kinds.usd(most)} USD in {times} of {len(worst)} waves: "
        f"one account, counted again in each. It makes up "
        f"{kinds.probability(times * most / total)} of the "
        "sum of deficits."
    )
    yield Words(text, is_warning=True)


def _beside(day: RecordedDay, results: Sequence[WaveOutcome]) -> Sheet:
    rows = []
    for place, line in enumerate(results[0].outcomes):
        name = COUNTERPARTS.get(line.policy.key)
        if name is None or any(name not in each.published for each in day.waves):
            continue
        ours = [each.outcomes[place].measures for each in results]
        # Production is known by what it took; the others by what they would have raised.
        budgets = [each.taken if name == "prod" else each.raised for each in ours]
        published = [each.published[name] for each in day.waves]
        largest = max(each.largest_of_equity for each in ours)
        rows.append(_Published(line.policy.name, published, sum(budgets), largest))
    return Sheet(
        name="published",
        title="Published budgets and largest haircuts of equity, beside ours with stand-ins",
        rows=rows,
        columns=[
            Column("policy"),
            Column("published_budget", USD,
                   lambda row: sum(each.budget for each in row.published)),
            Column("our_budget", USD, "budget"),
            Column("published_largest", RATE,
                   lambda row: max(each.max_pct for each in row.published),
                   title="published, of equity"),
            Column("our_largest", RATE, "largest", title="ours, of equity"),
        ],
        note="Why they differ: docs/commands/deleveraging.md.",
    )  # fmt: skip


def _assumptions(result: DeleveragingResult) -> Iterator[str]:
    terms = result.terms
    yield "Each wave is judged by itself: what it takes from a winner is not missing in the next."
    yield "The price path is the same under every policy, whichever positions are closed."
    if terms.in_contracts:
        yield "Pro-rata policies close contracts too, in the proportions of what each would pay."
    else:
        yield "Policies that pay take money out of unrealised profits and leave positions open."
    yield f"Risk-aware pro-rata weighs leverage with power {1 + terms.power:g}."
    if terms.largest_share < 1:
        yield f"Paying takes at most {kinds.probability(terms.largest_share)} of any winner's "
        "profit."
    if any(each.wave.own is not None for each in result.results):
        yield "You are one more winner; what is needed and closed stays the same."
    if result.has_stand_ins:
        yield from _STAND_INS
