"""A shock moves the price through the book and the mark in the venue's steps, unless it is instant.

The account under study is long 6,140 USD of BTC at 50,000 with 20x isolated: 307 USD of margin.
"""

import math
import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from seawall.domain.commands import PlaceOrder, SetLeverage
from seawall.domain.enums import FillFlag, MarginMode, OrderFlag, Side, TimeInForce
from seawall.domain.events import OrderFilled, PriceUpdated
from seawall.domain.mark_steps import LARGEST_STEP, MARK_MS, mark_steps
from seawall.domain.units import MICRO
from seawall.sandbox.feeds import ManualSource
from seawall.sandbox.venue import VenueOptions
from seawall.sandbox.world import Shock, World
from seawall.venues.port import Applied, Plan
from tests.sandbox.test_control import MANUAL, QUIET, START_MS, Caller, with_venue
from tests.sandbox.test_feeds import markets
from tests.sandbox.test_forced_closes import money, told
from tests.waiting import until

ENTRY = 500_000
SIZE = 12_280
"""6,140 USD of BTC at 50,000 in size units."""
MARGIN, FEE = 307 * MICRO, 2_763_000
LIVING = msgspec.structs.replace(MANUAL, start_ms=START_MS)
IOC = TimeInForce.IMMEDIATE_OR_CANCEL


def equity(call: Caller, account: int) -> int:
    return sum(each.equity for each in call.venue.market.view.margins(account).values())


async def opened(call: Caller, *more: Callable[[int, int], PlaceOrder]) -> int:
    """The account with its position, and what ``more`` makes of the time and its number."""
    long, short = (call.venue.host.directory.row_of(user.address) for user in call.venue.users[:2])

    def plan(time_ms: int) -> Plan:
        quote = PlaceOrder(time_ms, short, 0, Side.SELL, ENTRY, SIZE)
        return Plan(
            [
                SetLeverage(time_ms, long, 0, 20, MarginMode.ISOLATED),
                *([] if call.venue.market.agents else [quote]),
                PlaceOrder(time_ms, long, 0, Side.BUY, ENTRY + 1_000, SIZE, IOC),
                *(make(time_ms, long) for make in more),
            ]
        )

    await call.venue.host.submit(plan)
    return int(long)


async def lost(call: Caller, move: str, **more: Any) -> int:
    """What a shock takes of the account beyond the fee of opening, when it is over."""
    account = await opened(call)
    before = equity(call, account)
    found = await call.done("shock", market="BTC", move=move, **more)
    if found["untilMs"] > found["timeMs"]:
        await call.done("time/advance", seconds=(found["untilMs"] - found["timeMs"]) / 1000)
    assert (await call.market("BTC"))["spot"] == str(round(50_000 * (1 + float(move[:-1]) / 100)))
    assert not (await call.market("BTC"))["shocked"]
    assert told(call.venue.host, account) == money(call.venue.host, account)
    return before - equity(call, account)


def loss(options: VenueOptions, move: str, **more: Any) -> int:
    found = []

    async def play(call: Caller) -> None:
        found.append(await lost(call, move, **more))

    with_venue(options, play)
    return found[0]


def test_a_fall_takes_all_of_a_margin_that_is_too_small_for_it() -> None:
    """At 20x, 2 % of 6,140 USD are survived and cost 122.80; 10 % cost the whole margin."""
    assert loss(QUIET, "-2%") == 122_800_000
    assert loss(QUIET, "-10%") == MARGIN - FEE
    assert loss(QUIET, "-50%") == MARGIN - FEE


def test_a_fall_through_a_living_book_takes_most_of_it() -> None:
    """Makers are there, so the position is closed in the book and what is left is its owner's."""
    assert 100 * MICRO < loss(LIVING, "-2%") < 150 * MICRO
    assert 200 * MICRO < loss(LIVING, "-10%") <= MARGIN


def test_an_instant_shock_deleverages_at_the_mark_before_it() -> None:
    assert loss(QUIET, "-2%", instant=True) == 122_800_000
    assert loss(QUIET, "-10%", instant=True) == 0


@pytest.mark.parametrize("options", [LIVING, QUIET], ids=["agents", "no agents"])
def test_marks_come_every_three_seconds_and_none_moves_more_than_a_percent(
    options: VenueOptions,
) -> None:
    async def play(call: Caller) -> None:
        marks: list[tuple[int, int]] = []

        def hear(applied: list[Applied]) -> None:
            for each in applied:
                marks.extend(
                    (each.time_ms, event.oracle_price)
                    for event in each.events
                    if isinstance(event, PriceUpdated) and event.market == 0
                )

        found = await call.done("shock", market="BTC", move="-10%")
        assert found["untilMs"] == found["timeMs"] + 33_000
        assert found["marks"] == 11
        call.venue.host.listen(hear)
        for seconds in (1, 5, 20, 7):  # however the clock is moved
            await call.done("time/advance", seconds=seconds)
        assert [time for time, _ in marks] == [found["timeMs"] + 3_000 * n for n in range(1, 12)]
        prices = [500_000, *(price for _, price in marks)]
        steps = [math.log(b / a) for a, b in zip(prices, prices[1:], strict=False)]
        assert min(steps) >= -LARGEST_STEP
        assert max(steps) < 0
        assert prices[-1] == 450_000

    with_venue(options, play)


