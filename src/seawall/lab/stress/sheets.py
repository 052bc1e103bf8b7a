"""A stress test as sheets and sentences."""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from operator import attrgetter
from typing import Any, NamedTuple

from seawall.accounts.valuation import Valuation
from seawall.domain.mark_steps import LARGEST_STEP, MARK_MS, mark_steps
from seawall.domain.units import from_units, money_text
from seawall.lab.market.assumptions_file import LEAD
from seawall.lab.market.price_paths import price_path_sheet
from seawall.lab.simulation.names import bucket_name, liquidation_sentence
from seawall.lab.stress.figures import ladder_figure, profit_figures, shock_figure
from seawall.lab.stress.grid import Cell, Move, MoveKind
from seawall.lab.stress.result import StressResult
from seawall.lab.stress.reverse import LARGEST_RISE, PriceBoundary
from seawall.lab.stress.survive import deposit_words
from seawall.lab.stress.tiles import status, tiles
from seawall.lab.stress.with_orders import GRAIN, MoveWithOrders
from seawall.report import kinds
from seawall.report.findings import Findings, Section, Words
from seawall.report.kinds import (
    CENTS,
    COUNT,
    FLAG,
    MINUTES,
    MONEY,
    MOVE,
    NAMES,
    NUMBER,
    PERCENT,
    PRICE,
    RATIO,
    SHOCK,
    SIZE,
)
from seawall.report.sheet import Column, Sheet, pivot

INSTANT = (
    "Shocks are instant, one mark step each: what falls below zero within the step is deleveraged, "
    "where the rules say so at the mark before it, and then loses far less than in a real fall."
)


_KINDS = {
    False: "Prices move through the book, "
    f"at most {kinds.short_percent(LARGEST_STEP)} from mark to mark.",
    True: "Prices jump, in one mark step.",
}


def stress_findings(result: StressResult) -> Findings:
    """Everything that was found, the most important first."""
    book = result.valuation.rulebook
    sheets = _Sheets(result.valuation)
    shocks, boundaries = sheets.shocks(result.cells), sheets.liquidation_prices(result)
    bucket_moves = sheets.bucket_moves(result)
    return Findings(
        command="stress",
        title=f"Stress test: {result.valuation.plan.name}",
        subtitle=f"{result.source}; rules of {book.name} as of {book.as_of}",
        verdict=[Words(_verdict(result)), *_warnings(result)],
        status=status(result),
        tiles=tiles(result),
        sections=[
            sheets.buckets(result), boundaries, *profit_figures(result),
            sheets.smallest_moves(result), *ladder_figure(boundaries, bucket_moves),
            _matrix(result, shocks), shock_figure(shocks, result.equity),
            *sheets.liquidations(result.cells), *sheets.survival(result),
            *sheets.scenarios(result), shocks, sheets.markets(result), bucket_moves,
            *sheets.details(result), *result.used.sheets(),
        ],
        facts={
            "account": result.valuation.plan.name,
            "source": result.source,
            "rulebook": {"name": book.name, "as_of": str(book.as_of)},
            "equity": money_text(result.equity),
            "instant": result.machine.instant,
        },
        assumptions=_assumptions(result),
    )  # fmt: skip


def _verdict(result: StressResult) -> str:
    """The smallest move of one market that liquidates, and of several at once."""
    valuation = result.valuation
    if any(each.is_liquidatable for each in result.buckets.values()):
        return "The account is liquidatable at the present prices."
    text = "No move of a single market liquidates the account."
    alone = [(abs(each.size), each) for each in result.boundaries if each.size is not None]
    if alone:
        _, nearest = min(alone, key=lambda each: each[0])
        move = move_text(valuation.instruments[nearest.market].name, kinds.MOVE.text(nearest.size))
        bucket = bucket_name(valuation, nearest.bucket)
        text = f"The nearest liquidation by one market: {move} ({bucket})."
    joint = [each.boundary for each in result.joint if each.boundary.over is not None]
    if joint:
        first = min(joint, key=lambda each: abs(each.over or Fraction()))
        move = move_text(first.move, kinds.MOVE.text(first.over))
        names = ", ".join(bucket_name(valuation, each) for each in first.buckets)
        text += f" By several at once: {move} ({names})."
    return text + _with_orders(result) if result.machine.has_orders else text


