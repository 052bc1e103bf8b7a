"""Pictures of many simulated paths: survival, margin, losses and times. Shares are fractions."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import ArrayLike

from seawall.lab.arrays import Floats
from seawall.lab.paths.estimates import Estimate
from seawall.report import kinds
from seawall.report.chart_kinds import FAN_QUANTILES, fan
from seawall.report.charts import (
    CHOSEN,
    CROSS_COLOUR,
    INK,
    LIQUIDATION,
    MONEY_LABEL,
    PERCENT_LABEL,
    QUIET,
    Chart,
    Row,
    axis,
    band,
    columns,
    finished,
    level,
    line,
    quantity,
    upright,
    values,
)
from seawall.report.findings import Figure

if TYPE_CHECKING:
    from seawall.lab.paths.kernels.simulate import MarginFan
    from seawall.lab.paths.question import PathsResult
    from seawall.lab.paths.setup import PathSetup
    from seawall.lab.paths.statistics import PathStatistics

MOST_BARS = 40
MOST_LEVERAGE_TICKS = 12
RATIO_TOP = 150.0
"""Percent; beyond it only the fact matters."""
_ROUND_LEVERAGES = (0.1, 0.2, 0.5, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 75, 100)


class Simulated(Protocol):
    """Paths that were simulated, and the first of them in time."""

    @property
    def setup(self) -> "PathSetup": ...

    @property
    def fan(self) -> "MarginFan": ...


def figures(result: "PathsResult") -> dict[str, list[Figure]]:
    """The figures of a result: ``equity``, ``margin``, ``losses``, ``times``, ``leverages``."""
    return {
        "equity": equity_figures(result),
        "margin": [margin_figure(result)],
        "losses": [loss_figure(result.losses)],
        "times": [time_figure(result.statistics)],
        "leverages": _leverage_figure(result) if len(result.curve) > 1 else [],
    }


def loss_figure(losses: Floats) -> Figure:
    """How often which loss; (n,) USD of every path."""
    return Figure(
        title="How often which loss",
        chart=loss_histogram(losses),
        alt="How many paths end with which loss.",
        note="The outermost bars hold all that lies beyond them.",
    )


def time_figure(statistics: "PathStatistics") -> Figure:
    """How many paths are liquidated by when."""
    return Figure(
        title="Time to liquidation",
        chart=time_to_liquidation(statistics.curve_hours, *_parts(statistics.curve)),
        alt="Share of paths with a liquidation by a time, with its 95 % confidence band.",
    )


def equity_figures(result: Simulated, about: str = "") -> list[Figure]:
    """How equity spreads, and how far it falls from its highest; ``about``: before the notes."""
    found = result.fan
    hours = found.steps * result.setup.step_seconds / 3600
    note = f"{about}Of the first {len(found.equity)} paths, at {len(hours)} moments."
    return [
        Figure(
            title="Equity over time",
            chart=equity_fan(hours, _quantiles(found.equity)),
            alt="Quantiles of the account's equity over time, with its start marked.",
            note=note,
        ),
        Figure(
            title="Drawdown so far",
            chart=drawdown_fan(hours, _quantiles(found.drawdown)),
            alt="Quantiles of the largest fall of equity from its highest so far, over time.",
            note=f"{note} Of the highest equity before, of every step until then.",
        ),
    ]


def _quantiles(values: Floats) -> dict[float, Floats]:
    return {q: np.quantile(values, q, axis=0) for q in FAN_QUANTILES}


def margin_figure(result: Simulated) -> Figure:
    """How near the worst bucket comes to its liquidation."""
    found = result.fan
    hours = found.steps * result.setup.step_seconds / 3600
    return Figure(
        title="How near: margin ratio of the worst bucket",
        chart=ratio_fan(hours, _quantiles(found.ratio)),
        alt="Quantiles of maintenance margin over equity of the worst bucket over time.",
        note=f"Of the first {len(found.ratio)} paths; a closed bucket stays at 100 %.",
    )


def _leverage_figure(result: "PathsResult") -> list[Figure]:
    search = result.search
    # The chosen leverage lies on the curve, not beside it.
    found = None if search is None else search.point
    points = sorted(
        [*result.curve, *([] if found is None else [found])], key=lambda point: point.leverage
    )
    return [
        Figure(
            title="Probability of ruin over leverage",
            chart=leverage_curve(
                [point.leverage for point in points],
                *_parts([point.statistics.ruin for point in points]),
                chosen=None if search is None else search.leverage,
                accepted=None if search is None else search.accepted,
                now=result.leverage,
            ),
            alt="Probability of losing the risk capital over leverage, with its 95 % confidence "
            "band.",
        )
    ]


def _parts(estimates: Sequence[Estimate]) -> tuple[list[float], list[float], list[float]]:
    """Values, low and high ends."""
    value, low, high = zip(*estimates, strict=True)
    return list(value), list(low), list(high)


def leverage_curve(
    leverages: Sequence[float],
    probability: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    chosen: float | None = None,
    accepted: float | None = None,
    now: float | None = None,
) -> Chart:
    """Probability of ruin over leverage, with its 95 % confidence band.

    ``chosen``: the leverage that keeps the probability under ``accepted``; ``now``: the account's.
    """
    share = np.asarray(probability, dtype=np.float64)
    rows = columns(
        leverage=np.asarray(leverages, dtype=np.float64),
        share=100 * share,
        low=100 * np.asarray(low, dtype=np.float64),
        high=100 * np.asarray(high, dtype=np.float64),
    )
    is_wide = max(leverages) > 10 * min(leverages)
    frame: Row = {"nice": False, "padding": 12}
    x = quantity(
        "leverage",
        axis(
            "leverage, notional / equity", label="format(datum.value, '.3~g') + 'x'",
            values=_leverage_ticks(leverages, is_wide=is_wide), grid=False,
        ),
        scale={"type": "log", **frame} if is_wide else {"zero": False, **frame},
    )  # fmt: skip
    y = _percent_of_paths("share", "paths that lose the risk capital, %")
    layers = [
        band(rows, x, "low", y | {"field": "high"}, CROSS_COLOUR, 0.18),
        line(rows, x, y, CROSS_COLOUR, clip=False, point={"size": 40, "color": CROSS_COLOUR}),
    ]
    if accepted is not None:
        layers.append(
            level(100 * accepted, f"accepted: {kinds.short_percent(accepted)}", LIQUIDATION)
        )
    if now is not None and min(leverages) < now < max(leverages):
        align = "right" if now > np.median(leverages) else "left"
        layers.append(upright(now, f"now: {kinds.TIMES.text(now)}", QUIET, align=align, row=1))
    if chosen is not None:
        # Words turn back before the right edge.
        align = "right" if chosen > np.median(leverages) else "left"
        layers.append(upright(chosen, f"chosen: {kinds.TIMES.text(chosen)}", CHOSEN, align=align))
    return finished({"layer": layers}, height=300)


def ratio_fan(hours: ArrayLike, quantiles: Mapping[float, ArrayLike]) -> Chart:
    """Maintenance margin over equity as it spreads over time; at 100 % a bucket is liquidated.

    ``quantiles``: by probability, like 0.05, 0.25, 0.5, 0.75 and 0.95, ratios as fractions; pairs
    that mirror each other become bands. An infinite ratio is drawn at the top.
    """
    lines = {
        q: np.clip(100 * np.asarray(ratio, dtype=np.float64), None, RATIO_TOP)
        for q, ratio in quantiles.items()
    }
    top = max([110.0, *(float(np.nanmax(ratio)) for ratio in lines.values())])
    x = quantity("time", axis("time, hours", ticks=8, grid=False), scale={"nice": False})
    y = quantity(
        "high",
        axis(
            "maintenance margin / equity, %",
            label=f"datum.value + (datum.value < {RATIO_TOP:g} ? ' %' : ' % or more')",
            values=list(range(0, int(RATIO_TOP) + 1, 25)),
        ),
        scale={"domain": [0, top], "nice": False},
    )
    layers = fan(lines, hours, x, y, lambda time, high: f"{_hour(time)}: {kinds.ratio(high / 100)}")
    layers.append(level(100, "100 %: liquidation", LIQUIDATION))
    return finished({"layer": layers}, height=300)


def equity_fan(hours: ArrayLike, quantiles: Mapping[float, ArrayLike]) -> Chart:
    """Equity in USD as it spreads over time; ``quantiles``: by probability."""
    x = quantity("time", axis("time, hours", ticks=8, grid=False), scale={"nice": False})
    y = quantity("high", axis("equity, USD", label=MONEY_LABEL), scale={"zero": False})
    start = float(np.asarray(quantiles[0.5], np.float64)[0])
    layers = fan(
        quantiles, hours, x, y, lambda time, usd: f"{_hour(time)}: median {kinds.short_usd(usd)}"
    )
    layers.append(level(start, f"start: {kinds.short_usd(start)}", QUIET))
    return finished({"layer": layers}, height=280)


def drawdown_fan(hours: ArrayLike, quantiles: Mapping[float, ArrayLike]) -> Chart:
    """The largest drawdown so far over time; ``quantiles``: by probability, fractions."""
    x = quantity("time", axis("time, hours", ticks=8, grid=False), scale={"nice": False})
    y = quantity(
        "high", axis("fall from the highest equity, %", label=PERCENT_LABEL),
        scale={"domainMin": 0, "reverse": True},
    )  # fmt: skip
    in_percent = {q: 100 * np.asarray(each, np.float64) for q, each in quantiles.items()}
    layers = fan(
        in_percent, hours, x, y,
        lambda time, found: f"{_hour(time)}: median {kinds.percent(found / 100, 1)}",
    )  # fmt: skip
    return finished({"layer": layers}, height=280)


def loss_histogram(losses: ArrayLike) -> Chart:
    """How often which loss: (n,) USD, one of each path; a gain is a loss below zero.

    What lies outside the central 99.8 % is counted in the outermost bars.
    """
    found = np.asarray(losses, dtype=np.float64)
    marks = {"median": float(np.median(found)), "95 % lose less": float(np.quantile(found, 0.95))}
    low, high = (float(each) for each in np.quantile(found, [0.001, 0.999]))
    low, high = min([low, *marks.values()]), max([high, *marks.values()])
    if low == high:
        low, high = low - 1.0, high + 1.0
    counts, edges = np.histogram(np.clip(found, low, high), bins=MOST_BARS, range=(low, high))
    shares = 100 * counts / max(1, len(found))
    # Room above the bars for the words.
    top = float(shares.max()) * (1.05 + 0.08 * len(marks))
    rows = [
        {"low": float(edges[n]), "high": float(edges[n + 1]), "share": float(each)}
        for n, each in enumerate(shares)
    ]
    x = quantity(
        "low",
        axis("loss, USD (gains below zero)", label=MONEY_LABEL, ticks=8, grid=False),
        scale={"domain": [low, high], "nice": False, "padding": 4},
    )
    bars: Chart = {
        "data": values(rows),
        "mark": {"type": "bar", "color": "#6189bd", "stroke": "white", "strokeWidth": 0.7},
        "encoding": {
            "x": x,
            "x2": {"field": "high"},
            "y": quantity(
                "share",
                axis("share of paths, %", label=PERCENT_LABEL),
                scale={"domain": [0, top], "nice": False},
            ),
            "y2": {"datum": 0},
        },
    }
    layers: list[Chart] = [bars]
    for place, (name, value) in enumerate(marks.items()):
        align = "right" if value > (low + high) / 2 else "left"
        colour = LIQUIDATION if place else INK
        words = f"{name}: {kinds.short_usd(value)}"
        layers.append(upright(value, words, colour, align=align, row=place))
    return finished({"layer": layers}, height=280)


def time_to_liquidation(
    hours: ArrayLike, share: ArrayLike, low: ArrayLike, high: ArrayLike
) -> Chart:
    """Share of paths with a liquidation by a time, with its confidence band."""
    found, least, most = (100 * np.asarray(each, np.float64) for each in (share, low, high))
    rows = columns(time=hours, share=found, low=least, high=most)
    x = quantity("time", axis("time, hours", ticks=8, grid=False), scale={"nice": False})
    y = _percent_of_paths("share", "paths with a liquidation so far, %")
    layers = [
        band(rows, x, "low", y | {"field": "high"}, LIQUIDATION, 0.18),
        line(rows, x, y, LIQUIDATION, interpolate="step-after"),
    ]
    return finished({"layer": layers}, height=260)


def _percent_of_paths(field: str, title: str) -> Row:
    return quantity(field, axis(title, label=PERCENT_LABEL), scale={"zero": True, "nice": True})


def _hour(hours: float) -> str:
    return f"after {kinds.duration(3600 * hours)}"


def _leverage_ticks(given: Sequence[float], *, is_wide: bool) -> list[float]:
    """Round leverages of a wide range; of a narrow one those given, at most so many."""
    if is_wide:
        return [tick for tick in _ROUND_LEVERAGES if min(given) <= tick <= max(given)]
    if len(given) <= MOST_LEVERAGE_TICKS:
        return [float(each) for each in given]
    places = np.unique(np.linspace(0, len(given) - 1, MOST_LEVERAGE_TICKS).astype(np.int64))
    return [float(given[place]) for place in places]
