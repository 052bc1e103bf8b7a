"""A stress test as findings: tables to read, pictures for the report."""

from collections.abc import Sequence

from seawall.lab.rehearse.wording import liquidation_words
from seawall.lab.stress.aftermath import Aftermath
from seawall.lab.stress.betas import LEAD
from seawall.lab.stress.charts import ladder_chart, shock_chart
from seawall.lab.stress.grid import Cell, bucket_name
from seawall.lab.stress.plain import frames, plain_object
from seawall.lab.stress.result import Reverse, StressResult
from seawall.lab.stress.reverse import LARGEST_RISE, Line
from seawall.lab.stress.tables import scenario_notes, scenario_table, survival_section
from seawall.lab.stress.words import (
    NONE,
    direction_text,
    edge_text,
    market_name,
    percent,
    price_text,
    ratio_text,
    shock_text,
    size_text,
    usd,
)
from seawall.report.findings import Figure, Findings, Section, Table, Words


def stress_findings(result: StressResult, source: str, prices_of: str = "") -> Findings:
    """``source``: where the account comes from; ``prices_of``: and its prices, in words."""
    valuation = result.valuation
    book = valuation.rulebook
    sections: list[Section] = [Words(_verdict(result)), *_warnings(result)]
    sections += [_standing(result), _lines(result)]
    if result.joint:
        sections.append(_joint(result))
    sections += [*_ladder(result), _matrix(result), _heat(result), _costs(result)]
    sections += [survival_section(result, each) for each in result.survivals]
    if result.scenarios:
        sections += [scenario_table(result), scenario_notes(result)]
    sections += [_grid(result), _betas(result)]
    return Findings(
        command="stress",
        title=f"Stress test: {valuation.plan.name}",
        subtitle=f"{source}{prices_of}; rules of {book.name} as of {book.as_of}",
        sections=sections,
        plain=plain_object(result, source),
        frames=frames(result),
        assumptions=_assumptions(result),
    )


def _verdict(result: StressResult) -> str:
    """The two numbers that matter, in a sentence each."""
    valuation = result.valuation
    if any(each.is_liquidatable for each in result.buckets.values()):
        return "The account is liquidatable at the present prices."
    single = [(abs(line.size), line.size, line) for line in result.lines if line.size is not None]
    parts = ["No move of a single market liquidates the account."]
    if single:
        _, size, line = min(single, key=lambda each: each[0])
        parts = [
            f"The nearest liquidation by one market: {market_name(valuation, line.market)} "
            f"{percent(size)} ({bucket_name(valuation, line.bucket)})."
        ]
    edges = [(abs(each.edge.over), each.edge.over, each.edge) for each in result.joint
             if each.edge.over is not None]  # fmt: skip
    if edges:
        _, size, edge = min(edges, key=lambda each: each[0])
        goes = ", ".join(bucket_name(valuation, each) for each in edge.buckets)
        parts.append(f"By several at once: {edge_text(edge, size)} ({goes}).")
    return " ".join(parts)


def _warnings(result: StressResult) -> list[Section]:
    found: list[Section] = []
    for bucket, value in result.buckets.items():
        if value.is_liquidatable:
            name = bucket_name(result.valuation, bucket)
            text = f"{name}: under maintenance margin as it stands, before any shock."
            found.append(Words(text, is_warning=True))
    orders = len(result.valuation.plan.orders)
    if orders:
        text = (
            f"{orders} open order{'s' if orders > 1 else ''} left out of the shocks, which jump "
            "over them; scenarios run with them."
        )
        found.append(Words(text, is_warning=True))
    return found


def _standing(result: StressResult) -> Table:
    valuation = result.valuation
    rows, styles = [], {}
    for bucket, value in result.buckets.items():
        markets = valuation.buckets[bucket]
        held = ", ".join(_holding(result, market) for market in markets) or "no position"
        ratio = ratio_text(value) if markets else ""
        rows.append(
            [
                bucket_name(valuation, bucket), held, usd(value.equity),
                usd(value.maintenance_margin), ratio,
            ]
        )  # fmt: skip
        if value.is_liquidatable:
            styles[len(rows) - 1] = "bad"
    return Table(
        title="As it stands, USD",
        columns=["bucket", "holds", "equity", "maintenance", "margin ratio"],
        rows=rows,
        words=2,
        styles=styles,
        note="Margin ratio: maintenance margin over equity; liquidation begins above 100 %.",
    )