def _with_orders(result: StressResult) -> str:
    valuation = result.valuation
    moves = [
        (abs(each.over), move_text(valuation.instruments[market].name, kinds.MOVE.text(each.over)))
        for market, each in result.with_orders.items()
        if each.over is not None
    ]
    moves += [
        (abs(over), move_text(each.boundary.move, kinds.MOVE.text(over)))
        for each in result.joint
        if each.with_orders is not None and (over := each.with_orders.over) is not None
    ]
    if not moves:
        return " Its orders act first: with them, none of these moves liquidates it."
    return f" These are without its orders; with them the nearest is {min(moves)[1]}."


def _warnings(result: StressResult) -> Iterator[Words]:
    if result.machine.instant:
        yield Words(INSTANT, is_warning=True)
    for bucket, value in result.buckets.items():
        if value.is_liquidatable:
            name = bucket_name(result.valuation, bucket)
            text = f"{name}: under maintenance margin as it stands, before any shock."
            yield Words(text, is_warning=True)


def _how(result: StressResult) -> str:
    """How prices go to a shock, as an assumption."""
    if result.machine.instant:
        return (
            "A shock is a jump (--instant): prices leave now and arrive at once, in one mark step, "
            "those by which the account gains before the others."
        )
    return (
        "A shock moves through the book: all prices go together along a straight line, a mark "
        f"every {MARK_MS / 1000:g} s and none more than {kinds.short_percent(LARGEST_STEP)} from "
        f"the one before, so -10 % takes {mark_steps(0.9) * MARK_MS / 1000:g} s; what is "
        "liquidated is liquidated on the way. No one else sells; the scenarios run that."
    )


def move_text(move: Move | str, size: str) -> str:
    """A move of a size as a phrase: ``all together -20 %``."""
    if isinstance(move, str):
        return f"{move} {size}"
    if move.kind == MoveKind.AGAINST:
        return f"{size.lstrip('+-')} against every position"
    return f"{move.name} {size}"


def _orders_note(result: StressResult) -> str:
    if not result.machine.has_orders:
        return ""
    grain = kinds.short_percent(GRAIN)
    return f" With its orders: on the engine, where they act on the way, to {grain} of the price."


def _move_with_orders(
    result: StressResult, get: Callable[[Any], MoveWithOrders | None]
) -> list[Column]:
    """Where a row's move liquidates although the account's orders act."""

    def over(row: Any) -> Fraction | None:
        found = get(row)
        return None if found is None else found.over

    on = "everywhere" if result.machine.has_orders else "data"
    return [Column("change_with_orders", MOVE, over, "with its orders", 4, on, "none")]


def _matrix(result: StressResult, shocks: Sheet) -> Sheet:
    """Rows of moves, columns of sizes."""
    return pivot(
        shocks, name="matrix", title="Equity left after a shock, USD (* liquidated)",
        index="move", across="price_change", value="left",
        mark=lambda cell: "*" if cell.liquidated else "", sort=lambda size: size,
        note=f"Equity now {kinds.money(result.equity)}. {_KINDS[result.machine.instant]} Where "
        "something is liquidated or an order acts: a minute after prices arrived.",
    )  # fmt: skip


class _Part(NamedTuple):
    """One part of a row, such as a bucket of a shock: a row of a sheet of its own."""

    row: Any
    part: Any = None


def _shock(path: str = "row.", *, on: str = "everywhere") -> list[Column]:
    """Which move, and of which size: of every sheet of parts."""
    return [
        Column("move", get=f"{path}move.name", on=on),
        Column("price_change", SHOCK, f"{path}size", on=on),
    ]


