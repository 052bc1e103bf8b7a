"""A whole venue on this computer: host, directory, agents, prices, control, the dialect's server.

``running_venue`` is what tests and tools use; ``run_venue`` runs until it is stopped. The
dialect comes from the registry: this room knows no venue.
"""

import asyncio
import errno
import gc
import shutil
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import msgspec
from aiohttp import web
from msgspec import Struct

from seawall.domain.commands import Deposit
from seawall.domain.enums import MarginGrouping
from seawall.domain.errors import InputError, SeawallError
from seawall.domain.rulebook import BlockRulebook, Rulebook
from seawall.domain.units import MICRO
from seawall.engine.layout import Limits
from seawall.sandbox.accounts import (
    USER_USD,
    open_account,
    seed_phrase,
    user_keys,
)
from seawall.sandbox.agents.group import BACKSTOP, AgentGroup
from seawall.sandbox.clock import Clock
from seawall.sandbox.connections import (
    Connections,
    raise_file_limit,
    request_log,
    room_for_connections,
)
from seawall.sandbox.control import RESET_POINT, control_app
from seawall.sandbox.feeds import (
    ManualSource,
    PriceSource,
    RecordedPath,
    RecordedSource,
    SyntheticSource,
)
from seawall.sandbox.followed_feed import (
    FollowedFeed,
    FoundFeed,
    begun_feed,
    find_feed,
    followed_markets,
)
from seawall.sandbox.host import Host, HostOptions, HostStopped
from seawall.sandbox.living_market import LivingMarket
from seawall.sandbox.log import HISTORY, about_of
from seawall.sandbox.markets import (
    START_PRICES,
    OpenMarket,
    choose_markets,
    coin_of,
    expand_markets,
)
from seawall.sandbox.origins import answering
from seawall.sandbox.prehistory import Beginning, Prehistory, recorded_before
from seawall.sandbox.storage import FolderOptions
from seawall.sandbox.world import World
from seawall.venues.port import Desk, Directory, Plan
from seawall.venues.registry import DEFAULT_VENUE, venue_named, wire_of
from seawall.venues.rulebook_file import load_rulebook
from seawall.venues.venue import Service, UserKey, Wire

BACKSTOP_USD = 20_000_000
HIGHEST_PORT = 65535
DEFAULT_SEED = 1
DEFAULT_MODE = "standard"
MODES = {DEFAULT_MODE: MarginGrouping.SEPARATE, "unified": MarginGrouping.SHARED}
"""How the accounts of a venue begin: a margin for each list of markets, or one for all."""
DEFAULT_LIMITS = Limits(accounts=4096, positions=32768, orders=131072, levels=65536, nodes=65536)
MakeApp = Callable[[Desk], web.Application]
Mount = Callable[["Venue", web.Application], None]
"""Adds to a venue's server what does not belong to its wire."""

COLLECT_AFTER = (50_000, 20, 50)
"""Allocations, and young collections, before the next generation is looked through."""


class VenueError(InputError):
    """A venue that cannot be run as asked; the message says what would be right."""


class VenueStopped(RuntimeError):
    """The host cannot continue, as when a disk is full; nothing after it was acknowledged."""


class VenueOptions(Struct, frozen=True, kw_only=True):
    """What a venue is made of. None: as the data folder says, else the default.

    ``port``: of the base URL, ``ports``: of the dialect's other servers by name; 0 takes free ones,
    also for those that are not named.
    ``speed``: venue ms per ms, 0 for a clock that only control moves. ``data``: a folder that
    lasts; None for one that goes with the venue. ``feed``: ``synthetic``, ``manual``, a path, or a
    venue to follow in real time, by its name or URL.
    ``start_ms``: the time at the very first start instead of the computer's. ``mode``: standard or
    unified, how new accounts begin. ``quotas``: whether clients may use as much as on the venue,
    and no more. ``history``: candles and funding rates before the start. ``any_origin``: whether
    web pages of other origins may call the wire. ``kept``: how the folder is kept.
    """

    host: str = "127.0.0.1"
    port: int = 0
    ports: Mapping[str, int] = {}
    venue: str = DEFAULT_VENUE
    rulebook: str | None = None
    markets: tuple[str, ...] = ()
    seed: int | None = None
    speed: float = 1.0
    data: Path | None = None
    agents: bool = True
    quotas: bool = True
    mode: str | None = None
    feed: str | RecordedPath = "synthetic"
    history: bool = True
    any_origin: bool = False
    start_ms: int | None = None
    limits: Limits = DEFAULT_LIMITS
    kept: FolderOptions = FolderOptions()


