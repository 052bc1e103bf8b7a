"""Venues are reached through the typed registry, never by a module's name in a string."""

import ast
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, files, shown

BY_NAME = {"import_module", "find_spec", "__import__", "getattr", "hasattr"}
FACE = "src/seawall/__init__.py"
ITS_IMPORT = "import_module(_HOME[name])"
"""The one import of a computed name: the face's, whose names are those of the literal ``_HOME``."""


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
    found = untyped_imports(path.read_text())
    if path == ROOT / FACE:
        assert [each.partition(": ")[2] for each in found] == [ITS_IMPORT]
    else:
        assert found == []


def face_homes(source: str) -> list[str]:
    """The modules that the face imports from, by its literal table."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_HOME":
            table: dict[str, str] = ast.literal_eval(node.value)
            return list(table.values())
    return []


def test_the_face_names_no_venue() -> None:
    homes = face_homes((ROOT / FACE).read_text())
    assert homes
    assert not [each for each in homes if each.startswith("seawall.venues")]
    assert face_homes("_HOME = {'x': 'seawall.venues.somewhere'}") == ["seawall.venues.somewhere"]


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
