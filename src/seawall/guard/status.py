"""What a running guard knows, as a small file beside its journal that is written every second.

``seawall guard watch`` shows it and the watchdog looks at its age. It decides nothing: a guard
never reads it.
"""

import os
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct, structs

from seawall.domain.errors import InputError
from seawall.guard.memory import Memory
from seawall.guard.policy import Policy
from seawall.guard.view import View


class Said(NamedTuple):
    """A line that a guard has said, by this computer's clock."""

    time_ms: int
    text: str


class Status(Struct, frozen=True, kw_only=True):
    """Times are milliseconds of this computer's clock. ``looked_ms``: when the loop last came
    round; ``decided_ms``: when something could last be decided, 0 for not yet; ``ended``: why the
    guard has ended, empty while it runs. ``view``: without books; ``trouble``: what keeps it from
    reading or deciding; ``said``: its last lines, the oldest first."""

    pid: int
    started_ms: int
    looked_ms: int
    decided_ms: int
    address: str
    network: str
    url: str
    is_armed: bool
    policy: Policy
    view: View | None = None
    memory: Memory | None = None
    trouble: str = ""
    ended: str = ""
    said: tuple[Said, ...] = ()


def status_path(journal: Path) -> Path:
    """The file of a journal that holds the status of its guard."""
    return journal.with_name(journal.name + ".status")


def write_status(journal: Path, status: Status) -> None:
    """Replace the file, for its owner alone. Raises OSError."""
    path = status_path(journal)
    made = path.with_name(path.name + ".new")
    file = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, msgspec.json.encode(status))
    finally:
        os.close(file)
    made.replace(path)


def read_status(journal: Path) -> Status | None:
    """The latest; None where no guard has run on the journal. Raises InputError."""
    path = status_path(journal)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Status)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: is no status of a guard: {error}") from None


def without_books(view: View) -> View:
    """A view without what is long and not shown."""
    markets = tuple(structs.replace(each, bids=(), asks=()) for each in view.markets)
    return structs.replace(view, markets=markets, statuses=(), funding_payments=())
