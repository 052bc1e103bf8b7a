"""``check`` finds every damage, says which file it is, and changes nothing."""

import asyncio
import json
import shutil

import apsw
import pytest
from msgspec import structs

from seawall.domain.errors import InputError
from seawall.engine.journal import JournalReader
from seawall.sandbox import recovery
from seawall.sandbox.check import check_folder
from seawall.sandbox.clock import Clock
from seawall.sandbox.embedded import sandbox
from seawall.sandbox.log import Mark
from tests.command_line import seawall
from tests.sandbox.test_damage import DAMAGES, FILES, OPTIONS, damage, find, lived
from tests.sandbox.test_recovery import live_a_little, live_on, long_life
from tests.sandbox.venue import START_MS, Names, open_host, run

__all__ = ["lived"]


@pytest.fixture
def folder(lived, tmp_path):
    shutil.copytree(lived[0], tmp_path / "venue")
    return tmp_path / "venue"


def picture(folder):
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def looked_at(folder):
    """What a check finds, by file; the folder stays as it is."""
    before = picture(folder)
    found = check_folder(folder, Names)
    assert picture(folder) == before
    return found


def statuses(found):
    return {each.file: each.status for each in found.files}


def faults(found):
    return {each.file for each in found.files if each.is_fault}


def test_a_folder_after_a_crash_is_sound(lived, folder):
    found = looked_at(folder)
    assert found.is_sound
    state, points, *_ = lived[2]
    assert (found.commands, found.save_points) == (state[0], points)
    seen = statuses(found)
    assert seen.pop("history.sqlite") == "behind"
    assert set(seen.values()) == {"sound"}
    run_once = run(lambda host: asyncio.sleep(0), folder, options=OPTIONS)
    assert run_once is None
    assert set(statuses(looked_at(folder)).values()) == {"sound"}


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_every_damage_is_found_and_its_file_named(lived, folder, name, how):
    older = lived[1]
    path = find(folder, name)
    before = path.read_bytes()
    if how == "older copy" and not (older / path.name).exists():
        pytest.skip(f"{path.name} had no older copy")
    damage(path, how, older / path.name)
    if path.exists() and path.read_bytes() == before:
        assert looked_at(folder).is_sound
        return
    found = looked_at(folder)
    is_earlier = how == "older copy" and name in ("lock", "history.sqlite")
    if is_earlier or (name, how) == ("newest snapshot", "deleted"):
        assert found.is_sound  # as it may be after a power failure
        return
    assert not found.is_sound
    assert path.name in faults(found)
    assert all(each.meaning and each.action for each in found.files if each.is_fault)
    verdict = found.findings().verdict[0].text
    assert verdict.startswith("The log is " + ("damaged" if path.suffix == ".swj" else "sound"))


def test_the_log_cut_at_every_frame_is_found(folder):
    path = folder / "log-0003.swj"
    content = path.read_bytes()
    reader = JournalReader(path)
    ends = [reader.end for _ in reader.frames()]
    for end in ends[:-1:5]:
        path.write_bytes(content[:end])
        assert faults(looked_at(folder)) == {path.name}


def test_what_a_crash_leaves_is_no_damage(folder):
    with (folder / "log-0003.swj").open("ab") as file:
        file.write(b"\x8dSWF torn")
    (folder / "snapshot-0003-000000000099.sws.part").write_bytes(b"half")
    (folder / "notes.txt").write_text("mine")
    found = looked_at(folder)
    assert found.is_sound
    seen = statuses(found)
    assert seen["log-0003.swj"] == "unfinished"
    assert seen["notes.txt"] == seen["snapshot-0003-000000000099.sws.part"] == "unknown"


@pytest.mark.parametrize("part", ["engine", "directory"])
def test_a_whole_snapshot_of_another_state_is_found(folder, part):
    """Its checksum and its place in the log are right: only a replay shows it."""
    path = find(folder, "snapshot of a")
    segment, frame = recovery.snapshots_of(folder)[-1]
    moment = recovery.load_moment(folder, segment, frame, None)
    content = bytearray(getattr(moment, part))
    content[-2] ^= 1
    moment = structs.replace(moment, **{part: bytes(content)})
    recovery.save_moment(folder, moment, JournalReader(folder / "log-0001.swj").rules)
    found = looked_at(folder)
    assert faults(found) == {path.name}
    assert "another state" in next(e.meaning for e in found.files if e.is_fault)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE fills SET price = price + 1 WHERE trade = (SELECT min(trade) FROM fills)",
        "DELETE FROM orders WHERE order_id = (SELECT min(order_id) FROM orders)",
        "UPDATE ledger SET amount = 1 WHERE id = 1",
        "UPDATE candles SET volume = volume + 1",
    ],
)
@pytest.mark.parametrize("name", ["history.sqlite", "history of a"])
def test_a_history_that_says_something_else_is_found(folder, name, change):
    path = find(folder, name)
    connection = apsw.Connection(str(path))
    connection.execute(change)
    connection.close()
    found = looked_at(folder)
    assert faults(found) == {path.name}
    table = change.replace("DELETE FROM", "UPDATE").split()[1]
    assert f"differs from the log in {table}" in next(e.meaning for e in found.files if e.is_fault)


