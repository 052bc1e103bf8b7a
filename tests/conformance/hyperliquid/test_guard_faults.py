"""What a venue and a network do wrong while the guard acts: it does its step once, and all of it.

Lost and unanswered actions, a venue that goes away, and signal 9 are in ``test_guard.py``.
"""

import asyncio
import re
import signal
from collections.abc import Callable
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

import pytest

from seawall.guard.journal import Acted, read_journal
from seawall.guard.loop import Guard
from seawall.guard.observe import Observer
from seawall.venues.gateway_port import Refused
from tests import waiting
from tests.conformance.between import Between
from tests.conformance.hyperliquid import guarded_day
from tests.conformance.hyperliquid.killed_guard import HALF, SLICES, THIN
from tests.conformance.hyperliquid.running import Venue, started
from tests.conformance.hyperliquid.test_guard import STOP, Guarded, size_of
from tests.conformance.hyperliquid.trader import IOC, Maker, Trader, filled

pytestmark = pytest.mark.conformance

COIN, PRICE, FALLEN = "ETH", 2000.0, 1985.0


@pytest.fixture
def guarded(
    venue: Venue, maker: Maker, new_trader: Callable[[float], Trader], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str], Guarded]:  # fmt: skip
    venue.settle(COIN, PRICE, maker)

    def make(text: str) -> Guarded:
        found = Guarded(venue, new_trader(10_000), tmp_path / "guard.journal", text)
        monkeypatch.setenv("AGENT_KEY", found.key)
        filled(found.trader.exchange.market_open(COIN, True, 70.0))
        return found

    return make


def sold(trader: Trader) -> Decimal:
    sizes = (Decimal(each["sz"]) for each in trader.fills() if each["side"] == "A")
    return sum(sizes, Decimal(0))


async def is_size(trader: Trader, size: int) -> None:
    await waiting.eventually(lambda: asyncio.to_thread(lambda: size_of(trader) == size))


def test_refused_and_filled_in_parts_it_closes_its_share_and_no_more(
    guarded: Callable[[str], Guarded], venue: Venue, maker: Maker
) -> None:
    made = guarded(HALF)
    trader = made.trader

    async def act(guard: Guard, observer: Observer) -> None:
        await waiting.until(lambda: observer.view() is not None)
        # Nobody bids when the mark falls: an order that must fill at once is refused.
        await asyncio.to_thread(maker.quote, COIN, FALLEN, 400.0)
        await asyncio.to_thread(venue.control.price, COIN, FALLEN)
        await asyncio.to_thread(venue.control.advance, 6_000)
        await waiting.until(lambda: len(made.placed()) >= 2)
        # Then three coins on each of three levels, a few times.
        while await asyncio.to_thread(size_of, trader) > 35:
            await asyncio.to_thread(maker.quote, COIN, FALLEN, 6_000.0)
            await asyncio.sleep(0)
        for _ in range(3):
            await guard.look()

    made.run(act)
    assert size_of(trader) == 35
    assert sold(trader) == 35
    assert len(made.placed()) > 4
    outcomes = [each.outcome for each in read_journal(made.path) if isinstance(each, Acted)]
    assert any(isinstance(each, Refused) and each.was_sent for each in outcomes)


def test_answers_that_say_something_old_let_nothing_be_sent(
    guarded: Callable[[str], Guarded], venue: Venue, maker: Maker
) -> None:
    made = guarded(HALF + '[inputs]\naccount = { max_age = "1s", outcome = "defer" }\n')

    async def act(between: Between, guard: Guard, observer: Observer) -> None:
        await waiting.until(lambda: observer.view() is not None)
        view = observer.view()
        assert view is not None
        past = view.time_ms - 60_000
        between.shown = lambda text: re.sub(
            r'("withdrawable":"[0-9.]+",.*?"time":)[0-9]+', rf"\g<1>{past}", text
        )
        await waiting.until(lambda: any("account:" in each.text for each in made.alerts))
        await asyncio.to_thread(venue.settle, COIN, FALLEN, maker)
        for _ in range(5):
            await guard.look()
        assert between.actions == []
        between.shown = str
        await is_size(made.trader, 35)

    made.run_through(act)
    assert sold(made.trader) == 35


def test_a_venue_whose_clock_is_hours_away_is_guarded(
    guarded: Callable[[str], Guarded], venue: Venue, maker: Maker
) -> None:
    made = guarded(HALF + STOP)
    venue.control.advance(5 * 3_600_000)

    async def act(guard: Guard, observer: Observer) -> None:
        await waiting.until(lambda: observer.view() is not None)
        await asyncio.to_thread(venue.settle, COIN, FALLEN, maker)
        await is_size(made.trader, 35)

    made.run(act)
    assert sold(made.trader) == 35


def test_a_venue_that_is_killed_and_started_again_in_the_middle_of_a_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slices rest when it goes; the next process has them, and the guard goes on with them."""
    with ExitStack() as stack:
        start = ("--data", str(tmp_path / "venue"))
        first = stack.enter_context(started(*start))
        maker, taker = (Maker(first.url, key) for _, key in first.users[8:10])
        for each in (maker, taker):
            first.control.fund(each.address, 200_000_000)
        trader = Trader(first.url, first.users[1][1])
        trader.exchange.usd_class_transfer(float(trader.value()) - 10_000.0, to_perp=False)
        first.settle(COIN, PRICE, maker)
        filled(trader.exchange.market_open(COIN, True, 70.0))
        made = Guarded(first, trader, tmp_path / "guard.journal", SLICES + STOP)
        monkeypatch.setenv("AGENT_KEY", made.key)

        def again() -> tuple[Venue, Maker, Maker, Trader]:
            first.process.send_signal(signal.SIGKILL)
            first.process.wait()
            second = stack.enter_context(started(*start))
            makers = [Maker(second.url, key) for _, key in first.users[8:10]]
            return second, makers[0], makers[1], Trader(second.url, first.users[1][1])

        async def act(between: Between, guard: Guard, observer: Observer) -> None:
            await waiting.until(lambda: observer.view() is not None)
            await asyncio.to_thread(first.settle, COIN, FALLEN, maker, notional=THIN)
            await waiting.eventually(lambda: asyncio.to_thread(lambda: slices(trader)))
            between.is_down = True
            second, new_maker, new_taker, new_trader = await asyncio.to_thread(again)
            for socket in list(between.sockets):
                await socket.close()
            between.venue, between.is_down = second, False
            while await asyncio.to_thread(size_of, new_trader):
                buy = new_taker.exchange.order
                await asyncio.to_thread(buy, COIN, True, 13.0, 1986.0, IOC)
                await asyncio.to_thread(new_maker.quote, COIN, FALLEN, THIN)
            assert sold(new_trader) == 70
            assert second.check()["broken"] == 0

        made.run_through(act)


def slices(trader: Trader) -> list[str]:
    orders = trader.info.frontend_open_orders(trader.address)
    return [each["cloid"] for each in orders if not each["isTrigger"]]


def test_a_short_day_with_four_policies_on_four_accounts(tmp_path: Path) -> None:
    """``guarded_day`` in short: what it judges on any machine."""
    with started(*guarded_day.settings(60.0, 0.25)) as venue:
        made, faults = guarded_day.play(venue, tmp_path, 0.05)
        assert faults == []
        assert {each.setting.policy for each in made} == {
            "scalper", "macro_book", "hybrid", "small",
        }  # fmt: skip
        for each in made:
            assert each.counts().ticks > 0
            assert each.counts().orders > 0, each.row(0.05)
            assert "journal" in each.row(0.05)
            assert any(isinstance(entry, Acted) for entry in read_journal(each.journal))
