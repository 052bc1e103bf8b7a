"""An account is read in one place, ``accounts/``: whatever asks about one takes it from there."""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.sources import PACKAGE, files, imported_modules, shown

ABOVE = [each for each in ("lab", "guard", "terminal", "cli") if (PACKAGE / each).is_dir()]
READERS = (
    "seawall.accounts.file",
    "seawall.accounts.address",
    "seawall.accounts.answer",
    "seawall.accounts.examples",
)
"""Steps of loading, which only ``seawall.accounts.load`` takes."""
CALLS = ("read_account", "fetch_account", "is_account", "parse_account", "parse_address")
"""What a venue and the file format read accounts with."""


def faults(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of what reads an account otherwise."""
    for line, module in imported_modules(tree):
        parts = module.split(".")
        is_venues = parts[:2] == ["seawall", "venues"] and "account" in parts[3:]
        if is_venues or any(module == each or module.startswith(f"{each}.") for each in READERS):
            yield line, module
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else None
        name = getattr(called, "attr", getattr(called, "id", ""))
        if name in CALLS:
            yield node.lineno, name  # type: ignore[attr-defined]


def test_no_room_above_accounts_reads_one() -> None:
    found = [
        f"{shown(path)}:{line}: {what}"
        for path in files(*ABOVE)
        for line, what in faults(ast.parse(path.read_text()))
    ]
    assert not found, found


@pytest.mark.parametrize(
    "text",
    [
        "from seawall.accounts.file import parse_account",
        "from seawall.accounts import address",
        "def late():\n    import seawall.venues.hyperliquid.account.state",
        "from seawall.venues.dydx.account import reading",
        "VENUES[name].read_account(raw, None, {})",
        "parse_account(text, 'a', 'a')",
    ],
)
def test_a_reader_elsewhere_is_found(text: str) -> None:
    assert list(faults(ast.parse(text)))


def test_loading_and_the_account_itself_are_what_is_used() -> None:
    text = "from seawall.accounts.load import load_account\nload_account(Path('a.toml'))"
    assert not list(faults(ast.parse(text)))
