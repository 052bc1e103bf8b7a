"""The picture of a rehearsal: prices, equity and margin ratio over time, and what happened when.

Made by Altair and vl-convert without a browser and without a network. Times are UTC.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.domain.events import CROSS_POOL
from seawall.domain.units import MICRO
from seawall.lab.rehearse.rehearsal import Rehearsal
from seawall.lab.rehearse.wording import bucket_name
from seawall.lab.simulation.incidents import Incident, IncidentKind
from seawall.report.charts import CROSS_COLOUR, GRID, INK, MARKET_COLOURS, QUIET

WIDTH = 920
POINTS = 1_200
"""More would be finer than the picture."""
RATIO_TOP = 150.0
"""Percent; beyond it only the fact matters."""

MARKERS: dict[IncidentKind, tuple[str, str, str]] = {
    IncidentKind.MARGIN_WARNING: ("margin warning", "circle", "#f0b429"),
    IncidentKind.PARTLY_LIQUIDATED: ("liquidated in part", "triangle-down", "#e8590c"),
    IncidentKind.LIQUIDATED: ("liquidated", "triangle-down", "#c92a2a"),
    IncidentKind.BACKSTOP: ("taken by the backstop", "square", "#5f3dc4"),
    IncidentKind.DELEVERAGED_LOSER: ("loss deleveraged", "cross", "#862e9c"),
    IncidentKind.DELEVERAGED_WINNER: ("profit deleveraged away", "diamond", "#0b7285"),
    IncidentKind.ORDER_FILLED: ("own order filled", "triangle-up", "#2b8a3e"),
}
"""Legend text, shape and colour of what is marked."""


def write_picture(result: Rehearsal, target: Path, subtitle: str = "") -> None:
    """Draw the rehearsal as PNG. OSError if the file cannot be written."""
    import vl_convert

    chart = rehearsal_chart(result, subtitle)
    target.write_bytes(vl_convert.vegalite_to_png(chart.to_json(), scale=2.0))


def rehearsal_chart(result: Rehearsal, subtitle: str = "") -> Any:
    """The three panels as one Altair chart."""
    import altair as alt

    alt.data_transformers.disable_max_rows()
    chosen = _thinned(result)
    panels = [
        _prices(alt, result, chosen),
        _equity(alt, result, chosen),
        _ratios(alt, result, chosen),
    ]
    title = alt.TitleParams(
        text=f"{result.name} through {_path_words(result)}",
        subtitle=subtitle,
        anchor="start",
        fontSize=19,
        subtitleFontSize=13,
        subtitleColor=QUIET,
        color=INK,
        offset=14,
        subtitlePadding=6,
    )
    return (
        alt.vconcat(*panels, spacing=16)
        .resolve_scale(color="independent", shape="independent")
        .properties(title=title, background="white", padding=18)
        .configure_view(strokeWidth=0)
        .configure_axis(
            labelColor=QUIET, titleColor=INK, gridColor=GRID, domainColor=GRID, tickColor=GRID,
            labelFontSize=12, titleFontSize=12, titleFontWeight="normal",
        )
        .configure_legend(
            labelColor=INK, titleColor=QUIET, labelFontSize=12, titleFontSize=12,
            symbolStrokeWidth=2.5, orient="right", offset=12,
        )
    )  # fmt: skip


def _path_words(result: Rehearsal) -> str:
    name = result.path.name
    return name if "." not in name else f"the path {name}"


def _prices(alt: Any, result: Rehearsal, chosen: NDArray[np.int64]) -> Any:
    rows = []
    names = [instrument.name for instrument in result.instruments]
    for market, name in enumerate(names):
        marks = result.series.mark[market]
        change = (marks / marks[0] - 1.0) * 100
        rows += [
            {"time": _iso(result, i), "market": name, "change": round(float(change[i]), 4)}
            for i in chosen
        ]
    title = f"{'oracle' if result.in_blocks else 'mark'} price since start, %"
    return (
        alt.Chart(alt.Data(values=rows))
        .mark_line(strokeWidth=1.8, clip=True)
        .encode(
            x=_time(alt, result, labels=False),
            y=alt.Y("change:Q", title=title, axis=_axis(alt, 5)),
            color=alt.Color(
                "market:N",
                title="market",
                scale=alt.Scale(domain=names, range=_colours(result, list(range(len(names))))),
            ),
        )
        .properties(width=WIDTH, height=150)
    )


def _equity(alt: Any, result: Rehearsal, chosen: NDArray[np.int64]) -> Any:
    total = result.series.total_equity / MICRO
    held = result.untouched_equity
    rows = [
        {
            "time": _iso(result, i),
            "equity": round(float(total[i]), 2),
            "held": round(float(held[i]), 2),
        }
        for i in chosen
    ]
    base = alt.Chart(alt.Data(values=rows))
    x = _time(alt, result, labels=False)
    y = alt.Y("equity:Q", title="account equity, USD", axis=_axis(alt, 5, ",.6~g"))
    layers = [
        base.mark_area(color=CROSS_COLOUR, opacity=0.10, clip=True).encode(x=x, y=y),
        base.mark_line(color=QUIET, strokeWidth=1.5, strokeDash=[5, 4], clip=True).encode(
            x=x, y="held:Q"
        ),
        base.mark_line(color=INK, strokeWidth=2, clip=True).encode(x=x, y=y),
    ]
    if abs(held[-1] - total[-1]) > 0.02 * total.max():
        # Above the highest point of the stretch that the words cover.
        height = float(held[-max(1, len(held) // 5) :].max())
        last = alt.Chart(alt.Data(values=[{**rows[-1], "held": height}]))
        layers.append(
            last.mark_text(
                text="the same positions, had nobody closed them", align="right",
                dx=-4, dy=-9, color=QUIET, fontSize=11,
            ).encode(x=x, y="held:Q")
        )  # fmt: skip
    marks = _marker_rows(result, total)
    if marks:
        layers.append(_markers(alt, result, marks, "equity:Q"))
    return alt.layer(*layers).properties(width=WIDTH, height=230)


def _marker_rows(result: Rehearsal, total: NDArray[np.float64]) -> list[dict[str, Any]]:
    """One marker for each kind, bucket and bit of time: what lies on top of each other is one."""
    times = result.series.times_ms
    apart = max(1, int(times[-1] - times[0]) // 120)
    rows: list[dict[str, Any]] = []
    last: dict[tuple[IncidentKind, int], int] = {}
    free_from = 0
    for incident in result.incidents:
        key = (incident.kind, incident.market)
        if incident.kind not in MARKERS:
            continue
        if key in last and incident.time_ms - last[key] < apart:
            continue
        last[key] = incident.time_ms
        number = int(np.searchsorted(times, incident.time_ms))
        rows.append(
            {
                "time": _iso(result, number),
                "what": MARKERS[incident.kind][0],
                "equity": round(float(total[number]), 2),
                "label": "",
            }
        )
        # Words that would lie on each other are left out; the report has them all.
        if incident.kind != IncidentKind.MARGIN_WARNING and incident.time_ms >= free_from:
            rows[-1]["label"] = _short(result, incident)
            free_from = incident.time_ms + 8 * apart
    return rows


def _markers(alt: Any, result: Rehearsal, rows: list[dict[str, Any]], y: str) -> Any:
    used = {row["what"] for row in rows}
    styles = [style for style in MARKERS.values() if style[0] in used]
    names = [style[0] for style in styles]
    base = alt.Chart(alt.Data(values=rows))
    words = base.mark_text(align="right", dx=-10, dy=5, fontSize=11, color=INK).encode(
        x=_time(alt, result, labels=False), y=y, text="label:N"
    )
    points = base.mark_point(
        filled=True, size=120, opacity=1, stroke="white", strokeWidth=1
    ).encode(
        x=_time(alt, result, labels=False),
        y=y,
        color=alt.Color(
            "what:N",
            title="what happened",
            scale=alt.Scale(domain=names, range=[style[2] for style in styles]),
        ),
        shape=alt.Shape(
            "what:N",
            title="what happened",
            scale=alt.Scale(domain=names, range=[style[1] for style in styles]),
        ),
    )
    return alt.layer(points, words)


def _ratios(alt: Any, result: Rehearsal, chosen: NDArray[np.int64]) -> Any:
    rows = []
    buckets = [b for b, r in result.series.ratio.items() if not np.isnan(r).all()]
    names = [bucket_name(result, bucket) for bucket in buckets]
    for bucket, name in zip(buckets, names, strict=True):
        ratio = np.minimum(result.series.ratio[bucket] * 100, RATIO_TOP)
        rows += [
            {
                "time": _iso(result, i),
                "bucket": name,
                "ratio": None if np.isnan(ratio[i]) else round(float(ratio[i]), 3),
            }
            for i in chosen
        ]
    x = _time(alt, result, labels=True)
    top = 110.0 if not rows else max(110.0, *(row["ratio"] or 0.0 for row in rows))
    lines = (
        alt.Chart(alt.Data(values=rows))
        .mark_line(strokeWidth=2, clip=True)
        .encode(
            x=x,
            y=alt.Y(
                "ratio:Q",
                title="maintenance margin / equity, %",
                scale=alt.Scale(domain=[0, top]),
                axis=_axis(alt, 6),
            ),
            color=alt.Color(
                "bucket:N",
                title="margin bucket",
                scale=alt.Scale(domain=names, range=_colours(result, buckets)),
            ),
        )
    )
    limits = alt.Chart(
        alt.Data(
            values=[
                {"ratio": 50, "limit": "50 %", "colour": "#f0b429"},
                {"ratio": 80, "limit": "80 %", "colour": "#e8590c"},
                {"ratio": 100, "limit": "100 %: liquidation", "colour": "#c92a2a"},
            ]
        )
    )
    rules = limits.mark_rule(strokeDash=[5, 4], strokeWidth=1.2).encode(
        y="ratio:Q", color=alt.Color("colour:N", scale=None)
    )
    words = limits.mark_text(align="left", dx=4, dy=-6, fontSize=11).encode(
        x=alt.value(0), y="ratio:Q", text="limit:N", color=alt.Color("colour:N", scale=None)
    )
    return (
        alt.layer(rules, lines, words)
        .resolve_scale(color="independent")
        .properties(width=WIDTH, height=210)
    )


def _short(result: Rehearsal, incident: Incident) -> str:
    if incident.market == CROSS_POOL:
        return "cross"
    return result.instruments[incident.market].name


def _colours(result: Rehearsal, buckets: list[int]) -> list[str]:
    return [
        CROSS_COLOUR if bucket == CROSS_POOL else MARKET_COLOURS[bucket % len(MARKET_COLOURS)]
        for bucket in buckets
    ]


def _axis(alt: Any, ticks: int, number_format: str = ",.6~g") -> Any:
    return alt.Axis(tickCount=ticks, format=number_format)


def _time(alt: Any, result: Rehearsal, *, labels: bool) -> Any:
    times = result.series.times_ms
    hours = int(times[-1] - times[0]) / 3_600_000
    style = "%H:%M" if hours <= 30 else "%d %b %H:%M" if hours <= 240 else "%d %b"
    first = datetime.fromtimestamp(int(times[0]) / 1000, UTC)
    title = f"time, UTC, from {first:%d %B %Y}" if labels else None
    axis = alt.Axis(format=style, title=title, labels=labels, ticks=labels, tickCount=10)
    return alt.X("time:T", scale=alt.Scale(type="utc"), axis=axis)


def _iso(result: Rehearsal, number: int) -> str:
    moment = datetime.fromtimestamp(int(result.series.times_ms[number]) / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _thinned(result: Rehearsal) -> NDArray[np.int64]:
    """Step numbers to draw: evenly, and in each piece the extremes of equity and of each ratio."""
    count = len(result.series.times_ms)
    if count <= POINTS:
        return np.arange(count, dtype=np.int64)
    keep: set[int] = {0, count - 1}
    equity = result.series.total_equity
    ratios = [np.nan_to_num(ratio, posinf=1e9) for ratio in result.series.ratio.values()]
    for piece in np.array_split(np.arange(count), POINTS // 4):
        keep |= {int(piece[0]), int(piece[equity[piece].argmin()])}
        keep |= {int(piece[ratio[piece].argmax()]) for ratio in ratios}
    # A line that begins or ends inside a piece must not be bridged over.
    for ratio in result.series.ratio.values():
        gone = np.isnan(ratio)
        edges = np.flatnonzero(gone[1:] != gone[:-1])
        keep |= {int(edge) for edge in edges} | {int(edge) + 1 for edge in edges}
    return np.asarray(sorted(keep), dtype=np.int64)
