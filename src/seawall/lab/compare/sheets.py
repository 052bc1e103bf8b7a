"""A comparison of margin modes as sheets and sentences."""

from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import NamedTuple

from seawall.domain.units import MICRO
from seawall.lab.compare.choice import GIVEN
from seawall.lab.compare.comparison import Comparison, ModeResult
from seawall.lab.compare.figures import mode_bars
from seawall.lab.compare.question import CompareResult
from seawall.lab.compare.recommendation import listed, recommendation
from seawall.lab.compare.tiles import status, tiles
from seawall.lab.compare.transfers import Moves, moves_of
from seawall.lab.market.price_paths import price_path_sheet
from seawall.lab.paths.estimates import Estimate
from seawall.lab.paths.sheets import (
    assumptions,
    data_columns,
    estimate_columns,
    markets_sheet,
    notes_of,
    parts_sheet,
    risk_capital_words,
    run_sheet,
    subtitle,
)
from seawall.lab.sourced_sheet import sourced_sheet
from seawall.lab.stress.scenarios import ScenarioLine
from seawall.lab.transfers.route import Way
from seawall.report import kinds
from seawall.report.findings import Figure, Findings, Section, Words
from seawall.report.sheet import Column, Row, Sheet, record

USD, PROBABILITY = kinds.USD, kinds.PROBABILITY
TOP_UP = 10_000
"""USD of the top-up whose time and cost are shown."""


def findings(result: CompareResult) -> Findings:
    """The result as sheets, figures and sentences."""
    found = result.comparison
    setup = found.setup
    modes = _modes(found)
    notes = [*notes_of(setup), *setup.source.notes]
    sections: list[Section] = [
        *(Words(each, is_warning=True) for each in (*notes, *_blocked(found))),
        _recommendation(found),
        modes,
        Figure(
            title="Margin modes on the same paths",
            chart=mode_bars(modes.numbers(), found.choice.mode),
            alt="Mean of the worst 5 %, ruin, survival and capital needed of each mode.",
        ),
        *_scenarios(result),
        *_transfers(result),
        _horizons(found),
        _positions(found),
        *_contagion(found),
        *_parts(found),
        _splits(found),
        markets_sheet(setup),
        *setup.used.sheets(),
        *_route(result),
        run_sheet(setup),
    ]
    return Findings(
        command="compare",
        title=f"Cross or isolated, {kinds.COUNT.text(setup.paths)} paths over "
        f"{kinds.long_duration(3600 * setup.hours)}: {setup.account.name}",
        subtitle=subtitle(setup),
        verdict=[Words(each) for each in recommendation(found)],
        status=status(found.judged, found.choice),
        tiles=tiles(found.judged, found.choice, found.target),
        sections=sections,
        facts={
            "account": setup.account.name,
            "source": setup.account.source,
            "notional": found.notional,
            "survival_target": found.target,
        },
        assumptions=[
            "All modes have the same money at these prices. As given each bucket has its own; in "
            "the other modes the money is divided in proportion to initial margin, notional over "
            "the position's leverage.",
            *assumptions(setup),
        ],
        seed=setup.seed,
    )


def _recommendation(found: Comparison) -> Sheet:
    def pooled(row: Comparison) -> list[str]:
        return [name for name in row.markets if name not in row.recommended.mode.isolated]

    columns = [
        Column("mode", get="choice.mode"),
        Column("is_given", kinds.FLAG, "recommended.mode.is_given"),
        Column("cross", kinds.NAMES, pooled),
        Column("isolated", kinds.NAMES, "recommended.mode.isolated"),
        Column("over_leveraged", kinds.FLAG, "is_over_leveraged"),
        Column("reasons", kinds.NAMES, "choice.reasons"),
        Column("against", kinds.NAMES, "choice.against"),
        Column("contradicts", kinds.FLAG, lambda row: row.choice.contradicts is not None),
    ]
    return record("recommendation", "The recommendation", found, columns, on="data")


