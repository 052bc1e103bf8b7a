"""What the documentation shows works: its commands, its Python, and its list of options."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

import pytest
from cyclopts import App

from seawall.cli.main import app as seawall
from tests.shared_files import ROOT, SHARED

PAGES = [
    path for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))] if path.exists()
]
SECONDS = 280
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
CONSOLE = [block for block in BLOCKS if block.info.split()[0] == "console" and commands(block)]
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


def execute(folder: Path, arguments: list[str | Path]) -> subprocess.CompletedProcess[str]:
    paths = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    return subprocess.run(
        arguments,
        cwd=folder,
        env={**os.environ, "PATH": os.pathsep.join(paths), "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


def runnable(command: str) -> str:
    """``./run`` is the checkout's where the tests run in its environment, else what it does."""
    if not command.startswith("./run"):
        return command
    arguments = command.removeprefix("./run").strip()
    if Path(sys.prefix) == ROOT / ".venv":
        return f"{shlex.quote(str(ROOT / 'run'))} {arguments}"
    return f"seawall {arguments or 'rehearse'}"


@pytest.mark.timeout(2 * SECONDS)
@pytest.mark.parametrize("block", CONSOLE, ids=name_of)
def test_console_block(block: Block, checkout: Path) -> None:
    skip_without_shared(block.text)
    for command in commands(block):
        result = execute(checkout, ["bash", "-c", runnable(command)])
        shown = f"$ {command}\n{result.stdout}{result.stderr}"
        assert result.returncode == expected_exit(block), shown


@pytest.mark.timeout(2 * SECONDS)
@pytest.mark.parametrize("block", PYTHON, ids=name_of)
def test_python_block(block: Block, checkout: Path) -> None:
    skip_without_shared(block.text)
    result = execute(checkout, [sys.executable, "-c", block.text])
    assert result.returncode == 0, result.stdout + result.stderr


def subcommands(app: Any, path: tuple[str, ...] = ("seawall",)) -> Iterator[tuple[str, Any]]:
    """Every shown command with its full name."""
    for name in app:
        command = app[name]
        if not name.startswith("-") and command.show and name == command.name[0]:
            yield " ".join([*path, name]), command
            yield from subcommands(command, (*path, name))


def mentioned(word: str, page: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", page) is not None


def undocumented(app: Any, pages: list[str]) -> list[str]:
    """Commands on no page, and options on no page that names their command."""
    missing = []
    for name, command in subcommands(app):
        about = [page for page in pages if mentioned(name, page)]
        if not about:
            missing.append(name)
        elif command.default_command is not None:
            for argument in command.assemble_argument_collection():
                option = argument.index is None and argument.show
                if option and not any(
                    mentioned(word, page) for word in argument.names for page in about
                ):
                    missing.append(f"{name} {argument.names[0]}")
    return missing


def test_every_command_and_option_is_documented() -> None:
    assert list(subcommands(seawall))
    assert undocumented(seawall, [path.read_text() for path in PAGES]) == []


def test_gaps_are_found() -> None:
    app, lab = App(name="seawall"), App(name="lab")
    app.command(lab)

    @app.command
    def explain(account: str, *, fast: bool = False, as_of: int = 0) -> None:
        return None

    @lab.command
    def compare(*, seed: int = 1) -> None:
        return None

    pages = ["`seawall explain ACCOUNT --as-of 3`", "`seawall lab ...` and --fast, --seed"]
    assert undocumented(app, pages) == ["seawall lab compare", "seawall explain --fast"]
    assert (
        undocumented(app, [*pages, "seawall explain --no-fast; seawall lab compare --seed 1"]) == []
    )


def test_blocks_are_read(tmp_path: Path) -> None:
    shell = "$ seawall a \\\n    --b\nout\n$ ls\n$ ./run\n"
    text = f"Text\n```console exit=2\n{shell}```\n- item\n\n  ```python run\n  x\n  ```\n"
    console, python = blocks("page", text)
    assert (console.line, expected_exit(console)) == (2, 2)
    assert commands(console) == ["seawall a --b", "./run"]
    assert (python.info, python.text, expected_exit(python)) == ("python run", "x\n", 0)
    assert execute(tmp_path, ["bash", "-c", "exit 2"]).returncode == 2
