"""The faucet: money from nowhere for a subaccount, as the test network gives it."""

from typing import Any

import msgspec
from aiohttp import web

from seawall.domain.commands import Command, Deposit
from seawall.domain.units import MICRO
from seawall.venues.dydx.directory.directory import subaccount_key
from seawall.venues.dydx.indexer.rest import refused
from seawall.venues.dydx.node.chain import Node
from seawall.venues.dydx.wire.bech32 import is_address
from seawall.venues.dydx.wire.order_message import HIGHEST_SUBACCOUNT
from seawall.venues.port import Plan, Refusal

MOST_USD = 1_000_000
WALLET_USD = 1_000


class Faucet:
    """Handlers of the paths below ``/faucet``."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/faucet/tokens", self._tokens)
        router.add_post("/faucet/native-token", self._native_token)

    async def _tokens(self, request: web.Request) -> web.Response:
        body = await _body(request)
        address, number, usd = (body.get(n) for n in ("address", "subaccountNumber", "amount"))
        if not isinstance(address, str) or not is_address(address):
            return refused(400, "address must be a dydx address")
        if type(number) is not int or not 0 <= number <= HIGHEST_SUBACCOUNT:
            return refused(400, f"subaccountNumber must be from 0 to {HIGHEST_SUBACCOUNT}")
        if type(usd) is not int or not 0 < usd <= MOST_USD:
            return refused(400, f"amount must be from 1 to {MOST_USD} USDC")
        return await self._give(subaccount_key(address, number), usd)

    async def _native_token(self, request: web.Request) -> web.Response:
        """No fees are taken here, so the wallet receives USDC instead."""
        address = (await _body(request)).get("address")
        if not isinstance(address, str) or not is_address(address):
            return refused(400, "address must be a dydx address")
        return await self._give(address, WALLET_USD)

    async def _give(self, key: str, usd: int) -> web.Response:
        directory, engine = self._node.directory, self._node.desk.engine

        def plan(time_ms: int) -> Plan:
            commands: list[Command] = []
            records = []
            row = directory.row_of(key)
            if row < 0:
                record, commands, row = directory.new_account(engine, time_ms, key)
                records = [record]
            return Plan([*commands, Deposit(time_ms, row, usd * MICRO)], records)

        try:
            await self._node.desk.submit(plan)
        except Refusal as refusal:
            return refused(429, refusal.reason)
        return web.Response(status=202, body=b"{}", content_type="application/json")


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(await request.read())
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
