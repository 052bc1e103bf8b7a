"""Ways to leave, holding times, the buffer, and many trades in a row, as sentences and sheets."""

from collections.abc import Iterator

from seawall.domain.units import from_units
from seawall.lab.size.advice import SizeTask
from seawall.lab.size.compounding import Compounding, CompoundRow
from seawall.lab.size.exits import ExitRow, Exits
from seawall.lab.size.figures import course_chart
from seawall.lab.size.horizons import Best, Buffer, Cell, Horizons
from seawall.report import kinds
from seawall.report.findings import Figure, Section, Words
from seawall.report.kinds import (
    BASIS_POINTS,
    COUNT,
    FLAG,
    HOURS,
    MONEY,
    PROBABILITY,
    SECONDS,
    SHARE,
    SIZE,
    TIMES,
    interval,
)
from seawall.report.sheet import Column, Sheet, pivot, record


def exit_sections(exits: Exits, task: SizeTask) -> Iterator[Section]:
    """Leaving at once, as a TWAP and as a share of the volume."""
    decimals = task.instrument.size_decimals
    best = exits.best("calm_bad"), exits.best("stressed_bad")

    def star(row: ExitRow) -> str:
        return " *" if row.is_beyond else ""

    yield Sheet(
        name="exits",
        title=f"Ways to leave {from_units(exits.size, decimals)} {task.instrument.name}, bp",
        rows=exits.rows,
        columns=[
            Column("way", get="course.name"),
            Column("hours", HOURS, "course.hours", title="time"),
            Column("orders", COUNT, "course.parts"),
            Column("every", SECONDS, "course.wait_s", drop=3),
            Column("largest", SIZE, lambda row: from_units(row.course.largest, decimals),
                   title="largest order", drop=2),
            Column("calm_bp", BASIS_POINTS, "calm", title="calm"),
            Column("stressed_bp", BASIS_POINTS, "stressed", title="stressed", mark=star),
            Column("risk_bp", BASIS_POINTS, "risk", title="price risk"),
            Column("calm_bad_bp", BASIS_POINTS, "calm_bad", title="calm, one in twenty", drop=1),
            Column("stressed_bad_bp", BASIS_POINTS, "stressed_bad",
                   title="stressed, one in twenty", drop=1),
            Column("is_extrapolated", FLAG, "is_beyond", on="data"),
        ],
        style=lambda row: "good" if row in best else "",
        note="Slippage of all orders, without fees. Price risk: standard deviation of the average "
        "price. One in twenty: what one exit in twenty costs or more; the least of each is marked. "
        f"Half of what was taken is back after {float(task.refill_s):g} s, in the stressed book "
        "after so many times longer as it is thinner. * an order went beyond the end of the book.",
    )  # fmt: skip


def horizon_sections(found: Horizons, task: SizeTask) -> Iterator[Section]:
    """Ruin by holding time, depth and leverage, and the buffer."""
    accepted = kinds.short_percent(found.accepted)
    capital = kinds.percent(task.risk_capital / task.equity, 0)

    def place(row: Cell | Best) -> str:
        return f"{kinds.duration(3600 * row.hours)}, {kinds.short_percent(row.depth)} of depth"

    keys = [Column("hours", COUNT), Column("depth", SHARE)]
    cells = Sheet(
        name="ruin",
        title="Probability of ruin by holding time, depth and leverage",
        rows=found.cells,
        columns=[
            *keys,
            Column("leverage", TIMES),
            Column("ruin", PROBABILITY, "ruin.value"),
            Column("ruin_interval", interval(PROBABILITY), "ruin.interval"),
            Column("held_for", get=place, title="held for, left through", on="screen"),
        ],
        on="data",
    )
    yield cells
    yield pivot(
        cells,
        name="ruin_table",
        title=f"{cells.title}: the trade alone in a bucket of its own",
        index="held_for",
        across="leverage",
        value="ruin",
        mark=lambda row: "" if row.ruin.value <= found.accepted else " !",
        note=f"Ruin: {capital} of the money behind it is lost at some moment, leaving included. ! "
        f"above the accepted {accepted}. The same random prices throughout.",
    )
    yield Sheet(
        name="horizons",
        title=f"The highest leverage shown that keeps ruin within {accepted}",
        rows=found.best,
        columns=[
            Column("held_for", get=place, title="held for, left through", on="screen"),
            *(Column(each.name, each.kind, on="data") for each in keys),
            Column("leverage", TIMES, none="none"),
        ],
    )
    if found.buffer is not None:
        yield _buffer(found.buffer, found.accepted, task)


