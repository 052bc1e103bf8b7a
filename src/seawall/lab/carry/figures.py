"""Pictures of ``seawall carry``: how funding moves break-even and liquidation prices, and what each
position of an account pays."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from seawall.lab.carry.outcome import Carried, CarryOutcome, CarryTask, Moment
from seawall.lab.size.exit import HOURS_PER_DAY
from seawall.report.charts import (
    LIQUIDATION,
    MARKET_COLOURS,
    MONEY_LABEL,
    QUIET,
    Chart,
    Row,
    axis,
    coloured,
    finished,
    level,
    line,
    named,
    names_down,
    quantity,
    series,
    values,
)

HEIGHT = 320
BAR_HEIGHT = 34
LONG_PATH_HOURS = 96
"""Above it the axis of time is in days."""
MOST_LINES = 5
PRICE_LABEL = "format(datum.value, ',.7~g')"
ENTRY = "entry price"


def break_even_lines(
    times: ArrayLike,
    prices: Mapping[str, ArrayLike],
    entry: float,
    unit: str,
) -> Chart:
    """The price (USD) at which leaving is flat, over the holding time, one line for each name.

    ``entry``: the price at which the trade was opened. ``unit``: of the times.
    """
    rows = [row for name, each in prices.items() for row in series(name, time=times, price=each)]
    ends = np.asarray(times, dtype=np.float64)[[0, -1]]
    rows += series(ENTRY, time=ends, price=[entry, entry])
    x, y = _axes("break-even price, USD", unit)
    return finished(named(rows, x, y, [*prices, ENTRY], dashed=ENTRY), height=300)


def break_even_chart(task: CarryTask, outcome: CarryOutcome) -> Chart:
    """The break-even price (USD) over time, for each direction of funding."""
    times, unit = _times(outcome)
    price = 10**task.instrument.price_decimals
    prices = {
        f"funding {each.name}": [float(now.break_even / price) for now in _drawn(each, outcome)]
        for each in outcome.sensitivities
    }
    return break_even_lines(times, prices, task.trade.price / price, unit)


def drift_chart(task: CarryTask, outcome: CarryOutcome) -> Chart:
    """The liquidation price (USD) over time, for each leverage, while the price stands still."""
    times, unit = _times(outcome)
    price = 10**task.instrument.price_decimals
    rows: list[Row] = []
    ended = [each for each in outcome.leverages if each.last.liquidation_price is not None]
    shown = [each for each in ended if each.leverage > 1][-MOST_LINES:]
    for each in shown:
        prices = [now.liquidation_price for now in _drawn(each, outcome)]
        known = [(t, float(p / price)) for t, p in zip(times, prices, strict=True) if p is not None]
        rows += series(f"{each.leverage}x", time=[t for t, _ in known], price=[p for _, p in known])
    lines = line(rows, *_axes("liquidation price, USD", unit))
    names = [f"{each.leverage}x" for each in shown]
    lines["encoding"]["color"] = coloured("name", names, title="leverage")
    now = level(task.trade.price / price, "price", QUIET)
    return finished({"layer": [now, lines]}, height=HEIGHT)


def funding_chart(positions: Sequence[Mapping[str, Any]]) -> Chart:
    """Funding a day (USD) of each position. ``positions``: rows of the sheet of that name."""
    rows = [
        {"name": f"{row['side']} {row['market']} ({row['bucket']})", "usd": row["funding_a_day"]}
        for row in positions
    ]
    bars: Chart = {
        "data": values(rows),
        "mark": {"type": "bar", "height": {"band": 0.6}},
        "encoding": {
            "y": names_down("name", [row["name"] for row in rows]),
            "x": quantity("usd", axis("funding paid a day, USD", label=MONEY_LABEL)),
            "color": {
                "condition": {"test": "datum.usd > 0", "value": LIQUIDATION},
                "value": MARKET_COLOURS[1],
            },
        },
    }  # fmt: skip
    return finished(bars, height=60 + BAR_HEIGHT * len(rows))


def _drawn(carried: Carried, outcome: CarryOutcome) -> list[Moment]:
    """The entry and every moment that is drawn."""
    return [carried.at(count) for count in (0, *outcome.chosen)]


def _times(outcome: CarryOutcome) -> tuple[list[float], str]:
    """The entry and every moment, in hours or days, and the name of that unit."""
    is_long = outcome.moments[-1].hours > LONG_PATH_HOURS
    scale, unit = (HOURS_PER_DAY, "days") if is_long else (1, "hours")
    return [0.0, *(each.hours / scale for each in outcome.moments)], unit


def _axes(title: str, unit: str) -> tuple[Row, Row]:
    x = quantity("time", axis(f"held for, {unit}", ticks=8, grid=False), scale={"nice": False})
    return x, quantity("price", axis(title, label=PRICE_LABEL), scale={"zero": False})
