"""A desk without durability: a real machine and directory, driven directly, for tests."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

from eth_account import Account
from hyperliquid.utils import signing

from seawall.domain.commands import (
    AdvanceTime,
    Command,
    Deposit,
    PlaceOrder,
    SetLeverage,
    SetOraclePrice,
    join_client_id,
)
from seawall.domain.enums import MarginMode, Side, TimeInForce
from seawall.domain.events import CommandRejected, Event, OrderFilled
from seawall.domain.instrument import Instrument, MarginTier
from seawall.domain.units import MICRO
from seawall.engine.engine import Engine
from seawall.engine.layout import Limits
from seawall.venues.hyperliquid.directory.directory import VenueDirectory
from seawall.venues.hyperliquid.exchange.handle import handle_exchange
from seawall.venues.hyperliquid.limits import VENUE, Quotas
from seawall.venues.port import Applied, Done, Fill, Listener, Plan, Planner
from seawall.venues.rulebook_file import load_rulebook

NOW = 1_790_000_000_000
KEYS = {name: "0x" + f"{place:064x}" for place, name in enumerate(("alice", "bob", "carol"), 11)}
WALLETS = {name: Account.from_key(key) for name, key in KEYS.items()}
ADDRESSES = {name: wallet.address.lower() for name, wallet in WALLETS.items()}
BTC, ETH, ALT = 0, 1, 2
OK = {"status": "ok", "response": {"type": "default"}}
INSTRUMENTS = (
    Instrument(name="BTC", size_decimals=5, tiers=(MarginTier(0, 40),)),
    Instrument(name="ETH", size_decimals=4, tiers=(MarginTier(0, 25),)),
    Instrument(name="ALT", size_decimals=0, tiers=(MarginTier(0, 5),)),
)


class KeptFills:
    """As much history as a dialect's orders need."""

    def __init__(self) -> None:
        self.kept: list[Fill] = []

    def take(self, applied: Applied) -> None:
        command = applied.command
        client_id = 0
        if isinstance(command, PlaceOrder):
            client_id = join_client_id(command.client_id_high, command.client_id_low)
        for event in applied.events:
            if isinstance(event, OrderFilled) and event.flags & 1:
                self.kept.append(_fill(event, client_id, applied.time_ms))

    def fills(
        self, account: int, start_ms: int = 0, end_ms: int = 2**62, limit: int = 2000
    ) -> list[Fill]:
        found = [fill for fill in reversed(self.kept) if fill.account == account]
        return [fill for fill in found if start_ms <= fill.time_ms <= end_ms][:limit]


def _fill(event: OrderFilled, client_id: int, time_ms: int) -> Fill:
    return Fill(
        sequence=event.sequence, trade_id=event.sequence, time_ms=time_ms, account=event.account,
        counterparty=event.counterparty, market=event.market, order_id=event.order_id,
        client_id=client_id, side=0, price=event.price, size=event.size, fee=event.fee,
        closed_profit=event.closed_profit, position_before=event.position_before, is_taker=True,
        flags=int(event.flags), origin="order",
    )  # fmt: skip


