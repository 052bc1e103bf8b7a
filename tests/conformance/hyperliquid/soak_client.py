"""One client of the soak: it trades, listens, and keeps books of what it heard."""

import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import aiohttp
import eth_account
from hyperliquid.utils.signing import sign_usd_class_transfer_action, sign_usd_transfer_action

from tests.conformance.hyperliquid.books import Books
from tests.conformance.hyperliquid.running import Venue
from tests.conformance.hyperliquid.signer import Signer, order_action
from tests.conformance.hyperliquid.trader import fee
from tests.waiting import eventually

SETTLED = (200, 429)
COINS = (("BTC", 5, 1, 40), ("ETH", 4, 2, 25), ("SOL", 2, 4, 20))
"""Name, decimals of a size, decimals of a price, highest leverage: the first markets by asset."""
ISOLATED = 1
"""The asset of which the clients hold isolated positions."""
CHANNELS = ("userFills", "userFundings", "userNonFundingLedgerUpdates", "orderUpdates")
"""What a client listens to; books are kept of all but the last."""
STAKE_USD = 3_000
"""What a client gets, and again when it has lost most of it."""
POOR_USD = 300


@dataclass
class Tally:
    """What happened so far."""

    answers: Counter[str] = field(default_factory=Counter)
    forced: Counter[str] = field(default_factory=Counter)
    """Fills by what forced them."""
    faults: list[str] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)
    seconds: float = 0.0
    """Of trading, without the comparisons."""
    actions: int = 0
    """That place orders; a bracket is one with three orders."""
    orders: int = 0
    fills: int = 0
    fundings: int = 0
    messages: int = 0
    checks: int = 0
    comparisons: int = 0
    """Of a client's books with the venue's answer."""

    def fault(self, text: str) -> None:
        if len(self.faults) < 100:
            self.faults.append(text[:800])


