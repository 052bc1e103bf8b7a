"""A venue comes back from its folder as it was: torn logs, snapshots, reverts, lost files."""

import asyncio
import shutil

import pytest

from seawall.domain.commands import CreateAccount, Deposit
from seawall.domain.enums import Side
from seawall.domain.errors import InputError
from seawall.engine.journal import JournalLocked
from seawall.engine.snapshot import SnapshotError
from seawall.sandbox import recovery
from seawall.sandbox.directory_log import DirectoryLog, DirectoryLogError
from seawall.sandbox.host import HostOptions, HostStopped
from seawall.venues.port import Record
from tests.sandbox.replay import replayed_hash
from tests.sandbox.venue import BTC, PRICE, USD, do, open_host, order, run, set_up


def state_of(host):
    return host.engine.sequence, host.engine.state_hash(), list(host.directory.seen)


async def live_a_little(host, rounds=4):
    """Some of everything: records alone, commands alone, both, fills."""
    maker, taker = 5, 6
    if host.engine.sequence == 0:
        await set_up(host)
    for number in range(rounds):
        record = Record("note", {"n": number})
        await do(host, order(maker, Side.SELL), records=(record,))
        await do(host, order(taker, Side.BUY, PRICE - number))
        await do(host, order(taker, Side.BUY, PRICE))
        await do(host, records=(record, record))
    return state_of(host)


async def crash(folder, options=None):
    """A life that ends without a stop: files are left as they are."""
    host = open_host(folder, options=options)
    await host.start()
    state = await live_a_little(host)
    host._writer.cancel()
    await asyncio.gather(host._writer, return_exceptions=True)
    host._storage.history._closing.set()  # what is put aside is lost
    host._storage.history._thread.join()
    host._storage.history._connection.close()
    host._storage._close_files()
    return state


async def look(host):
    return state_of(host)


@pytest.mark.parametrize("every", [1, 7, 10**6])
def test_the_same_after_a_stop_and_after_a_crash(tmp_path, every):
    options = HostOptions(tick_ms=0, snapshot_every=every)
    state = asyncio.run(crash(tmp_path, options))
    assert run(look, tmp_path) == state
    state = run(live_a_little, tmp_path)
    assert run(look, tmp_path) == state
    assert replayed_hash(tmp_path) == state[1]
    assert len(list(tmp_path.glob("snapshot-*.sws"))) <= 2


def test_torn_tails_of_both_logs_are_cut_off(tmp_path):
    state = asyncio.run(crash(tmp_path))
    for name in ("journal-0001.swj", "directory-0001.swd"):
        with (tmp_path / name).open("ab") as file:
            file.write(b"\x8dSWF torn")
    assert run(look, tmp_path) == state


def test_records_whose_commands_never_reached_the_journal_are_dropped(tmp_path):
    state = asyncio.run(crash(tmp_path))
    host = open_host(tmp_path)
    records = host._storage._records
    records.append(state[0], state[0] + 1, [1], [Record("unacknowledged", {})])
    host._storage.close()
    assert run(look, tmp_path) == state
    run(live_a_little, tmp_path)


def test_cut_anywhere_nothing_but_the_last_group_is_lost(tmp_path):
    folder = tmp_path / "whole"
    asyncio.run(crash(folder))
    journal = (folder / "journal-0001.swj").read_bytes()
    for cut in (1, 60, 104 + 32):
        other = tmp_path / f"cut-{cut}"
        shutil.copytree(folder, other)
        (other / "journal-0001.swj").write_bytes(journal[:-cut])
        (other / "history.sqlite").unlink()
        sequence, state_hash, _ = run(look, other)
        assert sequence < 40
        assert replayed_hash(other) == state_hash


def test_damage_in_the_middle_of_the_directory_log_is_refused(tmp_path):
    asyncio.run(crash(tmp_path))
    path = tmp_path / "directory-0001.swd"
    content = bytearray(path.read_bytes())
    content[140] ^= 1
    path.write_bytes(content)
    with pytest.raises(DirectoryLogError, match="damaged"):
        open_host(tmp_path)


def test_a_directory_log_of_other_rules_is_refused(tmp_path):
    DirectoryLog(tmp_path / "log", b"rules", 0).close()
    with pytest.raises(DirectoryLogError, match="rules"):
        DirectoryLog(tmp_path / "log", b"other", 0)
    (tmp_path / "log").write_bytes(b"nonsense")
    with pytest.raises(DirectoryLogError, match="begin"):
        DirectoryLog(tmp_path / "log", b"rules", 0)


def test_a_damaged_snapshot_is_passed_over(tmp_path, caplog):
    state = run(live_a_little, tmp_path)
    for path in tmp_path.glob("snapshot-*.sws"):
        path.write_bytes(path.read_bytes()[:-5])
    assert run(look, tmp_path) == state
    assert "damaged" in caplog.text
    half = next(tmp_path.glob("snapshot-*.swp"))
    half.write_bytes(b"x")
    assert run(look, tmp_path) == state


def test_one_venue_per_folder(tmp_path):
    host = open_host(tmp_path)
    with pytest.raises(JournalLocked):
        open_host(tmp_path)
    host._storage.close()
    open_host(tmp_path)._storage.close()


