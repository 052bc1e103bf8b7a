"""A vetted venue as sheets and sentences."""

from collections.abc import Callable, Iterator, Sequence
from math import isfinite, isinf, isnan
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from seawall.lab.vet.book import BANDS_BP
from seawall.lab.vet.figures import depth_chart, slippage_chart, spread_chart
from seawall.lab.vet.latency import CANCELLED, PLACED, Latency
from seawall.lab.vet.measures import IMPACT_MS, PhaseFigures
from seawall.lab.vet.question import VetResult
from seawall.lab.vet.resilience import BACK_AFTER_MS, LEAST_EATEN
from seawall.lab.vet.tape import CALM, PHASES, STORM, Tape
from seawall.lab.vet.tiles import status, tiles
from seawall.lab.vet.verdict import GOOD, POOR, UNGRADED, Grade
from seawall.report import kinds
from seawall.report.findings import Figure, Findings, Words
from seawall.report.kinds import (
    COUNT,
    FIGURE,
    FINE_BASIS_POINTS,
    FLAG,
    NUMBER,
    PROBABILITY,
    RATE,
    SECONDS,
    TEXT,
    TIME,
    TIMES,
    USD,
    Kind,
)
from seawall.report.sheet import Column, Sheet, record

BP = FINE_BASIS_POINTS
_STYLES = {GOOD: "good", POOR: "bad", UNGRADED: "quiet"}
PHASE = Column("phase", get="phase.phase")


def vet_findings(result: VetResult) -> Findings:
    """Everything that a tape shows."""
    tape, phases, verdict = result.tape, result.phases, result.verdict
    seconds = (tape.end_ms - tape.begin_ms) / 1000
    looks, trades = len(tape.samples.times_ms), len(tape.trades.times_ms)
    return Findings(
        command="vet",
        title=f"How good is this venue: {tape.market}",
        subtitle=f"{tape.source}; {kinds.whole(seconds)} s, {looks:,} looks at the book, "
        f"{trades:,} trades",
        verdict=[
            *map(Words, verdict.sentences),
            *_latency_words(result.latency),
            *(Words(each, is_warning=True) for each in verdict.warnings),
        ],
        status=status(verdict),
        tiles=tiles(verdict),
        sections=[
            _grades(verdict.grades), _book(phases), _depth(phases), *_sizes(tape, phases),
            _resilience(phases), *_recovery(result), _flow(phases), _time(tape, phases),
            *_latency(result.latency),
            *_figures(tape, phases), *_recorded(tape),
            *([] if result.used is None else result.used.sheets()),
        ],
        facts={
            "market": tape.market,
            "source": tape.source,
            "begin_ms": tape.begin_ms,
            "end_ms": tape.end_ms,
            "looks": looks,
            "trades": trades,
            "shock": tape.shock and {"at_ms": tape.shock[0], "what": tape.shock[1]},
            "fees": tape.charges._asdict(),
            "gaps": tape.breaks,
            "calm": verdict.calm,
            "storm": verdict.storm,
        },
        assumptions=_assumptions(tape),
        seed=tape.seed,
    )  # fmt: skip


class _Of(NamedTuple):
    """One part of a phase, and the same part of the calm."""

    phase: PhaseFigures
    part: Any
    calm: Any = None


def _known(name: str, kind: Kind, get: str, title: str = "", drop: int = 0) -> Column:
    """A figure that may be unknown (nan), or not have been seen to happen (inf)."""
    value = attrgetter(get)

    def mark(row: Any) -> str:
        found = value(row)
        return "–" if isnan(found) else "not seen" if isinf(found) else ""

    def known(row: Any) -> Any:
        return value(row) if isfinite(value(row)) else None

    return Column(name, kind, known, title, drop, mark=mark)


def _grades(grades: Sequence[Grade]) -> Sheet:
    return Sheet(
        name="grades",
        title="Verdict: every measure, and what counts as good and as fair",
        rows=grades,
        columns=[
            Column("state", title="in"),
            Column("measure"),
            Column("grade"),
            Column("figure"),
            Column("bounds", title="good, fair", drop=1),
        ],
        style=lambda row: _STYLES.get(row.grade, ""),
        note="The worst measure decides. The storm is held against the calm by the worst twentieth "
        "of the time of each. The thresholds are choices, for a trader of the middle size.",
    )


