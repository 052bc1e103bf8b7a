"""``seawall up``: a whole venue on this computer, until Ctrl-C."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from seawall.cli.run import refuse
from seawall.domain.errors import InputError, SeawallError
from seawall.domain.units import from_units
from seawall.venues.registry import DEFAULT_VENUE, wire_of

if TYPE_CHECKING:
    from seawall.sandbox.feeds import RecordedPath
    from seawall.sandbox.venue import Venue
    from seawall.venues.venue import Snippet

SNIPPET_USD = 200.0
_GREATEST_SPEED = 1000.0


def up(
    *,
    host: str = "127.0.0.1",
    port: int = 3001,
    markets: Annotated[
        list[str] | None, Parameter(name=["--markets", "--market"], negative="")
    ] = None,
    seed: int | None = None,
    speed: str = "real",
    rulebook: str | None = None,
    data: Path | None = None,
    feed: str = "synthetic",
    agents: bool = True,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Start a venue on this computer: living order books, funded test accounts, full control.

    Ctrl-C stops it. Steer it with `seawall control`. Exit status 2 for input that cannot be used.

    Parameters
    ----------
    host
        Address to listen on. Leave it at loopback: the accounts' keys are no secret.
    port
        Port to listen on; 0 takes a free one.
    markets
        Markets by name, each with a price to begin at if you like: BTC,ETH=2000.
    seed
        Decides prices, agents and the accounts' keys; 1 if not given.
    speed
        `real`, a multiple such as `x20`, or `manual`: time passes only when control says so.
    rulebook
        A shipped rulebook by name, or a rulebook file.
    data
        A folder to keep the venue in; starting again goes on where it was. Without it nothing
        stays.
    feed
        Prices: `synthetic` (seeded, with jumps), `manual`, or a file of candles (parquet or CSV).
    agents
        Market makers, takers and crowds; without them the books are empty.
    json_
        Print one JSON object instead of text when the venue is ready.
    """
    from seawall.sandbox.venue import VenueOptions, VenueStopped

    names = tuple(name for each in markets or () for name in each.split(",") if name)
    try:
        options = VenueOptions(
            host=host,
            port=port,
            rulebook=rulebook,
            markets=names,
            seed=seed,
            speed=_speed(speed),
            data=data,
            agents=agents,
            feed=_feed(feed, names),
        )
        _say_compiling()
        _run(options, _announce_json if json_ else _announce)
    except SeawallError as error:
        refuse("up", str(error))
    except OSError as error:
        refuse("up", f"{error.filename or ''} {error.strerror or error}")
    except VenueStopped as error:
        print(f"seawall up: the venue stopped: {error}", file=sys.stderr)
        raise SystemExit(1) from None


def _speed(text: str) -> float:
    """Venue seconds per second; 0 for a clock that only control moves."""
    words = {"real": 1.0, "manual": 0.0}
    if text in words:
        return words[text]
    try:
        value = float(text.removeprefix("x"))
    except ValueError:
        value = -1.0
    if not 0.001 <= value <= _GREATEST_SPEED:
        raise InputError(
            f"--speed: {text!r} is not real, manual, or a multiple like x20 (to x1000)"
        )
    return value


def _feed(text: str, names: tuple[str, ...]) -> "str | RecordedPath":
    if text in ("synthetic", "manual"):
        return text
    from seawall.lab.market.candle_file import PathError
    from seawall.lab.market.market_path import read_market_path
    from seawall.sandbox.feeds import RecordedPath
    from seawall.sandbox.markets import DEFAULT_MARKETS

    file = Path(text)
    if not file.exists():
        raise InputError(f"--feed: {text!r} is not synthetic, manual or a file that exists")
    wanted = [name.partition("=")[0] for name in names]
    try:
        if not wanted:
            wanted = [name for name in DEFAULT_MARKETS if _has(file, name)] or ["BTC"]
        path = read_market_path([file], wanted)
    except PathError as error:
        raise InputError(f"--feed: {error}") from None
    prices = {name: [float(price) for price in path.oracle[name]] for name in wanted}
    return RecordedPath(file.name, [int(time) for time in path.times_ms], prices)


def _has(file: Path, name: str) -> bool:
    """Whether a file has candles of a market."""
    from seawall.lab.market.candle_file import read_candle_file
    from seawall.lab.market.market_path import market_of_symbol

    symbols = (rows.symbol or file.name.split("_")[0] for rows in read_candle_file(file))
    return any(market_of_symbol(symbol, [name]) for symbol in symbols)


def _say_compiling() -> None:
    from seawall.engine.compile import INTERPRETED, cache_folder

    if not INTERPRETED and not cache_folder().exists():
        text = "compiling the engine, once for this version: about half a minute ..."
        print(text, file=sys.stderr, flush=True)


def _run(options: Any, announce: Callable[["Venue"], None]) -> None:
    from seawall.sandbox.venue import collect_rarely, run_venue

    def ready(venue: "Venue") -> None:
        collect_rarely()
        announce(venue)

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await run_venue(options, ready, stop)

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(main())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def _snippets(venue: "Venue") -> Sequence["Snippet"]:
    market = venue.markets[0]
    decimals = min(market.instrument.size_decimals, 3)
    price = market.to_usd(venue.market.view.mark(market.row))
    size = max(10**-decimals, round(SNIPPET_USD / price, decimals))
    user = venue.users[0]
    return wire_of(DEFAULT_VENUE).client_snippets(
        venue.url, user.address, user.private_key, market.name, f"{size:g}"
    )


def _prices(venue: "Venue") -> dict[str, str]:
    view = venue.market.view
    return {
        market.name: from_units(view.mark(market.row), market.instrument.price_decimals)
        for market in venue.markets
    }


def _announce(venue: "Venue") -> None:
    clock = venue.host.clock
    pace = "moved by control only" if clock.manual else f"x{clock.speed:g}"
    kept = str(venue.folder) if venue.lasts else "nothing stays (--data FOLDER keeps it)"
    lines = [
        "",
        f"  base URL   {venue.url}",
        f"  websocket  {venue.websocket_url}",
        f"  clock      {'real time' if clock.speed == 1 else pace}",
        f"  prices     {venue.market.world.source.name}",
        f"  data       {kept}",
        "",
        "  markets    " + "   ".join(f"{name} {price}" for name, price in _prices(venue).items()),
        "",
        f'  Accounts, TEST ONLY: anyone can derive these keys from "{venue.seed_phrase}".',
    ]
    lines += [
        f"  {number}  {user.address}  key {user.private_key}"
        for number, user in enumerate(venue.users)
    ]
    for snippet in _snippets(venue):
        lines += [
            "",
            f"  # {snippet.client} (pip install {snippet.needs})",
            "",
            snippet.code.rstrip(),
        ]
    lines += ["", f"  Steer it: seawall control --help (API: {venue.url}/control/openapi.json)"]
    lines += ["  Ctrl-C stops it.", ""]
    print("\n".join(lines), flush=True)


def _announce_json(venue: "Venue") -> None:
    body = {
        "url": venue.url,
        "websocket": venue.websocket_url,
        "seedPhrase": venue.seed_phrase,
        "accounts": [
            {"address": user.address, "privateKey": user.private_key} for user in venue.users
        ],
        "markets": _prices(venue),
        "data": str(venue.folder) if venue.lasts else None,
    }
    print(json.dumps(body), flush=True)
