"""Paths of an account in portfolio margin, as sentences, sheets and pictures."""

from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import Any, NamedTuple

from seawall.lab.options.paths import PooledCase, PooledPaths
from seawall.lab.options.pooled_words import missing_words
from seawall.lab.options.simulation_sheets import (
    simulation_sheet,
    simulation_words,
    way_words,
)
from seawall.lab.options.ways import APART, BY_MARKET, POOLED
from seawall.lab.paths.estimates import Estimate
from seawall.lab.paths.figures import equity_figures, loss_figure, margin_figure, time_figure
from seawall.lab.paths.sheets import (
    COSTS,
    ENDS,
    LIQUIDATED,
    LOSSES,
    MOST_ROWS,
    RUIN,
    Measure,
    data_columns,
    drawdown_measure,
    estimate_columns,
    markets_sheet,
    probability_words,
    risk_capital_words,
)
from seawall.lab.paths.tiles import HIGH, graded, loss_tiles, time_tile
from seawall.report import kinds
from seawall.report.findings import Findings, Section, Status, Tile, Words
from seawall.report.kinds import Kind
from seawall.report.sheet import Column, Row, Sheet


class Line(NamedTuple):
    """An estimate of a case."""

    case: PooledCase
    name: str
    title: str
    estimate: Estimate


def findings(result: PooledPaths) -> Findings:
    """The findings of an account in portfolio margin."""
    held, setup, case = result.pool.held, result.setup, result.strictest
    span = kinds.long_duration(3600 * case.statistics.hours)
    return Findings(
        command="paths",
        title=f"{kinds.COUNT.text(setup.paths)} paths over {span}: {held.account.name} in "
        "portfolio margin",
        subtitle=f"{held.account.source}; presets "
        + ", ".join(each.name for each in result.pool.rules),
        verdict=tuple(_verdict(result)),
        status=_status(result),
        tiles=_tiles(result),
        sections=tuple(_sections(result)),
        facts={"account": held.account.name, "source": held.account.source},
        assumptions=tuple(simulation_words(result.simulation)),
        seed=setup.seed,
    )


def _sections(result: PooledPaths) -> Iterator[Section]:
    yield _compared(result)
    title = result.strictest.rule.preset.title
    yield from equity_figures(result, f"Under {title}, in one pool. ")
    yield margin_figure(result)
    yield loss_figure(result.losses)
    yield time_figure(result.statistics)
    # Of several presets people see the comparison above, and programs all of it.
    on = "everywhere" if len(result.pool.rules) == 1 else "data"
    probabilities = [RUIN, drawdown_measure(result.setup), LIQUIDATED]
    yield _estimates(
        "probabilities", "Probability, % of paths", "probability", kinds.PROBABILITY, on,
        [line for case in result.cases for line in _probabilities(case, probabilities)],
    )  # fmt: skip
    yield _estimates(
        "losses", "Loss at the end, USD (gains below zero)", "loss", kinds.USD, on,
        _lines(result.cases, LOSSES),
        Column("of_equity", kinds.SHARE, _of_equity, "of equity now"),
    )  # fmt: skip
    yield _estimates(
        "costs", "On the way, mean USD a path", "cost", kinds.USD, on, _lines(result.cases, COSTS)
    )
    yield _times(result)
    yield markets_sheet(result.setup)
    yield from result.setup.used.sheets()
    yield simulation_sheet(result.simulation)
    yield _every_path(result)


def _lines(cases: Iterable[PooledCase], measures: Iterable[Measure]) -> list[Line]:
    wanted = tuple(measures)
    return [
        Line(case, each.name, each.title, each.estimate(case.statistics))
        for case in cases
        for each in wanted
    ]


def _probabilities(case: PooledCase, measures: Iterable[Measure]) -> Iterator[Line]:
    yield from _lines([case], measures)
    if case.held != POOLED:
        the = "the " if case.held == APART else ""
        for name, each in zip(case.statistics.buckets, case.statistics.by_bucket, strict=True):
            yield Line(case, name, f"liquidation of {the}{name}", each)
    losing, closed = ENDS
    yield from _lines([case], [losing, closed._replace(title="a loss that others bear")])


def _of_case(case: str = "") -> list[Column]:
    """Preset and how the account is held."""
    before = f"{case}." if case else ""
    return [Column("preset", get=f"{before}rule.name"), Column("held", get=f"{before}held")]


def _estimates(
    name: str, title: str, value: str, kind: Kind, on: str, rows: list[Line], *more: Column
) -> Sheet:
    columns = [
        *_of_case("case"),
        Column("measure", get="name", on="data"),
        Column("title", title=" ", on="screen"),
        Column(value, kind, "estimate.value"),
        *more,
        Column("low", kind, "estimate.low", on="data"),
        Column("high", kind, "estimate.high", on="data"),
        Column("interval", kinds.interval(kind), "estimate.interval", "95 % interval", 1, "screen"),
    ]
    return Sheet(name=name, title=title, rows=rows, columns=columns, on=on)


