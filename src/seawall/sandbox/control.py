"""The control API: full control of prices, time and accounts, for operators on this computer.

Only requests from loopback are answered, and none sent by a page of another origin. Every change
of the venue becomes commands in its journal.
"""

import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from seawall.domain.enums import MarketStatus, Reason, Side
from seawall.domain.errors import InputError
from seawall.domain.mark_steps import MARK_MS, mark_steps
from seawall.domain.units import from_units
from seawall.sandbox import control_schema as schema
from seawall.sandbox.accounts import deposit
from seawall.sandbox.clock import GREATEST_SPEED
from seawall.sandbox.control_schema import Answer, Route
from seawall.sandbox.living_market import LivingMarket
from seawall.sandbox.markets import OpenMarket, coin_of
from seawall.sandbox.origins import is_loopback, is_own
from seawall.sandbox.world import LONGEST_LAG_MS, OracleMode, Shock
from seawall.venues.port import Refusal
from seawall.venues.venue import UserKey

MAX_BODY = 64 * 1024
RESET_POINT = "start"
_ORACLE_MODES = {
    "freeze": OracleMode.FROZEN,
    "lag": OracleMode.LATE,
    "silent": OracleMode.SILENT,
    "resume": OracleMode.LIVE,
}
_STATUSES = {
    "open": MarketStatus.OPEN,
    "halted": MarketStatus.HALTED,
    "post_only": MarketStatus.POST_ONLY_ONLY,
    "initializing": MarketStatus.INITIALIZING,
    "final_settlement": MarketStatus.FINAL_SETTLEMENT,
}
_LEAST_FUNDING, _MOST_FUNDING = 1, 10**15
"""Micro-USD of one deposit."""