def _holding(result: StressResult, market: int) -> str:
    size = next(p.signed_size for p in result.valuation.plan.positions if p.market == market)
    side = "long" if size > 0 else "short"
    return f"{side} {size_text(result.valuation, market, abs(size))}"


def _lines(result: StressResult) -> Table:
    valuation = result.valuation
    rows = [
        [
            market_name(valuation, line.market),
            bucket_name(valuation, line.bucket),
            price_text(valuation, line.market, line.now),
            "" if line.safe is None else price_text(valuation, line.market, line.safe),
            _over_text(result, line),
            _line_move(line),
        ]
        for line in result.lines
    ]
    return Table(
        title="Reverse stress: the smallest move of one market that liquidates",
        columns=["market", "bucket", "price now", "last safe", "first liquidating", "move"],
        rows=rows,
        words=2,
        styles={place: "bad" for place, line in enumerate(result.lines) if line.is_over_now},
        note="Other prices stand still. Prices are whole price units: one unit further liquidates.",
    )


def _line_move(line: Line) -> str:
    if line.is_over_now:
        return "is over now"
    return "" if line.size is None else percent(line.size)


def _over_text(result: StressResult, line: Line) -> str:
    return "every price" if line.always else price_text(result.valuation, line.market, line.over)


def _joint(result: StressResult) -> Table:
    valuation = result.valuation
    held = [bucket for bucket, markets in valuation.buckets.items() if markets]
    rows = []
    for each in result.joint:
        edge = each.edge
        goes = ", ".join(bucket_name(valuation, bucket) for bucket in edge.buckets)
        rows.append(
            [
                edge.move.name,
                direction_text(edge),
                goes or NONE,
                market_name(valuation, each.first),
                NONE if edge.over is None else percent(edge.over),
                *(_bucket_edge(each, bucket) for bucket in held),
            ]
        )
    lead = f" The size is that of {LEAD}." if any("betas" in row[0] for row in rows) else ""
    return Table(
        title="Reverse stress: the smallest move of several markets that liquidates",
        columns=["move", "", "goes first", "position", "at",
                 *(bucket_name(valuation, bucket) for bucket in held)],
        rows=rows,
        words=4,
        note=(
            f"The last columns: where each bucket goes for itself.{lead} Position: what the "
            f"machine closes first. None: not up to {LARGEST_RISE} times the price, nor down to "
            "nothing."
        ),
    )  # fmt: skip


def _bucket_edge(reverse: Reverse, bucket: int) -> str:
    size = reverse.by_bucket[bucket].over
    return NONE if size is None else percent(size)


def _matrix(result: StressResult) -> Table:
    """Rows of moves, columns of sizes."""
    sizes = sorted(result.sizes)
    cells = {(cell.move.name, cell.size): cell for cell in result.cells}
    rows = []
    for move in result.moves:
        found = [cells[move.name, size] for size in sizes]
        rows.append([move.name, *(f"{usd(c.left)}{'*' if c.liquidated else ''}" for c in found)])
    return Table(
        title="Equity left after a shock, USD (* liquidated)",
        columns=["moves", *(shock_text(size) for size in sizes)],
        rows=rows,
        note=f"Equity now {usd(result.equity)}. Liquidated: a minute in the machine afterwards.",
    )


