"""What a page is sent: everything at first, then what changed, counted without a gap."""

import asyncio
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from aiohttp import WSCloseCode, WSMessage, WSMsgType

from seawall.domain.commands import Deposit
from seawall.terminal import protocol
from seawall.terminal.connection import BEAT_S, MOST_ANSWERS, MOST_NOTICES, PACE, Connection
from seawall.terminal.live import LiveStage
from seawall.venues.port import Plan
from tests.terminal.page import Page, page_at, with_page
from tests.waiting import PATIENCE_S, until

SURFACES = {
    protocol.Snapshot, protocol.Venue, protocol.Markets, protocol.Book, protocol.Trades,
    protocol.Candles, protocol.Account, protocol.Twaps, protocol.History, protocol.LiquidationMap,
    protocol.Cascade, protocol.Guard,
}  # fmt: skip


def test_everything_is_sent_at_first_and_counted() -> None:
    async def play(page: Page) -> None:
        first = await page.read()
        assert isinstance(first, protocol.Snapshot)
        while not set(page.shown) >= SURFACES:
            await page.read()
        assert page.sequences == list(range(1, len(page.sequences) + 1))
        assert [each.name for each in first.markets] == ["BTC", "ETH"]
        assert [each.label for each in first.accounts[:2]] == ["user 0", "user 1"]
        assert all(each.may_trade == (each.kind == "test") for each in first.accounts)
        book = page.shown[protocol.Book]
        assert float(book.bids[0].price) < 50000 < float(book.asks[0].price)
        assert book.bids[1].total == str_sum(book.bids[0].size, book.bids[1].size)
        assert book.ask_depth[-1][1] >= book.ask_depth[0][1]

    with_page(play)


def str_sum(*texts: str) -> str:
    return format(sum(map(Decimal, texts)).normalize(), "f")


def test_what_is_in_view_can_be_changed() -> None:
    async def play(page: Page) -> None:
        await page.account()
        other = page.venue.users[3].address
        await page.ask(protocol.Watch("ETH", other, "1h"), protocol.Done)
        assert (await page.surface(protocol.Book, lambda b: b.market == "ETH")).market == "ETH"
        assert (await page.account(lambda a: a.address == other)).value == "100000"
        candles = await page.surface(protocol.Candles, lambda c: c.interval == "1h")
        assert candles.market == "ETH"
        assert candles.is_whole
        view = (await page.surface(protocol.Venue, lambda v: v.view.market == "ETH")).view
        assert view == protocol.View("ETH", other, "1h")
        for wrong, field in (
            (protocol.Watch(market="NONE"), "market"),
            (protocol.Watch(account="0x12"), "account"),
        ):
            assert (await page.ask(wrong, protocol.Refused)).field == field

    with_page(play)


def test_a_connection_begins_with_what_it_names() -> None:
    async def play(page: Page) -> None:
        other = page.venue.users[3].address
        named = {"market": "ETH", "account": other, "interval": "1h"}
        there = protocol.View("ETH", other, "1h")
        first = protocol.View("BTC", page.venue.users[0].address, "1m")
        nonsense = {"market": "NONE", "account": "9" * 5_000, "interval": "2m"}
        for query, view in ((named, there), ({}, first), (nonsense, first)):
            async with page_at(page.venue.url, query) as another:
                assert (await another.surface(protocol.Venue, lambda _: True)).view == view
                assert (await another.account()).address == view.account
                book = await another.surface(protocol.Book, lambda _: True)
                assert book.market == view.market

    with_page(play)


def test_what_is_no_message_is_refused_and_the_page_stays() -> None:
    async def play(page: Page) -> None:
        for text in ("{", "[]", '{"id":7}', '{"id":7,"request":{"type":"Nothing"}}'):
            await page.socket.send_str(text)
            answered: Any = None
            while not isinstance(answered, protocol.Answered):
                answered = await page.read()
            assert isinstance(answered.answer, protocol.Refused)
            assert answered.id == (7 if "7" in text else 0)
        await page.ask(protocol.Resynchronise(), protocol.Done)

    with_page(play)


def test_everything_is_sent_again_when_asked() -> None:
    async def play(page: Page) -> None:
        while not set(page.shown) >= SURFACES:
            await page.read()
        page.shown.clear()
        await page.ask(protocol.Resynchronise(), protocol.Done)
        while not set(page.shown) >= SURFACES:
            await page.read()
        assert page.shown[protocol.Candles].is_whole

    with_page(play)


def test_what_other_clients_do_is_shown() -> None:
    async def play(page: Page) -> None:
        before = await page.account()
        row = page.venue.host.directory.row_of(before.address)
        await page.venue.host.submit(lambda ms: Plan([Deposit(ms, row, 5_000_000)]))
        assert (await page.account(lambda a: a.value != before.value)).value == "100005"
        history = await page.surface(protocol.History, lambda h: len(h.transfers) > 1)
        assert history.transfers[0].amount == "5"

    with_page(play)


def test_a_venue_that_goes_back_in_time_is_a_new_epoch() -> None:
    async def play(page: Page) -> None:
        await page.account()
        await page.control("save", name="before")
        await page.place(market="BTC", side="buy", kind="market", size="0.1")
        await page.position("BTC")
        await page.control("revert", name="before")
        await page.surface(protocol.Snapshot, lambda s: s.epoch == 1)
        assert (await page.account(lambda a: not a.positions)).value == "100000"
        history = await page.surface(protocol.History, lambda h: not h.fills)
        assert history.orders == ()

    with_page(play)


