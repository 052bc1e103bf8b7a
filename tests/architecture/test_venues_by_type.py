"""Venues are reached through the typed registry, never by a module's name in a string."""

import ast
from pathlib import Path

import pytest

from tests.architecture.sources import files, shown

BY_NAME = {"import_module", "find_spec", "__import__", "getattr", "hasattr"}


def untyped_imports(source: str) -> list[str]:
    """Calls that reach for a module of a venue, or for any module whose name is computed."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func).split(".")[-1]
        subject = node.args[0] if node.args else None
        if name in ("getattr", "hasattr"):
            is_bad = subject is not None and "venue" in ast.unparse(subject).lower()
        elif name in BY_NAME:
            is_literal = isinstance(subject, ast.Constant)
            is_bad = not is_literal or "venues" in str(subject.value)  # type: ignore[union-attr]
        else:
            continue
        if is_bad:
            found.append(f"line {node.lineno}: {ast.unparse(node)}")
    return found


@pytest.mark.parametrize("path", files("."), ids=shown)
def test_no_venue_is_imported_by_a_string(path: Path) -> None:
    assert untyped_imports(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "from importlib import import_module\nimport_module(f'seawall.venues.{venue}.explain')",
        "importlib.import_module('seawall.venues.somewhere')",
        "importlib.util.find_spec(name)",
        "__import__('seawall.venues')",
        "hasattr(venue_module(venue), 'plain_instrument')",
        "getattr(venue, part)",
    ],
)
def test_an_import_by_a_string_is_found(source: str) -> None:
    assert untyped_imports(source)


def test_other_lazy_imports_pass() -> None:
    assert untyped_imports("ccxt = import_module('ccxt')\nhasattr(os, 'fork')") == []
