"""Acting on an account of this venue, with an agent's key: reducing orders, cancels, margin.

An order's ``r`` (reduce only) is written here and nowhere else, and is always true. Every action
but a readable message carries ``expiresAfter``, so that what is unknown comes to an end.
"""

import asyncio
from typing import Any

from msgspec import Struct

from seawall.domain.errors import InputError
from seawall.domain.units import MAX_MONEY, MAX_PRICE, MAX_SIZE, from_units, money_text
from seawall.venues.gateway_port import Network, Outcome, ReduceOrder, Refused
from seawall.venues.hyperliquid.account.public import dex_of, parse_address, size_decimals
from seawall.venues.hyperliquid.gateway.key import SigningKey
from seawall.venues.hyperliquid.gateway.networks import signing_of
from seawall.venues.hyperliquid.gateway.post import outcome_of
from seawall.venues.hyperliquid.instruments import ASSETS_OF_A_DEX, FIRST_DEX_ASSET
from seawall.venues.hyperliquid.wire.values import WireError, on_tick, parse_cloid
from seawall.venues.public_api import PublicApi
from seawall.venues.raw_json import VenueDataError, decode
from seawall.venues.sender import ANSWER_S, Nonces, Sender

_CHAIN_ID = "0x66eee"
"""The chain that the official client names in readable messages; any is valid."""
_TIMES_IN_FORCE = {"immediate": "Ioc", "post_only": "Alo", "resting": "Gtc"}


class _Dex(Struct):
    name: str


class _Master(Struct):
    user: str | None = None


class _Role(Struct):
    role: str
    data: _Master | None = None


class Terms(Struct, frozen=True):
    """What an order's text needs of its market."""

    asset: int
    size_decimals: int


class Writer:
    """One account and its keys; see ``gateway_port.VenueWriter``.

    Requests are signed by ``agent``, which an account has approved, or by its own key.
    ``owner``: the account's own key; without it money outside of the pool cannot be moved.
    """

    def __init__(
        self,
        network: Network,
        address: str,
        agent: SigningKey,
        owner: SigningKey | None = None,
        answer_s: float = ANSWER_S,
    ) -> None:
        """Raises VenueDataError for what is no address, InputError for another account's key."""
        found = parse_address(address)
        if found is None:
            raise InputError.of("", "address", address, "0x and 40 hexadecimal digits")
        if owner is not None and owner.address != found:
            raise InputError(f"owner key: is that of {owner.address}, should be that of {found}")
        self.url, self.address = network.url, found
        self._signing = signing_of(network)
        self._agent, self._owner = agent, owner
        self._api = PublicApi(network.url, ANSWER_S)
        exchange = network.url.rstrip("/") + "/exchange"
        self._sender = Sender(exchange, outcome_of, answer_s)
        self._nonces = Nonces()
        self._terms: dict[str, Terms] = {}

    def __repr__(self) -> str:
        return f"Writer({self.address} at {self.url}, {self._agent!r})"

    async def check(self) -> str:
        raw = await asyncio.to_thread(
            self._api.post, "/info", {"type": "userRole", "user": self._agent.address}
        )
        # What the first order would wait for.
        self._terms |= await asyncio.to_thread(_listed, self._api, "")
        found = decode(_Role, raw, "userRole")
        if self._agent.address == self.address and found.role == "user":
            return ""
        if found.role == "agent" and found.data is not None:
            master = (found.data.user or "").lower()
            if master == self.address:
                return ""
            return f"the key is that of an agent of {master}, not of {self.address}"
        return (
            f"the key is that of {self._agent.address}, which {self.address} has not approved as "
            "an agent, or no longer"
        )

    async def place(self, order: ReduceOrder) -> Outcome:
        _check_order(order)
        terms = await self._terms_of(order.market)
        if isinstance(terms, Refused):
            return terms
        if order.size_decimals != terms.size_decimals:
            expected = f"{terms.size_decimals}, as the venue lists {order.market}"
            raise InputError.of("order", "size_decimals", order.size_decimals, expected)
        wire = _order_wire(order, terms)
        action = {"type": "order", "orders": [wire], "grouping": "na"}
        return await self._send(action, order.expires_ms)

    async def cancel(self, market: str, client_id: str, expires_ms: int) -> Outcome:
        _check_client_id(client_id)
        terms = await self._terms_of(market)
        if isinstance(terms, Refused):
            return terms
        cancel = {"asset": terms.asset, "cloid": client_id}
        return await self._send({"type": "cancelByCloid", "cancels": [cancel]}, expires_ms)

    async def cancel_other(self, market: str, order_id: int, expires_ms: int) -> Outcome:
        terms = await self._terms_of(market)
        if isinstance(terms, Refused):
            return terms
        cancel = {"a": terms.asset, "o": order_id}
        return await self._send({"type": "cancel", "cancels": [cancel]}, expires_ms)

    async def add_isolated_margin(self, market: str, amount: int, expires_ms: int) -> Outcome:
        _check_amount(amount)
        terms = await self._terms_of(market)
        if isinstance(terms, Refused):
            return terms
        action = {
            "type": "updateIsolatedMargin", "asset": terms.asset, "isBuy": True, "ntli": amount,
        }  # fmt: skip
        return await self._send(action, expires_ms)

    async def add_collateral(self, amount: int) -> Outcome:
        _check_amount(amount)
        if self._owner is None:
            return Refused(
                "only the account's own key can move money from the wallet, and there is none",
                was_sent=False,
            )
        nonce = self._nonces.next()
        action = {
            "type": "usdClassTransfer",
            "hyperliquidChain": self._signing.chain,
            "signatureChainId": _CHAIN_ID,
            "amount": money_text(amount),
            "toPerp": True,
            "nonce": nonce,
        }
        signature = self._owner.sign_message(action)
        return await self._sender.send({"action": action, "nonce": nonce, "signature": signature})

    async def close(self) -> None:
        await self._sender.close()

    async def _send(self, action: dict[str, Any], expires_ms: int) -> Outcome:
        nonce = self._nonces.next()
        signature = self._agent.sign(action, nonce, expires_ms, self._signing.source)
        body = {
            "action": action, "nonce": nonce, "signature": signature, "vaultAddress": None,
            "expiresAfter": expires_ms,
        }  # fmt: skip
        return await self._sender.send(body)

    async def _terms_of(self, market: str) -> Terms | Refused:
        """The terms of a market, asked for once; a refusal where nothing could be sent."""
        if market not in self._terms:
            try:
                found = await asyncio.to_thread(_listed, self._api, dex_of(market))
            except VenueDataError as error:
                return Refused(f"not sent: {error}", was_sent=False)
            self._terms |= found
        if market not in self._terms:
            expected = f"a market of the venue, which lists {len(self._terms)}"
            raise InputError.of("", "market", market, expected)
        return self._terms[market]


