"""The node's gRPC server."""

from collections.abc import Callable
from typing import Any

from seawall.venues.dydx.node.chain import Node, Result
from seawall.venues.dydx.node.proto import message
from seawall.venues.dydx.node.queries import NotFound, Queries, gas_info

TX_SERVICE = "cosmos.tx.v1beta1.Service"
LARGEST_MESSAGE = 4 * 1024 * 1024


def response_of(result: Result) -> Any:
    """A result as a TxResponse."""
    return message("abci", "TxResponse")(
        txhash=result.hash, code=result.code, codespace=result.codespace, raw_log=result.log,
        height=result.height,
    )  # fmt: skip


class GrpcService:
    """Implements ``Service``: every query of ``Queries``, and the transactions of a node."""

    def __init__(self, node: Node, queries: Queries) -> None:
        self._node, self._queries = node, queries
        self._server: Any = None

    async def start(self, host: str, port: int) -> int:
        import grpc

        self._server = grpc.aio.server(
            options=[
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", LARGEST_MESSAGE),
            ]
        )
        for service, methods in self._methods(grpc).items():
            handler = grpc.method_handlers_generic_handler(service, methods)
            self._server.add_generic_rpc_handlers((handler,))
        shown = f"[{host}]" if ":" in host else host
        try:
            bound = int(self._server.add_insecure_port(f"{shown}:{port}"))
        except RuntimeError as error:
            raise OSError(str(error)) from None
        await self._server.start()
        return bound

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(0.5)

    def _methods(self, grpc: Any) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}

        def add(path: str, request: Any, answer: Callable[[Any, Any], Any]) -> None:
            _, service, method = path.split("/")
            found.setdefault(service, {})[method] = grpc.unary_unary_rpc_method_handler(
                _parsed(grpc, request, answer),
                response_serializer=lambda made: made.SerializeToString(),
            )

        for path, (request, answer) in self._queries.handlers.items():
            add(path, request, _asked(grpc, answer))
        service = "tx.service"
        add(f"/{TX_SERVICE}/BroadcastTx", message(service, "BroadcastTxRequest"), self._broadcast)
        add(f"/{TX_SERVICE}/Simulate", message(service, "SimulateRequest"), self._simulate)
        add(f"/{TX_SERVICE}/GetTx", message(service, "GetTxRequest"), self._transaction(grpc))
        return found

    async def _broadcast(self, request: Any, context: Any) -> Any:
        result = await self._node.broadcast(bytes(request.tx_bytes))
        return message("tx.service", "BroadcastTxResponse")(tx_response=response_of(result))

    async def _simulate(self, request: Any, context: Any) -> Any:
        return message("tx.service", "SimulateResponse")(gas_info=gas_info())

    def _transaction(self, grpc: Any) -> Callable[[Any, Any], Any]:
        async def answer(request: Any, context: Any) -> Any:
            found = self._node.result(request.hash)
            if found is None:
                await context.abort(grpc.StatusCode.NOT_FOUND, f"tx not found: {request.hash}")
                raise AssertionError("abort raises")
            made = message("tx.service", "GetTxResponse")(tx_response=response_of(found))
            made.tx.MergeFromString(found.raw)  # the fields of a TxRaw are those of a Tx
            return made

        return answer


def _parsed(
    grpc: Any, request: Any, answer: Callable[[Any, Any], Any]
) -> Callable[[bytes, Any], Any]:
    """A handler of the bytes of a request: what is no such message is answered, not logged."""
    from google.protobuf.message import DecodeError

    async def handle(raw: bytes, context: Any) -> Any:
        try:
            asked = request.FromString(raw)
        except DecodeError as error:
            await context.abort(grpc.StatusCode.INTERNAL, f"error unmarshalling request: {error}")
            raise AssertionError("abort raises") from None
        return await answer(asked, context)

    return handle


def _asked(grpc: Any, answer: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    async def handle(request: Any, context: Any) -> Any:
        try:
            return answer(request)
        except NotFound as error:
            await context.abort(grpc.StatusCode.NOT_FOUND, str(error))

    return handle
