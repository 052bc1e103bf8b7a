"""The venue's liquidity tiers: margin fractions, impact notionals and open-interest caps.

They ship as data (``liquidity_tiers.toml``, with sources) and can be replaced wherever they are
used: governance changes them.
"""

import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct

from seawall.domain.instrument import MarginFractions
from seawall.domain.units import MONEY_DECIMALS, to_units

ISOLATED = "Isolated"
"""The tier of markets that have their own pool."""
UNLISTED = "Long-Tail"
"""The tier of a coin of which nothing is known."""


class LiquidityTier(Struct, frozen=True, kw_only=True):
    """``impact_notional`` in micro-USD."""

    name: str
    fractions: MarginFractions
    impact_notional: int


@cache
def shipped_tiers() -> tuple[LiquidityTier, ...]:
    """The tiers that ship, in the order of their ids."""
    return tuple(_tier(entry) for entry in _shipped()["tiers"])


def matching_tier(
    fractions: MarginFractions, own_pool: bool, tiers: Sequence[LiquidityTier] | None = None
) -> LiquidityTier | None:
    """The tier that a market with these fractions is in; None if there is no such tier.

    An indexer does not name the tier, so it is found by its margin fractions; where several have
    them, by their open-interest caps; where that does not decide, by whether the market has its
    own pool, and in the end the first. [assumed: nothing says that two tiers cannot be alike]
    """
    found = [
        tier
        for tier in (shipped_tiers() if tiers is None else tiers)
        if _margins(tier.fractions) == _margins(fractions)
    ]
    exact = [tier for tier in found if tier.fractions == fractions]
    found = exact or found
    fitting = [tier for tier in found if (tier.name == ISOLATED) == own_pool]
    return next(iter(fitting or found), None)


def tier_of_coin(coin: str, tiers: Sequence[LiquidityTier] | None = None) -> LiquidityTier:
    """The tier of a well-known coin, Long-Tail for any other [assumed].

    ``coin`` is a coin or its ticker here (``"BTC"``, ``"BTC-USD"``). Raises ValueError if
    ``tiers`` lacks it.
    """
    name = _coins().get(coin.removesuffix("-USD"), UNLISTED)
    known = shipped_tiers() if tiers is None else tiers
    for tier in known:
        if tier.name == name:
            return tier
    names = ", ".join(tier.name for tier in known)
    raise ValueError(f"{coin} is in the liquidity tier {name!r}; the tiers at hand are {names}")


def _margins(fractions: MarginFractions) -> tuple[int, int]:
    return fractions.initial_ppm, fractions.maintenance_fraction_ppm


@cache
def _coins() -> dict[str, str]:
    return {coin: entry["tier"] for entry in _shipped()["markets"] for coin in entry["coins"]}


def _tier(entry: dict[str, Any]) -> LiquidityTier:
    def money(key: str) -> int:
        return to_units(entry[key], MONEY_DECIMALS)

    return LiquidityTier(
        name=entry["name"],
        fractions=MarginFractions(
            initial_ppm=entry["initial_ppm"],
            maintenance_fraction_ppm=entry["maintenance_fraction_ppm"],
            open_interest_lower_cap=money("open_interest_lower_cap"),
            open_interest_upper_cap=money("open_interest_upper_cap"),
        ),
        impact_notional=money("impact_notional"),
    )


@cache
def _shipped() -> dict[str, Any]:
    path = Path(__file__).with_name("liquidity_tiers.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))