class _About(Struct, kw_only=True):
    """What a data folder's log says of how the venue was made."""

    venue: str
    rulebook: str
    seed: int
    markets: tuple[str, ...]
    mode: str = DEFAULT_MODE
    began_ms: int = 0
    began_at: tuple[int, ...] = ()
    """The prices at which the markets began, price units."""


class Venue:
    """A running venue. ``name``: whose wire language it speaks. ``mode``: how accounts begin.
    ``users``: the funded accounts with their keys, test only."""

    def __init__(
        self, host: Host, market: LivingMarket, about: _About, folder: Path, lasts: bool
    ) -> None:
        self.host = host
        self.market = market
        self.wire = wire_of(about.venue)
        self.name = about.venue
        self.mode = about.mode
        self.seed_phrase = seed_phrase(about.seed)
        self.folder = folder
        self.lasts = lasts
        self.address = ""
        self.port = 0
        loop = asyncio.get_running_loop()
        self.connections = Connections(room_for_connections(), loop.time)
        self.ports: dict[str, int] = {}
        self._services: list[Service] = []
        self._accepting: list[asyncio.Server] = []
        self._runner: web.AppRunner | None = None

    @property
    def users(self) -> list[UserKey]:
        return user_keys(self.wire, self.seed_phrase)

    @property
    def markets(self) -> tuple[OpenMarket, ...]:
        return self.market.world.markets

    @property
    def url(self) -> str:
        return self._url(self.port)

    def _url(self, port: int) -> str:
        shown = f"[{self.address}]" if ":" in self.address else self.address
        return f"http://{shown}:{port}"

    @property
    def urls(self) -> dict[str, str]:
        """Of each port, by the dialect's name for it."""
        return {name: self._url(port) for name, port in self.ports.items()}

    @property
    def websocket_url(self) -> str:
        return self.wire.websocket_url(self.urls)

    async def settle(self) -> None:
        """Accounts of users and agents, first prices, first quotes; what is there stays."""
        host, agents = self.host, self.market.agents
        if not host.engine.tables["margin_groups"]["money_outside"].any():
            await host.submit(lambda now: Plan([Deposit(now, BACKSTOP, BACKSTOP_USD * MICRO)]))
        phrase = self.seed_phrase
        users = [
            (address, usd, f"user {n}")
            for n, key in enumerate(self.users)
            for address, usd in self.wire.funded_addresses(key, USER_USD)
        ]
        needed = agents.needed_accounts() if agents is not None else []
        owners = [(self.wire.agent_address(phrase, name), usd, name) for name, usd in needed]
        # Agents need no account of each list of markets.
        has_lists = len({market.instrument.group for market in self.markets}) > 1
        grouping = MarginGrouping.SHARED if has_lists else None
        rows = [await open_account(host, *each) for each in users]
        rows += [await open_account(host, *each, grouping) for each in owners]
        if agents is not None:
            names = [name for name, _ in needed]
            agents.use_accounts(dict(zip(names, rows[len(users) :], strict=True)))
        # Compiles or loads what reads margins, before the first request waits for it.
        self.market.view.margins(rows[0])
        await self.market.open()
        if RESET_POINT not in host.save_points():
            try:
                await host.save_point(RESET_POINT)
            except InputError as error:
                expected = f"one that can be used: the first moment should be {error.expected}"
                raise VenueError.of("", "data", str(self.folder), expected) from None

    async def serve(
        self, app: web.Application, listening: Mapping[str, socket.socket], options: VenueOptions
    ) -> None:
        """Answer on sockets that are bound already, the first that of the base URL, and on those of
        the dialect's other services."""
        app.middlewares.insert(0, answering(options.any_origin, self.wire.hosts))
        app.middlewares.append(self.connections.middleware)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0, logger=request_log)
        await self._runner.setup()
        assert self._runner.server is not None
        for name, each in listening.items():
            self._accepting.append(await self.connections.serve(self._runner.server, each))
            self.address, self.ports[name] = each.getsockname()[:2]
        self.port = next(iter(self.ports.values()))
        for name, service in self.wire.services(app).items():
            port = port_of(self.wire, options, name)
            try:
                self.ports[name] = await service.start(options.host, port)
            except OSError as error:
                reason = f"another one (cannot listen on {options.host}:{port}: {error})"
                raise VenueError.of("", f"ports.{name}", port, reason) from None
            self._services.append(service)

    async def close(self) -> None:
        """Stop answering, finish what waits, close; a folder that does not last goes."""
        await self.market.stop()
        for accepting in self._accepting:
            accepting.close()
        for service in self._services:
            await service.stop()
        self.connections.stop()
        if self._runner is not None:
            await self._runner.cleanup()
        try:
            await self.host.stop()
        finally:
            if not self.lasts:
                shutil.rmtree(self.folder, ignore_errors=True)


