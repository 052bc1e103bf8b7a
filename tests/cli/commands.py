"""The commands of ``seawall`` as the tests of all of them call them: from the app, and quick."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from seawall.cli.main import app
from seawall.sandbox.embedded import sandbox
from tests.command_line import seawall
from tests.guard.journals import write_guarded
from tests.shared_files import ROOT

EXAMPLES = ROOT / "examples"
ACCOUNT, CANDLES = EXAMPLES / "rehearse_account.toml", EXAMPLES / "rehearse_candles.csv"
ADDRESS = "0x" + "5" * 40
FALL = """
name = "ten minutes down"
about = "a fall of a fifth"
source = "made for a test"
start = "2025-10-10T20:45"
step_seconds = 30
[[market]]
name = "BTC"
price = 117000
waypoints = [[0, 100.0], [5, 80.0], [10, 82.0]]
[other]
like = "BTC"
[backstop]
capital = 1000000
"""


class Call(NamedTuple):
    """What a command is given: what stands without a name, and options that make it quick.

    JOURNAL, GUARDED, FALL, FOLDER: what ``prepare`` writes. URL: of a running venue.
    """

    values: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


_PATHS = ("--paths", "200", "--days", "1", "--step", "900", "--workers", "1")
_URL = ("--url", "URL")
CALLS: dict[str, Call] = {
    "up": Call(options=("--port", "0", "--feed", "manual", "--markets", "BTC")),
    "control status": Call((), _URL),
    "control accounts": Call((), _URL),
    "control price": Call(("BTC", "50000"), _URL),
    "control shock": Call(("BTC", "-1%"), _URL),
    "control oracle": Call(("BTC", "freeze"), _URL),
    "control liquidity": Call(("BTC", "10%"), _URL),
    "control funding": Call(("BTC", "1%"), _URL),
    "control market": Call(("BTC", "halted"), _URL),
    "control advance": Call(("1",), _URL),
    "control pause": Call((), _URL),
    "control resume": Call((), _URL),
    "control speed": Call(("x2",), _URL),
    "control save": Call(("here",), _URL),
    "control revert": Call(("start",), _URL),
    "control reset": Call((), _URL),
    "control fund": Call((ADDRESS, "10"), _URL),
    "proxy": Call(options=("--port", "0")),
    "terminal": Call(("JOURNAL",), ("--port", "0")),
    "check": Call(("FOLDER",)),
    "backup": Call(("FOLDER", "made")),
    "explain": Call((str(EXAMPLES / "account_hybrid.json"),)),
    "rehearse": Call((str(ACCOUNT),), ("--path", str(CANDLES), "--png", "made.png")),
    "stress": Call(options=("--survive", "20%", "--scenario", "flash_crash")),
    "compare": Call(options=(*_PATHS, "--scenario", "none")),
    "paths": Call(options=(*_PATHS, "--leverage", "5")),
    "ladder": Call(options=(*_PATHS, "--ladder", "stop 100% at -5%")),
    "size": Call(),
    "carry": Call(),
    "options": Call((str(EXAMPLES / "account_short_call.toml"),)),
    "cascade": Call(
        options=("--scenario", "FALL", "--accounts", "400", "--backstop", "0%", "--workers", "1")
    ),
    "crises": Call(options=("--crisis", "FALL", "--population", "60", "--workers", "1")),
    "oracle": Call(options=("--crisis", "FALL", "--population", "60", "--workers", "1")),
    "keepers": Call(options=("--crisis", "FALL", "--trials", "2")),
    "frontrun": Call(options=("--crisis", "FALL", "--oracle", "pyth_like")),
    "vet": Call(options=("--seconds", "60")),
    "deleveraging": Call(),
    "guard lint": Call(
        (str(EXAMPLES / "guard" / "small.toml"), str(EXAMPLES / "account_small.toml"))
    ),
    "guard test": Call(
        (str(EXAMPLES / "guard" / "small.toml"), str(EXAMPLES / "account_small.toml")),
        ("--paths", "64", "--days", "0.1", "--step", "600", "--rules", "off"),
    ),
    "guard run": Call(
        (str(EXAMPLES / "guard" / "small.toml"), ADDRESS),
        ("--at", "URL", "--journal", "made.journal"),
    ),
    "guard stop": Call(("GUARDED",)),
    "guard reset": Call(("GUARDED", "out")),
    "guard explain": Call(("GUARDED",)),
    "guard new": Call(
        ("made.toml",),
        (
            "--risk-capital",
            "2000",
            "--loss",
            "25%",
            "--leverage",
            "3",
            "--stop",
            "8%",
            "--top-up",
            "0",
        ),
    ),
    "guard watch": Call(("GUARDED",)),
    "guard watchdog": Call(("GUARDED",), ("--silence", "20")),
    "compare-rules": Call(("JOURNAL",)),
}
"""Every command that does something; a test compares them with the app's."""
OF_A_GUARD = {"guard run", "guard stop", "guard reset", "guard watchdog", "guard new"}
"""Commands about a guard that runs, and what writes a policy: tests/conformance, tests/guard."""
NO_FINDINGS = OF_A_GUARD | {
    name for name in CALLS if name.split()[0] in ("up", "control", "proxy", "terminal", "backup")
}


class Leaf(NamedTuple):
    """A command that does something, and its options and values as cyclopts reads them."""

    name: str
    command: Any

    @property
    def arguments(self) -> list[Any]:
        return [each for each in self.command.assemble_argument_collection() if each.show]

    @property
    def options(self) -> list[Any]:
        return [each for each in self.arguments if each.index is None]

    def has(self, option: str) -> bool:
        return any(option in each.names for each in self.arguments)


def subcommands(parent: Any, path: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Every command that is shown, those of commands included."""
    for name in parent:
        command = parent[name]
        if not name.startswith("-") and command.show and name == command.name[0]:
            yield Leaf(" ".join([*path, name]), command)
            yield from subcommands(command, (*path, name))


LEAVES = {each.name: each for each in subcommands(app) if each.command.default_command is not None}


def prepare(folder: Path) -> dict[str, str]:
    """Write the files that stand in the calls; what stands for what."""
    (folder / "fall.toml").write_text(FALL)
    journal = folder / "rehearsal.journal"
    made = seawall(
        "rehearse", ACCOUNT, "--path", CANDLES, "--journal", journal, "--json", folder=folder
    )
    assert made.returncode == 0, made.stderr
    guarded = folder / "guard.journal"
    write_guarded(guarded)
    with sandbox("BTC=50000", data=folder / "venue", feed="manual", speed=0, agents=False):
        pass
    files = {
        "JOURNAL": journal,
        "GUARDED": guarded,
        "FALL": folder / "fall.toml",
        "FOLDER": folder / "venue",
    }
    return {name: str(path) for name, path in files.items()}


def words(name: str, files: dict[str, str]) -> list[str]:
    """The command line of a command."""
    call = CALLS[name]
    return [*name.split(), *(files.get(each, each) for each in (*call.values, *call.options))]
