"""CometBFT's RPC: JSON-RPC over POST, and the same methods as GET with their arguments."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import web

from seawall.venues.dydx.node.chain import CHAIN_ID, Node, Result
from seawall.venues.dydx.node.proto import message
from seawall.venues.dydx.node.queries import NotFound, Queries, gas_info
from seawall.venues.numbers import printed_number

VERSION = "0.38.0"
MOST_CALLS = 100
"""Calls of one POST."""
_SIMULATE = "/cosmos.tx.v1beta1.Service/Simulate"
_ZERO_HASH = "00" * 32
_PROPOSER = "11" * 20


class RpcError(Exception):
    """A JSON-RPC error: code and text."""

    def __init__(self, code: int, text: str, data: str = "") -> None:
        super().__init__(text)
        self.code, self.text, self.data = code, text, data


Arguments = Mapping[str, Any]


class Rpc:
    """The methods that clients call."""

    def __init__(self, node: Node, queries: Queries) -> None:
        self._node, self._queries = node, queries
        self.methods: dict[str, Callable[[Arguments], Awaitable[Any]]] = {
            "abci_info": self._abci_info,
            "abci_query": self._abci_query,
            "block": self._block,
            "broadcast_tx_async": self._broadcast,
            "broadcast_tx_sync": self._broadcast,
            "health": self._health,
            "status": self._status,
            "tx": self._transaction,
        }

    async def _health(self, arguments: Arguments) -> Any:
        return {}

    async def _abci_info(self, arguments: Arguments) -> Any:
        return {
            "response": {
                "data": "dydxprotocol", "version": VERSION,
                "last_block_height": str(self._node.height),
                "last_block_app_hash": base64.b64encode(bytes(32)).decode(),
            }
        }  # fmt: skip

    async def _abci_query(self, arguments: Arguments) -> Any:
        path = str(arguments.get("path", ""))
        data = _hex(arguments.get("data", ""))
        height = str(self._node.height)
        try:
            value = self._answered(path, data)
        except NotFound as error:
            return {
                "response": {"code": 22, "codespace": "sdk", "log": str(error), "value": None,
                             "height": height, "key": None, "info": "", "index": "0"}
            }  # fmt: skip
        return {
            "response": {"code": 0, "log": "", "info": "", "index": "0", "key": None,
                         "value": base64.b64encode(value).decode(), "proofOps": None,
                         "height": height, "codespace": ""}
        }  # fmt: skip

    def _answered(self, path: str, data: bytes) -> bytes:
        from google.protobuf.message import DecodeError

        if path == _SIMULATE:
            made = message("tx.service", "SimulateResponse")(gas_info=gas_info())
            return bytes(made.SerializeToString())
        if path not in self._queries.handlers:
            raise NotFound(f"unknown query path: {path}")
        request, answer = self._queries.handlers[path]
        try:
            asked = request.FromString(data)
        except DecodeError as error:
            raise RpcError(-32602, "Invalid params", str(error)) from None
        return bytes(answer(asked).SerializeToString())

    async def _broadcast(self, arguments: Arguments) -> Any:
        result = await self._node.broadcast(_transaction_bytes(arguments.get("tx", "")))
        return {
            "code": result.code, "data": "", "log": result.log, "codespace": result.codespace,
            "hash": result.hash,
        }  # fmt: skip

    async def _transaction(self, arguments: Arguments) -> Any:
        given = str(arguments.get("hash", ""))
        wanted = given.removeprefix("0x")
        if not given.startswith("0x"):
            try:
                wanted = base64.b64decode(given, validate=True).hex()
            except (binascii.Error, ValueError):
                raise RpcError(-32602, "Invalid params", f"hash {given!r}") from None
        found = self._node.result(wanted)
        if found is None:
            raise RpcError(-32603, "Internal error", f"tx ({wanted.upper()}) not found")
        return _included(found)

    async def _status(self, arguments: Arguments) -> Any:
        node = self._node
        height = node.height
        return {
            "node_info": {
                "protocol_version": {"p2p": "8", "block": "11", "app": "0"}, "id": _PROPOSER,
                "listen_addr": "", "network": CHAIN_ID, "version": VERSION, "channels": "00",
                "moniker": "seawall", "other": {"tx_index": "on", "rpc_address": ""},
            },
            "sync_info": {
                "latest_block_hash": node.block_hash(height).hex().upper(),
                "latest_app_hash": _ZERO_HASH, "latest_block_height": str(height),
                "latest_block_time": _time(node.block_ms),
                "earliest_block_hash": node.block_hash(1).hex().upper(),
                "earliest_app_hash": _ZERO_HASH, "earliest_block_height": "1",
                "earliest_block_time": _time(node.time_of(1)), "catching_up": False,
            },
            "validator_info": {
                "address": _PROPOSER, "voting_power": "1",
                "pub_key": {
                    "type": "tendermint/PubKeyEd25519",
                    "value": base64.b64encode(bytes(32)).decode(),
                },
            },
        }  # fmt: skip

    async def _block(self, arguments: Arguments) -> Any:
        node = self._node
        given = str(arguments.get("height") or node.height)
        height = printed_number(given, node.height)
        if height < 1:
            detail = f"height {given} must be from 1 to {node.height}"
            raise RpcError(-32603, "Internal error", detail)
        parts = {"total": 1, "hash": node.block_hash(height).hex().upper()}
        before = node.block_hash(height - 1).hex().upper()
        header = {
            "version": {"block": "11"}, "chain_id": CHAIN_ID, "height": str(height),
            "time": _time(node.time_of(height)),
            "last_block_id": {"hash": before, "parts": {"total": 1, "hash": before}},
            **dict.fromkeys(
                ("last_commit_hash", "data_hash", "validators_hash", "next_validators_hash",
                 "consensus_hash", "app_hash", "last_results_hash", "evidence_hash"),
                _ZERO_HASH,
            ),
            "proposer_address": _PROPOSER,
        }  # fmt: skip
        last = {"height": str(height - 1), "round": 0, "block_id": header["last_block_id"]}
        return {
            "block_id": {"hash": node.block_hash(height).hex().upper(), "parts": parts},
            "block": {
                "header": header, "data": {"txs": []}, "evidence": {"evidence": []},
                "last_commit": {**last, "signatures": []},
            },
        }  # fmt: skip

    # -- HTTP ------------------------------------------------------------------------------------

    async def post(self, request: web.Request) -> web.Response:
        """JSON-RPC 2.0, one call or several."""
        try:
            asked = msgspec.json.decode(await request.read())
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            return _json({"jsonrpc": "2.0", "id": -1, "error": _error(-32700, "Parse error")})
        if isinstance(asked, list):
            if len(asked) > MOST_CALLS:
                error = _error(-32600, "Invalid Request", f"at most {MOST_CALLS} calls at a time")
                return _json({"jsonrpc": "2.0", "id": -1, "error": error})
            return _json([await self._called(each) for each in asked])
        return _json(await self._called(asked))

    async def get(self, request: web.Request) -> web.Response:
        """A method by its path, arguments in the query; quotes around them are taken off."""
        arguments = {name: value.strip('"') for name, value in request.query.items()}
        call = {"id": -1, "method": request.path.strip("/"), "params": arguments}
        return _json(await self._called(call))

    async def _called(self, asked: Any) -> Any:
        if not isinstance(asked, dict):
            return {"jsonrpc": "2.0", "id": -1, "error": _error(-32600, "Invalid Request")}
        answer = {"jsonrpc": "2.0", "id": asked.get("id", -1)}
        method, arguments = asked.get("method"), asked.get("params") or {}
        try:
            if not isinstance(method, str) or method not in self.methods:
                raise RpcError(-32601, "Method not found")
            if not isinstance(arguments, dict):
                raise RpcError(-32602, "Invalid params", "arguments must be named")
            return {**answer, "result": await self.methods[method](arguments)}
        except RpcError as error:
            return {**answer, "error": _error(error.code, error.text, error.data)}


def _error(code: int, text: str, data: str = "") -> dict[str, Any]:
    return {"code": code, "message": text, "data": data}


def _json(body: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), content_type="application/json")


def _hex(value: Any) -> bytes:
    try:
        return bytes.fromhex(str(value).removeprefix("0x"))
    except ValueError:
        raise RpcError(-32602, "Invalid params", "data must be hex") from None


def _transaction_bytes(value: Any) -> bytes:
    """Hex with 0x, as in a URI, or base64, as in JSON-RPC."""
    text = str(value)
    if text.startswith("0x"):
        return _hex(text)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise RpcError(-32602, "Invalid params", "tx must be hex with 0x, or base64") from None


def _time(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat().replace("+00:00", "Z")


def _included(found: Result) -> dict[str, Any]:
    return {
        "hash": found.hash, "height": str(found.height), "index": 0,
        "tx_result": {
            "code": found.code, "data": None, "log": found.log, "info": "", "gas_wanted": "0",
            "gas_used": "0", "events": [], "codespace": found.codespace,
        },
        "tx": base64.b64encode(found.raw).decode(),
    }  # fmt: skip
