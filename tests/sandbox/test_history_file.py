"""The history's file is damaged, full or gone: the venue goes on, and what it tells comes back.

Files are damaged for real: pages overwritten, cut, emptied, before a start and under a running
venue.
"""

import asyncio

import apsw
import pytest

from seawall.cli.control import _standing
from seawall.domain.enums import Side
from seawall.domain.errors import InputError
from seawall.sandbox import history_rows
from seawall.sandbox.client import ControlClient
from seawall.sandbox.history import SqlHistory
from seawall.sandbox.recovery import history_copy_path
from seawall.sandbox.venue import VenueOptions, running_venue
from tests.sandbox.venue import BTC, PRICE, START_MS, do, order, run, set_up

PAGE = 4096
TRADES = 150


async def trade(host, maker, taker, count, first=0):
    for number in range(first, first + count):
        price = PRICE + 10 * (number % 7)
        await do(host, order(maker, Side.SELL, price), order(taker, Side.BUY, price))
        host.clock.advance(1000)


def told(host):
    """Everything that the history tells of two traders, newest first."""
    history = host.history
    found = []
    for account in (5, 6):
        found.append(history.fills(account, limit=10**6))
        found.append(history.orders(account, limit=10**6))
        found.append(history.funding(account))
        found.append(history.ledger(account))
    found.append(history.candles(BTC, 60_000, 0, 2**61))
    found.append(history.day_volume(BTC))
    return found


async def begin(host):
    await set_up(host)
    await trade(host, 5, 6, TRADES)
    return told(host)


async def look(host):
    return told(host), host.history.trouble


def lived(folder):
    """A venue traded in the folder and stopped; what its history told."""
    before = run(begin, folder)
    assert len(before[0]) == TRADES
    return before


def overwritten(path, start=0.3, stop=0.7, byte=b"\xa5"):
    size = path.stat().st_size
    first, last = int(size * start) // PAGE * PAGE, int(size * stop) // PAGE * PAGE
    assert last > first
    with path.open("r+b") as file:
        file.seek(first)
        file.write(byte * (last - first))


