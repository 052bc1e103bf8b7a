"""Formulas read, transitions write: no formula stores into anything but its own local arrays."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.sources import files, imported_modules, shown

ARRAY_MAKERS = frozenset("np.zeros np.empty np.ones np.full np.arange list dict set".split())
DISPLAYS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)


def makes_array(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        return ast.unparse(value.func) in ARRAY_MAKERS
    return isinstance(value, DISPLAYS)


def local_arrays(function: ast.AST) -> set[str]:
    """Names that are only ever bound to a new array in this scope."""
    made: set[str] = set()
    other: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            other.add(node.arg)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    (made if makes_array(node.value) else other).add(target.id)
    return made - other


def stores(scope: ast.AST, arrays: set[str]) -> Iterator[str]:
    for node in ast.iter_child_nodes(scope):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from stores(node, local_arrays(node))
            continue
        if isinstance(node, ast.Global | ast.Nonlocal):
            yield f"line {node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            base = node.value
            indexed = isinstance(node, ast.Subscript) and isinstance(base, ast.Name)
            if not (indexed and ast.unparse(base) in arrays):
                yield f"line {node.lineno}: writes {ast.unparse(node)}"
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("setattr", "delattr"):
            yield f"line {node.lineno}: {ast.unparse(node)}"
        yield from stores(node, arrays)


def writes(source: str) -> list[str]:
    tree = ast.parse(source)
    found = list(stores(tree, local_arrays(tree)))
    found += [
        f"line {line}: imports {name}"
        for line, name in imported_modules(tree)
        if "transitions" in name.split(".")
    ]
    return found


@pytest.mark.parametrize("path", files("engine/formulas"), ids=shown)
def test_formulas_never_write(path: Path) -> None:
    assert writes(path.read_text()) == []


@pytest.mark.parametrize(
    "body",
    [
        "row.cash = 1",
        "row.cash += 1",
        "a, row.cash = 1, 2",
        "(a, [row.cash]) = 1, [2]",
        "row.children[3] = 1",
        "for row.cash in range(3): pass",
        "del table[3]",
        "table[0] = 1",
        "table = np.zeros(3); table = s; table[0] = 1",
        "global total",
        "setattr(row, 'cash', 1)",
        "def inner(x): x.cash = 1",
        "from seawall.engine.transitions import fills",
        "from seawall.engine import transitions",
    ],
)
def test_a_write_is_found(body: str) -> None:
    assert len(writes(f"def formula(s, row, table):\n    {body}\n")) >= 1


def test_reading_and_local_arrays_pass() -> None:
    source = """
import numpy as np
from seawall.engine.tables import order_at

def formula(s, row):
    best = np.zeros(3, np.int64)
    best[0] = row.cash
    best[1] += row.children[2]
    total = best[0]
    total += order_at(s, 3).price
    return total, row.cash == 1
"""
    assert writes(source) == []
