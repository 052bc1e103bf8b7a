"""A reader and a writer of an account that stands still, for tests of the loop and of a run.

The account is the example with isolated positions; what a test changes is what the reader says.
"""

import asyncio
import json
from collections.abc import Sequence

from seawall.domain.units import MICRO
from seawall.guard.observe import Observer
from seawall.venues.gateway_port import (
    ACCOUNT,
    FUNDING,
    LEDGER,
    ORDERS,
    Accepted,
    Gateway,
    InputTime,
    Network,
    OrderEnding,
    Outcome,
    ReduceOrder,
    Reported,
    VenueReader,
    VenueState,
    VenueWriter,
    prices_of,
)
from seawall.venues.public_api import PublicAnswers
from tests.guard.venue import START_MS
from tests.shared_files import ROOT

ADDRESS = "0x" + "a" * 40
URL = "http://127.0.0.1:1"
MARKETS = ("BTC", "ETH", "HYPE")
_LIST = {
    "universe": [
        {"name": name, "szDecimals": decimals, "maxLeverage": most, "marginTableId": most}
        for name, decimals, most in (("BTC", 5, 40), ("ETH", 4, 25), ("HYPE", 2, 10))
    ],
    "marginTables": [],
}
MARKS = {"BTC": "63250", "ETH": "1925.5", "HYPE": "40.5"}


class StillReader:
    """Says what it was told to say, at a time that goes on with each look."""

    def __init__(self) -> None:
        self.url, self.address = URL, ADDRESS
        self.raw = (ROOT / "examples" / "account_hybrid.json").read_bytes()
        self.reported = Reported()
        self.missing: set[str] = set()
        self.time_ms = START_MS
        self.asked: list[str] = []
        self.endings: dict[str, OrderEnding] = {}
        self._sequence = 0

    def state(self) -> VenueState:
        self.time_ms += 100
        known = InputTime(self.time_ms, self.time_ms, 1)
        names = [ACCOUNT, ORDERS, LEDGER, FUNDING, *map(prices_of, MARKETS)]
        return VenueState(
            time_ms=self.time_ms,
            connection=1,
            is_live=True,
            answers=PublicAnswers(self.raw, json.dumps(_LIST).encode(), MARKS, {}),
            inputs={name: known for name in names if name not in self.missing},
            reported=self.reported,
            orders=(),
            endings=tuple(self.endings.values()),
            fills=(),
            prices={},
            books={},
            volumes={},
            next_funding_ms=START_MS + 3_600_000,
            net_deposits=0,
            funding_payments=(),
            wallet=50 * MICRO,
        )

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def changed(self, since: int, timeout_s: float) -> int:
        await asyncio.sleep(0)
        self._sequence += 1
        return self._sequence

    def watch(self, markets: Sequence[str]) -> None:
        return

    async def order(self, client_id: str) -> OrderEnding:
        self.asked.append(client_id)
        self.endings[client_id] = OrderEnding(
            client_id=client_id, state="unknown", word="", time_ms=0, asked_ms=self.time_ms,
            answered_ms=self.time_ms,
        )  # fmt: skip
        return self.endings[client_id]

    def observer(self) -> Observer:
        return Observer("hyperliquid", self)


class KeepingWriter:
    """Keeps what it is given; every order rests, every other thing is done."""

    def __init__(self) -> None:
        self.url, self.address = URL, ADDRESS
        self.placed: list[ReduceOrder] = []

    async def check(self) -> str:
        return ""

    async def place(self, order: ReduceOrder) -> Outcome:
        self.placed.append(order)
        return Accepted("resting", len(self.placed))

    async def cancel(self, market: str, client_id: str, expires_ms: int) -> Outcome:
        return Accepted()

    async def cancel_other(self, market: str, order_id: int, expires_ms: int) -> Outcome:
        return Accepted()

    async def add_isolated_margin(self, market: str, amount: int, expires_ms: int) -> Outcome:
        return Accepted()

    async def add_collateral(self, amount: int) -> Outcome:
        return Accepted()

    async def close(self) -> None:
        return


class StillGateway(Gateway):
    """Gives the reader and the writer that a test has made."""

    networks = ("sandbox",)

    def __init__(self, reader: StillReader, writer: KeepingWriter) -> None:
        self._reader, self._writer = reader, writer

    def network(
        self, name: str = "", *, url: str = "", in_policy: bool = False, on_command: bool = False
    ) -> Network:
        return Network(name="sandbox", url=URL, is_real=False)

    def reader(
        self, network: Network, address: str, markets: Sequence[str] = (), ledger_from_ms: int = 1
    ) -> VenueReader:
        return self._reader

    def writer(self, network: Network, address: str, key: str, owner_key: str = "") -> VenueWriter:
        return self._writer
