"""The venue's server: ``POST /info``, ``POST /exchange``, ``GET /ws``, on a running machine."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import msgspec
from aiohttp import WSCloseCode, web

from seawall.domain.commands import AdvanceTime
from seawall.engine.account_view import account_margins
from seawall.engine.book_view import book_levels
from seawall.engine.market_view import account_free_margin, market_view
from seawall.venues.hyperliquid.exchange.builder_fees import FeeRunner
from seawall.venues.hyperliquid.exchange.handle import handle_payload
from seawall.venues.hyperliquid.exchange.twap import TwapRunner
from seawall.venues.hyperliquid.info.answer import answer_info
from seawall.venues.hyperliquid.info.base import BadRequest, DeskView
from seawall.venues.hyperliquid.limits import (
    VENUE,
    Client,
    Clients,
    Quotas,
    action_weight,
    answer_weight,
    info_weight,
)
from seawall.venues.hyperliquid.stream.connection import MAX_MESSAGE, Connection
from seawall.venues.hyperliquid.stream.hub import Hub, Pace
from seawall.venues.hyperliquid.wire.error_texts import UNPROCESSABLE
from seawall.venues.port import Applied, Desk

log = logging.getLogger(__name__)

MAX_BODY = 1024 * 1024
MAX_CONNECTIONS = 512
"""Websocket connections of all clients together."""
FEES_ROW = 1
"""A row that every machine has."""
_OPEN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "86400",
}
"""Browser clients call from pages of other origins, as they do on the venue."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _json(data: Any, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(data), status=status, content_type="application/json"
    )


def _text(text: str, status: int) -> web.Response:
    return web.Response(text=text, status=status)


@web.middleware
async def _last_resort(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every failure answers with a status and never with a stack trace."""
    try:
        response = await handler(request)
    except web.HTTPException as error:
        response = _text(error.reason, error.status)
    except (UnicodeError, RecursionError, ValueError):
        log.exception("a request could not be read")
        response = _text(UNPROCESSABLE, 422)
    except ConnectionError:
        raise
    except Exception:
        log.exception("a request could not be answered")
        response = _text("Service Unavailable", 503)
    if not response.prepared:
        response.headers.extend(_OPEN)
    return response


class _Server:
    def __init__(self, desk: Desk, pace: Pace | None, clients: Clients) -> None:
        self._desk = desk
        self._venue = DeskView(desk)
        self._hub = Hub(self._venue, pace)
        self._clients = clients
        self._open: set[web.WebSocketResponse] = set()

    async def info(self, request: web.Request) -> web.Response:
        asked, client = await self._read(request)
        if not client.may_request(self._clients.quotas, info_weight(asked)):
            return _json(None, 429)
        try:
            answer = answer_info(self._venue, asked)
        except BadRequest:
            return _text(UNPROCESSABLE, 422)
        client.weight.add(answer_weight(asked, answer))
        return _json(answer)

    async def exchange(self, request: web.Request) -> web.Response:
        payload, client = await self._read(request)
        quotas = self._clients.quotas
        if not client.may_request(quotas, *action_weight(payload)):
            return _json(None, 429)
        status, answer = await handle_payload(self._desk, payload, quotas)
        return _text(answer, status) if isinstance(answer, str) else _json(answer, status)

    async def _read(self, request: web.Request) -> tuple[Any, Client]:
        """A request's body, decoded, and who sent it; None for one that is not JSON, which is
        refused as any of the wrong shape is."""
        client = self._clients.of(request.remote)
        body = await request.read()
        try:
            return msgspec.json.decode(body), client
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None, client

    async def preflight(self, request: web.Request) -> web.Response:
        return web.Response(status=204)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        client = self._clients.of(request.remote)
        if len(self._open) >= MAX_CONNECTIONS or not client.may_connect(self._clients.quotas):
            return _json(None, 429)
        socket = web.WebSocketResponse(max_msg_size=MAX_MESSAGE, compress=False, timeout=2.0)
        try:
            await socket.prepare(request)
        except ConnectionError:
            return _text("", 400)  # the client has gone: it is not read
        self._open.add(socket)
        client.connections += 1
        try:
            quotas = self._clients.quotas
            await Connection(self._venue, self._hub, socket, client, quotas).run()
        except ConnectionError:
            pass  # the client has gone
        except Exception:
            # No HTTP answer is possible on an upgraded connection.
            log.exception("a websocket connection failed")
            await socket.close(code=WSCloseCode.INTERNAL_ERROR)
        finally:
            self._open.discard(socket)
            client.connections -= 1
        return socket

    async def life(self, app: web.Application) -> AsyncIterator[None]:
        _warm_up(self._venue)
        self._hub.start()
        fee_runner = FeeRunner(self._desk)
        tasks = (
            asyncio.create_task(_run_twaps(self._desk), name="seawall-twaps"),
            asyncio.create_task(fee_runner.run(), name="seawall-builder-fees"),
        )
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        fee_runner.close()
        await self._hub.stop()

    async def close_sockets(self, app: web.Application) -> None:
        for socket in list(self._open):
            await socket.close(code=WSCloseCode.GOING_AWAY, message=b"the venue stops")


async def _run_twaps(desk: Desk) -> None:
    """Send the slices of time-weighted orders as the venue's clock advances."""
    runner = TwapRunner(desk)
    clock_advanced = asyncio.Event()

    def heard(batch: Sequence[Applied]) -> None:
        if isinstance(batch[0].command, AdvanceTime):  # it is always alone in its work
            clock_advanced.set()

    stop_listening = desk.listen(heard)
    try:
        while True:
            await clock_advanced.wait()
            clock_advanced.clear()
            try:
                await runner.run(desk.now_ms())
            except Exception:
                log.exception("a slice of a time-weighted order could not be sent")
    finally:
        stop_listening()
        runner.close()


def _warm_up(venue: DeskView) -> None:
    """Compile or load what reads the machine, before the first request needs it."""
    account_margins(venue.engine, FEES_ROW)
    account_free_margin(venue.engine, FEES_ROW)
    if venue.instruments:
        market_view(venue.engine, 0)
        book_levels(venue.engine, 0, 1)


def make_app(
    desk: Desk,
    pace: Pace | None = None,
    quotas: Quotas = VENUE,
    clock: Callable[[], float] = time.monotonic,
) -> web.Application:
    """The venue on a running desk. ``pace``: how often streams may show a state. ``quotas``: how
    much clients may use; ``clock``: the seconds in which that is measured."""
    server = _Server(desk, pace, Clients(quotas, clock))
    app = web.Application(client_max_size=MAX_BODY, middlewares=[_last_resort])
    for path, handler in (("/info", server.info), ("/exchange", server.exchange)):
        app.router.add_post(path, handler)
        app.router.add_options(path, server.preflight)
    app.router.add_get("/ws", server.stream)
    app.cleanup_ctx.append(server.life)
    app.on_shutdown.append(server.close_sockets)
    return app
