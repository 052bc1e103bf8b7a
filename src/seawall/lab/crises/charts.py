"""Pictures of the crises: equity by mode, what each crisis leaves, who falls under which rules."""

from collections.abc import Sequence
from typing import Any

from seawall.lab.crises.contrast import Contrast
from seawall.lab.crises.play import Cell
from seawall.report.charts import (
    CROSS_COLOUR,
    INK,
    LIQUIDATION,
    MARKET_COLOURS,
    MONEY_LABEL,
    QUIET,
    WIDTH,
    Chart,
    Row,
    axis,
    finished,
    number,
    palette,
    percent,
    quantity,
    values,
)

_LEFT = ["#b2182b", "#ef8a62", "#fddbc7", "#f7f7f7", "#d1e5f0", "#67a9cf", "#2166ac"]
_DASHES = [[1, 0], [5, 4], [2, 3], [8, 3]]
_ROW = 34


def equity_by_mode(cells: Sequence[Cell]) -> Chart:
    """Equity of the account through one crisis: a panel a rulebook, a colour a mode."""
    modes = list(dict.fromkeys(each.mode for each in cells))
    depths = list(dict.fromkeys(each.depth for each in cells))
    books = list(dict.fromkeys(each.rulebook for each in cells))
    is_long = max(each.line[-1][0] for each in cells) >= 240
    highest = max(usd for each in cells for _, usd in each.line)
    lowest = min(0.0, *(usd for each in cells for _, usd in each.line))
    panels = []
    for place, book in enumerate(books):
        rows: list[Row] = [
            {
                "time": number(minutes / (60 if is_long else 1)),
                "equity": number(usd),
                "mode": each.mode,
                "depth": each.depth,
            }
            for each in cells
            if each.rulebook == book
            for minutes, usd in each.line
        ]
        title = f"{'hours' if is_long else 'minutes'} after the start"
        y_title = "equity, USD" if not place else None
        encoding: Row = {
            "x": quantity("time", axis(title)),
            "y": quantity(
                "equity",
                axis(y_title, label=MONEY_LABEL),
                scale={"domain": [lowest, 1.02 * highest]},
            ),
            "color": _named("mode", modes, palette(len(modes))),
            "strokeDash": _named("depth", depths, [_DASHES[i % 4] for i in range(len(depths))]),
        }
        mark = {"type": "line", "strokeWidth": 2, "clip": True}
        panels.append(
            {
                "title": book,
                "width": _panel_width(len(books)),
                "height": 260,
                "data": values(rows),
                "mark": mark,
                "encoding": encoding,
            }
        )
    return finished({"concat": panels, "columns": 2, "spacing": 30})


def _panel_width(panels: int) -> int:
    return WIDTH - 60 if panels == 1 else (WIDTH - 130) // 2


def _named(field: str, names: Sequence[str], looks: Sequence[Any]) -> Row:
    return {
        "field": field,
        "type": "nominal",
        "title": None,
        "sort": None,
        "scale": {"domain": list(names), "range": list(looks)},
    }


def crisis_heatmap(cells: Sequence[Cell]) -> Chart:
    """The change of equity by crisis and mode: a panel a rulebook, liquidations framed."""
    crises = list(dict.fromkeys(each.crisis for each in cells))
    books = list(dict.fromkeys(each.rulebook for each in cells))
    ways = list(dict.fromkeys(_way(each) for each in cells))
    panels = []
    for book in books:
        rows: list[Row] = [
            {
                "crisis": each.crisis,
                "way": _way(each),
                "value": number(max(-1.0, min(1.0, -each.lost / each.start))),
                "label": percent(-each.lost / each.start, signed=True),
                "liquidated": not each.survives,
            }
            for each in cells
            if each.rulebook == book
        ]
        panels.append(_heat_panel(book, rows, crises, ways))
    # All ways beside each other are wider than a page: one panel below the other.
    return finished({"concat": panels, "columns": 1, "spacing": 26})


def _way(cell: Cell) -> str:
    return f"{cell.mode}, {cell.depth}"


