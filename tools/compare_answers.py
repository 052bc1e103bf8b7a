"""Whether two versions of Seawall give equal answers: records ``--json`` of many runs, compares.

    python tools/compare_answers.py record FOLDER [--source CHECKOUT] [--only NAME ...]
    python tools/compare_answers.py compare OLD NEW

A run's object is read as ordered lists of values by key path (``shocks[].equity``), so that a
nested list may have become a table of its own. ``tools/answer_keys.d/COMMAND.toml`` says which old
path is which new one (``gone: why`` for none); ``*`` in an old path stands for any key, such as a
market's name; several new paths take turns, as for a list [value, low, high] that became
three columns. A path that is in neither is reported.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

Keys = dict[str, str | list[str]]

ROOT = Path(__file__).resolve().parents[1]
KEYS = Path(__file__).with_name("answer_keys.d")
SHORT = "--paths 400 --days 1 --workers 1"
TRADE = "examples/rehearse_account.toml"
HYBRID = "examples/account_hybrid.json"
LARGE = "examples/account_large.json"
CROSS = "ACCOUNTS/cross.toml"
ISOLATED = "ACCOUNTS/isolated.toml"
CHILDREN = "examples/account_parent.json"

RUNS: dict[str, str] = {
    "explain_hybrid": f"explain {HYBRID} --steps BTC",
    "explain_large": f"explain {LARGE}",
    "explain_parent": f"explain {CHILDREN}",
    "explain_subaccount": "explain examples/account_subaccount.json",
    "rehearse_default": "rehearse",
    "rehearse_trade": f"rehearse {TRADE}",
    "rehearse_blocks": "rehearse --rulebook dydx --journal JOURNAL",
    "rehearse_isolated": f"rehearse {ISOLATED} --path crash_2024_08_05",
    "rehearse_cross": f"rehearse {CROSS} --path flash_crash --depth 2000000",
    "rehearse_candles": f"rehearse {TRADE} --path examples/rehearse_candles.csv",
    "rehearse_population": "rehearse --population 300",
    "compare_rules": "compare-rules JOURNAL",
    "compare_rules_account": "compare-rules JOURNAL --account 6",
    "stress_default": "stress",
    "stress_blocks": "stress --rulebook dydx",
    "stress_hybrid_scenario": f"stress {HYBRID} --survive 20% --scenario flash_crash",
    "stress_trade_all": f"stress {TRADE} --scenario all",
    "stress_cross": f"stress {CROSS} --shock 5,-40,+300 --beta ETH=1.4 --survive beta=-15%",
    "stress_isolated": f"stress {ISOLATED} --survive BTC=-12% --rulebook dydx",
    "stress_parent": f"stress {CHILDREN}",
    "paths_default": f"paths {SHORT}",
    "paths_blocks": f"paths --rulebook dydx {SHORT} --leverage none",
    "paths_ruin": f"paths {CROSS} {SHORT} --ruin 1% --antithetic",
    "paths_isolated": f"paths {ISOLATED} {SHORT} --jumps off --funding 0.001%",
    "paths_large": f"paths {LARGE} {SHORT} --leverage 2,5 --volatility 90%",
    "compare_default": f"compare {SHORT}",
    "compare_hybrid": f"compare {HYBRID} {SHORT} --scenario none",
    "compare_blocks": f"compare {CROSS} {SHORT} --rulebook dydx",
    "size_default": "size",
    "size_hybrid": f"size ETH --side short --account {HYBRID}",
    "size_book": "size BTC --book examples/book.csv --equity 250000 --win-rate 45% --edge 20%",
    "size_blocks": "size --rulebook dydx",
    "carry_default": "carry",
    "carry_account": f"carry --account {HYBRID} --days 14",
    "carry_blocks": "carry --rulebook dydx",
    "cascade_default": "cascade --accounts 300 --minutes 40",
    "cascade_seeds": f"cascade {ISOLATED} --accounts 200 --minutes 20 --seeds 2 --workers 1",
    "cascade_blocks": "cascade --accounts 200 --minutes 20 --rulebook dydx",
    "crises_default": "crises --population 200 --workers 1",
    "crises_two": f"crises {ISOLATED} --population 100 --crisis flash_crash --depth calm",
    "deleveraging_default": "deleveraging",
    "deleveraging_file": "deleveraging examples/deleveraging_waves.json --seed 2",
    "deleveraging_own": "deleveraging --equity 50000 --profit 9000 --notional 200000 --contracts",
    "vet_default": "vet",
    "vet_dry": "vet --withdraw 90% --shock -12% --market ETH --seconds 120",
}

CALLED = {"rehearse_population": "cascade"}
"""Runs that another command answers than the one they are named after."""

ACCOUNTS = {
    "cross.toml": """
name = "cross"
collateral = 30000
[[position]]
market = "BTC"
side = "long"
notional = 150000
entry = 117000
leverage = 20
[[position]]
market = "ETH"
side = "short"
notional = 60000
entry = 4200
leverage = 10
[[position]]
market = "SOL"
side = "long"
notional = 40000
entry = 220
leverage = 10
""",
    "isolated.toml": """
