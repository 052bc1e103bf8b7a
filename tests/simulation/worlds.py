"""What a seed is played in, and the stream of commands it sends."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from seawall.domain.enums import CommandKind, OrderState
from seawall.domain.instrument import Instrument, MarginTier
from seawall.domain.rulebook import Rulebook
from seawall.engine.engine import Engine
from seawall.engine.layout import Limits, Tiers
from seawall.engine.tables import command_dtype
from tests.rulebooks import BTC, DOGE, ETH, EURO, GOLD, RULEBOOKS, SILVER, USD, XYZ
from tests.simulation.books import FIRST_USER
from tests.simulation.generator import Generator

MARKETS = ([BTC, ETH], [BTC, ETH, DOGE, XYZ], [ETH, DOGE, XYZ], [BTC], [BTC, ETH, XYZ])
GROUPED_MARKETS = (
    [BTC, GOLD, EURO],
    [BTC, ETH, GOLD, SILVER, EURO],
    [EURO, BTC, GOLD, XYZ],
    [GOLD, EURO, SILVER, ETH],
)
"""Of several margin groups: two of one collateral, and one of another, in any order."""
IN_GROUPS = (1, 6)
"""Seeds that leave such a remainder when divided by 7 are played in these."""
ROOMY = Limits(accounts=16, positions=64, orders=512, levels=512, nodes=1024)
TIGHT_BOOKS = Limits(accounts=16, positions=64, orders=512, levels=20, nodes=160)
TIGHT_ROWS = Limits(accounts=10, positions=14, orders=12, levels=64, nodes=512)
"""Full tables, too, must be rejections and nothing else."""
EXTRA_TIERS: list[Tiers] = [(MarginTier(0, 20), MarginTier(50_000 * USD, 4)), (MarginTier(0, 3),)]


class World(NamedTuple):
    """What a seed is played in."""

    rulebook: Rulebook
    instruments: list[Instrument]
    limits: Limits
    accounts: int
    wildness: float
    settles: bool


def world_of(seed: int, rulebook: str = "all") -> World:
    """Rulebook, markets, table sizes and crowd vary with the seed."""
    names = list(RULEBOOKS)
    name = names[seed % len(names)] if rulebook == "all" else rulebook
    instruments = MARKETS[seed // 2 % len(MARKETS)]
    if seed % 7 in IN_GROUPS:
        instruments = GROUPED_MARKETS[seed // 7 % len(GROUPED_MARKETS)]
    limits = {5: TIGHT_ROWS, 10: TIGHT_BOOKS}.get(seed % 11, ROOMY)
    wildness = (0.03, 0.0, 0.2)[seed % 3 if seed % 4 else 0]
    return World(RULEBOOKS[name], instruments, limits, 4 + seed % 5, wildness, seed % 5 == 3)


def engine_of(world: World) -> Engine:
    return Engine.create(world.rulebook, world.instruments, world.limits, EXTRA_TIERS)


class View:
    """What the generator sees of a machine."""

    def __init__(self, engine: Engine) -> None:
        self.tables, self.control = engine.tables, engine.tables["control"]

    def open_orders(self, account: int) -> list[int]:
        rows = self.tables["orders"][: int(self.control["orders_used"][0])]
        mine = (rows["account"] == account) & (rows["state"] != OrderState.FREE)
        return sorted(rows["order_id"][mine].tolist())

    def oracle(self, market: int) -> int:
        return int(self.tables["markets"]["oracle_price"][market])

    def position(self, account: int, market: int) -> int:
        rows = self.tables["positions"][: int(self.control["positions_used"][0])]
        mine = rows["signed_size"][(rows["account"] == account) & (rows["market"] == market)]
        return int(mine[0]) if len(mine) else 0


def joining(random: np.random.Generator, engine: Engine, time_ms: int) -> np.ndarray:
    """An order at the very price of a resting one, so that queues have more than one member."""
    joined = np.zeros(1, command_dtype)
    joined["kind"], joined["time_ms"] = CommandKind.PLACE_ORDER, time_ms
    orders = engine.tables["orders"]
    resting = orders[orders["state"] == OrderState.RESTING]
    if len(resting):
        chosen = resting[int(random.integers(len(resting)))]
        for name in ("market", "side", "price"):
            joined[name] = chosen[name]
        joined["order_size"] = int(chosen["remaining_size"] * random.uniform(0.5, 1.5)) + 1
    joined["account"] = random.integers(
        FIRST_USER, int(engine.tables["control"]["accounts_used"][0])
    )
    return joined


def settling(seed: int, view: View, time_ms: int) -> np.ndarray:
    """The first market is delisted, up to 10 percent away from its oracle price."""
    settlement = np.zeros(1, command_dtype)
    settlement["kind"], settlement["time_ms"] = CommandKind.SETTLE_MARKET, time_ms
    settlement["price"] = max(1, view.oracle(0) * (90 + seed % 20) // 100)
    return settlement


def stream(seed: int, world: World, engine: Engine, count: int) -> Iterator[np.ndarray]:
    """Rows of shape (1,): apply each before asking for the next. Some seeds delist a market."""
    view = View(engine)
    random = np.random.default_rng([seed, 1])
    generator = Generator(seed, world.instruments, view, world.accounts, world.wildness)
    for number, row in enumerate(generator.rows(count)):
        rows = np.zeros(1, command_dtype)
        rows[0] = row
        yield rows
        if world.settles and number == count * 4 // 5:
            yield settling(seed, view, generator.time)
        if number > 30 and random.random() < 0.1:
            yield joining(random, engine, generator.time)