def _heat_panel(book: str, rows: list[Row], crises: Sequence[str], ways: Sequence[str]) -> Chart:
    place: Row = {
        "x": {
            "field": "way", "type": "nominal", "sort": list(ways),
            "axis": {"title": None, "labelAngle": 0, "domain": False, "ticks": False},
        },
        "y": {
            "field": "crisis", "type": "nominal", "sort": list(crises),
            "axis": {"title": None, "domain": False, "ticks": False, "labelLimit": 170},
        },
    }  # fmt: skip
    colour = quantity(
        "value",
        title="change of equity",
        scale={"domain": [-1, 1], "range": _LEFT, "interpolate": "rgb"},
        legend={"format": "+.0%", "gradientLength": 240, "tickCount": 5},
    )
    frame = {
        "datum": "a bucket is liquidated",
        "type": "nominal",
        "title": None,
        "scale": {"domain": ["a bucket is liquidated"], "range": [INK]},
    }
    return {
        "title": book,
        "width": WIDTH - 190,
        "height": _ROW * len(crises),
        "data": values(rows),
        "layer": [
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
                | {
                    "text": {"field": "label"},
                    "color": {
                        "condition": {"test": "abs(datum.value) > 0.75", "value": "white"},
                        "value": INK,
                    },
                },
            },
        ],
    }


def who_falls(contrasts: Sequence[tuple[str, Contrast]]) -> Chart:
    """Of the people, how many are liquidated under both rulebooks, and under one alone."""
    one, other = contrasts[0][1].rulebooks
    names = ["under both", f"under {one} only", f"under {other} only"]
    rows: list[Row] = []
    for label, each in contrasts:
        start = 0.0
        for name, count in zip(names, each.fell, strict=True):
            share = 100 * count / max(1, each.population)
            rows.append(
                {
                    "crisis": label,
                    "who": name,
                    "from": number(start),
                    "to": number(start + share),
                    "label": f"{count:,}" if share >= 3 else "",
                    "middle": number(start + share / 2),
                }
            )
            start += share
    y = {
        "field": "crisis", "type": "nominal", "sort": None,
        "axis": {"title": None, "ticks": False, "domain": False, "labelLimit": 220},
    }  # fmt: skip
    x_axis = axis("accounts of the population, %; the numbers are accounts")
    bars = {
        "mark": {"type": "bar", "height": 20},
        "encoding": {
            "y": y,
            "x": quantity("from", x_axis, scale={"domainMin": 0}),
            "x2": {"field": "to"},
            "color": _named("who", names, [QUIET, CROSS_COLOUR, MARKET_COLOURS[0]]),
        },
    }
    labels = {
        "mark": {"type": "text", "baseline": "middle", "fill": "white"},
        "encoding": {"y": y, "x": quantity("middle"), "text": {"field": "label"}},
    }
    return finished({"data": values(rows), "layer": [bars, labels]}, height=_ROW * len(contrasts))


def lost_by_people(cells: Sequence[Cell]) -> Chart:
    """What of the people's positions went to the book, the backstop and to winners, by rulebook."""
    parts = ["sold to the book", "taken by the backstop", "closed against winners"]
    rows: list[Row] = []
    for each in cells:
        start = 0.0
        amounts = (each.sold_to_book, each.taken_over, each.deleveraged)
        for name, amount in zip(parts, amounts, strict=True):
            rows.append(
                {
                    "cell": f"{each.crisis}, {each.rulebook}, {each.depth}",
                    "part": name,
                    "from": number(start),
                    "to": number(start + amount),
                }
            )
            start += amount
    cells_named = list(dict.fromkeys(row["cell"] for row in rows))
    y = {
        "field": "cell", "type": "nominal", "sort": cells_named,
        "axis": {"title": None, "ticks": False, "domain": False, "labelLimit": 300},
    }  # fmt: skip
    return finished(
        {
            "data": values(rows),
            "mark": {"type": "bar", "height": 18},
            "encoding": {
                "y": y,
                "x": quantity("from", axis("notional, USD", label=MONEY_LABEL)),
                "x2": {"field": "to"},
                "color": _named("part", parts, [CROSS_COLOUR, MARKET_COLOURS[2], LIQUIDATION]),
            },
        },
        height=_ROW * len(cells_named),
    )
