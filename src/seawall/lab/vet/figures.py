"""Pictures of a vetted venue: depth and spread over time, and what sizes cost."""

from collections.abc import Sequence

import numpy as np

from seawall.lab.arrays import Floats, Integers
from seawall.lab.vet.book import BANDS_BP, OPEN
from seawall.lab.vet.measures import PhaseFigures
from seawall.lab.vet.tape import AFTER, CALM, STORM, Tape
from seawall.report.charts import (
    CHOSEN,
    CROSS_COLOUR,
    LIQUIDATION,
    MARKET_COLOURS,
    MONEY_LABEL,
    MOST_POINTS,
    Chart,
    Row,
    axis,
    columns,
    finished,
    line,
    logarithmic,
    named,
    quantity,
    round_numbers,
    series,
    upright,
)

HEIGHT = 280
LOWEST_BP = 0.001
COLOURS = {CALM: CROSS_COLOUR, STORM: LIQUIDATION, AFTER: MARKET_COLOURS[1]}
LONG_MS = 600_000


def _grid(tape: Tape) -> tuple[Floats, Integers]:
    """Evenly spaced times (minutes or seconds since the begin) and the look that stood then."""
    times = np.linspace(tape.begin_ms, tape.end_ms, MOST_POINTS)
    rows = np.searchsorted(tape.samples.times_ms, times, side="right") - 1
    return (times - tape.begin_ms) / _unit(tape)[0], rows


def _unit(tape: Tape) -> tuple[float, str]:
    """Milliseconds of a unit of the axis of time, and its name."""
    is_long = tape.end_ms - tape.begin_ms > LONG_MS
    return (60_000.0, "minutes") if is_long else (1_000.0, "seconds")


def _over_time(tape: Tape, lines: Chart) -> Chart:
    """Lines that stand until the next point, and where the storm begins and ends."""
    unit_ms, unit = _unit(tape)
    time = axis(f"{unit} since the begin", ticks=8, grid=False)
    lines["encoding"]["x"] = quantity("time", time, scale={"nice": False})
    lines["mark"] |= {"interpolate": "step-after", "strokeWidth": 1.3}
    starts = [(phase, tape.phases[phase][0][0]) for phase in (STORM, AFTER) if phase in tape.phases]
    marks = [
        upright((start - tape.begin_ms) / unit_ms, phase, CHOSEN, row=row)
        for row, (phase, start) in enumerate(starts)
    ]
    return finished({"layer": [lines, *marks]}, height=HEIGHT)


def depth_chart(tape: Tape) -> Chart:
    """USD within the nearest band over time, bids and asks."""
    times, rows = _grid(tape)
    depth = tape.samples.depth[rows, :, 0]
    names = ["bids", "asks"]
    data: list[Row] = []
    for side, name in enumerate(names):
        data += series(name, time=times, usd=depth[:, side])
    words = f"USD within {BANDS_BP[0]} bp of the middle"
    y = quantity("usd", axis(words, label=MONEY_LABEL), scale={"zero": True})
    return _over_time(tape, named(data, {}, y, names))


def spread_chart(tape: Tape) -> Chart:
    """Spread in bp over time, logarithmic; a gap where there was no usable book."""
    times, rows = _grid(tape)
    spread = np.where(tape.samples.state == OPEN, tape.samples.spread_bp, np.nan)[rows]
    data = columns(time=times, bp=np.maximum(spread, LOWEST_BP))
    known = np.maximum(spread[np.isfinite(spread)], LOWEST_BP)
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.1, 1.0)
    y = logarithmic("bp", low, high, "spread, bp", format=",~g")
    return _over_time(tape, line(data, {}, y))


def slippage_chart(phases: Sequence[PhaseFigures]) -> Chart:
    """Mean slippage of a market order over its size, one line for each phase."""
    data: list[Row] = []
    names = []
    for phase in phases:
        held = [each for each in phase.costs if each.held > 0]
        if held:
            names.append(phase.phase)
            bp = [max(LOWEST_BP, (each.buy + each.sell) / 2) for each in held]
            data += series(phase.phase, usd=[each.usd for each in held], bp=bp)
    shown = [row["bp"] for row in data] or [0.1, 1.0]
    ends = [each.usd for phase in phases for each in phase.costs]
    x = quantity(
        "usd",
        axis("size, USD", label=MONEY_LABEL, values=round_numbers(min(ends), max(ends), (1, 3))),
        scale={"type": "log", "nice": False},
    )
    words = "slippage, mean of buying and selling, bp"
    y = logarithmic("bp", min(shown), max(shown), words, format=",~g")
    lines = named(data, x, y, names)
    lines["encoding"]["color"]["scale"]["range"] = [COLOURS[name] for name in names]
    return finished({"layer": [lines]}, height=HEIGHT)