def _modes(found: Comparison) -> Sheet:
    def is_recommended(row: ModeResult) -> bool:
        return row.mode.name == found.choice.mode

    def marks(row: ModeResult) -> str:
        given = row.mode.is_given and row.mode.name != GIVEN
        return f"{', given' if given else ''}{' *' if is_recommended(row) else ''}"

    columns = [
        Column("mode", get="mode.name", mark=marks),
        Column("isolated", kinds.NAMES, lambda row: row.mode.isolated or None, "in buckets", 2,
               none="none"),
        *judged_columns(has_scenarios=bool(found.given.scenarios)),
        Column("notional_per_capital", kinds.FIGURE, "search.leverage", "notional / capital", 9),
        Column("is_given", kinds.FLAG, "mode.is_given", on="data"),
        Column("is_recommended", kinds.FLAG, is_recommended, on="data"),
    ]  # fmt: skip
    columns += data_columns([each.name for each in columns])
    columns += [
        Column("capital_is_limit", kinds.FLAG, "is_limit", on="data"),
        Column("capital_above", kinds.TIMES, "search.above", on="data"),
        *estimate_columns("capital_liquidated", PROBABILITY, "search.probability", interval=None,
                          on="data"),
    ]  # fmt: skip
    return Sheet(
        name="modes",
        title="The same positions, money and paths; USD and % of paths",
        rows=found.modes,
        style=lambda row: "chosen" if is_recommended(row) else "",
        columns=columns,
        note=_modes_note(found),
    )


def judged_columns(*, has_scenarios: bool) -> list[Column]:
    """What a mode is judged by.

    Rows have ``statistics``, ``scenario_loss``, ``capital`` and ``is_limit``: whether a limit of
    the venue asks for as much.
    """

    def median(row: Row) -> Estimate:
        found: Estimate = row.statistics.loss.quantiles[0.5]
        return found

    def worst(probability: float) -> Callable[[Row], Estimate]:
        return lambda row: row.statistics.loss.shortfalls[probability]

    def survival(row: Row) -> float:
        found: float = 1 - row.statistics.liquidated.value
        return found

    def limit(row: Row) -> str:
        return " (venue limit)" if row.is_limit else ""

    return [
        *estimate_columns("shortfall_95", USD, worst(0.95), "worst 5 % lose", interval=4),
        *estimate_columns("ruin", PROBABILITY, "statistics.ruin", interval=5),
        *estimate_columns("drawdown", PROBABILITY, "statistics.drawdown", drop=3, interval=None),
        Column("scenario_loss", USD, none="not run", title="scenario costs",
               on="everywhere" if has_scenarios else "data"),
        Column("survival", PROBABILITY, survival, "no liquidation"),
        Column("capital_needed", USD, "capital", "capital", 1, none="none is enough", mark=limit),
        *estimate_columns("loss_median", USD, median, "median loss", 7, None),
        *estimate_columns("shortfall_99", USD, worst(0.99), "worst 1 % lose", 6, None),
        Column("loss_worst", USD, "statistics.loss.worst", "worst path", 8),
    ]  # fmt: skip


def _modes_note(found: Comparison) -> str:
    limits, equity = found.setup.limits, found.given.statistics.start_equity
    several = len(found.given.scenarios) > 1
    costs = "" if not several else (
        " Scenario costs: of the named scenarios below, the one that costs most."
    )  # fmt: skip
    return (
        f"*: recommended. Ruin: the risk capital, {risk_capital_words(found.setup, equity)}, is "
        "lost at some moment. Drawdown: more than "
        f"{kinds.short_percent(limits.max_drawdown)} below the highest equity so far.{costs} "
        f"Capital: with which nothing is liquidated on {kinds.probability(found.target)} of the "
        f"paths, every part of the money growing alike; for {kinds.usd(found.notional)} USD of "
        "positions. A leverage limit of the venue can ask for more."
    )


