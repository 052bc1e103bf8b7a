"""A tiny venue for tests of the host: one market, a directory that counts."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from seawall.domain.commands import CreateAccount, Deposit, PlaceOrder, SetOraclePrice
from seawall.domain.enums import OrderFlag, Side, TimeInForce
from seawall.domain.instrument import Instrument, MarginTier
from seawall.engine.layout import Limits
from seawall.sandbox.clock import Clock
from seawall.sandbox.host import Host, HostOptions
from seawall.venues.port import Done, Plan, Record
from seawall.venues.rulebook_file import load_rulebook

MARKETS = [
    Instrument(name="BTC", size_decimals=5, tiers=(MarginTier(0, 40),)),
    Instrument(name="ETH", size_decimals=4, tiers=(MarginTier(0, 25),)),
]
BTC, ETH = 0, 1
LIMITS = Limits(accounts=64, positions=256, orders=2048, levels=1024, nodes=1024)
START_MS = 1_700_000_000_000
USD = 1_000_000
PRICE = 500_000
"""50,000 USD in price units of BTC (one decimal)."""
LOT = 1_000
"""0.01 BTC in size units: 500 USD."""


class Names:
    """A directory that remembers every record it was given."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int, int]] = []

    def apply(self, record: Record, time_ms: int) -> None:
        self.seen.append((record.kind, record.body.get("n", 0), time_ms))

    def snapshot(self) -> bytes:
        return msgspec.json.encode(self.seen)

    def restore(self, state: bytes) -> None:
        self.seen = [tuple(one) for one in msgspec.json.decode(state)]


def open_host(
    folder: Any = None, clock: Clock | None = None, options: HostOptions | None = None
) -> Host:
    """A host on a clock that only tests move."""
    return Host.open(
        folder,
        load_rulebook(),
        MARKETS,
        LIMITS,
        Names,
        clock or Clock(0, START_MS),
        options or HostOptions(tick_ms=0),
    )


def run(main: Callable[[Host], Awaitable[Any]], folder: Any = None, **options: Any) -> Any:
    """Open, start, call, stop: one life of a venue. Returns what ``main`` returned."""

    async def live() -> Any:
        host = open_host(folder, **options)
        await host.start()
        try:
            return await main(host)
        finally:
            await host.stop()

    return asyncio.run(live())


async def do(host: Host, *commands: Any, records: tuple[Record, ...] = ()) -> Done:
    """Submit commands given as (class, fields...), each with the planned time put in front."""

    def planner(time_ms: int) -> Plan:
        return Plan([kind(time_ms, *fields) for kind, *fields in commands], records)

    return await host.submit(planner)


async def set_up(host: Host, accounts: int = 2, cash: int = 1_000_000 * USD) -> list[int]:
    """Oracle prices, and funded accounts; their rows. Account 5 is the first."""
    await do(host, (SetOraclePrice, BTC, PRICE, 0), (SetOraclePrice, ETH, 300_000, 0))
    rows = list(range(5, 5 + accounts))
    for row in rows:
        await do(host, (CreateAccount,), (Deposit, row, cash))
    return rows


def order(
    account: int,
    side: Side,
    price: int = PRICE,
    size: int = LOT,
    time_in_force: TimeInForce = TimeInForce.GOOD_TIL_CANCEL,
    flags: OrderFlag = OrderFlag.NO_FLAG,
    trigger_price: int = 0,
    client_id: int = 0,
    market: int = BTC,
) -> tuple[Any, ...]:
    """A placement for ``do``."""
    return (
        PlaceOrder, account, market, side, price, size, time_in_force, flags, trigger_price,
        0, client_id,
    )  # fmt: skip