def test_the_history_is_rebuilt_when_missing_behind_or_damaged(tmp_path):
    async def tell(host):
        history = host.history
        return (
            history.fills(5), history.orders(6), history.trades(BTC), history.ledger(5),
            history.candles(BTC, 60_000, 0, 2**60),
        )  # fmt: skip

    run(live_a_little, tmp_path)
    story = run(tell, tmp_path)
    assert all(story)
    (tmp_path / "history.sqlite").unlink()
    assert run(tell, tmp_path) == story
    (tmp_path / "history.sqlite").write_bytes(b"this is no database" * 100)
    assert run(tell, tmp_path) == story
    behind = tmp_path / "behind"
    shutil.copy(tmp_path / "history.sqlite", behind)
    run(live_a_little, tmp_path)
    story = run(tell, tmp_path)
    shutil.copy(behind, tmp_path / "history.sqlite")
    assert run(tell, tmp_path) == story


def test_reverts_survive_a_restart_and_can_be_replayed(tmp_path):
    async def first(host):
        await live_a_little(host)
        await host.save_point("a")
        state = state_of(host)
        await live_a_little(host)
        await host.revert("a")
        assert state_of(host) == state
        await do(host, (CreateAccount,))
        await host.save_point("b")
        await live_a_little(host, 2)
        await host.revert("a")
        await do(host, (CreateAccount,), (Deposit, 7, USD))
        await host.revert("b")
        await do(host, (Deposit, 7, 2 * USD), records=(Record("after", {}),))
        return state_of(host)

    async def tell(host):
        history = host.history
        assert history.ledger(7)[0].amount == 2 * USD
        assert len(history.ledger(7)) == 1
        return (
            history.fills(5),
            history.orders(5),
            history.orders(6),
            history.candles(BTC, 60_000, 0, 2**60),
        )

    state = run(first, tmp_path)
    assert run(look, tmp_path) == state
    story = run(tell, tmp_path)
    assert len(story[0]) == 4
    for path in tmp_path.glob("snapshot-*"):
        path.unlink()
    assert run(look, tmp_path) == state
    assert replayed_hash(tmp_path) == state[1]
    for path in tmp_path.glob("*.sqlite"):
        path.unlink()
    assert run(tell, tmp_path) == story


def test_a_crash_in_a_revert_leaves_the_old_generation(tmp_path, monkeypatch):
    async def main(host):
        await live_a_little(host)
        await host.save_point("a")
        return await live_a_little(host)

    def die(*_):
        raise OSError("power cut")

    async def interrupted():
        host = open_host(tmp_path)
        await host.start()
        with monkeypatch.context() as patched:
            patched.setattr(recovery, "JournalWriter", die)
            with pytest.raises(HostStopped, match="power cut"):
                await host.revert("a")
        with pytest.raises(OSError, match="power cut"):
            await host.stop()

    state = run(main, tmp_path)
    asyncio.run(interrupted())
    assert run(look, tmp_path) == state


def test_a_history_from_before_a_revert_becomes_that_of_the_save_point(tmp_path):
    async def before(host):
        await live_a_little(host, 1)
        await host.save_point("a")
        story = host.history.orders(6)
        await live_a_little(host)
        return story

    async def back(host):
        await host.revert("a")

    async def tell(host):
        return host.history.orders(6)

    story = run(before, tmp_path)
    shutil.copy(tmp_path / "history.sqlite", tmp_path / "old")
    run(back, tmp_path)
    for path in tmp_path.glob("history.sqlite*"):
        path.unlink()
    shutil.copy(tmp_path / "old", tmp_path / "history.sqlite")
    assert run(tell, tmp_path) == story


@pytest.mark.parametrize("lost", ["missing", "damaged", "too new"])
def test_the_history_of_a_save_point_is_made_anew_where_it_is_lost(tmp_path, lost):
    async def main(host):
        await live_a_little(host, 1)
        await host.save_point("a")
        story = host.history.orders(6), host.history.fills(5)
        await live_a_little(host)
        await host.save_point("b")
        copy = tmp_path / "points" / "a.sqlite"
        copy.unlink()
        if lost == "damaged":
            copy.write_bytes(b"this is no database" * 100)
        elif lost == "too new":
            shutil.copy(tmp_path / "points" / "b.sqlite", copy)
        await host.revert("a")
        assert (host.history.orders(6), host.history.fills(5)) == story
        state = await live_a_little(host)
        return state, host.history.orders(6)

    async def tell(host):
        return state_of(host), host.history.orders(6)

    left = run(main, tmp_path)
    assert run(tell, tmp_path) == left


def test_a_save_point_that_cannot_be_used_stops_nothing(tmp_path):
    async def main(host):
        await live_a_little(host, 1)
        await host.save_point("a")
        path = tmp_path / "points" / "a.sws"
        path.write_bytes(path.read_bytes()[:-5])
        before = state_of(host)
        with pytest.raises(InputError, match="name: 'a' should be a save point that can be read"):
            await host.revert("a")
        shutil.rmtree(tmp_path / "points")
        with pytest.raises(InputError, match="name: 'b' should be saved in"):
            await host.save_point("b")
        assert state_of(host) == before
        await do(host, (CreateAccount,))
        return state_of(host)

    left = run(main, tmp_path)
    assert run(look, tmp_path) == left


def test_a_lost_base_is_an_error(tmp_path):
    async def main(host):
        await live_a_little(host)
        await host.save_point("a")
        await host.revert("a")
        await do(host, (CreateAccount,))

    run(main, tmp_path)
    for path in tmp_path.glob("snapshot-*"):
        path.unlink()
    (tmp_path / "base-0002.swp").write_bytes(b"gone")
    with pytest.raises(SnapshotError):
        open_host(tmp_path)
