"""The inhabitants: a book from the first second, the same for the same seed, and it survives."""

from collections import Counter
from random import Random
from typing import Any

import msgspec
import pytest

from seawall.domain.commands import (
    AdvanceTime,
    Command,
    CreateAccount,
    Deposit,
    PlaceOrder,
    SetOraclePrice,
)
from seawall.domain.enums import MarginMode, MarketMargin, Side
from seawall.domain.events import LiquidationStarted, OrderFilled
from seawall.domain.system_accounts import FIRST_USER
from seawall.domain.units import MICRO
from seawall.engine.engine import Engine
from seawall.engine.layout import Limits
from seawall.sandbox.agents.base import Outlook, Sight, Trading
from seawall.sandbox.agents.crowds import Crowd
from seawall.sandbox.agents.group import BACKSTOP, AgentGroup
from seawall.sandbox.agents.makers import MakerDesk, Quote, unmatched
from seawall.sandbox.agents.profiles import profiles
from seawall.sandbox.agents.takers import Arbitrageur
from seawall.sandbox.agents.view import MachineView, OwnOrder
from seawall.sandbox.feeds import ManualSource, PriceSource, SyntheticSource
from seawall.sandbox.followed_feed import FollowedFeed
from seawall.sandbox.markets import OpenMarket
from seawall.sandbox.world import World
from seawall.venues.rulebook_file import load_rulebook
from tests.sandbox.test_feeds import START, markets

LIMITS = Limits(accounts=64, positions=512, orders=4096, levels=4096, nodes=4096)
SECOND = 1000


class Town:
    """A machine, a world and its people, without any host. ``feed``: another venue's streams."""

    def __init__(
        self,
        seed: int,
        *wishes: str,
        source: PriceSource | None = None,
        feed: FollowedFeed | None = None,
    ) -> None:
        book: Any = load_rulebook()
        self.markets: tuple[OpenMarket, ...] = markets(*wishes)
        self.engine = Engine.create(book, [m.instrument for m in self.markets], LIMITS)
        self.view = MachineView(self.engine)
        self.world = World(self.markets, source or SyntheticSource(self.markets, seed))
        if feed is not None:
            self.world = World(self.markets, feed, 0.0, feed)
        figures = book.order.maximum_significant_figures
        self.agents = AgentGroup(self.markets, figures, seed, feed)
        self.events: list[Any] = []
        self.now = START
        self.apply(Deposit(START, BACKSTOP, 10**7 * MICRO))
        rows = {}
        for name, usd in self.agents.needed_accounts():
            rows[name] = FIRST_USER + len(rows)
            self.apply(CreateAccount(START), Deposit(START, rows[name], int(usd * MICRO)))
        self.agents.use_accounts(rows)
        self.rows = rows
        self.publish()
        for desk in self.agents.desks:
            self.apply(*desk.act(self.sight()))

    def apply(self, *commands: Command) -> None:
        for command in commands:
            self.events += self.engine.apply(command)

    def sight(self) -> Sight:
        self.world.look(self.now)
        return Sight(self.now, self.view, self.world.outlooks())

    def publish(self) -> None:
        self.world.look(self.now)
        for market in self.markets:
            report = self.world.report(market.row)
            if report is not None:
                self.apply(SetOraclePrice(self.now, market.row, *report))

    def live(self, seconds: int, step: int = 2) -> None:
        for _ in range(0, seconds, step):
            self.now += step * SECOND
            sight = self.sight()
            for agent in self.agents.due(self.now):
                self.apply(*agent.act(sight))
            self.publish()
            self.apply(AdvanceTime(self.now))

    def depth_usd(self, row: int, side: Side, within_bp: float) -> float:
        middle = self.view.middle(row)
        orders = [
            order
            for account in self.rows.values()
            for order in self.view.orders(account, row)
            if order.side == side and abs(order.price / middle - 1) * 1e4 <= within_bp
        ]
        return sum(order.price * order.remaining_size for order in orders) / MICRO

    def spread_bp(self, row: int) -> float:
        bid, ask = self.view.best(row, Side.BUY), self.view.best(row, Side.SELL)
        assert 0 < bid < ask
        return (ask - bid) / (ask + bid) * 2e4


