"""What many paths say, as sheets and sentences."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from seawall.domain.rulebook import AnyRulebook
from seawall.lab.market.price_models import SHIPPED_ORIGIN, PriceModel, shipped_models
from seawall.lab.paths.estimates import Estimate
from seawall.lab.paths.figures import figures
from seawall.lab.paths.kernels.account import POOL_NAME
from seawall.lab.paths.kernels.task import BelowZero, LiquidationRules
from seawall.lab.paths.leverage import LeverageSearch
from seawall.lab.paths.question import PathsResult
from seawall.lab.paths.setup import PathSetup, under_maintenance
from seawall.lab.paths.statistics import QUANTILES, SHORTFALLS, PathStatistics
from seawall.lab.simulation.names import bucket_of_market, liquidation_words
from seawall.report import kinds
from seawall.report.findings import Findings, Section, Words
from seawall.report.kinds import Kind
from seawall.report.sheet import Column, Row, Sheet, record

WARN_MISSED = 0.03
"""Share of liquidations missed between two checks from which a warning is due."""
WARN_PROBABILITY = 0.001
"""Rarer liquidations are rare either way."""
MOST_ROWS = 1_000_000
"""Paths of which the table for programs holds the losses."""
TIMES_SHOWN = 8

Of = Callable[[PathStatistics], Estimate]


class Measure(NamedTuple):
    """One estimate of the statistics of paths: its key for programs and its name for people."""

    name: str
    title: str
    of: Of


def _quantile(probability: float) -> Measure:
    name, title = f"loss_{100 * probability:g}", f"{kinds.percent(probability, 0)} lose less"
    if probability == 0.5:
        name, title = "loss_median", "median"
    return Measure(name, title, lambda each: each.loss.quantiles[probability])


def _shortfall(probability: float) -> Measure:
    title = f"mean of the worst {kinds.percent(1 - probability, 0)}"
    name = f"shortfall_{100 * probability:g}"
    return Measure(name, title, lambda each: each.loss.shortfalls[probability])


LIQUIDATED = Measure("liquidated", "liquidation of any bucket", lambda each: each.liquidated)
LOSING = Measure("losing", "a loss at the end", lambda each: each.loss.probability)
CLOSED_OUT = Measure(
    "closed_out", "taken by the backstop, or deleveraged", lambda each: each.closed_out
)
LOSSES = (
    Measure("loss_mean", "mean", lambda each: each.loss.mean),
    *map(_quantile, QUANTILES),
    *map(_shortfall, SHORTFALLS),
)
COSTS = (
    Measure("funding", "funding paid", lambda each: each.funding),
    Measure(
        "liquidation_costs", "fees and slippage of liquidations",
        lambda each: each.liquidation_costs,
    ),
    Measure(
        "forfeited", "equity left to the backstop (below zero: others paid)",
        lambda each: each.forfeited,
    ),
)  # fmt: skip


class Line(NamedTuple):
    """A row of one estimate; no interval where the value is no estimate."""

    name: str
    title: str
    value: float
    low: float | None
    high: float | None


def _line(measure: Measure, statistics: PathStatistics) -> Line:
    return Line(measure.name, measure.title, *measure.of(statistics))


def stored(name: str, kind: Kind, get: Callable[[Row], Any] | str = "") -> Column:
    """A column for programs."""
    return Column(name, kind, get, on="data")


def estimate_columns(
    name: str,
    kind: Kind,
    of: Callable[[Row], Estimate | None] | str,
    *,
    title: str = "",
    drop: int = 0,
    interval: int | None = 0,
    on: str = "everywhere",
) -> list[Column]:
    """Columns of an estimate: the value, both ends for programs, the interval for people.

    ``of``: the estimate of a row, or its attribute. ``drop``: of the value; ``interval``: of the
    interval, None where people do not see it.
    """
    estimate = attrgetter(of) if isinstance(of, str) else of

    def part(place: int) -> Callable[[Row], float | None]:
        def get(row: Row) -> float | None:
            found = estimate(row)
            return None if found is None else found[place]

        return get

    def ends(row: Row) -> tuple[float, float] | None:
        found = estimate(row)
        return None if found is None else found.interval

    made = [
        Column(name, title=title, kind=kind, get=part(0), drop=drop, on=on),
        stored(f"{name}_low", kind, part(1)),
        stored(f"{name}_high", kind, part(2)),
    ]
    if interval is None:
        return made
    shown = Column(f"{name}_interval", title="95 % interval", kind=kinds.interval(kind),
                   get=ends, drop=interval, on="screen")  # fmt: skip
    return [*made, shown]


def data_columns(of: Callable[[Row], PathStatistics], shown: Iterable[str] = ()) -> list[Column]:
    """Columns for programs of everything that the statistics of a row hold.

    ``shown``: the names of those that the sheet has already.
    """

    def getter(measure: Measure) -> Callable[[Row], Estimate]:
        return lambda row: measure.of(of(row))

    columns = [
        stored("paths", kinds.COUNT, lambda row: of(row).paths),
        stored("hours", kinds.NUMBER, lambda row: of(row).hours),
        stored("start_equity", kinds.USD, lambda row: of(row).start_equity),
        stored("median_hours", kinds.HOURS, lambda row: of(row).median_hours),
        stored("loss_worst", kinds.USD, lambda row: of(row).loss.worst),
    ]
    measures = [(each, kinds.PROBABILITY) for each in (LIQUIDATED, LOSING, CLOSED_OUT)]
    measures += [(each, kinds.USD) for each in (*LOSSES, *COSTS)]
    for each, kind in measures:
        columns += estimate_columns(each.name, kind, getter(each), interval=None, on="data")
    return [each for each in columns if each.name not in shown]


def findings(result: PathsResult) -> Findings:
    """The result as sheets, figures and sentences."""
    setup, statistics = result.setup, result.statistics
    drawn = figures(result)
    sections: list[Section] = [
        *_warnings(result),
        _probabilities(result), *drawn["margin"],
        _losses(statistics), *drawn["losses"],
        _costs(statistics),
        _times(statistics), time_sheet(statistics), *drawn["times"],
        _leverages(result), *drawn["leverages"], _leverage_buckets(result),
        *search_sheet(result.search),
        markets_sheet(setup), run_sheet(setup, result), _every_path(result),
    ]  # fmt: skip
    span = kinds.long_duration(3600 * statistics.hours)
    return Findings(
        command="paths",
        title=f"{kinds.COUNT.text(statistics.paths)} paths over {span}: {setup.account.name}",
        subtitle=subtitle(setup),
        verdict=[Words(each) for each in _verdict(result)],
        sections=sections,
        facts={
            "account": setup.account.name,
            "source": setup.account.source,
            "leverages_not_allowed": list(result.missing),
        },
        assumptions=assumptions(setup),
        seed=setup.seed,
    )


def subtitle(setup: PathSetup) -> str:
    """Where the account comes from, and its rules."""
    account = setup.account
    rules = f"rules of {account.rulebook.name} as of {account.rulebook.as_of}"
    return f"{account.source}; {rules}"


def _bucket_name(name: str, rulebook: AnyRulebook) -> str:
    return bucket_of_market(None if name == POOL_NAME else name, rulebook)


def probability_words(each: Estimate) -> str:
    """A probability in a sentence."""
    interval = kinds.interval(kinds.PROBABILITY).text(each.interval)
    return f"{kinds.probability(each.value)} ({interval} with 95 % confidence)"


def _verdict(result: PathsResult) -> Iterator[str]:
    statistics = result.statistics
    probability = SHORTFALLS[-1]
    worst, equity = statistics.loss.shortfalls[probability].value, statistics.start_equity
    leverage = "" if result.leverage is None else f" at {kinds.TIMES.text(result.leverage)} in all"
    yield (
        f"Something is liquidated on {probability_words(statistics.liquidated)} of the paths"
        f"{leverage}."
    )
    yield (
        f"The worst {kinds.percent(1 - probability, 0)} of them lose {kinds.short_usd(worst)} on "
        f"average, {kinds.percent(worst / equity, 1)} of the {kinds.short_usd(equity)} that the "
        "account is worth now."
    )
    if result.search is not None:
        yield _search_words(result.search)


def _search_words(search: LeverageSearch) -> str:
    accepted = kinds.short_percent(search.accepted)
    if search.point is None:
        return f"No leverage keeps the probability of liquidation within {accepted}."
    found = probability_words(search.point.statistics.liquidated)
    leverage = kinds.leverage(search.point.leverage)
    if search.above is None:
        return (
            f"Even the highest leverage that the venue allows here, {leverage} in all, keeps it "
            f"within {accepted}: {found}."
        )
    return (
        f"Liquidation stays within {accepted} up to a leverage of {leverage} in all: {found}; "
        f"{kinds.leverage(search.above)} is too much on these paths."
    )


def notes_of(setup: PathSetup) -> list[str]:
    """What a trader must know of the account and the prices before any figure."""
    rulebook = setup.account.rulebook
    return [
        f"{_bucket_name(name, rulebook)}: under maintenance margin as it stands, so every path "
        "begins with its liquidation."
        for name in under_maintenance(setup.path_account())
    ]


def _warnings(result: PathsResult) -> list[Words]:
    setup, bias = result.setup, result.bias
    found = [*notes_of(setup), *result.notes]
    if bias and bias.missed > WARN_MISSED and bias.probability > WARN_PROBABILITY:
        found.append(
            f"Steps of {kinds.duration(setup.step_seconds)} are coarse: prices that cross a "
            "liquidation price and come back between two checks are missed. By the correction of "
            "Broadie, Glasserman and Kou that is as good as a liquidation price "
            f"{kinds.probability(bias.shift)} further away, and about "
            f"{kinds.percent(bias.missed, 0)} of the liquidations "
            f"({_bucket_name(bias.bucket, setup.account.rulebook)}). A shorter --step misses fewer."
        )
    orders = len(setup.account.holdings.orders)
    if orders:
        plural = "s" if orders > 1 else ""
        found.append(f"{orders} open order{plural} left out: paths have no orders.")
    return [Words(each, is_warning=True) for each in found]


def assumptions(setup: PathSetup) -> list[str]:
    """What every simulation rests on."""
    account = setup.path_account()
    below = {
        BelowZero.STAYS: "A bucket that jumps below zero in a step stays there.",
        BelowZero.INSURED: "A bucket that jumps below zero in a step ends with nothing; the fund "
        "pays the rest.",
        BelowZero.CLOSED_AT_ZERO: "A bucket that jumps below zero in a step ends with nothing; "
        "others bear the rest.",
        BelowZero.CLOSED_AT_PREVIOUS: "A bucket that jumps below zero in a step is closed against "
        "others at the mark of the step before.",
    }
    return [
        *_price_assumptions(setup),
        f"Liquidation: {liquidation_words(setup.account.rulebook)}; checked every "
        f"{kinds.duration(setup.step_seconds)}, mark and oracle are the path's price.",
        *([] if account.rules == LiquidationRules.BLOCKS else [below[account.below_zero]]),
        f"Slippage: half the spread and {kinds.short_percent(setup.impact)} times the square root "
        "of order over depth; depth is as on a calm day at all times and no other account is "
        "liquidated, so a crash costs more than this (seawall rehearse has both).",
        "The account does nothing on the way: no stop, no order, no new money.",
    ]


def _price_assumptions(setup: PathSetup) -> list[str]:
    source = setup.source
    if source.model is None:
        return [
            f"Prices: blocks of {kinds.long_duration(3600 * source.block_hours)} drawn from "
            f"{kinds.COUNT.text(source.candles)} recorded candles, all markets together, each "
            "candle in four steps through its four prices; the record decides what can happen, and "
            "its own trend is in it."
        ]
    moves = source.model.diffusion
    parts = ["correlated diffusion"]
    if moves.volatility_of_volatility > 0:
        parts.append(
            "one volatility state for all markets (its logarithm varies by "
            f"{kinds.three_figures(moves.volatility_of_volatility)}, half-life "
            f"{kinds.long_duration(86_400 * moves.volatility_half_life_days)})"
        )
    if moves.jump_rate > 0:
        parts.append(
            f"jumps common to all markets ({kinds.three_figures(moves.jump_rate)} a year, mean "
            f"{kinds.percent(moves.jump_mean)}, standard deviation {kinds.percent(moves.jump_std)})"
        )
    expected = "the trend that is given" if source.model.drift.any() else "no trend"
    found = [f"Prices: {', '.join(parts)}; {expected}."]
    if SHIPPED_ORIGIN in source.model.origin:
        found.append(
            f"Shipped figures as of {shipped_models().as_of}, by moments of hourly candles; source "
            "and method are in docs/commands/paths.md. --candles takes yours."
        )
    return found


def _probabilities(result: PathsResult) -> Sheet:
    statistics = result.statistics
    buckets = [
        Line(name, f"liquidation of {_bucket_name(name, result.setup.account.rulebook)}", *each)
        for name, each in zip(statistics.buckets, statistics.by_bucket, strict=True)
    ]
    ends = [_line(each, statistics) for each in (LOSING, CLOSED_OUT)]
    return Sheet(
        name="probabilities",
        title="Probability, % of paths",
        rows=[_line(LIQUIDATED, statistics), *buckets, *ends],
        columns=_line_columns("probability", kinds.PROBABILITY),
        note="Liquidated: found under maintenance margin at least once on the way.",
    )


def _line_columns(name: str, kind: Kind) -> list[Column]:
    return [
        Column("measure", get="name", on="data"),
        Column("title", title=" ", on="screen"),
        Column(name, kind, get="value"),
        Column("low", kind, on="data"),
        Column("high", kind, on="data"),
        Column("interval", title="95 % interval", kind=kinds.interval(kind), on="screen",
            get=lambda row: None if row.low is None else (row.low, row.high),
        ),
    ]  # fmt: skip


def _losses(statistics: PathStatistics) -> Sheet:
    lines = [_line(each, statistics) for each in LOSSES]
    columns = _line_columns("loss", kinds.USD)
    of_equity = Column("of_equity", title="of equity now", kind=kinds.SHARE,
        get=lambda row: row.value / statistics.start_equity,
    )  # fmt: skip
    return Sheet(
        name="losses",
        title="Loss at the end, USD (gains below zero)",
        rows=[*lines, Line("loss_worst", "worst path", statistics.loss.worst, None, None)],
        columns=[*columns[:3], of_equity, *columns[3:]],
    )


def _costs(statistics: PathStatistics) -> Sheet:
    note = ""
    if statistics.costs_if_liquidated is not None:
        costs = kinds.usd(statistics.costs_if_liquidated)
        note = f"On the paths with a liquidation, fees and slippage were {costs} USD each."
    return Sheet(
        name="costs",
        title="On the way, mean USD a path",
        rows=[_line(each, statistics) for each in COSTS],
        columns=_line_columns("cost", kinds.USD),
        note=note,
    )


class _Time(NamedTuple):
    hours: float
    liquidated: Estimate


def _moments(statistics: PathStatistics) -> list[_Time]:
    moments = zip(statistics.curve_hours, statistics.curve, strict=True)
    return [_Time(hours, each) for hours, each in moments]


def time_sheet(statistics: PathStatistics) -> Sheet:
    """The probability of a liquidation by each of many times."""
    return Sheet(
        name="time_to_liquidation",
        title="Liquidated by then, % of paths",
        rows=_moments(statistics),
        columns=[
            Column("hours", title="after", kind=kinds.HOURS),
            *estimate_columns("liquidated", kinds.PROBABILITY, "liquidated"),
        ],
        on="data",
    )


def _times(statistics: PathStatistics) -> Sheet:
    """Some of them for people."""
    whole = time_sheet(statistics)
    places = np.linspace(0, len(whole.rows) - 1, TIMES_SHOWN).round().astype(int)
    note = ""
    if statistics.median_hours is not None:
        within = kinds.long_duration(3600 * statistics.median_hours)
        note = f"Half of the liquidations come within {within}."
    return Sheet(
        name="times",
        title=whole.title,
        rows=[whole.rows[place] for place in np.unique(places)[1:].tolist() or [0]],
        columns=whole.columns,
        note=note,
        on="screen",
    )


def _leverages(result: PathsResult) -> Sheet:
    search = result.search
    accepted = 1.0 if search is None else search.accepted
    note = "The same positions and paths on less and more money; notional over equity in all."
    if search is not None:
        note += f" *: above the accepted {kinds.short_percent(accepted)}."

    def exceeds(row: Row) -> bool:
        return bool(row.statistics.liquidated.value > accepted)

    def shortfall(row: Row) -> float:
        statistics: PathStatistics = row.statistics
        return statistics.loss.shortfalls[SHORTFALLS[-1]].value / statistics.start_equity

    columns = [
        Column("leverage", kinds.TIMES),
        Column("mark", title=" ", get=lambda row: "*" if exceeds(row) else "", on="screen"),
        Column("start_equity", title="equity", kind=kinds.USD, drop=1,
               get="statistics.start_equity"),
        *estimate_columns("liquidated", kinds.PROBABILITY, "statistics.liquidated",
                          interval=2),
        Column("worst", title="worst 1 % lose, of equity", kind=kinds.SHARE, drop=3,
               get=shortfall, on="screen"),
        Column("median_hours", title="half by", kind=kinds.HOURS, drop=4,
               get="statistics.median_hours"),
    ]  # fmt: skip
    if search is None:
        columns = [each for each in columns if each.name != "mark"]
    columns += data_columns(lambda row: row.statistics, [each.name for each in columns])
    return Sheet(
        name="leverages",
        title="Liquidation over leverage",
        rows=result.curve,
        columns=columns,
        note=" ".join([note, *result.missing]),
        style=lambda row: "bad" if exceeds(row) else "",
    )


def _leverage_buckets(result: PathsResult) -> Sheet:
    parts = [
        (point.leverage, name, point.statistics.by_bucket[place])
        for point in result.curve
        for place, name in enumerate(result.statistics.buckets)
    ]
    title = "How often each bucket is found under maintenance margin, by leverage"
    columns = [Column("leverage", kinds.TIMES, get=lambda row: row[0])]
    return parts_sheet("leverage_buckets", title, columns, "bucket", parts)


def parts_sheet(
    name: str, title: str, columns: Sequence[Column], key: str, rows: Sequence[Row]
) -> Sheet:
    """How often each part of several accounts is liquidated, for programs.

    ``rows``: (what ``columns`` show, the part's name, its estimate).
    """
    part = Column(key, get=lambda row: row[1])
    estimates = estimate_columns("liquidated", kinds.PROBABILITY, lambda row: row[2])
    return Sheet(
        name=name, title=title, rows=rows, columns=[*columns, part, *estimates], on="data"
    )  # fmt: skip


def search_sheet(search: LeverageSearch | None) -> list[Sheet]:
    """The search for a leverage, for programs."""
    if search is None:
        return []

    def found(row: Row) -> Estimate | None:
        return None if row.point is None else row.point.statistics.liquidated

    columns = [
        Column("accepted", kinds.PROBABILITY),
        Column("leverage", kinds.TIMES),
        *estimate_columns("liquidated", kinds.PROBABILITY, found),
        Column("is_limit", kinds.FLAG),
        Column("above", kinds.TIMES),
    ]
    return [record("ruin", "The leverage that keeps liquidation under it", search, columns,
                   on="data")]  # fmt: skip


def markets_sheet(setup: PathSetup) -> Sheet:
    """The prices of now and the figures of the model."""
    model, prices = setup.source.model, setup.account.price_texts
    columns = [
        Column("market", get="name"),
        Column("price", kinds.PRICE, get=lambda row: prices[row.name]),
    ]
    if model is not None:
        columns += _model_columns(model)
    return Sheet(
        name="markets", title="The markets", rows=setup.account.instruments, columns=columns
    )  # fmt: skip


def _model_columns(model: PriceModel) -> list[Column]:
    moves, funding, names = model.diffusion, model.funding, list(model.markets)

    def of(values: Any) -> Callable[[Row], Any]:
        # A market without a position has no place in the model.
        return lambda row: values[names.index(row.name)] if row.name in names else None

    base = f"correlation with {names[0]}"
    betas = [1.0] * len(names) if moves.jump_beta is None else moves.jump_beta
    shares = betas if moves.jump_rate else [None] * len(names)
    share, figure, rate = kinds.SHARE, kinds.FIGURE, kinds.RATE
    return [
        Column("figures", title="figures from", get=of(model.origin), drop=1),
        Column("volatility", title="volatility a year", kind=share, get=of(moves.volatility),
               drop=2),
        Column("correlation", title=base, kind=figure, get=of(moves.correlation[0]), drop=5),
        Column("jump_beta", title="share of jumps", kind=figure, get=of(shares), drop=6),
        Column("funding", title="funding now, an hour", kind=rate, get=of(funding.rate),
               drop=3),
        Column("funding_mean", title="funding on average", kind=rate, get=of(funding.mean),
               drop=4),
    ]  # fmt: skip


def run_sheet(setup: PathSetup, result: PathsResult | None = None) -> Sheet:
    """What was simulated, for programs."""
    columns = [
        Column("paths", kinds.COUNT),
        Column("hours", kinds.NUMBER),
        Column("steps", kinds.COUNT),
        Column("step_seconds", kinds.NUMBER),
        Column("antithetic", kinds.FLAG),
    ]
    if result is not None:
        bias, statistics = result.bias, result.statistics
        columns += [
            stored("start_equity", kinds.USD, lambda _: statistics.start_equity),
            stored("leverage", kinds.TIMES, lambda _: result.leverage),
            stored("median_hours", kinds.HOURS, lambda _: statistics.median_hours),
            stored("missed_liquidations", kinds.PROBABILITY, lambda _: bias and bias.missed),
        ]
    return record("simulation", "The simulation", setup, columns, on="data")


def _every_path(result: PathsResult) -> Sheet:
    hours = result.setup.step_seconds / 3600
    losses, first = result.losses, result.first
    count = min(len(losses), MOST_ROWS)
    return Sheet(
        name="paths",
        title="Every path",
        rows=range(count),
        columns=[
            Column("path", kinds.COUNT, get=lambda row: row),
            Column("loss", kinds.USD, get=lambda row: losses[row]),
            Column("liquidated_after_hours", kinds.HOURS,
                get=lambda row: first[row] * hours if first[row] else None,
            ),
        ],
        on="tables",
    )  # fmt: skip
