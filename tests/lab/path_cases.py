"""Random accounts and paths on which the fast simulation and the machine are compared."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from seawall.domain.enums import MarginMode
from seawall.domain.holdings import Holdings, Position
from seawall.domain.instrument import Instrument, MarginTier
from seawall.domain.units import from_units
from seawall.lab.market.liquidity import Depth

USD = 10**6
KINDS = ("cross", "isolated", "hybrid")
START_USD = {"BTC": 100_000.0, "ETH": 4_000.0, "SOL": 200.0, "DOGE": 0.25}
INSTRUMENTS = (
    Instrument(
        name="BTC", size_decimals=5, tiers=(MarginTier(0, 40), MarginTier(150_000_000 * USD, 20))
    ),
    Instrument(
        name="ETH",
        size_decimals=4,
        tiers=(MarginTier(0, 25), MarginTier(100_000 * USD, 10), MarginTier(300_000 * USD, 5)),
    ),
    Instrument(
        name="SOL", size_decimals=2, tiers=(MarginTier(0, 20), MarginTier(200_000 * USD, 10))
    ),
    Instrument(name="DOGE", size_decimals=0, tiers=(MarginTier(0, 10),)),
)
"""With tiers low enough that a position passes from one to the next."""


@dataclass
class Case:
    """``marks``: price units of every market at the start and after each step."""

    kind: str
    plan: Holdings
    depths: dict[str, Depth]
    marks: list[list[int]]
    step_ms: int

    def prices(self, instruments: Sequence[Instrument]) -> dict[str, str]:
        """The starting prices as USD text."""
        first = zip(instruments, self.marks[0], strict=True)
        return {each.name: from_units(mark, each.price_decimals) for each, mark in first}


def random_case(number: int, steps: int = 100) -> Case:
    """Account ``number``: of one to four positions, with little enough money to be liquidated."""
    dice = random.Random(number)
    kind = KINDS[number % len(KINDS)]
    start = [
        round(START_USD[each.name] * dice.uniform(0.7, 1.4) * 10**each.price_decimals)
        for each in INSTRUMENTS
    ]
    markets = dice.sample(range(len(INSTRUMENTS)), dice.randint(2 if kind == "hybrid" else 1, 4))
    alone = dice.randint(1, len(markets) - 1) if kind == "hybrid" else len(markets)
    positions = []
    collateral = 0
    for place, market in enumerate(markets):
        isolated = kind != "cross" and place < alone
        position, margin = _position(dice, market, start[market], isolated)
        positions.append(position)
        collateral += margin
    if kind == "isolated":
        collateral += dice.choice([0, dice.randint(0, 20_000 * USD)])
    plan = Holdings(
        name=f"account {number}", collateral=collateral, positions=tuple(positions), orders=()
    )
    depths = {
        each.name: Depth(10 ** dice.uniform(3.8, 7.3), dice.uniform(0.5, 10.0))
        for each in INSTRUMENTS
    }
    step_ms = dice.choice([1_000, 3_000, 5_000, 10_000, 20_000, 60_000, 300_000])
    return Case(kind, plan, depths, random_marks(dice, start, steps), step_ms)


def _position(dice: random.Random, market: int, price: int, isolated: bool) -> tuple[Position, int]:
    """A position and what it brings to the collateral, micro-USD."""
    notional = 10 ** dice.uniform(4.3, 6.1) * USD
    size = max(1, round(notional / price))
    most = INSTRUMENTS[market].maximum_leverage
    entry = round(size * price * dice.uniform(0.995, 1.005))
    leverage = dice.randint(max(1, most // 4), most)
    # As an equity at the starting price, whatever the entry was.
    sign = dice.choice([-1, 1])
    equity = size * price // dice.randint(max(2, most // 3), max(3, most * 5 // 6))
    margin = max(1, equity - sign * (size * price - entry))
    return (
        Position(
            market=market,
            signed_size=sign * size,
            entry_notional=entry,
            mode=MarginMode.ISOLATED if isolated else MarginMode.CROSS,
            leverage=leverage,
            isolated_margin=margin if isolated else 0,
        ),
        margin,
    )


def random_marks(dice: random.Random, start: list[int], steps: int) -> list[list[int]]:
    """Steps common to all markets and their own, now and then a jump."""
    volatility = 10 ** dice.uniform(-3.2, -1.9)
    jumps = dice.choice([0.0, 0.0, 0.01, 0.03])
    now = [float(each) for each in start]
    path = [start]
    for _ in range(steps):
        common = dice.gauss(0, volatility)
        if dice.random() < jumps:
            common += dice.choice([-1, 1]) * dice.uniform(0.02, 0.2)
        for market in range(len(now)):
            now[market] *= 1 + max(-0.5, common + dice.gauss(0, volatility / 2))
        path.append([max(1, round(each)) for each in now])
    return path
