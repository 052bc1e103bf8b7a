"""Time-weighted orders of the terminal: the venue's own, as a client of its wire has them."""

from decimal import Decimal
from typing import Any

from aiohttp import ClientSession

from seawall.terminal import protocol
from tests.terminal.page import Page, with_page

BUY = {"market": "BTC", "side": "buy", "size": "1", "minutes": 5}


def ticket(**fields: Any) -> protocol.TwapTicket:
    return protocol.TwapTicket(**{**BUY, **fields})


async def info(page: Page, kind: str) -> Any:
    """What the venue's wire answers about the account."""
    account = (await page.account()).address
    async with ClientSession() as client:
        asked = {"type": kind, "user": account}
        async with client.post(f"{page.venue.url}/info", json=asked) as answer:
            return await answer.json()


async def twap(page: Page, is_it: Any = lambda _: True) -> protocol.Twap:
    """The account's first one, once this is so."""
    found = await page.surface(protocol.Twaps, lambda s: bool(s.twaps) and is_it(s.twaps[0]))
    return found.twaps[0]


def test_it_is_the_venues_own_and_runs_to_its_end() -> None:
    async def play(page: Page) -> None:
        text = (await page.ask(protocol.PlaceTwap(ticket()), protocol.Done)).text
        assert text == "TWAP begun: 11 slices of about 0.0909, one each 30 s"
        begun = await twap(page)
        assert (begun.state, begun.slices, begun.slices_sent) == ("running", 11, 0)
        assert begun.ends_ms == begun.created_ms + 300_000
        for n in range(1, 12):
            await page.control("advance", seconds=30 if n > 1 else 1)
            await twap(page, lambda t, n=n: t.slices_sent >= n or t.state != "running")
        ended = await twap(page, lambda t: t.state != "running")
        assert (ended.state, ended.executed, ended.next_ms) == ("finished", "1", None)
        assert ended.average_price is not None
        assert 49_900 < float(ended.average_price) < 50_200
        (kept,) = await info(page, "twapHistory")
        assert kept["twapId"] == ended.id
        assert kept["status"] == {"status": "finished"}
        assert kept["state"]["executedSz"] == "1.0"
        fills = await info(page, "userTwapSliceFills")
        assert sum(Decimal(each["fill"]["sz"]) for each in fills) == 1
        assert (await page.position("BTC")).size == "1"

    with_page(play)


def test_one_that_runs_can_be_cancelled_and_only_once() -> None:
    async def play(page: Page) -> None:
        asked = protocol.PlaceTwap(ticket(side="sell", minutes=30, randomise=True))
        await page.ask(asked, protocol.Done)
        begun = await twap(page)
        assert (begun.side, begun.randomise, begun.slices) == ("sell", True, 61)
        await page.control("advance", seconds=1)
        traded = await twap(page, lambda t: t.executed != "0")
        assert traded.executed == "0.01639"
        await page.ask(protocol.CancelTwap(begun.id), protocol.Done)
        ended = await twap(page, lambda t: t.state == "cancelled")
        assert ended.executed == "0.01639"
        refused = await page.ask(protocol.CancelTwap(begun.id), protocol.Refused)
        assert (refused.field, refused.value) == ("id", str(begun.id))
        await page.control("advance", seconds=120)
        assert (await page.settled()).positions[0].size == "-0.01639"

    with_page(play)


def test_one_account_cannot_end_another_ones() -> None:
    async def play(page: Page) -> None:
        await page.ask(protocol.PlaceTwap(ticket()), protocol.Done)
        begun = await twap(page)
        other = page.venue.users[4].address
        await page.ask(protocol.Watch(account=other), protocol.Done)
        assert not (await page.surface(protocol.Twaps, lambda s: s.address == other)).twaps
        assert (await page.ask(protocol.CancelTwap(begun.id), protocol.Refused)).field == "id"
        maker = page.venue.market.agents.needed_accounts()[0][0]
        row = page.venue.wire.agent_address(page.venue.seed_phrase, maker)
        await page.ask(protocol.Watch(account=row), protocol.Done)
        assert (await page.ask(protocol.PlaceTwap(ticket()), protocol.Refused)).field == "account"

    with_page(play)


def test_what_the_venue_does_not_take_is_refused_with_what_would_be_right() -> None:
    async def play(page: Page) -> None:
        terms = (await page.surface(protocol.Snapshot, lambda _: True)).twap
        assert terms == protocol.TwapTerms(5, 10_080, "100", 0.03, False)
        for wrong, field, expected in (
            ({"minutes": 4}, "minutes", "from 5 to 10080"),
            ({"minutes": 10_081}, "minutes", "from 5 to 10080"),
            ({"size": "0.001"}, "size", "worth 100 USD at least at the mark"),
            ({"size": "0"}, "size", "a size above 0"),
            ({"market": "NONE"}, "market", "a market of this venue"),
        ):
            for asked in (protocol.PlaceTwap, protocol.PreviewTwap):
                refused = await page.ask(asked(ticket(**wrong)), protocol.Refused)
                assert refused.field == field
                assert expected in refused.expected
        assert not (await page.surface(protocol.Twaps, lambda _: True)).twaps

    with_page(play)


def test_a_preview_is_what_then_happens() -> None:
    async def play(page: Page) -> None:
        preview = await page.ask(protocol.PreviewTwap(ticket(size="2.2")), protocol.TwapPreview)
        assert (preview.slices, preview.interval_ms, preview.slice_size) == (11, 30_000, "0.2")
        assert preview.rejected == ""
        assert preview.slice_notional == "10000"
        assert preview.warnings == ()
        await page.ask(protocol.PlaceTwap(ticket(size="2.2")), protocol.Done)
        for n in range(11):
            await page.control("advance", seconds=30 if n else 1)
            await twap(page, lambda t, n=n: t.slices_sent > n or t.state != "running")
            if n == 0:
                first = (await page.surface(protocol.History, lambda h: bool(h.fills))).fills
                assert sum(Decimal(each.fee) for each in first) == Decimal(preview.first_fee)
        await twap(page, lambda t: t.state == "finished")
        account = await page.settled()
        assert account.positions[0].size == preview.position_after == "2.2"
        # The makers fill up the book after each slice; each moves the mark a little.
        thousandth = Decimal("0.001")
        assert Decimal(preview.margin) == Decimal("2.2") * 50_000 / 20
        fills = (await page.surface(protocol.History, lambda h: len(h.fills) > 10)).fills
        fees = str(sum(Decimal(each.fee) for each in fills))
        held = account.positions[0]
        for now, foreseen in (
            (fees, preview.fee),
            (held.initial_margin, preview.margin),
            (held.liquidation_price, preview.liquidation_after),
        ):
            assert abs(Decimal(now or 0) / Decimal(foreseen or 0) - 1) < thousandth

    with_page(play)


def test_a_preview_says_what_cannot_be_traded() -> None:
    async def play(page: Page) -> None:
        held = {"market": "BTC", "side": "sell", "kind": "market", "size": "0.5"}
        await page.place(**held)
        asked = protocol.PreviewTwap(ticket(reduce_only=True))
        preview = await page.ask(asked, protocol.TwapPreview)
        assert preview.warnings == ("reduce only: no more than 0.5 can be traded",)
        assert (preview.position_after, preview.margin) == ("0", "0")
        large = await page.ask(protocol.PreviewTwap(ticket(size="200")), protocol.TwapPreview)
        assert "later slices would fail" in large.warnings[0]
        wrong = protocol.PreviewTwap(ticket(side="sell", reduce_only=True))
        assert (await page.ask(wrong, protocol.TwapPreview)).rejected

    with_page(play)
