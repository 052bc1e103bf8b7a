"""The host: one writer, work in order, answers, refusals, listeners, failures."""

import asyncio
import logging

import pytest

from seawall.domain.commands import CreateAccount, Deposit
from seawall.domain.enums import Side
from seawall.domain.errors import InputError
from seawall.domain.events import CommandRejected, OrderAccepted, OrderFilled
from seawall.sandbox.clock import Clock
from seawall.sandbox.host import HostOptions, HostStopped
from seawall.venues.port import Plan, Record, Refusal
from tests.sandbox.venue import BTC, PRICE, START_MS, USD, do, open_host, order, run, set_up
from tests.waiting import Elapsed, until


def test_work_is_planned_applied_and_answered():
    async def main(host):
        maker, taker = await set_up(host)
        rested = await do(host, order(maker, Side.SELL))
        assert isinstance(rested.applied[0].events[0], OrderAccepted)
        filled = await do(host, order(taker, Side.BUY))
        kinds = [type(event) for event in filled.applied[0].events]
        assert kinds == [OrderFilled, OrderFilled]
        assert filled.time_ms == host.now_ms() == START_MS
        assert host.engine.tables["markets"]["open_interest"][BTC] > 0

    run(main)


def test_a_planner_sees_records_before_it_and_alone_also_commands():
    seen = []

    def look(host):
        def planner(time_ms):
            used = int(host.engine.tables["control"]["accounts_used"][0])
            seen.append((len(host.directory.seen), used))
            return Plan([CreateAccount(time_ms)], [Record("account", {"n": len(seen)})])

        return planner

    async def main(host):
        await asyncio.gather(host.submit(look(host)), host.submit(look(host)))
        await asyncio.gather(host.submit(look(host)), host.submit(look(host), alone=True))

    run(main)
    assert seen == [(0, 5), (1, 5), (2, 7), (3, 8)]


def test_refusals_and_bad_plans_fail_their_own_work_only(caplog):
    def refuse(time_ms):
        raise Refusal("no")

    def break_down(time_ms):
        raise RuntimeError("a bug")

    def too_big(time_ms):
        return Plan([Deposit(time_ms, 5, 2**70)], [Record("never", {})])

    def of_another_time(time_ms):
        return Plan([CreateAccount(time_ms + 1)])

    async def main(host):
        work = [host.submit(one) for one in (refuse, break_down, too_big, of_another_time)]
        answers = await asyncio.gather(*work, do(host, (CreateAccount,)), return_exceptions=True)
        assert [str(answer) for answer in answers[:4]] == ["no"] + ["internal error"] * 3
        assert answers[4].applied[0].events[0].account == 5
        assert host.engine.sequence == 1
        assert host.directory.seen == []

    run(main)
    assert "a bug" in caplog.text


def test_a_rejection_of_the_machine_is_an_answer():
    async def main(host):
        done = await do(host, (Deposit, 99, USD))
        assert isinstance(done.applied[0].events[0], CommandRejected)

    run(main)


def test_a_full_queue_is_busy():
    async def main(host):
        work = [asyncio.ensure_future(do(host, (CreateAccount,))) for _ in range(6)]
        answers = await asyncio.gather(*work, return_exceptions=True)
        assert [isinstance(answer, Refusal) for answer in answers] == [False] * 4 + [True] * 2
        assert host.waiting == 0

    run(main, options=HostOptions(tick_ms=0, max_waiting=4))


def test_a_full_queue_has_room_for_what_uses_the_reserve():
    async def main(host):
        def plan(time_ms):
            return Plan([CreateAccount(time_ms)])

        asked = [False] * 5 + [True] * 2
        work = [host.submit(plan, uses_reserve=each) for each in asked]
        answers = await asyncio.gather(*work, return_exceptions=True)
        refused = [isinstance(answer, Refusal) for answer in answers]
        assert refused == [False] * 4 + [True, False, True]

    run(main, options=HostOptions(tick_ms=0, max_waiting=4))


def test_who_has_gone_is_not_served():
    async def main(host):
        work = asyncio.ensure_future(do(host, (CreateAccount,)))
        await asyncio.sleep(0)
        work.cancel()
        await do(host, (CreateAccount,))
        assert host.engine.sequence == 1

    run(main)


def test_listeners_hear_each_piece_of_work_and_cannot_break_the_writer(caplog):
    heard = []

    def bad(applied):
        raise ValueError("deaf")

    async def main(host):
        host.listen(bad)
        stop = host.listen(lambda applied: heard.append(len(applied)))
        await do(host, (CreateAccount,), (Deposit, 5, USD))
        await do(host, records=(Record("only", {}),))
        await do(host, (CreateAccount,))
        stop()
        stop()
        await do(host, (CreateAccount,))

    run(main)
    assert heard == [2, 1]
    assert "deaf" in caplog.text


