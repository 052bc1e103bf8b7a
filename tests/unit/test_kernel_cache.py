"""Compiled code on disk: damage is made good, and a folder that others can write is not used."""

import os
import random
import resource
import subprocess
import sys

import numpy as np
import pytest

from seawall.engine import compile as compiling
from seawall.engine import kernel_cache
from seawall.engine.compile import INTERPRETED, array_entry, bind_arrays, cache_folder
from tests.shared_files import ROOT

pytestmark = pytest.mark.skipif(INTERPRETED, reason="nothing is compiled")
SOURCES = ("domain/units.py",)
VALUES = np.arange(10)


def twice(values):
    return 2 * values.sum()


def call():
    """As a new process: loaded, or compiled and kept."""
    return array_entry(*SOURCES)(twice)(VALUES)


@pytest.fixture
def base(tmp_path, monkeypatch):
    monkeypatch.setenv("SEAWALL_CACHE", str(tmp_path))
    monkeypatch.setenv(kernel_cache.INHERITED, "")
    return tmp_path


@pytest.fixture
def file(base):
    """The file of a kernel that was compiled and kept."""
    assert call() == 90
    (path,) = cache_folder(*SOURCES).iterdir()
    return path


def was_compiled(caplog):
    return "compiled anew" in caplog.text


def test_it_is_compiled_once_into_folders_of_the_user_alone(base, file, caplog):
    before = file.stat()
    assert call() == 90
    after = file.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    for place in (file.parent, *file.parent.parents):
        if place == base:
            break
        assert place.stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o777 == 0o600
    assert not caplog.text


def scaled(values, factor):
    for place in range(len(values)):
        values[place] *= factor
    return values[0]


def test_bound_arrays_are_read_where_they_are(base):
    values = np.arange(1.0, 4.0)
    scale = bind_arrays(array_entry(*SOURCES)(scaled), values)
    assert scale(2.0) == 2.0
    values[0] = 5.0
    assert scale(3.0) == 15.0
    assert values.tolist() == [15.0, 12.0, 18.0]
    with pytest.raises(TypeError, match="was compiled for"):
        scale(3)


@pytest.mark.parametrize("how", ["emptied", "cut", "garbage", "of another", "a short pickle"])
def test_a_damaged_file_is_replaced(file, how, caplog):
    whole = file.read_bytes()
    content = {
        "emptied": b"",
        "cut": whole[: len(whole) // 2],
        "garbage": b"no code at all" * 100,
        "of another": None,
        "a short pickle": b"\x80\x04.",
    }[how]
    if content is None:
        array_entry(*SOURCES)(twice)(VALUES.astype(float))
        other = next(path for path in file.parent.iterdir() if path != file)
        content = other.read_bytes()
    file.write_bytes(content)
    assert call() == 90
    assert was_compiled(caplog)
    caplog.clear()
    assert call() == 90
    assert not was_compiled(caplog)


def test_no_flipped_bit_is_run(file, caplog):
    """Machine code has no checksum of its own: run damaged it would crash, or compute nonsense."""
    whole = file.read_bytes()
    dice = random.Random(3)
    for place in dice.sample(range(len(whole)), 12):
        content = bytearray(whole)
        content[place] ^= 1 << dice.randrange(8)
        file.write_bytes(content)
        caplog.clear()
        assert call() == 90
        assert was_compiled(caplog)


def test_a_folder_in_place_of_the_file_is_no_end(file, caplog):
    file.unlink()
    file.mkdir()
    assert call() == 90
    assert "cannot be read" in caplog.text
    assert "could not be kept" in caplog.text


def test_what_cannot_be_kept_is_said_and_runs(base, caplog):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        assert call() == 90
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "could not be kept" in caplog.text
    assert "File too large" in caplog.text
    assert list(cache_folder(*SOURCES).iterdir()) == []


def folders(base):
    """What lies between the user's cache folder and a kernel, outermost first."""
    place = base
    for name in ("seawall", "kernels", compiling.sources_digest(*SOURCES)):
        place = place / name
        yield place


@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("mode", [0o777, 0o775, 0o1777])
def test_a_folder_that_others_can_write_is_not_used(base, which, mode, caplog):
    for number, place in enumerate(folders(base)):
        place.mkdir()
        place.chmod(mode if number == which else 0o755)
    refused = list(folders(base))[which]
    assert call() == 90
    used = cache_folder(*SOURCES)
    assert call() == 90
    assert caplog.text.count("is not used") == 1
    assert f"{refused} can be written by other users" in caplog.text
    assert not used.is_relative_to(base)
    assert len(list(used.iterdir())) == 1
    assert not [path for path in base.rglob("*") if path.is_file()]


def test_a_folder_of_another_user_is_not_used(base, file, monkeypatch, caplog):
    kernel_cache._trusted.cache_clear()
    myself = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: myself + 1)
    used = cache_folder(*SOURCES)
    assert "belongs to another user" in caplog.text
    assert not used.is_relative_to(base)


def test_a_shared_folder_above_is_fine_where_others_cannot_replace_ours(base, caplog):
    base.chmod(0o1777)
    assert cache_folder(*SOURCES).is_relative_to(base)
    kernel_cache._trusted.cache_clear()
    base.chmod(0o777)
    assert not cache_folder(*SOURCES).is_relative_to(base)
    assert f"{base} can be written by other users" in caplog.text


def test_a_file_in_place_of_the_folder_is_named(base, caplog):
    (base / "seawall").write_text("")
    assert not cache_folder(*SOURCES).is_relative_to(base)
    assert f"{base / 'seawall'} is no folder" in caplog.text


def test_a_process_says_it_in_one_line_and_leaves_nothing(base):
    """Workers take the folder of their parent; it is gone afterwards."""
    (base / "seawall").mkdir(mode=0o700)
    (base / "seawall").chmod(0o777)
    code = (
        "import os, subprocess, sys\n"
        "from tests.unit.test_kernel_cache import call, cache_folder, SOURCES\n"
        "assert call() == 90\n"
        "print(cache_folder(*SOURCES), flush=True)\n"
        "if len(sys.argv) < 2: subprocess.run([*sys.orig_argv, 'worker'], check=True)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "TMPDIR": str(base)},
    )  # fmt: skip
    assert len(result.stderr.splitlines()) == 1
    assert "is not used" in result.stderr
    first, second = result.stdout.split()
    assert first == second
    assert [path.name for path in base.iterdir()] == ["seawall"]