class FakeDesk:
    """Plans, writes records and applies commands at once, in the caller's own turn."""

    def __init__(self, instruments: Sequence[Instrument] = INSTRUMENTS) -> None:
        limits = Limits(accounts=64, positions=256, orders=1024, levels=1024, nodes=2048)
        self.engine = Engine.create(load_rulebook("hyperliquid"), list(instruments), limits)
        self.instruments = tuple(instruments)
        self.directory = VenueDirectory()
        self.history: Any = KeptFills()
        self.time_ms = NOW
        self.records: list[tuple[str, dict[str, Any]]] = []
        self.heard: list[Applied] = []
        self._listeners: list[Listener] = []

    def now_ms(self) -> int:
        return self.time_ms

    async def submit(
        self, planner: Planner, alone: bool = False, uses_reserve: bool = False
    ) -> Done:
        return self.work(planner)

    def work(self, planner: Planner) -> Done:
        plan = planner(self.time_ms)
        for record in plan.records:
            self.records.append((record.kind, dict(record.body)))
            self.directory.apply(record, self.time_ms)
        applied = [self._apply(command) for command in plan.commands]
        for listener in self._listeners:
            listener(applied)
        return Done(self.time_ms, applied)

    def _apply(self, command: Command) -> Applied:
        applied = Applied(self.time_ms, command, self.engine.apply(command))
        self.history.take(applied)
        self.heard.append(applied)
        return applied

    def listen(self, listener: Listener) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def do(self, command: Command) -> list[Event]:
        """Apply a command of the sandbox's own; it must not be rejected."""
        events = list(self.work(lambda time_ms: Plan((command,))).applied[0].events)
        assert not any(isinstance(event, CommandRejected) for event in events), events
        return events

    def fund(self, address: str, dollars: int) -> int:
        """A new account with so much perp USDC; its row."""

        def planner(time_ms: int) -> Plan:
            record, create, row = self.directory.new_account(
                self.engine, time_ms, address, by_client=False
            )
            return Plan((*create, Deposit(time_ms, row, dollars * MICRO)), (record,))

        self.work(planner)
        return self.directory.row_of(address)

    def price(self, market: int, price: int) -> None:
        """The oracle and other venues agree, so that the mark follows whatever the book says."""
        self.do(SetOraclePrice(self.time_ms, market, price, price))

    def rest(self, account: int, market: int, side: Side, price: int, size: int) -> list[Event]:
        """A resting order of the sandbox's own."""
        return self.do(
            PlaceOrder(
                time_ms=self.time_ms,
                account=account,
                market=market,
                side=side,
                price=price,
                size=size,
                time_in_force=TimeInForce.GOOD_TIL_CANCEL,
            )
        )

    def advance(self, ms: int) -> None:
        self.time_ms += ms
        self.do(AdvanceTime(self.time_ms))

    def position(self, name: str, market: int) -> int:
        """The signed size of somebody's position, in size units."""
        rows = self.engine.tables["positions"]
        own = (rows["account"] == self.directory.row_of(ADDRESSES[name])) & (
            rows["market"] == market
        )
        used = int(self.engine.tables["control"]["positions_used"][0])
        found = rows[:used][own[:used]]
        return int(found["signed_size"][0]) if len(found) else 0

    def cash(self, row: int) -> int:
        return int(self.engine.tables["accounts"]["cash"][row])


def ready_desk() -> FakeDesk:
    """Alice and Bob with money, three priced markets, and a maker's book around 60000 in BTC."""
    desk = FakeDesk()
    desk.advance(0)
    desk.fund(ADDRESSES["alice"], 100_000)
    desk.fund(ADDRESSES["bob"], 100_000)
    maker = desk.fund("0x" + "77" * 20, 10_000_000)
    for market, price in ((BTC, 600_000), (ETH, 300_000), (ALT, 2_000_000)):
        desk.price(market, price)
        instrument = desk.instruments[market]
        desk.do(
            SetLeverage(desk.time_ms, maker, market, instrument.maximum_leverage, MarginMode.CROSS)
        )
    unit = 10**5
    for step in range(1, 4):
        desk.rest(maker, BTC, Side.SELL, 600_000 + 100 * step, unit)
        desk.rest(maker, BTC, Side.BUY, 600_000 - 100 * step, unit)
    return desk