def _parts(found: Comparison) -> list[Sheet]:
    """How often each bucket, and each position, of each mode is liquidated."""
    mode = Column("mode", get=itemgetter(0))
    buckets, positions = [], []
    for each in found.modes:
        name, statistics = each.mode.name, each.statistics
        by_bucket = zip(statistics.buckets, statistics.by_bucket, strict=True)
        buckets += [(name, *part) for part in by_bucket]
        positions += [(name, *part) for part in zip(found.markets, each.touched, strict=True)]
    of_bucket = "How often each bucket is found under maintenance margin"
    of_position = "How often each position loses something to a liquidation"
    return [
        parts_sheet("mode_buckets", of_bucket, [mode], "bucket", buckets),
        parts_sheet("mode_positions", of_position, [mode], "position", positions),
    ]


def _positions(found: Comparison) -> Sheet:
    columns = [
        Column("market", title="position"),
        Column("side", get=lambda row: "long" if row.is_long else "short"),
        Column("notional", USD),
        Column("hedges", kinds.NAMES, lambda row: row.hedges or None, "hedge with", none="none"),
        *estimate_columns("loss", USD, title="loses in the worst 5 %", interval=1),
    ]  # fmt: skip
    return Sheet(
        name="positions",
        title="Each position by itself in the worst 5 % of paths of the account as given, USD",
        rows=found.positions,
        columns=columns,
        note="Never liquidated, without funding; a gain is below zero and protects the others.",
    )


def _splits(found: Comparison) -> Sheet:
    """All that were tried, for programs."""
    columns = [
        Column("isolated", kinds.NAMES, "mode.isolated"),
        *data_columns(),
    ]
    title = "The splits that were tried"
    return Sheet(name="splits", title=title, rows=found.splits, columns=columns, on="data")


def _horizons(found: Comparison) -> Sheet:
    """Every mode over the other horizons."""
    rows = [
        (each.hours, result.mode.name, statistics, result.mode.name == each.mode)
        for each in found.horizons
        for result, statistics in zip(found.modes, each.statistics, strict=True)
    ]
    return Sheet(
        name="horizons",
        title="The same modes over other horizons, USD and % of paths",
        rows=rows,
        columns=horizon_columns(),
        note="*: what would be recommended there.",
    )


def horizon_columns() -> list[Column]:
    """Of rows (hours, mode, its statistics, whether it is recommended there ...)."""
    return [
        Column("hours", kinds.HOURS, itemgetter(0), "over"),
        Column("mode", get=itemgetter(1), mark=lambda row: " *" if row[3] else ""),
        *estimate_columns("shortfall_95", USD, lambda row: row[2].loss.shortfalls[0.95],
                          "worst 5 % lose", interval=1),
        *estimate_columns("ruin", PROBABILITY, lambda row: row[2].ruin, interval=2),
        Column("survival", PROBABILITY, lambda row: 1 - row[2].liquidated.value, "no liquidation"),
        Column("is_recommended", kinds.FLAG, itemgetter(3), on="data"),
    ]  # fmt: skip


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
    return [
        Sheet(
            name="contagion",
            title="Contagion: a position that loses to a liquidation, % of paths",
            rows=[*found.contagion, _Any("any position", found.contagion_any)],
            columns=[Column("market", title="position"), *contagion_columns("in its bucket")],
            note="Taken along: in the pool, not in its bucket. Carried: in its bucket, not in the "
            "pool.",
        )
    ]


def contagion_columns(alone: str, of: str = "") -> list[Column]:
    """Of rows whose ``of`` is a contagion. ``alone``: the title of being liquidated outside."""
    return [
        *estimate_columns("in_pool", PROBABILITY, f"{of}in_pool", "in the pool", interval=None),
        *estimate_columns("in_bucket", PROBABILITY, f"{of}alone", alone, interval=None),
        *estimate_columns("taken_along", PROBABILITY, f"{of}taken_along", interval=1),
        *estimate_columns("carried", PROBABILITY, f"{of}carried", interval=2),
    ]


