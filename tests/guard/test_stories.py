"""The fifteen stories end well; each fails when the rule that answers it is taken out."""

import pytest

from tests.guard.stories import SWITCHES, Switch, patched

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
