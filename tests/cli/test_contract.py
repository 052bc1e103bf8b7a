"""What every command keeps to, whatever it computes: its options, its outputs, and how it ends.

The commands are those of the app, so a new one is held to all of it.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TextIO

import pyarrow.parquet as pq
import pytest
from cyclopts import App

from seawall.cli.main import app
from seawall.domain.units import MICRO
from seawall.lab.keepers.day import day_names
from seawall.lab.keepers.gas import gas_names
from seawall.report import deliver
from seawall.report.findings import Findings
from seawall.report.values import readable
from seawall.sandbox import backup
from seawall.sandbox.client import ControlClient
from seawall.sandbox.embedded import sandbox
from tests.cli.commands import (
    ADDRESS,
    CALLS,
    EXAMPLES,
    LEAVES,
    NO_FINDINGS,
    OF_A_GUARD,
    Leaf,
    prepare,
    subcommands,
    words,
)
from tests.command_line import seawall
from tests.shared_files import ROOT
from tests.waiting import PATIENCE_S, wait_until
from tools.write_key_changes import GONE, KEYS, NAMES

# The first command in this process compiles the kernels.
pytestmark = pytest.mark.timeout(900)

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROGRAM = [
    sys.executable, "-c",
    # A shell starts what runs in the background without Ctrl-C, and so all that it starts.
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from seawall.cli.main import main; main()",
]  # fmt: skip
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "NO_COLOR": "1"}
REPORTING = sorted(name for name, leaf in LEAVES.items() if leaf.has("--report"))
IN_PROCESS = sorted(set(LEAVES) - {"up", "proxy", "terminal"} - OF_A_GUARD)
WORKERS = {
    "paths": ("--paths", "2000000", "--leverage", "none"),
    "compare": ("--paths", "2000000", "--scenario", "none"),
    "ladder": ("--paths", "2000000"),
    "cascade": ("--seeds", "500", "--accounts", "200"),
    "crises": ("--population", "3000"),
    "oracle": ("--population", "3000"),
    "guard test": (str(EXAMPLES / "guard" / "small.toml"), "--paths", "200000"),
}
"""Options that keep two worker processes busy."""
WITHOUT_VERDICT = {"check", "ladder"} | {name for name in LEAVES if name.startswith("guard ")}
"""Their reports begin with words alone."""
INTERRUPTED = 130
FULL = "seawall: standard output: No space left on device"


class Outcome(NamedTuple):
    """What one run of a command left. ``findings``: what it delivered, if anything."""

    result: "subprocess.CompletedProcess[str]"
    findings: Findings | None
    folder: Path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What the calls need: a journal, a scenario, a running venue."""
    found = prepare(tmp_path_factory.mktemp("files"))
    with sandbox("BTC=50000", feed="manual") as venue:
        yield {**found, "URL": venue.url}


@pytest.fixture(scope="module")
def outcome(
    files: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Outcome]:
    """Each command run once, with all outputs that it has."""
    kept: dict[str, Outcome] = {}

    def run(name: str) -> Outcome:
        if name not in kept:
            folder = tmp_path_factory.mktemp("run")
            more = ["--report", "made/r.html", "--parquet", "made/tables"]
            delivered: list[Findings] = []
            original = deliver.json_object

            def recorded(findings: Findings, command: str) -> Any:
                delivered.append(findings)
                return original(findings, command)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(deliver, "json_object", recorded)
                outputs = more if LEAVES[name].has("--parquet") else []
                result = seawall(*words(name, files), *outputs, "--json", folder=folder)
            assert result.returncode == 0, result.stderr
            kept[name] = Outcome(result, delivered[0] if delivered else None, folder / "made")
        return kept[name]

    return run


def test_every_command_has_its_call() -> None:
    assert set(CALLS) == set(LEAVES)
    assert set(REPORTING) == set(LEAVES) - NO_FINDINGS


# Options and help


