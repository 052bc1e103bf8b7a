"""The venue's own test cases, case by case, through the machine's formulas and transitions.

The cases run in a process of their own in which kernels are plain Python on unbounded integers;
why, is said in ``dydx_vectors/wide.py``. ``SEAWALL_DYDX_VECTORS`` names another file of the
format: it may lack groups or cases, but a group that nobody knows fails. How many cases matched
is printed at the end of the run.
"""

import copy
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.dydx_vectors.run import canonical, same
from tests.facts.dydx import FILE, MORE_FILE, Groups, read, write
from tests.facts.dydx_words import translated
from tests.shared_files import ROOT, shared_file

VARIABLE = "SEAWALL_DYDX_VECTORS"
PROPERTY = "dydx_vectors"
RUNNER = "tests.conformance.dydx_vectors.run"

Place = tuple[Any, ...]


def groups() -> Groups:
    """The project's facts, or the cases of the file that was asked for."""
    asked = os.environ.get(VARIABLE)
    return translated(json.loads(Path(asked).read_text())) if asked else read()


@cache
def findings(path: Path) -> dict[str, Any]:
    """What each group of the file came to."""
    result = subprocess.run(
        [sys.executable, "-m", RUNNER, str(path.resolve())],
        cwd=ROOT,
        env={
            **os.environ,
            "SEAWALL_INTERPRETED": "1",
            "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT))),
        },
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)  # type: ignore[no-any-return]


def described(failure: dict[str, Any]) -> str:
    return f"{failure['name']}: got {failure['got']}, expected {failure['expected']}"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    if not os.environ.get(VARIABLE):
        return findings(FILE)
    path = tmp_path_factory.mktemp("dydx") / "asked.json"
    write(path, groups(), {})
    return findings(path)


@pytest.mark.parametrize("name", groups())
def test_dydx_group_equals_the_venue(
    name: str, found: dict[str, Any], record_property: Any
) -> None:
    group = found[name]
    record_property(PROPERTY, f"{name}: {group['matched']}/{group['total']}")
    assert not group["unclaimed"], f"the group {name} is unknown: none of its cases was looked at"
    assert not group["failures"], "\n".join(map(described, group["failures"]))
    assert group["matched"] == group["total"] > 0


@pytest.mark.parametrize("name", read(MORE_FILE))
def test_more_cases_equal_the_venue(name: str) -> None:
    group = findings(MORE_FILE)[name]
    assert not group["failures"], "\n".join(map(described, group["failures"]))
    assert group["matched"] == group["total"] == len(read(MORE_FILE)[name])


def leaves(value: Any, place: Place = ()) -> list[tuple[Place, Any]]:
    """Every number, text, truth value and null in an expected result, with where it is."""
    if isinstance(value, dict):
        return [leaf for key in value for leaf in leaves(value[key], (*place, key))]
    if isinstance(value, list):
        return [leaf for key, part in enumerate(value) for leaf in leaves(part, (*place, key))]
    return [(place, value)]


def changed(leaf: Any) -> Any:
    """The same with one digit, or one letter, changed."""
    if isinstance(leaf, bool):
        return not leaf
    if isinstance(leaf, int):
        digit = abs(leaf) % 10
        other = abs(leaf) - digit + (digit + 5) % 10
        return -other if leaf < 0 else other
    return "x" if leaf is None else leaf + "x"


def rank(leaf: Any) -> int:
    """Numbers are changed before anything else."""
    kinds = (int, bool, str)
    return next((place for place, kind in enumerate(kinds) if type(leaf) is kind), len(kinds))


def spoil(cases: list[Any], matched: set[int]) -> int | None:
    """Change one expected value of a case that matched; which case, None if there is none."""
    found = [
        (rank(leaf), number, place, leaf)
        for number in sorted(matched)
        for place, leaf in leaves(cases[number]["expected"])
        if place
    ]
    if not found:
        return None
    _, number, place, leaf = min(found, key=lambda entry: entry[0])
    target = cases[number]["expected"]
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = changed(leaf)
    return number


def matched_cases(cases: list[Any], group: dict[str, Any]) -> set[int]:
    failed = {failure["name"] for failure in group["failures"]}
    return {number for number, case in enumerate(cases) if case["name"] not in failed}


def test_a_wrong_dydx_number_is_found_in_every_group(tmp_path: Path) -> None:
    """One digit changed in each group: exactly that case fails, and a new group is named.

    It judges the runner, so it takes the project's facts whatever other file was asked for.
    """
    right = findings(FILE)
    wrong = copy.deepcopy(read())
    spoiled: dict[str, str] = {}
    for name, cases in wrong.items():
        number = spoil(cases, matched_cases(cases, right[name]))
        assert number is not None, f"{name} has no case that could be changed"
        spoiled[name] = cases[number]["name"]
    wrong["made_up"] = [{"name": "a", "source": "", "given": {}, "expected": {}}]
    path = tmp_path / "facts.json"
    write(path, wrong, {})
    found = findings(path)
    assert found.pop("made_up")["unclaimed"]
    for name, group in found.items():
        if right[name]["unclaimed"]:
            continue
        assert group["matched"] == right[name]["matched"] - 1, name
        assert spoiled[name] in {failure["name"] for failure in group["failures"]}, name


@pytest.mark.shared
def test_the_facts_are_the_numbers_of_the_recorded_file() -> None:
    path = shared_file("vectors/dydx.json")
    assert canonical(read()) == canonical(translated(json.loads(path.read_text())))


def test_facts_are_read_as_they_were_written(tmp_path: Path) -> None:
    write(tmp_path / "facts.json", read(), {"source": "a test"})
    assert canonical(read(tmp_path / "facts.json")) == canonical(read())


def test_dydx_results_are_compared_type_for_type() -> None:
    assert same({"a": 10**30, "b": [1, None]}, {"b": [1, None], "a": 10**30})
    for got, expected in ((1, True), ([1, 2], [2, 1]), ({}, {"a": None}), ("1", 1), (0, None)):
        assert not same(got, expected)
