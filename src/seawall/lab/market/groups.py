"""Groups of markets that move alike, for markets of which a crisis has no record."""

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

ALTCOINS, STEADY = "altcoins", "steady"
FEWEST_MEMBERS = 3
"""A median of fewer says nothing of a group: that of all altcoins stands in for it."""


def group_of(market: str) -> str:
    """The group of a market: one of ``groups.toml``, else ``ALTCOINS``."""
    return next((name for name, members in _groups().items() if market in members), ALTCOINS)


def like(market: str, recorded: Sequence[str]) -> tuple[str, list[str]]:
    """The group whose median a market takes, and the recorded markets that it is the median of.

    Without a member for ``STEADY`` markets. A meme coin is an altcoin where few others are there.
    """
    group = group_of(market)
    if group == STEADY:
        return group, []
    members = [each for each in sorted(recorded) if group_of(each) == group]
    if len(members) >= FEWEST_MEMBERS:
        return group, members
    others = [each for each in sorted(recorded) if each not in _groups()["majors"]]
    return ALTCOINS, others or sorted(recorded)


@cache
def _groups() -> dict[str, list[str]]:
    text = (files("seawall.lab.market") / "groups.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