def mentioned(word: str, page: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", page) is not None


def undocumented(parent: Any, pages: list[str]) -> list[str]:
    """Commands on no page, and options on no page that names their command."""
    missing = []
    for leaf in subcommands(parent, ("seawall",)):
        about = [page for page in pages if mentioned(leaf.name, page)]
        if not about:
            missing.append(leaf.name)
        elif leaf.command.default_command is not None:
            missing += [
                f"{leaf.name} {option.names[0]}"
                for option in leaf.options
                if not any(mentioned(word, page) for word in option.names for page in about)
            ]
    return missing


def test_every_command_and_option_is_documented() -> None:
    assert undocumented(app, [path.read_text() for path in PAGES]) == []


def test_a_gap_in_the_documentation_is_found() -> None:
    parent, lab = App(name="seawall"), App(name="lab")
    parent.command(lab)

    @parent.command
    def explain(account: str, *, fast: bool = False, as_of: int = 0) -> None:
        return None

    @lab.command
    def compare(*, seed: int = 1) -> None:
        return None

    pages = ["`seawall explain ACCOUNT --as-of 3`", "`seawall lab ...` and --fast, --seed"]
    assert undocumented(parent, pages) == ["seawall lab compare", "seawall explain --fast"]
    more = "seawall explain --no-fast; seawall lab compare --seed 1"
    assert undocumented(parent, [*pages, more]) == []


@pytest.mark.parametrize("name", LEAVES)
def test_help_shows_every_option_with_its_own_default(name: str) -> None:
    result = seawall(*name.split(), "--help", environment={"COLUMNS": "400"})
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"Usage: seawall {name}")
    described = described_options(result.stdout)
    for each in LEAVES[name].options:
        text = described[each.names[0]]
        assert len(text) > len(" ".join(each.names)) + 10, f"{each.names[0]} says nothing"
        stated = re.search(r"\[default: (.*?)\]", text)
        default = each.field_info.default
        if stated:
            assert stated[1] in (str(default), "real")
            assert "not given" not in text, f"{each.names[0]} has two defaults"


@pytest.mark.parametrize(
    ("name", "option", "names"),
    [
        ("keepers", "--gas", gas_names()),
        ("keepers", "--day", day_names()),
        ("frontrun", "--gas", gas_names()),
    ],
)
def test_help_names_what_ships(name: str, option: str, names: tuple[str, ...]) -> None:
    result = seawall(name, "--help", environment={"COLUMNS": "400"})
    text = described_options(result.stdout)[option]
    assert set(names) <= set(re.findall(r"[\w-]+", text))


def described_options(text: str) -> dict[str, str]:
    """The line of every option by its first name."""
    found = {}
    for line in text.splitlines():
        words = line.strip("│ ")
        if words.startswith("--"):
            found[words.split()[0]] = words
    return found


# What is printed and written


@pytest.mark.parametrize("name", IN_PROCESS)
def test_json_is_one_object(name: str, outcome: Callable[[str], Outcome]) -> None:
    result, findings, _ = outcome(name)
    found = json.loads(result.stdout, parse_constant=no_number)
    assert isinstance(found, dict)
    said = result.stderr.splitlines()
    assert all(
        line.startswith(("warning: ", "Report: ", "Table: ", "Picture: ")) for line in said
    ), said
    if findings is not None:
        warnings = [readable(each.text) for each in findings.words if each.is_warning]
        assert [line for line in said if line.startswith("warning: ")] == [
            f"warning: {each}" for each in warnings
        ]
        assert set(found) >= {"command", "version", "assumptions", "seed"}


def no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


@pytest.mark.parametrize("name", REPORTING)
def test_the_report_has_every_sheet_and_asks_for_nothing(
    name: str, outcome: Callable[[str], Outcome]
) -> None:
    findings = outcome(name).findings
    assert findings is not None
    page = Page()
    page.feed((outcome(name).folder / "r.html").read_text())
    assert page.requests == []
    assert "default-src 'none'" in page.policy
    seen = " ".join("".join(page.text).split())
    for sheet in findings.sheets:
        if sheet.rows and sheet.on not in ("data", "tables"):
            assert " ".join(readable(sheet.title).split()) in seen, sheet.name
    for figure in findings.figures:
        assert figure.title in seen


