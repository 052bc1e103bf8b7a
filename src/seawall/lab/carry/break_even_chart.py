"""Pictures of one trade: the price at which it is flat while costs and funding run."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from seawall.report.charts import Chart, Row, axis, columns, finished, named, quantity

PRICE_LABEL = "format(datum.value, ',.7~g')"
ENTRY = "entry price"


def break_even_lines(
    times: ArrayLike,
    series: Mapping[str, ArrayLike],
    entry: float | None = None,
    unit: str = "hours",
) -> Chart:
    """The price (USD) at which leaving is flat, over the holding time, one line for each name.

    ``entry``: the price at which the trade was opened.
    """
    rows: list[Row] = []
    for name, each in series.items():
        rows += [row | {"name": name} for row in columns(time=times, price=each)]
    names = list(series)
    if entry is not None:
        names.append(ENTRY)
        ends = np.asarray(times, dtype=np.float64)[[0, -1]]
        rows += [row | {"name": ENTRY} for row in columns(time=ends, price=[entry, entry])]
    x = quantity("time", axis(f"held for, {unit}", ticks=8, grid=False), scale={"nice": False})
    y = quantity("price", axis("break-even price, USD", label=PRICE_LABEL), scale={"zero": False})
    return finished(named(rows, x, y, names, dashed=ENTRY), height=300)
