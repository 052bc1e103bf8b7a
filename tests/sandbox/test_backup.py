"""A backup of a venue that goes on meanwhile is that venue at one moment of its life."""

import asyncio

import pytest

from seawall.domain.enums import Side
from seawall.engine.journal import JournalReader
from seawall.sandbox import backup as module
from seawall.sandbox.backup import BackupError, back_up
from seawall.sandbox.host import HostOptions
from seawall.sandbox.log import segments_of
from seawall.venues.port import Record
from tests.sandbox.replay import replayed, replayed_hash
from tests.sandbox.test_damage import _first, tell
from tests.sandbox.test_recovery import (
    crash,
    live_a_little,
    long_life,
    look,
)
from tests.sandbox.venue import PRICE, do, open_host, order, run, set_up
from tests.waiting import until

OPTIONS = HostOptions(tick_ms=0, snapshot_every=20)


def records_at(folder):
    """The records of a chain of one segment, as the directory keeps them."""

    async def main(host):
        return list(host.directory.seen)

    return run(main, folder)


@pytest.mark.parametrize("options", [OPTIONS, long_life()], ids=["one segment", "many"])
def test_a_copy_of_a_venue_under_load_is_a_prefix_of_its_life(tmp_path, options):
    """Opened, it equals a replay of its own log, which is a prefix of the venue's."""
    venue, copies = tmp_path / "venue", [tmp_path / f"copy {n}" for n in range(4)]
    made = []

    async def load(host):
        for number in range(10**9):
            await do(host, order(5, Side.SELL), records=(Record("note", {"n": number}),))
            await do(host, order(6, Side.BUY, PRICE - number % 3))

    async def main():
        host = open_host(venue, options=options)
        await host.start()
        await set_up(host)
        loading = asyncio.ensure_future(load(host))
        for copy in copies:
            seen = host.engine.sequence
            await until(lambda seen=seen: host.engine.sequence > seen + 40)
            made.append(await asyncio.to_thread(back_up, venue, copy))
        seen = host.engine.sequence
        await until(lambda: host.engine.sequence > seen)
        loading.cancel()
        await asyncio.gather(loading, return_exceptions=True)
        await host.stop()
        return list(host.directory.seen)

    lived = asyncio.run(main())
    whole = {path.name: path.read_bytes() for path in venue.glob("log-*.swj")}
    for copy, said in zip(copies, made, strict=True):
        for path in copy.glob("log-*.swj"):
            assert whole[path.name].startswith(path.read_bytes())
        mine = replayed(copy)
        sequence, state_hash, seen = run(look, copy, options=options)
        assert (sequence, state_hash) == (mine.sequence, mine.state_hash())
        assert said.commands == sequence
        assert seen == lived[: len(seen)]
    assert [each.commands for each in made] == sorted({each.commands for each in made})


@pytest.mark.parametrize("moved", ["a revert", "a save point", "new segments", "dropped segments"])
def test_what_the_venue_does_between_two_files_breaks_no_copy(tmp_path, moved):
    """At each step of the first try the venue goes on, as it may at the worst moment."""
    venue, copy = tmp_path / "venue", tmp_path / "copy"
    options = long_life("drop") if moved == "dropped segments" else long_life()
    steps = []

    async def go_on(host):
        if moved == "a revert":
            await live_a_little(host, 1)
            await host.revert("a")
        elif moved == "a save point":
            await host.save_point(f"p{len(steps)}")
        for _ in range(3):
            await live_a_little(host)
            await host._work.snapshots_done()

    async def main(host):
        loop = asyncio.get_running_loop()

        def step(what, *_):
            steps.append(what)
            if len(steps) < 8:
                asyncio.run_coroutine_threadsafe(go_on(host), loop).result()

        await live_a_little(host)
        await host.save_point("a")
        await live_a_little(host)
        said = await asyncio.to_thread(back_up, venue, copy, step)
        await host.revert("a")
        return said

    said = run(main, venue, options=options)
    if moved == "dropped segments":
        assert steps.count("copying history.sqlite") > 1
    state = run(look, copy, options=options)
    assert state[0] == said.commands
    if moved != "dropped segments":
        assert replayed_hash(copy) == state[1]
    assert "a" in said.save_points