name = "isolated"
collateral = 25000
[[position]]
market = "BTC"
side = "long"
notional = 100000
entry = 117000
mode = "isolated"
leverage = 10
[[position]]
market = "ETH"
side = "short"
notional = 50000
entry = 4200
mode = "isolated"
leverage = 8
margin = 8000
""",
}


def record(folder: Path, source: Path, only: list[str]) -> int:
    """Run every command on the sources of a checkout; one JSON file a run."""
    folder.mkdir(parents=True, exist_ok=True)
    accounts = folder / "accounts"
    accounts.mkdir(exist_ok=True)
    for name, text in ACCOUNTS.items():
        (accounts / name).write_text(text)
    environment = dict(os.environ, PYTHONPATH=str(source / "src"), NO_COLOR="1")
    failed = 0
    for name, line in RUNS.items():
        if only and name not in only:
            continue
        words = line.replace("ACCOUNTS", str(accounts)).replace(
            "JOURNAL", str(folder / "blocks.journal")
        )
        start = "from seawall.cli.main import main; main()"
        command = [sys.executable, "-c", start, *words.split(), "--json"]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        if done.returncode:
            failed += 1
            print(f"{name}: exit {done.returncode}: {done.stderr.strip()[-300:]}", flush=True)
            continue
        (folder / f"{name}.json").write_text(done.stdout)
        print(f"{name}: {len(done.stdout):,} characters", flush=True)
    return failed


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every plain value with its key path, in the order of the object; None is left out."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from leaves(each, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each, f"{path}[]")
    elif value is not None:
        yield path, value


def by_path(value: Any, keys: Keys) -> dict[str, list[Any]]:
    """Values by key path, each path by its new name."""
    found: dict[str, list[Any]] = {}
    turns: Counter[str] = Counter()
    for path, each in leaves(value):
        targets = _targets(path, keys)
        target = targets[turns[path] % len(targets)]
        turns[path] += 1
        found.setdefault(target, []).append(_comparable(each))
    return found


def _comparable(value: Any) -> Any:
    """A number, also where it is written as text; booleans stay what they are."""
    if isinstance(value, bool):
        return value
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return value
    # Floats may differ in how many digits they are written with, never by more than their noise.
    return float(f"{number:.12g}") if number.is_finite() else value


def compare(old: Path, new: Path) -> int:
    """Print a line a run; the number of runs that differ."""
    maps = {each.stem: tomllib.loads(each.read_text()) for each in KEYS.glob("*.toml")}
    failed = values = runs = 0
    for name in RUNS:
        if not (old / f"{name}.json").is_file():
            continue
        runs += 1
        if not (new / f"{name}.json").is_file():
            print(f"{name}: no new answer")
            failed += 1
            continue
        keys = maps.get("all", {}) | maps.get(CALLED.get(name, name.split("_")[0]), {})
        before = by_path(_answer(old, name), keys)
        after = by_path(_answer(new, name), {})
        equal, problems = _compared(before, after)
        values += equal
        failed += bool(problems)
        print(f"{name}: {equal:,} values equal" + "".join(f"\n    {each}" for each in problems))
    print(f"{runs} runs, {values:,} values equal, {failed} runs differ")
    return failed


def _answer(folder: Path, name: str) -> Any:
    """The object of a run, without the place where it was recorded."""
    return json.loads((folder / f"{name}.json").read_text().replace(str(folder), "FOLDER"))


def _compared(before: dict[str, list[Any]], after: dict[str, list[Any]]) -> tuple[int, list[str]]:
    equal, problems = 0, []
    for target, values in before.items():
        if target.startswith("gone:"):
            continue
        found = after.get(target)
        if found is None:
            problems.append(f"{target}: nothing there")
        elif found != values:
            at = next(
                (i for i, (a, b) in enumerate(zip(values, found, strict=False)) if a != b), -1
            )
            shown = (values[at], found[at]) if at >= 0 else (len(values), len(found))
            problems.append(f"{target}: {shown[0]!r} became {shown[1]!r} (place {at})")
        else:
            equal += len(values)
    return equal, problems


def _targets(path: str, keys: Keys) -> list[str]:
    """The new paths: the longest old path or beginning of one in the map is replaced."""
    parts = path
    while parts:
        old = parts if parts in keys else _with_any(parts, keys)
        if old in keys:
            targets = [keys[old]] if isinstance(keys[old], str) else keys[old]
            rest = path[len(parts) :]
            return [each if each.startswith("gone:") else each + rest for each in targets]
        cut = max(parts.rfind("."), parts.rfind("[]"))
        parts = parts[:cut] if cut > 0 else ""
    return [path]


def _with_any(path: str, keys: Keys) -> str:
    """The old path with ``*`` that this one is an instance of, or nothing."""
    for old in keys:
        pattern = re.escape(old).replace(r"\*", r"[^.]*?")
        if "*" in old and re.fullmatch(pattern, path):
            return old
    return ""


def main() -> int:
    """The command line; the number of runs that failed or differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    actions = parser.add_subparsers(dest="action", required=True)
    recording = actions.add_parser("record")
    recording.add_argument("folder", type=Path)
    recording.add_argument("--source", type=Path, default=ROOT)
    recording.add_argument("--only", nargs="*", default=[])
    comparing = actions.add_parser("compare")
    comparing.add_argument("old", type=Path)
    comparing.add_argument("new", type=Path)
    options = parser.parse_args()
    if options.action == "record":
        return record(options.folder, options.source.resolve(), options.only)
    return compare(options.old, options.new)


if __name__ == "__main__":
    sys.exit(min(1, main()))
