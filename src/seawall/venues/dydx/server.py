"""The venue's HTTP server on a running machine: indexer, socket, CometBFT RPC, Cosmos REST, faucet.

All of it answers on every port: clients that want two of them at two ports find each at its own.
"""

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import WSCloseCode, web
from aiohttp.typedefs import Middleware

from seawall.domain.commands import CancelByClientId
from seawall.domain.system_accounts import FIRST_USER
from seawall.engine.account_view import account_margins
from seawall.engine.block_view import state_rejection
from seawall.engine.book_view import book_levels
from seawall.venues.dydx.faucet import Faucet
from seawall.venues.dydx.indexer.rest import Indexer, refused
from seawall.venues.dydx.indexer.view import View
from seawall.venues.dydx.limits import VENUE, Clients, Quotas, points_of
from seawall.venues.dydx.node.chain import Node
from seawall.venues.dydx.node.queries import Queries
from seawall.venues.dydx.node.rest import Rest
from seawall.venues.dydx.node.rpc import Rpc
from seawall.venues.dydx.node.service import GrpcService
from seawall.venues.dydx.stream.connection import MAX_MESSAGE, Connection
from seawall.venues.dydx.stream.hub import Hub
from seawall.venues.port import Desk

log = logging.getLogger(__name__)

MAX_BODY = 4 * 1024 * 1024
MAX_CONNECTIONS = 512
_NODE = web.AppKey("node", Node)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def _last_resort(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every failure answers with a status and never with a stack trace."""
    try:
        response = await handler(request)
    except web.HTTPException as error:
        response = refused(error.status, error.reason)
    except (UnicodeError, RecursionError, ValueError):
        log.exception("a request could not be read")
        response = refused(400, "Bad Request")
    except ConnectionError:
        raise
    except Exception:
        log.exception("a request could not be answered")
        response = refused(500, "Internal Server Error")
    return response


def _metered(clients: Clients) -> Middleware:
    """Counts the requests of the indexer by IP, and says in each answer what is left."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        window = clients.of(request.remote)
        is_asked = request.method == "GET" and request.path.startswith("/v4/")
        if not window.rate.uses or not is_asked or request.path == "/v4/ws":
            return await handler(request)
        may_be_answered = window.take(points_of(request.query))
        if may_be_answered:
            response = await handler(request)
        else:
            response = refused(429, "Too many requests")
            response.headers["Retry-After"] = str(window.milliseconds_left)
        reset_ms = time.time_ns() // 1_000_000 + window.milliseconds_left
        response.headers["RateLimit-Limit"] = str(window.rate.uses)
        response.headers["RateLimit-Remaining"] = str(window.left)
        response.headers["RateLimit-Reset"] = str(reset_ms)
        return response

    return middleware


def _warm_up(view: View) -> None:
    """Compile or load what reads the machine, before the first request needs it."""
    engine = view.desk.engine
    account_margins(engine, FIRST_USER)
    book_levels(engine, 0, 1)
    state_rejection(engine, CancelByClientId(engine.clock_ms, FIRST_USER, 0, 0, 1))


class _Sockets:
    """The socket connections of all clients."""

    def __init__(self, hub: Hub, quotas: Quotas, clock: Callable[[], float]) -> None:
        self._hub, self._quotas, self._clock = hub, quotas, clock
        self._open: set[web.WebSocketResponse] = set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if len(self._open) >= MAX_CONNECTIONS:
            return refused(429, "Too many connections")
        socket = web.WebSocketResponse(max_msg_size=MAX_MESSAGE, heartbeat=30.0, timeout=2.0)
        await socket.prepare(request)
        self._open.add(socket)
        try:
            await Connection(self._hub, socket, self._quotas, self._clock).run()
        except ConnectionError:
            pass  # the client has gone
        except Exception:
            log.exception("a socket connection failed")
            await socket.close(code=WSCloseCode.INTERNAL_ERROR)
        finally:
            self._open.discard(socket)
        return socket

    async def life(self, app: web.Application) -> AsyncIterator[None]:
        _warm_up(self._hub.view)
        self._hub.start()
        yield
        await self._hub.stop()

    async def close(self, app: web.Application) -> None:
        for socket in list(self._open):
            await socket.close(code=WSCloseCode.GOING_AWAY, message=b"the venue stops")


def grpc_service(app: web.Application) -> GrpcService:
    """The gRPC server of the node that an app of ``make_app`` serves."""
    return GrpcService(app[_NODE], Queries(app[_NODE]))


def make_app(
    desk: Desk, quotas: Quotas = VENUE, clock: Callable[[], float] = time.monotonic
) -> web.Application:
    """The server of a node on a running desk. ``quotas``: how much clients may use; ``clock``: the
    seconds in which that is measured."""
    node = Node(desk, quotas)
    queries = Queries(node)
    view = View(node)
    app = web.Application(
        client_max_size=MAX_BODY,
        middlewares=[_metered(Clients(quotas.requests, clock)), _last_resort],
    )
    app[_NODE] = node
    rpc = Rpc(node, queries)
    sockets = _Sockets(Hub(view), quotas, clock)

    async def root(request: web.Request) -> web.StreamResponse:
        """A socket at the bare address too: clients use the URL that they are given."""
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await sockets.serve(request)
        return web.json_response({"methods": sorted(rpc.methods)})

    app.router.add_get("/", root)
    app.router.add_post("/", rpc.post)
    app.router.add_get("/v4/ws", sockets.serve)
    for method in rpc.methods:
        app.router.add_get(f"/{method}", rpc.get)
    Indexer(view).add_routes(app.router)
    Rest(node, queries).add_routes(app.router)
    Faucet(node).add_routes(app.router)
    app.cleanup_ctx.append(sockets.life)
    app.on_shutdown.append(sockets.close)
    return app
