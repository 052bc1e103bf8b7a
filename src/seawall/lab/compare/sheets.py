"""A comparison of margin modes as sheets and sentences."""

from collections.abc import Callable
from operator import itemgetter
from typing import NamedTuple

from seawall.lab.compare.comparison import Comparison, VariantResult
from seawall.lab.compare.figures import mark_of, mode_bars
from seawall.lab.compare.question import CompareResult, ScenarioRun
from seawall.lab.compare.recommendation import (
    final_effects,
    listed,
    recommendation,
    recommended_mode,
)
from seawall.lab.compare.tiles import is_suggested, status, suggested_mode, tiles
from seawall.lab.market.price_paths import price_path_sheet
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
from seawall.lab.stress.scenarios import ScenarioLine
from seawall.report import kinds
from seawall.report.findings import Figure, Findings, Section, Words
from seawall.report.sheet import Column, Sheet, record

USD, PROBABILITY = kinds.USD, kinds.PROBABILITY


def findings(result: CompareResult) -> Findings:
    """The result as sheets, figures and sentences."""
    found = result.comparison
    setup = found.setup
    modes = _modes(found)
    notes = [*notes_of(setup), *setup.source.notes]
    sections: list[Section] = [
        *(Words(each, is_warning=True) for each in notes),
        _recommendation(found),
        modes,
        Figure(
            title="Margin modes on the same paths",
            chart=mode_bars(modes.numbers(), suggested_mode(found)),
            alt="Capital needed, survival, median loss and mean of the worst 5 % of each mode.",
        ),
        *_parts(found),
        _effects(found),
        *_contagion(found),
        *_scenarios(result),
        markets_sheet(setup),
        *setup.used.sheets(),
        run_sheet(setup),
    ]
    return Findings(
        command="compare",
        title=f"Cross or isolated, {kinds.COUNT.text(setup.paths)} paths over "
        f"{kinds.long_duration(3600 * setup.hours)}: {setup.account.name}",
        subtitle=subtitle(setup),
        verdict=[Words(each) for each in recommendation(found)],
        status=status(found),
        tiles=tiles(found),
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
        Column("cross", kinds.NAMES, "core"),
        Column("isolated", kinds.NAMES, "apart"),
    ]
    return record("recommendation", "The recommendation", found, columns, on="data")


def _modes(found: Comparison) -> Sheet:
    def median(row: VariantResult) -> Estimate:
        return row.statistics.loss.quantiles[0.5]

    def worst(probability: float) -> Callable[[VariantResult], Estimate]:
        return lambda row: row.statistics.loss.shortfalls[probability]

    def survival(row: VariantResult) -> float:
        return 1 - row.statistics.liquidated.value

    def limit(row: VariantResult) -> str:
        return " (venue limit)" if row.search.is_limit else ""

    columns = [
        Column("mode", get="variant.name",
               mark=lambda row: mark_of(row.variant.name, suggested_mode(found))),
        Column("isolated", kinds.NAMES, lambda row: row.variant.isolated or None, "in buckets", 2,
               none="none"),
        Column("survival", PROBABILITY, survival, "without liquidation"),
        *estimate_columns("loss_median", USD, median, "median loss", 4, None),
        *estimate_columns("shortfall_95", USD, worst(0.95), "worst 5 % lose", 1, None),
        *estimate_columns("shortfall_99", USD, worst(0.99), "worst 1 % lose", 3, None),
        Column("loss_worst", USD, "statistics.loss.worst", "worst path", 6),
        Column("capital_needed", USD, "capital", none="none is enough", mark=limit),
        Column("notional_per_capital", kinds.FIGURE, "search.leverage", "notional / capital", 5),
    ]  # fmt: skip
    columns += data_columns([each.name for each in columns])
    columns += [
        Column("capital_is_limit", kinds.FLAG, "search.is_limit", on="data"),
        Column("capital_above", kinds.TIMES, "search.above", on="data"),
        *estimate_columns("capital_liquidated", PROBABILITY, "search.liquidated", interval=None,
                          on="data"),
    ]  # fmt: skip
    target, notional = kinds.probability(found.target), kinds.usd(found.notional)
    return Sheet(
        name="modes",
        title="The same positions, money and paths; USD",
        rows=found.variants,
        style=lambda row: "chosen" if is_suggested(found, row) else "",
        columns=columns,
        note=(
            f"Capital needed: with which nothing is liquidated on {target} of the paths, every "
            f"part of the money growing alike; for {notional} USD of positions. A leverage limit "
            "of the venue can ask for more."
        ),
    )


