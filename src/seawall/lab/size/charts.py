"""The picture of ``seawall size``: what leaving a size costs, calm and stressed."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seawall.domain.units import MICRO
from seawall.lab.size.advice import Advice, SizeTask
from seawall.report.charts import (
    CHOSEN,
    CROSS_COLOUR,
    LIQUIDATION,
    MONEY_LABEL,
    Chart,
    axis,
    columns,
    finished,
    line,
    quantity,
    upright,
)

POINTS = 160
LEAST_USD = 1_000
HEIGHT = 320

FloatArray = NDArray[np.float64]


class Curve(NamedTuple):
    """Slippage of n sizes, ascending. ``columns``: the parquet table."""

    notional: FloatArray
    calm: FloatArray
    stressed: FloatArray
    calm_beyond: NDArray[np.bool_]
    stressed_beyond: NDArray[np.bool_]

    @property
    def columns(self) -> dict[str, NDArray[np.generic]]:
        return {
            "notional": self.notional,
            "calm_bp": self.calm,
            "stressed_bp": self.stressed,
            "calm_is_extrapolated": self.calm_beyond,
            "stressed_is_extrapolated": self.stressed_beyond,
        }


def slippage_curve(task: SizeTask, advice: Advice) -> Curve:
    """From a small order to twice the largest size that is shown."""
    price = task.wager.entry_price
    largest = max([rung.notional for rung in advice.rungs], default=task.equity) * 2 / MICRO
    wished = np.geomspace(LEAST_USD, max(largest, 100 * LEAST_USD), POINTS)
    sizes = sorted({max(1, int(each * MICRO) // price) for each in wished.tolist()})
    calm = [task.calm_exit.exit(size) for size in sizes]
    stressed = [task.wager.exit_book.exit(size) for size in sizes]
    return Curve(
        notional=np.asarray([size * price / MICRO for size in sizes]),
        calm=np.asarray([float(each.share) * 1e4 for each in calm]),
        stressed=np.asarray([float(each.share) * 1e4 for each in stressed]),
        calm_beyond=np.asarray([each.is_beyond for each in calm]),
        stressed_beyond=np.asarray([each.is_beyond for each in stressed]),
    )


def exit_chart(task: SizeTask, advice: Advice, curve: Curve) -> Chart:
    """Slippage (bp) over size (USD), both logarithmic; broken beyond the end of the book."""
    x = quantity(
        "usd",
        axis("size, USD at the price now", label=MONEY_LABEL, values=_ticks(curve.notional)),
        scale={"type": "log", "nice": False},
    )
    shown = np.concatenate([curve.calm, curve.stressed])
    y = quantity(
        "bp",
        axis("slippage of leaving at once, bp", values=_ticks(shown), format=",~g"),
        scale={
            "type": "log",
            "nice": False,
            "domain": [float(shown.min()) * 0.8, float(shown.max()) * 1.25],
        },
    )
    layers: list[Chart] = []
    whole: dict[str, Any] = {}
    for shares, beyond, colour in (
        (curve.calm, curve.calm_beyond, CROSS_COLOUR),
        (curve.stressed, curve.stressed_beyond, LIQUIDATION),
    ):
        end = int(np.count_nonzero(~beyond))
        # The broken line starts where the whole one ends.
        parts = ((0, end, whole), (max(0, end - 1), len(shares), {"strokeDash": [6, 4]}))
        for first, last, style in parts:
            if last - first < 2:
                continue
            rows = columns(usd=curve.notional[first:last], bp=shares[first:last])
            layers.append(line(rows, x, y, colour, **style))
    layers += [_name(curve, curve.calm, "calm", CROSS_COLOUR)]
    depth = f"stressed, {float(task.wager.exit_book.depth) * 100:g} % of the depth"
    layers += [_name(curve, curve.stressed, depth, LIQUIDATION)]
    if advice.size:
        layers.append(upright(advice.notional(task) / MICRO, "advised", CHOSEN))
    return finished({"layer": layers}, height=HEIGHT)


def _ticks(values: FloatArray) -> list[float]:
    """1, 2 and 5 times the powers of ten in the range of the values."""
    low, high = float(values.min()), float(values.max())
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    wanted = [step * 10.0**power for power in decades for step in (1, 2, 5)]
    return [each for each in wanted if low <= each <= high]


def _name(curve: Curve, shares: FloatArray, words: str, colour: str) -> Chart:
    """The name of a line, written above it a third of the way."""
    place = len(shares) // 3
    return {
        "mark": {
            "type": "text", "text": words, "color": colour, "align": "right", "dy": -10,
        },
        "encoding": {
            "x": {"datum": float(curve.notional[place])},
            "y": {"datum": float(shares[place])},
        },
    }  # fmt: skip
