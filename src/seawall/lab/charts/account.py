"""Pictures of one account as it stands: how far it is from liquidation, and what a move does."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from seawall.lab.charts.style import (
    BACKSTOP,
    INK,
    MONEY_LABEL,
    WIDTH,
    Chart,
    Row,
    axis,
    finished,
    money,
    number,
    palette,
    percent,
    quantity,
    values,
)

PLUS_PERCENT = "(datum.value == 0 ? '0' : format(datum.value, '+.3~g')) + ' %'"
LADDER_END = 100.0
"""Percent; a bar ends here, its words say how far it is."""

_ROW_HEIGHT = 34
_GAINS_AND_LOSSES = ["#b2182b", "#ef8a62", "#fddbc7", "#f7f7f7", "#d1e5f0", "#67a9cf", "#2166ac"]


class Rung(Struct, frozen=True, kw_only=True):
    """One position on the liquidation ladder. Fractions of the price now, below zero for a fall.

    ``distance``: to the liquidation price; None where no price liquidates it. ``backstop``: to the
    price at which the backstop takes its bucket, where there is one. ``price``: the liquidation
    price as text.
    """

    market: str
    bucket: str
    distance: float | None
    price: str = ""
    backstop: float | None = None


class ModeOutcome(Struct, frozen=True, kw_only=True):
    """How one margin mode came through the same paths. USD; losses above zero.

    ``survival``: the share of paths without any liquidation.
    """

    mode: str
    capital: float
    survival: float
    median_loss: float
    worst_loss: float


class ShockCell(Struct, frozen=True, kw_only=True):
    """What a shock of one market does. ``shock``: a fraction; ``value``: what the colour shows."""

    market: str
    shock: float
    value: float
    label: str
    is_liquidated: bool = False


def liquidation_ladder(rungs: Sequence[Rung]) -> Chart:
    """How far each market may move before its bucket is liquidated, one bar each, % from now."""
    names = _unique([rung.market for rung in rungs])
    buckets = list(dict.fromkeys(rung.bucket for rung in rungs))
    rows: list[Row] = [
        {
            "market": name,
            "bucket": rung.bucket,
            "distance": _on_ladder(rung.distance or 0.0),
            "label": _rung_words(rung),
            "backstop": None if rung.backstop is None else _on_ladder(rung.backstop),
        }
        for name, rung in zip(names, rungs, strict=True)
    ]
    y = {
        "field": "market",
        "type": "nominal",
        "sort": None,
        "axis": {"title": None, "ticks": False, "domain": False, "labelLimit": 200},
    }
    x = quantity(
        "distance",
        axis("move of the price from now to the liquidation price, %", label=PLUS_PERCENT, ticks=8),
        scale={"domain": _room_for_words(rows), "nice": False},
    )
    colour = {
        "field": "bucket",
        "type": "nominal",
        "title": None,
        "scale": {"domain": buckets, "range": palette(len(buckets))},
    }
    bars = {"mark": {"type": "bar", "height": 18}, "encoding": {"y": y, "x": x, "color": colour}}
    layers: list[Chart] = [bars, *(_rung_labels(y, x, side) for side in ("left", "right"))]
    if any(rung.backstop is not None for rung in rungs):
        layers.append(
            {
                "transform": [{"filter": "isValid(datum.backstop)"}],
                "mark": {"type": "tick", "thickness": 3, "height": 26, "color": BACKSTOP},
                "encoding": {
                    "y": y,
                    "x": x | {"field": "backstop"},
                    "stroke": {
                        "datum": "the backstop takes it",
                        "type": "nominal",
                        "scale": {"domain": ["the backstop takes it"], "range": [BACKSTOP]},
                        "title": None,
                        "legend": {"symbolType": "stroke"},
                    },
                },
            }
        )
    layers.append({"mark": {"type": "rule", "color": INK}, "encoding": {"x": {"datum": 0}}})
    return finished({"data": values(rows), "layer": layers}, height=_ROW_HEIGHT * len(rows))


def _on_ladder(distance: float) -> float:
    return max(-LADDER_END, min(LADDER_END, 100 * distance))


def _unique(names: Sequence[str]) -> list[str]:
    """A market held twice, in two buckets, has two bars."""
    seen: dict[str, int] = {}
    made = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        made.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return made


def _rung_words(rung: Rung) -> str:
    if rung.distance is None:
        return "no price liquidates it"
    words = percent(rung.distance, signed=True)
    return f"{words} at {rung.price}" if rung.price else words


def _room_for_words(rows: Sequence[Row]) -> list[float]:
    """The axis, with space for the words at the bars' ends."""
    ends = [row["distance"] for row in rows]
    ends += [row["backstop"] for row in rows if row["backstop"] is not None]
    low, high = min(0.0, *ends, 0.0), max(0.0, *ends, 0.0)
    span = (high - low) or 10.0
    left = any(row["distance"] < 0 for row in rows)
    right = any(row["distance"] >= 0 for row in rows)
    return [low - (0.32 * span if left else 0.0), high + (0.32 * span if right else 0.0)]


