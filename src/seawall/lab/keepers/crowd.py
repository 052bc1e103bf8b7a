"""Who the keepers are: how much money, which programs, which margin. All of it is assumed."""

import numpy as np
from msgspec import Struct

from seawall.domain.units import MICRO
from seawall.lab.keepers.gas import Gas
from seawall.lab.keepers.liquidation import Keeper

UNLIMITED = 2**62
"""A gas limit that no network asks for."""


class Crowd(Struct, frozen=True, kw_only=True):
    """``count`` keepers with log-normal money around ``money`` USD.

    ``fixed_gas``: the share of them whose programs pay at most ``gas_times`` the usual price of
    gas; the others pay what the network asks for. ``margin``: the largest profit that one asks for,
    of what it takes over; they are spread evenly from 0.
    """

    count: int = 8
    money: float = 250_000.0
    fixed_gas: float = 0.5
    gas_times: float = 3.0
    margin: float = 0.005


MONEY_SIGMA = 1.5


def draw_keepers(crowd: Crowd, gas: Gas, seed: int) -> list[Keeper]:
    """The keepers of a seed."""
    random = np.random.Generator(np.random.Philox(key=[seed, 17]))
    money = crowd.money * random.lognormal(0.0, MONEY_SIGMA, crowd.count)
    fixed = random.permutation(crowd.count) < round(crowd.fixed_gas * crowd.count)
    limit = round(crowd.gas_times * gas.base_micro_gwei)
    margins = random.permutation(crowd.count) * crowd.margin / max(1, crowd.count - 1)
    return [
        Keeper(
            money=round(MICRO * usd),
            gas_limit=limit if is_fixed else UNLIMITED,
            margin_ppm=round(MICRO * margin),
        )
        for usd, is_fixed, margin in zip(
            money.tolist(), fixed.tolist(), margins.tolist(), strict=True
        )
    ]
