"""What the documentation shows works: its commands, its Python, and its list of options."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
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


def skip_without_shared(text: str) -> None:
    if "../shared" in text and not (ROOT.parent / "shared").exists():
        pytest.skip("reads ../shared, which is not part of the project and is absent here")


def execute(arguments: list[str | Path]) -> subprocess.CompletedProcess[str]:
    paths = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    return subprocess.run(
        arguments,
        cwd=ROOT,
        env={**os.environ, "PATH": os.pathsep.join(paths), "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


def runnable(command: str) -> str:
    """``./run`` as it is where the tests run in its environment, else what it stands for."""
    if Path(sys.prefix) == ROOT / ".venv" or not command.startswith("./run"):
        return command
    arguments = command.removeprefix("./run").strip()
    return f"seawall {arguments or 'rehearse'}"


@pytest.mark.timeout(2 * SECONDS)
@pytest.mark.parametrize("block", CONSOLE, ids=name_of)
def test_console_block(block: Block) -> None:
    skip_without_shared(block.text)
    if not Path(sys.executable).with_name("seawall").exists():
        pytest.skip("the seawall command is not installed beside this Python")
    for command in commands(block):
        result = execute(["bash", "-c", runnable(command)])
        shown = f"$ {command}\n{result.stdout}{result.stderr}"
        assert result.returncode == expected_exit(block), shown


@pytest.mark.timeout(2 * SECONDS)
@pytest.mark.parametrize("block", PYTHON, ids=name_of)
def test_python_block(block: Block) -> None:
    skip_without_shared(block.text)
    result = execute([sys.executable, "-c", block.text])
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
    if find_spec("seawall.cli.main") is None:
        pytest.skip("there is no command line yet")
    from seawall.cli.main import app

    assert list(subcommands(app))
    assert undocumented(app, [path.read_text() for path in PAGES]) == []


def test_gaps_are_found() -> None:
    from cyclopts import App

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


def test_blocks_are_read() -> None:
    shell = "$ seawall a \\\n    --b\nout\n$ ls\n$ ./run\n"
    text = f"Text\n```console exit=2\n{shell}```\n- item\n\n  ```python run\n  x\n  ```\n"
    console, python = blocks("page", text)
    assert (console.line, expected_exit(console)) == (2, 2)
    assert commands(console) == ["seawall a --b", "./run"]
    assert (python.info, python.text, expected_exit(python)) == ("python run", "x\n", 0)
    assert execute(["bash", "-c", "exit 2"]).returncode == 2
