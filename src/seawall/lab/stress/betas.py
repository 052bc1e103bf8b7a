"""How far a market moves when the leading one does: default betas, each with its source.

The measured ones, and how they were measured, are in ``stress_betas.toml``. A beta says what is
usual, not what a market will do alone.
"""

import tomllib
from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import NamedTuple

LEAD = "BTC"
HIGHEST_BETA = 20
UNKNOWN = "assumed: nothing measured, the middle of the measured altcoins"
GIVEN = "--beta"
ITSELF = "itself"


class Beta(NamedTuple):
    """``source``: where it was measured, or one of the three words above."""

    value: Fraction
    source: str


def betas_of(markets: Iterable[str], given: Mapping[str, Fraction]) -> dict[str, Beta]:
    """The beta of each market to ``LEAD``: the given one, else a measured, else ``UNKNOWN``."""
    return {name: _beta_of(name, given) for name in markets}


def _beta_of(name: str, given: Mapping[str, Fraction]) -> Beta:
    if name in given:
        return Beta(given[name], GIVEN)
    if name == LEAD:
        return Beta(Fraction(1), ITSELF)
    measured, assumed = _shipped()
    return measured.get(name, assumed)


@cache
def _shipped() -> tuple[dict[str, Beta], Beta]:
    """The measured betas by market, and the one of every other market."""
    path = Path(__file__).with_name("betas.toml")
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    measured: dict[str, Beta] = {}
    for table in data["measured"]:
        for name, value in table["betas"].items():
            measured.setdefault(name, Beta(Fraction(value), table["source"]))
    return measured, Beta(Fraction(data["assumed"]), UNKNOWN)
