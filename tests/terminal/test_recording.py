"""A recorded rehearsal, played: scrubbed, stepped, and as true as the rehearsal was."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import pytest
from aiohttp import ClientSession

from seawall.domain.errors import SeawallError
from seawall.sandbox.venue import bind
from seawall.terminal import protocol
from seawall.terminal.app import STREAM
from seawall.terminal.recording import Recording
from seawall.terminal.serve import served
from tests.command_line import seawall
from tests.terminal.page import Page


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The built-in account in the built-in crash: its journal, and what the rehearsal says."""
    folder = tmp_path_factory.mktemp("rehearsal")
    done = seawall("rehearse", "--journal", "crash.journal", "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    return folder / "crash.journal", json.loads(done.stdout)


def with_recording(path: Path, play: Callable[[Page, Recording], Awaitable[None]]) -> None:
    async def run() -> None:
        recording = Recording(path)
        async with (
            served(recording, bind("127.0.0.1", 0)) as url,
            ClientSession() as session,
            session.ws_connect(url + STREAM, headers={"Origin": url}) as socket,
        ):
            await play(Page(None, socket), recording)  # type: ignore[arg-type]

    asyncio.run(run())


def test_it_begins_and_ends_as_the_rehearsal(rehearsed: tuple[Path, dict[str, str]]) -> None:
    path, said = rehearsed

    async def play(page: Page, recording: Recording) -> None:
        first = await page.read()
        assert isinstance(first, protocol.Snapshot)
        assert first.source == "recording"
        assert not any(each.may_trade for each in first.accounts)
        begun = await page.account()
        assert len(begun.positions) == 3
        assert {each.is_isolated for each in begun.buckets} == {True, False}
        await page.ask(protocol.Play(to_ms=recording.end_ms), protocol.Done)
        end = await page.account(lambda a: a.value != begun.value)
        assert (begun.value, end.value) == (said["equity_at_start"], said["equity_at_end"])
        assert recording.scene.engine.state_hash() == said["state_hash"]
        history = await page.surface(protocol.History, lambda h: bool(h.fills))
        assert any(each.is_liquidation for each in history.fills)
        cascade = await page.surface(protocol.Cascade, lambda c: c.liquidations > 0)
        assert cascade.events

    with_recording(path, play)


def test_the_same_moment_is_the_same_from_both_sides(
    rehearsed: tuple[Path, dict[str, str]],
) -> None:
    recording = Recording(rehearsed[0])
    half = (recording.start_ms + recording.end_ms) // 2
    recording.go_to(half)
    there, row = recording.scene.engine.state_hash(), recording.scene.engine.sequence
    fills = recording.scene.history.fills(recording.first_account())
    recording.go_to(recording.end_ms)
    assert recording.scene.engine.sequence > row
    recording.go_to(half)
    assert recording.scene.engine.state_hash() == there
    assert recording.scene.history.fills(recording.first_account()) == fills
    assert recording.epoch >= 2


def test_candles_are_those_of_the_mark(rehearsed: tuple[Path, dict[str, str]]) -> None:
    recording = Recording(rehearsed[0])
    recording.go_to((recording.start_ms + recording.end_ms) // 2)
    history, now_ms = recording.scene.history, recording.scene.now_ms()
    minute = 60_000
    found = history.candles(0, minute, 0, now_ms)
    assert len(found) > 10
    assert found[-1].close == recording.scene.mark(0)
    assert all(each.low <= min(each.open, each.close) for each in found)
    assert all(each.high >= max(each.open, each.close) for each in found)
    trades = history.trades(0, 10**6)
    for each in found:
        inside = [t for t in trades if t.time_ms // minute == each.opened_ms // minute]
        assert (each.volume, each.trades) == (sum(t.size for t in inside), len(inside))
    assert sum(each.trades for each in found) > 0
    # Of the newest ones alone, from the middle of a candle on; before the first there are none.
    assert history.candles(0, minute, found[-3].opened_ms + 1, now_ms) == found[-3:]
    assert history.candles(0, minute, 0, now_ms, limit=2) == found[-2:]
    assert history.candles(0, minute, 0, minute) == []


def test_it_is_played_stepped_and_asked(rehearsed: tuple[Path, dict[str, str]]) -> None:
    async def play(page: Page, recording: Recording) -> None:
        await page.ask(protocol.Play(step=1), protocol.Done)
        shown = await page.surface(
            protocol.Venue, lambda v: v.playback is not None and v.now_ms > recording.start_ms
        )
        assert shown.now_ms == recording.moments[0][0]
        await page.ask(protocol.Play(step=-1), protocol.Done)
        await page.surface(protocol.Venue, lambda v: v.now_ms == recording.start_ms)
        found = await page.ask(protocol.AskWhatIf("-0.15"), protocol.WhatIf)
        assert Decimal(found.lost) > 0
        await page.ask(protocol.Play(is_playing=True, speed=3600), protocol.Done)
        await page.surface(protocol.Venue, lambda v: v.now_ms == recording.end_ms)
        order = protocol.PlaceOrder(protocol.Ticket("BTC", "buy", "market", "1"))
        assert "recording" in (await page.ask(order, protocol.Refused)).expected
        wrong = await page.ask(protocol.Play(speed=0), protocol.Refused)
        assert wrong.field == "speed"

    with_recording(rehearsed[0], play)


def test_what_is_no_journal_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("no journal")
    for path in (other, tmp_path / "missing"):
        with pytest.raises(SeawallError):
            Recording(path)
        done = seawall("terminal", path)
        assert done.returncode == 2
        assert str(path) in done.stderr


def test_a_rehearsal_under_block_rules_is_played_too(tmp_path: Path) -> None:
    words = ("--rulebook", "dydx", "--journal", "blocks.journal", "--json")
    done = seawall("rehearse", *words, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)

    async def play(page: Page, recording: Recording) -> None:
        first = await page.read()
        assert first.rulebook.startswith("dydx")
        begun = await page.account()
        await page.ask(protocol.Play(to_ms=recording.end_ms), protocol.Done)
        await page.account(lambda a: a.value != begun.value)
        assert recording.scene.engine.state_hash() == said["state_hash"]
        shown = await page.surface(protocol.Cascade, lambda c: bool(c.events))
        assert Decimal(shown.liquidated_notional) > 0
        assert shown.longs == shown.shorts == ()

    with_recording(tmp_path / "blocks.journal", play)
