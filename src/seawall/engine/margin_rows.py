"""Rows in which the margins of an account are read."""

import numpy as np

from seawall.engine.rows import make_batch_accessor

margins_dtype = np.dtype(
    [
        (name, "<i8")
        for name in "market equity initial_margin maintenance_margin transfer_floor free".split()
    ]
)
margins_at = make_batch_accessor(margins_dtype)