def test_a_failed_write_stops_everything(tmp_path, caplog):
    async def main():
        host = open_host(tmp_path)
        await host.start()
        await do(host, (CreateAccount,))
        host._storage.write = lambda *_: (_ for _ in ()).throw(OSError("no space left"))
        work = [do(host, (CreateAccount,)) for _ in range(3)]
        answers = await asyncio.gather(*work, return_exceptions=True)
        assert all(isinstance(answer, HostStopped) for answer in answers)
        assert host.engine.sequence == 1
        with pytest.raises(HostStopped, match="no space left"):
            await do(host, (CreateAccount,))
        with pytest.raises(OSError, match="no space left"):
            await host.stop()

    with caplog.at_level(logging.CRITICAL):
        asyncio.run(main())
    assert "the venue stops" in caplog.text


def test_nothing_is_taken_before_the_start_and_after_the_stop():
    async def main():
        host = open_host()
        with pytest.raises(HostStopped):
            await do(host, (CreateAccount,))
        await host.start()
        await host.stop()
        with pytest.raises(HostStopped):
            await do(host, (CreateAccount,))

    asyncio.run(main())


def test_time_passes_by_itself_and_by_hand():
    real = Elapsed()

    async def by_itself(host):
        for tick in (1, 2, 3):
            real.pass_seconds(0.01)
            await until(lambda now=START_MS + 500 * tick: host.engine.clock_ms == now)
        assert host.engine.sequence >= 3
        host.clock.pause()
        real.pass_seconds(100)
        assert host.now_ms() == START_MS + 1500

    run(by_itself, clock=Clock(50, START_MS, real), options=HostOptions(tick_ms=250))

    async def by_hand(host):
        await set_up(host)
        assert await host.advance(90_000) == START_MS + 90_000
        assert host.engine.clock_ms == START_MS + 90_000

    run(by_hand)


def test_a_settlement_is_a_command_of_its_own_at_its_time():
    times = []

    async def main(host):
        await set_up(host)
        await host.advance(1)
        host.listen(lambda applied: times.extend(one.time_ms for one in applied))
        host.clock.advance(3 * 3_600_000)
        await do(host, (CreateAccount,))

    run(main)
    # The listener hears the settlements too.
    hours = [time_ms % 3_600_000 for time_ms in times[:-1]]
    assert hours == [0, 0, 0]
    assert times[-1] == START_MS + 1 + 3 * 3_600_000


def test_the_clock():
    now = [0]
    clock = Clock(10, 1000, lambda: now[0] * 1_000_000)
    now[0] = 5
    assert clock.now_ms() == 1050
    clock.pause()
    now[0] = 9
    assert (clock.now_ms(), clock.advance(7), clock.now_ms()) == (1050, 1057, 1057)
    clock.resume()
    now[0] = 10
    assert clock.now_ms() == 1067
    clock.set_speed(0)
    now[0] = 99
    assert clock.now_ms() == 1067
    assert clock.manual
    clock.begin(5000)
    assert clock.now_ms() == 5000
    clock.reset(10)
    assert clock.now_ms() == 10
    with pytest.raises(ValueError, match="go back"):
        clock.advance(-1)
    for wrong in (-1, 1001, float("nan")):
        with pytest.raises(InputError, match=r"speed: .* from 0 to 1000"):
            Clock(wrong)


def test_save_points_and_reverts_in_memory():
    async def main(host):
        maker, taker = await set_up(host)
        await do(host, order(maker, Side.SELL), records=(Record("one", {}),))
        at = await host.save_point("before")
        state, names = host.engine.state_hash(), list(host.directory.seen)
        await do(host, order(taker, Side.BUY), records=(Record("two", {}),))
        host.clock.advance(5000)
        assert await host.revert("before") == at == host.engine.sequence
        assert (host.engine.state_hash(), host.directory.seen) == (state, names)
        assert host.now_ms() == START_MS
        assert host.history.trades(BTC) == []
        assert host.history.orders(maker)[0].status == "open"
        await do(host, order(taker, Side.BUY))
        assert [fill.price for fill in host.history.trades(BTC)] == [PRICE]
        assert host.save_points() == ["before"]
        with pytest.raises(InputError, match=r"name: 'unknown' should be .* before"):
            await host.revert("unknown")
        with pytest.raises(InputError, match="letters"):
            await host.save_point("../x")

    run(main)