def _parts(found: Comparison) -> list[Sheet]:
    """How often each bucket, and each position, of each mode is liquidated."""
    mode = Column("mode", get=itemgetter(0))
    buckets, positions = [], []
    for each in found.variants:
        name, statistics = each.variant.name, each.statistics
        by_bucket = zip(statistics.buckets, statistics.by_bucket, strict=True)
        buckets += [(name, *part) for part in by_bucket]
        positions += [(name, *part) for part in zip(found.markets, each.touched, strict=True)]
    of_bucket = "How often each bucket is found under maintenance margin"
    of_position = "How often each position loses something to a liquidation"
    return [
        parts_sheet("mode_buckets", of_bucket, mode, "bucket", buckets),
        parts_sheet("mode_positions", of_position, mode, "position", positions),
    ]


def _effects(found: Comparison) -> Sheet:
    """The effects of all rounds; quiet where the position was judged again."""
    last = {id(each) for each in final_effects(found)}
    columns = [
        Column("market", title="position"),
        Column("round", kinds.COUNT, on="data"),
        Column("role"),
        Column("money", kinds.SHARE, title="of the money", drop=1),
        Column("liquidated_with", PROBABILITY, "pool_with", "with it"),
        Column("liquidated_without", PROBABILITY, "pool_without", "without it"),
        *estimate_columns("difference", PROBABILITY, "pool", drop=4, interval=3),
        *estimate_columns("shortfall_difference", USD, "worst", "worst 5 % lose more, USD",
                          interval=2),
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


class _Any(NamedTuple):
    """How often any position is taken along; the other estimates are of single positions."""

    market: str
    taken_along: Estimate
    in_pool: None = None
    alone: None = None
    carried: None = None


def _contagion(found: Comparison) -> list[Sheet]:
    if len(found.markets) < 2:
        return []
    columns = [
        Column("market", title="position"),
        *estimate_columns("in_pool", PROBABILITY, title="in the pool", interval=None),
        *estimate_columns("in_bucket", PROBABILITY, "alone", "in its bucket", interval=None),
        *estimate_columns("taken_along", PROBABILITY, interval=1),
        *estimate_columns("carried", PROBABILITY, interval=2),
    ]
    return [
        Sheet(
            name="contagion",
            title="Contagion: a position that loses to a liquidation, % of paths",
            rows=[*found.contagion, _Any("any position", found.contagion_any)],
            columns=columns,
            note="Taken along: in the pool, not in its bucket. Carried: in its bucket, not in the "
            "pool.",
        )
    ]


def _scenarios(result: CompareResult) -> list[Sheet]:
    if not result.scenarios:
        return []

    def of_equity(row: ScenarioRun) -> float | None:
        return row.line.lost / row.line.start if row.line.start else None

    columns = [
        Column("scenario", get="line.scenario.name"),
        Column("mode"),
        Column("liquidated", get=lambda row: listed(_liquidated(row.line)) or "nothing"),
        Column("liquidations", kinds.COUNT, lambda row: len(row.line.liquidated), on="data"),
        Column("start", kinds.MONEY, "line.start", on="data"),
        Column("end", kinds.MONEY, "line.end", on="data"),
        Column("lowest", kinds.MONEY, "line.lowest", on="data"),
        Column("lost", kinds.MONEY, "line.lost"),
        Column("of_equity", kinds.SHARE, of_equity, "of the money", 2),
        Column("lost_at_lowest", kinds.MONEY, lambda row: row.line.start - row.line.lowest,
               "lost at the lowest", 1),
    ]  # fmt: skip
    return [
        Sheet(
            name="scenarios",
            title="Through named scenarios, on the engine; USD",
            rows=result.scenarios,
            columns=columns,
            note="Starting at the prices of now; losses below zero are gains.",
            style=lambda row: "bad" if row.line.liquidated else "",
        ),
        price_path_sheet(
            {each.line.scenario.name: each.line.price_paths for each in result.scenarios}.items()
        ),
    ]


def _liquidated(line: ScenarioLine) -> list[str]:
    return [
        "the pool" if each.bucket < 0 else line.instruments[each.bucket].name
        for each in line.liquidated
    ]