def _times_calm(get: str) -> Column:
    """How many times that of the calm a figure is."""
    value = attrgetter(get)

    def ratio(row: _Of) -> float | None:
        if row.calm is None:
            return None
        before = value(row._replace(part=row.calm))
        return value(row) / before if before else None

    return Column("times_calm", TIMES, ratio, none="–")


def _by_phase(phases: Sequence[PhaseFigures], parts: str) -> list[_Of]:
    """The parts of every phase beside those of the calm, by place."""
    calm = {each.phase: getattr(each, parts) for each in phases}.get(CALM)
    return [
        _Of(phase, part, None if calm is None else calm[place])
        for phase in phases
        for place, part in enumerate(getattr(phase, parts))
    ]


def _book(phases: Sequence[PhaseFigures]) -> Sheet:
    calm = next((each for each in phases if each.phase == CALM), None)
    return Sheet(
        name="phases",
        title="The book over time: spread, imbalance, range",
        rows=[_Of(each, each, calm) for each in phases],
        columns=[
            PHASE,
            Column("seconds", NUMBER, "part.seconds"),
            Column("looks", COUNT, "part.looks", on="data"),
            _known("spread_mean_bp", BP, "part.spread.mean", "spread, mean, bp"),
            _known("spread_median_bp", BP, "part.spread.median", "median"),
            _known("spread_high_bp", BP, "part.spread.high", "95 % at most"),
            _times_calm("part.spread.mean"),
            _known("imbalance", PROBABILITY, "part.imbalance", drop=2),
            _known("absolute_imbalance", PROBABILITY, "part.absolute_imbalance", "its size", 3),
            _known("range_bp", BP, "part.range_bp", "range of the middle, bp", 1),
        ],
        note="Imbalance: bids less asks over both, in the nearest band. Times calm: of the mean.",
    )  # fmt: skip


def _depth(phases: Sequence[PhaseFigures]) -> Sheet:
    def least(row: Any) -> str:
        return "" if row.part.is_whole else " or more"

    return Sheet(
        name="depth",
        title="Depth, USD",
        rows=_by_phase(phases, "bands"),
        columns=[
            PHASE,
            Column("band_bp", NUMBER, "part.band_bp", title="within, bp"),
            Column("bids", USD, "part.bids", mark=least),
            Column("asks", USD, "part.asks", mark=least),
            _times_calm("part.mean"),
            Column("low", USD, "part.low", title="a side, lowest 5 %"),
            Column("is_whole", FLAG, "part.is_whole", on="data"),
        ],
        note="Or more: the source does not show all of the book that far out."
        if any(not band.is_whole for phase in phases for band in phase.bands)
        else "",
    )


def _sizes(tape: Tape, phases: Sequence[PhaseFigures]) -> Iterator[Sheet]:
    """The sizes asked for, for people; all that were walked, for programs."""
    rows = _by_phase(phases, "costs")
    columns = [
        Column("usd", USD, "part.usd", title="size, USD"),
        PHASE,
        _known("buy", BP, "part.buy", "buying, bp"),
        _known("sell", BP, "part.sell", "selling, bp"),
        _known("high", BP, "part.high", "95 %, worse side", 2),
        Column("held", PROBABILITY, "part.held", title="book holds it", drop=1),
        _known("round_trip", BP, "part.round_trip", "round trip, bp"),
    ]
    cost = Column("cost", USD, lambda row: row.part.usd * row.part.round_trip * 1e-4, title="USD")
    shown = [row for usd in tape.shown for row in rows if row.part.usd == usd]
    yield Sheet(
        name="shown_sizes",
        title="What a market order costs",
        rows=shown,
        columns=[*columns, cost],
        on="screen",
        note="Slippage is from the middle, over the time in which the book held the size. Round "
        f"trip: in and out at once, with the taker fee of {tape.charges.taker * 1e4:g} bp twice.",
    )
    yield Sheet(name="sizes", title="Sizes", rows=rows, columns=columns, on="data")


