"""The lab's pictures, by what they show."""

from seawall.lab.charts.account import (
    ModeOutcome,
    Rung,
    ShockCell,
    liquidation_ladder,
    mode_bars,
    shock_heatmap,
)
from seawall.lab.charts.paths import (
    equity_lines,
    loss_histogram,
    ratio_fan,
    survival_curve,
    time_to_liquidation,
)
from seawall.lab.charts.trade import break_even_lines

__all__ = [
    "ModeOutcome",
    "Rung",
    "ShockCell",
    "break_even_lines",
    "equity_lines",
    "liquidation_ladder",
    "loss_histogram",
    "mode_bars",
    "ratio_fan",
    "shock_heatmap",
    "survival_curve",
    "time_to_liquidation",
]