class Page(HTMLParser):
    """The text of a page, its policy, and whatever would fetch something or run."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.requests: list[str] = []
        self.policy = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "iframe", "object", "embed", "base", "form"):
            self.requests.append(tag)
        for name, value in attributes:
            if name in ("src", "href", "xlink:href", "srcset", "action", "data") and not (
                value or ""
            ).startswith(("#", "data:")):
                self.requests.append(f"{tag} {name}={value}")
        values = dict(attributes)
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"] or ""

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.mark.parametrize("text", ["<img src=//a.b/c>", "<script>1</script>", "<link href=x>"])
def test_a_request_is_found(text: str) -> None:
    page = Page()
    page.feed(text)
    assert page.requests


def targets_of(file: Path) -> list[list[str]]:
    """The parts of each new key path in a file of changed keys."""
    new = [
        target
        for each in tomllib.loads(file.read_text()).values()
        for target in ([each] if isinstance(each, str) else each)
    ]
    return [each.replace("[]", "").split(".") for each in new if not each.startswith(GONE)]


def test_the_changed_keys_are_those_of_today(outcome: Callable[[str], Outcome]) -> None:
    """Each is a column of its sheet, where a command makes that sheet without options."""
    checked, wrong = 0, []
    for file in sorted(KEYS.glob("*.toml")):
        found = [outcome(name).findings for name in NAMES.get(file.stem, file.stem).split(", ")]
        columns = {
            sheet.name: {column.name for column in sheet.stored}
            for findings in found
            if findings is not None
            for sheet in findings.sheets
        }
        known = [each for each in targets_of(file) if len(each) > 1 and each[0] in columns]
        checked += len(known)
        wrong += [(file.stem, *each) for each in known if each[1] not in columns[each[0]]]
    assert checked > 300
    assert wrong == []


@pytest.mark.parametrize("name", sorted(set(REPORTING) - WITHOUT_VERDICT))
def test_a_report_begins_with_a_verdict_in_colour_and_word(
    name: str, outcome: Callable[[str], Outcome]
) -> None:
    findings = outcome(name).findings
    assert findings is not None
    assert findings.status is not None
    assert findings.status.word
    assert findings.status.style in ("bad", "caution", "good")
    assert findings.tiles


@pytest.mark.parametrize("name", REPORTING)
def test_parquet_says_the_same_with_units(name: str, outcome: Callable[[str], Outcome]) -> None:
    findings = outcome(name).findings
    assert findings is not None
    sheets = [each for each in findings.sheets if each.on != "screen"]
    folder = outcome(name).folder / "tables"
    assert {each.stem for each in folder.iterdir()} == {each.name for each in sheets}
    assert any(column.kind.unit for sheet in sheets for column in sheet.stored)
    for sheet in sheets:
        table = pq.read_table(folder / f"{sheet.name}.parquet")
        assert table.num_rows == len(sheet.rows)
        assert table.column_names == [each.name for each in sheet.stored]
        for column in sheet.stored:
            metadata = table.schema.field(column.name).metadata or {}
            assert metadata.get(b"unit", b"").decode() == column.kind.unit, column.name
            if column.kind.unit == "USD" and column.kind.arrow == "double":
                first = next((row for row in sheet.rows if column.value(row) is not None), None)
                if first is not None and isinstance(column.value(first), int):
                    place = list(sheet.rows).index(first)
                    assert table[column.name][place].as_py() == column.value(first) / MICRO


# Input that cannot be used

NONSENSE = "no~such"
ANYTHING = {
    "control save NAME", "control price MARKET", "size MARKET", "carry MARKET",
}  # fmt: skip
"""Values that may be any text, or that only a venue can refuse."""
OUTPUT_FILES = ("--report", "--parquet", "--png", "--journal", "--data", "--guard")
"""Files that need not be there."""
FILES = ("POLICY", "ACCOUNT", "STATE", "WAVES", "JOURNAL", "RECORDING", "FOLDER")
"""Values that are files."""
NEEDED = {
    "carry --from": ("--funding-file", str(EXAMPLES / "book.csv")),
    "carry --half-life": ("--revert-to", "0.001%"),
    "carry --revert-to": ("--half-life", "3"),
    "size --at-time": ("--book", str(EXAMPLES / "book.csv")),
    "cascade --cluster": ("--seeds", "2"),
    "vet --key": ("--latency", "2", "--at", "https://api.hyperliquid-testnet.xyz"),
    "vet --ccxt": ("--market", "BTC/USDT:USDT"),
}
"""Options that an option belongs to."""


def wrong_values(leaf: Leaf) -> Iterator[tuple[str, list[str]]]:
    """Each option and value of a command with a text that it cannot be."""
    for each in leaf.arguments:
        name = each.names[0]
        if f"{leaf.name} {name}" in ANYTHING:
            continue
        if each.hint is bool:
            yield name, [f"{name}={NONSENSE}"]
        elif name in OUTPUT_FILES:
            yield name, [name, f"file.txt/{NONSENSE}.html"]
        elif name == "--at":
            yield name, [ADDRESS, name, NONSENSE] if leaf.has("ACCOUNT") else [name, NONSENSE]
        elif each.index is None:
            yield name, [name, NONSENSE, *NEEDED.get(f"{leaf.name} {name}", ())]


def others(name: str, arguments: list[str], files: dict[str, str]) -> Iterator[str]:
    """What makes a command quick that accepts what it should refuse."""
    options = CALLS[name].options
    for option, value in zip(options[::2], options[1::2], strict=True):
        if option not in arguments and not ("--path" in arguments and option == "--scenario"):
            yield from (option, files.get(value, value))


def fault(result: "subprocess.CompletedProcess[str]", name: str, named: str) -> str:
    """What is wrong with a refusal, or nothing."""
    lines = result.stderr.splitlines()
    if result.returncode != 2:
        return f"status {result.returncode}: {result.stdout[:200]} {result.stderr[-300:]}"
    if result.stdout or len(lines) != 1:
        return f"not one line: {result.stdout[:200]} {result.stderr[-500:]}"
    if not lines[0].startswith(f"seawall {name}: "):
        return f"not of the command: {lines[0]}"
    if named not in lines[0] and NONSENSE not in lines[0]:
        return f"names neither {named} nor its value: {lines[0]}"
    return ""


@pytest.mark.parametrize("name", LEAVES)
def test_what_cannot_be_used_is_refused_in_one_line(
    name: str, files: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "file.txt").write_text("this is neither TOML nor JSON")
    call = [files.get(each, each) for each in CALLS[name].values]
    cases = {
        "an unknown option": ("--no-such-option", [*call, "--no-such-option", "1"]),
        "one value too many": ("extra", [*(call or ["BTC"]), *["extra"] * 3]),
        **{
            option: (option, [*(call[:-1] if ADDRESS in texts else call), *texts])
            for option, texts in wrong_values(LEAVES[name])
        },
    }
    if LEAVES[name].arguments[0].names[0] in FILES:
        cases["a missing file"] = ("nothing.toml", ["nothing.toml", *call[1:]])
        cases["a file of something else"] = ("file.txt", ["file.txt", *call[1:]])
    found = {}
    for case, (named, arguments) in cases.items():
        if not case.endswith(("file", "else")):
            arguments = [*arguments, *others(name, arguments, files)]
        if wrong := fault(seawall(*name.split(), *arguments, folder=tmp_path), name, named):
            found[case] = wrong
    assert not found, "\n".join(f"{case}: {wrong}" for case, wrong in found.items())
    assert [each.name for each in tmp_path.iterdir()] == ["file.txt"], "something was written"


# How it ends


def ends(stdout: TextIO, *arguments: str) -> tuple[int, str]:
    """Status and standard error of a command that prints to a file of the system."""
    with contextlib.suppress(OSError), stdout:
        result = seawall(*arguments, stdout=stdout)
    return result.returncode, result.stderr


def full_device() -> TextIO:
    return Path("/dev/full").open("w")


def closed_pipe() -> TextIO:
    """A pipe whose reader has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    return os.fdopen(writing, "w")