def test_files_of_another_venue_are_found(folder, tmp_path):
    other = tmp_path / "other"
    run(live_a_little, other, clock=Clock(0, START_MS + 1000))
    run(live_a_little, other, clock=Clock(0, START_MS + 1000))
    shutil.copy(other / "log-0001.swj", folder)
    assert "log-0001.swj" in faults(looked_at(folder))


def test_a_mark_of_another_log_is_found(folder):
    with (folder / "lock").open("r+b") as file:
        Mark(3, 2, 12345).write(file.fileno())
    found = looked_at(folder)
    assert faults(found) == {"log-0003.swj"}


@pytest.mark.parametrize("old", ["keep", "drop", "archive"])
def test_a_folder_of_many_segments(tmp_path, old):
    folder = tmp_path / "venue"
    options = long_life(tmp_path / "archive" if old == "archive" else old)
    run(live_on, folder, options=options)
    found = looked_at(folder)
    assert found.is_sound
    if old == "keep":
        assert set(statuses(found).values()) == {"sound"}
        (folder / "log-0002.swj").unlink()
        assert faults(looked_at(folder)) == {"log-0002.swj"}
        return
    for path in folder.glob("snapshot-*"):
        path.unlink()
    found = looked_at(folder)
    assert not found.is_sound
    assert "put the archived segments back" in str([each.action for each in found.files])


def test_a_program_that_computes_another_state_is_found(folder, monkeypatch):
    from seawall.engine.engine import Engine

    apply_rows = Engine.apply_rows

    def wrong(self, rows, events=None):
        found = apply_rows(self, rows, events)
        self.tables["accounts"]["cash"][5] += 1
        return found

    monkeypatch.setattr(Engine, "apply_rows", wrong)
    found = looked_at(folder)
    assert "log-0003.swj" in faults(found)
    assert "differ from what was acknowledged" in str([each.meaning for each in found.files])


def test_a_running_venue_is_left_alone(folder):
    host = open_host(folder, options=OPTIONS)
    with pytest.raises(InputError, match=r"a venue runs in .*seawall backup"):
        check_folder(folder, Names)
    host._storage.close()
    assert looked_at(folder).is_sound


def test_what_holds_no_venue_is_refused(tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "journal-0001.swj").write_bytes(b"SEAWALLJ")
    (tmp_path / "file").write_text("")
    for name, said in (("old", "earlier version"), ("file", "no folder"), ("none", "no folder")):
        with pytest.raises(InputError, match=said):
            check_folder(tmp_path / name)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no venue"):
        check_folder(tmp_path / "empty")


def test_a_venue_of_up_is_checked_backed_up_and_checked_again(tmp_path):
    """The rules, the directory and how it was made come from the log itself."""
    folder, copy = tmp_path / "venue", tmp_path / "copy"
    with sandbox("BTC=50000", "xyz:GOLD=3000", data=folder, seed=3, speed=0) as venue:
        venue.save("a")
        venue.shock("all", "-20%")
        venue.advance(120)
        venue.fund("0x" + "5" * 40, 123)
        result = seawall("check", folder)
        assert (result.returncode, result.stdout) == (2, "")
        assert "a venue runs in" in result.stderr
        assert seawall("backup", folder, copy).returncode == 0
        venue.revert("a")
        venue.advance(60)
    for each in (folder, copy):
        result = seawall("check", each, "--json")
        found = json.loads(result.stdout)
        assert (result.returncode, found["sound"], found["warnings"]) == (0, True, [])
        assert {file["status"] for file in found["files"]} <= {"sound", "behind"}
        assert found["venue"]["save_points"] == ["a", "start"]
    damage(copy / "log-0001.swj", "bit flipped", copy)
    result = seawall("check", copy)
    assert result.returncode == 1
    assert "log-0001.swj" in result.stdout
    assert "--accept-loss" in result.stdout
    with sandbox(data=folder, speed=0) as venue:
        assert venue.status()["savePoints"] == ["a", "start"]


def test_a_folder_of_no_known_venue_is_refused(folder):
    result = seawall("check", folder)
    assert result.returncode == 2
    assert "does not say of which venue" in result.stderr
