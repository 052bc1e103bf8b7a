"""How to hold an account in portfolio margin, as sheets and sentences."""

from collections.abc import Iterator
from typing import NamedTuple

from seawall.lab.compare.comparison import Contagion
from seawall.lab.compare.figures import mode_bars
from seawall.lab.compare.recommendation import listed
from seawall.lab.compare.sheets import contagion_columns, horizon_columns, judged_columns
from seawall.lab.compare.tiles import status, tiles
from seawall.lab.market.price_paths import price_path_sheet, price_paths
from seawall.lab.options.compare import PooledComparison, UnderPreset, WayResult
from seawall.lab.options.compare_words import recommendation
from seawall.lab.options.scenario import PooledRun
from seawall.lab.options.simulation_sheets import simulation_sheet, simulation_words, way_words
from seawall.lab.paths.sheets import data_columns, markets_sheet, parts_sheet, risk_capital_words
from seawall.lab.paths.statistics import PathStatistics
from seawall.report import kinds
from seawall.report.findings import Figure, Findings, Section
from seawall.report.sheet import Column, Sheet

USD = kinds.USD


class _Row(NamedTuple):
    """A way under a preset, with what its columns are of."""

    under: UnderPreset
    result: WayResult

    @property
    def is_recommended(self) -> bool:
        return self.result.way.held == self.under.choice.mode

    @property
    def statistics(self) -> PathStatistics:
        return self.result.statistics

    @property
    def scenario_loss(self) -> float | None:
        return self.result.scenario_loss

    @property
    def capital(self) -> float:
        return self.result.capital

    @property
    def is_limit(self) -> bool:
        return self.result.is_limit


def findings(found: PooledComparison) -> Findings:
    """The result as sheets, figures and sentences."""
    held, setup, shown = found.pool.held, found.setup, found.strictest
    return Findings(
        command="compare",
        title=f"Pooled or apart, {kinds.COUNT.text(setup.paths)} paths over "
        f"{kinds.long_duration(3600 * setup.hours)}: {held.account.name} in portfolio margin",
        subtitle=f"{held.account.source}; presets "
        + ", ".join(each.name for each in found.pool.rules),
        verdict=tuple(recommendation(found)),
        status=status(shown.judged, shown.choice),
        tiles=tiles(shown.judged, shown.choice, found.target),
        sections=tuple(_sections(found)),
        facts={
            "account": held.account.name,
            "source": held.account.source,
            "survival_target": found.target,
        },
        assumptions=tuple(_assumptions(found)),
        seed=setup.seed,
    )


def _sections(found: PooledComparison) -> Iterator[Section]:
    rows = [_Row(under, each) for under in found.presets for each in under.results]
    yield _recommendations(found)
    yield _ways(found, rows)
    shown = found.strictest
    own = _ways(found, [row for row in rows if row.under is shown]).numbers()
    yield Figure(
        title=f"Under {shown.rule.preset.title}, on the same paths",
        chart=mode_bars(own, shown.choice.mode),
        alt="Mean of the worst 5 %, ruin, survival and capital needed of each way.",
    )
    yield from _scenarios(found, rows)
    yield _horizons(found)
    if contagion := _contagion(found):
        yield contagion
    yield _parts(rows)
    yield markets_sheet(found.setup)
    yield from found.setup.used.sheets()
    yield simulation_sheet(found.simulation)


def _preset() -> Column:
    return Column("preset", get="under.rule.name")


def _recommendations(found: PooledComparison) -> Sheet:
    columns = [
        Column("preset", get="rule.name"),
        Column("mode", get="choice.mode"),
        Column("is_given", kinds.FLAG, "recommended.judged.is_given"),
        Column("over_leveraged", kinds.FLAG, "is_over_leveraged"),
        Column("reasons", kinds.NAMES, "choice.reasons"),
        Column("against", kinds.NAMES, "choice.against"),
        Column("contradicts", kinds.FLAG, lambda row: row.choice.contradicts is not None),
    ]
    title = "The recommendation under every preset"
    return Sheet(name="recommendation", title=title, rows=found.presets, columns=columns, on="data")


