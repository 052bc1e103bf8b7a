"""A venue in a process of its own, for tests: prints one line of JSON when it answers.

    python -m tests.conformance.hyperliquid.serve [--speed N] [--agents] [--feed manual|synthetic]
        [--mode standard|unified] [--quotas] [--markets NAME=PRICE ...] [--pace SECONDS]
        [--venue NAME]

``--speed 0`` (the default) is a clock that only control moves. ``--pace``: how often streams state
prices and accounts, seconds of this computer. Each line ``check`` on standard
input is answered with the number of a broken invariant (0: none), found on a copy while the venue
runs, and with the hash of the machine's state. It ends when standard input does.
"""

import argparse
import asyncio
import json
import logging
import sys
from pathlib import Path

from aiohttp import web

from seawall.domain.rulebook import BlockRulebook
from seawall.engine.block_invariants import broken_block_invariant
from seawall.engine.engine import Engine
from seawall.engine.invariants import broken_invariant
from seawall.sandbox.venue import Venue, VenueOptions, running_venue
from seawall.venues.hyperliquid.limits import OFF, VENUE
from seawall.venues.hyperliquid.server import make_app
from seawall.venues.hyperliquid.stream.hub import Pace
from seawall.venues.port import Desk
from seawall.venues.registry import DEFAULT_VENUE


def judged(copy: Engine) -> str:
    has_blocks = isinstance(copy.rulebook, BlockRulebook)
    broken = int((broken_block_invariant if has_blocks else broken_invariant)(copy.state))
    return json.dumps({"broken": broken, "hash": copy.state_hash(), "sequence": copy.sequence})


async def listen(venue: Venue) -> None:
    """Answer checks until there is nobody to ask."""
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        if line.strip() == "check":
            copy = venue.host.engine.fork()
            print(await loop.run_in_executor(None, judged, copy), flush=True)


async def serve(options: VenueOptions, pace: float | None) -> None:
    def paced(desk: Desk) -> web.Application:
        assert pace is not None
        return make_app(desk, Pace(state=pace), VENUE if options.quotas else OFF)

    async with running_venue(options, None if pace is None else paced) as venue:
        about = {
            "url": venue.url,
            "seed_phrase": venue.seed_phrase,
            "users": [[key.address, key.private_key] for key in venue.users],
            "accounts": [
                {"address": key.address, "privateKey": key.private_key, "mnemonic": key.mnemonic}
                for key in venue.users
            ],
            "ports": venue.ports,
        }
        print(json.dumps(about), flush=True)
        listening = asyncio.ensure_future(listen(venue))
        writer = venue.host.writer
        done, _ = await asyncio.wait({listening, writer}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


def options_of(arguments: argparse.Namespace) -> VenueOptions:
    return VenueOptions(
        venue=arguments.venue,
        speed=arguments.speed,
        agents=arguments.agents,
        feed=arguments.feed,
        data=arguments.data,
        seed=arguments.seed,
        mode=arguments.mode,
        quotas=arguments.quotas,
        markets=tuple(arguments.markets),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--venue", default=DEFAULT_VENUE)
    parser.add_argument("--speed", type=float, default=0.0)
    parser.add_argument("--agents", action="store_true")
    parser.add_argument("--feed", default="manual")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--mode")
    parser.add_argument("--quotas", action="store_true")
    parser.add_argument("--markets", nargs="*", default=())
    logging.basicConfig(level=logging.WARNING)
    parser.add_argument("--pace", type=float)
    arguments = parser.parse_args()
    asyncio.run(serve(options_of(arguments), arguments.pace))


if __name__ == "__main__":
    main()