class _Run(NamedTuple):
    """One mode through one scenario."""

    mode: str
    line: ScenarioLine


def _scenarios(result: CompareResult) -> list[Sheet]:
    if not result.scenarios:
        return []
    modes = result.comparison.modes
    runs = [
        _Run(each.mode.name, each.scenarios[number])
        for number in range(len(result.scenarios))
        for each in modes
    ]

    def of_equity(row: _Run) -> float | None:
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
        Column("added", kinds.MONEY, "line.added", on="data"),
        Column("blocked", kinds.MONEY, "line.blocked", on="data"),
    ]  # fmt: skip
    return [
        Sheet(
            name="scenarios",
            title="Through named scenarios, on the engine; USD",
            rows=runs,
            columns=columns,
            note="Starting at the prices of now; losses below zero are gains.",
            style=lambda row: "bad" if row.line.liquidated else "",
        ),
        price_path_sheet(
            (each.scenario.name, each.price_paths) for each in result.comparison.given.scenarios
        ),
    ]


def _blocked(found: Comparison) -> Iterator[str]:
    """What top-ups did not bring in scenarios."""
    for each in found.modes:
        for line in each.scenarios:
            if line.blocked:
                yield (
                    f"{line.scenario.name}, {each.mode.name}: transfers were blocked, so "
                    f"{kinds.money(line.blocked)} USD of top-ups did not come."
                )


def _transfers(result: CompareResult) -> list[Sheet]:
    """What the modes take of a route."""
    if result.route is None:
        return []
    amount = TOP_UP * MICRO
    modes = [each.mode for each in result.comparison.modes]

    def seconds(name: str) -> Callable[[Moves], float | None]:
        def of(row: Moves) -> float | None:
            way: Way | None = getattr(row, name)
            return None if way is None else way.delay_ms / 1000

        return of

    def cost(name: str) -> Callable[[Moves], int | None]:
        def of(row: Moves) -> int | None:
            way: Way | None = getattr(row, name)
            return None if way is None else way.cost

        return of

    columns = [
        Column("mode"),
        Column("buckets", kinds.COUNT, drop=6),
        Column("moved", kinds.MONEY, title="moved now"),
        Column("transfers", kinds.COUNT, drop=5),
        Column("now_seconds", kinds.SECONDS, seconds("now"), "takes", 4),
        Column("now_cost", kinds.MONEY, cost("now"), "costs", 4),
        Column("pool_seconds", kinds.SECONDS, seconds("from_pool"), "from the pool", none="none"),
        Column("pool_cost", kinds.MONEY, cost("from_pool"), "costs", 3, none="none"),
        Column("calm_seconds", kinds.SECONDS, seconds("calm"), "from the wallet, calm"),
        Column("calm_cost", kinds.MONEY, cost("calm"), "costs", 2),
        Column("full_seconds", kinds.SECONDS, seconds("full"), "network full"),
        Column("full_cost", kinds.MONEY, cost("full"), "costs", 1),
    ]
    return [
        Sheet(
            name="transfers",
            title=f"What money takes to a position: {result.route.title}",
            rows=list(moves_of(modes, result.route, amount)),
            columns=columns,
            note=f"USD. Moved now: between buckets, to hold the account so. Then a top-up of "
            f"{kinds.usd(TOP_UP)} USD. Full: after a fall of "
            f"{kinds.short_percent(result.route.network.full_fall_ppm / 1e6)} within an hour.",
        )
    ]


def _route(result: CompareResult) -> list[Sheet]:
    if result.route is None:
        return []
    files = [(each.name, each.sources) for each in (result.route, result.route.network)]
    return [sourced_sheet("route", "The numbers of the route and its gas", files)]


def _liquidated(line: ScenarioLine) -> list[str]:
    return [
        "the pool" if each.bucket < 0 else line.instruments[each.bucket].name
        for each in line.liquidated
    ]
