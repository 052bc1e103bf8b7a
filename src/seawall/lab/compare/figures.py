"""The figure of the margin modes of one account side by side."""

from collections.abc import Sequence

from msgspec import Struct

from seawall.report import kinds
from seawall.report.charts import (
    WIDTH,
    Chart,
    Row,
    finished,
    number,
    palette,
    quantity,
    values,
)


class ModeOutcome(Struct, frozen=True, kw_only=True):
    """The outcome of one margin mode. USD; losses above zero.

    ``survival``: the share of paths without any liquidation. ``worst_loss``: the mean of the worst
    5 % of paths; the very worst one is all the money in most modes.
    """

    mode: str
    capital: float
    survival: float
    median_loss: float
    worst_loss: float


def mode_bars(outcomes: Sequence[ModeOutcome]) -> Chart:
    """Margin modes side by side on the same paths: capital, survival, losses."""
    panels = [
        _mode_panel("capital needed, USD", outcomes, "capital"),
        _mode_panel("paths without a liquidation, %", outcomes, "survival"),
        _mode_panel("median loss, USD", outcomes, "median_loss"),
        _mode_panel("mean loss of the worst 5 %, USD", outcomes, "worst_loss"),
    ]
    return finished({"concat": panels, "columns": 2, "spacing": {"row": 26, "column": 34}})


def _mode_panel(title: str, outcomes: Sequence[ModeOutcome], field: str) -> Chart:
    names = [each.mode for each in outcomes]
    is_share = field == "survival"
    rows: list[Row] = []
    for each in outcomes:
        found = getattr(each, field)
        words = kinds.percent(found, 1) if is_share else kinds.short_usd(found)
        rows.append({"mode": each.mode, "value": number(found), "label": words})
    ends = [0.0, *(row["value"] for row in rows if row["value"] is not None)]
    least, most = min(ends), 1.0 if is_share else max(ends)
    span = (most - least) or 1.0
    bounds = [least - (0.34 * span if least < 0 else 0.0), most + (0.34 * span if most > 0 else 0)]
    y = {
        "field": "mode",
        "type": "nominal",
        "sort": names,
        "axis": {"title": None, "ticks": False, "domain": False, "labelLimit": 130},
    }
    x = quantity("value", None, axis=None, scale={"domain": bounds, "nice": False})
    labels = [
        {
            "transform": [{"filter": f"datum.value {'<' if falls else '>='} 0"}],
            "mark": {
                "type": "text", "align": "right" if falls else "left",
                "dx": -6 if falls else 6, "baseline": "middle",
            },
            "encoding": {"y": y, "x": x, "text": {"field": "label"}},
        }
        for falls in (False, True)
    ]  # fmt: skip
    colour = {
        "field": "mode",
        "type": "nominal",
        "legend": None,
        "scale": {"domain": names, "range": palette(len(names))},
    }
    bars = {"mark": {"type": "bar", "height": 18}, "encoding": {"y": y, "x": x, "color": colour}}
    return {
        "title": title,
        "width": (WIDTH - 220) // 2,
        "height": 30 * len(rows),
        "data": values(rows),
        "layer": [bars, *labels],
    }
