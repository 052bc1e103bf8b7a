"""``seawall up``: a whole venue on this computer, until Ctrl-C."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from seawall.cli.params import Texts
from seawall.cli.run import as_option, refuse
from seawall.domain.errors import InputError, SeawallError
from seawall.domain.quantities import number

if TYPE_CHECKING:
    from seawall.sandbox.feeds import RecordedPath
    from seawall.sandbox.storage import FolderOptions
    from seawall.sandbox.venue import Mount, Venue

SPEEDS = {"real": 1.0, "manual": 0.0}


@Parameter(name="*")
@dataclass(frozen=True)
class Listening:
    """Which venue answers, and where."""

    venue: str | None = None
    """Whose rules and wire language: a venue by its name; if not given, that of the folder of
    --data, else the default one."""
    host: str = "127.0.0.1"
    """Address to listen on. Leave it at loopback: the accounts' keys are no secret."""
    port: int | None = None
    """Port of the base URL; the venue's usual one if not given. 0 takes free ones for all."""
    ports: Texts = None
    """Further ports of a venue that has several: socket=3003,grpc=9090,rpc=26657,rest=1317."""

    def options(self, data: Path | None) -> dict[str, Any]:
        """As ``VenueOptions`` calls them. Raises InputError."""
        from seawall.sandbox.log import about_of
        from seawall.venues.registry import DEFAULT_VENUE, wire_of

        about = None
        if data is not None and self.venue is None:
            with suppress(OSError):  # the start says what cannot be read
                about = about_of(data)
        name = self.venue or (about or {}).get("venue", DEFAULT_VENUE)
        usual = next(iter(wire_of(name).ports.values()))
        further = {}
        for text in _names(self.ports):
            which, _, value = text.partition("=")
            if not value.isdecimal():
                raise InputError.of("", "ports", text, "names with numbers, such as grpc=9090")
            further[which] = int(value)
        port = usual if self.port is None else self.port
        return {"venue": name, "host": self.host, "port": port, "ports": further}


@Parameter(name="*")
@dataclass(frozen=True)
class Kept:
    """How the folder of ``--data`` is kept."""

    old_log: str = "keep"
    """Parts of the log that two later snapshots make dispensable: `keep` them, `drop` them, or a
    folder to move them to."""
    upgrade: Annotated[bool, Parameter(negative="")] = False
    """Go on in a folder written under other rules, or by a version that computed another state: its
    commands are replayed under these."""
    accept_loss: Annotated[bool, Parameter(negative="")] = False
    """Go on with what can be read of a damaged log; what was behind it is lost. The damaged file is
    kept beside it."""

    def options(self, data: Path | None) -> "FolderOptions":
        """Raises InputError."""
        from seawall.sandbox.storage import FolderOptions

        old = self.old_log
        asked = {"upgrade": self.upgrade, "accept-loss": self.accept_loss, "old-log": old != "keep"}
        for option in (name for name, is_asked in asked.items() if is_asked and data is None):
            raise InputError(f"--{option} needs --data, the folder that it is about")
        archive: str | Path = old
        if old not in ("keep", "drop"):
            archive = Path(old)
            if not archive.is_dir() or not os.access(archive, os.W_OK):
                expected = "keep, drop, or a folder that exists and can be written"
                raise InputError.of("", "old_log", old, expected)
            if data is not None and archive.resolve().is_relative_to(data.resolve()):
                raise InputError.of("", "old_log", old, "a folder outside of that of --data")
        return FolderOptions(
            old_segments=archive, upgrade=self.upgrade, accept_loss=self.accept_loss
        )


@Parameter(name="*")
@dataclass(frozen=True)
class Pages:
    """Which web pages the venue serves and answers."""

    terminal: bool = True
    """Serve the terminal at /; `--no-terminal`: the venue alone."""
    guard: Path | None = None
    """The journal of a guard on this venue, for the terminal to show; it may begin later."""
    any_origin: Annotated[bool, Parameter(negative="")] = False
    """Answer web pages of other origins too: any page may then trade with the test accounts."""

    def mount(self) -> "Mount | None":
        """What puts the terminal on the venue's server; None without one. Raises InputError."""
        if not self.terminal:
            if self.guard is not None:
                raise InputError.of("", "guard", str(self.guard), "left out without the terminal")
            return None
        # The guard may begin after its venue, so its journal need not be there yet.
        if self.guard is not None and (self.guard.is_dir() or not self.guard.parent.is_dir()):
            raise InputError.of("", "guard", str(self.guard), "a journal, in a folder that exists")
        from seawall.terminal.app import mounted

        return mounted(self.guard)

    def place(self, venue: "Venue") -> tuple[bool, str | None]:
        """Whether there is a page, and where, or why it is not there; None without a terminal."""
        if not self.terminal:
            return False, None
        from seawall.terminal.app import HOW_TO_GET_IT, is_built

        return (True, f"{venue.url}/") if is_built() else (False, HOW_TO_GET_IT)


