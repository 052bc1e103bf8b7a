"""Full tables still take what reduces risk; a venue's money has a limit of its own."""

from collections.abc import Iterator

import pytest

from seawall.domain.commands import (
    CreateAccount,
    Deposit,
    PlaceOrder,
    SetLeverage,
    SetOraclePrice,
)
from seawall.domain.enums import MarginMode, OrderFlag, Reason, Side, TimeInForce
from seawall.domain.events import CommandRejected, Event, OrderAccepted, OrderFilled
from seawall.domain.instrument import Instrument, MarginTier
from seawall.domain.system_accounts import BACKSTOP_ACCOUNT, FIRST_USER
from seawall.domain.units import MAX_DEPOSITS, MAX_MONEY
from seawall.engine.engine import Engine
from seawall.engine.invariants import broken_invariant
from seawall.engine.layout import Limits
from seawall.venues.rulebook_file import load_rulebook

BTC = Instrument(name="BTC", size_decimals=5, tiers=(MarginTier(0, 40),))
NOW = 1_790_000_000_000
ROWS = 1024
KEPT = ROWS // 64
PRICE = 500_000
GTC, IOC = TimeInForce.GOOD_TIL_CANCEL, TimeInForce.IMMEDIATE_OR_CANCEL
HOLDER, MAKER, FIRST_FILLER = FIRST_USER, FIRST_USER + 1, FIRST_USER + 2


def rejected(events: list[Event]) -> Reason | None:
    return next((e.reason for e in events if isinstance(e, CommandRejected)), None)


class World:
    """An engine of one market; a holder is long, and a maker bids."""

    def __init__(self, markets: int = 1, **limits: int) -> None:
        sized = {"accounts": 64, "positions": 64, "orders": 4096, "levels": 4096, "nodes": 32_768}
        instruments = [BTC] + [
            Instrument(name=f"X{n}", size_decimals=5, tiers=BTC.tiers) for n in range(1, markets)
        ]
        self.engine = Engine.create(
            load_rulebook("hyperliquid"), instruments, Limits(**{**sized, **limits})
        )
        for market in range(markets):
            self.do(SetOraclePrice(NOW, market, PRICE, PRICE))

    def do(self, command: object) -> list[Event]:
        return list(self.engine.apply(command))

    def new(self, usd: int = 10_000_000) -> int:
        account = int(self.engine.tables["control"]["accounts_used"][0])
        self.do(CreateAccount(NOW))
        self.do(Deposit(NOW, account, usd * 1_000_000))
        return account

    def order(
        self, account: int, side: Side, price: int, size: int = 1000,
        time_in_force: TimeInForce = GTC, reduce: bool = False, market: int = 0,
    ) -> list[Event]:  # fmt: skip
        flags = OrderFlag.REDUCE_ONLY if reduce else OrderFlag.NO_FLAG
        return self.do(
            PlaceOrder(
                time_ms=NOW, account=account, market=market, side=side, price=price, size=size,
                time_in_force=time_in_force, flags=flags,
            )
        )  # fmt: skip

    def hold(self) -> None:
        """The holder is long 1 BTC; the maker bids for all of it, below."""
        assert (self.new(2000), self.new()) == (HOLDER, MAKER)
        self.do(SetLeverage(NOW, HOLDER, 0, 40, MarginMode.CROSS))
        self.order(MAKER, Side.SELL, PRICE, 100_000)
        assert isinstance(self.order(HOLDER, Side.BUY, PRICE, 100_000, IOC)[0], OrderFilled)
        self.order(MAKER, Side.BUY, PRICE - 10, 100_000)

    def fill_up(self) -> Reason:
        """Orders of ever more accounts, each at a price of its own, until the tables are full; why
        the last was refused."""
        placed, account = 0, self.new()
        while True:
            reason = rejected(self.order(account, Side.BUY, 100_010 + 90 * placed))
            if reason == Reason.TOO_MANY_OPEN_ORDERS:
                account = self.new()
            elif reason is not None:
                return reason
            placed += reason is None


@pytest.fixture(params=["orders", "levels", "nodes"])
def full(request: pytest.FixtureRequest) -> Iterator[World]:
    table = request.param
    world = World(**{table: ROWS})
    world.hold()
    wanted = Reason.ORDER_TABLE_FULL if table == "orders" else Reason.LEVEL_TABLE_FULL
    assert world.fill_up() == wanted
    yield world
    assert broken_invariant(world.engine.state) == 0