def test_there_is_a_book_as_deep_as_its_profile_at_once() -> None:
    town = Town(1)
    for market in town.markets:
        for side in (Side.BUY, Side.SELL):
            found = town.depth_usd(market.row, side, 50)
            assert found == pytest.approx(market.profile.depth_usd(50), rel=0.35)
        # One tick of five figures may be wider than the spread of a deep market.
        assert town.spread_bp(market.row) < 2 * market.profile.spread_bp + 2.0


def test_the_same_seed_is_the_same_life_and_another_is_not() -> None:
    hashes = []
    for seed in (4, 4, 5):
        town = Town(seed, "BTC", "LINK")
        town.live(120)
        hashes.append(town.engine.state_hash())
    assert hashes[0] == hashes[1] != hashes[2]


def test_people_trade_and_the_book_stays_near_the_world() -> None:
    town = Town(2, "BTC", "ETH", "DOGE")
    town.live(600)
    takers = Counter(
        event.account for event in town.events if isinstance(event, OrderFilled) and event.flags & 1
    )
    assert len(takers) >= 6
    for market in town.markets:
        fair = town.world.outlook(market.row).fair
        assert town.view.middle(market.row) == pytest.approx(fair, rel=0.003)
        assert town.spread_bp(market.row) < 30


@pytest.mark.parametrize("move", [0.8, 1.3])
def test_makers_survive_a_shock_and_quote_around_the_new_price(move: float) -> None:
    town = Town(3, "BTC", "LINK", source=ManualSource([77500.0, 9.5]))
    town.live(300)
    for row, price in enumerate((77500.0, 9.5)):
        town.world.set_price(row, price * move)
    spreads = []
    for _ in range(3):
        town.live(2)
        spreads.append([town.spread_bp(market.row) for market in town.markets])
    for market, widest in zip(town.markets, map(max, zip(*spreads, strict=True)), strict=True):
        assert town.view.middle(market.row) == pytest.approx(
            town.world.outlook(market.row).fair, rel=0.05
        )
        assert widest > market.profile.spread_bp
    town.live(180)
    for market in town.markets:
        fair = town.world.outlook(market.row).fair
        assert town.view.middle(market.row) == pytest.approx(fair, rel=0.005)
        assert town.depth_usd(market.row, Side.BUY, 50) > 0.5 * market.profile.depth_usd(50)


def test_crowds_are_liquidated_and_come_back() -> None:
    town = Town(6, "BTC", source=ManualSource([77500.0]))
    crowds = {row for name, row in town.rows.items() if name.startswith("crowd")}
    town.live(900, step=5)
    holding = {row for row in crowds if town.view.position(row, 0).signed_size}
    of_positions = town.engine.tables["positions"]["mode"]
    modes = {int(of_positions[town.view._position_row(row, 0)]) for row in holding}
    assert modes == {MarginMode.CROSS, MarginMode.ISOLATED}
    for price in (74000.0, 80500.0):
        town.world.set_price(0, price)
        town.live(30)
    liquidated = {e.account for e in town.events if isinstance(e, LiquidationStarted)}
    assert liquidated & crowds == holding
    town.live(900, step=5)
    assert any(town.view.position(row, 0).signed_size for row in liquidated)


def trading(name: str = "ETH") -> Trading:
    return Trading(markets(name)[0], 5)


def quoted(town: Town, desk: MakerDesk, outlook: Outlook) -> tuple[float, float, float]:
    """(best bid, best ask, size of all) that the first maker would quote anew."""
    sight = Sight(town.now, town.view, [outlook])
    maker = desk.makers[0]
    sides = [maker._side(side, maker._middle(sight, outlook, 0), outlook) for side in Side]
    return sides[0][0].price, sides[1][0].price, sum(q.size for side in sides for q in side)


def test_a_maker_leans_against_its_inventory_and_widens_in_fear() -> None:
    town = Town(1, "ETH", source=ManualSource([2120.0]))
    desk = MakerDesk(trading(), 1, "x")
    calm = Outlook(212000.0, 1.0, 1.0)
    bid, ask, size = quoted(town, desk, calm)
    low, high, less = quoted(town, desk, Outlook(212000.0, 0.1, 10.0))
    assert low < bid < ask < high
    assert less < 0.2 * size
    maker = desk.makers[0]
    sight = Sight(town.now + 1, town.view, [calm])
    maker._middle(sight, calm, 0)
    held = trading().size_of(maker.depth_50bp, 212000.0)
    later = Sight(town.now + 2, town.view, [calm])
    assert maker._middle(later, calm, held) == pytest.approx(212000 * 0.995, rel=0.0005)
    used = Sight(town.now + 1_200_000, town.view, [calm])
    assert maker._middle(used, calm, held) == pytest.approx(212000 * 0.99975, rel=0.0001)


