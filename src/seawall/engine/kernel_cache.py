"""Where compiled kernels are kept between starts: one file for an entry, with a checksum.

What is read from there is run, so any user who can write it can run code as its owner. The folder
is therefore used only if it belongs to the user and no other user can write it; what is made here
is the user's alone. Where it cannot be used, a warning says why, and kernels are compiled into a
folder that goes with the process. A file that is damaged, cut short or unreadable counts as none:
its kernel is compiled anew and the file replaced.
"""

import atexit
import hashlib
import logging
import os
import shutil
import stat
import tempfile
from functools import cache
from pathlib import Path
from zlib import crc32

log = logging.getLogger(__name__)

VARIABLE = "SEAWALL_CACHE"
INHERITED = "SEAWALL_PRIVATE_KERNELS"
"""How worker processes learn of the folder that goes with the process that began them."""
_SUM_BYTES = 4
_MARK_BYTES = 16


def user_folder() -> Path:
    """Where what can be made again is kept for this user; ``SEAWALL_CACHE`` overrides it."""
    root = os.environ.get(VARIABLE) or os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache").absolute() / "seawall"


def kernels_folder(name: str) -> Path:
    """A folder of this name for compiled code that can be trusted; it may not exist yet."""
    if private := os.environ.get(INHERITED):
        return Path(private) / name
    return _trusted(user_folder() / "kernels" / name)


@cache
def _trusted(folder: Path) -> Path:
    base = folder.parents[2]
    fault = _fault(base, folder)
    if not fault:
        return folder
    log.warning(
        "the cache of compiled code is not used, and the engine is compiled at each start: %s",
        fault,
    )
    private = tempfile.mkdtemp(prefix="seawall-kernels-")
    os.environ[INHERITED] = private
    atexit.register(_remove, private, os.getpid())
    return Path(private) / folder.name


def _remove(folder: str, process: int) -> None:
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


def _fault(base: Path, folder: Path) -> str:
    """Why a folder cannot be trusted or used, and what would help; empty for nothing."""
    ours = [folder, *folder.parents]
    ours = ours[: ours.index(base)]
    for place in [*reversed(ours), base] if base.exists() else []:
        try:
            found = place.stat()
        except FileNotFoundError:
            continue
        except OSError as error:
            return f"{place}: {error.strerror}"
        if not stat.S_ISDIR(found.st_mode):
            return f"{place} is no folder; remove it, or name another with {VARIABLE}"
        others = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        # In a folder such as /tmp others cannot replace what is ours.
        is_shared = place == base and found.st_mode & stat.S_ISVTX
        owners = {os.geteuid(), 0} if place == base else {os.geteuid()}
        if found.st_uid not in owners or (others and not is_shared):
            whose = "belongs to another user" if found.st_uid not in owners else (
                "can be written by other users"
            )  # fmt: skip
            return (
                f"{place} {whose}, who could put code into it; remove it (it is made anew), or "
                f"name a folder of your own with {VARIABLE}"
            )
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        return f"{nearest} cannot be written; name a folder of your own with {VARIABLE}"
    return ""


def _make(folder: Path) -> None:
    """Make a folder and those above it, for the user alone."""
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


class KernelFile:
    """The machine code of one entry; ``key`` says what it was compiled for."""

    def __init__(self, folder: Path, name: str, key: str) -> None:
        self._folder = folder
        self._mark = hashlib.blake2b(key.encode(), digest_size=_MARK_BYTES).digest()
        self._path = folder / f"{name}-{self._mark[:6].hex()}.o"

    def read(self) -> bytes | None:
        """The code; None where there is none that is whole."""
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("%s cannot be read (%s): it is compiled anew", self._path, error.strerror)
            return None
        body, found = content[:-_SUM_BYTES], content[-_SUM_BYTES:]
        fault = ""
        if found != crc32(body).to_bytes(_SUM_BYTES, "little"):
            fault = "its checksum is wrong"
        elif body[:_MARK_BYTES] != self._mark:
            fault = "it is of another kernel"
        if fault:
            log.warning("%s is damaged (%s): it is compiled anew", self._path, fault)
            return None
        return body[_MARK_BYTES:]

    def write(self, code: bytes) -> None:
        """Keep compiled code; where that fails, it is compiled again at the next start."""
        body = self._mark + code
        part = ""
        try:
            _make(self._folder)
            with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as file:
                part = file.name
                file.write(body + crc32(body).to_bytes(_SUM_BYTES, "little"))
            os.replace(part, self._path)
        except OSError as error:
            if part:
                Path(part).unlink(missing_ok=True)
            _say_not_kept(self._folder, error.strerror)


@cache
def _say_not_kept(folder: Path, why: str) -> None:
    log.warning("compiled code could not be kept in %s (%s)", folder, why)
