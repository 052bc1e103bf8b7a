"""The vocabularies are closed and exported, and the ledger is integers only."""

import ast
from collections.abc import Iterator
from enum import Enum, IntEnum, IntFlag
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from seawall.domain import codes, enums
from tests.architecture.sources import files, shown


def families(module: ModuleType) -> list[type[Enum]]:
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Enum)
        and value.__module__ == module.__name__
    ]


def shared_values(family: type[Enum]) -> list[str]:
    """Names that stand for a value another name already has."""
    return [name for name, member in family.__members__.items() if member.name != name]


def not_exported(family: type[Enum], module: object) -> list[str]:
    return [
        name
        for name, member in family.__members__.items()
        if type(getattr(module, name, None)) is not int or getattr(module, name) != member.value
    ]


def inexact(source: str) -> Iterator[str]:
    """Floats, and the division that makes them."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            yield f"line {node.lineno}: {node.value}"
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            yield f"line {node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("float", "np.float64"):
            yield f"line {node.lineno}: {ast.unparse(node)}"


@pytest.mark.parametrize("family", families(enums), ids=lambda family: family.__name__)
def test_values_are_unique_and_exported(family: type[Enum]) -> None:
    assert shared_values(family) == []
    assert not_exported(family, codes) == []


def test_flags_are_single_bits() -> None:
    for family in families(enums):
        if issubclass(family, IntFlag):
            for member in family.__members__.values():
                assert member.value & (member.value - 1) == 0, member


@pytest.mark.parametrize("path", files("engine/formulas", "engine/transitions"), ids=shown)
def test_kernels_are_exact(path: Path) -> None:
    assert list(inexact(path.read_text())) == []


def test_faults_are_found() -> None:
    class Bad(IntEnum):
        FIRST = 1
        SECOND = 1
        THIRD = 3

    assert shared_values(Bad) == ["SECOND"]
    module = SimpleNamespace(FIRST=1, SECOND=Bad.SECOND, THIRD=4)
    assert not_exported(Bad, module) == ["SECOND", "THIRD"]
    assert len(list(inexact("x = 1.5\ny = x / 2\ny /= 2\nz = 1e9\nw = float(3)"))) == 5
    assert list(inexact("x = 3 // 2  # a / b\ny = 10**9")) == []