def test_withdrawn_liquidity_leaves_and_returns() -> None:
    town = Town(1, "BTC", source=ManualSource([77500.0]))
    before = town.depth_usd(0, Side.BUY, 50)
    town.world.withdraw(0, 0.9)
    town.live(10)
    assert town.depth_usd(0, Side.BUY, 50) < 0.2 * before
    town.world.withdraw(0, 1.0)
    town.live(10)
    assert town.depth_usd(0, Side.BUY, 400) == 0
    town.world.withdraw(0, 0.0)
    town.live(10)
    assert town.depth_usd(0, Side.BUY, 50) > 0.5 * before


def test_only_what_is_out_of_place_is_moved() -> None:
    orders = [OwnOrder(n, 0, price, 100, 7) for n, price in enumerate((1000, 990, 970))]
    wanted = [Quote(1001, 100, 2.0), Quote(985, 100, 2.0), Quote(970, 900, 2.0)]
    spare, missing = unmatched(orders, wanted, sign=1)
    assert [order.price for order in spare] == [990, 970]
    assert [quote.price for quote in missing] == [985, 970]


def test_work_per_turn_is_bounded() -> None:
    town = Town(1)
    town.now += 24 * 3_600 * SECOND
    sight = town.sight()
    for agent in town.agents.due(town.now):
        assert len(agent.act(sight)) <= 120


def test_figures_have_sources_and_sizes_follow_their_distribution() -> None:
    for profile in profiles().values():
        assert profile.source
        bps, usd = zip(*profile.depth, strict=True)
        assert list(bps) == sorted(bps)
        assert list(usd) == sorted(usd)
        random = Random(1)
        drawn = sorted(profile.draw_order_usd(random) for _ in range(4000))
        median = dict(profile.order_usd)[0.5]
        assert drawn[2000] == pytest.approx(median, rel=0.25)
        assert sum(drawn) / 4000 == pytest.approx(profile.mean_order_usd, rel=0.4)


def test_the_backstop_unwinds_what_it_took_over() -> None:
    town = Town(1, "BTC", source=ManualSource([77500.0]))
    price = town.view.best(0, Side.SELL)
    town.apply(PlaceOrder(town.now, BACKSTOP, 0, Side.BUY, price, 1000))
    assert town.view.position(BACKSTOP, 0).signed_size == 1000
    town.live(30)
    assert town.view.position(BACKSTOP, 0).signed_size == 0


def test_a_crowd_in_a_market_without_cross_margin_is_isolated() -> None:
    market = markets("LINK")[0]
    strict = msgspec.structs.replace(market.instrument, margin=MarketMargin.STRICT_ISOLATED)
    strict_market = msgspec.structs.replace(market, instrument=strict)
    assert Crowd(Trading(strict_market, 5), MarginMode.CROSS, 1, "x").mode == MarginMode.ISOLATED


@pytest.mark.parametrize("move", [0.985, 1.015])
def test_arbitrage_takes_what_makers_have_not_moved_yet(move: float) -> None:
    town = Town(8, "BTC", source=ManualSource([77500.0]))
    town.live(10)
    (agent,) = (each for each in town.agents.agents if isinstance(each, Arbitrageur))
    market, depth = town.markets[0], town.markets[0].profile.depth_usd(50)
    town.world.set_price(0, 77500.0 * (1 + (move - 1) / 6))
    assert agent.act(town.sight()) == [], "a quarter of a percent pays for no trade"
    town.world.set_price(0, 77500.0 * move)
    (*_, order) = agent.act(town.sight())
    assert isinstance(order, PlaceOrder)
    assert order.side == (Side.SELL if move < 1 else Side.BUY)
    assert order.price == pytest.approx(market.to_units(77500.0 * move), rel=1e-3)
    usd = order.size * order.price / MICRO
    # 1.5 % away is beyond the gap of 1.3 % from which on it trades all of its share.
    assert usd == pytest.approx(Arbitrageur.SHARE * depth, rel=0.02)
    town.apply(order)
    assert abs(town.view.position(town.rows[agent.name], 0).signed_size) == order.size
