"""Pictures of ``seawall carry``: how funding moves the break-even and the liquidation prices."""

from seawall.lab.carry.break_even_chart import break_even_lines
from seawall.lab.carry.outcome import HOURS_PER_DAY, CarryOutcome, CarryTask
from seawall.report.charts import (
    QUIET,
    Chart,
    Row,
    axis,
    columns,
    finished,
    level,
    line,
    palette,
    quantity,
)

HEIGHT = 320
LONG_PATH_HOURS = 96
"""Above it time is told in days."""
MOST_LINES = 5


def _time(outcome: CarryOutcome) -> tuple[float, str]:
    """Hours of a unit of the time axis, and its name."""
    is_long = outcome.moments[-1].hours > LONG_PATH_HOURS
    return (float(HOURS_PER_DAY), "days") if is_long else (1.0, "hours")


def break_even_chart(task: CarryTask, outcome: CarryOutcome) -> Chart:
    """The break-even price (USD) over time, for each direction of funding."""
    scale, unit = _time(outcome)
    price = 10**task.instrument.price_decimals
    times = [0.0, *(each.hours / scale for each in outcome.moments)]
    first = float(outcome.first.break_even / price)
    series = {
        f"funding {each.name}": [first, *(float(at / price) for _, at in each.moments)]
        for each in outcome.sensitivities
    }
    return break_even_lines(times, series, task.trade.price / price, unit)


def drift_chart(task: CarryTask, outcome: CarryOutcome) -> Chart:
    """The liquidation price (USD) over time, for each leverage, while the price stands still."""
    scale, unit = _time(outcome)
    price = 10**task.instrument.price_decimals
    rows: list[Row] = []
    names = []
    shown = [each for each in outcome.leverages if each.line_last is not None and each.leverage > 1]
    for each in shown[-MOST_LINES:]:
        lines = outcome.lines[each.leverage]
        first = [] if each.line_first is None else [(0.0, float(each.line_first / price))]
        points = first + [
            (moment.hours / scale, float(at / price))
            for moment, at in zip(outcome.moments, lines, strict=True)
            if at is not None
        ]
        names.append(f"{each.leverage}x")
        made = columns(time=[t for t, _ in points], price=[p for _, p in points])
        rows += [row | {"name": names[-1]} for row in made]
    x = quantity("time", axis(f"held for, {unit}", ticks=8, grid=False), scale={"nice": False})
    y = quantity(
        "price",
        axis("liquidation price, USD", label="format(datum.value, ',.7~g')"),
        scale={"zero": False},
    )
    lines_chart = line(rows, x, y)
    lines_chart["encoding"]["color"] = {
        "field": "name",
        "type": "nominal",
        "title": "leverage",
        "scale": {"domain": names, "range": palette(len(names))},
    }
    layers = [level(task.trade.price / price, "price", QUIET), lines_chart]
    return finished({"layer": layers}, height=HEIGHT)
