"""Drawdown of equity along paths."""

import numpy as np

from seawall.lab.arrays import Floats


def drawdown(equity: Floats) -> Floats:
    """(n, k) of (n, k) equity: the largest fall from the highest so far, as a share of it."""
    peaks = np.maximum.accumulate(equity, axis=1)
    falls = np.where(peaks > 0, 1 - equity / np.where(peaks > 0, peaks, 1.0), 0.0)
    found: Floats = np.maximum.accumulate(falls, axis=1)
    return found