@pytest.mark.parametrize("name", IN_PROCESS)
def test_a_reader_that_has_gone_ends_it_quietly(
    name: str, files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert ends(closed_pipe(), *words(name, files)) == (1, "")


@pytest.mark.parametrize("name", IN_PROCESS)
def test_a_full_device_is_said_in_one_line(
    name: str, files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert ends(full_device(), *words(name, files)) == (1, FULL + "\n")


@pytest.mark.parametrize("output", [(), ("--json",)], ids=["tables", "json"])
@pytest.mark.parametrize("target", ["pipe", "full"])
def test_files_are_written_though_nothing_can_be_printed(
    target: str, output: tuple[str, ...], tmp_path: Path
) -> None:
    stdout = closed_pipe() if target == "pipe" else full_device()
    with stdout:
        result = subprocess.run(
            [*PROGRAM, "carry", *output, "--report", "r.html", "--parquet", "tables"],
            stdout=stdout, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, cwd=tmp_path,
            timeout=PATIENCE_S,
        )  # fmt: skip
    assert result.returncode == 1
    assert "</html>" in (tmp_path / "r.html").read_text()
    assert list((tmp_path / "tables").iterdir())


def test_ctrl_c_is_silent_while_the_command_line_is_loaded() -> None:
    """The first import of it that counts is interrupted."""
    code = (
        "import signal, sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, *more):\n"
        "        if name == 'cyclopts': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "from seawall.cli.start import main\n"
        "main()\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT,
        timeout=PATIENCE_S,
    )  # fmt: skip
    assert (result.returncode, result.stdout, result.stderr) == (INTERRUPTED, "", "")


def test_compiling_is_said_where_nothing_is_kept_yet(tmp_path: Path) -> None:
    """Also to a pipe; the first kernel is enough."""
    code = (
        "from seawall.cli.main import announce_compiling\n"
        "announce_compiling()\n"
        "announce_compiling()\n"
        "from seawall.engine.compile import entry\n"
        "@entry(1)\n"
        "def same(value): return value\n"
        "@entry(1)\n"
        "def other(value): return value\n"
        "print(same(3) + other(4))\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    result = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=PATIENCE_S,
        env={**ENVIRONMENT, "SEAWALL_CACHE": str(tmp_path)},
    )  # fmt: skip
    assert result.stdout == "7\n"
    said = "seawall: compiling, once for this version: about a minute ...\n"
    assert result.stderr == said


def test_a_report_on_a_full_device_is_named(tmp_path: Path) -> None:
    (tmp_path / "r.html").symlink_to("/dev/full")
    result = seawall("carry", "--report", "r.html", folder=tmp_path)
    assert result.returncode == 2
    assert result.stderr == "seawall carry: --report: r.html: No space left on device\n"


@pytest.mark.parametrize("target", ["pipe", "full"])
@pytest.mark.parametrize("name", ["up", "proxy", "terminal", "explain"])
def test_a_process_ends_the_same_way(name: str, target: str, files: dict[str, str]) -> None:
    stdout = closed_pipe() if target == "pipe" else full_device()
    with stdout:
        result = subprocess.run(
            [*PROGRAM, *words(name, files)], stdout=stdout, stderr=subprocess.PIPE, text=True,
            env=ENVIRONMENT, timeout=PATIENCE_S,
        )  # fmt: skip
    assert (result.returncode, result.stderr) == (1, "" if target == "pipe" else FULL + "\n")


@pytest.mark.parametrize("name", IN_PROCESS)
def test_ctrl_c_leaves_nothing(
    name: str, files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> NoReturn:
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("not interrupted")

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    steps = (deliver, "print_findings"), (ControlClient, "_ask"), (backup, "sync_folder")
    for place, step in steps:
        monkeypatch.setattr(place, step, interrupted)
    more = ["--report", "r.html", "--parquet", "tables"] if LEAVES[name].has("--parquet") else []
    result = seawall(*words(name, files), *more, folder=tmp_path)
    signal.signal(signal.SIGINT, before)
    assert (result.returncode, result.stdout, result.stderr) == (INTERRUPTED, "", "")
    assert not any(each.is_file() for each in tmp_path.rglob("*"))


def test_every_command_with_workers_is_interrupted() -> None:
    assert set(WORKERS) == {name for name, leaf in LEAVES.items() if leaf.has("--workers")}


@pytest.mark.parametrize("name", WORKERS)
def test_ctrl_c_ends_the_workers(
    name: str, tmp_path: Path, outcome: Callable[[str], Outcome]
) -> None:
    # Compiles what is not kept yet: a process that compiles says so.
    outcome(name)
    process = subprocess.Popen(
        [*PROGRAM, *name.split(), *WORKERS[name], "--workers", "2", "--report", "r.html"],
        cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    try:
        wait_until(lambda: len(members(process.pid)) >= 3 or process.poll() is not None)
        # As a terminal does: to all processes of the command.
        os.killpg(process.pid, signal.SIGINT)
        out, errors = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, out, errors) == (INTERRUPTED, "", "")
        wait_until(lambda: not members(process.pid))
        assert list(tmp_path.iterdir()) == []
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def members(group: int) -> list[int]:
    """The living processes of a group."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state, _, its_group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
                if int(its_group) == group and state != "Z":
                    found.append(int(entry.name))
    return found