def up(
    *,
    listening: Listening = Listening(),
    markets: Annotated[Texts, Parameter(name=["--markets", "--market"])] = None,
    seed: int | None = None,
    speed: Annotated[str, Parameter(allow_leading_hyphen=True)] = "real",
    rulebook: str | None = None,
    data: Path | None = None,
    feed: str = "synthetic",
    feed_from: str | None = None,
    history: bool = True,
    agents: bool = True,
    quotas: bool = True,
    mode: str | None = None,
    clients: Texts = None,
    pages: Pages = Pages(),
    kept: Kept = Kept(),
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Start a venue on this computer: living order books, funded test accounts, full control.

    Ctrl-C stops it. Steer it with `seawall control`. Exit status 2 for input that cannot be used.

    Parameters
    ----------
    markets
        Markets, each with a price to begin at if you like: BTC,ETH=2000,xyz:GOLD=3000. A number
        takes the first so many of the 34 known ones, `all` takes all.
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
        Prices: `synthetic`, `manual`, a file of candles, or a venue to follow, by name or URL.
    feed_from
        Where a file of candles begins, such as 2025-10-10T20:00; its rows before are history.
    history
        Candles and funding rates of the year before the start; without it they begin empty.
    agents
        Market makers, takers and crowds; without them the books are empty.
    quotas
        Clients may send as much as on the venue and no more; `--no-quotas`: what they like.
    mode
        How accounts begin: `standard` (a margin for each dex) or `unified`.
    clients
        Which clients to print lines for: python, javascript, freqtrade or all; python if not given.
    json_
        Print one JSON object instead of text when the venue is ready.
    """
    from seawall.sandbox.venue import VenueOptions, serve

    with _one_sentence():
        announce = _announcer(_names(clients), pages, as_object=json_)
        options = VenueOptions(
            **listening.options(data), rulebook=rulebook, markets=_names(markets), seed=seed,
            speed=_speed(speed), data=data, history=history, agents=agents, quotas=quotas,
            mode=mode, feed=_feed(feed, _names(markets), feed_from),
            any_origin=pages.any_origin, kept=kept.options(data),
        )  # fmt: skip
        serve(options, announce, pages.mount())


@contextmanager
def _one_sentence() -> Iterator[None]:
    """Whatever ends a venue is said in one sentence."""
    from seawall.sandbox.venue import VenueStopped

    try:
        yield
    except SeawallError as error:
        refuse("up", as_option(error))
    except VenueStopped as error:
        print(
            f"seawall up: the venue stopped: {error}; what was acknowledged is kept, start it "
            "again once that is mended",
            file=sys.stderr,
        )
        raise SystemExit(1) from None


def _announcer(
    clients: tuple[str, ...], pages: Pages, *, as_object: bool
) -> "Callable[[Venue], None]":
    """Prints what a venue that is ready says about itself. Raises InputError for the clients."""
    from seawall.sandbox.announcement import announcement, announcement_object, clients_named

    kinds = clients_named(clients)

    def announce(venue: "Venue") -> None:
        is_there, where = pages.place(venue)
        if as_object:
            about = json.dumps(announcement_object(venue, where if is_there else None))
        else:
            about = announcement(venue, kinds, where)
        print(about, flush=True)

    return announce


def _speed(text: str) -> float:
    """Venue seconds per second; 0 for a clock that only control moves. Raises InputError."""
    if text in SPEEDS:
        return SPEEDS[text]
    expected = "real, manual, or a multiple like x20 (to x1000)"
    bare, least = text.removeprefix("x"), Fraction(1, 1000)
    return float(number("speed", bare, least=least, most=1000, expected=expected, percent=False))


def _names(markets: Texts) -> tuple[str, ...]:
    return tuple(name for each in markets or () for name in each.split(",") if name)


def _feed(text: str, names: tuple[str, ...], from_time: str | None) -> "str | RecordedPath":
    from seawall.venues.registry import followed_names

    followed = followed_names()
    if text in ("synthetic", "manual", *followed) or "://" in text:
        if from_time is not None:
            raise InputError.of("", "feed_from", from_time, "left out: --feed is no file")
        return text
    from seawall.lab.market.recorded_feed import recorded_feed

    if not Path(text).exists():
        expected = f"synthetic, manual, {', '.join(followed)}, a URL or a file that exists"
        raise InputError.of("", "feed", text, expected)
    try:
        return recorded_feed(Path(text), [name.partition("=")[0] for name in names], from_time)
    except SeawallError as error:
        raise InputError(f"--feed: {error}") from None
