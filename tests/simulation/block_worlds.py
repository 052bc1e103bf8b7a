"""What a seed is played in under rules of blocks: markets in a venue's real units, and rules."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.domain.enums import CommandKind, MarketStatus, OrderState
from seawall.domain.instrument import BlockTerms, Instrument, MarginFractions, MarginTier
from seawall.domain.rulebook import BlockRulebook
from seawall.engine.engine import Engine
from seawall.engine.layout import Limits
from seawall.engine.tables import command_dtype
from tests.rulebooks import USD, shipped_blocks
from tests.simulation.block_generator import BlockGenerator
from tests.simulation.worlds import World

BLOCKS = "dydx"
"""The rulebook whose worlds these are."""


def market(
    name: str, ppm: int, kept: int, step: int, exponents: tuple[int, int], **terms: Any
) -> Instrument:
    """``exponents``: of a position's value and of a fill's quote; caps in USD."""
    lower, upper = terms.pop("caps", (0, 0))
    fractions = MarginFractions(
        initial_ppm=ppm, maintenance_fraction_ppm=kept,
        open_interest_lower_cap=lower * USD, open_interest_upper_cap=upper * USD,
    )  # fmt: skip
    block_terms = BlockTerms(
        fractions=fractions, size_step=step, value_exponent=exponents[0],
        quote_exponent=exponents[1], **terms,
    )  # fmt: skip
    return Instrument(
        name=name, size_decimals=0, tiers=(MarginTier(0, 10**6 // ppm),),
        impact_notional=terms.get("impact", 5_000 * USD), block_terms=block_terms,
    )  # fmt: skip


BTC = market("BTC", 20_000, 600_000, 10**6, (-9, -9), price_step=10**5)
ETH = market("ETH", 50_000, 600_000, 10**6, (-9, -9), price_step=10**5, caps=(300_000, 900_000))
MEME = market(
    "MEME", 100_000, 500_000, 10**4, (-9, -9), price_step=10**6, caps=(50_000, 200_000),
    default_funding_ppm=100, minimum_price_change_ppm=2_500,
)  # fmt: skip
ALONE = market(
    "ALONE", 50_000, 600_000, 10**6, (-9, -9), price_step=10**6, own_pool=True,
    caps=(100_000, 300_000),
)  # fmt: skip
APART = market(
    "APART", 200_000, 500_000, 10**5, (-7, -8), price_step=10**6, own_pool=True,
    default_funding_ppm=125,
)  # fmt: skip
SAFETY = market("SAFETY", 1_000_000, 200_000, 10**3, (-9, -9), price_step=10**4)
PRICES = {
    "BTC": 10**10, "ETH": 4 * 10**9, "MEME": 10**11, "ALONE": 2 * 10**9, "APART": 3 * 10**9,
    "SAFETY": 7 * 10**8,
}  # fmt: skip
"""Where the oracle prices begin, in their own units."""

MARKETS = (
    [BTC, ETH, ALONE, APART],
    [MEME, ETH, SAFETY],
    [BTC, ETH, MEME, ALONE, APART, SAFETY],
    [ALONE, APART],
    [ETH],
    [ETH, MEME, ALONE],
)
ROOMY = Limits(accounts=24, positions=128, orders=512, levels=512, nodes=1024)
TIGHT_BOOKS = Limits(accounts=16, positions=64, orders=256, levels=20, nodes=160)
TIGHT_ROWS = Limits(accounts=13, positions=16, orders=14, levels=64, nodes=512)

SHORT_EPOCHS = {
    "funding.sample_ms": "5000",
    "funding.sample_offset_ms": "2000",
    "funding.tick_ms": "20000",
    "funding.rate_period_ms": "160000",
    "funding.minimum_votes": "3",
    "fee.evaluation_ms": "10000",
    "fee.tiers": '[["1","0",0,0,500,100],["2","20000",0,0,450,100],["3","100000",0,0,400,-50],'
    '["4","1000000",10000,10000,250,-110]]',
    "fee.staking_levels": '[["1","3000",250000],["2","20000",200000],["4","80000",450000]]',
}
SMALL_LIMITS = {
    "block.short_term_blocks": "5",
    "block.gate_blocks": "10",
    "order.equity_tiers": '[["500",2],["20000",4],["200000",6]]',
    "order.fills_per_command": "12",
    "liquidation.position_minimum": '"50"',
    "liquidation.account_notional": '"2000"',
    "liquidation.account_insurance": '"100"',
    "liquidation.liquidations_per_block": "2",
    "liquidation.deleveragings_per_block": "1",
    "liquidation.counterparties_per_deleveraging": "2",
}
OFFSETS = {
    f"liquidation.{name}_offset": '"block_height"'
    for name in ("position", "account", "counterparty")
}
SLOW = {
    "block.block_ms": "2000",
    "block.outage_ms": "2000",
    "block.gate_blocks": "1",
    "block.long_term_ms": "600000",
    "funding.tail_ppm": "100000",
    "liquidation.spread_to_maintenance_ppm": "1000000",
    "liquidation.bankruptcy_adjustment_ppm": "1500000",
}
VARIANTS = (
    ("shipped", {}),
    ("short epochs", SHORT_EPOCHS),
    ("small limits", SMALL_LIMITS),
    ("other offsets", OFFSETS | SHORT_EPOCHS),
    ("slow blocks", SLOW),
    ("few and often", SMALL_LIMITS | SHORT_EPOCHS | OFFSETS),
)


def block_rulebooks() -> list[BlockRulebook]:
    """The shipped rules, and with values replaced that make rare things common."""
    import msgspec

    books = []
    for name, overrides in VARIANTS:
        plain = {key: text.strip('"') for key, text in overrides.items()}
        book = shipped_blocks(plain)
        books.append(msgspec.structs.replace(book, name=f"{BLOCKS}, {name}"))
    return books


_BOOKS: list[BlockRulebook] = []


def block_world_of(seed: int) -> World:
    """Rules, markets, table sizes and crowd vary with the seed."""
    if not _BOOKS:
        _BOOKS.extend(block_rulebooks())
    limits = {5: TIGHT_ROWS, 10: TIGHT_BOOKS}.get(seed % 11, ROOMY)
    wildness = (0.03, 0.0, 0.15)[seed % 3 if seed % 4 else 0]
    instruments = MARKETS[seed // 7 % len(MARKETS)]
    book = _BOOKS[seed % len(_BOOKS)]
    return World(book, instruments, limits, 4 + seed % 6, wildness, seed % 5 == 3)


def block_engine_of(world: World) -> Engine:
    return Engine.create(world.rulebook, world.instruments, world.limits)


class BlockView:
    """What the generator sees of a machine."""

    def __init__(self, engine: Engine) -> None:
        self.tables, self.control = engine.tables, engine.tables["control"]

    def orders(self, account: int, kinds: tuple[int, ...] = (0, 1, 2, 3, 4)) -> list[Any]:
        """(order id, client id halves, market, side, good-til, price, size, kind, tif, flags)."""
        used = int(self.control["orders_used"][0])
        rows, own = self.tables["orders"][:used], self.tables["block_orders"][:used]
        mine = np.flatnonzero((rows["account"] == account) & (rows["state"] != OrderState.FREE))
        names = (
            "order_id client_id_high client_id_low market side price remaining_size "
            "time_in_force flags"
        ).split()
        return [
            ({name: int(rows[name][place]) for name in names}
             | {"kind": int(own["kind"][place]), "good_til": int(own["good_til"][place])})
            for place in mine if int(own["kind"][place]) in kinds
        ]  # fmt: skip

    def oracle(self, market: int) -> int:
        return int(self.tables["markets"]["oracle_price"][market])

    def position(self, account: int, market: int) -> int:
        rows = self.tables["positions"][: int(self.control["positions_used"][0])]
        mine = rows["signed_size"][(rows["account"] == account) & (rows["market"] == market)]
        return int(mine[0]) if len(mine) else 0

    def height(self) -> int:
        return int(self.tables["block_rules"]["height"][0])

    def last_block(self) -> int:
        return int(self.tables["block_rules"]["last_block_ms"][0])

    def next_block(self) -> int:
        return int(self.tables["block_rules"]["next_block_ms"][0])


def ending(market: int, time_ms: int, status: int) -> NDArray[Any]:
    row = np.zeros(1, command_dtype)
    row["kind"], row["time_ms"] = CommandKind.SET_MARKET_STATUS, time_ms
    row["market"], row["status"] = market, status
    return row


def block_stream(seed: int, world: World, engine: Engine, count: int) -> Iterator[NDArray[Any]]:
    """Rows of shape (1,): apply each before asking for the next. Some seeds end a market."""
    view = BlockView(engine)
    prices = [PRICES[one.name] for one in world.instruments]
    generator = BlockGenerator(
        seed, world.instruments, view, prices, world.accounts, world.wildness
    )
    for number, row in enumerate(generator.rows(count)):
        rows = np.zeros(1, command_dtype)
        rows[0] = row
        yield rows
        if world.settles and number == count * 4 // 5:
            yield ending(0, generator.time, MarketStatus.FINAL_SETTLEMENT)
        if world.settles and number == count * 19 // 20:
            yield ending(0, generator.time, MarketStatus.INITIALIZING)
