"""A stage on a port of its own, until it is stopped: a recording, or an account that is read."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from seawall.sandbox.origins import answering
from seawall.sandbox.venue import bind
from seawall.terminal.app import add_terminal
from seawall.terminal.stage import Stage


@asynccontextmanager
async def served(stage: Stage, listening: socket.socket) -> AsyncIterator[str]:
    """The URL of a server that shows a stage, for the length of a block."""
    app = web.Application(middlewares=[answering(any_origin=False)])
    add_terminal(app, stage)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        host, port = listening.getsockname()[:2]
        yield f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    finally:
        await runner.cleanup()


def serve(
    make: Callable[[], Awaitable[Stage]], host: str, port: int, announce: Callable[[str], None]
) -> None:
    """Show what ``make`` makes until SIGINT or SIGTERM. Raises SeawallError."""
    listening = bind(host, port)

    async def main() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with served(await make(), listening) as url:
            announce(url)
            await stop.wait()

    try:
        asyncio.run(main())
    finally:
        listening.close()
