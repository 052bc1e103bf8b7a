"""What a person asks of a guard: a file beside its journal, which only their owner may write.

A running guard sees what stands there within a second; what is asked of one that does not run is
seen when it starts. A request stays there until its decision is in the journal, which holds its
token, so it is carried out once, whatever ends the guard meanwhile. A guard stops only once: a stop
that was asked for before it started is gone.
"""

import fcntl
import os
import secrets
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from seawall.domain.errors import InputError
from seawall.guard.journal import Opened, read_journal

STOP, RESET = "stop", "reset"
_MOST_BYTES = 100_000


class Request(Struct, frozen=True):
    """``name``: of what is to be reset; ``token``: one of its own for each that is asked."""

    what: str
    name: str = ""
    token: str = ""


def requests_path(journal: Path) -> Path:
    """The file of a journal that holds what is asked of its guard."""
    return journal.with_name(journal.name + ".requests")


def ask(journal: Path, request: Request) -> None:
    """Leave a request for the guard of a journal. Raises InputError."""
    request = structs.replace(request, token=secrets.token_hex(8))
    with _opened(requests_path(journal), os.O_CREAT | os.O_RDWR) as file:
        os.lseek(file, 0, os.SEEK_END)
        os.write(file, msgspec.json.encode(request) + b"\n")
        os.fsync(file)


def asked(journal: Path) -> list[Request]:
    """What is asked and not yet taken, the oldest first. Raises InputError."""
    try:
        with _opened(requests_path(journal), os.O_RDWR) as file:
            return _read(file)
    except FileNotFoundError:
        return []


def drop(journal: Path, taken: Collection[str]) -> None:
    """Take out the requests of some tokens, and what no command of ours has written.

    Raises InputError.
    """
    try:
        with _opened(requests_path(journal), os.O_RDWR) as file:
            left = [each for each in _read(file) if each.token not in taken]
            data = b"".join(msgspec.json.encode(each) + b"\n" for each in left)
            # Cut only once it is written: an end in between leaves some of them twice, not lost.
            os.pwrite(file, data, 0)
            os.ftruncate(file, len(data))
    except FileNotFoundError:
        return


def opened_of(journal: Path) -> Opened:
    """The first run of a journal. Raises InputError for a file that is none, and for no file."""
    try:
        first = next(read_journal(journal), None)
    except OSError as error:
        raise InputError(f"{journal}: {error.strerror}") from None
    if not isinstance(first, Opened):
        raise InputError(f"{journal}: is no journal of a guard, or an empty one")
    return first


def is_held(journal: Path) -> bool:
    """Whether a guard runs on a journal now. Raises InputError where there is none."""
    try:
        file = os.open(journal, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise InputError(f"{journal}: {error.strerror}") from None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    """The file, held. Raises FileNotFoundError, and InputError for one that is not the user's."""
    try:
        file = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            raise InputError(f"{path}: should be a plain file of the user who runs the guard")
        if status.st_mode & 0o022:
            raise InputError(f"{path}: others may write it; should be rw-------: chmod 600 {path}")
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(file)


def _read(file: int) -> list[Request]:
    os.lseek(file, 0, os.SEEK_SET)
    found = []
    for line in os.read(file, _MOST_BYTES).splitlines():
        try:
            request = msgspec.json.decode(line, type=Request)
        except msgspec.MsgspecError:
            continue  # Written by no command of ours.
        if request.token:
            found.append(request)
    return found