@web.middleware
async def only_loopback(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse other computers, host names that resolve to loopback, and pages of other origins."""
    hosts = [request.remote, urlsplit(f"//{request.host}").hostname]
    if not is_own(request):
        hosts.append(request.headers.get("Origin", "a page of another origin"))
    if all(map(is_loopback, hosts)):
        return await handler(request)
    return _refused(403, "address", hosts[-1], "a request from loopback")


def _json(body: Any, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(body), status=status, content_type="application/json"
    )


def _refused(status: int, field: str, value: Any, expected: str) -> web.Response:
    shown = value if isinstance(value, str | int | float | bool | None) else "..."
    return _json(schema.Refused(schema.Error(field, shown, expected)), status)


class Control:
    """Does what the routes of ``control_schema`` ask for, each in the method of its name."""

    def __init__(
        self, market: LivingMarket, users: Sequence[UserKey], account_named: Callable[[str], str]
    ) -> None:
        self.account_named = account_named
        self.market = market
        self.users = users
        self.host = market.host
        self.world = market.world

    def standing(self, **more: Any) -> Answer:
        """How the venue stands after a request."""
        return Answer(self.host.now_ms(), self.host.engine.sequence, **more)

    def _market(self, name: str) -> OpenMarket:
        for market in self.world.markets:
            if name in (market.name, coin_of(market.name)):
                return market
        known = ", ".join(market.name for market in self.world.markets)
        raise InputError.of("", "market", name, f"a market of this venue: {known}")

    def _chosen(self, name: str) -> Sequence[OpenMarket]:
        return self.world.markets if name == schema.ALL else [self._market(name)]

    async def status(self, request: schema.Nothing) -> schema.Status:
        host, clock = self.host, self.host.clock
        agents = self.market.agents
        return schema.Status(
            host.now_ms(),
            host.engine.sequence,
            clock.speed,
            clock.paused,
            self.world.source.name,
            len(agents.agents) if agents else 0,
            int(host.engine.tables["control"]["accounts_used"][0]),
            host.waiting,
            host.history.trouble,
            host.save_points(),
            [self._market_status(market) for market in self.world.markets],
        )

    def _market_status(self, market: OpenMarket) -> schema.MarketStatus:
        view, row = self.market.view, market.row
        shown, oracle_shown = market.price_text, market.oracle_text
        bid, ask = view.best(row, Side.BUY), view.best(row, Side.SELL)
        return schema.MarketStatus(
            market.name,
            oracle_shown(view.oracle(row)),
            oracle_shown(view.mark(row)),
            shown(bid) if bid else None,
            shown(ask) if ask else None,
            oracle_shown(market.to_oracle(self.world.spot_usd(row))),
            *self.world.condition(row),
            any(shock.row == row for shock in self.world.shocks),
            *self._silence(row),
        )

    def _silence(self, row: int) -> tuple[bool, int | None]:
        """Whether the feed of a market is stale, and since when."""
        feed = self.market.feed
        if feed is None or not feed.is_stale(row):
            return False, None
        return True, self.host.now_ms() - feed.silent_ms(row)

    def _needs_own_clock(self, asked: str) -> None:
        if self.market.feed is not None:
            expected = "asked of a venue that follows no other; this one's runs in real time"
            raise InputError.of("", "clock", asked, expected)

    async def accounts(self, request: schema.Nothing) -> schema.Accounts:
        return schema.Accounts(
            [schema.FundedAccount(key.address, key.private_key) for key in self.users]
        )

    async def price(self, request: schema.SetPrice) -> None:
        market = self._market(request.market)
        decimals = len(str(market.instrument.oracle_unit.denominator)) - 1
        highest = market.to_oracle(math.inf)
        most = from_units(highest, decimals)
        what = f"a price in USD up to {most} with at most {decimals} decimals"
        units = schema.units("price", request.price, decimals, 1, highest, what)
        usd = market.oracle_usd(units)
        await self.market.change(lambda: self.world.set_price(market.row, usd))

    async def shock(self, request: schema.ShockPrice) -> Answer:
        markets = self._chosen(request.market)
        shock = _shock_of(request)
        begun: list[Shock] = []

        def begin() -> None:
            now = self.world.now_ms
            begun.extend(shock._replace(row=each.row, start_ms=now) for each in markets)
            for each in begun:
                self.world.add_shock(each)

        await self.market.change(begin)
        lasts = shock.end_ms - shock.start_ms
        marks = -(-lasts // MARK_MS) or 1
        return self.standing(until_ms=begun[0].start_ms + lasts, marks=marks)

    async def oracle(self, request: schema.SetOracle) -> None:
        markets = self._chosen(request.market)
        if request.mode not in _ORACLE_MODES:
            raise InputError.of("", "mode", request.mode, f"one of {', '.join(_ORACLE_MODES)}")
        late = request.mode == "lag"
        lag = schema.milliseconds(
            "seconds", request.seconds, LONGEST_LAG_MS // 1000, least=1 if late else 0
        )

        def begin() -> None:
            for market in markets:
                self.world.set_oracle(market.row, _ORACLE_MODES[request.mode], lag)

        await self.market.change(begin)

    def _needs_agents(self, field: str, value: Any) -> None:
        if self.market.agents is None:
            expected = "asked of a venue with agents; this one was started without"
            raise InputError.of("", field, value, expected)

    async def liquidity(self, request: schema.SetLiquidity) -> None:
        self._needs_agents("withdraw", request.withdraw)
        markets = self._chosen(request.market)
        share = schema.share("withdraw", request.withdraw, 0.0, 1.0)

        def begin() -> None:
            for market in markets:
                self.world.withdraw(market.row, share)

        await self.market.change(begin)

    async def funding(self, request: schema.SpikeFunding) -> None:
        self._needs_agents("premium", request.premium)
        markets = self._chosen(request.market)
        premium = schema.share("premium", request.premium, -0.5, 0.5)
        lasts = schema.milliseconds("seconds", request.seconds)

        def begin() -> None:
            until = self.world.now_ms + lasts
            for market in markets:
                self.world.set_premium(market.row, premium, until)

        await self.market.change(begin)

    async def trading(self, request: schema.SetTrading) -> None:
        market = self._market(request.market)
        status = _STATUSES.get(request.status)
        if status is None:
            raise InputError.of("", "status", request.status, f"one of {', '.join(_STATUSES)}")
        before = self.market.view.status(market.row)
        reason = await self.market.set_status(market.row, status)
        if reason == Reason.INVALID_FLAGS:
            expected = "one that the rules of this venue have"
            raise InputError.of("", "status", request.status, expected)
        if reason != Reason.NO_REASON:
            shown = MarketStatus(before).name.lower()
            expected = f"one that may follow {shown}, which {market.name} is"
            raise InputError.of("", "status", request.status, expected)

    async def advance(self, request: schema.AdvanceClock) -> None:
        self._needs_own_clock("advance")
        ms = schema.milliseconds("seconds", request.seconds)
        step = schema.milliseconds("stepSeconds", request.step_seconds)
        await self.market.advance(ms, step)

    async def pause(self, request: schema.Nothing) -> None:
        self._needs_own_clock("pause")
        self.host.clock.pause()

    async def resume(self, request: schema.Nothing) -> None:
        self.host.clock.resume()

    async def speed(self, request: schema.SetSpeed) -> None:
        self._needs_own_clock("speed")
        what = f"venue seconds per second, from 0 to {GREATEST_SPEED:g}, at most 3 decimals"
        most = int(GREATEST_SPEED) * 1000
        self.host.clock.set_speed(schema.units("speed", request.speed, 3, 0, most, what) / 1000)

    async def save(self, request: schema.NamePoint) -> None:
        if request.name == RESET_POINT:
            raise InputError.of("", "name", request.name, "another name: reset goes back to it")
        await self.market.save_point(request.name)

    async def revert(self, request: schema.NamePoint) -> None:
        await self.market.revert(request.name)

    async def reset(self, request: schema.Nothing) -> None:
        await self.revert(schema.NamePoint(RESET_POINT))

    async def fund(self, request: schema.FundAccount) -> Answer:
        address = self.account_named(request.address)
        what = "USD above 0 and up to 1000000000 with at most 6 decimals"
        amount = schema.units("amount", request.amount, 6, _LEAST_FUNDING, _MOST_FUNDING, what)
        row, is_new = await deposit(self.host, address, amount)
        return self.standing(account=row, is_new=is_new)


def _shock_of(request: schema.ShockPrice) -> Shock:
    """The shock, of the first market and at time 0. Raises InputError."""
    factor = 1.0 + schema.share("move", request.move, -0.99, 10.0)
    if request.instant and request.seconds is not None:
        expected = "left out of an instant shock, which is one mark step"
        raise InputError.of("", "seconds", request.seconds, expected)

    def duration(field: str, value: schema.Number | None, moved: float) -> int:
        if value is None:
            return 0 if request.instant else MARK_MS * mark_steps(moved)
        at_once = "; a jump is asked for by instant"
        return schema.milliseconds(field, value, least=1, more=at_once)

    hold = schema.milliseconds("holdSeconds", request.hold_seconds)
    rebound = schema.share("rebound", request.rebound, 0.0, 1.0)
    shock = Shock(0, 0, factor, duration("seconds", request.seconds, factor), hold, rebound)
    back = shock.factor_at(shock.end_ms) / factor
    if not rebound and request.rebound_seconds is None:
        return shock
    return shock._replace(rebound_ms=duration("reboundSeconds", request.rebound_seconds, back))


def _handler(control: Control, route: Route) -> Callable[[web.Request], Awaitable[web.Response]]:
    answer = getattr(control, route.handler)

    async def handle(request: web.Request) -> web.Response:
        try:
            raw = await request.read() if route.method == "POST" else b""
            found = await answer(schema.read_request(raw, route.request))
            return _json(control.standing() if found is None else found)
        except InputError as error:
            return _refused(400, error.field, error.value, error.expected)
        except Refusal as refusal:
            return _refused(409, "venue", refusal.reason, "try again, or see the status")

    return handle


def control_app(
    market: LivingMarket,
    account_named: Callable[[str], str],
    users: Sequence[UserKey] = (),
) -> web.Application:
    """The application that belongs under ``/control/``. ``users``: the funded accounts;
    ``account_named``: what the dialect's directory calls an account that an operator names."""
    app = web.Application(middlewares=[only_loopback], client_max_size=MAX_BODY)
    control = Control(market, users, account_named)
    for route in schema.ROUTES:
        app.router.add_route(route.method, route.path, _handler(control, route))

    async def openapi(request: web.Request) -> web.Response:
        return _json(schema.openapi_document(f"http://{request.host}"))

    app.router.add_get("/openapi.json", openapi)
    return app