def _resilience(phases: Sequence[PhaseFigures]) -> Sheet:
    def back(place: int) -> Callable[[_Of], float | None]:
        return lambda row: row.part.back[place] if isfinite(row.part.back[place]) else None

    return Sheet(
        name="resilience",
        title="After the largest trades: how fast the book comes back",
        rows=[_Of(each, each.resilience) for each in phases if each.resilience is not None],
        columns=[
            PHASE,
            Column("trades", COUNT, "part.trades"),
            Column("unmoved", COUNT, "part.unmoved", title="hardly seen", drop=3),
            _known("eaten", USD, "part.eaten", "eaten, USD"),
            *(
                Column(f"back_after_{wait // 1000}_s", PROBABILITY, back(place), drop=2, none="–")
                for place, wait in enumerate(BACK_AFTER_MS)
            ),
            _known("half_depth", SECONDS, "part.half_depth", "half of the depth after"),
            _known("half_spread", SECONDS, "part.half_spread", "half of the spread", 1),
        ],
        note=f"Of what rests within {BANDS_BP[0]} bp of the middle of that time, on the side that "
        "was taken from: the share over these trades together, else medians. Hardly seen: less "
        f"than {kinds.percent(LEAST_EATEN, 0)} was missing at the next look.",
    )


def _recovery(result: VetResult) -> Iterator[Sheet]:
    if result.recovery is None:
        return
    titles: dict[str, tuple[Kind, str]] = {
        "calm_depth": (USD, "depth of a side, USD: in calm, median"),
        "worst_depth": (USD, "depth at the worst moment"),
        "half_depth": (SECONDS, "depth half of the way back"),
        "calm_spread": (BP, "spread, bp: in calm, median"),
        "worst_spread": (BP, "spread at the worst moment"),
        "half_spread": (SECONDS, "spread half of the way back"),
    }
    columns = [_known(name, kind, name, title) for name, (kind, title) in titles.items()]
    title = "From the begin of the storm: the worst moment, and the way back"
    yield record("recovery", title, result.recovery, columns)


def _flow(phases: Sequence[PhaseFigures]) -> Sheet:
    return Sheet(
        name="flow",
        title="Trades, USD",
        rows=[_Of(each, each.flow) for each in phases if each.flow is not None],
        columns=[
            PHASE,
            Column("trades", COUNT, "part.trades"),
            Column("usd", USD, "part.usd", title="together"),
            Column("per_minute", NUMBER, "part.per_minute", title="a minute", drop=5),
            _known("bought", PROBABILITY, "part.bought", drop=2),
            _known("mean", USD, "part.mean", drop=4),
            _known("median", USD, "part.median", drop=3),
            _known("high", USD, "part.high", "95 % at most", 3),
            _known("largest", USD, "part.largest"),
            _known("impact", BP, "part.impact", "impact, bp a million"),
            _known("explained", PROBABILITY, "part.explained", "explains", 1),
        ],
        note="Impact: how far the middle moves with a million USD of net buying, least squares "
        f"over intervals of {IMPACT_MS / 1000:g} s.",
    )


def _time(tape: Tape, phases: Sequence[PhaseFigures]) -> Sheet:
    fees = tape.charges
    return Sheet(
        name="downtime",
        title="Funding, and times without a book",
        rows=[_Of(each, each.downtime) for each in phases],
        columns=[
            PHASE,
            _known("funding_per_hour", RATE, "phase.funding", "funding an hour"),
            Column("empty", PROBABILITY, "part.empty", title="a side empty"),
            Column("crossed", PROBABILITY, "part.crossed"),
            Column("unknown", PROBABILITY, "part.unknown", title="not known"),
            Column("longest_wait", SECONDS, "part.longest_wait", title="longest wait for news"),
        ],
        note=f"Fees: taker {fees.taker * 1e4:g} bp, maker {fees.maker * 1e4:g} bp, {fees.source}. "
        f"Gaps in the source: {tape.breaks}.",
    )


def _latency(latency: Latency | None) -> Iterator[Sheet]:
    if latency is None:
        return
    yield Sheet(
        name="latency",
        title=f"Round trips, {latency.source}",
        rows=latency.times,
        columns=[
            Column("request", get="what"),
            Column("count", COUNT, lambda row: len(row.ms)),
            Column("least_ms", FIGURE, "least", title="least, ms"),
            Column("median_ms", FIGURE, "median", title="median"),
            Column("high_ms", FIGURE, "high", title="95 % at most"),
            Column("most_ms", FIGURE, "most", title="most"),
        ],
        note="From this computer, over one connection, one after the other. A question needs no "
        "order: what an order takes beyond it is the venue's.",
    )


