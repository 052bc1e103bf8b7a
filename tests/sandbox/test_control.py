"""Control over HTTP: every route does what it says, and bad input is told what is right."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession, web

from seawall.domain.commands import AdvanceTime, Deposit, SetOraclePrice
from seawall.domain.enums import MarketStatus
from seawall.domain.events import CROSS_POOL
from seawall.engine.layout import Limits
from seawall.sandbox.accounts import USER_USD
from seawall.sandbox.clock import Clock
from seawall.sandbox.control_schema import ROUTES
from seawall.sandbox.venue import Venue, VenueOptions, running_venue
from seawall.venues.port import Desk
from tests.waiting import Elapsed, until

LIMITS = Limits(accounts=128, positions=1024, orders=4096, levels=4096, nodes=4096)
MANUAL = VenueOptions(
    markets=("BTC=50000", "LINK=10"), speed=0, feed="manual", limits=LIMITS, seed=9
)
QUIET = VenueOptions(markets=("BTC=50000",), speed=0, feed="manual", limits=LIMITS, agents=False)
HOUR = 3_600_000
START_MS = 1_754_467_200_000


def no_dialect(desk: Desk) -> web.Application:
    return web.Application()


class Caller:
    def __init__(self, venue: Venue, session: ClientSession) -> None:
        self.venue = venue
        self.session = session

    async def get(self, path: str, **options: Any) -> tuple[int, Any]:
        async with self.session.get(f"{self.venue.url}/control/{path}", **options) as answer:
            return answer.status, await answer.json()

    async def post(self, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        data = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        url = f"{self.venue.url}/control/{path}"
        async with self.session.post(url, data=data, **options) as answer:
            return answer.status, await answer.json()

    async def done(self, path: str, **body: Any) -> Any:
        status, found = await self.post(path, body)
        assert status == 200, found
        return found

    async def market(self, name: str) -> dict[str, Any]:
        _, status = await self.get("status")
        found: dict[str, Any] = next(m for m in status["markets"] if m["name"] == name)
        return found

    async def mark(self, name: str) -> float:
        return float((await self.market(name))["mark"])


def with_venue(
    options: VenueOptions, play: Callable[[Caller], Awaitable[None]], clock: Clock | None = None
) -> None:
    async def run() -> None:
        async with running_venue(options, no_dialect, clock) as venue, ClientSession() as session:
            await play(Caller(venue, session))

    asyncio.run(run())


def test_prices_are_set_and_shocked_with_the_book_around_them() -> None:
    async def play(call: Caller) -> None:
        before = await call.market("BTC")
        assert float(before["bid"]) < 50000 < float(before["ask"])
        await call.done("price", market="BTC", price="60000")
        assert await call.mark("BTC") == pytest.approx(60000, rel=0.002)
        await call.done("shock", market="BTC", move="-10%", instant=True)
        after = await call.market("BTC")
        assert float(after["oracle"]) == 54000
        assert float(after["mark"]) == pytest.approx(54000, rel=0.002)
        assert float(after["bid"]) < float(after["ask"]) < 54500
        assert await call.mark("LINK") == pytest.approx(10, rel=0.002)
        await call.done("shock", move=0.5, instant=True)
        assert await call.mark("LINK") == pytest.approx(15, rel=0.02)

    with_venue(MANUAL, play)


def test_prices_are_shocked_while_the_clock_runs() -> None:
    async def play(call: Caller) -> None:
        for _ in range(10):
            await call.done("shock", market="BTC", move="-1%", instant=True)
        oracle = float((await call.market("BTC"))["oracle"])
        assert oracle == pytest.approx(50000 * 0.99**10, rel=1e-4)
        await call.done("shock", market="LINK", move="10%", seconds=1)
        await call.done("funding", premium="0.5%", seconds=5)
        link, market = call.venue.markets[1], call.venue.market
        eleven = pytest.approx(11, rel=1e-3)
        await until(lambda: link.to_usd(market.view.oracle(link.row)) == eleven)

    with_venue(msgspec.structs.replace(MANUAL, speed=20.0), play)


def test_a_flash_crash_rebounds_as_time_passes() -> None:
    async def play(call: Caller) -> None:
        await call.done(
            "shock", market="BTC", move=-0.2, seconds=21, holdSeconds=21,
            rebound="75%", reboundSeconds=42,
        )  # fmt: skip
        seen = []
        for _ in range(5):
            seen.append(float((await call.market("BTC"))["oracle"]))
            await call.done("time/advance", seconds=21)
        expected = [50000, 40000, 40000, 43750, 47500]
        assert seen == pytest.approx(expected, rel=0.001)
        assert not (await call.market("BTC"))["shocked"]

    with_venue(MANUAL, play)


def test_an_oracle_in_trouble() -> None:
    async def play(call: Caller) -> None:
        await call.done("time/advance", seconds=60)
        await call.done("oracle", market="BTC", mode="freeze")
        await call.done("price", market="BTC", price=45000)
        frozen = await call.market("BTC")
        assert (frozen["oracle"], frozen["spot"], frozen["oracleMode"]) == (
            "50000", "45000", "frozen",
        )  # fmt: skip
        assert float(frozen["bid"]) < 45100, "makers see other venues"
        await call.done("oracle", market="BTC", mode="lag", seconds=60)
        await call.done("time/advance", seconds=30)
        assert (await call.market("BTC"))["oracle"] == "50000"
        await call.done("time/advance", seconds=40)
        assert (await call.market("BTC"))["oracle"] == "45000"
        await call.done("oracle", mode="silent")
        await call.done("price", market="BTC", price=44000)
        assert (await call.market("BTC"))["oracle"] == "45000"
        await call.done("oracle", mode="resume")
        assert (await call.market("BTC"))["oracle"] == "44000"

    with_venue(MANUAL, play)


def test_liquidity_leaves_and_returns() -> None:
    async def play(call: Caller) -> None:
        await call.done("liquidity", market="LINK", withdraw="100%")
        empty = await call.market("LINK")
        assert (empty["bid"], empty["ask"], empty["withdrawn"]) == (None, None, 1.0)
        await call.done("liquidity", withdraw=0)
        assert (await call.market("LINK"))["bid"] is not None

    with_venue(MANUAL, play)


def test_a_premium_becomes_funding() -> None:
    async def play(call: Caller) -> None:
        await call.done("time/advance", seconds=60)
        await call.done("funding", market="BTC", premium="2%", seconds=7200)
        markets = call.venue.host.engine.tables["markets"]
        control = call.venue.host.engine.tables["control"]
        while int(control["next_settlement_ms"][0]) > call.venue.host.now_ms() + 1:
            await call.done("time/advance", seconds=600, stepSeconds=30)
            if int(markets["funding_rate"][0]):
                break
        await call.done("time/advance", seconds=3600, stepSeconds=30)
        # 2 % is 0.25 % an hour; the interest clamp takes at most 0.05 % of eight hours off.
        assert int(markets["funding_rate"][0]) / 1e12 == pytest.approx(0.0025, rel=0.15)
        assert abs(int(markets["funding_rate"][1])) / 1e12 < 0.0002

    with_venue(MANUAL, play)


def test_time_stops_runs_and_jumps() -> None:
    real = Elapsed()

    async def play(call: Caller) -> None:
        async def passed_ms() -> int:
            return int((await call.get("status"))[1]["timeMs"]) - START_MS

        assert await passed_ms() == 0
        real.pass_seconds(100)
        assert await passed_ms() == 0, "a manual clock stands"
        assert (await call.done("time/advance", seconds=90))["timeMs"] == START_MS + 90_000
        await call.done("time/speed", speed=100)
        real.pass_seconds(0.3)
        assert await passed_ms() == 120_000
        engine = call.venue.host.engine
        await until(lambda: engine.clock_ms == START_MS + 120_000)
        await call.done("time/pause")
        assert (await call.get("status"))[1]["paused"]
        real.pass_seconds(100)
        assert await passed_ms() == 120_000
        await call.done("time/resume")
        real.pass_seconds(0.1)
        assert await passed_ms() == 130_000
        await until(lambda: engine.clock_ms == START_MS + 130_000)

    with_venue(MANUAL, play, Clock(0, START_MS, real))


def test_save_revert_and_reset_bring_back_the_very_state() -> None:
    async def play(call: Caller) -> None:
        await call.done("price", market="BTC", price=55000)
        await call.done("save", name="calm-1")
        state = call.venue.host.engine.snapshot()
        await call.done("shock", move="-30%")
        await call.done("time/advance", seconds=600)
        status = (await call.get("status"))[1]
        assert status["savePoints"] == ["calm-1", "start"]
        assert status["history"] == ""
        await call.venue.host.revert("calm-1")
        assert call.venue.host.engine.snapshot() == state
        await call.done("shock", move="-30%")
        await call.done("revert", name="calm-1")
        assert await call.mark("BTC") == pytest.approx(55000, rel=0.002)
        await call.done("reset")
        assert await call.mark("BTC") == pytest.approx(50000, rel=0.002)
        await call.done("time/advance", seconds=10)

    with_venue(MANUAL, play)


def test_an_account_is_funded_and_opened() -> None:
    async def play(call: Caller) -> None:
        user = call.venue.users[0].address
        row = call.venue.host.directory.row_of(user)
        known = await call.done("fund", address=user, amount="250.5")
        assert known["account"] == row
        assert known["isNew"] is False
        equity = call.venue.market.view.pool_equity(row)
        assert equity == USER_USD * 10**6 + 250_500_000
        address = "0x" + "Ab" * 20
        made = await call.done("fund", address=address, amount=1)
        assert made["isNew"] is True
        assert call.venue.host.directory.row_of(address.lower()) == made["account"]
        assert call.venue.market.view.margins(made["account"])[CROSS_POOL].equity == 10**6

    with_venue(QUIET, play)


def test_money_is_refused_before_it_could_overflow() -> None:
    async def play(call: Caller) -> None:
        tables, address = call.venue.host.engine.tables, "0x" + "ab" * 20
        most = {"address": address, "amount": 10**9}
        for _ in range(100):
            await call.done("fund", **most)
        status, refused = await call.post("fund", most)
        assert status == 409
        assert refused["error"]["value"] == "an account can hold 100000000000 USD"
        tables["margin_groups"]["money_outside"][0] = 2**61 - 10**6
        other = {"address": "0x" + "cd" * 20, "amount": 2}
        status, refused = await call.post("fund", other)
        assert (status, refused["error"]["field"]) == (409, "venue")
        assert call.venue.host.directory.row_of("0x" + "cd" * 20) == -1
        assert (await call.done("fund", **{**other, "amount": 1}))["isNew"]
        assert int(tables["margin_groups"]["money_outside"][0]) == 2**61

    with_venue(QUIET, play)


def test_a_venue_without_agents_has_prices_and_empty_books() -> None:
    async def play(call: Caller) -> None:
        found = await call.market("BTC")
        assert (found["bid"], found["mark"]) == (None, "50000")
        await call.done("shock", market="BTC", move="-5%", instant=True)
        assert await call.mark("BTC") == pytest.approx(47500, rel=1e-4)
        for path, body in (("liquidity", {"withdraw": 1}), ("funding", {"premium": "1%"})):
            status, refused = await call.post(path, body)
            assert status == 400
            assert "agents" in refused["error"]["expected"]

    with_venue(QUIET, play)


def test_every_change_is_journaled() -> None:
    async def play(call: Caller) -> None:
        commands: list[Any] = []

        def hear(applied: Any) -> None:
            commands.extend(each.command for each in applied)

        call.venue.host.listen(hear)
        for path, body, kind in (
            ("price", {"market": "BTC", "price": 1000}, SetOraclePrice),
            ("shock", {"move": "1%"}, SetOraclePrice),
            ("fund", {"address": "0x" + "1" * 40, "amount": 5}, Deposit),
            ("time/advance", {"seconds": 5}, AdvanceTime),
        ):
            commands.clear()
            await call.done(path, **body)
            assert any(isinstance(command, kind) for command in commands), path

    with_venue(QUIET, play)


BAD = [
    ("price", {"market": "DOGE", "price": 1}, "market", "BTC"),
    ("price", {"market": "BTC"}, "price", "required"),
    ("price", {"market": "BTC", "price": "0"}, "price", "USD"),
    ("price", {"market": "BTC", "price": -5}, "price", "USD"),
    ("price", {"market": "BTC", "price": "1.23"}, "price", "1 decimals"),
    ("price", {"market": "BTC", "price": 1e30}, "price", "USD"),
    ("price", {"market": "BTC", "price": True}, "price", "bool"),
    ("price", {"market": "BTC", "price": 1, "when": 2}, "when", "fields: market, price"),
    ("shock", {"move": "-100%"}, "move", "-0.99"),
    ("shock", {"move": "lots"}, "move", "5%"),
    ("shock", {"move": 0.1, "seconds": -1}, "seconds", "seconds from 0"),
    ("shock", {"move": 0.1, "rebound": 2}, "rebound", "from 0 to 1"),
    ("shock", {"move": 0.1, "market": "ALL"}, "market", "BTC"),
    ("oracle", {"mode": "stop"}, "mode", "freeze, lag, silent, resume"),
    ("oracle", {"mode": "lag"}, "seconds", "from 0.001"),
    ("liquidity", {"withdraw": "101%"}, "withdraw", "from 0 to 1"),
    ("funding", {"premium": 3}, "premium", "-0.5"),
    ("time/advance", {"seconds": 10**9}, "seconds", "2592000"),
    ("time/advance", {}, "seconds", "required"),
    ("time/speed", {"speed": -1}, "speed", "from 0 to 1000"),
    ("save", {"name": "no spaces"}, "name", "letters"),
    ("save", {"name": "start"}, "name", "reset goes back to it"),
    ("revert", {"name": "never"}, "name", "start"),
    ("fund", {"address": "0x12", "amount": 1}, "address", "40 hex digits"),
    ("fund", {"address": "0x" + "1" * 40, "amount": 0}, "amount", "above 0"),
    ("fund", {"address": "0x" + "1" * 40, "amount": "1e400"}, "amount", "above 0"),
    ("reset", {"now": 1}, "now", "none"),
    ("price", b"{", "body", "JSON object"),
    ("price", b"[1]", "body", "object"),
    ("price", b"\xff", "body", "JSON object"),
]


def test_bad_input_is_told_what_is_right_and_changes_nothing() -> None:
    async def play(call: Caller) -> None:
        before = call.venue.host.engine.state_hash()
        for path, body, field, hint in BAD:
            status, refused = await call.post(path, body)
            assert status == 400, (path, body, refused)
            error = refused["error"]
            assert error["field"] == field, (path, body, error)
            assert hint in error["expected"], (path, body, error)
        assert call.venue.host.engine.state_hash() == before

    with_venue(MANUAL, play)


def test_only_this_computer_is_heard() -> None:
    async def play(call: Caller) -> None:
        for headers in (
            {"Host": "evil.example"},
            {"Origin": "https://evil.example"},
            {"Origin": "http://localhost:5000"},
            {"Origin": "null"},
        ):
            status, refused = await call.get("status", headers=headers)
            assert (status, refused["error"]["field"]) == (403, "address")
        assert (await call.get("status", headers={"Origin": call.venue.url}))[0] == 200

    with_venue(QUIET, play)


def test_the_document_names_every_route_and_its_fields() -> None:
    async def play(call: Caller) -> None:
        status, document = await call.get("openapi.json")
        assert status == 200
        assert document["openapi"].startswith("3.1")
        assert set(document["paths"]) == {f"/control{route.path}" for route in ROUTES}
        schemas = document["components"]["schemas"]
        assert set(schemas["ShockPrice"]["properties"]) == {
            "market", "move", "seconds", "holdSeconds", "rebound", "reboundSeconds", "instant",
        }  # fmt: skip
        for reference in json.dumps(document).split('"$ref": "')[1:]:
            assert reference.split('"')[0].removeprefix("#/components/schemas/") in schemas

    with_venue(QUIET, play)


def test_two_venues_of_one_seed_live_the_same_life() -> None:
    """With a manual clock that starts at one time, what happens is decided by the seed alone."""
    hashes = []

    async def play(call: Caller) -> None:
        await call.done("time/advance", seconds=120)
        await call.done("shock", market="BTC", move="-4%", seconds=10)
        await call.done("shock", market="DOGE", move="-4%")
        await call.done("time/advance", seconds=60)
        hashes.append(call.venue.host.engine.state_hash())

    options = VenueOptions(
        markets=("BTC", "DOGE"), speed=0, limits=LIMITS, seed=11, start_ms=1_800_000_000_000
    )
    with_venue(options, play)
    with_venue(options, play)
    assert hashes[0] == hashes[1]


def test_a_market_is_halted_and_opened() -> None:
    async def play(call: Caller) -> None:
        engine = call.venue.host.engine
        for word, status in (
            ("halted", MarketStatus.HALTED), ("post_only", MarketStatus.POST_ONLY_ONLY),
            ("open", MarketStatus.OPEN),
        ):  # fmt: skip
            await call.done("market", market="BTC", status=word)
            assert engine.tables["markets"]["status"][0] == status
        for word, expected in (
            ("closed", "one of open, halted, post_only, initializing, final_settlement"),
            ("final_settlement", "one that the rules of this venue have"),
        ):
            status, found = await call.post("market", {"market": "BTC", "status": word})
            assert status == 400
            assert found["error"] == {"field": "status", "value": word, "expected": expected}

    with_venue(QUIET, play)