def trimmed(text: str) -> str:
    """A decimal as it must be signed: no trailing zeros."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def priced(price: float, decimals: int) -> str:
    """Five significant figures and at most ``decimals``."""
    return trimmed(f"{float(f'{price:.5g}'):.{decimals}f}")


class Client:
    """One account with little money and high leverage."""

    def __init__(
        self, venue: Venue, session: aiohttp.ClientSession, number: int, tally: Tally
    ) -> None:
        self.venue, self.session, self.tally = venue, session, tally
        self.wallet = eth_account.Account.from_key(f"0x{0x5EA0A11 + number:064x}")
        self.address: str = self.wallet.address.lower()
        self.signer = Signer(self.wallet.key.hex())
        self.random = random.Random(number)
        self.books = Books(self.address)
        self.mids: dict[str, str] = {}
        self.rates: set[Decimal] = set()
        self.unchecked: list[dict[str, Any]] = []
        """Fills whose fees and orders were not looked at."""
        self.resting: list[tuple[int, int]] = []
        self.nonce = 0
        self.friends: list[str] = []
        """Addresses to send money to."""
        self.subscribed = 0

    # -- the wire -------------------------------------------------------------------------------

    async def send(self, action: Any, sign: Callable[..., Any] | None = None) -> Any:
        """The answer to an action; None for a fault. ``sign``: of a message of the wallet's."""
        self.nonce = max(self.nonce + 1, int(time.time() * 1000))
        if sign is None:
            body = self.signer.request(action, self.nonce)
        else:
            action["time" if action["type"] == "usdSend" else "nonce"] = self.nonce
            signature = sign(self.wallet, action, False)
            body = {"action": action, "nonce": self.nonce, "signature": signature}
        async with self.session.post(self.venue.url + "/exchange", json=body) as answer:
            text = await answer.text()
        if answer.status not in SETTLED or "Traceback" in text:
            self.tally.fault(f"{answer.status} {text} for {action}")
            return None
        found = json.loads(text)
        self.tally.answers[f"{action['type']} {found['status'] if found else answer.status}"] += 1
        return found

    async def info(self, kind: str, **fields: Any) -> Any:
        body = {"type": kind, **fields}
        async with self.session.post(self.venue.url + "/info", json=body) as answer:
            if answer.status != 200:
                raise RuntimeError(f"{kind}: {answer.status} {await answer.text()}")
            return await answer.json()

    async def listen(self) -> None:
        """Keep the books of everything that arrives, until cancelled."""
        wishes = [{"type": kind, "user": self.address} for kind in CHANNELS]
        async with self.session.ws_connect(
            self.venue.websocket_url, max_msg_size=0, heartbeat=20
        ) as socket:
            for wish in wishes:
                await socket.send_json({"method": "subscribe", "subscription": wish})
            async for message in socket:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    break
                self.tally.messages += 1
                if message.data.startswith("{"):
                    self.hear(json.loads(message.data))
            self.tally.fault(f"the websocket of {self.address} closed: {socket.close_code}")

    def hear(self, message: dict[str, Any]) -> None:
        channel, data = message["channel"], message.get("data")
        if channel == "subscriptionResponse":
            self.subscribed += 1
        elif channel == "error":
            self.tally.fault(f"the websocket of {self.address}: {data}")
        elif channel in CHANNELS[:-1]:
            self.books.take(channel, data)
            self.unchecked += data.get("fills", [])
            self.tally.fills += len(data.get("fills", []))
            self.tally.fundings += len(data.get("fundings", []))

    async def begin(self) -> None:
        """High leverage everywhere, in a bucket of its own in the isolated market."""
        for asset, (_, _, _, highest) in enumerate(COINS):
            modes = {"asset": asset, "isCross": asset != ISOLATED}
            await self.send({"type": "updateLeverage", **modes, "leverage": highest})

    # -- trading --------------------------------------------------------------------------------

    async def step(self) -> None:
        """One order, or one bracket, and now and then something else before it."""
        asset = self.random.randrange(len(COINS))
        if self.random.random() < 0.25:
            await self.change(asset)
        coin, size_decimals, price_decimals, _ = COINS[asset]
        mid = float(self.mids[coin])
        is_buy = self.random.random() < 0.5
        held = self.books.sizes[coin]
        choice = self.random.random()
        size = trimmed(f"{self.random.uniform(50, 12_000) / mid:.{size_decimals}f}")
        if choice < 0.45:
            price = priced(mid * (1.004 if is_buy else 0.996), price_decimals)
            action = order_action(asset, is_buy, price, size, "Ioc")
        elif choice < 0.65:
            price = priced(mid * (1 + self.random.uniform(-0.004, 0.004)), price_decimals)
            tif = self.random.choice(("Gtc", "Alo"))
            action = order_action(asset, is_buy, price, size, tif)
        elif choice < 0.8:
            action = self.bracket(asset, is_buy, mid, size)
        elif held:
            price = priced(mid * (0.99 if held > 0 else 1.01), price_decimals)
            action = order_action(asset, held < 0, price, f"{abs(held):f}", "Ioc", reduce=True)
            if choice < 0.9:
                action = {**self.bracket(asset, held > 0, mid, "0"), "grouping": "positionTpsl"}
                del action["orders"][0]
        else:
            price = priced(mid * (0.998 if is_buy else 1.002), price_decimals)
            action = order_action(asset, is_buy, price, size)
        self._remember(asset, await self.send(action))
        self.tally.actions += 1
        self.tally.orders += len(action["orders"])

    def bracket(self, asset: int, is_buy: bool, mid: float, size: str) -> dict[str, Any]:
        """An entry with a take profit and a stop; one in five has a child that is refused."""
        decimals = COINS[asset][2]
        price = priced(mid * (1.003 if is_buy else 0.997), decimals)
        action = order_action(asset, is_buy, price, size)
        for kind in ("tp", "sl"):
            above = (kind == "tp") == is_buy
            above ^= self.random.random() < 0.1
            level = priced(mid * (1 + self.random.uniform(0.002, 0.02) * (1 if above else -1)),
                           decimals)  # fmt: skip
            limit = priced(mid * (0.9 if is_buy else 1.1), decimals)
            trigger = {"isMarket": True, "triggerPx": level, "tpsl": kind}
            order = {"a": asset, "b": not is_buy, "p": limit, "s": size, "r": True}
            action["orders"].append({**order, "t": {"trigger": trigger}})
        return {**action, "grouping": "normalTpsl"}

    async def change(self, asset: int) -> None:
        """Cancel, change leverage or margin, or move money."""
        choice = self.random.randrange(5)
        if choice == 0 and self.resting:
            place, oid = self.resting.pop(self.random.randrange(len(self.resting)))
            await self.send({"type": "cancel", "cancels": [{"a": place, "o": oid}]})
        elif choice == 1:
            leverage = self.random.randint(10, COINS[asset][3])
            modes = {"asset": asset, "isCross": asset != ISOLATED}
            await self.send({"type": "updateLeverage", **modes, "leverage": leverage})
        elif choice == 2:
            moved = self.random.randint(-20_000_000, 40_000_000)
            margin = {"asset": ISOLATED, "isBuy": True, "ntli": moved}
            await self.send({"type": "updateIsolatedMargin", **margin})
        elif choice == 3:
            amount = trimmed(f"{self.random.uniform(1, 20):.6f}")
            action = {"type": "usdSend", "destination": self.random.choice(self.friends)}
            await self.send({**action, "amount": amount}, sign_usd_transfer_action)
        else:
            amount = trimmed(f"{self.random.uniform(1, 20):.6f}")
            back = self.random.random() < 0.5
            action = {"type": "usdClassTransfer", "amount": amount, "toPerp": back}
            await self.send(action, sign_usd_class_transfer_action)

    def _remember(self, asset: int, found: Any) -> None:
        if found and found["status"] == "ok":
            for status in found["response"]["data"]["statuses"]:
                if "resting" in status:
                    self.resting.append((asset, status["resting"]["oid"]))
        del self.resting[:-40]

    # -- comparing ------------------------------------------------------------------------------

    async def compare(self) -> None:
        """Hold the books against the venue's answer while nothing moves.

        What was sent may still be on its way: it is waited for, and what differs then is a fault.
        """
        found: list[str] = ["not compared"]

        async def looked() -> bool:
            found[:] = self.books.differences(
                await self.info("clearinghouseState", user=self.address)
            )
            return not found

        try:
            await eventually(looked)
        except AssertionError:
            self.tally.fault(f"{self.address}: {found}")
        self.tally.comparisons += 1
        await self._compare_fees()
        await self._find_forced()
        self.unchecked.clear()

    async def _compare_fees(self) -> None:
        """Each fill's fee is the rate of before or of now on its value, to the last unit."""
        rates = await self.info("userFees", user=self.address)
        now = {Decimal(rates["userCrossRate"]), Decimal(rates["userAddRate"])}
        for fill in self.unchecked:
            charged = {fee(fill["px"], fill["sz"], rate) for rate in self.rates | now}
            if fill.get("liquidation", {}).get("method") == "backstop":
                charged = {Decimal(0)}
            if Decimal(fill["fee"]) not in charged:
                self.tally.fault(f"{self.address}: the fee is none of {charged}: {fill}")
        self.rates = now

    async def _find_forced(self) -> None:
        """Orders of forced fills are found by their ids."""
        for fill in self.unchecked:
            if "liquidation" not in fill:
                continue
            found = await self.info("orderStatus", user=self.address, oid=fill["oid"])
            if found["status"] != "order" or found["order"]["order"]["coin"] != fill["coin"]:
                self.tally.fault(f"{self.address}: no order {fill['oid']}: {found}")
