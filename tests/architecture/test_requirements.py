"""The pins serve every user: complete, hashed, and free of any one machine's index or paths."""

import re
import tomllib
from collections.abc import Iterator

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.sources import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PINS = ("run", "dev", "uv", "node")


def pinned(text: str) -> dict[str, Requirement]:
    found = (Requirement(line.rstrip(" \\")) for line in re.findall(r"^\w.*$", text, re.MULTILINE))
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def faults(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if re.search(r"://|file:|index|find-links|^-|^\s+-(?!-hash=sha256:)|(^|\s)/", line):
            yield line
    for entry in re.split(r"^(?=\w)", text, flags=re.MULTILINE)[1:]:
        if "--hash=sha256:" not in entry or "==" not in entry:
            yield entry.splitlines()[0]


def unmet(wanted: list[str], pins: dict[str, Requirement]) -> list[str]:
    """Wishes that no pin fulfils."""
    result = []
    for text in wanted:
        wish = Requirement(text)
        pin = pins.get(canonicalize_name(wish.name))
        version = next(iter(pin.specifier)).version if pin else None
        if version is None or version not in wish.specifier:
            result.append(text)
    return result


@pytest.mark.parametrize("name", PINS)
def test_pins_are_hashed_and_name_no_index(name: str) -> None:
    assert list(faults((ROOT / f"requirements/{name}.txt").read_text())) == []


def test_pins_meet_what_the_project_asks_for() -> None:
    run, dev = (pinned((ROOT / f"requirements/{name}.txt").read_text()) for name in ("run", "dev"))
    asked = PROJECT["build-system"]["requires"] + PROJECT["project"]["dependencies"]
    assert unmet(asked, run) == []
    assert unmet(asked + PROJECT["project"]["optional-dependencies"]["dev"], dev) == []
    assert {name: str(pin.specifier) for name, pin in run.items()}.items() <= {
        name: str(pin.specifier) for name, pin in dev.items()
    }.items()


def test_faults_are_found() -> None:
    good = "rich==15.0.0 \\\n    --hash=sha256:00\n    # via seawall (pyproject.toml)\n"
    assert list(faults(good)) == []
    for line in ("--index-url https://example.org", "rich @ file:///rich", "rich==15.0.0", "x"):
        assert len(list(faults(good + line + "\n"))) >= 1
    assert unmet(["rich>=14", "rich>=16", "numpy"], pinned(good)) == ["rich>=16", "numpy"]
