"""Where a private key is: an environment variable, or a file that its owner alone may read.

The text of a key is in no message: an error names the field and the place, never what stands there.
"""

import os
import stat
from pathlib import Path

from seawall.domain.errors import InputError

_ENVIRONMENT, _FILE = "env:", "file:"
_FIELD = "key"
_LONGEST = 4096
_OTHERS = 0o077
"""Rights of the group and of others."""


def key_error(problem: str) -> InputError:
    """The error of the field "key" with what is wrong, or what would be right, and no value.

    What was given as a place may be a key itself, so it is never repeated.
    """
    error = InputError(f"{_FIELD}: {problem}")
    error.field = _FIELD
    return error


def key_text(source: str) -> str:
    """The text at ``env:NAME`` or ``file:PATH``, without white space around it.

    Raises InputError for a place that is missing or empty, and for a file that is no plain file of
    the user who runs this, or that anyone else may read or write.
    """
    if source.startswith(_ENVIRONMENT):
        name = source.removeprefix(_ENVIRONMENT)
        text = os.environ.get(name, "").strip()
        if not text:
            raise key_error(f"the environment variable {name!r} is not set, or is empty")
        return text
    if source.startswith(_FILE):
        return _of_file(Path(source.removeprefix(_FILE)).expanduser())
    raise key_error("should be env:NAME or file:PATH, and never the key itself")


def _of_file(path: Path) -> str:
    try:
        # Not a link: what it leads to could be changed between the check and the reading.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise key_error(f"file {path}: {error.strerror}") from None
    try:
        _check_rights(path, os.fstat(handle))
        text = os.read(handle, _LONGEST).decode("ascii", "replace").strip()
    finally:
        os.close(handle)
    if not text:
        raise key_error(f"file {path}: is empty")
    return text


def _check_rights(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise key_error(f"file {path}: is no plain file")
    if status.st_uid != os.geteuid():
        raise key_error(f"file {path}: belongs to another user")
    if status.st_mode & _OTHERS:
        rights = stat.filemode(status.st_mode)[1:]
        raise key_error(
            f"file {path}: rights {rights} let others at it; should be rw------- or "
            f"r--------: chmod 600 {path}"
        )
