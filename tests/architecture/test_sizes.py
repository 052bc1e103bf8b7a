"""A file that needs more than one screenful of memory is two nouns; a function likewise."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.sources import files, shown

FILE_LINES = 600
FUNCTION_LINES = 70


def oversized(source: str) -> Iterator[str]:
    lines = len(source.splitlines())
    if lines > FILE_LINES:
        yield f"{lines} lines, at most {FILE_LINES}"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield f"{node.name}, line {node.lineno}: {lines} lines, at most {FUNCTION_LINES}"


@pytest.mark.parametrize("path", files(), ids=shown)
def test_files_and_functions_stay_small(path: Path) -> None:
    assert list(oversized(path.read_text())) == []


def test_the_limits_are_exact() -> None:
    function = "def f():\n" + "    pass\n" * (FUNCTION_LINES - 1)
    assert list(oversized(function)) == []
    assert list(oversized(function + "    pass\n")) == ["f, line 1: 71 lines, at most 70"]
    assert list(oversized("x = 1\n" * FILE_LINES)) == []
    assert list(oversized("x = 1\n" * (FILE_LINES + 1))) == ["601 lines, at most 600"]
