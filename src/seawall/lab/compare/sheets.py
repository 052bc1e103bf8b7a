"""A comparison of margin modes as sheets and sentences."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from seawall.lab.compare.comparison import WORST, Comparison, PoolEffect, VariantResult
from seawall.lab.compare.figures import ModeOutcome, mode_bars
from seawall.lab.compare.question import CompareResult
from seawall.lab.compare.recommendation import (
    final_effects,
    listed,
    recommendation,
    recommended_mode,
)
from seawall.lab.paths.estimates import Estimate
from seawall.lab.paths.sheets import (
    assumptions,
    data_columns,
    estimate_columns,
    markets_sheet,
    notes_of,
    parts_sheet,
    run_sheet,
    subtitle,
)
from seawall.lab.paths.statistics import LossStatistics
from seawall.lab.stress.scenarios import ScenarioLine
from seawall.report import kinds
from seawall.report.findings import Figure, Findings, Section, Words
from seawall.report.sheet import Column, Row, Sheet, record

USD, PROBABILITY = kinds.USD, kinds.PROBABILITY
Columns = list[Column]
MEDIAN = 0.5


def findings(result: CompareResult) -> Findings:
    """The result as sheets, figures and sentences."""
    found = result.comparison
    setup = found.setup
    notes = [*notes_of(setup), *setup.source.notes]
    sections: list[Section] = [
        *(Words(each, is_warning=True) for each in notes),
        _recommendation(found),
        _modes(found),
        _figure(found),
        *_parts(found),
        _effects(found),
        *_contagion(found),
        *_scenarios(result),
        markets_sheet(setup),
        run_sheet(setup),
    ]
    return Findings(
        command="compare",
        title=f"Cross or isolated, {kinds.COUNT.text(setup.paths)} paths over "
        f"{kinds.long_duration(3600 * setup.hours)}: {setup.account.name}",
        subtitle=subtitle(setup),
        verdict=[Words(each) for each in recommendation(found)],
        sections=sections,
        facts={
            "account": setup.account.name,
            "source": setup.account.source,
            "notional": found.notional,
            "survival_target": found.target,
        },
        assumptions=[
            "All modes have the same money at these prices. In buckets it is divided in proportion "
            "to initial margin, notional over the position's leverage.",
            *assumptions(setup),
        ],
        seed=setup.seed,
    )


def _recommendation(found: Comparison) -> Sheet:
    columns = [
        Column("mode", get=recommended_mode),
        Column("cross", kinds.NAMES, get="core"),
        Column("isolated", kinds.NAMES,
            get=lambda each: [name for name in each.markets if name not in each.core],
        ),
    ]  # fmt: skip
    return record("recommendation", "The recommendation", found, columns, on="data")


def _modes(found: Comparison) -> Sheet:
    def loss(name: str, title: str, of: Callable[[LossStatistics], Estimate], drop: int) -> Columns:
        return estimate_columns(
            name, USD, lambda row: of(row.statistics.loss), title=title, drop=drop, interval=None
        )

    columns = [
        Column("mode", get="variant.name"),
        Column("isolated", title="in buckets", kind=kinds.NAMES, drop=2, none="none",
               get=lambda row: row.variant.isolated or None),
        Column("survival", title="without liquidation", kind=PROBABILITY,
               get=lambda row: 1 - row.statistics.liquidated.value),
        *loss("loss_median", "median loss", lambda each: each.quantiles[MEDIAN], 4),
        *loss("shortfall_95", "worst 5 % lose", lambda each: each.shortfalls[0.95], 1),
        *loss("shortfall_99", "worst 1 % lose", lambda each: each.shortfalls[0.99], 3),
        Column("loss_worst", title="worst path", kind=USD, drop=6,
               get="statistics.loss.worst"),
        Column("capital_needed", title="capital needed", kind=USD, none="none is enough",
               get="capital",
               mark=lambda row: " (venue limit)" if row.search.is_limit else ""),
        Column("notional_per_capital", title="notional / capital", kind=kinds.FIGURE, drop=5,
               get="search.leverage"),
    ]  # fmt: skip
    shown = [each.name for each in columns]
    columns += data_columns(lambda row: row.statistics, shown=shown)
    columns += [
        Column("capital_is_limit", kinds.FLAG, on="data",
               get="search.is_limit"),
        Column("capital_above", kinds.TIMES, on="data",
               get="search.above"),
        *estimate_columns("capital_liquidated", PROBABILITY, _searched, interval=None, on="data"),
    ]  # fmt: skip
    target, notional = kinds.probability(found.target), kinds.usd(found.notional)
    return Sheet(
        name="modes",
        title="The same positions, money and paths; USD",
        rows=found.variants,
        columns=columns,
        note=(
            f"Capital needed: with which nothing is liquidated on {target} of the paths, every "
            f"part of the money growing alike; for {notional} USD of positions. A leverage limit "
            "of the venue can ask for more."
        ),
    )


def _searched(row: VariantResult) -> Estimate | None:
    return None if row.search.point is None else row.search.point.statistics.liquidated


def _figure(found: Comparison) -> Figure:
    outcomes = [
        ModeOutcome(
            mode=each.variant.name,
            capital=float("nan") if each.capital is None else each.capital,
            survival=1 - each.statistics.liquidated.value,
            median_loss=each.statistics.loss.quantiles[MEDIAN].value,
            worst_loss=each.statistics.loss.shortfalls[WORST].value,
        )
        for each in found.variants
    ]
    return Figure(
        title="Margin modes on the same paths",
        chart=mode_bars(outcomes),
        alt="Capital needed, survival, median loss and mean of the worst 5 % of each mode.",
    )


def _parts(found: Comparison) -> list[Sheet]:
    """How often each bucket, and each position, of each mode is liquidated."""
    mode = [Column("mode", get=lambda row: row[0])]
    buckets = [
        (each.variant.name, *part)
        for each in found.variants
        for part in zip(each.statistics.buckets, each.statistics.by_bucket, strict=True)
    ]
    positions = [
        (each.variant.name, *part)
        for each in found.variants
        for part in zip(found.markets, each.touched, strict=True)
    ]
    titles = (
        "How often each bucket is found under maintenance margin",
        "How often each position loses something to a liquidation",
    )
    return [
        parts_sheet("mode_buckets", titles[0], mode, "bucket", buckets),
        parts_sheet("mode_positions", titles[1], mode, "position", positions),
    ]


def role(each: PoolEffect) -> str:
    """What a position is to the pool."""
    if each.is_bet:
        return "bet"
    return "protects" if each.protects else "core"


def _effects(found: Comparison) -> Sheet:
    """The effects of all rounds; quiet where the position was judged again."""
    last = {id(each) for each in final_effects(found)}
    columns = [
        Column("market", title="position"),
        Column("round", kinds.COUNT, on="data"),
        Column("role", get=role),
        Column("money", title="of the money", kind=kinds.SHARE, drop=1),
        Column("liquidated_with", title="with it", kind=PROBABILITY,
               get="pool_with"),
        Column("liquidated_without", title="without it", kind=PROBABILITY,
               get="pool_without"),
        *estimate_columns("difference", PROBABILITY, "pool", drop=4, interval=3),
        *estimate_columns("shortfall_difference", USD, "worst",
                          title="worst 5 % lose more, USD", interval=2),
    ]  # fmt: skip
    return Sheet(
        name="positions",
        title="The rest of the pool with each position and without it, % of paths liquidated",
        rows=found.effects,
        columns=columns,
        note=(
            "Taken out with its share of the money; differences with their 95 % intervals. A bet "
            "has less than half of the money, and both differences are above zero beyond their "
            "interval. Bets are taken out one by one, and the rest is judged again."
        ),
        style=lambda row: "" if id(row) in last else "quiet",
    )


class _Contagion(NamedTuple):
    market: str
    in_pool: Estimate | None
    in_bucket: Estimate | None
    taken_along: Estimate
    carried: Estimate | None


def _contagion(found: Comparison) -> list[Sheet]:
    if len(found.markets) < 2:
        return []
    rows = [
        _Contagion(each.market, each.in_pool, each.alone, each.taken_along, each.carried)
        for each in found.contagion
    ]
    rows.append(_Contagion("any position", None, None, found.contagion_any, None))
    return [
        Sheet(
            name="contagion",
            title="Contagion: a position that loses to a liquidation, % of paths",
            rows=rows,
            columns=[
                Column("market", title="position"),
                *_estimate("in_pool", "in the pool", interval=None),
                *_estimate("in_bucket", "in its bucket", interval=None),
                *_estimate("taken_along", "taken along", interval=1),
                *_estimate("carried", "carried", interval=2),
            ],
            note="Taken along: in the pool, not in its bucket. Carried: in its bucket, not in the "
            "pool.",
        )
    ]


def _estimate(name: str, title: str, interval: int | None) -> list[Column]:
    def of(row: Row) -> Estimate | None:
        found: Estimate | None = getattr(row, name)
        return found

    return estimate_columns(name, PROBABILITY, of, title=title, interval=interval)


class _Outcome(NamedTuple):
    scenario: str
    mode: str
    line: ScenarioLine


def _scenarios(result: CompareResult) -> list[Sheet]:
    if not result.scenarios:
        return []
    names = [each.variant.name for each in result.comparison.variants]
    rows = [
        _Outcome(scenario, name, line)
        for scenario, lines in result.scenarios.items()
        for name, line in zip(names, lines, strict=True)
    ]
    return [
        Sheet(
            name="scenarios",
            title="Through named scenarios, on the engine; USD",
            rows=rows,
            columns=[
                Column("scenario"),
                Column("mode"),
                Column("liquidated", get=lambda row: listed(_liquidated(row)) or "nothing"),
                Column("liquidations", kinds.COUNT, on="data",
                       get=lambda row: len(row.line.liquidated)),
                Column("start", kinds.MONEY, on="data", get="line.start"),
                Column("end", kinds.MONEY, on="data", get="line.end"),
                Column("lowest", kinds.MONEY, on="data",
                       get="line.lowest"),
                Column("lost", kinds.MONEY, get="line.lost"),
                Column("of_equity", title="of the money", kind=kinds.SHARE, drop=2,
                       get=lambda row: row.line.lost / row.line.start if row.line.start else None),
                Column("lost_at_lowest", title="lost at the lowest", kind=kinds.MONEY, drop=1,
                       get=lambda row: row.line.start - row.line.lowest),
            ],
            note="Starting at the prices of now; losses below zero are gains.",
            style=lambda row: "bad" if row.line.liquidated else "",
        )
    ]  # fmt: skip


def _liquidated(row: _Outcome) -> Sequence[str]:
    instruments = row.line.instruments
    return [
        "the pool" if each.bucket < 0 else instruments[each.bucket].name
        for each in row.line.liquidated
    ]