def _listed(api: PublicApi, dex: str) -> dict[str, Terms]:
    """The markets of a dex. Raises VenueDataError."""
    first, body = 0, {"type": "meta"}
    if dex:
        raw = api.post("/info", {"type": "perpDexs"})
        dexes = decode(list[_Dex | None], raw, "perpDexs")
        names = [None if each is None else each.name for each in dexes]
        if dex not in names:
            return {}
        first = FIRST_DEX_ASSET + ASSETS_OF_A_DEX * names.index(dex)
        body["dex"] = dex
    decimals = size_decimals(api.post("/info", body))
    return {
        coin: Terms(first + place, decimals[coin]) for place, coin in enumerate(decimals)
    }  # fmt: skip


def _order_wire(order: ReduceOrder, terms: Terms) -> dict[str, Any]:
    """The order on the wire. A seller's prices are rounded up, a buyer's down: the limit is no
    worse than was asked for, and a trigger is never nearer to liquidation."""
    up = not order.is_buy
    kind: dict[str, Any] = {"limit": {"tif": _TIMES_IN_FORCE.get(order.kind, "")}}
    if order.kind == "trigger":
        kind = {
            "trigger": {
                "isMarket": True,
                "triggerPx": _price(order.trigger_price, terms, up=up),
                "tpsl": "tp" if order.take_profit else "sl",
            }
        }
    return {
        "a": terms.asset,
        "b": order.is_buy,
        "p": _price(order.price, terms, up=up),
        "s": from_units(order.size, terms.size_decimals),
        "r": True,
        "t": kind,
        "c": order.client_id,
    }


def _price(price: int, terms: Terms, *, up: bool) -> str:
    found = on_tick(price, terms.size_decimals, up=up)
    if not 0 < found <= MAX_PRICE:
        raise InputError.of("order", "price", price, "one that is a price after rounding")
    return from_units(found, 6 - terms.size_decimals)


def _check_order(order: ReduceOrder) -> None:
    _check_client_id(order.client_id)
    if not 0 < order.size <= MAX_SIZE:
        raise InputError.of("order", "size", order.size, "above 0")
    if order.kind not in (*_TIMES_IN_FORCE, "trigger"):
        known = ", ".join((*_TIMES_IN_FORCE, "trigger"))
        raise InputError.of("order", "kind", order.kind, f"one of {known}")
    if (order.kind == "trigger") != (order.trigger_price > 0):
        expected = "above 0 for a trigger order, and 0 for any other"
        raise InputError.of("order", "trigger_price", order.trigger_price, expected)


def _check_client_id(client_id: str) -> None:
    try:
        parse_cloid(client_id)
    except WireError:
        expected = "0x and 32 hexadecimal digits"
        raise InputError.of("order", "client_id", client_id, expected) from None


def _check_amount(amount: int) -> None:
    if not 0 < amount <= MAX_MONEY:
        raise InputError.of("margin", "amount", amount, "above 0: collateral is only added")
