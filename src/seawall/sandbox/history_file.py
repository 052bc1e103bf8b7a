"""The file of the history: opened only when it is whole, set aside when it is damaged, and what
can still be read of it when it fails while the venue runs."""

import hashlib
import logging
import os
from pathlib import Path

import apsw

from seawall.sandbox import history_schema as schema

log = logging.getLogger(__name__)

MOST_ROWS = 500_000
"""Rows of each table that are taken into memory when a file fails, the newest ones."""
_DAMAGED = (apsw.CorruptError, apsw.NotADBError, apsw.FormatError)
_BESIDE = ("", "-wal", "-shm", "-journal", "-digest")


class HistoryDamaged(Exception):
    """A history that is not whole; the message says where."""


def in_memory() -> "apsw.Connection":
    """An empty history that lasts as long as it is open."""
    connection = apsw.Connection(":memory:")
    connection.execute(schema.TABLES)
    return connection


def open_file(path: Path) -> "apsw.Connection":
    """The history of a file that is whole, or an empty one for a file that is not there.

    Raises HistoryDamaged, and apsw.Error and OSError for a file that cannot be used.
    """
    _compare_digest(path)
    _check_size(path)
    connection = apsw.Connection(str(path))
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        check(connection)
        connection.execute(schema.TABLES)
    except apsw.Error as error:
        connection.close()
        if is_damage(error):
            raise HistoryDamaged(str(error)) from error
        raise
    except BaseException:
        connection.close()
        raise
    return connection


def seal(path: Path) -> None:
    """Write the digest of a closed file beside it: SQLite's own check sees no changed number."""
    _digest_path(path).write_text(_digest(path))


def _digest_path(path: Path) -> Path:
    return path.with_name(f"{path.name}-digest")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def _compare_digest(path: Path) -> None:
    """A file that was sealed must be as it was; from now on it changes, and has no seal.

    Raises HistoryDamaged, OSError.
    """
    seal = _digest_path(path)
    if not seal.exists():
        return
    if path.exists() and seal.read_text() != _digest(path):
        raise HistoryDamaged("it was changed after it was closed")
    seal.unlink()


def _check_size(path: Path) -> None:
    """Raises HistoryDamaged for a part of a page: SQLite reads zeros behind the end of a file."""
    beside = path.with_name(f"{path.name}-wal")
    if path.exists() and not (beside.exists() and beside.stat().st_size):
        with path.open("rb") as file:
            page = int.from_bytes(file.read(18)[16:], "big")
        if page > 1 and path.stat().st_size % page:
            raise HistoryDamaged("its last page is cut short")


def open_copy(path: Path) -> "apsw.Connection":
    """What ``SqlHistory.save_copy`` wrote, to be read. Raises apsw.Error."""
    return apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)


def check(connection: "apsw.Connection") -> None:
    """Read every page. Raises HistoryDamaged, apsw.Error."""
    ((found,),) = connection.execute("PRAGMA quick_check(1)")
    if found != "ok":
        raise HistoryDamaged(str(found))
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    if "meta" in tables:
        of_meta = "SELECT value FROM meta WHERE name = 'incomplete'"
        if list(connection.execute(of_meta)):
            raise HistoryDamaged("some of it could not be read when it was written")


def is_damage(error: BaseException) -> bool:
    """Whether the file itself is wrong, and not only the disk full or the file read-only."""
    return isinstance(error, (HistoryDamaged, *_DAMAGED))


def set_aside(path: Path) -> Path:
    """Rename a damaged file, so that a new one can be made; returns its new name.

    One is kept: it takes the place of one before it. Raises OSError.
    """
    aside = path.with_name(f"{path.stem}-damaged{path.suffix}")
    for end in _BESIDE:
        aside.with_name(aside.name + end).unlink(missing_ok=True)
    for end in _BESIDE:
        beside = path.with_name(path.name + end)
        if beside.exists():
            os.replace(beside, aside.with_name(aside.name + end))
    return aside


def copy_readable(source: "apsw.Connection", target: "apsw.Connection") -> bool:
    """Copy the newest rows of each table that can be read; whether all could be.

    A table is read from its end until a page fails, and then from its begin.
    """
    whole = True
    with target:
        for table, columns in schema.COLUMNS.items():
            key = schema.key_of(table)
            columns = columns if key in columns else f"{key}, {columns}"
            marks = ", ".join("?" for _ in columns.split(","))
            insert = f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})"
            for order in ("DESC", "ASC"):
                by = ", ".join(f"{each} {order}" for each in key.split(", "))
                select = f"SELECT {columns} FROM {table} ORDER BY {by} LIMIT {MOST_ROWS}"
                try:
                    target.executemany(insert, source.execute(select))
                    break
                except apsw.Error as error:
                    log.error("the history's table %s: %s", table, error)
                    whole = False
    return whole
