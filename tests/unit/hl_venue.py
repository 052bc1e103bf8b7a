"""A venue in memory for tests of answers and streams: real machine, real host, a clock by hand."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web
from msgspec import structs

from seawall.domain.commands import (
    AdvanceTime,
    Command,
    Deposit,
    PlaceOrder,
    SetOraclePrice,
    Withdraw,
)
from seawall.domain.enums import LiquidationStage, OrderFlag, Side, TimeInForce
from seawall.domain.instrument import Instrument
from seawall.domain.units import MICRO
from seawall.engine.layout import Limits
from seawall.sandbox.clock import Clock
from seawall.sandbox.host import Host, HostOptions
from seawall.venues.hyperliquid.directory.directory import VenueDirectory
from seawall.venues.hyperliquid.info.answer import answer_info
from seawall.venues.hyperliquid.info.base import DeskView
from seawall.venues.hyperliquid.instruments import built_in_instruments
from seawall.venues.hyperliquid.limits import OFF, Quotas
from seawall.venues.hyperliquid.server import make_app
from seawall.venues.hyperliquid.stream.hub import Pace
from seawall.venues.port import Done, Plan, Record
from seawall.venues.rulebook_file import load_rulebook
from tests.waiting import PATIENCE_S

ALICE = "0x" + "a1" * 20
BOB = "0x" + "b0" * 20
NOBODY = "0x" + "99" * 20
START_MS = 1_754_467_200_000
"""A full hour."""
BTC, ETH, DOGE = 0, 1, 2
MARKETS = ("BTC", "ETH", "DOGE")
PRICES = {BTC: 1_000_000, ETH: 250_000, DOGE: 200_000}
"""Price units: 100,000 USD, 2,500 USD, 0.2 USD."""
LIMITS = Limits(accounts=64, positions=512, orders=4096, levels=4096, nodes=16384)


def instruments() -> list[Instrument]:
    by_name = {instrument.name: instrument for instrument in built_in_instruments()}
    return [by_name[name] for name in MARKETS]


class Sandbox:
    """A host with Alice and Bob, 100,000 USD each, and prices in three markets.

    ``others``: further markets, with their prices in units. ``stages``: of liquidation, where they
    are not the rulebook's.
    """

    def __init__(
        self,
        start_ms: int = START_MS,
        others: Sequence[tuple[Instrument, int]] = (),
        stages: tuple[LiquidationStage, ...] = (),
    ) -> None:
        self.clock = Clock(0, start_ms)
        own = instruments()
        self.prices = {**PRICES, **{len(own) + n: price for n, (_, price) in enumerate(others)}}
        rules = load_rulebook("hyperliquid")
        if stages:
            liquidation = structs.replace(rules.liquidation, stages=stages)
            rules = structs.replace(rules, liquidation=liquidation)
        self.host = Host.open(
            None, rules, [*own, *(each for each, _ in others)], LIMITS,
            VenueDirectory,
            self.clock, HostOptions(tick_ms=0),
        )  # fmt: skip
        self.venue = DeskView(self.host)

    async def start(self) -> None:
        await self.host.start()
        for market, price in self.prices.items():
            await self.do(lambda now, m=market, p=price: SetOraclePrice(now, m, p))
        for address in (ALICE, BOB):
            await self.open(address)

    async def open(self, address: str, usd: int = 100_000, master: str = "", name: str = "") -> int:
        def plan(now: int) -> Plan:
            record, create, row = self.host.directory.new_account(
                self.host.engine, now, address, master, name
            )
            commands: list[Command] = list(create)
            if usd:
                commands.append(Deposit(now, row, usd * MICRO))
            return Plan(commands, [record])

        await self.host.submit(plan)
        return self.row(address)

    def row(self, address: str) -> int:
        return int(self.host.directory.row_of(address))

    async def do(self, *makers: Callable[[int], Command]) -> Done:
        return await self.host.submit(lambda now: Plan([make(now) for make in makers]))

    async def note(self, kind: str, **body: Any) -> None:
        await self.host.submit(lambda now: Plan((), [Record(kind, body)]))

    async def place(
        self,
        address: str,
        market: int,
        side: Side,
        price: int,
        size: int,
        force: TimeInForce = TimeInForce.GOOD_TIL_CANCEL,
        flags: OrderFlag = OrderFlag.NO_FLAG,
        trigger: int = 0,
        client_id: int = 0,
    ) -> Done:
        row = self.row(address)
        return await self.do(
            lambda now: PlaceOrder(
                now, row, market, side, price, size, force, flags, trigger, 0, client_id
            )
        )

    async def trade(
        self, buyer: str, seller: str, market: int, price: int, size: int, taker: str = ""
    ) -> None:
        """The buyer rests unless he is the taker."""
        sides = [(buyer, Side.BUY), (seller, Side.SELL)]
        if taker == buyer:
            sides.reverse()
        await self.place(sides[0][0], market, sides[0][1], price, size)
        await self.place(sides[1][0], market, sides[1][1], price, size)

    async def withdraw(self, address: str, usd: int) -> None:
        row = self.row(address)
        await self.do(lambda now: Withdraw(now, row, usd * MICRO))

    async def advance(self, ms: int) -> None:
        await self.host.advance(ms)
        await self.do(lambda now: AdvanceTime(now))

    def ask(self, kind: str, **fields: Any) -> Any:
        return answer_info(self.venue, {"type": kind, **fields})


def with_sandbox(
    test: Callable[[Sandbox], Awaitable[None]],
    others: Sequence[tuple[Instrument, int]] = (),
    stages: tuple[LiquidationStage, ...] = (),
) -> None:
    """Run a test's body in a started sandbox."""

    async def body() -> None:
        sandbox = Sandbox(others=others, stages=stages)
        await sandbox.start()
        try:
            await test(sandbox)
        finally:
            await sandbox.host.stop()

    asyncio.run(asyncio.wait_for(body(), PATIENCE_S))


def with_server(
    test: Callable[[Sandbox, str], Awaitable[None]],
    pace: Pace | None = None,
    quotas: Quotas = OFF,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """The same with a server in front; the test gets its base URL."""

    async def body(sandbox: Sandbox) -> None:
        runner = web.AppRunner(make_app(sandbox.host, pace, quotas, clock), shutdown_timeout=1.0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            port = runner.addresses[0][1]
            await test(sandbox, f"http://127.0.0.1:{port}")
        finally:
            await runner.cleanup()

    with_sandbox(body)
