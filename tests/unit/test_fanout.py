"""Readers of different speed: the newest book, every trade, and bounded memory."""

import asyncio

import pytest

from seawall.venues.fanout import Fanout, Overrun


def test_a_newer_book_replaces_the_older_and_keeps_its_place():
    async def main():
        fanout = Fanout(limit=4)
        reader = fanout.reader()
        fanout.subscribe(reader, "BTC")
        for number in range(1000):
            fanout.publish("BTC", f"book {number}", key="book BTC")
            if number == 0:
                fanout.publish("BTC", "trade")
        assert await reader.take_all() == ["book 999", "trade"]
        counts = fanout.counts
        assert (counts.sent, counts.taken, counts.conflated, counts.waiting) == (1001, 2, 999, 0)

    asyncio.run(main())


def test_a_reader_too_slow_for_what_may_not_be_dropped_is_cut_off():
    async def main():
        fanout = Fanout(limit=3)
        slow, quick = fanout.reader(), fanout.reader()
        for reader in (slow, quick):
            fanout.subscribe(reader, "fills")
        for number in range(10):
            assert fanout.publish("fills", number) == 2
            assert await quick.take() == number
        assert len(slow) == 0
        assert slow.overrun
        with pytest.raises(Overrun):
            await slow.take()
        assert fanout.counts.overruns == 1
        slow.close()
        slow.close()
        assert (fanout.counts.readers, fanout.counts.waiting) == (1, 0)
        assert fanout.publish("fills", 11) == 1

    asyncio.run(main())


def test_topics_come_and_go():
    async def main():
        fanout = Fanout()
        reader = fanout.reader()
        assert fanout.publish("x", 1) == 0
        fanout.subscribe(reader, "x")
        fanout.subscribe(reader, "x")
        waiting = asyncio.ensure_future(reader.take())
        await asyncio.sleep(0)
        assert fanout.has_readers("x")
        assert fanout.publish("x", 2) == 1
        assert await waiting == 2
        fanout.unsubscribe(reader, "x")
        fanout.unsubscribe(reader, "x")
        assert not fanout.has_readers("x")
        fanout.subscribe(reader, "x")
        reader.close()
        assert not fanout.has_readers("x")
        reader.put(3)
        assert len(reader) == 0

    asyncio.run(main())
    with pytest.raises(ValueError, match="at least one"):
        Fanout(limit=0)
