"""Reading and protecting an account over real sockets: positions opened by the official client.

What the reader shows is compared with what the official client reads, what the writer does with
what the account shows afterwards.
"""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from hyperliquid.utils.types import Cloid

from seawall.domain.units import MICRO
from seawall.venues.gateway_port import (
    ACCOUNT,
    ORDERS,
    Accepted,
    ReduceOrder,
    Refused,
    VenueReader,
    VenueState,
    VenueWriter,
    book_of,
    prices_of,
)
from seawall.venues.hyperliquid.gateway.reader import BACK_S, Reader
from seawall.venues.inputs import VenueClock
from seawall.venues.registry import gateway_of
from tests.conformance.between import Between, with_between
from tests.conformance.hyperliquid.running import Venue
from tests.conformance.hyperliquid.trader import GTC, Maker, Trader, filled, resting
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.conformance

COIN, PRICE, UNITS = "ETH", 2000.0, 100
"""Price units of a USD in this market; a size unit is 0.0001."""
FAR_MS = 4 * 10**12
Make = Callable[[float], Trader]


@pytest.fixture(autouse=True)
def _book(venue: Venue, maker: Maker) -> None:
    venue.settle(COIN, PRICE, maker)


def client_id(number: int) -> str:
    return f"0x{0x5EA1:04x}{number:028x}"


def order(trader: Trader, number: int, **changes: Any) -> ReduceOrder:
    name = client_id(int(trader.address, 16) % 2**64 * 1000 + number)
    fields: dict[str, Any] = {
        "market": COIN, "is_buy": False, "size": 10_000, "size_decimals": 4, "price": 1900 * UNITS,
        "kind": "immediate", "client_id": name, "expires_ms": FAR_MS, **changes,
    }  # fmt: skip
    return ReduceOrder(**fields)


async def until(reader: VenueReader, fits: Callable[[VenueState], Any]) -> VenueState:
    """The first state that fits."""
    seen = 0
    async with asyncio.timeout(PATIENCE_S):
        while True:
            state = reader.state()
            if state is not None and fits(state):
                return state
            seen = await reader.changed(seen, 5.0)


def age(reader: VenueReader, name: str = ACCOUNT) -> int:
    """Of an input, ms."""
    state = reader.state()
    assert state is not None
    return state.time_ms - state.inputs[name].known_ms


class Later:
    """This computer's clock, and so many seconds more."""

    seconds = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.seconds


def held(state: VenueState) -> dict[str, Decimal]:
    return dict(state.reported.marks)


async def _following(reader: VenueReader, act: Callable[[], Awaitable[Any]]) -> Any:
    following = asyncio.create_task(reader.run())
    try:
        await until(reader, lambda state: state.is_live)
        return await act()
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


def protect(
    venue: Venue,
    trader: Trader,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[[VenueReader, VenueWriter], Awaitable[Any]],
    markets: tuple[str, ...] = (COIN,),
) -> Any:
    """What ``act`` does with a reader that follows the account, and a writer for it."""
    approved, key = trader.exchange.approve_agent()
    assert approved["status"] == "ok"
    monkeypatch.setenv("AGENT_KEY", key)
    monkeypatch.setenv("OWNER_KEY", trader.key)
    gateway = gateway_of("hyperliquid")
    network = gateway.network(url=venue.url)

    async def run() -> Any:
        reader = gateway.reader(network, trader.address, markets)
        writer = gateway.writer(network, trader.address, "env:AGENT_KEY", "env:OWNER_KEY")
        try:
            return await _following(reader, lambda: act(reader, writer))
        finally:
            await writer.close()

    return asyncio.run(run())


