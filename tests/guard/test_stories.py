"""The fifteen stories end well; each fails when the rule that answers it is taken out."""

import re

import pytest

from tests.guard.stories import SWITCHES, Switch, patched
from tests.shared_files import ROOT

WAYS = [
    pytest.param(number, ways, id=f"{number} {way}")
    for number, (_, all_ways) in SWITCHES.items()
    for way, ways in enumerate(all_ways)
]


@pytest.mark.parametrize("number", SWITCHES)
def test_story(number: str) -> None:
    SWITCHES[number][0]()


@pytest.mark.parametrize(("number", "ways"), WAYS)
def test_a_story_fails_without_its_rule(
    number: str, ways: list[Switch], monkeypatch: pytest.MonkeyPatch
) -> None:
    patched(monkeypatch, ways)
    with pytest.raises(AssertionError):
        SWITCHES[number][0]()


def test_there_are_fifteen() -> None:
    assert {number[:2] for number in SWITCHES} == {f"{n:02}" for n in range(1, 16)}


def test_the_page_names_each_story_beside_its_number() -> None:
    page = (ROOT / "docs" / "start" / "guard_stories.md").read_text()
    rows = dict(re.findall(r"^\| (\d+) \|.*\| (`.*`) \|$", page, re.MULTILINE))
    named = {
        (number, name) for number, names in rows.items() for name in re.findall(r"`(\w+)`", names)
    }
    assert named == {(str(int(key[:2])), story.__name__) for key, (story, _) in SWITCHES.items()}