def _ways(found: PooledComparison, rows: list[_Row]) -> Sheet:
    def marks(row: _Row) -> str:
        given = ", given" if row.result.judged.is_given else ""
        return f"{given}{' *' if row.is_recommended else ''}"

    columns = [
        _preset(),
        Column("mode", get="result.way.held", mark=marks),
        *judged_columns(has_scenarios=bool(found.scenarios)),
        Column(
            "out",
            get="result.out",
            title="not recommended",
            on="everywhere" if any(row.result.out for row in rows) else "data",
        ),
        Column("is_given", kinds.FLAG, "result.judged.is_given", on="data"),
        Column("is_recommended", kinds.FLAG, on="data"),
        Column("capital_is_limit", kinds.FLAG, "is_limit", on="data"),
    ]
    columns += data_columns([each.name for each in columns])
    limits, equity = found.setup.limits, found.pool.held.equity
    return Sheet(
        name="modes",
        title="The same positions, money and paths; USD and % of paths",
        rows=rows,
        style=lambda row: "chosen" if row.is_recommended else "",
        columns=columns,
        note=f"*: recommended. {way_words(row.result.way.held for row in rows)} Ruin: the risk "
        f"capital, {risk_capital_words(found.setup, equity)}, is lost at some moment. Drawdown: "
        f"more than {kinds.short_percent(limits.max_drawdown)} below the highest equity so far. "
        f"Capital: with which nothing is liquidated on {kinds.probability(found.target)} of the "
        "paths, and at least the initial margin now (venue limit).",
    )


def _parts(rows: list[_Row]) -> Sheet:
    parts = [
        ((row.under.rule.name, row.result.way.held), *part)
        for row in rows
        for part in zip(row.statistics.buckets, row.statistics.by_bucket, strict=True)
    ]
    of = [Column("preset", get=lambda row: row[0][0]), Column("mode", get=lambda row: row[0][1])]
    title = "How often each part is found under maintenance margin"
    return parts_sheet("mode_buckets", title, of, "bucket", parts)


def _horizons(found: PooledComparison) -> Sheet:
    rows = [
        (each.hours, result.way.held, statistics, result.way.held == each.mode, under.rule.name)
        for under in found.presets
        for each in under.horizons
        for result, statistics in zip(under.results, each.statistics, strict=True)
    ]
    return Sheet(
        name="horizons",
        title="The same over other horizons, USD and % of paths",
        rows=rows,
        columns=[Column("preset", get=lambda row: row[4]), *horizon_columns()],
        note="*: what would be recommended there.",
    )


class _Carried(NamedTuple):
    """A part under a preset, in the pool and alone."""

    under: UnderPreset
    held: str
    contagion: Contagion


def _contagion(found: PooledComparison) -> Sheet | None:
    rows = [
        _Carried(under, held, each) for under in found.presets for held, each in under.contagion
    ]
    if not rows:
        return None
    return Sheet(
        name="contagion",
        title="Contagion: what is liquidated in the pool and alone, % of paths",
        rows=rows,
        columns=[
            _preset(),
            Column("mode", get="held"),
            Column("part", get="contagion.market"),
            *contagion_columns("alone", "contagion."),
        ],
        note="Taken along: the pool is liquidated where the part alone is not. Carried: the part "
        "is liquidated alone, and the pool is not.",
    )


class _Run(NamedTuple):
    """A way under a preset through a scenario."""

    under: UnderPreset
    result: WayResult
    run: PooledRun


def _scenarios(found: PooledComparison, rows: list[_Row]) -> Iterator[Sheet]:
    if not found.scenarios:
        return
    runs = [
        _Run(row.under, row.result, row.result.runs[number])
        for number in range(len(found.scenarios))
        for row in rows
    ]

    def of_equity(row: _Run) -> float:
        return row.run.lost / row.run.start

    def lowest(row: _Run) -> float:
        return row.run.start - row.run.lowest

    def hours(row: _Run) -> float | None:
        return min(row.run.liquidated.values(), default=None)

    columns = [
        Column("scenario", get="run.scenario.name"),
        _preset(),
        Column("mode", get="result.way.held"),
        Column("liquidated", get=lambda row: listed([*row.run.liquidated]) or "nothing"),
        Column("liquidated_after_hours", kinds.HOURS, hours, "after", 3, none="never"),
        Column("start", USD, "run.start", on="data"),
        Column("end", USD, "run.end", on="data"),
        Column("lost", USD, "run.lost"),
        Column("of_equity", kinds.SHARE, of_equity, "of the money", 2),
        Column("lost_at_lowest", USD, lowest, "lost at the lowest", 1),
        Column("missing", USD, "run.missing", "others bear", 4),
    ]
    yield Sheet(
        name="scenarios",
        title="Through named scenarios; USD",
        rows=runs,
        columns=columns,
        note="Starting at the prices of now; losses below zero are gains. Prices of the scenario "
        "alone: other accounts, the book and funding play no part.",
        style=lambda row: "bad" if row.run.liquidated else "",
    )
    yield price_path_sheet((scenario.name, price_paths(path)) for scenario, path in found.scenarios)


def _assumptions(found: PooledComparison) -> Iterator[str]:
    yield (
        "All ways have the same money at these prices. An account in portfolio margin is pooled as "
        "given."
    )
    yield from simulation_words(found.simulation)
    if found.scenarios:
        yield (
            "In a named scenario volatilities do as on paths, and a liquidation costs as much; "
            "nothing is closed in part."
        )
