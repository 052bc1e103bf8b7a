"""Who held how much when a crisis began: open interest, leverage and funds, with their sources."""

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

import msgspec
from msgspec import Struct

from seawall.lab.simulation.population import open_interest_source, usual_open_interest

LEAD = "BTC"
BACKSTOP_SHARE = 0.01
"""Of the open interest, where nothing is known of the backstop or the insurance fund."""
UNKNOWN_SOURCE = (
    f"computed: usual open interest ({open_interest_source()})\n"
    "assumed: leverage and sides of the crowd"
)


class Facts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The population of one crisis. ``open_interest``: USD of one side, by market.

    ``leverage``: the median of an account of 10,000 USD; ``spread``: standard deviation of its
    logarithm; ``long_share``: of the crowd's notional; ``backstop``: USD, None where not known.
    ``source``: a line each for what is documented, computed and assumed.
    """

    leverage: float = 6.0
    spread: float = 0.7
    long_share: float = 0.7
    backstop: float | None = None
    open_interest: Mapping[str, float] = {}
    source: str = UNKNOWN_SOURCE

    def interest_of(self, markets: Sequence[str]) -> dict[str, float]:
        """USD of one side in each market: as told, else the usual in BTC's proportion."""
        usual = usual_open_interest([*markets, LEAD])
        scale = self.open_interest.get(LEAD, usual[LEAD]) / usual[LEAD]
        return {name: self.open_interest.get(name, usual[name] * scale) for name in markets}

    def backstop_of(self, interest: Mapping[str, float]) -> float:
        """USD behind everybody."""
        return BACKSTOP_SHARE * sum(interest.values()) if self.backstop is None else self.backstop


@cache
def _shipped() -> dict[str, Facts]:
    text = (files("seawall.lab.crises") / "facts.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, Facts])


def crisis_names() -> tuple[str, ...]:
    """The scenarios that are crises of the past, in the order of their days."""
    return tuple(_shipped())


def facts_of(name: str) -> Facts:
    """Those of a crisis; the usual ones for any other scenario."""
    return _shipped().get(name, Facts())
