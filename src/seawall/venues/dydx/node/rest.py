"""The node's REST: accounts, simulation, broadcasting, transactions, balances, blocks."""

import base64
import binascii
from typing import Any

import msgspec
from aiohttp import web

from seawall.venues.dydx.node.chain import CHAIN_ID, GAS, Node
from seawall.venues.dydx.node.proto import message
from seawall.venues.dydx.node.queries import NotFound, Queries
from seawall.venues.dydx.node.transactions import PUBLIC_KEY
from seawall.venues.dydx.wire.moments import iso


def _json(body: Any, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(body), status=status, content_type="application/json"
    )


def _refused(status: int, code: int, text: str) -> web.Response:
    return _json({"code": code, "message": text, "details": []}, status)


class Rest:
    """Handlers of the paths below ``/cosmos``."""

    def __init__(self, node: Node, queries: Queries) -> None:
        self._node, self._queries = node, queries

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/cosmos/auth/v1beta1/account_info/{address}", self._account_info)
        router.add_get("/cosmos/auth/v1beta1/accounts/{address}", self._account)
        router.add_get("/cosmos/bank/v1beta1/balances/{address}", self._balances)
        router.add_get("/cosmos/base/tendermint/v1beta1/blocks/latest", self._latest_block)
        router.add_post("/cosmos/tx/v1beta1/simulate", self._simulate)
        router.add_post("/cosmos/tx/v1beta1/txs", self._broadcast)
        router.add_get("/cosmos/tx/v1beta1/txs/{hash}", self._transaction)

    def _account_body(self, address: str) -> dict[str, Any]:
        account = self._queries.base_account(address)
        holder = self._node.directory.holder(address)
        assert holder is not None
        key = base64.b64encode(bytes.fromhex(holder.public_key)).decode()
        return {
            "address": address,
            # An account that never signed has no key; clients that copy it need the field.
            "pub_key": {"@type": PUBLIC_KEY, "key": key},
            "account_number": str(account.account_number),
            "sequence": str(account.sequence),
        }

    async def _account_info(self, request: web.Request) -> web.Response:
        try:
            return _json({"info": self._account_body(request.match_info["address"])})
        except NotFound as error:
            return _refused(404, 5, str(error))

    async def _account(self, request: web.Request) -> web.Response:
        try:
            body = self._account_body(request.match_info["address"])
        except NotFound as error:
            return _refused(404, 5, str(error))
        return _json({"account": {"@type": "/cosmos.auth.v1beta1.BaseAccount", **body}})

    async def _balances(self, request: web.Request) -> web.Response:
        kind = message("bank.query", "QueryAllBalancesRequest")
        found = self._queries.balances(kind(address=request.match_info["address"]))
        coins = [{"denom": coin.denom, "amount": coin.amount} for coin in found.balances]
        total = str(len(coins))
        return _json({"balances": coins, "pagination": {"next_key": None, "total": total}})

    async def _latest_block(self, request: web.Request) -> web.Response:
        header = {"chain_id": CHAIN_ID, "height": str(self._node.height)}
        return _json({"block": {"header": header}, "sdk_block": {"header": header}})

    async def _simulate(self, request: web.Request) -> web.Response:
        if await _transaction_of(request, "txBytes", "tx_bytes") is None:
            return _refused(400, 3, "txBytes must be base64")
        used = str(GAS)
        return _json({"gas_info": {"gas_wanted": used, "gas_used": used}, "result": {}})

    async def _broadcast(self, request: web.Request) -> web.Response:
        raw = await _transaction_of(request, "tx_bytes", "txBytes")
        if raw is None:
            return _refused(400, 3, "tx_bytes must be base64")
        result = await self._node.broadcast(raw)
        return _json(
            {
                "tx_response": {
                    "height": str(result.height), "txhash": result.hash, "code": result.code,
                    "codespace": result.codespace, "raw_log": result.log,
                }
            }
        )  # fmt: skip

    async def _transaction(self, request: web.Request) -> web.Response:
        from google.protobuf.json_format import MessageToDict

        wanted = request.match_info["hash"]
        found = self._node.result(wanted)
        if found is None:
            return _refused(404, 5, f"tx not found: {wanted}")
        # The fields of a TxRaw are those of a Tx.
        made = message("tx", "Tx").FromString(found.raw)
        body = MessageToDict(
            made, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        return _json(
            {
                "tx": body,
                "tx_response": {
                    "height": str(found.height), "txhash": found.hash, "code": found.code,
                    "codespace": found.codespace, "data": "", "raw_log": found.log, "logs": [],
                    "info": "", "gas_wanted": "0", "gas_used": "0",
                    "tx": {"@type": "/cosmos.tx.v1beta1.Tx", **body},
                    "timestamp": iso(self._node.time_of(found.height)), "events": [],
                },
            }
        )  # fmt: skip


async def _transaction_of(request: web.Request, *names: str) -> bytes | None:
    """The bytes of a transaction in a JSON body, under the first of these names that it has."""
    try:
        body = msgspec.json.decode(await request.read())
        text = next(body[name] for name in names if name in body)
        return base64.b64decode(text, validate=True)
    except (msgspec.DecodeError, UnicodeError, RecursionError, TypeError, StopIteration):
        return None
    except (binascii.Error, ValueError):
        return None
