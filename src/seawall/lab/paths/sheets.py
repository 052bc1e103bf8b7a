"""What many paths say, as sheets and sentences."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

import numpy as np

from seawall.domain.rulebook import AnyRulebook
from seawall.lab.market.price_models import PriceModel
from seawall.lab.paths.estimates import Estimate
from seawall.lab.paths.figures import figures
from seawall.lab.paths.kernels.account import POOL_NAME
from seawall.lab.paths.kernels.task import BelowZero, StageRules
from seawall.lab.paths.leverage import LeverageSearch
from seawall.lab.paths.order_sheets import left_out_words, order_columns, order_words
from seawall.lab.paths.question import PathsResult
from seawall.lab.paths.setup import PathSetup, under_maintenance
from seawall.lab.paths.statistics import QUANTILES, SHORTFALLS, PathStatistics
from seawall.lab.paths.tiles import status, tiles
from seawall.lab.simulation.names import bucket_of_market, liquidation_sentence
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


class Measure(NamedTuple):
    """One estimate of the statistics of paths: its key for programs and its name for people.

    ``of``: where it is in the statistics, and at which probability.
    """

    name: str
    title: str
    of: str
    probability: float | None = None

    def estimate(self, statistics: PathStatistics) -> Estimate:
        """Its value and interval."""
        found: Any = attrgetter(self.of)(statistics)
        estimate: Estimate = found if self.probability is None else found[self.probability]
        return estimate


RUIN = Measure("ruin", "ruin: the account loses its risk capital", "ruin")
DRAWDOWN = Measure("drawdown", "a drawdown beyond the maximum", "drawdown")
LIQUIDATED = Measure("liquidated", "liquidation of any bucket", "liquidated")
ENDS = (
    Measure("losing", "a loss at the end", "loss.probability"),
    Measure(
        "closed_out", "taken by the backstop, deleveraged, or paid for by a fund", "closed_out"
    ),
)
LOSSES = (
    Measure("loss_mean", "mean", "loss.mean"),
    Measure("loss_median", "median", "loss.quantiles", 0.5),
    *(
        Measure(f"loss_{100 * each:g}", f"{kinds.percent(each, 0)} lose less",
                "loss.quantiles", each)
        for each in QUANTILES if each != 0.5
    ),
    *(
        Measure(f"shortfall_{100 * each:g}", f"mean of the worst {kinds.percent(1 - each, 0)}",
                "loss.shortfalls", each)
        for each in SHORTFALLS
    ),
)  # fmt: skip
COSTS = (
    Measure("funding", "funding paid", "funding"),
    Measure("liquidation_costs", "fees and slippage of liquidations", "liquidation_costs"),
    Measure(
        "forfeited", "equity left to the backstop (below zero: a fund or others paid)", "forfeited"
    ),
)
ORDER_COSTS = (
    Measure("order_costs", "fees and slippage of the account's orders", "order_costs"),
    Measure("added", "money that top-ups added", "added"),
)


class Line(NamedTuple):
    """A row of one estimate; no interval where the value is no estimate."""

    name: str
    title: str
    value: float
    low: float | None = None
    high: float | None = None


def _lines(measures: Iterable[Measure], statistics: PathStatistics) -> list[Line]:
    return [Line(each.name, each.title, *each.estimate(statistics)) for each in measures]


def estimate_columns(
    name: str,
    kind: Kind,
    of: Callable[[Row], Estimate | None] | str = "",
    title: str = "",
    drop: int = 0,
    interval: int | None = 0,
    on: str = "everywhere",
) -> list[Column]:
    """Columns of an estimate: the value, both ends for programs, the interval for people.

    ``of``: the estimate of a row, or its attribute, that of the name without it. ``drop``: of the
    value; ``interval``: of the interval, None where people do not see it.
    """
    estimate = of if callable(of) else attrgetter(of or name)

    def part(place: int | slice) -> Callable[[Row], Any]:
        def get(row: Row) -> Any:
            found = estimate(row)
            return None if found is None else found[place]

        return get

    made = [
        Column(name, kind, part(0), title, drop, on),
        Column(f"{name}_low", kind, part(1), on="data"),
        Column(f"{name}_high", kind, part(2), on="data"),
    ]
    if interval is not None:
        words, ends = "95 % interval", part(slice(1, 3))
        pair = kinds.interval(kind)
        made.append(Column(f"{name}_interval", pair, ends, words, interval, "screen"))
    return made


def data_columns(shown: Iterable[str] = ()) -> list[Column]:
    """Columns for programs of everything in the ``statistics`` of a row.

    ``shown``: the names of those that the sheet has already.
    """
    columns = [
        Column("paths", kinds.COUNT, "statistics.paths", on="data"),
        Column("hours", kinds.NUMBER, "statistics.hours", on="data"),
        Column("start_equity", kinds.USD, "statistics.start_equity", on="data"),
        Column("median_hours", kinds.HOURS, "statistics.median_hours", on="data"),
        Column("loss_worst", kinds.USD, "statistics.loss.worst", on="data"),
    ]
    for each in (RUIN, DRAWDOWN, LIQUIDATED, *ENDS, *LOSSES, *COSTS, *ORDER_COSTS):
        kind = kinds.USD if each in (*LOSSES, *COSTS, *ORDER_COSTS) else kinds.PROBABILITY

        def of(row: Row, each: Measure = each) -> Estimate:
            return each.estimate(row.statistics)

        columns += estimate_columns(each.name, kind, of, interval=None, on="data")
    return [each for each in columns if each.name not in shown]


def findings(result: PathsResult) -> Findings:
    """The result as sheets, figures and sentences."""
    setup, statistics = result.setup, result.statistics
    drawn = figures(result)
    sections: list[Section] = [
        *_warnings(result),
        *drawn["equity"], *drawn["margin"], _probabilities(result),
        _losses(statistics), *drawn["losses"],
        _costs(statistics), *_orders(result),
        *_times(statistics), *drawn["times"],
        _leverages(result), *drawn["leverages"], _leverage_buckets(result),
        *_search(result.search),
        markets_sheet(setup), *setup.used.sheets(), run_sheet(setup, *_run_columns(result)),
        _every_path(result),
    ]  # fmt: skip
    span = kinds.long_duration(3600 * statistics.hours)
    return Findings(
        command="paths",
        title=f"{kinds.COUNT.text(statistics.paths)} paths over {span}: {setup.account.name}",
        subtitle=subtitle(setup),
        verdict=[Words(each) for each in _verdict(result)],
        status=status(result),
        tiles=tiles(result),
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
        f"The account loses its risk capital of {risk_capital_words(result.setup, equity)} on "
        f"{probability_words(statistics.ruin)} of the paths{leverage}, and something is liquidated "
        f"on {probability_words(statistics.liquidated)}."
    )
    yield (
        f"The worst {kinds.percent(1 - probability, 0)} of them lose {kinds.short_usd(worst)} on "
        f"average, {kinds.percent(worst / equity, 1)} of the {kinds.short_usd(equity)} that the "
        "account is worth now."
    )
    if result.search is not None:
        yield _search_words(result.search)


def risk_capital_words(setup: PathSetup, equity: float) -> str:
    """What the account may lose of ``equity``, in a sentence."""
    part = setup.limits.risk_capital
    return f"{kinds.usd(part * equity)} USD ({kinds.short_percent(part)} of its equity)"


def _search_words(search: LeverageSearch) -> str:
    accepted = kinds.short_percent(search.accepted)
    if search.point is None or search.probability is None:
        return f"No leverage keeps the probability of ruin within {accepted}."
    found = probability_words(search.probability)
    leverage = kinds.leverage(search.point.leverage)
    if search.above is None:
        return (
            f"Even the highest leverage that the venue allows here, {leverage} in all, keeps it "
            f"within {accepted}: {found}."
        )
    return (
        f"Ruin stays within {accepted} up to a leverage of {leverage} in all: {found}; "
        f"{kinds.leverage(search.above)} is too much on these paths."
    )


def notes_of(setup: PathSetup) -> list[str]:
    """What a trader must know of the account and the prices before any figure."""
    rulebook = setup.account.rulebook
    under = [
        f"{_bucket_name(name, rulebook)}: under maintenance margin as it stands, so every path "
        "begins with its liquidation."
        for name in under_maintenance(setup.path_account())
    ]
    return [*under, *left_out_words(setup)]


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
    return [Words(each, is_warning=True) for each in found]


def assumptions(setup: PathSetup) -> list[str]:
    """What every simulation rests on."""
    rules = setup.path_account().rules
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
        *price_assumptions(setup),
        liquidation_sentence(setup.account.rulebook),
        f"Margin is checked every {kinds.duration(setup.step_seconds)}; mark and oracle are the "
        "path's price.",
        *([below[BelowZero(rules.below_zero)]] if isinstance(rules, StageRules) else []),
        f"Slippage: half the spread and {kinds.short_percent(setup.impact)} times the square root "
        "of order over depth; depth is as on a calm day at all times and no other account is "
        "liquidated, so a crash costs more than this (seawall rehearse has both).",
        order_words(setup.path_account()),
        f"Risk capital: {kinds.short_percent(setup.limits.risk_capital)} of the equity now "
        "(--risk-capital); ruin is its loss at any moment, open positions at the mark. Maximum "
        f"drawdown: {kinds.short_percent(setup.limits.max_drawdown)} below the highest equity so "
        "far (--max-drawdown).",
    ]


def price_assumptions(setup: PathSetup) -> list[str]:
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
    return [
        f"Prices: {', '.join(parts)}; {expected}. The table of assumptions has "
        "figures and sources; --candles takes yours."
    ]


def _probabilities(result: PathsResult) -> Sheet:
    statistics = result.statistics
    buckets = [
        Line(name, f"liquidation of {_bucket_name(name, result.setup.account.rulebook)}", *each)
        for name, each in zip(statistics.buckets, statistics.by_bucket, strict=True)
    ]
    return Sheet(
        name="probabilities",
        title="Probability, % of paths",
        rows=[
            *_lines([RUIN, drawdown_measure(result.setup), LIQUIDATED], statistics), *buckets,
            *_lines(ENDS, statistics),
        ],
        columns=_line_columns("probability", kinds.PROBABILITY),
        note="Liquidated: found under maintenance margin at least once on the way.",
    )  # fmt: skip


def drawdown_measure(setup: PathSetup) -> Measure:
    """Under a name that says the maximum."""
    most = kinds.short_percent(setup.limits.max_drawdown)
    return DRAWDOWN._replace(title=f"a drawdown above {most}")


def _line_columns(name: str, kind: Kind) -> list[Column]:
    def ends(row: Line) -> tuple[float | None, float | None] | None:
        return None if row.low is None else (row.low, row.high)

    return [
        Column("measure", get="name", on="data"),
        Column("title", title=" ", on="screen"),
        Column(name, kind, "value"),
        Column("low", kind, on="data"),
        Column("high", kind, on="data"),
        Column("interval", kinds.interval(kind), ends, "95 % interval", on="screen"),
    ]


def _losses(statistics: PathStatistics) -> Sheet:
    def of_equity(row: Line) -> float:
        return row.value / statistics.start_equity

    columns = _line_columns("loss", kinds.USD)
    columns.insert(3, Column("of_equity", kinds.SHARE, of_equity, "of equity now"))
    worst = Line("loss_worst", "worst path", statistics.loss.worst)
    return Sheet(
        name="losses",
        title="Loss at the end, USD (gains below zero)",
        rows=[*_lines(LOSSES, statistics), worst],
        columns=columns,
    )


def _costs(statistics: PathStatistics) -> Sheet:
    note = ""
    if statistics.costs_if_liquidated is not None:
        costs = kinds.usd(statistics.costs_if_liquidated)
        note = f"On the paths with a liquidation, fees and slippage were {costs} USD each."
    return Sheet(
        name="costs",
        title="On the way, mean USD a path",
        rows=_lines(COSTS + (ORDER_COSTS if statistics.orders else ()), statistics),
        columns=_line_columns("cost", kinds.USD),
        note=note,
    )


def _orders(result: PathsResult) -> Iterator[Sheet]:
    """What each order did; none without orders."""
    statistics = result.statistics
    if statistics.orders:
        yield Sheet(
            name="orders",
            title="The account's orders, % of paths",
            rows=statistics.orders,
            columns=[
                *order_columns(result.setup.path_account()),
                *estimate_columns("acted", kinds.PROBABILITY, interval=1),
                *estimate_columns("unfilled", kinds.PROBABILITY, interval=None, drop=4),
            ],
            note="Unfilled: its time came and nothing was filled, because the price had gone past "
            "what it takes or the bucket had no money left. Other orders ended with their position "
            "or wait still.",
        )


def _times(statistics: PathStatistics) -> list[Sheet]:
    """The probability of a liquidation by each of many times; some of them for people."""
    rows = list(zip(statistics.curve_hours, statistics.curve, strict=True))
    places = np.unique(np.linspace(0, len(rows) - 1, TIMES_SHOWN).round().astype(int))
    title = "Liquidated by then, % of paths"
    columns = [
        Column("hours", kinds.HOURS, itemgetter(0), "after"),
        *estimate_columns("liquidated", kinds.PROBABILITY, itemgetter(1)),
    ]
    note = ""
    if statistics.median_hours is not None:
        within = kinds.long_duration(3600 * statistics.median_hours)
        note = f"Half of the liquidations come within {within}."
    few = [rows[place] for place in places[1:].tolist() or [0]]
    return [
        Sheet(name="times", title=title, rows=few, columns=columns, note=note, on="screen"),
        Sheet(name="time_to_liquidation", title=title, rows=rows, columns=columns, on="data"),
    ]


def _leverages(result: PathsResult) -> Sheet:
    search = result.search
    accepted = 1.0 if search is None else search.accepted
    limits = result.setup.limits
    note = (
        "The same positions and paths on less and more money; notional over equity in all. Ruin: "
        f"{kinds.short_percent(limits.risk_capital)} of that equity lost; drawdown: more than "
        f"{kinds.short_percent(limits.max_drawdown)} below its highest."
    )
    if search is not None:
        note += f" *: above the accepted {kinds.short_percent(accepted)}."

    def exceeds(row: Row) -> bool:
        return bool(row.statistics.ruin.value > accepted)

    def shortfall(row: Row) -> float:
        statistics: PathStatistics = row.statistics
        return statistics.loss.shortfalls[SHORTFALLS[-1]].value / statistics.start_equity

    mark = Column("mark", get=lambda row: "*" if exceeds(row) else "", title=" ", on="screen")
    worst = "worst 1 % lose, of equity"
    columns = [
        Column("leverage", kinds.TIMES),
        *([] if search is None else [mark]),
        Column("start_equity", kinds.USD, "statistics.start_equity", "equity", 1),
        *estimate_columns("ruin", kinds.PROBABILITY, "statistics.ruin", interval=6),
        *estimate_columns(
            "drawdown", kinds.PROBABILITY, "statistics.drawdown", drop=5, interval=None
        ),
        *estimate_columns("liquidated", kinds.PROBABILITY, "statistics.liquidated", interval=7),
        Column("worst", kinds.SHARE, shortfall, worst, 3, "screen"),
        Column("median_hours", kinds.HOURS, "statistics.median_hours", "half by", 4),
    ]
    return Sheet(
        name="leverages",
        title="Liquidation over leverage",
        rows=result.curve,
        columns=[*columns, *data_columns([each.name for each in columns])],
        note=" ".join([note, *result.missing]),
        style=lambda row: "bad" if exceeds(row) else "",
    )


def _leverage_buckets(result: PathsResult) -> Sheet:
    parts = [
        (point.leverage, *part)
        for point in result.curve
        for part in zip(result.statistics.buckets, point.statistics.by_bucket, strict=True)
    ]
    title = "How often each bucket is found under maintenance margin, by leverage"
    leverage = Column("leverage", kinds.TIMES, itemgetter(0))
    return parts_sheet("leverage_buckets", title, [leverage], "bucket", parts)


def parts_sheet(
    name: str, title: str, of: Sequence[Column], key: str, rows: Sequence[Row]
) -> Sheet:
    """How often each part of several accounts is liquidated, for programs.

    ``rows``: (what the columns ``of`` show, the part's name, its estimate).
    """
    estimates = estimate_columns("liquidated", kinds.PROBABILITY, itemgetter(2))
    columns = [*of, Column(key, get=itemgetter(1)), *estimates]
    return Sheet(name=name, title=title, rows=rows, columns=columns, on="data")


def _search(search: LeverageSearch | None) -> list[Sheet]:
    """The search for a leverage, for programs."""
    if search is None:
        return []
    columns = [
        Column("accepted", kinds.PROBABILITY),
        Column("leverage", kinds.TIMES),
        *estimate_columns("probability", kinds.PROBABILITY),
        Column("is_limit", kinds.FLAG),
        Column("above", kinds.TIMES),
    ]
    title = "The leverage that keeps ruin within it"
    return [record("ruin", title, search, columns, on="data")]


def markets_sheet(setup: PathSetup) -> Sheet:
    """The prices of now and the figures of the model."""
    model, prices = setup.source.model, setup.account.price_texts
    columns = [
        Column("market", get="name"),
        Column("price", kinds.PRICE, lambda row: prices[row.name]),
        *([] if model is None else _model_columns(model)),
    ]
    rows = setup.account.instruments
    return Sheet(name="markets", title="The markets", rows=rows, columns=columns)


def _model_columns(model: PriceModel) -> list[Column]:
    moves, funding, names = model.diffusion, model.funding, list(model.markets)

    def of(values: Any) -> Callable[[Row], Any]:
        # A market without a position has no place in the model.
        return lambda row: values[names.index(row.name)] if row.name in names else None

    base = f"correlation with {names[0]}"
    betas = [1.0] * len(names) if moves.jump_beta is None else moves.jump_beta
    shares = betas if moves.jump_rate else [None] * len(names)
    rate = kinds.RATE
    return [
        Column("figures", kinds.TEXT, of(model.origin), "figures from", 1),
        Column("volatility", kinds.SHARE, of(moves.volatility), "volatility a year", 2),
        Column("correlation", kinds.FIGURE, of(moves.correlation[0]), base, 5),
        Column("jump_beta", kinds.FIGURE, of(shares), "share of jumps", 6),
        Column("funding", rate, of(funding.rate), "funding now, an hour", 3),
        Column("funding_mean", rate, of(funding.mean), "funding on average", 4),
    ]


def run_sheet(setup: PathSetup, *more: Column) -> Sheet:
    """What was simulated, for programs."""
    columns = [
        Column("paths", kinds.COUNT),
        Column("hours", kinds.NUMBER),
        Column("steps", kinds.COUNT),
        Column("step_seconds", kinds.NUMBER),
        Column("antithetic", kinds.FLAG),
        Column("risk_capital", kinds.SHARE, "limits.risk_capital"),
        Column("max_drawdown", kinds.SHARE, "limits.max_drawdown"),
        *more,
    ]
    return record("simulation", "The simulation", setup, columns, on="data")


def _run_columns(result: PathsResult) -> list[Column]:
    bias, statistics = result.bias, result.statistics
    return [
        Column("start_equity", kinds.USD, lambda _: statistics.start_equity),
        Column("leverage", kinds.TIMES, lambda _: result.leverage),
        Column("median_hours", kinds.HOURS, lambda _: statistics.median_hours),
        Column("missed_liquidations", kinds.PROBABILITY, lambda _: bias and bias.missed),
    ]


def _every_path(result: PathsResult) -> Sheet:
    hours, losses, first = result.setup.step_seconds / 3600, result.losses, result.first

    def after(row: int) -> float | None:
        return first[row] * hours if first[row] else None

    columns = [
        Column("path", kinds.COUNT, lambda row: row),
        Column("loss", kinds.USD, lambda row: losses[row]),
        Column("liquidated_after_hours", kinds.HOURS, after),
    ]
    rows = range(min(len(losses), MOST_ROWS))
    return Sheet(name="paths", title="Every path", rows=rows, columns=columns, on="tables")
