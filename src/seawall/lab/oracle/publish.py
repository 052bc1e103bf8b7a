"""What an oracle publishes of true prices: a pure function of prices, preset and seed."""

from typing import NamedTuple

import numpy as np
from msgspec import Struct

from seawall.domain.units import PPM
from seawall.lab.arrays import Floats, Integers, Mask
from seawall.lab.oracle.preset import Preset

DAY_MS = 86_400_000


class Published(Struct, frozen=True, kw_only=True, eq=False):
    """n times, m markets. ``prices``: USD (n, m) in force; ``confidence``: share of the price.

    ``observed_ms``: (n, m) when the source of the price in force was read. ``taken``: (n, m) the
    prices that liquidations go by: those in force, except while one of them is refused, when all
    stay as they were. ``refused``, ``user_refused``: (n,) whether one is, for liquidations and for
    users. ``updates``: (m,) how many were published.
    """

    prices: Floats
    confidence: Floats
    observed_ms: Integers
    taken: Floats
    refused: Mask
    user_refused: Mask
    updates: Integers


class Errors(NamedTuple):
    """Drawn before anything happens. ``of_price``: (n, s, m) shares; ``is_out``: (n, s)."""

    of_price: Floats
    is_out: Mask


def drawn_errors(times_ms: Integers, markets: int, preset: Preset, seed: int) -> Errors:
    """The errors of every source at every time, and when it is out."""
    random = np.random.Generator(np.random.Philox(key=[seed, 7]))
    count, sources = len(times_ms), len(preset.source_weights)
    widest = preset.source_error_ppm / PPM
    shape = (count, sources, markets)
    errors = random.uniform(-widest, widest, shape) if widest else np.zeros(shape)
    is_out = np.zeros((count, sources), np.bool_)
    if preset.source_failures_a_day and preset.source_failure_ms:
        # A failure that began before the first time may still last.
        begin = int(times_ms[0]) - preset.source_failure_ms
        days = (int(times_ms[-1]) - begin) / DAY_MS
        for source in range(sources):
            failures = random.poisson(preset.source_failures_a_day * days)
            for start in random.uniform(begin, int(times_ms[-1]), failures):
                end = start + preset.source_failure_ms
                is_out[:, source] |= (times_ms >= start) & (times_ms < end)
    return Errors(errors, is_out)


def aggregate(quotes: Floats, weights: tuple[int, ...], confidence: float) -> tuple[Floats, Floats]:
    """The median of the sources (n, m), and its confidence in the same unit.

    ``quotes``: (n, s, m), NaN for a source that is out. ``confidence``: the share of its price that
    each source states. With one, each source has three votes (its price, and that less and plus its
    confidence); the confidence is the larger distance to the quartiles of all votes. NaN without
    sources.
    """
    votes = np.repeat(quotes, weights, axis=1)
    if confidence:
        votes = np.concatenate([votes * (1 - confidence), votes, votes * (1 + confidence)], axis=1)
    votes = np.sort(votes, axis=1)
    count = np.maximum(1, np.isfinite(votes).sum(axis=1))

    def at(place: Integers) -> Floats:
        found: Floats = np.take_along_axis(votes, place[:, None, :], axis=1)[:, 0, :]
        return found

    low, high = at((count - 1) // 2), at(count // 2)
    middle: Floats = np.where(low == high, low, (low + high) / 2)
    if not confidence:
        return middle, np.zeros_like(middle)
    quarter = count // 4
    below, above = at(quarter), at(count - 1 - quarter)
    return middle, np.maximum(middle - below, above - middle)


def publish(
    times_ms: Integers, true: Floats, preset: Preset, seed: int, phase_ms: int = 0
) -> Published:
    """The published prices of true ones (n, m), which begin as the published ones do.

    ``phase_ms``: when the oracle looks, after a whole multiple of its interval. Between two times
    the true price is a straight line for a source that reads it late; an oracle that looks more
    often than there are times looks at each.
    """
    errors = drawn_errors(times_ms, true.shape[1], preset, seed)
    observed, confidence = _observed(times_ms, true, preset, errors)
    counts = len(preset.source_weights) - errors.is_out.sum(axis=1)
    has_quorum = counts >= max(1, preset.quorum)
    looks = _looks(times_ms, preset.interval_ms, phase_ms)
    values = np.empty((1 + len(looks), true.shape[1]))
    widths, moments = np.zeros_like(values), np.empty(values.shape, np.int64)
    values[0], moments[0], widths[0] = true[0], times_ms[0], np.nan_to_num(confidence[0])
    updates = np.zeros(true.shape[1], np.int64)
    for place, look in enumerate(looks, start=1):
        last, now = values[place - 1], observed[look]
        is_due = np.abs(now / last - 1.0) >= preset.deviation_ppm / PPM
        if preset.heartbeat_ms:
            is_due |= times_ms[look] - moments[place - 1] >= preset.heartbeat_ms
        is_due &= has_quorum[look]
        values[place] = np.where(is_due, now, last)
        widths[place] = np.where(is_due, confidence[look], widths[place - 1])
        moments[place] = np.where(is_due, times_ms[look], moments[place - 1])
        updates += is_due
    in_force = np.searchsorted(times_ms[looks] + preset.delay_ms, times_ms, side="right")
    prices, shown, read = values[in_force], widths[in_force], moments[in_force]
    share = shown / prices
    age = times_ms[:, None] - read
    limits = preset.liquidation_age_ms, preset.liquidation_confidence_ppm
    refused = np.asarray(is_refused(age, share, *limits).any(axis=1))
    limits = preset.user_age_ms, preset.user_confidence_ppm
    user_refused = np.asarray(is_refused(age, share, *limits).any(axis=1))
    kept = np.maximum.accumulate(np.where(refused, 0, np.arange(len(times_ms))))
    return Published(
        prices=prices,
        confidence=share,
        observed_ms=read,
        taken=prices[kept],
        refused=refused,
        user_refused=user_refused,
        updates=updates,
    )


def is_refused(age_ms: Integers, share: Floats, most_age_ms: int, most_ppm: int) -> Mask:
    """Which prices are refused for their age or confidence (a share); a limit of 0 is none."""
    found: Mask = np.zeros(np.shape(age_ms), np.bool_)
    if most_age_ms:
        found |= age_ms > most_age_ms
    if most_ppm:
        found |= share > most_ppm / PPM
    return found


def _observed(
    times_ms: Integers, true: Floats, preset: Preset, errors: Errors
) -> tuple[Floats, Floats]:
    """The median and its confidence at every time, (n, m) each."""
    sources = len(preset.source_weights)
    quotes = np.empty((len(times_ms), sources, true.shape[1]))
    for source in range(sources):
        late = preset.source_lag_ms * source / max(1, sources - 1)
        for market in range(true.shape[1]):
            known = true[:, market]
            quotes[:, source, market] = (
                np.interp(times_ms - late, times_ms, known) if late else known
            )
    quotes *= 1.0 + errors.of_price
    quotes[errors.is_out] = np.nan
    return aggregate(quotes, preset.source_weights, preset.source_confidence_ppm / PPM)


def _looks(times_ms: Integers, interval_ms: int, phase_ms: int) -> Integers:
    """The places of the times at which the oracle looks: the first at or after each of its own."""
    if not interval_ms:
        return np.arange(len(times_ms))
    passed = (times_ms - phase_ms) // interval_ms
    first = (times_ms[:1] - phase_ms) % interval_ms == 0
    return np.flatnonzero(np.concatenate([first, passed[1:] > passed[:-1]]))