def port_of(wire: Wire, options: VenueOptions, name: str) -> int:
    """The port that a server of the dialect is asked to have; 0 for a free one."""
    if name == next(iter(wire.ports)):
        return options.port
    return options.ports.get(name, wire.ports[name] if options.port else 0)


def bind_all(options: VenueOptions) -> dict[str, socket.socket]:
    """A socket for each port of the dialect's HTTP server. Raises VenueError."""
    wire = wire_of(options.venue)
    if package := wire.missing_package():
        expected = f"one whose packages are installed; missing: {package}"
        raise VenueError.of("", "venue", options.venue, expected)
    unknown = next((name for name in options.ports if name not in wire.ports), None)
    if unknown is not None:
        raise VenueError.of("", "ports", unknown, f"one of {', '.join(wire.ports)}")
    bound: dict[str, socket.socket] = {}
    try:
        for name in wire.http_ports:
            bound[name] = bind(options.host, port_of(wire, options, name))
    except VenueError:
        for each in bound.values():
            each.close()
        raise
    return bound


def bind(host: str, port: int) -> socket.socket:
    """A socket on an address of this computer. Raises VenueError where it cannot be had."""
    if not 0 <= port <= HIGHEST_PORT:
        raise VenueError.of("", "port", port, f"a port from 0 to {HIGHEST_PORT}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        reason = f"cannot listen on {host}:{port}: {error.strerror or error}"
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            raise VenueError.of("", "host", host, f"this computer's ({reason})") from None
        raise VenueError.of("", "port", port, f"another one ({reason})") from None
    return listening


def _about(options: VenueOptions, folder: Path) -> _About:
    """How the venue of a folder is made, agreed between the folder and the options."""
    shipped = venue_named(options.venue).built_in_markets()
    wanted = expand_markets(options.markets, {market.name: market for market in shipped})
    found = about_of(folder)
    if found is None:
        seed = DEFAULT_SEED if options.seed is None else options.seed
        book = options.rulebook or options.venue
        mode = options.mode or DEFAULT_MODE
        return _About(venue=options.venue, rulebook=book, seed=seed, markets=wanted, mode=mode)
    about = msgspec.convert(found, _About)
    for name, asked, made in (
        ("seed", options.seed, about.seed),
        ("rulebook", options.rulebook, about.rulebook),
        ("mode", options.mode, about.mode),
        ("markets", wanted or None, about.markets),
        ("venue", options.venue, about.venue),
    ):
        if asked is not None and asked != made:
            expected = f"{_shown(made)}, which the venue in {folder} was made with; leave it out, "
            expected += "or choose another folder"
            raise VenueError.of("", name, _shown(asked), expected)
    return about


def directory_of(about: dict[str, Any]) -> Callable[[], Directory]:
    """How the directory of the venue that a log speaks of is made. Raises VenueError."""
    try:
        made = msgspec.convert(about, _About)
        mode = MODES[made.mode]
    except (msgspec.ValidationError, KeyError) as error:
        raise VenueError(f"the log does not say of which venue it is: {error}") from None
    return partial(wire_of(made.venue).make_directory, mode)


def _shown(value: Any) -> Any:
    return " ".join(value) if isinstance(value, tuple) else value


def _source(options: VenueOptions, markets: tuple[OpenMarket, ...], about: _About) -> PriceSource:
    """Where prices come from that do not follow another venue."""
    if isinstance(options.feed, RecordedPath):
        return RecordedSource(options.feed, markets, about.began_ms)
    if options.feed == "manual":
        return ManualSource([market.to_usd(market.start_price) for market in markets])
    return SyntheticSource(markets, about.seed)


async def _found_feed(options: VenueOptions, about: _About) -> FoundFeed | None:
    """The venue to follow, if it is one that prices come from. Raises SeawallError."""
    if isinstance(options.feed, RecordedPath) or options.feed in ("synthetic", "manual"):
        return None
    if options.speed != 1 or options.start_ms is not None:
        expected = "real: the venue that the feed follows is in real time"
        raise VenueError.of("", "speed", f"x{options.speed:g}", expected)
    priced = [text for text in options.markets if "=" in text]
    if priced:
        expected = "names alone: prices begin where those of the feed are"
        raise VenueError.of("", "markets", ", ".join(priced), expected)
    return await find_feed(options.feed, [text.partition("=")[0] for text in about.markets])


def _markets(
    options: VenueOptions, about: _About, found: FoundFeed | None
) -> tuple[OpenMarket, ...]:
    of_venue = venue_named(options.venue)
    by_name = {instrument.name: instrument for instrument in of_venue.built_in_markets()}
    wanted = about.markets
    if found is not None:
        by_name = {**found.markets.instruments, **by_name}
        wanted = followed_markets(found, wanted, by_name)
        # One without a usual price keeps the one that it began at: its terms may follow from it.
        about.markets = tuple(
            text if coin_of(name := text.partition("=")[0]) not in START_PRICES else name
            for text in wanted
        )
    if isinstance(options.feed, RecordedPath):
        first = {name: f"{name}={prices[0]:.6g}" for name, prices in options.feed.prices.items()}
        named = [text.partition("=")[0] for text in wanted] or list(first)
        missing = [name for name in named if name not in first]
        if missing:
            expected = f"one with prices of {', '.join(missing)} too"
            raise VenueError.of("", "feed", options.feed.name, expected)
        wanted = tuple(first[name] for name in named)
    return choose_markets(wanted, by_name, of_venue.builder_market)


async def open_venue(
    options: VenueOptions,
    make_app: MakeApp | None = None,
    clock: Clock | None = None,
    mount: Mount | None = None,
) -> Venue:
    """A venue that answers on its port. ``make_app`` in place of the dialect's own server;
    ``clock`` in place of one with the options' speed and start; ``mount``: what else it serves.

    Raises SeawallError for options and for a folder that cannot be used.
    """
    make_app = make_app or partial(wire_of(options.venue).make_app, quotas=options.quotas)
    listening = bind_all(options)
    lasts = options.data is not None
    folder = options.data or Path(tempfile.mkdtemp(prefix="seawall-"))
    host: Host | None = None
    try:
        host, market, about = await _assemble(options, folder, clock)
        await host.start()
        venue = Venue(host, market, about, folder, lasts)
        await venue.settle()
        app = make_app(host)
        control = control_app(venue.market, venue.wire.account_named, venue.users)
        app.add_subapp("/control/", control)
        if mount is not None:
            mount(venue, app)
        await venue.serve(app, listening, options)
    except BaseException as error:
        for each in listening.values():
            each.close()
        if host is not None:
            await asyncio.gather(host.stop(), return_exceptions=True)
        if not lasts:
            shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, HostStopped) and host is not None:
            raise VenueStopped(_why(host.writer.exception() or error, folder)) from None
        if isinstance(error, OSError | apsw.Error):
            expected = f"a folder that can be used ({_why(error, folder)})"
            raise VenueError.of("", "data", str(folder), expected) from None
        raise
    market.start()
    return venue


