"""Every command says what it assumes of markets, and its rules, in the same words and numbers."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import FALL, LEAVES
from tests.command_line import seawall

pytestmark = pytest.mark.timeout(900)

ACCOUNT = """
collateral = 50000
[[position]]
market = "BTC"
side = "long"
notional = 100000
leverage = 5
[[position]]
market = "FARTCOIN"
side = "short"
notional = 20000
leverage = 2
mode = "isolated"
"""
PRICES = ("--price", "BTC=117000", "--price", "FARTCOIN=0.9")
PATHS = ("--paths", "200", "--days", "1", "--step", "900", "--workers", "1")
FALL_OF_BOTH = FALL.replace(
    "[other]",
    """[[market]]
name = "FARTCOIN"
price = 0.9
waypoints = [[0, 100.0], [5, 60.0], [10, 70.0]]
[other]""",
)
COMMANDS: dict[str, tuple[str, ...]] = {
    "paths": ("mine.toml", *PATHS, "--leverage", "none", *PRICES),
    "compare": ("mine.toml", *PATHS, "--scenario", "none", *PRICES),
    "ladder": ("mine.toml", *PATHS, "--ladder", "stop 100% at -5%", *PRICES),
    "stress": ("mine.toml", *PRICES),
    "rehearse": ("mine.toml", "--path", "fall.toml"),
    "cascade": ("mine.toml", "--scenario", "fall.toml", "--accounts", "300", *PRICES),
    "crises": (
        "mine.toml",
        "--crisis",
        "fall.toml",
        "--population",
        "60",
        "--workers",
        "1",
        *PRICES,
    ),
    "oracle": (
        "mine.toml",
        "--crisis",
        "fall.toml",
        "--oracle",
        "dydx",
        "--population",
        "60",
        "--workers",
        "1",
        *PRICES,
    ),
    "options": ("mine.toml", "--days", "1", *PRICES),
    "keepers": ("mine.toml", "--crisis", "fall.toml", "--trials", "2", *PRICES),
    "frontrun": ("mine.toml", "--crisis", "fall.toml", "--oracle", "dydx", *PRICES),
    "size BTC": ("--account", "mine.toml", "--price", "FARTCOIN=0.9", "--price", "BTC=117000"),
    "size FARTCOIN": ("--account", "mine.toml", *PRICES),
    "carry": ("--account", "mine.toml", *PRICES),
    "carry BTC": ("--price", "117000"),
    "carry FARTCOIN": ("--price", "0.9"),
    "vet": ("--seconds", "60"),
}
"""One account for every command that reads assumptions."""
BY_MARKET = {
    "volatility": 4, "volatility_with_jumps": 5, "funding": 5, "funding_deviation": 4, "beta": 1,
    "depth": 8, "spread_bp": 9, "open_interest": 2, "volume": 1,
}  # fmt: skip
"""How many of the commands say each, at least; a market's own commands count for it."""
OF_ALL = (
    "jump_rate", "jump_mean", "jump_std", "volatility_of_volatility", "volatility_half_life_days",
    "funding_half_life_hours",
)  # fmt: skip
"""Said by every command that draws paths."""
OWN = """
source = "a test"
[common]
fee_volume = 6000000
volatility_of_volatility = 0.3
funding_half_life_hours = 13
[market.BTC]
volatility = "33%"
funding = 0.000077
funding_deviation = 0.000033
correlation = { FARTCOIN = 0.33 }
beta = 1
depth = 3.3e6
spread_bp = 3
open_interest = 333e6
volume = 444e6
[market.FARTCOIN]
volatility = "333%"
funding = -0.00007
beta = 3.3
depth = 0.33e6
spread_bp = 33
open_interest = 33e6
volume = 44e6
"""
LIQUIDATION = {"paths", "compare", "ladder", "stress", "rehearse", "cascade", "crises", "oracle"}
"""Commands in which accounts are liquidated."""
EVENING = {"rehearse", "crises", "cascade", "oracle"}
HYPERLIQUID = (
    "Liquidation under hyperliquid: under maintenance: orders to the book, 20 % of a position "
    "above 100,000 USD first and, within the 30 s after it, the whole position, then the backstop "
    "below 2/3 of maintenance margin, then deleveraging."
)
Key = tuple[str, str, str]
"""Field, market and words."""


class Said:
    """What one command says: its JSON object and its tables as people read them."""

    def __init__(self, folder: Path, command: str, *more: str) -> None:
        words = [*command.split(), *COMMANDS[command], *more]
        found = seawall(*words, "--json", folder=folder)
        assert found.returncode == 0, found.stderr
        self.json: dict[str, Any] = json.loads(found.stdout)
        self.rows = {(e["assumption"], e["market"], e["words"]): e for e in self.json["assumed"]}

    def text(self, folder: Path, command: str) -> str:
        """The same as a terminal shows it, with single blanks."""
        words = [*command.split(), *COMMANDS[command]]
        return " ".join(seawall(*words, folder=folder).stdout.split())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("assumptions")
    for name, text in (("mine", ACCOUNT), ("fall", FALL_OF_BOTH), ("own", OWN)):
        (made / f"{name}.toml").write_text(text)
    return made


@pytest.fixture(scope="module")
def said(folder: Path) -> dict[str, Said]:
    return {command: Said(folder, command) for command in COMMANDS}


