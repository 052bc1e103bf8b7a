"""Accounts for tests of stress: recorded, taken from vectors, and random ones."""

import json
import random
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from seawall.accounts.account import Account
from seawall.accounts.answer import text_of_answer
from seawall.accounts.holdings import holdings_of
from seawall.accounts.load import AccountOptions, load_account
from seawall.accounts.markets import markets_under, shipped_markets
from seawall.accounts.prices import exact_prices
from seawall.accounts.valuation import Valuation
from seawall.domain.enums import MarginMode
from seawall.domain.holdings import Holdings, Position
from seawall.domain.instrument import Instrument, MarginTier
from seawall.domain.rulebook import AnyRulebook
from seawall.domain.units import MICRO
from seawall.engine.formulas.continuous.liquidation_price import (
    BucketPosition,
    maintenance_tiers,
    truncated_maintenance,
)
from seawall.lab.market.liquidity import depths
from seawall.lab.stress.aftermath import Aftermath, StressMachine
from seawall.venues.hyperliquid.account.reading import account_answer
from seawall.venues.hyperliquid.account.user import perps_only
from seawall.venues.rulebook_file import load_rulebook

PRICES = {"BTC": "116970", "ETH": "4014", "SOL": "207.06", "DOGE": "0.2337", "XRP": "2.6929"}
RULEBOOKS = ("hyperliquid", "dydx")


BACKSTOP = 10_000_000 * MICRO


class World(NamedTuple):
    """An account, its rules, and a machine to drop it into."""

    plan: Holdings
    book: AnyRulebook
    instruments: Sequence[Instrument]
    prices: tuple[int, ...]

    @classmethod
    def of(cls, account: Account) -> "World":
        return cls(account.holdings, account.rulebook, account.instruments, account.prices)

    def valuation(self) -> Valuation:
        return Valuation(self.plan, self.book, self.instruments, self.prices)

    def machine(self, plan: Holdings | None = None, *, instant: bool = False) -> StressMachine:
        known = depths(self.instruments)
        holds = plan or self.plan
        return StressMachine(
            holds, self.book, self.instruments, known, self.prices, BACKSTOP, instant=instant
        )

    def standing_at(self, prices: Sequence[int]) -> Aftermath:
        """The account put down at these prices, without a move."""
        return self._replace(prices=tuple(prices)).machine().after(prices)


def random_world(seed: int, rulebook: str) -> World:
    """Two to five positions, cross and isolated, long and short, alive at the present prices."""
    book = load_rulebook(rulebook)
    shipped = shipped_markets()
    chance = random.Random(f"hybrid {seed}")
    names = chance.sample(sorted(PRICES), chance.randint(2, 5))
    instruments = markets_under(book, [shipped[name] for name in names], shipped)
    held = {each.name: PRICES[each.name] for each in instruments}
    prices = tuple(exact_prices(held, instruments).values())
    positions = []
    needed = 0
    for market, each in enumerate(instruments):
        notional = chance.randint(2_000, 400_000) * 10**6
        size = max(1, notional // prices[market])
        side = chance.choice((-1, 1))
        # Entered up to 3 % away from the price of now, so that there is a profit or a loss.
        entry = size * prices[market] * chance.randint(970, 1030) // 1000
        leverage = chance.randint(2, min(20, each.maximum_leverage))
        is_isolated = chance.random() < 0.4
        loss = max(0, side * (entry - size * prices[market]))
        margin = size * prices[market] // leverage + loss
        needed += margin
        positions.append(
            Position(
                market=market,
                signed_size=side * size,
                entry_notional=entry,
                mode=MarginMode.ISOLATED if is_isolated else MarginMode.CROSS,
                leverage=leverage,
                isolated_margin=margin if is_isolated else 0,
            )
        )
    collateral = needed + chance.randint(0, needed // 2)
    plan = Holdings(
        name=f"hybrid {seed}", collateral=collateral, positions=tuple(positions), orders=()
    )
    return World(plan, book, instruments, prices)


def recorded_world(state: Any, tiers: Sequence[tuple[MarginTier, ...]]) -> World:
    """An account as its venue told it, in markets with the tiers that apply to it."""
    written = text_of_answer("recorded", "recorded", account_answer(perps_only(state), {}))
    instruments = [
        Instrument(name=each.coin, size_decimals=each.size_decimals, tiers=own)
        for each, own in zip(state.positions, tiers, strict=True)
    ]
    plan = holdings_of(written, instruments, written.prices, load_rulebook())
    prices = {each.name: written.prices[each.name] for each in instruments}
    units = tuple(exact_prices(prices, instruments).values())
    return World(plan, load_rulebook(), instruments, units)


def subaccount_world(document: dict[str, Any]) -> World:
    """An indexer's answer with its markets beside it, read as the command reads it."""
    return World.of(load_account(json.dumps(document).encode()))


def bucket_position(world: World, market: int) -> BucketPosition:
    """What ``explain`` solves for: figures of the bucket computed without the machine."""
    position = next(each for each in world.plan.positions if each.market == market)
    pooled = [each for each in world.plan.positions if not each.isolated_margin]
    members = [position] if position.isolated_margin else pooled
    tiers = {
        each.market: maintenance_tiers(world.instruments[each.market].tiers) for each in members
    }
    cash = position.isolated_margin
    if not cash:
        cash = world.plan.collateral - sum(e.isolated_margin for e in world.plan.positions)
    profits = sum(_profit(world, each) for each in members)
    others = [each for each in members if each.market != market]
    return BucketPosition(
        signed_size=position.signed_size,
        notional=_notional(world, position),
        equity=cash + profits,
        others_maintenance=sum(
            truncated_maintenance(tiers[each.market], _notional(world, each)) for each in others
        ),
        tiers=tiers[market],
        price_decimals=world.instruments[market].price_decimals,
    )


def _notional(world: World, position: Position) -> int:
    return abs(position.signed_size) * world.prices[position.market]


def _profit(world: World, position: Position) -> int:
    side = 1 if position.signed_size > 0 else -1
    return side * (_notional(world, position) - position.entry_notional)


def shocked(world: World, market: int, price: int) -> list[int]:
    """Present prices but for one market."""
    prices = list(world.prices)
    prices[market] = price
    return prices


def expected_over(price: tuple[int, int], signed_size: int) -> int:
    """The whole price unit just beyond an exact liquidation price, on the losing side."""
    exact = Fraction(*price)
    if signed_size > 0:
        return exact.__ceil__() - 1
    return exact.__floor__() + 1


def one_position(side: str, collateral: str, rulebook: str = "hyperliquid") -> World:
    """One BTC at 100,000 USD, in the cross pool."""
    text = f"""
collateral = {collateral}
[[position]]
market = "BTC"
side = "{side}"
size = 1
entry = 100000
leverage = 10
"""
    return World.of(load_account(text.encode(), AccountOptions(rulebook=rulebook)))
