"""What the documentation shows works: its commands and its Python."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import pytest

from tests.command_line import seawall
from tests.shared_files import ROOT, SHARED

PAGES = [
    path for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))] if path.exists()
]
SECONDS = 900
SHELL = re.compile(r"[|<>&;$`]")
COMMAND = re.compile(r"\$ ((?:seawall|\./run)(?: .*)?)$")


class Block(NamedTuple):
    page: str
    line: int
    info: str
    text: str


def blocks(page: str, text: str) -> Iterator[Block]:
    """The fenced blocks of a page."""
    fence = re.compile(r"^ *```(?P<info>[^`\n]+)\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)
    for match in fence.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield Block(page, line, match["info"].strip(), dedent(match["text"]))


def commands(block: Block) -> list[str]:
    """The commands of a console block that are ours, continued lines joined."""
    joined = re.sub(r" *\\\n(?:> )? *", " ", block.text)
    return [match[1] for line in joined.splitlines() if (match := COMMAND.match(line))]


def expected_exit(block: Block) -> int:
    match = re.search(r"\bexit=(\d+)\b", block.info)
    return int(match[1]) if match else 0


BLOCKS = [
    block for path in PAGES for block in blocks(path.relative_to(ROOT).as_posix(), path.read_text())
]
CONSOLE: dict[str, list[Block]] = {}
for _block in BLOCKS:
    if _block.info.split()[0] == "console" and commands(_block):
        CONSOLE.setdefault(_block.page, []).append(_block)
PYTHON = [block for block in BLOCKS if block.info.split()[:2] == ["python", "run"]]


def name_of(block: Block) -> str:
    return f"{block.page}:{block.line}"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with what the checkout has, ``../shared`` beside it; what is written stays in it."""
    folder = tmp_path / "seawall"
    folder.mkdir()
    for entry in ROOT.iterdir():
        if entry.name != "out" and not entry.name.startswith("."):
            (folder / entry.name).symlink_to(entry)
    if SHARED.exists():
        (tmp_path / "shared").symlink_to(SHARED)
    return folder


def skip_without_shared(text: str) -> None:
    if "../shared" in text and not SHARED.exists():
        pytest.skip("reads ../shared, which is not part of the project and is absent here")


def execute(folder: Path, arguments: list[str | Path]) -> int:
    """The exit status of a process; what it prints is captured as the test's own."""
    paths = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    result = subprocess.run(
        arguments,
        cwd=folder,
        env={**os.environ, "PATH": os.pathsep.join(paths), "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    print(result.stdout, result.stderr)
    return result.returncode


def runnable(command: str) -> str:
    """``./run`` is the checkout's where the tests run in its environment, else what it does."""
    if command == "./run" and Path(sys.prefix) == ROOT / ".venv":
        return shlex.quote(str(ROOT / "run"))
    if not command.startswith("./run"):
        return command
    return f"seawall {command.removeprefix('./run').strip() or 'rehearse'}"


def status_of(command: str, folder: Path) -> int:
    """The exit status of a command: of ``seawall`` in this process, of any other in a shell."""
    words = shlex.split(command)
    if words[0] != "seawall" or SHELL.search(command):
        return execute(folder, ["bash", "-c", command])
    result = seawall(*words[1:], folder=folder)
    print(result.stdout, result.stderr)
    return result.returncode


@pytest.mark.timeout(4 * SECONDS)
@pytest.mark.parametrize("page", CONSOLE)
def test_console_blocks(page: str, checkout: Path) -> None:
    """A page is followed from its top: a block may read what an earlier one has written."""
    for block in CONSOLE[page]:
        if "../shared" in block.text and not SHARED.exists():
            continue
        for command in map(runnable, commands(block)):
            print(f"{name_of(block)} $ {command}")
            assert status_of(command, checkout) == expected_exit(block), command
    skip_without_shared("".join(block.text for block in CONSOLE[page]))


@pytest.mark.timeout(2 * SECONDS)
@pytest.mark.parametrize("block", PYTHON, ids=name_of)
def test_python_block(block: Block, checkout: Path) -> None:
    skip_without_shared(block.text)
    assert execute(checkout, [sys.executable, "-c", block.text]) == 0


def test_blocks_are_read(tmp_path: Path) -> None:
    shell = "$ seawall a \\\n    --b\nout\n$ ls\n$ ./run\n"
    text = f"Text\n```console exit=2\n{shell}```\n- item\n\n  ```python run\n  x\n  ```\n"
    console, python = blocks("page", text)
    assert (console.line, expected_exit(console)) == (2, 2)
    assert commands(console) == ["seawall a --b", "./run"]
    assert (python.info, python.text, expected_exit(python)) == ("python run", "x\n", 0)
    assert execute(tmp_path, ["bash", "-c", "exit 2"]) == 2
