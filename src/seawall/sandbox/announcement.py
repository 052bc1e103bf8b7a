"""What a venue that is ready says about itself: where it is, its accounts, and how to trade."""

import math
from collections.abc import Collection, Sequence
from typing import Any

from seawall.domain.errors import InputError
from seawall.sandbox.venue import Venue
from seawall.venues.venue import Snippet, UserKey

SNIPPET_USD = 200.0
"""The size of the order in a snippet, about."""
DEFAULT_CLIENT, ALL_CLIENTS = "python", "all"
CLIENTS = (DEFAULT_CLIENT, "javascript", "freqtrade", ALL_CLIENTS)
"""Kinds of client that lines are printed for."""


def announcement_object(venue: Venue, terminal: str | None = None) -> dict[str, Any]:
    """The plain object for programs. ``terminal``: where the page is; None for nowhere."""
    return {
        "url": venue.url,
        "websocket": venue.websocket_url,
        "terminal": terminal,
        "seedPhrase": venue.seed_phrase,
        "accounts": [
            {
                "address": user.address,
                "privateKey": user.private_key,
                **({"mnemonic": user.mnemonic} if user.mnemonic else {}),
            }
            for user in venue.users
        ],
        "ports": venue.ports,
        "mode": venue.mode,
        "markets": _prices(venue),
        "data": str(venue.folder) if venue.lasts else None,
        "clients": [each._asdict() for each in _snippets(venue)],
    }


def clients_named(names: Collection[str]) -> Collection[str]:
    """Kinds of client to print lines for; the usual one without names. Raises InputError."""
    for name in names:
        if name not in CLIENTS:
            raise InputError.of("", "clients", name, ", ".join(CLIENTS))
    return CLIENTS if ALL_CLIENTS in names else names or (DEFAULT_CLIENT,)


def announcement(
    venue: Venue, clients: Collection[str] = (DEFAULT_CLIENT,), terminal: str | None = None
) -> str:
    """The text for people, with lines for these kinds of client. ``terminal``: where its page is,
    or why it is not there; None for a venue without one."""
    clock = venue.host.clock
    pace = "moved by control only" if clock.manual else f"x{clock.speed:g}"
    kept = str(venue.folder) if venue.lasts else "nothing stays (--data FOLDER keeps it)"
    lines = [
        "",
        f"  base URL   {venue.url}",
        f"  websocket  {venue.websocket_url}",
        *_further_ports(venue),
        *([] if terminal is None else [f"  terminal   {terminal}"]),
        f"  clock      {'real time' if clock.speed == 1 else pace}",
        f"  prices     {venue.market.world.source.name}",
        f"  mode       {venue.mode} accounts",
        f"  data       {kept}",
        "",
        "  markets    " + "   ".join(f"{name} {price}" for name, price in _prices(venue).items()),
        "",
        f'  Accounts, TEST ONLY: anyone can derive these keys from "{venue.seed_phrase}".',
    ]
    lines += [
        f"  {number}  {user.address}  {_secret(user)}" for number, user in enumerate(venue.users)
    ]
    for snippet in _snippets(venue):
        if snippet.kind in clients:
            lines += ["", f"  # {snippet.client} ({snippet.needs})", "", snippet.code.rstrip()]
    lines += ["", f"  Steer it: seawall control --help (API: {venue.url}/control/openapi.json)"]
    lines += [
        f"  Lines for other clients: --clients {','.join(CLIENTS)}; fixed hosts: seawall proxy"
    ]
    return "\n".join([*lines, "  Ctrl-C stops it.", ""])


def _secret(user: UserKey) -> str:
    """What a client signs with: the words where there are any, else the key."""
    return f"words: {user.mnemonic}" if user.mnemonic else f"key {user.private_key}"


def _further_ports(venue: Venue) -> list[str]:
    """The ports of a venue that has more than one."""
    if len(venue.ports) == 1:
        return []
    return ["  ports      " + "   ".join(f"{name} {port}" for name, port in venue.ports.items())]


def _snippets(venue: Venue) -> Sequence[Snippet]:
    market = venue.markets[0]
    step = market.instrument.size_step(in_blocks=True) / 10**market.instrument.size_decimals
    decimals = min(3, max(0, -math.floor(math.log10(step))))
    price = market.oracle_usd(venue.market.view.mark(market.row))
    size = max(10**-decimals, round(SNIPPET_USD / price, decimals))
    user = venue.users[0]
    return venue.wire.client_snippets(venue.urls, user, market.name, f"{size:g}")


def _prices(venue: Venue) -> dict[str, str]:
    view = venue.market.view
    return {market.name: market.oracle_text(view.mark(market.row)) for market in venue.markets}