async def _assemble(
    options: VenueOptions, folder: Path, clock: Clock | None
) -> tuple[Host, LivingMarket, _About]:
    folder.mkdir(parents=True, exist_ok=True)
    about = _about(options, folder)
    if about.mode not in MODES:
        raise VenueError.of("", "mode", about.mode, " or ".join(MODES))
    book = load_rulebook(about.rulebook)
    rules = venue_named(options.venue).rules
    if not isinstance(book, rules):
        kind = "one with blocks" if rules is BlockRulebook else "a continuous one"
        expected = f"{kind}, such as {options.venue}"
        raise VenueError.of("", "rulebook", book.name, expected)
    found = await _found_feed(options, about)
    markets = _markets(options, about, found)
    clock = clock or Clock(options.speed, options.start_ms)
    feed = await begun_feed(found, markets, clock.now_ms) if found is not None else None
    about.began_ms = about.began_ms or clock.now_ms()
    about.markets = about.markets or tuple(market.name for market in markets)
    about.began_at = about.began_at or tuple(market.start_price for market in markets)
    host = Host.open(
        folder,
        book,
        [market.instrument for market in markets],
        options.limits,
        directory_of(msgspec.to_builtins(about)),
        clock,
        HostOptions(folder=options.kept),
        msgspec.to_builtins(about),
    )
    world = _world(options, markets, about, feed)
    figures = 0
    if isinstance(book, Rulebook):
        figures = book.order.maximum_significant_figures
    if options.history and isinstance(book, Rulebook):
        path = options.feed
        known = recorded_before(path, about.began_ms) if isinstance(path, RecordedPath) else None
        beginning = Beginning(
            seed=about.seed, time_ms=about.began_ms, prices=about.began_at, figures=figures,
            funding=book.funding, recorded=known,
        )  # fmt: skip
        host.begin_history(Prehistory(markets, beginning))
    agents = AgentGroup(markets, figures, about.seed, feed) if options.agents else None
    market = LivingMarket(host, world, agents, feed)
    market.resume()
    return host, market, about


