"""Scenarios that come with Seawall: dangers by kind, and crises of the past with figures."""

from importlib.resources import files

SUFFIX = ".toml"


def scenario_names() -> tuple[str, ...]:
    """The names of the shipped scenarios, sorted."""
    found = [each.name for each in files(__name__).iterdir() if each.name.endswith(SUFFIX)]
    return tuple(sorted(name.removesuffix(SUFFIX) for name in found))


def scenario_text(name: str) -> str:
    """The text of a shipped scenario."""
    return files(__name__).joinpath(name + SUFFIX).read_text(encoding="utf-8")
