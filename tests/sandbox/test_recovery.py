"""A venue comes back from its folder as it was: torn logs, snapshots, reverts, lost files."""

import asyncio
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from seawall.domain.commands import CreateAccount, Deposit
from seawall.domain.enums import Side
from seawall.domain.errors import InputError
from seawall.engine.engine import Engine
from seawall.engine.journal import JournalLocked, JournalMismatch, JournalReader
from seawall.sandbox import log as venue_log
from seawall.sandbox import recovery
from seawall.sandbox.clock import Clock
from seawall.sandbox.host import Host, HostOptions
from seawall.sandbox.log import LogError
from seawall.sandbox.recovery import RecoveryError
from seawall.sandbox.storage import FolderOptions
from seawall.venues.port import Record
from seawall.venues.rulebook_file import load_rulebook
from tests.rulebooks import changed
from tests.sandbox.replay import replayed_hash
from tests.sandbox.venue import (
    BTC,
    LIMITS,
    MARKETS,
    PRICE,
    START_MS,
    USD,
    Names,
    do,
    open_host,
    order,
    run,
    set_up,
)


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
    host._storage._log.close()
    host._storage.release()
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


def test_a_torn_tail_is_cut_off(tmp_path):
    state = asyncio.run(crash(tmp_path))
    with (tmp_path / "log-0001.swj").open("ab") as file:
        file.write(b"\x8dSWF torn")
    assert run(look, tmp_path) == state