def _world(
    options: VenueOptions,
    markets: tuple[OpenMarket, ...],
    about: _About,
    feed: FollowedFeed | None,
) -> World:
    if feed is not None:
        return World(markets, feed, swing=0.0, elsewhere=feed)
    source = _source(options, markets, about)
    return World(markets, source, swing=0.0) if options.feed == "manual" else World(markets, source)


def _why(error: BaseException | None, folder: Path) -> str:
    """What went wrong with a folder, to be read."""
    if isinstance(error, OSError):
        return f"{error.filename or folder}: {error.strerror}"
    if isinstance(error, apsw.Error):
        return f"{folder / HISTORY}: {error}"
    return str(error) if isinstance(error, SeawallError) else repr(error)


@asynccontextmanager
async def running_venue(
    options: VenueOptions | None = None,
    make_app: MakeApp | None = None,
    clock: Clock | None = None,
    mount: Mount | None = None,
) -> AsyncIterator[Venue]:
    """A venue for the length of a block."""
    venue = await open_venue(options or VenueOptions(), make_app, clock, mount)
    try:
        yield venue
    finally:
        await venue.close()


def collect_rarely() -> None:
    """For a process that only runs a venue: what exists now stays, and looking through it for
    garbage again and again cost a quarter of the throughput."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


async def run_venue(
    options: VenueOptions,
    announce: Callable[[Venue], None],
    stop: asyncio.Event,
    mount: Mount | None = None,
) -> None:
    """Run until ``stop`` is set. Raises VenueStopped when the host stops by itself, and what
    ``open_venue`` raises."""
    venue = await open_venue(options, mount=mount)
    writer = venue.host.writer
    try:
        announce(venue)
        waiting = asyncio.ensure_future(stop.wait())
        await asyncio.wait({waiting, writer}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not writer.done():
            await venue.close()
            return
    except BaseException:
        await asyncio.gather(venue.close(), return_exceptions=True)
        raise
    await asyncio.gather(venue.close(), return_exceptions=True)
    failure = writer.exception()
    raise VenueStopped(_why(failure, venue.folder)) from failure


def serve(
    options: VenueOptions, announce: Callable[[Venue], None], mount: Mount | None = None
) -> None:
    """Run a venue in this process until SIGINT or SIGTERM. Raises as ``run_venue``."""
    import uvloop

    raise_file_limit()

    def ready(venue: Venue) -> None:
        collect_rarely()
        announce(venue)

    async def main() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await run_venue(options, ready, stop, mount)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
