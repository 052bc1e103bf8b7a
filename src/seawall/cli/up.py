"""``seawall up``: a whole venue on this computer, until Ctrl-C."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from seawall.cli.params import Texts, read_by
from seawall.cli.run import refuse
from seawall.domain.errors import InputError, SeawallError

if TYPE_CHECKING:
    from seawall.sandbox.feeds import RecordedPath

GREATEST_SPEED = 1000.0
HIGHEST_PORT = 65535
SPEEDS = {"real": 1.0, "manual": 0.0}


def read_speed(field: str, text: str) -> float:
    """Venue seconds per second; 0 for a clock that only control moves. Raises InputError."""
    try:
        value = SPEEDS[text] if text in SPEEDS else float(text.removeprefix("x"))
    except ValueError:
        value = -1.0
    if text not in SPEEDS and not 0.001 <= value <= GREATEST_SPEED:
        raise InputError.of("", field, text, "real, manual, or a multiple like x20 (to x1000)")
    return value


def read_port(field: str, text: str) -> int:
    """A port of this computer; 0 for a free one. Raises InputError."""
    if not text.isascii() or not text.isdigit() or int(text) > HIGHEST_PORT:
        raise InputError.of("", field, text, f"a port from 0 to {HIGHEST_PORT}")
    return int(text)


def up(
    *,
    host: str = "127.0.0.1",
    port: Annotated[int, read_by(read_port)] = 3001,
    markets: Annotated[Texts, Parameter(name=["--markets", "--market"])] = None,
    seed: int | None = None,
    speed: Annotated[float, read_by(read_speed), Parameter(show_default=lambda _: "real")] = 1.0,
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
        A folder to keep the venue in; starting again continues where it was. Without it nothing
        stays.
    feed
        Prices: `synthetic` (seeded, with jumps), `manual`, or a file of candles (parquet or CSV).
    agents
        Market makers, takers and crowds; without them the books are empty.
    json_
        Print one JSON object instead of text when the venue is ready.
    """
    from seawall.sandbox.announcement import announcement, announcement_object
    from seawall.sandbox.venue import Venue, VenueOptions, VenueStopped, serve

    def announce(venue: Venue) -> None:
        text = json.dumps(announcement_object(venue)) if json_ else announcement(venue)
        print(text, flush=True)

    names = tuple(name for each in markets or () for name in each.split(",") if name)
    try:
        options = VenueOptions(
            host=host,
            port=port,
            rulebook=rulebook,
            markets=names,
            seed=seed,
            speed=speed,
            data=data,
            agents=agents,
            feed=_feed(feed, names),
        )
        _say_compiling()
        serve(options, announce)
    except SeawallError as error:
        refuse("up", str(error))
    except VenueStopped as error:
        print(f"seawall up: the venue stopped: {error}", file=sys.stderr)
        raise SystemExit(1) from None


def _feed(text: str, names: tuple[str, ...]) -> "str | RecordedPath":
    if text in ("synthetic", "manual"):
        return text
    from seawall.lab.market.recorded_feed import recorded_feed

    if not Path(text).exists():
        raise InputError.of("", "--feed", text, "synthetic, manual or a file that exists")
    try:
        return recorded_feed(Path(text), [name.partition("=")[0] for name in names])
    except SeawallError as error:
        raise InputError(f"--feed: {error}") from None


def _say_compiling() -> None:
    from seawall.engine.compile import INTERPRETED, cache_folder

    if not INTERPRETED and not cache_folder().exists():
        text = "compiling the engine, once for this version: about half a minute ..."
        print(text, file=sys.stderr, flush=True)