def test_only_the_newest_question_of_a_kind_is_computed() -> None:
    async def play(page: Page) -> None:
        await page.place(market="BTC", side="buy", kind="market", size="0.1")
        asked = [
            await page.send(protocol.AskWhatIf(all_markets=f"-0.{n}", afterwards=True))
            for n in range(1, 8)
        ]
        answers: dict[int, Any] = {}
        while len(answers) < len(asked):
            message = await page.read()
            if isinstance(message, protocol.Answered):
                answers[message.id] = message.answer
        assert isinstance(answers[asked[-1]], protocol.WhatIf)
        assert answers[asked[-1]].prices == {"BTC": "15000"}
        assert any(isinstance(each, protocol.Superseded) for each in answers.values())

    with_page(play)


class StuckSocket:
    """A page that takes nothing until it is let; keeps what it got."""

    def __init__(self, asks: int = 0) -> None:
        self.gate = asyncio.Event()
        self.got: list[str] = []
        self.asks = asks
        self.asked = 0

    async def send_str(self, text: str) -> None:
        await self.gate.wait()
        self.got.append(text)

    def __aiter__(self) -> "StuckSocket":
        return self

    async def __anext__(self) -> WSMessage:
        if self.asked == self.asks:
            await asyncio.Event().wait()
        self.asked += 1
        text = f'{{"id":{self.asked},"request":{{"type":"Watch"}}}}'
        return WSMessage(WSMsgType.TEXT, text, None)


def test_a_page_that_takes_nothing_gets_the_newest_state_and_no_queue() -> None:
    async def play(page: Page) -> None:
        host, stage = page.venue.host, LiveStage(page.venue)
        row = host.directory.row_of(page.venue.users[0].address)
        socket = StuckSocket()
        connection = Connection(stage, socket)  # type: ignore[arg-type]
        stop = stage.listen(connection.heard)
        running = asyncio.create_task(connection.run())
        for _ in range(3 * MOST_NOTICES):
            await host.submit(lambda ms: Plan([Deposit(ms, row, 1_000_000)]))
        socket.gate.set()
        newest = str(100_000 + 3 * MOST_NOTICES)
        await until(lambda: any(f'"value":"{newest}"' in each for each in socket.got))
        assert len(socket.got) <= 2 * len(PACE) + MOST_NOTICES
        running.cancel()
        stop()

    with_page(play)


def test_a_page_that_takes_no_answers_is_asked_for_no_more() -> None:
    async def play(page: Page) -> None:
        asks = 2 * MOST_ANSWERS
        socket = StuckSocket(asks)
        connection = Connection(LiveStage(page.venue), socket)  # type: ignore[arg-type]
        running = asyncio.create_task(connection.run())
        await until(lambda: socket.asked > MOST_ANSWERS)
        for _ in range(100):
            await asyncio.sleep(0)
        assert socket.asked <= MOST_ANSWERS + 2
        socket.gate.set()
        await until(lambda: sum('"type":"Answered"' in each for each in socket.got) == asks)
        running.cancel()

    with_page(play)


def test_a_connection_on_which_nothing_happens_says_that_it_stands() -> None:
    async def play(page: Page) -> None:
        while not set(page.shown) >= SURFACES:
            await page.read()
        now = 100.0
        socket = StuckSocket()
        socket.gate.set()
        connection = Connection(LiveStage(page.venue), socket, lambda: now)  # type: ignore[arg-type]
        running = asyncio.create_task(connection.run())
        await until(lambda: len(socket.got) == len(PACE))
        for seconds, beats in ((BEAT_S - 0.1, 0), (0.1, 1), (1.9, 1), (0.1, 2)):
            now += seconds
            connection.tick()
            for _ in range(100):
                await asyncio.sleep(0)
            assert sum('"type":"Beat"' in each for each in socket.got) == beats
        assert len(socket.got) == len(PACE) + 2
        last = msgspec.json.decode(socket.got[-1], type=protocol.Sent)
        assert last == protocol.Sent(len(socket.got), protocol.Beat())
        running.cancel()

    with_page(play)


class GoneSocket(StuckSocket):
    """A page that asks and has gone before it took an answer."""

    async def send_str(self, text: str) -> None:
        await self.gate.wait()
        raise ConnectionResetError


def test_a_page_that_goes_while_answers_wait_is_let_go() -> None:
    async def play(page: Page) -> None:
        socket = GoneSocket(2 * MOST_ANSWERS)
        connection = Connection(LiveStage(page.venue), socket)  # type: ignore[arg-type]
        running = asyncio.create_task(connection.run())
        await until(lambda: socket.asked > MOST_ANSWERS)
        socket.gate.set()
        with pytest.raises(ConnectionResetError):
            await running

    with_page(play)


def test_a_surface_that_cannot_be_made_ends_the_connection(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    async def play(page: Page) -> None:
        await page.account()
        monkeypatch.setattr("seawall.terminal.stage.account", broken)
        await page.send(protocol.Resynchronise())
        while (message := await page.socket.receive(timeout=PATIENCE_S)).type == WSMsgType.TEXT:
            pass
        assert message.data == WSCloseCode.INTERNAL_ERROR

    with_page(play)
    assert "a page of the terminal failed" in caplog.text