def test_the_book_is_traded_down_and_stops_and_bids_are_met_on_the_way() -> None:
    async def play(call: Caller) -> None:
        def stop(time_ms: int, account: int) -> PlaceOrder:
            flags = OrderFlag.TRIGGER | OrderFlag.TRIGGER_MARKET | OrderFlag.REDUCE_ONLY
            return PlaceOrder(
                time_ms, account, 0, Side.SELL, 440_000, SIZE, flags=flags, trigger_price=489_000
            )

        def bid(time_ms: int, _: int) -> PlaceOrder:
            return PlaceOrder(time_ms, bidder, 0, Side.BUY, 470_000, SIZE)

        traded: list[int] = []
        mine: list[OrderFilled] = []

        def hear(applied: list[Applied]) -> None:
            for each in applied:
                for event in each.events:
                    if isinstance(event, OrderFilled) and event.market == 0:
                        traded.append(event.price)
                        if event.account in (account, bidder):
                            mine.append(event)

        bidder = call.venue.host.directory.row_of(call.venue.users[2].address)
        account = await opened(call, stop, bid)
        call.venue.host.listen(hear)
        await call.done("shock", market="BTC", move="-10%")
        await call.done("time/advance", seconds=36)
        for percent in range(10):  # trades in every percent of the way
            low, high = (ENTRY * (100 - percent - n) // 100 for n in (1, 0))
            assert any(low <= price <= high for price in traded), percent
        sold = [each for each in mine if not each.flags & FillFlag.BUYER]
        assert sum(each.size for each in sold) == SIZE
        assert all(475_000 < each.price < 489_500 for each in sold)
        assert not any(each.flags & FillFlag.LIQUIDATED for each in sold)
        bought = [each for each in mine if each.flags & FillFlag.BUYER]
        assert [each.price for each in bought] == [470_000] * len(bought)
        assert sum(each.size for each in bought) == SIZE

    with_venue(LIVING, play)


def test_a_flash_crash_comes_back_as_slowly() -> None:
    async def play(call: Caller) -> None:
        found = await call.done("shock", market="BTC", move="-10%", holdSeconds=9, rebound="50%")
        # 45,000 to 47,500 is 5.4 %: six marks.
        assert found["untilMs"] == found["timeMs"] + 33_000 + 9_000 + 18_000
        await call.done("time/advance", seconds=42)
        assert (await call.market("BTC"))["oracle"] == "45000"
        await call.done("time/advance", seconds=18)
        assert (await call.market("BTC"))["oracle"] == "47500"

    with_venue(QUIET, play)


@pytest.mark.parametrize(
    ("fields", "field", "expected"),
    [
        ({"seconds": 0}, "seconds", "from 0.001 .* a jump is asked for by instant"),
        ({"rebound": 1, "reboundSeconds": 0}, "reboundSeconds", "asked for by instant"),
        ({"seconds": 5, "instant": True}, "seconds", "left out of an instant shock"),
        ({"instant": "yes"}, "instant", "bool"),
    ],
)
def test_a_jump_is_asked_for_by_name(fields: dict[str, Any], field: str, expected: str) -> None:
    async def play(call: Caller) -> None:
        before = call.venue.host.engine.state_hash()
        status, refused = await call.post("shock", {"market": "BTC", "move": "-10%", **fields})
        assert (status, refused["error"]["field"]) == (400, field)
        assert re.search(expected, refused["error"]["expected"])
        assert call.venue.host.engine.state_hash() == before

    with_venue(QUIET, play)


def test_a_shock_waits_for_marks_that_come_late() -> None:
    """As with a clock at x1000, whose passes are 20 s apart: no mark is skipped."""
    world = World(markets("BTC=100"), ManualSource([100.0]))
    world.look(START_MS)
    world.marked()
    world.add_shock(Shock(0, START_MS, 0.9, ramp_ms=33_000))
    seen = [100.0]
    for number in range(1, 20):
        world.look(START_MS + 20_000 * number - 500)
        world.look(START_MS + 20_000 * number)
        seen.append(world.spot_usd(0))
        world.marked()
    steps = [math.log(b / a) for a, b in zip(seen, seen[1:], strict=False)]
    assert min(steps) >= -LARGEST_STEP - 1e-12
    assert seen[11:] == [pytest.approx(90.0)] * 9
    assert seen[10] > 90.5
    assert not world.shocks


def test_steps_stay_below_the_lowest_maintenance_margin() -> None:
    """So no bucket goes from healthy to below zero between two marks."""
    assert [mark_steps(factor) for factor in (0.9, 0.98, 1.1, 0.999, 1.0, 0.5)] == [
        11, 3, 10, 1, 1, 70,
    ]  # fmt: skip
    assert mark_steps(math.exp(-0.05)) == 5
    assert MARK_MS == 3_000
    most = max(each.instrument.maximum_leverage for each in markets("BTC", "ETH", "SOL"))
    assert 2 * most * LARGEST_STEP < 1


def test_a_shock_of_a_running_clock_ends() -> None:
    async def play(call: Caller) -> None:
        found = await call.done("shock", market="BTC", move="-2%")
        market = call.venue.market
        await until(lambda: market.view.oracle(0) == 490_000)
        assert call.venue.host.now_ms() >= found["untilMs"]

    with_venue(msgspec.structs.replace(QUIET, speed=20.0), play)
