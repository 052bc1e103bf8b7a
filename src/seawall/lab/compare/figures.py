"""The figure of the margin modes of one account side by side."""

from collections.abc import Sequence

from seawall.report import kinds
from seawall.report.charts import (
    WIDTH,
    Chart,
    Row,
    coloured,
    finished,
    names_down,
    number,
    quantity,
    values,
)


def mark_of(name: str, recommended: str) -> str:
    """What stands behind the name of the recommended mode."""
    return " (recommended)" if name == recommended else ""


def mode_bars(modes: Sequence[Row], recommended: str = "") -> Chart:
    """Margin modes side by side on the same paths, in the order in which they are judged.

    ``modes``: rows with ``mode``, ``shortfall_95``, ``ruin``, ``survival`` and ``capital_needed``,
    as the sheet of the modes gives them. ``recommended``: the mode to mark.
    """
    modes = [each | {"mode": each["mode"] + mark_of(each["mode"], recommended)} for each in modes]
    panels = [
        _mode_panel("mean loss of the worst 5 %, USD", modes, "shortfall_95"),
        _mode_panel("paths that lose the risk capital, %", modes, "ruin"),
        _mode_panel("paths without a liquidation, %", modes, "survival"),
        _mode_panel("capital needed, USD", modes, "capital_needed"),
    ]
    return finished({"concat": panels, "columns": 2, "spacing": {"row": 26, "column": 34}})


def _mode_panel(title: str, modes: Sequence[Row], field: str) -> Chart:
    names = [each["mode"] for each in modes]
    is_share = field in ("ruin", "survival")
    rows: list[Row] = []
    for each in modes:
        found = each[field]
        if found is None:
            words, found = "none is enough", 0.0
        else:
            words = kinds.percent(found, 1) if is_share else kinds.short_usd(found)
        rows.append({"mode": each["mode"], "value": number(found), "label": words})
    ends = [0.0, *(row["value"] for row in rows)]
    least, most = min(ends), 1.0 if is_share else max(ends)
    span = (most - least) or 1.0
    bounds = [least - (0.34 * span if least < 0 else 0.0), most + (0.34 * span if most > 0 else 0)]
    y = names_down("mode", names, width=150)
    y["axis"] |= {"ticks": False, "domain": False}
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
    colour = coloured("mode", names, legend=None)
    bars = {"mark": {"type": "bar", "height": 18}, "encoding": {"y": y, "x": x, "color": colour}}
    return {
        "title": title,
        "width": (WIDTH - 220) // 2,
        "height": 30 * len(rows),
        "data": values(rows),
        "layer": [bars, *labels],
    }