def test_a_copy_has_everything_and_goes_on(tmp_path):
    """Of a venue that was killed, with reverts and save points: the same, and it can be used."""
    venue, copy = tmp_path / "venue", tmp_path / "copies" / "one"
    run(_first, venue, options=OPTIONS)
    asyncio.run(crash(venue, OPTIONS))
    with (venue / "log-0003.swj").open("ab") as file:
        file.write(b"\x8dSWF torn")
    before = {path.name: path.read_bytes() for path in venue.glob("log*")}
    said = back_up(venue, copy)
    assert {path.name: path.read_bytes() for path in venue.glob("log*")} == before
    assert said.lacks == []
    assert said.save_points == ["a", "b"]
    assert JournalReader(copy / "log-0003.swj").torn_tail is None
    story = run(tell, venue, options=OPTIONS)
    assert run(tell, copy, options=OPTIONS) == story

    async def main(host):
        await host.revert("a")
        return await live_a_little(host)

    left = run(main, copy, options=OPTIONS)
    assert run(look, copy, options=OPTIONS) == left
    assert [path.name for path in copy.parent.iterdir()] == ["one"]


def test_a_history_that_cannot_be_read_is_left_out(tmp_path):
    venue, copy = tmp_path / "venue", tmp_path / "copy"
    run(_first, venue, options=OPTIONS)
    story = run(tell, venue, options=OPTIONS)
    for path in venue.glob("history.sqlite*"):
        path.write_bytes(b"this is no database" * 100)
    said = back_up(venue, copy)
    assert len(said.lacks) == 1
    assert "history.sqlite" in said.lacks[0]
    assert run(tell, copy, options=OPTIONS) == story


@pytest.mark.parametrize("how", ["cut at a frame", "damaged", "newest gone", "older gone"])
def test_a_log_that_lost_something_is_not_copied_as_if_it_were_whole(tmp_path, how):
    venue = tmp_path / "venue"
    run(_first, venue, options=OPTIONS)
    newest = venue / "log-0003.swj"
    content = newest.read_bytes()
    if how == "cut at a frame":
        reader = JournalReader(newest)
        ends = [reader.end for _ in reader.frames()]
        newest.write_bytes(content[: ends[-3]])
    elif how == "damaged":
        newest.write_bytes(content[:900] + b"\0" * 100 + content[1000:])
    else:
        (newest if how == "newest gone" else venue / "log-0001.swj").unlink()
    with pytest.raises(BackupError, match=f"{venue}.*seawall check"):
        back_up(venue, tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["venue"]


def test_places_that_cannot_be_used_are_refused(tmp_path):
    venue = tmp_path / "venue"
    run(_first, venue, options=OPTIONS)
    full, file = tmp_path / "full", tmp_path / "file"
    full.mkdir()
    file.write_text("")
    (full / "mine").write_text("")
    for target in (full, file, venue, venue / "copy", tmp_path):
        with pytest.raises(BackupError, match="target"):
            back_up(venue, target)
    for folder in (full, tmp_path / "none", file):
        with pytest.raises(BackupError, match="one that holds a venue's log"):
            back_up(folder, tmp_path / "copy")
    (tmp_path / "empty").mkdir()
    back_up(venue, tmp_path / "empty")
    assert segments_of(tmp_path / "empty") == [1, 2, 3]


def test_a_copy_that_fails_leaves_nothing(tmp_path, monkeypatch):
    venue = tmp_path / "venue"
    run(_first, venue, options=OPTIONS)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_sync", full)
    with pytest.raises(OSError, match="No space left"):
        back_up(venue, tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["venue"]