def test_full_tables_take_what_closes_a_position(full: World) -> None:
    # A reduce-only order that rests finds room that others do not, until that is used up too.
    rested = 0
    while (
        rejected(events := full.order(HOLDER, Side.SELL, 600_000 + 10 * rested, reduce=True))
        is None
    ):
        assert isinstance(events[0], OrderAccepted)
        rested += 1
    assert rejected(events) in (Reason.ORDER_TABLE_FULL, Reason.LEVEL_TABLE_FULL)
    assert 1 <= rested <= 64
    # One that trades at once always does.
    for _ in range(2):
        closed = full.order(HOLDER, Side.SELL, PRICE - 10, 10_000, IOC, reduce=True)
        assert isinstance(closed[0], OrderFilled)
    assert rejected(full.order(HOLDER, Side.BUY, 300_000)) is not None


def test_full_tables_do_not_keep_a_liquidation_from_the_book(full: World) -> None:
    events = full.do(SetOraclePrice(NOW + 1000, 0, 482_000, 482_000))
    fills = [e for e in events if isinstance(e, OrderFilled) and e.account == HOLDER]
    assert sum(fill.size for fill in fills) == 100_000


def test_position_rows_are_kept_for_the_backstop() -> None:
    world = World(markets=40, positions=ROWS, accounts=128)
    used = world.engine.tables["control"]["positions_used"]
    account = world.new()
    market = 0
    while True:
        events = world.do(SetLeverage(NOW, account, market, 10, MarginMode.CROSS))
        if rejected(events) is not None:
            break
        market += 1
        if market == 40:
            account, market = world.new(1000), 0
    assert rejected(events) == Reason.POSITION_TABLE_FULL
    assert int(used[0]) == ROWS - KEPT
    order = world.order(account, Side.BUY, PRICE, market=market)
    assert rejected(order) == Reason.POSITION_TABLE_FULL
    assert BACKSTOP_ACCOUNT < FIRST_USER


def test_small_tables_keep_nothing_back() -> None:
    world = World(orders=64)
    world.new()
    count = 0
    while rejected(world.order(FIRST_USER, Side.BUY, 400_000)) is None:
        count += 1
    assert count == 64


def test_the_limit_of_open_orders_grows_with_the_volume_of_today() -> None:
    world = World()
    world.new()
    for _ in range(1000):
        assert rejected(world.order(FIRST_USER, Side.BUY, 400_000)) is None
    assert rejected(world.order(FIRST_USER, Side.BUY, 400_000)) == Reason.TOO_MANY_OPEN_ORDERS
    world.engine.tables["accounts"]["day_taker_volume"][FIRST_USER] = 10_000_000_000_000
    assert rejected(world.order(FIRST_USER, Side.BUY, 400_000)) is None
    assert rejected(world.order(FIRST_USER, Side.BUY, 400_000)) is None
    assert rejected(world.order(FIRST_USER, Side.BUY, 400_000)) == Reason.TOO_MANY_OPEN_ORDERS


def test_deposits_stop_before_any_sum_could_overflow() -> None:
    world = World(accounts=64)
    outside = world.engine.tables["margin_groups"]["money_outside"]
    count = 0
    while True:
        account = int(world.engine.tables["control"]["accounts_used"][0])
        world.do(CreateAccount(NOW))
        if rejected(world.do(Deposit(NOW, account, MAX_MONEY))) is not None:
            break
        count += 1
    assert rejected(world.do(Deposit(NOW, account, MAX_MONEY))) == Reason.VALUE_OUT_OF_RANGE
    assert count == MAX_DEPOSITS // MAX_MONEY
    rest = MAX_DEPOSITS - int(outside[0])
    assert rejected(world.do(Deposit(NOW, account, rest + 1))) == Reason.VALUE_OUT_OF_RANGE
    assert rejected(world.do(Deposit(NOW, account, rest))) is None
    assert rejected(world.do(Deposit(NOW, account, 1))) == Reason.VALUE_OUT_OF_RANGE
    assert int(outside[0]) == MAX_DEPOSITS
    assert broken_invariant(world.engine.state) == 0
