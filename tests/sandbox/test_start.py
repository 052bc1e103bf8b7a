"""Every start that fails is one clear sentence with a hint, exit status 2, and no traceback."""

import fcntl
import os
import re
import resource
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from seawall.sandbox.embedded import sandbox
from seawall.sandbox.venue import VenueOptions, open_venue
from seawall.venues import rulebook_file
from tests.command_line import seawall
from tests.sandbox.test_up import up

MADE = ("--feed", "manual", "--speed", "manual", "--no-agents")
NEWEST = "log-0002.swj"


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a save point, a revert, and so two segments."""
    folder = tmp_path_factory.mktemp("lived") / "venue"
    address = "0x" + "5" * 40
    with sandbox("BTC=50000", data=folder, feed="manual", speed=0, agents=False, seed=5) as venue:
        venue.fund(address, 100)
        venue.save("a")
        venue.revert("a")
        for _ in range(20):
            venue.fund(address, 100)
    return folder


@pytest.fixture
def folder(lived: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(lived, tmp_path / "venue"))


def refused(*arguments: str | Path) -> str:
    """The one line that a start is refused with."""
    result = seawall("up", *(() if "--port" in arguments else ("--port", "0")), *MADE, *arguments)
    assert (result.returncode, result.stdout) == (2, ""), result.stderr
    (line,) = [
        each for each in result.stderr.splitlines() if not each.startswith("seawall: compiling")
    ]
    assert line.startswith("seawall up: ")
    return line


def change(path: Path, place: float, to: bytes | None = None) -> None:
    """Flip a bit at a place (a fraction of the file), or write something there."""
    content = bytearray(path.read_bytes())
    at = int(place * (len(content) - 1))
    content[at : at + len(to or b"x")] = to if to is not None else bytes([content[at] ^ 16])
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("place", "hint"),
    [
        (0, "does not begin as a journal does: restore it from a backup"),
        (0.01, "the header is damaged: restore it from a backup"),
        (0.8, r"the last good command is \d+\. Restore it from a backup .*--accept-loss"),
        (1, "the end of the file was lost. Restore it from a backup .*--accept-loss"),
    ],
)
def test_a_damaged_log(folder: Path, place: float, hint: str) -> None:
    change(folder / NEWEST, place)
    line = refused("--data", folder)
    assert str(folder / NEWEST) in line
    assert re.search(hint, line)


@pytest.mark.parametrize("name", ["log-0001.swj", NEWEST, "every segment"])
def test_a_missing_segment(folder: Path, name: str) -> None:
    gone = list(folder.glob("log-*.swj")) if name.startswith("every") else [folder / name]
    for path in gone:
        path.unlink()
    line = refused("--data", folder)
    assert re.search(rf"{folder}/log-\d+.swj is missing.*restore it from a backup", line)


def test_a_folder_in_place_of_a_file(folder: Path) -> None:
    for name in (NEWEST, "lock"):
        (folder / name).unlink()
        (folder / name).mkdir()
        assert f"{folder / name}: Is a directory" in refused("--data", folder)
        (folder / name).rmdir()
        if name == NEWEST:
            shutil.copy(folder / "log-0001.swj", folder / NEWEST)


def test_a_venue_runs_in_it_already(folder: Path) -> None:
    with (folder / "lock").open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for more in ((), ("--accept-loss",), ("--upgrade",)):
            line = refused("--data", folder, *more)
            assert f"a venue runs in {folder} already: stop it, or choose another folder" in line


def other_rules(folder: Path) -> str:
    """A rulebook file in which one number differs."""
    text = Path(rulebook_file.__file__).parent.joinpath("hyperliquid/rulebook.toml").read_text()
    path = folder / "mine.toml"
    path.write_text(text)
    return str(path)


def test_other_rules_are_named_by_what_differs_and_can_be_accepted(tmp_path: Path) -> None:
    book, folder = other_rules(tmp_path), tmp_path / "venue"
    made = ("--rulebook", book, *MADE, "--markets", "BTC=50000", "--data", str(folder))
    with up(*made):
        pass
    text, number = Path(book).read_text(), "cooldown_ms = { value = 30000"
    assert number in text
    Path(book).write_text(text.replace(number, number.replace("30000", "20000")))
    line = refused("--data", folder)
    assert "liquidation.cooldown_ms is 30000, here 20000" in line
    assert "--upgrade" in line
    with up("--data", str(folder), *MADE, "--upgrade"):
        pass
    with up("--data", str(folder), *MADE):
        pass


def test_what_was_lost_can_be_accepted(folder: Path) -> None:
    change(folder / NEWEST, 0.8)
    with up("--data", str(folder), *MADE, "--accept-loss") as (venue, _):
        assert venue["data"] == str(folder)
    assert (folder / f"{NEWEST}.damaged").exists()
    with up("--data", str(folder), *MADE):
        pass


@pytest.mark.parametrize(
    ("option", "value"), [("--seed", "6"), ("--markets", "ETH"), ("--mode", "unified")]
)
def test_another_venue_than_the_folders(folder: Path, option: str, value: str) -> None:
    line = refused("--data", folder, option, value)
    assert line.startswith(f"seawall up: {option}: ")
    assert "was made with; leave it out, or choose another folder" in line


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for place in (file, file / "below", Path("/proc/none/here")):
        assert f"--data: '{place}' should be a folder that can be used" in refused("--data", place)
    (tmp_path / "journal-0001.swj").write_bytes(b"SEAWALLJ")
    assert "earlier version" in refused("--data", tmp_path)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The real limit of the system, which fails a write as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [0, 100, 6_000, 12_000])
def test_no_room_at_the_first_start(tmp_path: Path, size: int) -> None:
    """The log, then what the first accounts need: what fails is named, with no traceback."""
    with files_of_at_most(size):
        result = seawall("up", "--port", "0", *MADE, "--data", tmp_path / "venue")
    assert result.returncode in (1, 2)
    *_, line = result.stderr.splitlines()
    assert line.startswith("seawall up: ")
    assert "File too large" in line or "--data: " in line
    assert str(tmp_path / "venue") in line
    assert "Traceback" not in result.stderr


def test_a_taken_port_and_a_rulebook_that_cannot_be_read(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert f"--port: {port} should be another one" in refused("--port", port)
    bad = tmp_path / "bad.toml"
    bad.write_bytes(b"\xff\xfe")
    assert f"{bad}: not a TOML file" in refused("--rulebook", str(bad))
    assert "name a file or one of" in refused("--rulebook", str(tmp_path))


def test_options_for_a_folder_need_one_and_an_archive_lies_outside(folder: Path) -> None:
    for options in (("--upgrade",), ("--accept-loss",), ("--old-log", "drop")):
        assert f"{options[0]} needs --data" in refused(*options)
    inside = folder / "archive"
    inside.mkdir()
    for place in (inside, folder):
        line = refused("--data", folder, "--old-log", place)
        assert "--old-log" in line
        assert "outside of that of --data" in line
    for nonsense in ("kep", folder / "lock"):
        line = refused("--data", folder, "--old-log", str(nonsense))
        assert "should be keep, drop, or a folder that exists" in line


def test_the_archive_reaches_the_folder(folder: Path, tmp_path: Path) -> None:
    from seawall.cli.up import Kept

    kept = Kept(str(tmp_path), upgrade=True, accept_loss=True).options(folder)
    assert (kept.old_segments, kept.upgrade, kept.accept_loss) == (tmp_path, True, True)
    assert Kept().options(None).old_segments == "keep"
    assert os.access(tmp_path, os.W_OK)


def test_a_library_caller_gets_the_same_sentence(folder: Path) -> None:
    import asyncio

    from seawall.domain.errors import SeawallError

    (folder / NEWEST).unlink()
    with pytest.raises(SeawallError, match="is missing"):
        asyncio.run(open_venue(VenueOptions(data=folder)))
