"""The project's own source files, for the tests that read them."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "seawall"


def files(*folders: str) -> list[Path]:
    """Python files of the package, or of some of its folders."""
    found = [path for folder in folders or ("",) for path in (PACKAGE / folder).rglob("*.py")]
    assert found, f"no sources under {folders}"
    return sorted(found)


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported_modules(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import, also of those inside functions.

    ``from a import b`` counts as ``a`` and as ``a.b``: b may be a module.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield node.lineno, module
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}"
