"""Every file of a folder, damaged in every way: acknowledged work comes back, or a clear refusal.

The table in docs/venue/sandbox.md says which of the two; this is where it comes from.
"""

import asyncio
import random
import shutil
from functools import cache
from pathlib import Path

import pytest

from seawall.domain.errors import SeawallError
from seawall.engine.journal import JournalError, JournalReader
from seawall.sandbox.host import HostOptions
from seawall.sandbox.log import LogError
from seawall.sandbox.storage import FolderOptions
from seawall.venues.port import Record
from tests.architecture.sources import ROOT
from tests.sandbox.test_recovery import crash, live_a_little, state_of
from tests.sandbox.venue import do, open_host, run

OPTIONS = HostOptions(tick_ms=0)
FILES = (
    "log-0001.swj", "log-0002.swj", "log-0003.swj", "lock", "history.sqlite", "snapshot of a",
    "history of a", "newest snapshot",
)  # fmt: skip
DAMAGES = ("deleted", "older copy", "emptied", "cut", "last byte gone", "zeroed", "bit flipped")


async def tell(host):
    """Everything that was acknowledged: state, records, save points, what clients are told."""
    history = host.history
    told = [history.orders(account) for account in (5, 6)]
    told += [history.fills(account) for account in (5, 6)]
    return state_of(host), host.save_points(), told, history.ledger(5)


async def _first(host):
    await live_a_little(host)
    await host.save_point("a")
    await live_a_little(host)
    await host.revert("a")
    await live_a_little(host)
    await host.save_point("b")
    await host.revert("b")
    await live_a_little(host)


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """(a folder with a save point, a revert and several segments, after a crash; an older copy of
    it; what it holds)."""
    base = tmp_path_factory.mktemp("damage")
    folder, older = base / "venue", base / "older"
    run(_first, folder, options=OPTIONS)
    shutil.copytree(folder, older)
    asyncio.run(crash(folder, OPTIONS))
    whole = base / "whole"
    shutil.copytree(folder, whole)
    story = run(tell, whole, options=OPTIONS)
    assert len(list(folder.glob("log-*.swj"))) == 3
    return folder, older, story


def find(folder: Path, name: str) -> Path:
    if name == "newest snapshot":
        return max(folder.glob("snapshot-*.sws"))
    if name.endswith("of a"):
        ending = "sqlite" if name.startswith("history") else "sws"
        return min(folder.glob(f"snapshot-*.{ending}"))
    return folder / name


def damage(path: Path, how: str, older: Path) -> None:
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    if how == "deleted":
        path.unlink()
    elif how == "older copy":
        shutil.copy(older, path)
    elif how == "emptied":
        path.write_bytes(b"")
    elif how == "cut":
        path.write_bytes(content[:middle])
    elif how == "last byte gone":
        path.write_bytes(content[:-1])
    elif how == "zeroed":
        content[middle : middle + 512] = bytes(len(content[middle : middle + 512]))
        path.write_bytes(content)
    else:
        content[middle] ^= 0x10
        path.write_bytes(content)


def outcome(folder: Path, story) -> str:
    """``recovered`` or ``refused``; AssertionError for anything else."""
    try:
        found = run(tell, folder, options=OPTIONS)
    except (LogError, JournalError) as error:
        return "refused" if str(folder) in str(error) else f"refused without the file: {error}"
    assert found == story
    return "recovered"


@cache
def table() -> dict[str, list[str]]:
    """The rows of the table of docs/venue/sandbox.md, by file."""
    text = (ROOT / "docs/venue/sandbox.md").read_text()
    _, _, rest = text.partition("| damaged file |")
    rows = [line.strip("| ").split(" | ") for line in rest.split("\n\n")[0].splitlines()[2:]]
    return {name.strip("`"): cells for name, *cells in rows}