def _rung_labels(y: Row, x: Row, side: str) -> Chart:
    """Words beyond the end of the bar, or of the backstop's tick where it lies further out."""
    falls = side == "left"
    further = "min" if falls else "max"
    end = f"isValid(datum.backstop) ? {further}(datum.distance, datum.backstop) : datum.distance"
    return {
        "transform": [
            {"filter": f"datum.distance {'<' if falls else '>='} 0"},
            {"calculate": end, "as": "end"},
        ],
        "mark": {
            "type": "text",
            "align": "right" if falls else "left",
            "dx": -7 if falls else 7,
            "baseline": "middle",
        },
        "encoding": {"y": y, "x": x | {"field": "end"}, "text": {"field": "label"}},
    }


def mode_bars(outcomes: Sequence[ModeOutcome]) -> Chart:
    """Margin modes side by side on the same paths: capital, survival, median and worst loss."""
    panels = [
        _mode_panel("capital needed, USD", outcomes, "capital"),
        _mode_panel("paths without a liquidation, %", outcomes, "survival"),
        _mode_panel("median loss, USD", outcomes, "median_loss"),
        _mode_panel("worst loss, USD", outcomes, "worst_loss"),
    ]
    return finished({"concat": panels, "columns": 2, "spacing": {"row": 26, "column": 34}})


def _mode_panel(title: str, outcomes: Sequence[ModeOutcome], field: str) -> Chart:
    names = [each.mode for each in outcomes]
    is_share = field == "survival"
    rows: list[Row] = []
    for each in outcomes:
        found = getattr(each, field)
        words = percent(found) if is_share else money(found)
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


def shock_heatmap(cells: Sequence[ShockCell], title: str = "change of equity, USD") -> Chart:
    """What each shock of each market does: losses red, gains blue, liquidations framed."""
    markets = list(dict.fromkeys(cell.market for cell in cells))
    shocks = sorted({cell.shock for cell in cells})
    rows: list[Row] = [
        {
            "market": cell.market,
            "shock": _shock_words(cell.shock),
            "value": number(cell.value),
            "label": cell.label,
            "liquidated": cell.is_liquidated,
        }
        for cell in cells
    ]
    most = max([abs(row["value"]) for row in rows if row["value"] is not None] or [1.0]) or 1.0
    place: Row = {
        "x": {
            "field": "shock",
            "type": "nominal",
            "sort": [_shock_words(shock) for shock in shocks],
            "axis": {"title": "move of the price", "labelAngle": 0, "domain": False,
                     "ticks": False},
        },
        "y": {
            "field": "market",
            "type": "nominal",
            "sort": markets,
            "axis": {"title": None, "domain": False, "ticks": False, "labelLimit": 200},
        },
    }  # fmt: skip
    colour = quantity(
        "value",
        title=title,
        scale={"domain": [-most, most], "range": _GAINS_AND_LOSSES, "interpolate": "rgb"},
        legend={"labelExpr": MONEY_LABEL, "gradientLength": 300, "tickCount": 4},
    )
    return finished(
        {
            "data": values(rows),
            "layer": [
                {
                    "mark": {"type": "rect", "stroke": "white", "strokeWidth": 3},
                    "encoding": place | {"color": colour},
                },
                _frames(place),
                _cell_words(place, most),
            ],
        },
        height=44 * len(markets),
    )


def _shock_words(shock: float) -> str:
    return f"{100 * shock:+.4g} %".replace("-", "−")


def _frames(place: Mapping[str, Any]) -> Chart:
    return {
        "transform": [{"filter": "datum.liquidated"}],
        "mark": {"type": "rect", "filled": False, "strokeWidth": 2.5},
        "encoding": {
            **place,
            "stroke": {
                "datum": "a bucket is liquidated",
                "type": "nominal",
                "title": None,
                "scale": {"domain": ["a bucket is liquidated"], "range": [INK]},
            },
        },
    }


def _cell_words(place: Mapping[str, Any], most: float) -> Chart:
    """White where the cell is dark."""
    return {
        "mark": {"type": "text", "baseline": "middle"},
        "encoding": {
            **place,
            "text": {"field": "label"},
            "color": {
                "condition": {"test": f"abs(datum.value) > {0.75 * most}", "value": "white"},
                "value": INK,
            },
        },
    }
