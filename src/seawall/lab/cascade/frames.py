"""A run as tables of equal columns, for those who compute on with it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seawall.lab.cascade.simulate import CascadeRun
from seawall.lab.deleveraging.comparison import WaveOutcome
from seawall.lab.deleveraging.plain import policy_frame


def frames_of(
    run: CascadeRun, without: CascadeRun, judged: Sequence[WaveOutcome]
) -> Mapping[str, Mapping[str, Any]]:
    """``seconds``: a row per second and market; ``funds``: per second; ``people``; ``winners``.

    ``policies``, where somebody was deleveraged: a row per wave and policy.
    """
    return {
        "seconds": _seconds(run, without),
        "funds": {
            "time_ms": run.series.times_ms,
            "liquidated_accounts": run.series.liquidated,
            "insurance_usd": run.series.insurance,
            "backstop_usd": run.series.backstop,
            "own_equity_usd": run.series.own_equity,
        },
        "people": _people(run),
        "winners": _winners(run),
        **({"policies": policy_frame(judged)} if judged else {}),
    }


def _seconds(run: CascadeRun, without: CascadeRun) -> dict[str, Any]:
    series = run.series
    count, markets = series.mark.shape
    names = np.asarray(run.setup.markets)
    found: dict[str, Any] = {
        "time_ms": np.repeat(series.times_ms, markets),
        "market": np.tile(names, count),
        "mark_without": without.series.mark.ravel(),
    }
    for name in (
        "fundamental", "oracle", "mark", "bid", "ask", "depth", "sold_to_book", "taken_over",
        "deleveraged",
    ):  # fmt: skip
        found[name] = getattr(series, name).ravel()
    return found


def _people(run: CascadeRun) -> dict[str, Any]:
    people = run.population
    if people is None:
        return {"account": np.zeros(0, np.int64)}
    return {
        "account": run.accounts,
        "leverage": people.leverage,
        "notional_usd": people.notional,
        "is_hedger": people.is_hedger,
        "is_liquidated": run.is_liquidated,
    }


def _winners(run: CascadeRun) -> dict[str, Any]:
    """One row per wave and holder of its other side."""
    names = ("account", "notional", "equity", "profit", "score", "closed", "taken", "haircut")
    waves = run.waves
    found: dict[str, Any] = {
        "wave": np.repeat(np.arange(len(waves)), [len(wave.account) for wave in waves]),
        "market": np.repeat(
            np.asarray([run.setup.markets[wave.market] for wave in waves], dtype=np.str_),
            [len(wave.account) for wave in waves],
        ),
        "deficit_usd": np.repeat(
            np.asarray([wave.deficit for wave in waves], dtype=np.float64),
            [len(wave.account) for wave in waves],
        ),
    }
    for name in names:
        parts = [np.asarray(getattr(wave, name), dtype=np.float64) for wave in waves]
        found[name] = np.concatenate(parts) if parts else np.zeros(0)
    return found