@pytest.fixture(scope="module")
def changed(folder: Path) -> dict[str, Said]:
    return {command: Said(folder, command, "--assume", "own.toml") for command in COMMANDS}


def by_figure(said: dict[str, Said]) -> Iterator[tuple[Key, dict[str, Any]]]:
    """Each figure with what every command that has it says."""
    found: dict[Key, dict[str, Any]] = defaultdict(dict)
    for command, each in said.items():
        for key, row in each.rows.items():
            # A backstop of the scenario's own is no assumption of every command.
            if key[0] != "backstop" or command != "rehearse":
                found[key][command] = (row["value"], row["text"], row["source"])
    yield from found.items()


def test_each_assumption_has_one_value_in_the_same_words(said: dict[str, Said]) -> None:
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for key, by_command in by_figure(said):
        assert len(set(by_command.values())) == 1, (key, by_command)
        counts[key[2] if "fee" in key[0] else key[0]][key[1]] = len(by_command)
    # One set of words for a field, whatever the market.
    fields = {(field, words) for field, _, words in dict(by_figure(said)) if "fee" not in field}
    assert len(fields) == len({field for field, _ in fields})
    for field, least in BY_MARKET.items():
        assert set(counts[field]) == {"BTC", "FARTCOIN"}
        assert min(counts[field].values()) >= least, (field, counts[field])
    assert counts["taker fee, hyperliquid"][""] >= 9
    assert counts["correlation"] == {"BTC and FARTCOIN": 5}
    assert [counts[field] for field in OF_ALL] == [{"": 5}] * len(OF_ALL)


def test_what_is_said_is_shown(folder: Path, said: dict[str, Said]) -> None:
    for command in ("stress", "carry BTC", "size BTC"):
        shown = said[command].text(folder, command)
        for (_, market, _), row in said[command].rows.items():
            assert f"{market} {row['text']}".strip() in shown


def test_each_rule_is_said_in_the_same_words(said: dict[str, Said]) -> None:
    for command in LIQUIDATION:
        assumed = said[command].json["assumptions"]
        assert HYPERLIQUID in assumed, command
    for command in EVENING:
        assumed = " ".join(said[command].json["assumptions"])
        assert "Deleveraging depends on who else is there: " in assumed
        assert "rehearse has the traders and the backstop of the scenario alone, crises" in assumed
    for each in said.values():
        assert "the rest after" not in str(each.json)


def test_a_file_changes_all_of_them(said: dict[str, Said], changed: dict[str, Said]) -> None:
    for key, by_command in by_figure(changed):
        assert len(set(by_command.values())) == 1, (key, by_command)
    wanted = {
        ("volatility", "BTC"): 0.33, ("funding", "BTC"): 0.000077, ("depth", "BTC"): 3.3e6,
        ("spread_bp", "BTC"): 3.0, ("open_interest", "BTC"): 333e6, ("volume", "BTC"): 444e6,
        ("volatility", "FARTCOIN"): 3.33, ("funding", "FARTCOIN"): -0.00007,
        ("beta", "FARTCOIN"): 3.3, ("depth", "FARTCOIN"): 0.33e6,
        ("spread_bp", "FARTCOIN"): 33.0, ("open_interest", "FARTCOIN"): 33e6,
        ("volume", "FARTCOIN"): 44e6, ("funding_deviation", "BTC"): 0.000033,
        ("correlation", "BTC and FARTCOIN"): 0.33, ("volatility_of_volatility", ""): 0.3,
        ("funding_half_life_hours", ""): 13.0,
    }  # fmt: skip
    for command, each in changed.items():
        assert set(each.rows) == set(said[command].rows)
        for (field, market, _), row in each.rows.items():
            if (field, market) in wanted:
                assert row["value"] == pytest.approx(wanted[field, market]), (command, field)
                assert row["source"] == "own.toml: a test"
        fees = {
            words: row["text"] for (field, _, words), row in each.rows.items() if "fee" in field
        }
        assert fees.get("taker fee, hyperliquid", "0.0400 %") == "0.0400 %"


def test_a_file_changes_what_is_computed(said: dict[str, Said], changed: dict[str, Said]) -> None:
    """Not only what is printed: every command that reads the figures ends elsewhere."""
    for command in COMMANDS:
        before, after = said[command].json, changed[command].json
        kept = {"assumed", "assumptions", "command", "version"}
        assert {k: v for k, v in before.items() if k not in kept} != {
            k: v for k, v in after.items() if k not in kept
        }, command


def test_every_command_with_an_account_has_the_option() -> None:
    """A new command of the lab that takes an account takes the file too."""
    for leaf in LEAVES.values():
        if leaf.has("--price") and not leaf.name.startswith("guard "):
            assert leaf.has("--assume"), leaf.name
            assert leaf.name in {command.split()[0] for command in COMMANDS}, leaf.name


def test_a_file_that_cannot_be_used_is_named(folder: Path) -> None:
    (folder / "bad.toml").write_text("[market.BTC]\ndepth = -1")
    for command, given in COMMANDS.items():
        found = seawall(*command.split(), *given, "--assume", "bad.toml", folder=folder)
        assert found.returncode == 2, command
        assert found.stderr.startswith(
            f"seawall {command.split()[0]}: --assume: bad.toml: market.BTC.depth: -1 should be"
        ), found.stderr