def test_the_whole_account_is_shown_as_the_official_client_reads_it(
    venue: Venue, trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(trader.exchange.market_open(COIN, True, 3.0))
    oid = resting(trader.exchange.order(COIN, True, 0.2, 1100, GTC))

    async def act(reader: VenueReader, writer: VenueWriter) -> VenueState:
        names = {ACCOUNT, ORDERS, prices_of(COIN), book_of(COIN)}
        return await until(reader, lambda state: names <= set(state.inputs) and state.fills)

    state: VenueState = protect(venue, trader, monkeypatch, act)
    position, summary = trader.held(COIN), trader.state()
    mark = trader.info.meta_and_asset_ctxs()[1][1]["markPx"]
    assert state.reported.marks[COIN] == Decimal(mark)
    assert state.reported.liquidation_prices.get(COIN) == (
        None if position["liquidationPx"] is None else Decimal(position["liquidationPx"])
    )
    equity = int(Decimal(summary["crossMarginSummary"]["accountValue"]) * MICRO)
    assert state.reported.cross_equity[""] == equity
    maintenance = int(Decimal(summary["crossMaintenanceMarginUsed"]) * MICRO)
    assert state.reported.cross_maintenance[""] == maintenance > 0
    (found,) = state.orders
    assert (found.order_id, found.market, found.is_buy) == (oid, COIN, True)
    assert (found.size, found.price, found.reduce_only) == (Decimal("0.2"), Decimal(1100), False)
    (fill,) = state.fills
    assert (fill.market, fill.size, fill.is_buy) == (COIN, Decimal("3.0"), True)
    assert state.net_deposits == 100_000 * MICRO
    assert state.prices[COIN].mark == PRICE
    assert state.books[COIN].bids[0][0] < PRICE < state.books[COIN].asks[0][0]
    assert state.time_ms < state.next_funding_ms <= state.time_ms + 3_600_000
    assert state.trouble == ""
    for name, each in state.inputs.items():
        assert each.known_ms <= state.time_ms, name
        assert each.changed_ms <= each.known_ms, name
        assert each.sequence >= 1, name


def test_changes_are_heard_and_new_markets_are_followed(
    venue: Venue, trader: Trader, maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue.settle("BTC", 60_000.0, maker)

    async def act(reader: VenueReader, writer: VenueWriter) -> None:
        before = (await until(reader, lambda state: COIN in state.volumes)).volumes[COIN]
        await asyncio.to_thread(trader.exchange.market_open, COIN, False, 2.0)
        await until(reader, lambda state: state.volumes[COIN] == before + 2.0)
        state = await until(reader, lambda state: COIN in held(state))
        sequence = state.inputs[ACCOUNT].sequence
        await asyncio.to_thread(venue.settle, COIN, PRICE * 1.01, maker)
        state = await until(reader, lambda state: held(state)[COIN] == Decimal("2020"))
        assert state.inputs[ACCOUNT].sequence > sequence
        # A market that was not asked for, opened by another client.
        await asyncio.to_thread(trader.exchange.market_open, "BTC", True, 0.05)
        await until(reader, lambda state: "BTC" in held(state) and "BTC" in state.books)
        await asyncio.to_thread(venue.control.fund, trader.address, 500)
        await until(reader, lambda state: state.net_deposits == 100_500 * MICRO)

    protect(venue, trader, monkeypatch, act)


def test_orders_reduce_and_nothing_else(
    venue: Venue, trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(trader.exchange.market_open(COIN, True, 3.0))

    async def act(reader: VenueReader, writer: VenueWriter) -> None:
        sold = await writer.place(order(trader, 1))
        assert isinstance(sold, Accepted)
        assert (sold.state, sold.filled_size) == ("filled", Decimal("1.0"))
        ended = await reader.order(order(trader, 1).client_id)
        assert ended.state == "filled"
        # The same id again, a larger size than is held, the other side: none of it adds anything.
        await writer.place(order(trader, 1, size=1))
        await writer.place(order(trader, 2, size=90_000))
        assert isinstance(await writer.place(order(trader, 3)), Refused)
        bought = await writer.place(order(trader, 4, is_buy=True, price=2100 * UNITS))
        assert isinstance(bought, Refused)
        await until(reader, lambda state: not held(state))

    protect(venue, trader, monkeypatch, act)
    assert trader.position(COIN) is None


def test_a_stop_rests_is_asked_for_and_is_cancelled_by_its_own_id(
    venue: Venue, trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(trader.exchange.market_open(COIN, True, 3.0))
    entry = resting(trader.exchange.order(COIN, True, 0.2, 1100, GTC))
    stop = order(
        trader, 1, kind="trigger", trigger_price=1800 * UNITS, price=1700 * UNITS, size=30_000
    )

    async def act(reader: VenueReader, writer: VenueWriter) -> None:
        assert isinstance(await writer.place(stop), Accepted)
        state = await until(reader, lambda state: len(state.orders) == 2)
        shown = next(each for each in state.orders if each.client_id == stop.client_id)
        assert (shown.trigger_price, shown.price) == (Decimal(1800), Decimal(1700))
        assert (shown.reduce_only, shown.take_profit, shown.is_buy) == (True, False, False)
        assert (await reader.order(stop.client_id)).state == "open"
        # Sent again under the same id it is not there twice.
        assert isinstance(await writer.place(stop), Refused)
        assert await writer.cancel(COIN, stop.client_id, FAR_MS) == Accepted()
        ended = await until(reader, lambda state: state.endings and len(state.orders) == 1)
        states = {each.client_id: each.state for each in ended.endings}
        assert states[stop.client_id] == "cancelled"
        assert isinstance(await writer.cancel(COIN, stop.client_id, FAR_MS), Refused)
        assert await writer.cancel_other(COIN, entry, FAR_MS) == Accepted()
        await until(reader, lambda state: not state.orders)
        assert (await reader.order(client_id(3))).state == "unknown"

    protect(venue, trader, monkeypatch, act)
    assert trader.open_orders() == []


def test_collateral_is_added_to_a_bucket_and_to_the_pool(
    venue: Venue, trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    trader.exchange.update_leverage(10, COIN, is_cross=False)
    filled(trader.exchange.market_open(COIN, True, 3.0))
    trader.exchange.usd_class_transfer(50.0, to_perp=False)

    async def act(reader: VenueReader, writer: VenueWriter) -> None:
        state = await until(reader, lambda state: state.wallet == 50 * MICRO)
        assert state.net_deposits == 99_950 * MICRO
        before = state.reported.bucket_equity[COIN]
        assert await writer.add_isolated_margin(COIN, 25 * MICRO, FAR_MS) == Accepted()
        await until(reader, lambda state: state.reported.bucket_equity[COIN] == before + 25 * MICRO)
        assert await writer.add_collateral(50 * MICRO) == Accepted()
        state = await until(reader, lambda state: state.net_deposits == 100_000 * MICRO)
        await until(reader, lambda state: state.wallet == 0)
        assert isinstance(await writer.add_collateral(50 * MICRO), Refused)
        too_much = await writer.add_isolated_margin(COIN, 10**6 * MICRO, FAR_MS)
        assert isinstance(too_much, Refused)

    protect(venue, trader, monkeypatch, act)


def test_an_action_that_comes_after_its_time_is_refused(
    venue: Venue, trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(trader.exchange.market_open(COIN, True, 3.0))

    async def act(reader: VenueReader, writer: VenueWriter) -> None:
        # The venue's clock and this computer's both count, and other tests move the first.
        past_ms = min(venue.now_ms(), time.time_ns() // 1_000_000) - 60_000
        late = await writer.place(order(trader, 1, expires_ms=past_ms))
        assert late == Refused("Action already expired")

    protect(venue, trader, monkeypatch, act)
    assert trader.held(COIN)["szi"] == "3.0"


def test_a_key_that_the_account_has_not_approved_is_told_before_it_is_needed(
    venue: Venue, trader: Trader, other: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, key = trader.exchange.approve_agent()
    monkeypatch.setenv("AGENT_KEY", key)
    monkeypatch.setenv("OWNER_KEY", trader.key)
    gateway = gateway_of("hyperliquid")
    network = gateway.network(url=venue.url)

    def checked(address: str, source: str) -> str:
        async def ask() -> str:
            writer = gateway.writer(network, address, source)
            try:
                return await writer.check()
            finally:
                await writer.close()

        return asyncio.run(ask())

    assert checked(trader.address, "env:AGENT_KEY") == ""
    assert checked(trader.address, "env:OWNER_KEY") == ""
    assert "not of" in checked(other.address, "env:AGENT_KEY")
    assert "has not approved" in checked(other.address, "env:OWNER_KEY")
    # Another agent takes the place of the one without a name.
    trader.exchange.approve_agent()
    assert "or no longer" in checked(trader.address, "env:AGENT_KEY")


def test_a_unified_account_with_a_position_on_a_builders_dex(
    dex_venue: Venue,
    dex_maker: Maker,
    new_dex_trader: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gold = "xyz:GOLD"
    dex_venue.settle(COIN, PRICE, dex_maker)
    dex_venue.settle(gold, 3000.0, dex_maker)
    trader = new_dex_trader(50_000)
    unified = trader.exchange.user_set_abstraction(trader.address, "unifiedAccount")
    assert unified["status"] == "ok"
    filled(trader.exchange.market_open(COIN, True, 1.0))

    async def act(reader: VenueReader, writer: VenueWriter) -> None:
        await until(reader, lambda state: set(held(state)) == {COIN})
        await asyncio.to_thread(trader.exchange.market_open, gold, True, 2.0)
        state = await until(reader, lambda state: {gold, COIN} <= set(state.books))
        assert state.reported.marks[gold] == 3000
        # A pool of the account's own, whose equity the venue does not state.
        assert state.reported.cross_equity == {}
        assert set(state.reported.cross_maintenance) == {""}
        parts = [trader.state(dex)["crossMaintenanceMarginUsed"] for dex in ("", "xyz")]
        total = sum(int(Decimal(each) * MICRO) for each in parts)
        assert state.reported.cross_maintenance[""] == total > 0
        assert state.wallet == 0
        assert state.net_deposits == 50_000 * MICRO
        name = order(trader, 1).client_id
        sell = order(trader, 1, market=gold, size=2 * 10**4, price=2900 * 100, client_id=name)
        assert isinstance(await writer.place(sell), Accepted)
        await until(reader, lambda state: set(held(state)) == {COIN})
        assert isinstance(await writer.add_collateral(MICRO), Refused)

    protect(dex_venue, trader, monkeypatch, act, ())


# -- faults ----------------------------------------------------------------------------------------


def test_a_connection_that_ends_is_noticed_and_everything_is_read_again(
    venue: Venue, trader: Trader
) -> None:
    async def act(between: Between) -> None:
        reader = Reader(between.url, trader.address, [COIN], pauses_s=(0.05,))

        async def inside() -> None:
            assert (await until(reader, lambda state: state.is_live)).connection == 1
            between.is_down = True
            for socket in list(between.sockets):
                await socket.close()
            state = await until(reader, lambda state: not state.is_live and state.trouble)
            assert "connection ended" in state.trouble or "503" in state.trouble
            # What happens meanwhile is there afterwards.
            await asyncio.to_thread(trader.exchange.market_open, COIN, True, 2.0)
            await asyncio.to_thread(venue.control.fund, trader.address, 700)
            assert not held(reader.state() or state)
            between.is_down = False
            state = await until(reader, lambda state: state.is_live)
            assert state.connection > 1
            assert COIN in held(state)
            assert state.net_deposits == 100_700 * MICRO
            assert [each.size for each in state.fills] == [Decimal("2.0")]
            assert state.trouble == ""

        await _following(reader, inside)

    asyncio.run(with_between(venue, act))


def test_a_silent_connection_is_made_up_for_by_questions(venue: Venue, trader: Trader) -> None:
    later = Later()

    async def act(between: Between) -> None:
        clock = VenueClock(later)
        reader = Reader(between.url, trader.address, [COIN], clock=clock, quiet_s=0.3)

        async def inside() -> None:
            await until(reader, lambda state: state.is_live and book_of(COIN) in state.inputs)
            between.is_silent = True
            await asyncio.to_thread(trader.exchange.market_open, COIN, True, 2.0)
            state = await until(reader, lambda state: COIN in held(state))
            assert state.connection == 1
            resting(await asyncio.to_thread(trader.exchange.order, COIN, True, 0.2, 1100, GTC))
            state = await until(reader, lambda state: state.orders)
            # Nothing answers at all: what is known is kept, and its age is told.
            between.is_down = True
            later.seconds = 3.0
            assert age(reader) >= 3000
            assert COIN in held(reader.state() or state)

        await _following(reader, inside)

    asyncio.run(with_between(venue, act))


def test_what_comes_twice_counts_once(venue: Venue, trader: Trader) -> None:
    """Every message of the stream comes again, also after a connection that ended."""

    async def act(between: Between) -> None:
        between.repeats = 2
        reader = Reader(between.url, trader.address, [COIN], pauses_s=(0.05,))
        name = Cloid(client_id(int(trader.address, 16) % 2**64))

        async def inside() -> None:
            state = await until(reader, lambda state: state.is_live and COIN in state.volumes)
            before = state.volumes[COIN]
            filled(await asyncio.to_thread(trader.exchange.market_open, COIN, True, 2.0))
            oid = await asyncio.to_thread(
                trader.exchange.order, COIN, True, 0.2, 1100, GTC, False, name
            )
            resting(oid)
            await asyncio.to_thread(trader.exchange.cancel_by_cloid, COIN, name)
            await asyncio.to_thread(venue.control.fund, trader.address, 700)
            await until(reader, lambda state: state.net_deposits == 100_700 * MICRO)
            await until(reader, lambda state: ended(state) == {name.to_raw(): "cancelled"})
            await until(reader, lambda state: state.volumes[COIN] == before + 2.0)
            for socket in list(between.sockets):
                await socket.close()
            state = await until(reader, lambda state: state.is_live and state.connection == 2)
            filled(await asyncio.to_thread(trader.exchange.market_open, COIN, True, 1.0))
            state = await until(reader, lambda state: len(state.fills) > 1)
            assert [each.size for each in state.fills] == [Decimal("2.0"), Decimal("1.0")]
            assert ended(state) == {name.to_raw(): "cancelled"}
            assert state.net_deposits == 100_700 * MICRO
            state = await until(reader, lambda state: state.volumes[COIN] >= before + 3.0)
            assert state.volumes[COIN] == before + 3.0

        await _following(reader, inside)

    asyncio.run(with_between(venue, act))


def ended(state: VenueState) -> dict[str, str]:
    return {each.client_id: each.state for each in state.endings}


def test_an_order_that_has_ended_is_not_open_again(venue: Venue, trader: Trader) -> None:
    """Its first message is delivered once more, with the time of the last."""

    async def act(between: Between) -> None:
        reader = Reader(between.url, trader.address, [COIN])
        name = Cloid(client_id(int(trader.address, 16) % 2**64))
        updates: list[str] = []

        def shown(text: str) -> str:
            if '"channel":"orderUpdates"' in text:
                updates.append(text)
            return text

        between.shown = shown

        async def inside() -> None:
            await asyncio.to_thread(trader.exchange.order, COIN, True, 0.2, 1100, GTC, False, name)
            await until(reader, lambda state: ended(state) == {name.to_raw(): "open"})
            await asyncio.to_thread(trader.exchange.cancel_by_cloid, COIN, name)
            await until(reader, lambda state: ended(state) == {name.to_raw(): "cancelled"})
            first, last = (json.loads(each)["data"][0] for each in (updates[0], updates[-1]))
            first["statusTimestamp"] = last["statusTimestamp"]
            again = {"channel": "orderUpdates", "data": [first]}
            before = await reader.changed(0, 0.0)
            await between.sockets[-1].send_str(json.dumps(again))
            filled(await asyncio.to_thread(trader.exchange.market_open, COIN, True, 2.0))
            await until(reader, lambda state: state.fills)
            assert await reader.changed(0, 0.0) > before
            await until(reader, lambda state: ended(state) == {name.to_raw(): "cancelled"})

        await _following(reader, inside)

    asyncio.run(with_between(venue, act))


def test_a_message_that_lacks_a_part_ends_the_connection_and_nothing_else(
    venue: Venue, trader: Trader
) -> None:
    async def act(between: Between) -> None:
        reader = Reader(between.url, trader.address, [COIN], pauses_s=(0.05,))
        between.shown = lambda text: text.replace('"clearinghouseStates"', '"states"')

        async def inside() -> None:
            wanted = "clearinghouseStates: missing"
            state = await until(reader, lambda state: wanted in state.trouble)
            assert not state.is_live
            between.shown = str
            state = await until(reader, lambda state: state.is_live)
            assert state.trouble == ""

        following = asyncio.create_task(reader.run())
        await inside()
        following.cancel()

    asyncio.run(with_between(venue, act))


def test_an_account_older_than_the_last_is_not_taken_and_that_is_said(
    venue: Venue, trader: Trader
) -> None:
    async def act(between: Between) -> None:
        later = Later()
        reader = Reader(between.url, trader.address, [COIN], clock=VenueClock(later), quiet_s=0.3)

        async def inside() -> None:
            filled(await asyncio.to_thread(trader.exchange.market_open, COIN, True, 2.0))
            state = await until(reader, lambda state: COIN in held(state))
            past = state.time_ms - 3_600_000
            between.shown = lambda text: re.sub(
                r'("withdrawable":"[0-9.]+",.*?"time":)[0-9]+', rf"\g<1>{past}", text
            )
            await asyncio.to_thread(trader.exchange.market_close, COIN)
            await until(reader, lambda state: len(state.fills) == 2)
            await asyncio.sleep(0)
            assert COIN in held(reader.state() or state)
            later.seconds = 2 * BACK_S
            state = await until(reader, lambda state: "as it was" in state.trouble)
            # It never counts as fresh.
            assert age(reader) >= 1000 * BACK_S
            between.shown = str
            await until(reader, lambda state: not held(state) and not state.trouble)

        await _following(reader, inside)

    asyncio.run(with_between(venue, act))


def test_orders_are_as_old_as_those_of_the_dex_that_is_silent(
    dex_venue: Venue, dex_maker: Maker, new_dex_trader: Make
) -> None:
    gold = "xyz:GOLD"
    dex_venue.settle(COIN, PRICE, dex_maker)
    dex_venue.settle(gold, 3000.0, dex_maker)
    trader = new_dex_trader(50_000)
    trader.exchange.user_set_abstraction(trader.address, "unifiedAccount")

    async def act(between: Between) -> None:
        later = Later()
        reader = Reader(between.url, trader.address, [COIN], clock=VenueClock(later), quiet_s=0.3)

        async def inside() -> None:
            # Nothing is in that dex yet, so its silence is none of the account's.
            between.unheard = '"dex": "xyz"'
            resting(await asyncio.to_thread(trader.exchange.order, COIN, True, 0.2, 1100, GTC))
            state = await until(reader, lambda state: state.orders)
            later.seconds += 60.0
            await until(reader, lambda state: age(reader, ORDERS) < 30_000)
            resting(await asyncio.to_thread(trader.exchange.order, gold, True, 0.2, 2000, GTC))
            await until(reader, lambda state: len(state.orders) == 2)
            sequence = state.inputs[ORDERS].sequence
            later.seconds += 60.0
            resting(await asyncio.to_thread(trader.exchange.order, COIN, True, 0.2, 1100, GTC))
            state = await until(reader, lambda state: len(state.orders) == 3)
            assert state.inputs[ORDERS].sequence > sequence
            assert age(reader, ORDERS) >= 60_000
            between.unheard = ""
            await until(reader, lambda state: age(reader, ORDERS) < 30_000)

        await _following(reader, inside)

    asyncio.run(with_between(dex_venue, act))


def test_a_market_that_the_venue_does_not_know_is_said_and_the_others_are_followed(
    venue: Venue, trader: Trader
) -> None:
    reader = Reader(venue.url, trader.address, ["GONE", COIN])

    async def act() -> None:
        state = await until(reader, lambda state: state.is_live and COIN in state.books)
        assert "GONE cannot be followed" in state.trouble

    asyncio.run(_following(reader, act))


def test_a_reader_cannot_trade() -> None:
    gateway = gateway_of("hyperliquid")
    reader = gateway.reader(gateway.network(), "0x" + "ab" * 20)
    assert {name for name in dir(reader) if not name.startswith("_")} == {
        "address", "changed", "order", "run", "state", "url", "watch",
    }  # fmt: skip
    assert not any("key" in name or "sign" in name for name in vars(reader))
