"""Two pictures of a stress test: where buckets are liquidated, and what every shock leaves."""

from fractions import Fraction

from seawall.lab.stress.grid import MoveKind, bucket_name
from seawall.lab.stress.result import StressResult
from seawall.lab.stress.words import direction_text, shock_text
from seawall.lab.stress.words import percent as exact_percent
from seawall.report.charts import (
    GAINS_AND_LOSSES,
    PERCENT_LABEL,
    QUIET,
    Chart,
    Row,
    axis,
    finished,
    palette,
    quantity,
    upright,
    values,
)

FARTHEST = Fraction(1)
"""A move beyond this is left out of the ladder: everything else would be squeezed together."""
ROW_HEIGHT = 40


def ladder_chart(result: StressResult) -> Chart | None:
    """One row for every move, one mark for every bucket that it liquidates; None without any."""
    rows = _rungs(result)
    if not rows:
        return None
    order = list(dict.fromkeys(row["move"] for row in rows))
    names = list(dict.fromkeys(row["bucket"] for row in rows))
    colours = {"domain": names, "range": palette(len(names))}
    x = quantity("percent", axis("move until liquidation, %", label=PERCENT_LABEL))
    y: Row = {
        "field": "move", "type": "nominal", "sort": order,
        "axis": {"title": None, "labelLimit": 260, "grid": True},
    }  # fmt: skip
    colour: Row = {
        "field": "bucket", "type": "nominal", "scale": colours, "legend": {"title": "bucket"},
    }  # fmt: skip
    marks: Row = {"type": "point", "filled": True, "size": 130, "opacity": 1}
    above = [row for row in rows if names.index(row["bucket"]) % 2 == 0]
    below = [row for row in rows if names.index(row["bucket"]) % 2]
    content: Chart = {
        "layer": [
            {"data": values(rows), "mark": marks, "encoding": {"x": x, "y": y, "color": colour}},
            # Marks that lie close keep their numbers apart.
            _labels(above, -12, x, y),
            _labels(below, 14, x, y),
            upright(0, "now", QUIET),
        ]
    }
    return finished(content, height=ROW_HEIGHT * max(3, len(order)) + 20)


def _labels(rows: list[Row], shift: int, x: Row, y: Row) -> Chart:
    """Numbers beside the marks, ``shift`` pixels down."""
    return {
        "data": values(rows),
        "mark": {"type": "text", "dy": shift, "fontSize": 11},
        "encoding": {"x": x, "y": y, "text": {"field": "words"}},
    }


def _rungs(result: StressResult) -> list[Row]:
    valuation = result.valuation
    rows: list[Row] = []
    for line in result.lines:
        if line.size is not None:
            _add(rows, valuation.instruments[line.market].name,
                 bucket_name(valuation, line.bucket), line.size)  # fmt: skip
    for each in result.joint:
        is_against = each.edge.move.kind == MoveKind.AGAINST
        name = each.edge.move.name
        if not is_against:
            name += f", {direction_text(each.edge)}"
        for bucket, edge in each.by_bucket.items():
            if edge.over is not None:
                size = -edge.over if is_against else edge.over
                _add(rows, name, bucket_name(valuation, bucket), size)
    return rows


def _add(rows: list[Row], move: str, bucket: str, size: Fraction) -> None:
    if abs(size) <= FARTHEST:
        share = float(100 * size)
        rows.append(
            {"move": move, "bucket": bucket, "percent": share, "words": exact_percent(size, 1)}
        )


def shock_chart(result: StressResult) -> Chart:
    """Moves by sizes, coloured by the change of equity; crosses where something is liquidated."""
    rows = []
    for cell in result.cells:
        change = -cell.lost / cell.before if cell.before > 0 else 0.0
        rows.append(
            {
                "move": cell.move.name,
                "shock": shock_text(cell.size),
                "change": max(-1.0, min(1.0, change)),
                "words": ("✕ " if cell.liquidated else "") + f"{100 * change:+.0f} %",
                "is_dark": abs(change) > 0.75,
            }
        )
    x: Row = {
        "field": "shock", "type": "nominal",
        "sort": [shock_text(size) for size in sorted(result.sizes)],
        "axis": {"title": "move of the price", "labelAngle": 0, "grid": False},
    }  # fmt: skip
    y: Row = {
        "field": "move", "type": "nominal", "sort": [move.name for move in result.moves],
        "axis": {"title": None, "labelLimit": 260, "grid": False},
    }  # fmt: skip
    colour: Row = {
        "field": "change", "type": "quantitative",
        "scale": {"domain": [-1, 1], "range": GAINS_AND_LOSSES, "interpolate": "rgb"},
        "legend": {
            "title": "change of equity, %", "gradientLength": 240, "values": [-1, -0.5, 0, 0.5, 1],
            "labelExpr": "format(100 * datum.value, '+d')",
        },
    }  # fmt: skip
    text: Row = {"condition": {"test": "datum.is_dark", "value": "white"}, "value": "#1f2933"}
    content: Chart = {
        "layer": [
            {
                "data": values(rows),
                "mark": {"type": "rect", "stroke": "white", "strokeWidth": 2},
                "encoding": {"x": x, "y": y, "color": colour},
            },
            {
                "data": values(rows),
                "mark": {"type": "text", "fontSize": 11},
                "encoding": {"x": x, "y": y, "text": {"field": "words"}, "color": text},
            },
        ]
    }
    return finished(content, height=ROW_HEIGHT * max(2, len(result.moves)) + 20)