def documented(name: str, how: str) -> str:
    """What the page says happens."""
    rows = {"log-0001.swj": "older segment", "log-0002.swj": "older segment",
            "log-0003.swj": "newest segment", "snapshot of a": "snapshot of a save point",
            "history of a": "history of a save point"}  # fmt: skip
    return table()[rows.get(name, name)][DAMAGES.index(how)]


def test_the_table_has_every_file_and_damage() -> None:
    assert len(table()) == len(FILES) - 1  # two older segments
    assert {len(cells) for cells in table().values()} == {len(DAMAGES)}


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_damage_is_made_good_or_refused(lived, tmp_path, name, how):
    whole, older, story = lived
    folder = tmp_path / "venue"
    shutil.copytree(whole, folder)
    path = find(folder, name)
    before = path.read_bytes()
    if how == "older copy" and not (older / path.name).exists():
        pytest.skip(f"{path.name} had no older copy")
    damage(path, how, older / path.name)
    if path.exists() and path.read_bytes() == before:
        assert outcome(folder, story) == "recovered"
    else:
        assert outcome(folder, story) == documented(name, how)


def test_the_log_cut_at_any_byte_is_never_a_silent_loss(lived, tmp_path):
    """Cut at every frame and at many places in between: the lock file knows of more."""
    whole, _, _ = lived
    content = (whole / "log-0003.swj").read_bytes()
    reader = JournalReader(whole / "log-0003.swj")
    ends = [reader.end for _ in reader.frames()]
    dice = random.Random(5)
    places = {0, 1, *ends[:-1], *(end - 1 for end in ends), *dice.sample(range(len(content)), 40)}
    folder = tmp_path / "venue"
    shutil.copytree(whole, folder)
    for place in sorted(places):
        for room in (b"", bytes(5000)):  # a killed writer leaves zeros behind its last frame
            (folder / "log-0003.swj").write_bytes(content[:place] + room)
            with pytest.raises((LogError, JournalError)):
                open_host(folder, options=OPTIONS)


def test_room_behind_the_last_frame_is_no_damage(lived, tmp_path):
    whole, _, story = lived
    folder = tmp_path / "venue"
    shutil.copytree(whole, folder)
    with (folder / "log-0003.swj").open("ab") as file:
        file.write(bytes(70_000))
    accept = HostOptions(tick_ms=0, folder=FolderOptions(accept_loss=True))
    assert run(tell, folder, options=accept) == story
    assert not (folder / "log-0003.swj.damaged").exists()


@pytest.mark.parametrize("witness", ["lock", "history", "snapshot"])
def test_each_witness_alone_shows_a_loss(lived, tmp_path, witness):
    """Of lock, history and snapshots, any one that is left tells that the log was longer."""
    folder = tmp_path / "venue"
    shutil.copytree(lived[0], folder)
    run(live_a_little, folder)
    shutil.copy(lived[0] / "log-0003.swj", folder)
    if witness != "lock":
        (folder / "lock").unlink()
    if witness != "history":
        for path in folder.glob("history.sqlite*"):
            path.unlink()
    if witness != "snapshot":
        for path in folder.glob("snapshot-0003-*"):
            path.unlink()
    with pytest.raises(LogError):
        open_host(folder, options=OPTIONS)


def test_what_was_lost_can_be_accepted(lived, tmp_path):
    whole, _, story = lived
    folder = tmp_path / "venue"
    shutil.copytree(whole, folder)
    path = folder / "log-0003.swj"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(SeawallError, match="--accept-loss"):
        open_host(folder, options=OPTIONS)
    accept = HostOptions(tick_ms=0, folder=FolderOptions(accept_loss=True))
    state, points, _, _ = run(tell, folder, options=accept)
    assert 0 < state[0] < story[0][0]
    assert points == ["a", "b"]
    assert (folder / "log-0003.swj.damaged").read_bytes() == content

    async def go_on(host):
        await do(host, records=(Record("note", {"n": 1}),))
        return await tell(host)

    left = run(go_on, folder, options=OPTIONS)
    assert run(tell, folder, options=OPTIONS) == left
