"""Recorded venue data that is not part of the project; tests that need it skip without it."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("SEAWALL_SHARED") or ROOT.parent / "shared")


def shared_file(name: str) -> Path:
    """The path of a shared file. Skips the test where it is absent."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"needs {name} of the shared data (SEAWALL_SHARED, else ../shared)")
    return path
