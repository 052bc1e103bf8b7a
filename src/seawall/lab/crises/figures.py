"""Pictures of crises: equity by mode, and what each crisis leaves."""

from collections.abc import Iterator, Sequence
from typing import Any

from seawall.lab.crises.crisis import Crisis
from seawall.lab.crises.trial import Outcome
from seawall.report.charts import (
    CELL_INK,
    CELL_INK_ON_DARK,
    GAINS_AND_LOSSES,
    INK,
    MONEY_LABEL,
    WIDTH,
    Chart,
    Row,
    axis,
    finished,
    number,
    palette,
    quantity,
    values,
)
from seawall.report.findings import Figure
from seawall.report.kinds import percent

_DASHES = [[1, 0], [5, 4], [2, 3], [8, 3]]
_ROW = 34
_HOURS_FROM = 240
"""Minutes."""
_FRAMED = "a bucket is liquidated"


def account_figures(crises: Sequence[Crisis], outcomes: Sequence[Outcome]) -> Iterator[Figure]:
    """Equity through each crisis, then what each leaves."""
    for crisis in crises:
        yield Figure(
            title=f"Equity through {crisis.title}",
            chart=_equity([each for each in outcomes if each.crisis == crisis.name]),
            alt="lines of the account's equity over time, one colour a margin mode, dashed by "
            "depth",
            note=crisis.about,
        )
    yield Figure(
        title="What each crisis leaves, by mode",
        chart=_changes(outcomes),
        alt="cells of the change of equity by crisis, mode and depth; liquidations are framed",
    )


def _equity(outcomes: Sequence[Outcome]) -> Chart:
    """A panel a rulebook, a colour a mode, a dash a depth."""
    modes = list(dict.fromkeys(each.mode for each in outcomes))
    depths = list(dict.fromkeys(each.depth for each in outcomes))
    books = list(dict.fromkeys(each.rulebook for each in outcomes))
    in_hours = max(each.line[-1][0] for each in outcomes) >= _HOURS_FROM
    levels = [usd for each in outcomes for _, usd in each.line]
    dashes = [_DASHES[place % len(_DASHES)] for place in range(len(depths))]
    x = quantity("time", axis(f"{'hours' if in_hours else 'minutes'} after the start"))
    scale = {"domain": [min(0.0, *levels), 1.02 * max(levels)]}
    panels: list[Chart] = []
    for book in books:
        rows: list[Row] = [
            {
                "time": number(minutes / (60 if in_hours else 1)), "equity": number(usd),
                "mode": each.mode, "depth": each.depth,
            }
            for each in outcomes
            if each.rulebook == book
            for minutes, usd in each.line
        ]  # fmt: skip
        y_axis = axis(None if panels else "equity, USD", label=MONEY_LABEL)
        panels.append(
            {
                "title": book,
                "width": WIDTH - 60 if len(books) == 1 else (WIDTH - 130) // 2,
                "height": 260,
                "data": values(rows),
                "mark": {"type": "line", "strokeWidth": 2, "clip": True},
                "encoding": {
                    "x": x,
                    "y": quantity("equity", y_axis, scale=scale),
                    "color": _named("mode", modes, palette(len(modes))),
                    "strokeDash": _named("depth", depths, dashes),
                },
            }
        )
    return finished({"concat": panels, "columns": 2, "spacing": 30})


def _changes(outcomes: Sequence[Outcome]) -> Chart:
    """The change of equity by crisis and mode: a panel a rulebook, liquidations framed."""
    rows: list[Row] = [
        {
            "rulebook": each.rulebook,
            "crisis": each.crisis,
            "mode": f"{each.mode}, {each.depth}",
            "value": number(max(-1.0, min(1.0, -each.lost / each.start))),
            "label": percent(-each.lost / each.start, 1, signed=True),
            "liquidated": bool(each.liquidated),
        }
        for each in outcomes
    ]
    place: Row = {
        # Mode and depth below each other: beside each other they would not fit above a cell.
        "x": _names(
            "mode",
            list(dict.fromkeys(row["mode"] for row in rows)),
            labelAngle=0,
            labelExpr="split(datum.label, ', ')",
        ),
        "y": _names("crisis", list(dict.fromkeys(row["crisis"] for row in rows)), labelLimit=170),
    }
    colour = quantity(
        "value",
        title="change of equity",
        scale={"domain": [-1, 1], "range": GAINS_AND_LOSSES, "interpolate": "rgb"},
        legend={"format": "+.0%", "gradientLength": 240, "values": [-1, 0, 1]},
    )
    is_dark = {"test": "abs(datum.value) > 0.75", "value": CELL_INK_ON_DARK}
    frame = _named("datum", [_FRAMED], [INK]) | {"datum": _FRAMED}
    del frame["field"]
    layers = [
        {
            "mark": {"type": "rect", "stroke": "white", "strokeWidth": 3},
            "encoding": place | {"color": colour},
        },
        {
            "transform": [{"filter": "datum.liquidated"}],
            "mark": {"type": "rect", "filled": False, "strokeWidth": 2},
            "encoding": place | {"stroke": frame},
        },
        {
            "mark": {"type": "text", "baseline": "middle"},
            "encoding": place
            | {"text": {"field": "label"}, "color": {"condition": is_dark, "value": CELL_INK}},
        },
    ]
    panels = [
        {
            "title": book,
            "width": WIDTH - 190,
            "height": _ROW * len({each.crisis for each in outcomes}),
            "data": values([row for row in rows if row["rulebook"] == book]),
            "layer": layers,
        }
        for book in dict.fromkeys(each.rulebook for each in outcomes)
    ]
    # All modes and depths beside each other are wider than a page: one panel below the other.
    return finished({"concat": panels, "columns": 1, "spacing": 26})


def _names(field: str, names: Sequence[str], **more: Any) -> Row:
    """A channel of names along an axis, in order."""
    look = {"title": None, "ticks": False, "domain": False} | more
    return {"field": field, "type": "nominal", "sort": list(names), "axis": look}


def _named(field: str, names: Sequence[str], looks: Sequence[Any]) -> Row:
    """A channel of names distinguished by their look."""
    return {
        "field": field,
        "type": "nominal",
        "title": None,
        "sort": None,
        "scale": {"domain": list(names), "range": list(looks)},
    }
