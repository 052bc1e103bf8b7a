"""The pictures of ``seawall size``: what leaving a size costs; equity from trade to trade."""

from collections.abc import Mapping, Sequence
from typing import Any

from seawall.report import kinds
from seawall.report.charts import (
    CHOSEN,
    CROSS_COLOUR,
    LIQUIDATION,
    MONEY_LABEL,
    Chart,
    axis,
    band,
    finished,
    level,
    line,
    logarithmic,
    quantity,
    round_numbers,
    upright,
)


def exit_chart(
    curve: Sequence[Mapping[str, Any]], depth: float, advised: float | None = None
) -> Chart:
    """Slippage (bp) over size (USD), both logarithmic; broken beyond the end of the book.

    ``curve``: rows of the sheet ``slippage``. ``depth``: the share of the stressed book that is
    left. ``advised``: USD.
    """
    shown = [row[name] for row in curve for name in ("calm_bp", "stressed_bp")]
    usd = round_numbers(curve[0]["notional"], curve[-1]["notional"])
    x = quantity(
        "notional",
        axis("size, USD at the price now", label=MONEY_LABEL, values=usd),
        scale={"type": "log", "nice": False},
    )
    layers = []
    for name, title, colour in (
        ("calm", "calm", CROSS_COLOUR),
        ("stressed", f"stressed, {kinds.short_percent(depth)} of the depth", LIQUIDATION),
    ):
        words = "slippage of leaving at once, bp"
        y = logarithmic(f"{name}_bp", min(shown), max(shown), words, format=",~g")
        end = sum(not row[f"{name}_is_extrapolated"] for row in curve)
        # The broken line starts where the whole one ends.
        broken = curve[max(0, end - 1) :] if end < len(curve) else ()
        if end > 1:
            layers.append(line(curve[:end], x, y, colour))
        if len(broken) > 1:
            layers.append(line(broken, x, y, colour, strokeDash=[6, 4]))
        layers.append(_title(curve[len(curve) // 3], f"{name}_bp", title, colour))
    if advised is not None:
        layers.append(upright(advised, "advised", CHOSEN))
    return finished({"layer": layers}, height=320)


def course_chart(course: Sequence[Mapping[str, Any]], floor: float) -> Chart:
    """Quantiles of the equity (multiples of the start, logarithmic) over the number of trades.

    ``course``: rows of the sheet ``course``. ``floor``: what is left when the risk capital is lost.
    """
    low = min(row["low_5"] for row in course)
    high = max(row["high_95"] for row in course)
    bottom = max(1e-3, min(low, floor))
    x = quantity("trades", axis("trades"))
    title = "equity, times that of the start"

    def y(field: str) -> Chart:
        return logarithmic(field, bottom, max(high, 1.0), title, format=",~g")

    shown = [{name: max(bottom, value) for name, value in row.items()} for row in course]
    layers = [
        band(shown, x, "low_5", y("high_95"), CROSS_COLOUR, 0.15),
        band(shown, x, "low_25", y("high_75"), CROSS_COLOUR, 0.25),
        line(shown, x, y("median"), CROSS_COLOUR),
    ]
    if floor > 0.0:
        layers.append(level(floor, "risk capital lost", LIQUIDATION))
    return finished({"layer": layers}, height=280)


def _title(row: Mapping[str, Any], field: str, text: str, colour: str) -> Chart:
    """The title of a line, above it at a row."""
    mark = {"type": "text", "text": text, "color": colour, "align": "right", "dy": -10}
    place = {"x": {"datum": row["notional"]}, "y": {"datum": row[field]}}
    return {"mark": mark, "encoding": place}