class _Sheets:
    """The sheets of one account; markets and buckets are named as its rules call them."""

    def __init__(self, valuation: Valuation) -> None:
        self.valuation = valuation
        self.markets_held = [each for each in valuation.buckets if valuation.buckets[each]]

    def market(self, market: int | None) -> str | None:
        return None if market is None else self.valuation.instruments[market].name

    def bucket(self, bucket: int | None) -> str | None:
        """The bucket's name; None for whichever is liquidated first."""
        return None if bucket is None else bucket_name(self.valuation, bucket)

    def price(self, market: int, units: int | None) -> str | None:
        decimals = self.valuation.instruments[market].price_decimals
        return None if units is None else from_units(units, decimals)

    def size(self, market: int, units: int) -> str:
        return from_units(units, self.valuation.instruments[market].size_decimals)

    def in_market(self, get: str = "market", name: str = "market", **more: Any) -> Column:
        return Column(name, get=lambda row: self.market(attrgetter(get)(row)), **more)

    def in_bucket(self, get: str = "bucket", name: str = "bucket", **more: Any) -> Column:
        return Column(name, get=lambda row: self.bucket(attrgetter(get)(row)), **more)

    def in_buckets(self, name: str, get: str, **more: Any) -> Column:
        return Column(name, NAMES, lambda row: [*map(self.bucket, attrgetter(get)(row))], **more)

    def holds(self, bucket: int) -> str:
        sizes = {each.market: each.signed_size for each in self.valuation.plan.positions}
        return ", ".join(
            f"{'long' if sizes[market] > 0 else 'short'} {self.size(market, abs(sizes[market]))} "
            f"{self.market(market)}"
            for market in self.valuation.buckets[bucket]
        )

    def value_columns(self, path: str = "") -> list[Column]:
        """What a bucket is worth."""
        return [
            self.in_bucket(f"{path}bucket"),
            Column("equity", MONEY, f"{path}equity"),
            Column("maintenance_margin", MONEY, f"{path}maintenance_margin"),
            Column("margin_ratio", RATIO, f"{path}ratio"),
            Column("liquidatable", FLAG, f"{path}is_liquidatable"),
        ]

    def buckets(self, result: StressResult) -> Sheet:
        holds = Column("holds", get=lambda row: self.holds(row.bucket) or "no position",
                       on="screen", drop=1)  # fmt: skip
        name, *values = self.value_columns()
        return Sheet(
            name="buckets",
            title="As it stands, USD",
            rows=list(result.buckets.values()),
            columns=[name, holds, *values],
            style=lambda row: "bad" if row.is_liquidatable else "",
            note="Margin ratio: maintenance margin over equity; liquidation begins above 100 %.",
        )

    def liquidation_prices(self, result: StressResult) -> Sheet:
        def price(get: str) -> Any:
            return lambda row: self.price(row.market, getattr(row, get))

        def no_price(row: PriceBoundary) -> str:
            return "every price" if row.always else "none" if row.over is None else ""

        return Sheet(
            name="liquidation_prices",
            title="Reverse stress: the smallest move of one market that liquidates",
            rows=result.boundaries,
            columns=[
                self.in_market(),
                self.in_bucket(drop=2),
                Column("price", PRICE, price("now"), title="price now"),
                Column("last_safe", PRICE, price("safe"), drop=1),
                Column("first_liquidating", PRICE, price("over"), mark=no_price),
                Column("price_change", MOVE, "size",
                       mark=lambda row: "*" if row.is_liquidatable else ""),
                *_move_with_orders(result, lambda row: result.with_orders.get(row.market)),
                Column("liquidatable_now", FLAG, "is_liquidatable", on="data"),
                Column("liquidatable_at_every_price", FLAG, "always", on="data"),
            ],
            style=lambda row: "bad" if row.is_liquidatable else "",
            note="Other prices stand still. Prices are whole price units: one unit further "
            f"liquidates. A star: liquidatable now.{_orders_note(result)}",
        )  # fmt: skip

    def smallest_moves(self, result: StressResult) -> Sheet:
        def alone(bucket: int, drop: int) -> Column:
            return Column(str(self.bucket(bucket)), MOVE, lambda row: row.by_bucket[bucket].over,
                          drop=drop, on="screen", none="none")  # fmt: skip

        def way(row: Any) -> str:
            is_against = row.boundary.move.kind == MoveKind.AGAINST
            return "against" if is_against else str(row.boundary.way)

        return Sheet(
            name="smallest_moves",
            title="Reverse stress: the smallest move of several markets that liquidates",
            rows=result.joint,
            columns=[
                Column("move", get="boundary.move.name"),
                Column("kind", get="boundary.move.kind", on="data"),
                Column("way", get=way, on="screen", title=" "),
                Column("direction", get="boundary.way", on="data"),
                Column("price_change", MOVE, "boundary.over", none="none"),
                self.in_buckets("liquidated", "boundary.buckets", drop=1),
                self.in_market("first", name="first_position", drop=99),
                *_move_with_orders(result, lambda row: row.with_orders),
                *(alone(bucket, 2 + n) for n, bucket in enumerate(self.markets_held)),
            ],
            note="The columns of buckets: where each is liquidated, whatever the others do. By "
            f"betas, the change is that of {LEAD}. First position: what is closed first. None: not "
            f"up to {LARGEST_RISE} times the price, nor down to nothing.{_orders_note(result)}",
        )

    def bucket_moves(self, result: StressResult) -> Sheet:
        return Sheet(
            name="bucket_moves",
            title="Where each bucket is liquidated, whatever the others do",
            rows=[_Part(*each) for one in result.joint for each in one.by_bucket.items()],
            columns=[
                Column("move", get="part.move.name"),
                Column("kind", get="part.move.kind"),
                Column("direction", get="part.way"),
                self.in_bucket("row"),
                Column("price_change", MOVE, "part.over"),
            ],
            on="data",
        )

    def shocks(self, cells: Sequence[Cell]) -> Sheet:
        move, change = _shock("")
        return Sheet(
            name="shocks",
            title="Every shock, before anything is liquidated, USD",
            rows=cells,
            columns=[
                move,
                Column("kind", get="move.kind", on="data"),
                change,
                self.in_bucket("worst.bucket", name="worst_bucket"),
                self.in_buckets("liquidated", "liquidated"),
                Column("equity", MONEY),
                Column("equity_change", MONEY, lambda cell: cell.equity - cell.before),
                Column("margin_ratio", RATIO, "worst.ratio"),
                Column("ordered", MONEY, title="traded by its orders"),
                Column("left", MONEY),
                Column("lost", MONEY),
            ],
            style=lambda cell: "bad" if cell.liquidated else "",
            on="page",
            note="Margin ratio: of the worst bucket, as if no order acted. Left: after liquidation "
            "and orders where there are any. Lost: equity now, and what was added, less what is "
            "left.",
        )

    def liquidations(self, cells: Sequence[Cell]) -> Iterator[Section]:
        """The shocks that liquidate, and what became of the account until a minute after them."""
        rows = [_Part(cell, cell.aftermath) for cell in cells if cell.liquidated]
        if not rows:
            yield Words("No shock of the grid liquidates anything.")

        def liquidated(row: _Part) -> str:
            unfinished = dict.fromkeys(row.part.unfinished, " (not done yet)")
            return ", ".join(
                f"{self.bucket(each)}{unfinished.get(each, '')}" for each in row.row.liquidated
            )

        yield Sheet(
            name="liquidations",
            title="Where shocks liquidate: a minute later, USD",
            rows=rows,
            columns=[
                *_shock(),
                Column("liquidated", get=liquidated, on="screen"),
                self.in_buckets("liquidated_at_once", "part.started", on="data"),
                self.in_buckets("liquidated_later", "part.later", on="data"),
                self.in_buckets("still_under_maintenance", "part.unfinished", on="data"),
                self.in_market("part.first", name="first_position", on="data"),
                Column("lost", MONEY, "row.lost", drop=2),
                Column("closed_in_book", MONEY, "part.sold", drop=4),
                Column("cost", MONEY, "row.cost"),
                Column("equity_to_backstop", MONEY, "part.taken", drop=3),
                Column("deleveraged", MONEY, "part.deleveraged", drop=1),
                Column("left", MONEY, "part.equity"),
                Column("stages", NAMES, lambda row: list(map(str, row.part.stages)), on="data"),
            ],
            note="Lost: equity now less what is left. Closed in book and deleveraged: notional. "
            "Cost: what liquidation takes beyond the move itself, fees, slippage and the equity "
            "that goes to the backstop; negative where positions were closed on the way at better "
            "prices. What a bucket owes below zero is borne by others.",
        )

    def survival(self, result: StressResult) -> Iterator[Section]:
        """The moves that should be survived, and what each bucket lacks for them."""

        def to_survive(row: Any) -> str:
            return move_text(row.move, SHOCK.text(row.size))

        for each in result.survivals:
            if not each.remedies:
                yield Words(f"To survive {to_survive(each)}: nothing is needed.")
        columns = [
            *_shock(""),
            Column("kind", get="move.kind"),
            Column("survives", FLAG, lambda row: not row.remedies),
        ]
        yield Sheet("survive", "Moves to survive", result.survivals, columns, on="data")
        rows = [_Part(each, remedy) for each in result.survivals for remedy in each.remedies]
        move = [
            *_shock(on="data"),
            Column("to_survive", get=lambda row: to_survive(row.row), on="screen"),
        ]
        yield Sheet(
            name="remedies",
            title="To survive: add money, or close the same share of every position, USD",
            rows=rows,
            columns=[
                *move,
                self.in_bucket("part.bucket"),
                Column("shortfall", CENTS, "part.shortfall", drop=2),
                Column("how", get=lambda row: deposit_words(self.valuation, row.part.bucket),
                       on="screen", drop=1),
                Column("deposit", CENTS, "part.deposit"),
                Column("close_share", PERCENT, "part.close_share", "or close", none="not enough"),
            ],
            note="Each is enough alone. Amounts are the least whole cents.",
        )  # fmt: skip
        yield Sheet(
            name="closes",
            title="Or close a part of one position now",
            rows=[_Part(each.row, closing) for each in rows for closing in each.part.closings],
            columns=[
                *move,
                self.in_bucket("part.bucket"),
                self.in_market("part.market"),
                Column("size", SIZE, lambda row: self.size(row.part.market, row.part.size)),
                Column("share", PERCENT, "part.share"),
            ],
            note="Each is enough alone: at the present price with the taker fee, without slippage.",
        )

    def scenarios(self, result: StressResult) -> Iterator[Sheet]:
        """The account through named scenarios, and what each scenario is."""

        def liquidated(row: Any) -> str:
            return ", ".join(
                f"{self.bucket(each.bucket)} ({MINUTES.text(each.minutes)})"
                for each in row.liquidated
            )

        yield Sheet(
            name="scenarios",
            title="Named scenarios, starting now, USD",
            rows=result.scenarios,
            columns=[
                Column("scenario", get="scenario.name"),
                Column("minutes", MINUTES, on="data"),
                Column("liquidated", get=lambda row: liquidated(row) or "no", on="screen",
                       title="liquidated (after)"),
                self.in_market("first", name="first_position", drop=6),
                Column("equity_start", MONEY, "start", on="data"),
                Column("equity_lowest", MONEY, "lowest", drop=1),
                Column("equity_lowest_minutes", MINUTES, "lowest_minutes", title="after", drop=4),
                Column("funding", MONEY, drop=5),
                Column("equity_end", MONEY, "end"),
                Column("lost", MONEY, drop=2),
                Column("equity_unclosed", MONEY, "untouched", drop=3),
                Column("deleveraged", MONEY, on="data"),
                Column("blocked", MONEY, on="data"),
                Column("positions_left", COUNT, on="data"),
                Column("notes", NAMES, on="data"),
            ],
            style=lambda row: "bad" if row.liquidated else "",
            note="The whole engine along the path: quotes, funding, stages of liquidation. "
            "Unclosed: what the positions would be worth in the end if none had been closed, "
            "without funding.",
        )  # fmt: skip
        yield price_path_sheet((each.scenario.name, each.price_paths) for each in result.scenarios)
        yield Sheet(
            name="scenario_liquidations",
            title="When scenarios liquidate",
            rows=[_Part(line, each) for line in result.scenarios for each in line.liquidated],
            columns=[
                Column("scenario", get="row.scenario.name"),
                self.in_bucket("part.bucket"),
                Column("minutes", MINUTES, "part.minutes"),
            ],
            on="data",
        )
        yield Sheet(
            name="scenario_sources",
            title="Where the scenarios come from",
            rows=result.scenarios,
            columns=[
                Column("scenario", get="scenario.name"),
                Column("about", get="scenario.about"),
                Column("source", get="scenario.source"),
            ],
            on="page",
        )

    def markets(self, result: StressResult) -> Sheet:
        return Sheet(
            name="markets",
            title=f"Prices now, and how far a market moves when {LEAD} moves 1 %",
            rows=[_Part(*each) for each in enumerate(result.betas.values())],
            columns=[
                self.in_market("row"),
                Column("price", PRICE,
                       lambda row: self.price(row.row, self.valuation.prices[row.row])),
                Column("beta", NUMBER, "part.value"),
                Column("beta_source", get="part.source"),
            ],
            on="page",
        )  # fmt: skip

    def details(self, result: StressResult) -> Iterator[Sheet]:
        """What only programs read: every price, bucket and position of every shock."""
        cells = result.cells
        boundaries: list[_Part] = []
        for each in result.joint:
            boundaries += [_Part(None, each.boundary), *(_Part(*b) for b in each.by_bucket.items())]
        found = [each for each in boundaries if each.part.over is not None]
        moves = [
            Column("move", get="row.part.move.name"),
            Column("direction", get="row.part.way"),
            self.in_bucket("row.row"),
        ]
        sides = {"last_safe": "part.safe_prices", "first_liquidating": "part.over_prices"}
        yield self.prices("move_prices", found, moves, sides)
        yield self.prices("shock_prices", cells, _shock(), {"price": "prices"})
        yield self.prices("survive_prices", result.survivals, _shock(), {"price": "prices"})
        yield Sheet(
            name="shock_buckets",
            title="Every bucket at every shock",
            rows=[_Part(cell, value) for cell in cells for value in cell.buckets.values()],
            columns=[*_shock(), *self.value_columns("part.")],
            on="data",
        )
        yield Sheet(
            name="positions_left",
            title="Positions left where shocks liquidate",
            rows=[
                _Part(cell, _Part(*each))
                for cell in cells
                if cell.aftermath is not None and cell.liquidated
                for each in cell.aftermath.positions.items()
            ],
            columns=[
                *_shock(),
                self.in_market("part.row"),
                Column("size", SIZE, lambda row: self.size(*row.part)),
            ],
            on="data",
        )

    def prices(
        self, name: str, rows: Sequence[Any], columns: Sequence[Column], sides: dict[str, str]
    ) -> Sheet:
        """The prices of every market in each row. ``sides``: columns by where their prices are."""

        def price(get: str) -> Any:
            prices = attrgetter(get)
            return lambda row: self.price(row.part, prices(row.row)[row.part])

        markets = range(len(self.valuation.instruments))
        return Sheet(
            name=name,
            title="Prices",
            rows=[_Part(row, market) for row in rows for market in markets],
            columns=[
                *columns,
                self.in_market("part"),
                *(Column(side, PRICE, price(get)) for side, get in sides.items()),
            ],
            on="data",
        )


def _assumptions(result: StressResult) -> Sequence[str]:
    return [
        _how(result),
        liquidation_sentence(result.valuation.rulebook),
        "The book has the depth below before the shock, and in it what the stress rule leaves (2 % "
        "after moves of 3.5 % or more within a minute); prices then stand still for a minute. "
        "--depth changes it.",
        "The backstop or insurance fund owns what is said below; others stand ready to be "
        "deleveraged.",
        f"The mark is the shocked price. No funding passes within a shock; {result.machine.acts}.",
    ]