def _latency_words(latency: Latency | None) -> Iterator[Words]:
    if latency is not None:
        placed, cancelled = latency.of(PLACED), latency.of(CANCELLED)
        figure = kinds.short_figure
        yield Words(
            f"An order rests {figure(placed.median)} ms after it is sent (95 %: "
            f"{figure(placed.high)} ms) and is cancelled within {figure(cancelled.median)} ms, "
            "seen from this computer."
        )


def _figures(tape: Tape, phases: Sequence[PhaseFigures]) -> list[Figure]:
    return [
        Figure(
            title="Depth before, during and after",
            chart=depth_chart(tape),
            alt=f"USD of bids and of asks within {BANDS_BP[0]} bp of the middle over time.",
        ),
        Figure(
            title="Spread over time",
            chart=spread_chart(tape),
            alt="Spread in basis points over time, on a logarithmic axis.",
        ),
        Figure(
            title="What a size costs",
            chart=slippage_chart(phases),
            alt="Mean slippage in basis points over the size of a market order, by phase.",
            note="A line ends where the visible book does.",
        ),
    ]


def _recorded(tape: Tape) -> Iterator[Sheet]:
    """Every look at the book, every trade, and when each phase was: for computing."""
    spans = [(name, span) for name, found in tape.phases.items() for span in found]
    columns = [
        Column("phase", get=lambda row: row[0]),
        Column("begin_ms", TIME, lambda row: row[1][0]),
        Column("end_ms", TIME, lambda row: row[1][1]),
    ]
    yield Sheet("spans", "When each phase was", spans, columns, on="data")
    samples, trades = tape.samples, tape.trades
    names = np.full(len(samples.times_ms), "", dtype=object)
    for name in PHASES:
        names[tape.within(name, samples.times_ms)] = name
    looks: dict[str, tuple[Kind, Any]] = {
        "time": (TIME, samples.times_ms), "state": (COUNT, samples.state), "phase": (TEXT, names),
        "bid": (USD, samples.bid), "ask": (USD, samples.ask),
        "spread_bp": (BP, samples.spread_bp), "imbalance": (NUMBER, samples.imbalance),
    }  # fmt: skip
    for place, band in enumerate(BANDS_BP):
        for side, name in enumerate(("bids", "asks")):
            looks[f"{name}_{band}bp_usd"] = (USD, samples.depth[:, side, place])
    for place, usd in enumerate(tape.sizes):
        for side, name in enumerate(("buy", "sell")):
            looks[f"{name}_{round(usd)}_bp"] = (BP, samples.slippage[:, side, place])
    yield _arrays("looks", "Every look at the book", looks)
    made: dict[str, tuple[Kind, Any]] = {
        "time": (TIME, trades.times_ms), "price": (USD, trades.prices),
        "size": (NUMBER, trades.sizes), "sign": (COUNT, trades.signs),
    }  # fmt: skip
    yield _arrays("trades", "Every trade", made)


def _arrays(name: str, title: str, arrays: dict[str, tuple[Kind, Any]]) -> Sheet:
    """A sheet of arrays of one length, in columns."""
    columns = [
        Column(key, kind, array.tolist().__getitem__) for key, (kind, array) in arrays.items()
    ]
    rows = range(len(arrays["time"][1]))
    return Sheet(name=name, title=title, rows=rows, columns=columns, on="tables")


def _assumptions(tape: Tape) -> list[str]:
    made = [
        "Every figure of the book counts for as long as that book stood.",
        "A market order takes what is visible, at once; hidden orders and makers who step back "
        "before it are not seen.",
        f"Fees: {tape.charges.source}.",
    ]
    if not tape.funding:
        made.append("The source does not give funding; `seawall carry` computes with it.")
    if tape.shock is None and STORM in tape.phases:
        made.append(
            "Nothing says what was a storm: it is the stretch with the widest range of the middle, "
            "a minute or a third of the time if that is shorter, unless --storm names another."
        )
    if not tape.has_trades:
        made.append("The source has no trades: resilience after them and impact are missing.")
    return [*made, *tape.notes]
