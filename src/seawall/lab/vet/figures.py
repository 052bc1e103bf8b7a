"""Pictures of a vetted venue: depth and spread over time, and what sizes cost."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.lab.vet.book import BANDS_BP, OPEN, Floats
from seawall.lab.vet.measures import PhaseFigures
from seawall.lab.vet.tape import AFTER, CALM, STORM, Tape
from seawall.report.charts import (
    CHOSEN,
    CROSS_COLOUR,
    LIQUIDATION,
    MARKET_COLOURS,
    MONEY_LABEL,
    Chart,
    axis,
    columns,
    finished,
    line,
    named,
    quantity,
    upright,
)

POINTS = 400
HEIGHT = 280
LOWEST_BP = 0.001
COLOURS = {CALM: CROSS_COLOUR, STORM: LIQUIDATION, AFTER: MARKET_COLOURS[1]}
LONG_MS = 600_000


def _grid(tape: Tape) -> tuple[Floats, NDArray[np.int64]]:
    """Evenly spaced times (minutes or seconds since the begin) and the look that stood then."""
    times = np.linspace(tape.begin_ms, tape.end_ms, POINTS)
    rows = np.searchsorted(tape.samples.times_ms, times, side="right") - 1
    return (times - tape.begin_ms) / _unit_ms(tape), rows


def _unit_ms(tape: Tape) -> float:
    return 60_000.0 if tape.end_ms - tape.begin_ms > LONG_MS else 1_000.0


def _time_axis(tape: Tape) -> Any:
    unit = "minutes" if _unit_ms(tape) > 1_000 else "seconds"
    return quantity("time", axis(f"{unit} since the begin", ticks=8, grid=False), scale={"nice": 0})


def _marks(tape: Tape) -> list[Chart]:
    """Where the storm begins and ends."""
    made = []
    for row, (phase, words) in enumerate(((STORM, "storm"), (AFTER, "after"))):
        for first, _ in tape.phases.get(phase, ())[:1]:
            place = (first - tape.begin_ms) / _unit_ms(tape)
            made.append(upright(place, words, CHOSEN, row=row))
    return made


def depth_chart(tape: Tape) -> Chart:
    """USD within the nearest band over time, bids and asks."""
    times, rows = _grid(tape)
    depth = tape.samples.depth[rows, :, 0]
    data = []
    for side, name in enumerate(("bids", "asks")):
        data += [row | {"name": name} for row in columns(time=times, usd=depth[:, side])]
    y = quantity(
        "usd", axis(f"USD within {BANDS_BP[0]} bp of the middle", label=MONEY_LABEL),
        scale={"zero": True},
    )  # fmt: skip
    lines = named(data, _time_axis(tape), y, ["bids", "asks"])
    lines["mark"] |= {"interpolate": "step-after", "strokeWidth": 1.3}
    return finished({"layer": [lines, *_marks(tape)]}, height=HEIGHT)


def spread_chart(tape: Tape) -> Chart:
    """Spread in bp over time, logarithmic; a gap where there was no usable book."""
    times, rows = _grid(tape)
    spread = np.where(tape.samples.state == OPEN, tape.samples.spread_bp, np.nan)[rows]
    data = columns(time=times, bp=np.maximum(spread, LOWEST_BP))
    known = spread[np.isfinite(spread)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.1, 1.0)
    y = quantity(
        "bp",
        axis("spread, bp", format=",~g", ticks=5),
        scale={"type": "log", "nice": True, "domain": [max(LOWEST_BP, low) * 0.8, high * 1.25]},
    )
    layers = [line(data, _time_axis(tape), y, interpolate="step-after", strokeWidth=1.3)]
    return finished({"layer": [*layers, *_marks(tape)]}, height=HEIGHT)


def slippage_chart(phases: Sequence[PhaseFigures]) -> Chart:
    """Mean slippage of a market order over its size, one line for each phase."""
    data = []
    shown: list[float] = []
    names = []
    for phase in phases:
        held = [each for each in phase.costs if each.held > 0]
        cost = np.asarray([max(LOWEST_BP, (each.buy + each.sell) / 2) for each in held])
        if not len(held):
            continue
        names.append(phase.phase)
        shown += cost.tolist()
        sizes = np.asarray([each.usd for each in held])
        data += [row | {"name": phase.phase} for row in columns(usd=sizes, bp=cost)]
    low, high = (min(shown), max(shown)) if shown else (0.1, 1.0)
    ends = [each.usd for phase in phases for each in phase.costs]
    x = quantity(
        "usd",
        axis("size, USD", label=MONEY_LABEL, values=_ticks(min(ends), max(ends), (1, 3))),
        scale={"type": "log", "nice": False},
    )
    y = quantity(
        "bp",
        axis(
            "slippage, mean of buying and selling, bp",
            values=_ticks(low * 0.8, high * 1.25, (1, 2, 5)),
            format=",~g",
        ),
        scale={"type": "log", "nice": False, "domain": [low * 0.8, high * 1.25]},
    )
    lines = named(data, x, y, names)
    lines["encoding"]["color"]["scale"]["range"] = [COLOURS[name] for name in names]
    return finished({"layer": [lines]}, height=HEIGHT)


def _ticks(low: float, high: float, steps: Sequence[int]) -> list[float]:
    """Round numbers of a logarithmic axis."""
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    wanted = [step * 10.0**power for power in decades for step in steps]
    return [each for each in wanted if low <= each <= high]
