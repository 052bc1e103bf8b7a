"""Comparing a stored history with one that is made anew from the log."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import apsw

from seawall.domain.commands import Command
from seawall.domain.events import Event
from seawall.engine.engine import Engine
from seawall.report.progress import Progress
from seawall.sandbox import history_schema as schema
from seawall.sandbox.history import SqlHistory
from seawall.sandbox.history_file import HistoryDamaged, open_file
from seawall.sandbox.log import Piece
from seawall.sandbox.timeline import catch_up


class Stored:
    """A history as a copy of its file has it: ``fault`` says why it cannot be used, or nothing.

    A copy, since even a reader may write beside a database.
    """

    def __init__(self, path: Path, scratch: Path) -> None:
        self.path = path
        self.fault = ""
        self.sequence = self.generation = 0
        self.copy = scratch / path.name
        for ending in ("", "-wal", "-digest"):
            beside = path.with_name(path.name + ending)
            if beside.exists():
                (scratch / beside.name).write_bytes(beside.read_bytes())
        try:
            connection = open_file(self.copy)
            try:
                self._look(connection)
            finally:
                connection.close()
        except (apsw.Error, OSError, HistoryDamaged, KeyError, ValueError) as error:
            self.fault = f"is no history that can be read ({error})"

    def _look(self, connection: apsw.Connection) -> None:
        meta = dict(list(connection.execute("SELECT name, value FROM meta")))
        if meta["version"] != str(schema.VERSION):
            self.fault = f"has format {meta['version']}; this program reads {schema.VERSION}"
        self.sequence, self.generation = int(meta["last_sequence"]), int(meta["generation"])


class Comparison(SqlHistory):
    """A history that is made anew, and stops at each stored one to compare."""

    def __init__(
        self, path: Path, create: Callable[[], Engine], stored: Sequence[Stored], progress: Progress
    ) -> None:
        path.unlink(missing_ok=True)
        self._create_engine = create
        self._waiting = sorted(stored, key=lambda each: each.sequence)
        self._found: list[tuple[Stored, list[str]]] = []
        self._progress = progress
        self._whole = max(each.sequence for each in stored)
        super().__init__(path, create())

    def run(
        self, folder: Path, pieces: Sequence[Piece], rules: bytes
    ) -> Iterator[tuple[Stored, list[str]]]:
        """Each stored history with the tables in which it differs."""
        try:
            catch_up(folder, pieces, rules, self._create_engine, self)
            self._compare_before(2**63)
            yield from self._found
        finally:
            self.close()

    def record(
        self, engine: Engine, sequence: int, command: Command, events: Sequence[Event]
    ) -> None:
        self._compare_before(sequence)
        super().record(engine, sequence, command, events)
        if sequence % 5000 == 0:
            self._progress("comparing the history", sequence, self._whole)

    def _compare_before(self, sequence: int) -> None:
        while self._waiting and self._waiting[0].sequence < sequence:
            stored = self._waiting.pop(0)
            self.flush()
            with self._lock:
                self._found.append((stored, self._differing(stored)))

    def _differing(self, stored: Stored) -> list[str]:
        other = SqlHistory(stored.copy, self._create_engine())
        try:
            # Both forget the oldest rows, though not at the same moments.
            for each in (self, other):
                each.prune_all()
        finally:
            other.close()
        self._connection.execute("ATTACH ? AS stored", (str(stored.copy),))
        try:
            return [name for name in schema.COLUMNS if name != "meta" and self._differs(name)]
        finally:
            self._connection.execute("DETACH stored")

    def _differs(self, table: str) -> bool:
        columns = schema.COLUMNS[table]
        mine, theirs = (f"SELECT {columns} FROM {which}.{table}" for which in ("main", "stored"))
        text = f"SELECT 1 FROM ({mine} EXCEPT {theirs}) UNION ALL "
        text += f"SELECT 1 FROM ({theirs} EXCEPT {mine}) LIMIT 1"
        return bool(list(self._connection.execute(text)))
