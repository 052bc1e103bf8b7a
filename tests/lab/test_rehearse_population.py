"""``seawall rehearse --population``: the same in a market whose liquidations move prices."""

from pathlib import Path

import pytest

from tests.lab.commands import made, refused, seawall

FEW = ("--path", "flash_crash", "--population", "200")


def test_it_is_the_cascade_of_the_same_account(tmp_path: Path) -> None:
    ours = made(tmp_path, "rehearse", *FEW)
    theirs = made(tmp_path, "cascade", "--scenario", "flash_crash", "--accounts", "200")
    for found in (ours, theirs):
        del found["command"]
    assert ours == theirs
    assert ours["market"]["accounts"] > 200


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*FEW, "--png", "a.png"), "--png: a.png does not go with --population"),
        ((*FEW, "--from", "2025-10-10"), "--from: 2025-10-10 does not go with --population"),
        (("--population", "-1"), "--population: -1 should be 0 or more"),
    ],
)
def test_what_does_not_go_together_is_refused(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    refused(seawall(tmp_path, "rehearse", *arguments), "rehearse", message)
