"""A running guard over real sockets: a policy, an official client's account, a falling mark."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from seawall.domain.units import PPM
from seawall.guard.actions import AddMargin, Alert, PlaceOrder
from seawall.guard.journal import Acted, Decided, Journal, read_journal
from seawall.guard.loop import Guard
from seawall.guard.observe import Observer
from seawall.guard.policy_file import parse_policy
from seawall.venues.gateway_port import Accepted, Unknown
from seawall.venues.registry import gateway_of
from tests import waiting
from tests.conformance.between import Between, with_between
from tests.conformance.hyperliquid.killed_guard import HALF, play
from tests.conformance.hyperliquid.running import Venue
from tests.conformance.hyperliquid.trader import GTC, Maker, Trader, filled, resting

pytestmark = pytest.mark.conformance

COIN, PRICE = "ETH", 2000.0
HEAD = 'name = "test"\n[account]\nrisk_capital = 10_000\n'
STOP = '[[stop]]\nname = "s"\ndistance = "60%"\nclearance = "0.1%"\nslippage = "0.5%"\n'


@pytest.fixture(autouse=True)
def _book(venue: Venue, maker: Maker) -> None:
    venue.settle(COIN, PRICE, maker)


class Guarded:
    """Runs guards of one account, one after the other, on one journal."""

    def __init__(self, venue: Venue, trader: Trader, path: Path, text: str) -> None:
        self.venue, self.trader, self.path = venue, trader, path
        self.policy = parse_policy(HEAD + text)
        self.alerts: list[Alert] = []
        approved, self.key = trader.exchange.approve_agent()
        assert approved["status"] == "ok"

    def run(
        self, act: Callable[[Guard, Observer], Awaitable[Any]], *, is_armed: bool = True
    ) -> Any:
        """What ``act`` gives while a guard runs, which is then ended."""
        return asyncio.run(self._run(act, is_armed))

    async def _run(
        self, act: Callable[[Guard, Observer], Awaitable[Any]], is_armed: bool, url: str = ""
    ) -> Any:
        gateway = gateway_of("hyperliquid")
        network = gateway.network(url=url or self.venue.url)
        reader = gateway.reader(network, self.trader.address, [COIN])
        writer = gateway.writer(network, self.trader.address, "env:AGENT_KEY") if is_armed else None
        observer = Observer("hyperliquid", reader, [COIN])
        journal = Journal(self.path)
        guard = Guard(self.policy, reader, observer, journal, writer, self.alerts.append)
        tasks = [asyncio.create_task(reader.run()), asyncio.create_task(guard.run())]
        try:
            acting = asyncio.ensure_future(act(guard, observer))
            await asyncio.wait([*tasks, acting], return_when=asyncio.FIRST_COMPLETED)
            for each in tasks:
                if each.done():
                    each.result()
            return await acting
        finally:
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            journal.close()
            if writer is not None:
                await writer.close()

    def run_through(self, act: Callable[[Between, Guard, Observer], Awaitable[Any]]) -> None:
        """The same with something between the guard and the venue."""

        async def inside(between: Between) -> None:
            await self._run(lambda guard, seen: act(between, guard, seen), True, between.url)

        asyncio.run(with_between(self.venue, inside))

    def placed(self) -> list[PlaceOrder]:
        """Orders that were decided on, in all runs."""
        return [
            action
            for entry in read_journal(self.path)
            if isinstance(entry, Decided)
            for action in entry.actions
            if isinstance(action, PlaceOrder)
        ]


@pytest.fixture
def guarded(
    venue: Venue,
    new_trader: Callable[[float], Trader],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str], Guarded]:
    def make(text: str) -> Guarded:
        found = Guarded(venue, new_trader(10_000), tmp_path / "guard.journal", text)
        monkeypatch.setenv("AGENT_KEY", found.key)
        return found

    return make


def size_of(trader: Trader) -> Decimal:
    position = trader.position(COIN)
    return Decimal(0) if position is None else Decimal(position["szi"])


async def decided(guard: Guard, times: int) -> None:
    """Until there were so many looks more."""
    for _ in range(times):
        await guard.look()


def test_a_step_closes_its_share_once_and_a_restart_does_nothing_again(
    guarded: Callable[[str], Guarded], venue: Venue, maker: Maker
) -> None:
    made = guarded(HALF)
    trader = made.trader
    filled(trader.exchange.market_open(COIN, True, 70.0))

    async def fall(guard: Guard, observer: Observer) -> None:
        await waiting.until(lambda: observer.view() is not None)
        view = observer.view()
        assert view is not None
        # The mirror's figures are the venue's at the venue's own marks.
        (bucket,) = view.buckets
        assert bucket.reported_equity is not None
        assert abs(bucket.equity - bucket.reported_equity) * PPM <= bucket.equity * 10
        assert bucket.reported_maintenance is not None
        assert abs(bucket.maintenance - bucket.reported_maintenance) <= 1
        assert size_of(trader) == 70
        await asyncio.to_thread(venue.settle, COIN, 1985.0, maker)
        await waiting.eventually(lambda: asyncio.to_thread(lambda: size_of(trader) == 35))

    made.run(fall)
    # On a slow machine an order may expire before it reaches the venue, and is sent anew.
    placed = made.placed()
    assert placed
    (outcome,) = [
        each.outcome
        for each in read_journal(made.path)
        if isinstance(each, Acted) and isinstance(each.outcome, Accepted) and each.outcome.order_id
    ]
    assert outcome.state == "filled"

    async def again(guard: Guard, observer: Observer) -> None:
        await waiting.until(lambda: observer.view() is not None)
        await decided(guard, 5)

    made.run(again)
    assert size_of(trader) == 35
    assert made.placed() == placed


def test_a_stop_rests_follows_the_size_and_leaves_with_the_position(
    guarded: Callable[[str], Guarded],
) -> None:
    made = guarded(STOP)
    trader = made.trader
    filled(trader.exchange.market_open(COIN, True, 30.0))

    def stops() -> list[Decimal]:
        orders = trader.info.frontend_open_orders(trader.address)
        return [Decimal(each["sz"]) for each in orders if each["isTrigger"] and each["reduceOnly"]]

    async def follow(guard: Guard, observer: Observer) -> None:
        await waiting.eventually(lambda: asyncio.to_thread(lambda: stops() == [Decimal(30)]))
        await asyncio.to_thread(trader.exchange.market_open, COIN, False, 10.0)
        await waiting.eventually(lambda: asyncio.to_thread(lambda: stops() == [Decimal(20)]))
        await asyncio.to_thread(trader.exchange.market_close, COIN)
        await waiting.eventually(lambda: asyncio.to_thread(lambda: stops() == []))

    made.run(follow)
    assert size_of(trader) == 0


@pytest.mark.parametrize("fault", ["lost", "unanswered", "silent and unanswered"])
def test_an_order_whose_answer_is_lost_is_asked_for_and_done_once(
    guarded: Callable[[str], Guarded], venue: Venue, maker: Maker, fault: str
) -> None:
    made = guarded(HALF)
    trader = made.trader
    filled(trader.exchange.market_open(COIN, True, 70.0))

    async def fall(between: Between, guard: Guard, observer: Observer) -> None:
        await waiting.until(lambda: observer.view() is not None)
        between.lost = int(fault == "lost")
        between.unanswered = int("unanswered" in fault)
        between.is_silent = "silent" in fault
        await asyncio.to_thread(venue.settle, COIN, 1985.0, maker)
        await waiting.eventually(lambda: asyncio.to_thread(lambda: size_of(trader) == 35))
        # It has seen that, too, and does not go on.
        await waiting.until(lambda: observer.view().positions[0].size == 350_000)  # type: ignore[union-attr]
        await decided(guard, 5)
        assert len(between.actions) == (2 if fault == "lost" else 1)

    made.run_through(fall)
    assert size_of(trader) == 35
    ids = {each.client_id for each in made.placed()}
    assert len(ids) == 1, "what is sent again has the same id"
    outcomes = [each.outcome for each in read_journal(made.path) if isinstance(each, Acted)]
    assert any(isinstance(each, Unknown) for each in outcomes)


def test_a_venue_that_goes_away_in_the_middle_is_waited_for(
    guarded: Callable[[str], Guarded], venue: Venue, maker: Maker
) -> None:
    made = guarded(HALF)
    trader = made.trader
    filled(trader.exchange.market_open(COIN, True, 70.0))

    async def fall(between: Between, guard: Guard, observer: Observer) -> None:
        await waiting.until(lambda: observer.view() is not None)
        between.is_down = True
        for socket in list(between.sockets):
            await socket.close()
        await asyncio.to_thread(venue.settle, COIN, 1985.0, maker)
        await waiting.until(lambda: any("defer" in each.text for each in made.alerts))
        assert size_of(trader) == 70
        between.is_down = False
        await waiting.eventually(lambda: asyncio.to_thread(lambda: size_of(trader) == 35))
        await decided(guard, 5)

    made.run_through(fall)
    assert size_of(trader) == 35


def test_without_a_writer_it_says_what_it_would_do(
    guarded: Callable[[str], Guarded], venue: Venue, maker: Maker
) -> None:
    made = guarded(HALF)
    trader = made.trader
    filled(trader.exchange.market_open(COIN, True, 70.0))
    entry = resting(trader.exchange.order(COIN, True, 0.2, 1100, GTC))

    async def fall(guard: Guard, observer: Observer) -> None:
        await asyncio.to_thread(venue.settle, COIN, 1985.0, maker)
        await waiting.until(lambda: made.path.exists() and made.placed())

    made.run(fall, is_armed=False)
    assert size_of(trader) == 70
    assert [each["oid"] for each in trader.open_orders()] == [entry]
    reasons = [
        each.outcome.reason
        for each in read_journal(made.path)
        if isinstance(each, Acted) and not isinstance(each.outcome, Accepted)
    ]
    assert any("not armed" in each for each in reasons)
    assert made.key.removeprefix("0x") not in made.path.read_text()
    assert not any(isinstance(each, AddMargin) for each in made.placed())


@pytest.mark.parametrize("seed", [2, 3])
def test_killed_with_signal_9_it_does_no_step_twice_and_loses_none(
    venue: Venue, maker: Maker, new_trader: Callable[[float], Trader], tmp_path: Path, seed: int
) -> None:
    traders = new_trader(10_000), new_trader(10_000_000)
    found = play(venue, maker, traders, tmp_path, kills=3, seed=seed)
    assert found["kills"] == 3