def _costs(result: StressResult) -> Section:
    """The cells in which something is liquidated."""
    rows = [
        _costs_row(result, cell, cell.aftermath)
        for cell in result.cells
        if cell.aftermath is not None
    ]
    if not rows:
        return Words("No shock of the grid liquidates anything.")
    return Table(
        title="Where shocks liquidate: a minute in the machine, USD",
        columns=["moves", "shock", "liquidated", "lost", "in the book", "costs", "to backstop",
                 "deleveraged", "left"],
        rows=rows,
        words=3,
        note=(
            "Lost: equity now less what is left. In the book and deleveraged: what was closed "
            "there. Costs: what liquidation takes beyond the move itself, fees, slippage and the "
            "equity that goes to the backstop; what a bucket owes below zero is borne by others."
        ),
    )  # fmt: skip


def _costs_row(result: StressResult, cell: Cell, after: Aftermath) -> list[str]:
    valuation = result.valuation
    gone = [
        bucket_name(valuation, each) + (" (not done yet)" if each in after.unfinished else "")
        for each in cell.liquidated
    ]
    return [
        cell.move.name,
        shock_text(cell.size),
        ", ".join(gone),
        usd(cell.lost),
        usd(after.sold),
        usd(max(0, after.cost)),
        usd(after.taken),
        usd(after.deleveraged),
        usd(after.equity),
    ]


def _grid(result: StressResult) -> Table:
    rows, styles = [], {}
    for cell in result.cells:
        rows.append(_grid_row(result, cell))
        if cell.liquidated:
            styles[len(rows) - 1] = "bad"
    return Table(
        title="Every shock, before anything is liquidated, USD",
        columns=["moves", "shock", "worst bucket", "liquidated", "equity", "change",
                 "margin ratio", "left"],
        rows=rows,
        words=4,
        styles=styles,
        on_paper_only=True,
        note="Margin ratio: of the worst bucket.",
    )  # fmt: skip


def _grid_row(result: StressResult, cell: Cell) -> list[str]:
    valuation = result.valuation
    return [
        cell.move.name,
        shock_text(cell.size),
        bucket_name(valuation, cell.worst.bucket),
        ", ".join(bucket_name(valuation, each) for each in cell.liquidated) or "no",
        usd(cell.equity),
        usd(cell.equity - cell.before),
        ratio_text(cell.worst),
        usd(cell.left),
    ]


def _betas(result: StressResult) -> Table:
    return Table(
        title=f"Betas: how far a market moves when {LEAD} moves 1 %",
        columns=["market", "source", "beta"],
        rows=[
            [name, str(beta.source), f"{float(beta.value):g}"]
            for name, beta in result.betas.items()
        ],
        words=2,
        on_paper_only=True,
    )


def _ladder(result: StressResult) -> list[Section]:
    chart = ladder_chart(result)
    if chart is None:
        return []
    return [
        Figure(
            title="Liquidation ladder",
            chart=chart,
            alt="For every move, how far prices go until each bucket is liquidated.",
            note="Each mark is the smallest move at which that bucket goes; moves beyond 100 % "
            "are left out. A move against every position is drawn to the left.",
        )
    ]


def _heat(result: StressResult) -> Figure:
    return Figure(
        title="What every shock leaves",
        chart=shock_chart(result),
        alt="Change of equity for every move and size; crosses mark liquidation.",
        note="Change of the account's equity, after liquidation where there is one (a cross); "
        "the darkest blue is a doubling and more.",
    )


def _assumptions(result: StressResult) -> Sequence[str]:
    book = result.valuation.rulebook
    depths = ", ".join(
        f"{name} {each.usd_within_50bp / 1e6:g} M" for name, each in result.machine.depths.items()
    )
    capital = usd(result.machine.neighbours.backstop)
    return [
        "A shock is a jump: prices leave now and arrive at once, all of them before the first "
        "liquidation, and the mark is the shocked price. A slower fall through a book that others "
        "sell into can end worse; the scenarios run that.",
        f"Liquidation: {liquidation_words(book)}.",
        f"The book within 50 bp per side before the shock: {depths} USD; after it what the "
        "stress rule leaves (2 % after moves of 3.5 % or more), prices then stand still for a "
        "minute. --depth changes it.",
        f"The backstop or insurance fund owns {capital} USD, and others stand ready to be "
        "deleveraged.",
        "Funding does not pass within a shock; no hedge or stop acts inside it.",
    ]