def l1_body(
    key: str, action: dict[str, Any], nonce: int, vault: str | None = None,
    expires: int | None = None, mainnet: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """A request as the official client posts it."""
    wallet = Account.from_key(key)
    signature = signing.sign_l1_action(wallet, action, vault, nonce, expires, mainnet)
    return {
        "action": action, "nonce": nonce, "signature": signature, "vaultAddress": vault,
        "expiresAfter": expires,
    }  # fmt: skip


_FIELDS = {
    "usdSend": ("UsdSend", signing.USD_SEND_SIGN_TYPES),
    "spotSend": ("SpotSend", signing.SPOT_TRANSFER_SIGN_TYPES),
    "withdraw3": ("Withdraw", signing.WITHDRAW_SIGN_TYPES),
    "usdClassTransfer": ("UsdClassTransfer", signing.USD_CLASS_TRANSFER_SIGN_TYPES),
    "sendAsset": ("SendAsset", signing.SEND_ASSET_SIGN_TYPES),
}


def signed_body(
    key: str, action: dict[str, Any], nonce: int, mainnet: bool = False
) -> dict[str, Any]:
    """A request with a readable message, as the official client posts it."""
    wallet, kind = Account.from_key(key), action["type"]
    if kind == "approveAgent":
        signature = signing.sign_agent(wallet, action, mainnet)
        if not action["agentName"]:
            del action["agentName"]
    elif kind == "approveBuilderFee":
        signature = signing.sign_approve_builder_fee(wallet, action, mainnet)
    elif kind == "userSetAbstraction":
        signature = signing.sign_user_set_abstraction_action(wallet, action, mainnet)
    else:
        name, fields = _FIELDS[kind]
        signature = signing.sign_user_signed_action(
            wallet, action, fields, f"HyperliquidTransaction:{name}", mainnet
        )
    return {"action": action, "nonce": nonce, "signature": signature, "vaultAddress": None}


class Client:
    """Somebody who signs and posts, one nonce after the other."""

    def __init__(self, desk: FakeDesk, name: str = "alice", key: str = "") -> None:
        self.desk = desk
        self.key = key or KEYS[name]
        self.address = Account.from_key(self.key).address.lower()
        self.vault: str | None = None
        self.nonce = NOW
        self.quotas = VENUE

    def next_nonce(self) -> int:
        self.nonce += 1
        return self.nonce

    def l1(self, action: dict[str, Any], **options: Any) -> Any:
        """Post an L1 action; the JSON answer of a request that was understood."""
        return self.post(l1_body(self.key, action, self.next_nonce(), self.vault, **options))

    def message(self, action: dict[str, Any]) -> Any:
        """Post a readable message; its nonce is filled in where it belongs."""
        nonce = self.next_nonce()
        timed = action["type"] in ("usdSend", "spotSend", "withdraw3")
        whole = {**action, "time" if timed else "nonce": nonce}
        return self.post(signed_body(self.key, whole, nonce))

    def post(self, body: Any) -> Any:
        status, answer = post(self.desk, body, self.quotas)
        assert status == 200, (status, answer)
        return answer

    def order(self, *wires: dict[str, Any], grouping: str = "na", **more: Any) -> list[Any]:
        """The statuses of a batch of orders."""
        action = {"type": "order", "orders": list(wires), "grouping": grouping, **more}
        answer = self.l1(action)
        assert answer["status"] == "ok", answer
        assert answer["response"]["type"] == "order"
        found: list[Any] = answer["response"]["data"]["statuses"]
        return found


def post(desk: FakeDesk, body: Any, quotas: Quotas = VENUE) -> tuple[int, Any]:
    """(HTTP status, answer) of a request, given as JSON-ready or as bytes."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return asyncio.run(handle_exchange(desk, raw, quotas))


def wire(
    market: int, buy: bool, price: str, size: str, tif: str = "Gtc", reduce: bool = False,
    cloid: str | None = None, trigger: dict[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """An order as it stands in an action."""
    kind = {"trigger": trigger} if trigger else {"limit": {"tif": tif}}
    made = {"a": market, "b": buy, "p": price, "s": size, "r": reduce, "t": kind}
    return {**made, "c": cloid} if cloid else made


def stop(price: str, is_market: bool = True, tpsl: str = "sl") -> dict[str, Any]:
    return {"isMarket": is_market, "triggerPx": price, "tpsl": tpsl}
