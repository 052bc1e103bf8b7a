"""Time, prices and randomness enter the machine only as commands, and it knows no venue."""

import ast
import re
from pathlib import Path

import pytest

from seawall.venues.registry import VENUES as SHIPPED_VENUES
from tests.architecture.sources import PACKAGE, files, imported_modules, shown

CLOCKS_AND_CHANCE = "asyncio time datetime zoneinfo random secrets uuid threading multiprocessing"
OUTSIDE_WORLD = "socket ssl select selectors socketserver subprocess urllib http"
WEB = "aiohttp uvloop requests httpx websockets websocket picows starlette uvicorn grpc google"
CHAIN = "coincurve Crypto eth_account eth_keys eth_utils eth_abi web3 cosmpy v4_proto bip_utils"
FORBIDDEN = frozenset(f"{CLOCKS_AND_CHANCE} {OUTSIDE_WORLD} {WEB} {CHAIN}".split())
FORBIDDEN_NUMPY = ("numpy.random", "np.random")
VENUES = re.compile("hyperliquid|dydx|binance", re.IGNORECASE)
SHIPPED = re.compile("|".join(SHIPPED_VENUES), re.IGNORECASE)


def impurities(source: str) -> list[str]:
    """What in this source reaches for the world outside; comments and strings count for names."""
    tree = ast.parse(source)
    found = [
        f"line {line}: imports {name}"
        for line, name in imported_modules(tree)
        if name.split(".")[0] in FORBIDDEN or name.startswith(FORBIDDEN_NUMPY)
    ]
    found += [
        f"line {node.lineno}: uses {ast.unparse(node)}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in FORBIDDEN_NUMPY
    ]
    found += [
        f"line {number}: names a venue, {match.group()}"
        for number, line in enumerate(source.splitlines(), 1)
        for match in VENUES.finditer(line)
    ]
    return found


@pytest.mark.parametrize("path", files("domain", "engine"), ids=shown)
def test_domain_and_engine_are_pure(path: Path) -> None:
    assert impurities(path.read_text()) == []
    assert not VENUES.search(path.name)


OF_FILES = frozenset({"os", "io", "pathlib.Path", "shutil", "tempfile", "importlib.resources"})
"""Names of paths without files behind them (``pathlib.PurePath``) are words."""


def reads_of_files(source: str) -> list[str]:
    """Where this source reaches for files, for its types as well."""
    tree = ast.parse(source)
    found = [
        f"line {line}: imports {name}"
        for line, name in imported_modules(tree)
        if name in OF_FILES or name.split(".")[0] in OF_FILES
    ]
    return found + [
        f"line {node.lineno}: opens a file"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "open"
    ]


@pytest.mark.parametrize("path", files("domain"), ids=shown)
def test_the_words_touch_no_file(path: Path) -> None:
    assert reads_of_files(path.read_text()) == []


@pytest.mark.parametrize(
    "source", ["import os", "from pathlib import Path", "from os import path", "open('x')"]
)
def test_a_read_of_a_file_is_found(source: str) -> None:
    assert reads_of_files(source)
    assert not reads_of_files("from pathlib import PurePath")


@pytest.mark.parametrize(
    "path", [each for each in files() if not each.is_relative_to(PACKAGE / "venues")], ids=shown
)
def test_only_the_venues_floor_names_shipped_venues(path: Path) -> None:
    """Elsewhere they come from ``venues.registry``, and from data with its sources."""
    assert not SHIPPED.search(path.read_text())


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "from datetime import datetime",
        "def f():\n    from asyncio import sleep",
        "import urllib.request",
        "from eth_account import Account",
        "from numpy import random",
        "import numpy as np\nx = np.random.default_rng(1)",
        "# as HyperLiquid does",
        "name = 'dYdX'",
    ],
)
def test_impurity_is_found(source: str) -> None:
    assert len(impurities(source)) >= 1


def test_pure_source_passes() -> None:
    source = "import numpy as np\nfrom seawall.domain import units\ntime_ms = clock_ms = 1"
    assert impurities(source) == []
