"""The lab's pictures, by what they show."""

from seawall.lab.charts.account import (
    ModeOutcome,
    mode_bars,
)
from seawall.lab.charts.paths import (
    loss_histogram,
    ratio_fan,
    survival_curve,
    time_to_liquidation,
)
from seawall.lab.charts.trade import break_even_lines

__all__ = [
    "ModeOutcome",
    "break_even_lines",
    "loss_histogram",
    "mode_bars",
    "ratio_fan",
    "survival_curve",
    "time_to_liquidation",
]
