"""How an amount is shared: by water level, in a queue, and in whole steps."""

import numpy as np

from seawall.lab.arrays import Floats

_ALMOST = 1e-9
"""Of a step: what rounding of floats alone leaves is no step."""


def water_filling(amount: float, weights: Floats, caps: Floats) -> Floats:
    """Shares (n,) of min(cap, level x weight) that add up to ``amount``, or all that there is.

    The level is found exactly, by going up from one cap that binds to the next. Without weight
    nothing is paid. Of all ways to raise the amount within the caps this has the smallest largest
    share / weight.
    """
    shares = np.zeros(len(caps))
    paying = np.flatnonzero((weights > 0) & (caps > 0))
    if amount <= 0 or not len(paying):
        return shares
    weight, cap = weights[paying], caps[paying]
    if amount >= cap.sum():
        shares[paying] = cap
        return shares
    level_of_cap = cap / weight
    order = np.argsort(level_of_cap, kind="stable")
    weight, cap, level_of_cap = weight[order], cap[order], level_of_cap[order]
    full = np.concatenate(([0.0], np.cumsum(cap)[:-1]))
    # Summed from the far end: subtracting from the total would lose the small weights.
    rising = np.cumsum(weight[::-1])[::-1]
    is_reached = full + rising * level_of_cap >= amount
    # All caps together are more than the amount, whatever rounding says of their sum here.
    is_reached[-1] = True
    bound = int(np.argmax(is_reached))
    level = (amount - full[bound]) / rising[bound]
    shares[paying[order]] = np.minimum(cap, level * weight)
    return shares


def queue_filling(amount: float, order: np.ndarray, caps: Floats) -> Floats:
    """Shares (n,): the first of ``order`` gives all of its cap, and so on until it is enough."""
    cap = caps[order]
    before = np.cumsum(cap) - cap
    shares = np.zeros(len(caps))
    shares[order] = np.clip(amount - before, 0.0, cap)
    return shares


def whole_steps(ideal: Floats, most: Floats, step: float) -> Floats:
    """``ideal`` in whole steps, at most ``most``, the sum rounded up to a step.

    Every share is rounded down; what is left goes one step each to the largest remainders,
    the first of equals. ``step`` 0: ``ideal`` as it is.
    """
    if step <= 0:
        return ideal
    ideal_steps = ideal / step
    limit = np.floor(most / step + _ALMOST)
    steps = np.minimum(np.floor(ideal_steps + _ALMOST), limit)
    left = int(np.ceil(ideal_steps.sum() - _ALMOST) - steps.sum())
    while left > 0:
        open_places = np.flatnonzero(steps < limit)
        if not len(open_places):
            break
        remainder = ideal_steps[open_places] - steps[open_places]
        chosen = open_places[np.argsort(-remainder, kind="stable")[:left]]
        steps[chosen] += 1
        left -= len(chosen)
    return np.asarray(steps * step)


def rounded_up(amount: float, step: float) -> float:
    """The least number of whole steps that is enough."""
    return amount if step <= 0 else float(np.ceil(amount / step - _ALMOST)) * step


def rounded_down(amounts: Floats, step: float) -> Floats:
    """Whole steps."""
    return amounts if step <= 0 else np.asarray(np.floor(amounts / step + _ALMOST) * step)