def _buffer(buffer: Buffer, accepted: float, task: SizeTask) -> Sheet:
    hours = kinds.duration(3600 * task.horizon_hours)
    return record(
        "buffer",
        f"The buffer that keeps a liquidation of the pool within {kinds.short_percent(accepted)} "
        f"over {hours}, with the trade in it",
        buffer,
        [
            Column("equity", MONEY),
            Column("liquidated", PROBABILITY, "now.value", title="liquidated as it is"),
            Column("margin_in_use", MONEY, "initial"),
            Column("equity_needed", MONEY, "needed", none="no money keeps it"),
            Column("keep_free", MONEY, "free", none="–"),
            Column("to_add", MONEY, "missing", none="–"),
        ],
    )


def horizon_words(found: Horizons, task: SizeTask) -> Iterator[Words]:
    """What holding times change, and how much to keep free."""
    full = [each for each in found.best if each.depth == 1]
    first, last = full[0], full[-1]
    accepted = kinds.short_percent(found.accepted)

    def words(row: Best) -> str:
        leverage = "none of the leverages" if row.leverage is None else f"{row.leverage}x"
        return f"{leverage} for {kinds.duration(3600 * row.hours)}"

    yield Words(
        f"Ruin stays within {accepted} at {words(first)} and at {words(last)}, leaving through the "
        "calm book."
    )
    if found.buffer is not None:
        yield _buffer_words(found.buffer, accepted, kinds.duration(3600 * task.horizon_hours))


def _buffer_words(buffer: Buffer, accepted: str, hours: str) -> Words:
    if buffer.needed is None or buffer.free is None or buffer.missing is None:
        text = f"No money keeps a liquidation of the pool within {accepted} over {hours}."
        return Words(text, is_warning=True)
    text = (
        f"Keep {kinds.money(buffer.free)} USD free beside the {kinds.money(buffer.initial)} USD of "
        f"margin in use, so that the pool is liquidated with a probability of at most {accepted} "
        f"over {hours}: "
    )
    if buffer.missing > 0:
        return Words(text + f"{kinds.money(buffer.missing)} USD are missing.", is_warning=True)
    return Words(text + f"{kinds.money(-buffer.missing)} USD more than that are there.")


def compounding_sections(found: Compounding) -> Iterator[Section]:
    """Equity after many trades, by leverage, and its course at the advised size."""
    risk, most = kinds.percent(found.risk_share, 0), kinds.short_percent(found.max_drawdown)

    def style(row: CompoundRow) -> str:
        return "good" if row.stake.leverage == found.advised else ""

    yield Sheet(
        name="compounding",
        title=f"After {found.trades} such trades at a win rate of "
        f"{kinds.short_percent(found.win_rate)}, by leverage",
        rows=found.rows,
        columns=[
            Column("leverage", TIMES, "stake.leverage"),
            Column("a_loss", SHARE, "stake.loss", title="a loss takes"),
            Column("a_win", SHARE, "stake.win", title="a win adds", drop=3),
            Column("survival", PROBABILITY),
            Column("drawdown", PROBABILITY, title=f"drawdown of {most}"),
            Column("losing", PROBABILITY, title="ends below the start", drop=2),
            Column("worst", TIMES, title="equity, worst 5 %", drop=1),
            Column("median", TIMES, title="median"),
            Column("best", TIMES, title="best 5 %", drop=1),
        ],
        style=style,
        note=f"Survival: {risk} of the equity of the start is never lost; an account that has lost "
        "it stops. Each trade takes the same leverage of the equity of its time. A loss of 100 %: "
        "liquidated before the stop, or worth nothing there.",
    )

    def quantile(at: int, name: str) -> Column:
        return Column(name, TIMES, lambda row: row.quantiles[at])

    names = ("low_5", "low_25", "median", "high_75", "high_95")
    course = Sheet(
        name="course",
        title="Equity from trade to trade at the advised size, as a multiple of the start",
        rows=found.course,
        columns=[
            Column("trades", COUNT),
            *(quantile(at, name) for at, name in enumerate(names)),
            Column("survival", PROBABILITY),
        ],
        on="tables",
    )
    yield course
    yield Figure(
        title=course.title,
        chart=course_chart(course.numbers(), 1.0 - found.risk_share),
        alt="Median of the equity over the number of trades, with the bands from 5 to 95 % and "
        "from 25 to 75 %.",
    )


def compounding_words(found: Compounding) -> Words:
    """Survival at the advised size."""
    row = next(each for each in found.rows if each.stake.leverage == found.advised)
    text = (
        f"After {found.trades} trades like this at a win rate of "
        f"{kinds.short_percent(found.win_rate)} the risk capital is there with a probability of "
        f"{kinds.probability(row.survival)}; the median equity is {kinds.times(row.median)} that "
        f"of the start, and a drawdown of {kinds.short_percent(found.max_drawdown)} has a "
        f"probability of {kinds.probability(row.drawdown)}."
    )
    return Words(text)