def test_records_and_commands_of_a_group_are_durable_together(tmp_path):
    """One frame: a crash leaves both or neither. A group that was written, and not acknowledged
    as the process ended, counts as a whole."""
    state = asyncio.run(crash(tmp_path))
    path = tmp_path / "log-0001.swj"
    whole = path.read_bytes()
    *_, before, last = JournalReader(path).frames()
    assert not len(last.rows)  # two records
    assert len(venue_log.decode_entry(last.note).records) == 2
    (tmp_path / "lock").unlink()  # as after a power failure: nothing says that it was acknowledged
    shutil.rmtree(tmp_path / "history.sqlite", ignore_errors=True)
    path.write_bytes(whole[:-1])
    for name in ("history.sqlite", "history.sqlite-wal", "history.sqlite-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    sequence, state_hash, seen = run(look, tmp_path)
    assert (sequence, state_hash) == (state[0], state[1])
    assert seen == state[2][:-2]
    assert before.last_sequence == sequence


def test_a_damaged_snapshot_is_passed_over(tmp_path, caplog):
    state = run(live_a_little, tmp_path)
    for path in tmp_path.glob("snapshot-*.sws"):
        path.write_bytes(path.read_bytes()[:-5])
    assert run(look, tmp_path) == state
    assert "damaged" in caplog.text


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


@pytest.mark.parametrize("stage", ["before", "after"])
def test_a_crash_in_a_revert_leaves_the_venue_before_or_after_it(tmp_path, monkeypatch, stage):
    async def main(host):
        await live_a_little(host)
        await host.save_point("a")
        then = state_of(host)
        return then, await live_a_little(host)

    class PowerCut(BaseException):
        pass

    def die(*_, **__):
        raise PowerCut

    async def interrupted():
        host = open_host(tmp_path)
        await host.start()
        storage = host._storage
        target = (
            (venue_log, "JournalWriter") if stage == "before" else (storage.history, "load_copy")
        )
        with monkeypatch.context() as patched:
            patched.setattr(*target, die)
            with pytest.raises(BaseException):  # noqa: B017, PT011
                await host.revert("a")
        storage.history._closing.set()
        storage._log.close()
        storage.release()

    then, late = run(main, tmp_path)
    asyncio.run(interrupted())
    assert run(look, tmp_path) == (late if stage == "before" else then)


@pytest.mark.parametrize("failing", ["write_whole_file", "open"])
def test_a_revert_that_fails_is_an_error_and_changes_nothing(tmp_path, monkeypatch, failing):
    async def main(host):
        await live_a_little(host)
        await host.save_point("a")
        state = await live_a_little(host)

        def no_room(*_, **__):
            raise OSError(24, "Too many open files")

        with monkeypatch.context() as patched:
            if failing == "open":
                patched.setattr("seawall.engine.journal.os.open", no_room)
            else:
                patched.setattr("seawall.engine.journal.write_whole_file", no_room)
            with pytest.raises(InputError, match=r"gone back to .*Too many open files"):
                await host.revert("a")
        assert state_of(host) == state
        return await live_a_little(host)

    state = run(main, tmp_path)
    assert run(look, tmp_path) == state
    assert len(list(tmp_path.glob("log-*.swj"))) == 1


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
        copy, newer = sorted(tmp_path.glob("snapshot-*.sqlite"))
        copy.unlink()
        if lost == "damaged":
            copy.write_bytes(b"this is no database" * 100)
        elif lost == "too new":
            shutil.copy(newer, copy)
        await host.revert("a")
        assert (host.history.orders(6), host.history.fills(5)) == story
        state = await live_a_little(host)
        return state, host.history.orders(6)

    async def tell(host):
        return state_of(host), host.history.orders(6)

    left = run(main, tmp_path)
    assert run(tell, tmp_path) == left


@pytest.mark.parametrize("lost", ["missing", "damaged", "half written", "of another moment"])
def test_a_save_point_is_a_name_in_the_log_and_made_anew_where_its_files_are_lost(tmp_path, lost):
    async def main(host):
        await live_a_little(host, 1)
        await host.save_point("a")
        then = state_of(host)
        await live_a_little(host)
        await host.save_point("b")
        first, second = sorted(tmp_path.glob("snapshot-*.sws"))
        content = first.read_bytes()
        first.unlink()
        if lost == "damaged":
            first.write_bytes(bytes(len(content)))
        elif lost == "half written":
            first.write_bytes(content[: len(content) // 2])
        elif lost == "of another moment":
            shutil.copy(second, first)
        await host.revert("a")
        assert state_of(host) == then
        assert host.save_points() == ["a", "b"]
        return await live_a_little(host)

    state = run(main, tmp_path)
    assert run(look, tmp_path) == state


def test_a_save_point_that_cannot_be_written_stops_nothing_and_keeps_the_older_one(
    tmp_path, monkeypatch
):
    async def main(host):
        await live_a_little(host, 1)
        await host.save_point("a")
        then = state_of(host)
        before = await live_a_little(host, 1)

        def full(*_, **__):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(recovery, "save_snapshot", full)
            with pytest.raises(InputError, match=r"name: 'a' should be saved in .*No space left"):
                await host.save_point("a")
        assert state_of(host) == before
        await do(host, (CreateAccount,))
        await host.revert("a")
        assert state_of(host) == then
        return then

    state = run(main, tmp_path)
    assert run(look, tmp_path) == state


def test_a_save_point_that_is_named_anew_leaves_no_file_behind(tmp_path):
    async def main(host):
        await live_a_little(host, 1)
        await host.save_point("a")
        await host.revert("a")
        for _ in range(3):
            await live_a_little(host, 1)
            await host.save_point("a")

    run(main, tmp_path)
    files = {path.name.partition(".")[0] for path in tmp_path.glob("snapshot-*")}
    assert files == {path.stem for path in tmp_path.glob("snapshot-*.sws")}
    assert len(files) == recovery.KEPT_SNAPSHOTS


def test_a_save_point_and_a_snapshot_of_one_moment_are_written_beside_each_other(tmp_path):
    """Each has a thread of its own: the file that one moves into place was the other's."""

    async def main(host):
        await live_a_little(host, 1)
        storage = host._storage
        moment = storage.moment(START_MS)
        with ThreadPoolExecutor(2) as threads:
            for _ in range(100):
                made = [
                    threads.submit(storage.save_snapshot, moment),
                    threads.submit(storage.save_point, "a", moment),
                ]
                for each in made:
                    each.result()

    run(main, tmp_path)


def test_an_automatic_snapshot_that_fails_is_tried_again(tmp_path, monkeypatch, caplog):
    options = HostOptions(tick_ms=0, snapshot_every=3)

    async def main(host):
        def full(*_, **__):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(recovery, "save_snapshot", full)
            await live_a_little(host, 2)
        assert "no snapshot could be saved" in caplog.text
        return await live_a_little(host, 2)

    state = run(main, tmp_path, options=options)
    assert list(tmp_path.glob("snapshot-*.sws"))
    assert run(look, tmp_path) == state


# -- segments -----------------------------------------------------------------------------------


def long_life(old="keep", **more):
    folder = FolderOptions(segment_bytes=3_000, old_segments=old, **more)
    return HostOptions(tick_ms=0, snapshot_every=8, folder=folder)


async def tell_all(host):
    history = host.history
    return state_of(host), history.fills(5), history.orders(6), history.ledger(5)


async def live_on(host):
    for _ in range(6):
        await live_a_little(host)
        await host._work.snapshots_done()
    return await tell_all(host)


def test_a_long_log_goes_on_in_new_segments(tmp_path):
    story = run(live_on, tmp_path, options=long_life())
    assert len(list(tmp_path.glob("log-*.swj"))) > 3
    assert run(tell_all, tmp_path) == story
    assert replayed_hash(tmp_path) == story[0][1]
    for path in [*tmp_path.glob("snapshot-*"), *tmp_path.glob("history*")]:
        path.unlink()
    assert run(tell_all, tmp_path) == story


@pytest.mark.parametrize("archived", [False, True])
def test_old_segments_are_archived_or_dropped_behind_snapshots(tmp_path, archived):
    folder, archive = tmp_path / "venue", tmp_path / "archive"
    options = long_life(archive if archived else "drop")
    story = run(live_on, folder, options=options)
    first = min(folder.glob("log-*.swj"))
    assert first.name > "log-0001.swj"
    assert run(tell_all, folder, options=options) == story
    for path in folder.glob("snapshot-*"):
        path.unlink()
    (folder / "history.sqlite").unlink()
    with pytest.raises(LogError, match="archived or dropped"):
        open_host(folder, options=options)
    if archived:
        for path in archive.glob("log-*.swj"):
            shutil.copy(path, folder)
        assert run(tell_all, folder, options=options) == story


def test_a_save_point_outlives_its_dropped_segment(tmp_path):
    options = long_life("drop")

    async def main(host):
        await live_a_little(host)
        await host.save_point("a")
        then = await tell_all(host)
        await live_on(host)
        assert not (tmp_path / "log-0001.swj").exists()
        await host.revert("a")
        assert await tell_all(host) == then
        return await live_on(host)

    story = run(main, tmp_path, options=options)
    assert run(tell_all, tmp_path, options=options) == story


# -- changed rules ------------------------------------------------------------------------------


def open_under(folder, rulebook, **more):
    options = HostOptions(tick_ms=0, folder=FolderOptions(**more))
    return Host.open(folder, rulebook, MARKETS, LIMITS, Names, Clock(0, START_MS), options)


def test_other_rules_are_named_and_need_an_upgrade(tmp_path):
    state = run(live_a_little, tmp_path)
    other = changed(load_rulebook(), "other", liquidation={"cooldown_ms": 20_000})
    with pytest.raises(
        JournalMismatch, match=r"liquidation.cooldown_ms is 30000, here 20000.*--upgrade"
    ):
        open_under(tmp_path, other)
    assert run(look, tmp_path) == state
    host = open_under(tmp_path, other, upgrade=True)
    assert host.engine.sequence == state[0]
    assert host.engine.state_hash() != state[1]
    upgraded = host.engine.state_hash()
    host._storage.close()
    for path in tmp_path.glob("snapshot-*"):
        path.unlink()
    host = open_under(tmp_path, other)
    assert host.engine.state_hash() == upgraded
    host._storage.close()


def test_a_program_that_computes_another_state_is_noticed(tmp_path, monkeypatch):
    """The same rules, another engine: the log's state hashes are not met."""
    options = HostOptions(tick_ms=0, folder=FolderOptions(hash_every=5))
    state = run(live_a_little, tmp_path, options=options)
    apply_rows = Engine.apply_rows

    def wrong(self, rows, events=None):
        found = apply_rows(self, rows, events)
        if self.sequence > 8:
            self.tables["accounts"]["cash"][5] = 7
        return found

    with monkeypatch.context() as patched:
        patched.setattr(Engine, "apply_rows", wrong)
        patched.setattr(recovery, "program", lambda: "another")
        with pytest.raises(RecoveryError, match=r"accounts, positions and orders.*--upgrade"):
            open_host(tmp_path, options=options)
        upgrade = HostOptions(tick_ms=0, folder=FolderOptions(upgrade=True))
        host = open_host(tmp_path, options=upgrade)
        assert host.engine.sequence == state[0]
        host._storage.close()


def test_another_version_with_the_same_results_goes_on(tmp_path, monkeypatch):
    state = run(live_a_little, tmp_path)
    monkeypatch.setattr(recovery, "program", lambda: "another")
    assert run(look, tmp_path) == state


def test_a_folder_of_an_earlier_version_is_refused_with_the_way_out(tmp_path):
    (tmp_path / "journal-0001.swj").write_bytes(b"SEAWALLJ")
    (tmp_path / "directory-0001.swd").write_bytes(b"SEAWALLD")
    with pytest.raises(LogError, match=r"earlier version.*move it away"):
        open_host(tmp_path)
