"""The findings of ``seawall vet``: verdict, tables by phase, pictures, and what is assumed."""

from collections.abc import Sequence

from seawall.lab.vet.book import BANDS_BP
from seawall.lab.vet.charts import depth_chart, slippage_chart, spread_chart
from seawall.lab.vet.figures import IMPACT_MS, PhaseFigures, phase_figures
from seawall.lab.vet.plain import frames_of, plain_of
from seawall.lab.vet.resilience import BACK_AFTER_MS, LEAST_EATEN, Recovery, recovery_of
from seawall.lab.vet.tape import CALM, PHASES, STORM, Tape
from seawall.lab.vet.verdict import GOOD, POOR, UNGRADED, Verdict, verdict_of
from seawall.report.findings import Figure, Findings, Section, Table, Words

_STYLES = {GOOD: "good", POOR: "bad", UNGRADED: "quiet"}


def vet_findings(tape: Tape) -> Findings:
    """Everything that a tape shows."""
    phases = [phase_figures(tape, name) for name in PHASES if tape.phases.get(name)]
    recovery = recovery_of(tape)
    size = tape.shown[len(tape.shown) // 2]
    verdict = verdict_of(phases, recovery, size, tape.shock is not None)
    sections: list[Section] = [Words(sentence) for sentence in verdict.sentences]
    sections += [Words(warning, is_warning=True) for warning in verdict.warnings]
    sections += [
        _verdict_table(verdict),
        _book_table(phases),
        _size_table(tape, phases),
        *_resilience_tables(phases, recovery),
        *_flow_table(phases),
        _holding_table(tape, phases),
        *_figures(tape, phases),
        *(Words(note) for note in tape.notes),
    ]
    seconds = (tape.end_ms - tape.begin_ms) / 1000
    return Findings(
        command="vet",
        title=f"How good is this venue: {tape.market}",
        subtitle=f"{tape.source}; {seconds:,.0f} s, {len(tape.samples.times_ms):,} looks at the "
        f"book, {len(tape.trades.times_ms):,} trades",
        sections=sections,
        plain=plain_of(tape, phases, recovery, verdict),
        frames=frames_of(tape, phases),
        assumptions=_assumed(tape),
        seed=tape.seed,
    )


def number(value: float, decimals: int = 2) -> str:
    """A figure as text; what is not known is a dash."""
    if value != value:
        return "–"
    if value == float("inf"):
        return "not seen"
    return f"{value:,.{decimals}f}"


def bp(value: float) -> str:
    """Fine where it is small: the best books are hundredths of a bp wide."""
    return number(value, 3 if abs(value) < 1 else 2)


def share(value: float) -> str:
    return number(value * 100, 1) + " %" if value == value else "–"


def _ratio(phases: Sequence[PhaseFigures], pick: int, values: Sequence[float]) -> str:
    """Storm over calm."""
    by_name = {phase.phase: values[place] for place, phase in enumerate(phases)}
    if CALM not in by_name or STORM not in by_name or not by_name[CALM]:
        return "–"
    return number(by_name[STORM] / by_name[CALM], pick) + "x"


def _verdict_table(verdict: Verdict) -> Table:
    return Table(
        title="Verdict: every measure, and what counts as good and as fair",
        columns=("in", "measure", "grade", "figure", "good, fair"),
        rows=[(g.state, g.words, g.grade, g.figure, g.bounds) for g in verdict.grades],
        words=3,
        styles={
            place: _STYLES[each.grade]
            for place, each in enumerate(verdict.grades)
            if each.grade in _STYLES
        },
        note="The worst measure decides. The storm is held against the calm by the worst twentieth "
        "of the time of each. The thresholds are choices, for a trader of the middle size.",
    )  # fmt: skip


def _book_table(phases: Sequence[PhaseFigures]) -> Table:
    rows: list[tuple[str, ...]] = []

    def add(name: str, values: Sequence[float], text: Sequence[str], decimals: int = 2) -> None:
        rows.append((name, *text, _ratio(phases, decimals, values)))

    for name, pick in (("mean", 0), ("median", 1), ("95 % of the time at most", 2)):
        values = [phase.spread[pick] for phase in phases]
        add(f"spread, {name}, bp", values, [bp(value) for value in values])
    for place, band in enumerate(BANDS_BP):
        for name in ("bids", "asks"):
            values = [getattr(phase.bands[place], name) for phase in phases]
            whole = [phase.bands[place].is_whole for phase in phases]
            text = [
                ("" if is_whole else "≥ ") + number(value, 0)
                for value, is_whole in zip(values, whole, strict=True)
            ]
            add(f"{name} within {band} bp, USD", values, text)
    low = [phase.bands[0].low for phase in phases]
    add(f"a side within {BANDS_BP[0]} bp, lowest 5 %, USD", low, [number(v, 0) for v in low])
    for name, values in (
        ("imbalance, bids less asks", [phase.imbalance for phase in phases]),
        ("imbalance, its size", [phase.absolute_imbalance for phase in phases]),
    ):
        rows.append((name, *(share(value) for value in values), ""))
    ranges = [phase.range_bp for phase in phases]
    rows.append(("range of the middle, bp", *(number(value, 1) for value in ranges), ""))
    return Table(
        title="The book, over time",
        columns=("", *(f"{p.phase} ({p.seconds:,.0f} s)" for p in phases), "storm / calm"),
        rows=rows,
        note="≥: the source does not show all of the book that far out."
        if any(not band.is_whole for phase in phases for band in phase.bands)
        else "",
    )


def _size_table(tape: Tape, phases: Sequence[PhaseFigures]) -> Table:
    rows = []
    for usd in tape.shown:
        for phase in phases:
            cost = next(each for each in phase.costs if each.usd == usd)
            trip = cost.round_trip
            rows.append(
                (
                    f"{usd:,.0f}",
                    phase.phase,
                    bp(cost.buy),
                    bp(cost.sell),
                    bp(cost.high),
                    share(cost.held),
                    bp(trip),
                    number(usd * trip * 1e-4, 2),
                )
            )
    return Table(
        title="What a market order costs",
        columns=(
            *("size, USD", "phase", "buying, bp", "selling, bp", "95 %, worse side"),
            *("book holds it", "round trip, bp", "USD"),
        ),
        rows=rows,
        words=2,
        note=f"Slippage is from the middle, over the time in which the book held the size. Round "
        f"trip: in and out at once, with the taker fee of {tape.charges.taker * 1e4:g} bp twice.",
    )


def _resilience_tables(phases: Sequence[PhaseFigures], recovery: Recovery | None) -> list[Table]:
    tables = []
    rows = []
    for phase in phases:
        found = phase.resilience
        if found is not None and (found.trades or found.unmoved):
            rows.append(
                (
                    phase.phase,
                    f"{found.trades}",
                    f"{found.unmoved}",
                    number(found.eaten, 0),
                    *(share(each) for each in found.back),
                    number(found.half_depth, 2),
                    number(found.half_spread, 2),
                )
            )
    if rows:
        tables.append(
            Table(
                title="After the largest trades: how fast the book comes back",
                columns=(
                    *("phase", "trades", "hardly seen", "eaten, USD"),
                    *(f"back after {wait / 1000:g} s" for wait in BACK_AFTER_MS),
                    *("half of the depth, s", "half of the spread, s"),
                ),
                rows=rows,
                note=f"Of what rests within {BANDS_BP[0]} bp of the middle of that time, on the "
                "side that was taken from: the share over these trades together, else medians. "
                f"Hardly seen: less than {LEAST_EATEN:.0%} was missing at the next look.",
            )
        )
    if recovery is not None:
        depth = ("depth of a side, USD", recovery.calm_depth, recovery.worst_depth)
        spread = ("spread, bp", recovery.calm_spread, recovery.worst_spread)
        tables.append(
            Table(
                title="From the begin of the storm: the worst moment, and the way back",
                columns=("", "calm, median", "worst moment", "half of the way back after, s"),
                rows=[
                    (depth[0], *(number(each, 0) for each in depth[1:]),
                     number(recovery.half_depth, 1)),
                    (spread[0], *(bp(each) for each in spread[1:]),
                     number(recovery.half_spread, 1)),
                ],
            )
        )  # fmt: skip
    return tables


def _flow_table(phases: Sequence[PhaseFigures]) -> list[Table]:
    rows = []
    for phase in phases:
        flow = phase.flow
        if flow is None or not flow.trades:
            continue
        rows.append(
            (
                phase.phase,
                f"{flow.trades:,}",
                number(flow.per_minute, 1),
                number(flow.usd, 0),
                share(flow.bought),
                number(flow.median, 0),
                number(flow.mean, 0),
                number(flow.high, 0),
                number(flow.largest, 0),
                bp(flow.impact),
                share(flow.explained),
            )
        )
    if not rows:
        return []
    return [
        Table(
            title="Trades",
            columns=(
                *("phase", "trades", "a minute", "USD", "bought", "median, USD", "mean"),
                *("95 %", "largest", "impact, bp a million", "explains"),
            ),
            rows=rows,
            note="Impact: how far the middle moves with a million USD of net buying, least squares "
            f"over intervals of {IMPACT_MS / 1000:g} s.",
        )
    ]


def _holding_table(tape: Tape, phases: Sequence[PhaseFigures]) -> Table:
    rows = []
    for phase in phases:
        down = phase.downtime
        rows.append(
            (
                phase.phase,
                bp(tape.charges.taker * 1e4),
                bp(tape.charges.maker * 1e4),
                "–" if phase.funding != phase.funding else f"{phase.funding * 100:.5f} %",
                share(down.empty),
                share(down.crossed),
                share(down.unknown),
                number(down.longest_wait, 2),
            )
        )
    return Table(
        title="Fees, funding, and times without a book",
        columns=(
            *("phase", "taker fee, bp", "maker fee, bp", "funding an hour"),
            *("a side empty", "crossed", "not known", "longest wait for news, s"),
        ),
        rows=rows,
        note=f"Fees: {tape.charges.source}. Gaps in the source: {tape.breaks}.",
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


def _assumed(tape: Tape) -> tuple[str, ...]:
    made = [
        "Every figure of the book counts for as long as that book stood.",
        "A market order takes what is visible, at once; hidden orders and makers who step back "
        "before it are not seen.",
        f"Fees: {tape.charges.source}.",
    ]
    if not tape.funding:
        made.append("The source does not tell funding; `seawall carry` reckons with it.")
    if tape.shock is None and STORM in tape.phases:
        made.append(
            "Nothing says what was a storm: it is the stretch with the widest range of the middle, "
            "a minute or a third of the time if that is shorter, unless --storm names another."
        )
    if not tape.has_trades:
        made.append("The source tells of no trades: resilience after them and impact are missing.")
    return tuple(made)