def _of_equity(row: Line) -> float:
    return row.estimate.value / row.case.statistics.start_equity


def _compared(result: PooledPaths) -> Sheet:
    def worst(row: PooledCase) -> float:
        return row.statistics.loss.shortfalls[0.95].value

    def median(row: PooledCase) -> float:
        return row.statistics.loss.quantiles[0.5].value

    columns = [
        *_of_case(),
        *estimate_columns(
            "liquidated", kinds.PROBABILITY, "statistics.liquidated", interval=3
        ),
        *estimate_columns("ruin", kinds.PROBABILITY, "statistics.ruin", drop=1, interval=None),
        Column("median_hours", kinds.HOURS, "statistics.median_hours", "half by", 4),
        Column("median", kinds.USD, median, "median loss", 2, "screen"),
        Column("worst", kinds.USD, worst, "worst 5 % lose", on="screen"),
        Column("costs", kinds.USD, "statistics.liquidation_costs.value", "liquidations cost", 5,
               "screen"),
    ]  # fmt: skip
    return Sheet(
        name="margins",
        title="In one pool and each leg apart, on the same paths",
        rows=result.cases,
        columns=[*columns, *data_columns([each.name for each in columns])],
        note=f"{way_words(each.held for each in result.cases)} USD of the equity now; a gain is "
        "below zero.",
        style=lambda row: "bad" if row.statistics.liquidated.value > HIGH else "",
    )


def _times(result: PooledPaths) -> Sheet:
    rows = [
        (case, hours, estimate)
        for case in result.cases
        for hours, estimate in zip(case.statistics.curve_hours, case.statistics.curve, strict=True)
    ]

    def of(name: str) -> Callable[[Row], Any]:
        get = attrgetter(name)
        return lambda row: get(row[0])

    return Sheet(
        name="time_to_liquidation",
        title="Liquidated by then, % of paths",
        rows=rows,
        columns=[
            Column("preset", get=of("rule.name")),
            Column("held", get=of("held")),
            Column("hours", kinds.HOURS, lambda row: row[1], "after"),
            *estimate_columns("liquidated", kinds.PROBABILITY, lambda row: row[2]),
        ],
        on="data",
    )


def _every_path(result: PooledPaths) -> Sheet:
    hours = result.setup.step_seconds / 3600
    rows = [
        (case, path)
        for case in result.cases
        for path in range(min(len(case.losses), MOST_ROWS // len(result.cases)))
    ]

    def after(row: Row) -> float | None:
        first = row[0].first[row[1]]
        return first * hours if first else None

    columns = [
        Column("preset", get=lambda row: row[0].rule.name),
        Column("held", get=lambda row: row[0].held),
        Column("path", kinds.COUNT, lambda row: row[1]),
        Column("loss", kinds.USD, lambda row: row[0].losses[row[1]]),
        Column("liquidated_after_hours", kinds.HOURS, after),
    ]
    return Sheet(name="paths", title="Every path", rows=rows, columns=columns, on="tables")


def _status(result: PooledPaths) -> Status:
    found = result.liquidated
    words = f"liquidated on {kinds.probability(found.value)} of the paths"
    return graded(words, found.low, found.high)


def _tiles(result: PooledPaths) -> list[Tile]:
    statistics, title = result.statistics, result.strictest.rule.preset.title
    apart = next(
        (e for e in result.cases if e.rule is result.strictest.rule and e.held == APART), None
    )
    return [
        Tile(
            title="probability of a liquidation", value=result.liquidated.value,
            kind=kinds.PROBABILITY, note=f"in one pool under {title}",
        ),
        Tile(
            title="with each leg apart",
            value=None if apart is None else apart.statistics.liquidated.value,
            kind=kinds.PROBABILITY, none="one leg only",
        ),
        *loss_tiles(statistics, result.setup.limits.risk_capital),
        time_tile(statistics),
    ]  # fmt: skip


def _verdict(result: PooledPaths) -> Iterator[Words]:
    yield from missing_words(result.pool)
    equity = result.statistics.start_equity
    for rule in result.pool.rules:
        cases = {each.held: each for each in result.cases if each.rule is rule}
        pooled = cases[POOLED].statistics
        text = (
            f"{rule.preset.title} liquidates the account on "
            f"{probability_words(pooled.liquidated)} of the paths in one pool"
        )
        for held, what in ((APART, "leg"), (BY_MARKET, "market")):
            if held in cases:
                some = kinds.probability(cases[held].statistics.liquidated.value)
                text += f", and a {what} on {some} with each apart"
        yield Words(f"{text}.", is_warning=pooled.liquidated.low > HIGH)
    worst = result.statistics.loss.shortfalls[0.95].value
    yield Words(
        f"It loses its risk capital of {risk_capital_words(result.setup, equity)} on "
        f"{probability_words(result.statistics.ruin)} of them under "
        f"{result.strictest.rule.preset.title}, and the worst 5 % lose {kinds.short_usd(worst)} on "
        "average."
    )