DAMAGES = {
    "pages overwritten": overwritten,
    "pages of zeros": lambda path: overwritten(path, byte=b"\0"),
    "the header overwritten": lambda path: overwritten(path, 0.0, 0.1),
    "cut": lambda path: path.open("r+b").truncate(path.stat().st_size // 2 // PAGE * PAGE),
    "cut in a page": lambda path: path.open("r+b").truncate(path.stat().st_size - 777),
    "another file": lambda path: path.write_bytes(b"not a database at all" * 1000),
    "emptied": lambda path: path.write_bytes(b""),
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_damaged_before_a_start_is_made_anew(damage, tmp_path):
    before = lived(tmp_path)
    DAMAGES[damage](tmp_path / "history.sqlite")
    after, trouble = run(look, tmp_path)
    assert after == before
    assert trouble == ""
    aside = tmp_path / "history-damaged.sqlite"
    assert aside.exists() == (damage != "gone")
    assert run(look, tmp_path) == (before, "")


def pages_go_bad(history: SqlHistory, path):
    """Everything is in the file and nothing in a cache; then a third of the file is overwritten."""
    history.flush()
    with history._lock:
        list(history._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)"))
        history._connection.execute("PRAGMA shrink_memory")
        overwritten(path, 0.4, 0.75)


@pytest.mark.parametrize("then", ["asked", "traded"])
def test_pages_that_go_bad_under_a_running_venue(then, tmp_path):
    async def main(host):
        await begin(host)
        history = host.history
        pages_go_bad(history, tmp_path / "history.sqlite")
        if then == "asked":
            some = told(host)
            assert "in memory" in history.trouble
            assert some[0][0].time_ms == START_MS + 1000 * (TRADES - 1)
        await trade(host, 5, 6, 20, TRADES)
        newest = told(host)
        assert [fill.time_ms for fill in newest[0][:20]] == [
            START_MS + 1000 * number for number in range(TRADES + 19, TRADES - 1, -1)
        ]
        assert "in memory" in history.trouble
        assert (tmp_path / "history-damaged.sqlite").exists()

    run(main, tmp_path)
    after, trouble = run(look, tmp_path)
    assert trouble == ""

    async def the_same(host):
        await begin(host)
        await trade(host, 5, 6, 20, TRADES)
        return told(host)

    assert after == run(the_same)


def test_a_save_point_of_a_history_that_lacks_something_is_filled_again(tmp_path):
    async def main(host):
        whole = await begin(host)
        pages_go_bad(host.history, tmp_path / "history.sqlite")
        told(host)
        await host.save_point("here")
        await trade(host, 5, 6, 3, TRADES)
        await host.revert("here")
        assert told(host) == whole

    run(main, tmp_path)


def full(history: SqlHistory):
    """The file may not grow by another page, as on a full disk."""
    with history._lock:
        ((pages,),) = history._connection.execute("PRAGMA page_count")
        list(history._connection.execute(f"PRAGMA max_page_count = {pages}"))


def test_a_full_disk_loses_nothing(tmp_path):
    async def main(host):
        await begin(host)
        host.history.flush()
        full(host.history)
        await trade(host, 5, 6, TRADES, TRADES)
        found = told(host)
        assert "full" in host.history.trouble
        await host.save_point("here")
        return found

    found = run(main, tmp_path)
    assert len(found[0]) == 2 * TRADES
    assert not (tmp_path / "history-damaged.sqlite").exists()
    assert run(look, tmp_path) == (found, "")


def test_a_file_that_cannot_be_opened_does_not_block_a_start(tmp_path):
    before = lived(tmp_path)
    (tmp_path / "history.sqlite").unlink()
    (tmp_path / "history.sqlite").mkdir()
    after, trouble = run(look, tmp_path)
    assert after == before
    assert "history.sqlite cannot be used" in trouble


def test_the_control_shows_what_is_wrong(tmp_path):
    (tmp_path / "history.sqlite").mkdir()
    options = VenueOptions(
        markets=("BTC=50000",), speed=0, feed="manual", agents=False, data=tmp_path
    )

    async def main():
        async with running_venue(options) as venue:
            found = await asyncio.to_thread(ControlClient(venue.url).status)
            return found["history"], _standing(found)

    told_json, told_text = asyncio.run(main())
    assert "history.sqlite cannot be used" in told_json
    assert f"history: {told_json}" in told_text


def test_a_command_whose_events_cannot_be_kept_stops_nothing(tmp_path, monkeypatch):
    async def main(host):
        await begin(host)

        def fail(self, happened):
            raise ZeroDivisionError("a defect")

        with monkeypatch.context() as patched:
            patched.setattr(history_rows.Batch, "_add_fills", fail)
            await trade(host, 5, 6, 5, TRADES)
            host.history.flush()
        await trade(host, 5, 6, 5, TRADES + 5)
        assert len(host.history.fills(6)) == TRADES + 5
        assert "could not be written" in host.history.trouble

    run(main, tmp_path)
    after, trouble = run(look, tmp_path)
    assert trouble == ""
    assert len(after[0]) == TRADES + 10


def test_a_save_point_that_cannot_be_written_changes_nothing(tmp_path):
    async def main(host):
        before = await begin(host)
        place = host._storage._log.position
        copy = history_copy_path(tmp_path, place)
        copy.mkdir()
        with pytest.raises(InputError, match="saved in"):
            await host.save_point("here")
        assert host.save_points() == []
        assert told(host) == before
        assert host._storage._log.position == place
        copy.rmdir()
        await trade(host, 5, 6, 1)
        await host.save_point("there")

    run(main, tmp_path)


@pytest.mark.parametrize("damage", ["pages overwritten", "cut", "another file", "gone"])
def test_a_save_point_with_a_damaged_history_is_filled_again(damage, tmp_path):
    async def main(host):
        before = await begin(host)
        await host.save_point("here")
        await trade(host, 5, 6, 10, TRADES)
        DAMAGES[damage](min(tmp_path.glob("snapshot-*.sqlite")))
        await host.revert("here")
        assert told(host) == before
        assert host.history.trouble == ""
        await trade(host, 5, 6, 1)
        return told(host)

    found = run(main, tmp_path)
    assert run(look, tmp_path) == (found, "")


def test_the_history_in_memory_is_not_told_to_be_in_trouble():
    async def main(host):
        await begin(host)
        return host.history.trouble

    assert run(main) == ""


def test_no_error_of_the_database_reaches_the_writer(tmp_path):
    """What ``record`` and ``flush`` are given is kept or lost, and never raises."""

    async def main(host):
        await begin(host)
        history = host.history
        history.flush()
        with history._lock:
            history._connection.close()
        await trade(host, 5, 6, 3, TRADES)
        history.flush()
        assert history.trouble
        assert len(host.engine.tables["accounts"]) > 0

    with pytest.raises(apsw.Error):
        apsw.Connection(str(tmp_path / "no folder" / "file"))
    run(main, tmp_path)


def test_a_changed_number_is_seen_at_the_next_start(tmp_path):
    """SQLite's own check finds no fault in it."""

    async def main(host):
        return await begin(host)

    before = run(main, tmp_path)
    path = tmp_path / "history.sqlite"
    connection = apsw.Connection(str(path))
    connection.execute("UPDATE fills SET fee = fee + 1")
    connection.close()
    found, trouble = run(look, tmp_path)
    assert (found, trouble) == (before, "")
    assert (tmp_path / "history-damaged.sqlite").exists()
