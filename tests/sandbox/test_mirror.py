"""Makers that show a followed book, and the replay of followed trades, without any socket."""

from typing import Any

import pytest

from seawall.domain.commands import CreateAccount, Deposit, PlaceOrder
from seawall.domain.enums import FillFlag, Side, TimeInForce
from seawall.domain.events import OrderFilled
from seawall.domain.units import MICRO
from seawall.engine.book_view import book_levels
from seawall.sandbox.agents import mirror
from seawall.sandbox.followed_feed import FollowedFeed
from seawall.venues.public_stream import (
    Level,
    PublicBook,
    PublicPrices,
    PublicTrade,
    PublicTrades,
)
from tests.sandbox.test_agents import Town
from tests.sandbox.test_feeds import START, markets
from tests.sandbox.test_followed_feed import Scripted

BIDS: list[Level] = [(50_000.0 - step, 2.0) for step in range(1, 21)]
ASKS: list[Level] = [(50_000.0 + step, 2.0) for step in range(1, 21)]
BTC = 10
"""Price units of a USD."""
LOT = 10**5
"""Size units of a coin."""


class Followed:
    """A town of one market that follows a book."""

    def __init__(self, bids: list[Level] = BIDS, asks: list[Level] = ASKS) -> None:
        self.feed = FollowedFeed(
            Scripted(),
            markets("BTC=50000"),
            [PublicPrices("BTC", 49_990.0, 49_995.0, 50_000.0)],
            lambda: START,
        )
        self.feed.hear(PublicBook("BTC", bids, asks))
        self.town = Town(1, "BTC=50000", feed=self.feed)
        self.client = max(self.town.rows.values()) + 1
        self.town.apply(
            CreateAccount(self.town.now), Deposit(self.town.now, self.client, 10**7 * MICRO)
        )

    def levels(self, count: int = 100) -> list[list[tuple[int, int]]]:
        sides = book_levels(self.town.engine, 0, count)
        return [[(price, size) for price, size, _ in side] for side in sides]

    def take(self, side: Side, coins: float) -> None:
        price = 60_000 * BTC if side == Side.BUY else 40_000 * BTC
        order = PlaceOrder(
            self.town.now, self.client, 0, side, price, int(coins * LOT),
            TimeInForce.IMMEDIATE_OR_CANCEL,
        )  # fmt: skip
        self.town.apply(order)

    def fills(self) -> list[Any]:
        events = self.town.events
        return [
            event
            for event in events
            if isinstance(event, OrderFilled) and event.flags & FillFlag.TAKER
        ]


def units(levels: list[Level]) -> list[tuple[int, int]]:
    return [(round(price * BTC), round(size * LOT)) for price, size in levels]


def test_the_book_is_that_of_the_followed_venue() -> None:
    followed = Followed()
    assert followed.levels() == [units(BIDS), units(ASKS)]
    report = followed.town.world.report(0)
    assert report == (499_900, 499_950), "its oracle, and its mark as the price elsewhere"
    moved = [(price + 3, size) for price, size in BIDS[:5]]
    followed.feed.hear(PublicBook("BTC", moved, [(price + 3, size) for price, size in ASKS]))
    followed.feed.hear(PublicPrices("BTC", 49_993.0, 49_998.0, 50_003.0))
    followed.town.live(2)
    assert followed.levels()[0] == units(moved)
    crashed = [(price - 2_000, size) for price, size in BIDS]
    followed.feed.hear(PublicBook("BTC", crashed, [(price - 2_000, size) for price, size in ASKS]))
    followed.feed.hear(PublicPrices("BTC", 47_990.0, 47_995.0, 48_000.0))
    followed.town.live(2)
    assert followed.levels()[0] == units(crashed), "how makers withdraw is in the followed book"


def test_levels_below_the_least_order_and_beyond_reason() -> None:
    """A level of a few USD is shown as the least order; a side of billions is scaled down."""
    followed = Followed([(49_999.0, 0.00001)], [(price, 2000.0) for price, _ in ASKS])
    (bid,), asks = followed.levels()
    assert bid == (499_990, pytest.approx(12 * MICRO / 499_990, abs=1))
    worth = sum(price * size for price, size in asks) / MICRO
    assert (len(asks), worth) == (20, pytest.approx(mirror.LARGEST_SIDE_USD, rel=0.01))


def test_what_clients_take_moves_the_book_and_fades() -> None:
    """2 coins a USD are 500,000 USD a bp: 10 coins move the middle by one."""
    followed = Followed()
    followed.town.live(2)
    followed.take(Side.BUY, 10.0)
    followed.town.live(2)
    best = followed.levels()[1][0][0]
    assert best == pytest.approx(500_060, abs=10), "50,001 and a bp, of which 1 % has faded"
    followed.town.live(1_200)
    assert followed.levels() == [units(BIDS), units(ASKS)]


def test_followed_trades_are_traded_here_and_leave_no_trace_in_the_quotes() -> None:
    followed = Followed()
    followed.town.live(2)
    trades = [
        PublicTrade(Side.BUY, 50_001.0, 0.5, START),
        PublicTrade(Side.BUY, 50_002.0, 1.0, START),
        PublicTrade(Side.SELL, 49_999.0, 0.75, START),
        PublicTrade(Side.SELL, 49_999.0, 0.0001, START + 1),
    ]
    followed.feed.hear(PublicTrades("BTC", trades))
    followed.town.live(2)
    found = [(bool(fill.flags & FillFlag.BUYER), fill.size) for fill in followed.fills()]
    assert found == [(True, 150_000), (False, 75_000)], "the last is worth 5 USD"
    assert followed.levels() == [units(BIDS), units(ASKS)]
    followed.town.live(10)
    assert len(followed.fills()) == 2, "none is traded twice"


def test_liquidity_that_control_withdraws_is_gone() -> None:
    followed = Followed()
    followed.town.world.withdraw(0, 0.75)
    followed.town.live(2)
    assert followed.levels()[0] == [(price, size // 4) for price, size in units(BIDS)]
    followed.town.world.withdraw(0, 1.0)
    followed.town.live(2)
    assert followed.levels() == [[], []]


def test_makers_and_the_replay_are_never_short_of_margin() -> None:
    followed = Followed()
    for number in range(60):
        trades = [PublicTrade(Side.BUY, 50_020.0, 35.0, START + number)]
        followed.feed.hear(PublicTrades("BTC", trades))
        followed.town.live(2)
    assert sum(fill.size for fill in followed.fills()) == 60 * 35 * LOT
    assert followed.levels() == [units(BIDS), units(ASKS)]
