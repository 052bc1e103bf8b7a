"""What happened, in an embedded database; the journal is the truth and can rebuild it.

The host hands over every command with its events (``record``), which only puts them aside. A
thread of its own writes them, many in one transaction; a query first writes what is still aside,
so it sees everything that took effect before it. What is aside is bounded: beyond it ``record``
writes itself.

Its file never stops the venue. One that is damaged when it is opened is set aside, and a new one is
filled from the journals. One that fails while the venue runs (a bad page, a full disk) is left: the
history goes on in memory with what could still be read, ``trouble`` says so, and the next start
fills the file again.
"""

import logging
import os
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import apsw

from seawall.domain.commands import AdvanceTime, Command
from seawall.domain.errors import SeawallError
from seawall.domain.events import Event, FundingSampled
from seawall.domain.units import DAY_MS
from seawall.engine.engine import Engine
from seawall.sandbox import history_schema as schema
from seawall.sandbox.history_file import (
    HistoryDamaged,
    check,
    copy_readable,
    in_memory,
    is_damage,
    open_copy,
    open_file,
    seal,
    set_aside,
)
from seawall.sandbox.history_rows import MINUTE_MS, Batch, Happened
from seawall.sandbox.prehistory import Before
from seawall.venues.port import (
    Candle,
    Fill,
    FundingRate,
    FundingRecord,
    LedgerRecord,
    OrderRecord,
)

log = logging.getLogger(__name__)

MAX_ASIDE = 20_000
"""Commands put aside before ``record`` writes them itself."""
BATCH = 2_000
WRITE_EVERY_S = 0.2
PRUNE_EVERY = 50
KEPT_FILLS = 20_000
KEPT_ORDERS = 10_000
"""Of each account, the newest; open orders are always kept."""


class HistoryError(SeawallError):
    """A question or a copy that failed; the message says why."""


class SqlHistory:
    """Implements ``seawall.venues.port.History``, and is its one writer.

    ``path`` None keeps it in memory. ``engine``: the machine as it is at ``last_sequence``, for
    the funding hour under way; call ``reverted`` when it is another. A refused order is kept too:
    it never had an id, and its ``order_id`` is minus the sequence of its command. ``before``: what
    happened before the venue's first moment; None for nothing. ``trouble``: why the history is
    not kept in its file or lacks something; empty when all is well.
    """

    def __init__(self, path: Path | None, engine: Engine) -> None:
        self.before: Before | None = None
        self.trouble = ""
        self._path = path
        self._lock = threading.RLock()
        self._aside: deque[Happened] = deque()
        self._grown: set[int] = set()
        self._batches = 0
        self._next_settlement_ms = 0
        self._premiums: dict[int, list[int]] = {}
        self._closing = threading.Event()
        self._open()
        self.reverted(engine)
        self._thread = threading.Thread(target=self._work, name="seawall-history", daemon=True)
        self._thread.start()

    # -- its file -------------------------------------------------------------------------------

    def _open(self) -> None:
        """Use the file, a new one in place of a damaged one, or memory where none can be used."""
        self._in_memory = self._path is None
        if self._path is not None:
            try:
                try:
                    self._use(open_file(self._path))
                except HistoryDamaged as error:
                    aside = set_aside(self._path)
                    log.error("%s is damaged (%s), now named %s", self._path, error, aside)
                    self._use(open_file(self._path))
                return
            except (apsw.Error, OSError, HistoryDamaged) as error:
                self._leave_file(error)
        self._use(in_memory())

    def _use(self, connection: "apsw.Connection") -> None:
        self._connection, self._database = connection, connection.cursor()
        if self._meta("version", schema.VERSION) != schema.VERSION:
            self._wipe()
        self._set_meta("version", schema.VERSION)
        self.last_sequence = self._meta("last_sequence", 0)
        self.generation = self._meta("generation", 1)
        self._last_ms = self._meta("last_ms", 0)

    def _leave_file(self, error: BaseException) -> None:
        self._in_memory = True
        self.trouble = (
            f"{self._path} cannot be used ({error}): "
            "the history is in memory only, and the next start fills the file again"
        )
        log.error("%s", self.trouble)

    def _fail(self, error: BaseException) -> None:
        """Go on in memory with all that the file still gives. Raises HistoryError in memory."""
        if self._in_memory:
            raise HistoryError(f"the history cannot be used: {error}") from error
        assert self._path is not None
        self._leave_file(error)
        found = (self.last_sequence, self.generation, self._last_ms)
        left, memory = self._connection, in_memory()
        whole = copy_readable(left, memory)
        try:
            left.close()
            if is_damage(error) or not whole:
                set_aside(self._path)
        except (apsw.Error, OSError) as also:
            log.error("%s: %s", self._path, also)
        self._use(memory)
        self.last_sequence, self.generation, self._last_ms = found
        self._set_meta("last_sequence", self.last_sequence)
        self._set_meta("generation", self.generation)
        self._set_meta("last_ms", self._last_ms)
        if not whole:
            self.lacks(f"some of {self._path} could not be read")

    def lacks(self, why: str) -> None:
        """Something is missing: say so, and let no start or revert take this for the whole."""
        self.trouble = f"{self.trouble}; {why}" if self.trouble else why
        log.error("the history lacks something: %s", why)
        with self._lock:
            try:
                self._set_meta("incomplete", 1)
            except apsw.Error as error:
                log.error("%s: %s", self._path, error)

    def _meta(self, name: str, otherwise: int) -> int:
        found = list(self._database.execute("SELECT value FROM meta WHERE name = ?", (name,)))
        return int(found[0][0]) if found else otherwise

    def _set_meta(self, name: str, value: int) -> None:
        self._database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, str(value)))

    def _wipe(self) -> None:
        for name in schema.COLUMNS:
            self._database.execute(f"DROP TABLE IF EXISTS {name}")
        self._database.execute(schema.TABLES)

    # -- writing --------------------------------------------------------------------------------

    def record(
        self, engine: Engine, sequence: int, command: Command, events: Sequence[Event]
    ) -> None:
        """A command took effect just now, the last of its group's settlements; ``engine`` is as the
        group left it."""
        rates: Sequence[tuple[int, int, int]] = ()
        if isinstance(command, AdvanceTime):
            rates = self._rates(engine, events)
        self._aside.append(Happened(sequence, command, events, rates))
        if len(self._aside) > MAX_ASIDE:
            self.flush()

    def _rates(self, engine: Engine, events: Sequence[Event]) -> Sequence[tuple[int, int, int]]:
        """The rates of the settlement that this command did, if it did one.

        The host lets each settlement be a command of its own.
        """
        for event in events:
            if isinstance(event, FundingSampled):
                total = self._premiums.setdefault(event.market, [0, 0])
                total[0] += event.premium * event.samples
                total[1] += event.samples
        due = int(engine.tables["control"]["next_settlement_ms"][0])
        before, self._next_settlement_ms = self._next_settlement_ms, due
        if due == before or not before:
            return ()
        rates = engine.tables["markets"]["funding_rate"]
        found = [
            (market, int(rates[market]), _toward_zero(*self._premiums.get(market, (0, 0))))
            for market in range(len(engine.instruments))
        ]
        self._premiums.clear()
        return found

    def reverted(self, engine: Engine) -> None:
        """The machine is now ``engine``; what is aside was written or is void."""
        with self._lock:
            markets = engine.tables["markets"]
            self._premiums = {
                market: [
                    int(markets["premium_sum"][market]),
                    int(markets["premium_samples"][market]),
                ]
                for market in range(len(engine.instruments))
            }
            self._next_settlement_ms = int(engine.tables["control"]["next_settlement_ms"][0])

    def flush(self) -> None:
        """Write everything that is aside."""
        with self._lock:
            while self._aside:
                self._write_some()

    def _write_some(self) -> None:
        """Write a batch; what fails in the file is written in memory, what fails there is lost."""
        some = [self._aside[place] for place in range(min(BATCH, len(self._aside)))]
        try:
            try:
                self._write(some)
            except apsw.Error as error:
                self._fail(error)
                self._write(some)
        except Exception as error:
            if "could not be written" not in self.trouble:
                log.exception("a part of the history could not be written")
                self.lacks(f"commands from {some[0].sequence} on could not be written: {error}")
        for _ in some:
            self._aside.popleft()

    def _write(self, some: Sequence[Happened]) -> None:
        with self._connection:
            batch = Batch(self._database)
            last_ms = self._last_ms
            for happened in some:
                batch.add(happened)
                last_ms = max(last_ms, happened.command.time_ms)
            batch.write()
            self._set_meta("last_sequence", some[-1].sequence)
            self._set_meta("last_ms", last_ms)
            if (self._batches + 1) % PRUNE_EVERY == 0:
                self._prune(self._grown | batch.accounts)
        self.last_sequence, self._last_ms = some[-1].sequence, last_ms
        self._batches += 1
        self._grown = set() if self._batches % PRUNE_EVERY == 0 else self._grown | batch.accounts

    def _prune(self, accounts: Iterable[int]) -> None:
        """Forget the oldest of the accounts that grew."""
        for account in accounts:
            self._database.execute(
                "DELETE FROM fills WHERE account = ?1 AND trade < (SELECT trade FROM fills "
                "WHERE account = ?1 ORDER BY trade DESC LIMIT 1 OFFSET ?2)",
                (account, KEPT_FILLS),
            )
            self._database.execute(
                "DELETE FROM orders WHERE account = ?1 AND status NOT IN ('open', 'waiting') AND "
                "sequence < (SELECT sequence FROM orders "
                "WHERE account = ?1 ORDER BY sequence DESC LIMIT 1 OFFSET ?2)",
                (account, KEPT_ORDERS),
            )

    def prune_all(self) -> None:
        """Forget the oldest of every account, whenever it grew."""
        self.flush()
        text = "SELECT account FROM fills UNION SELECT account FROM orders"
        with self._lock, self._connection:
            self._prune([account for (account,) in list(self._database.execute(text))])

    def _work(self) -> None:
        while not self._closing.wait(WRITE_EVERY_S):
            while self._aside:
                with self._lock:
                    if self._aside:
                        self._write_some()

    def start_over(self, generation: int) -> None:
        """Forget everything, before a rebuild; a file that does not even allow that is replaced."""
        with self._lock:
            self._aside.clear()
            try:
                self._forget()
            except apsw.Error as error:
                self._replace(error)
            self.set_generation(generation)

    def _forget(self) -> None:
        with self._connection:
            self._wipe()
        self._use(self._connection)

    def _replace(self, error: BaseException) -> None:
        """Begin with a new file, or in memory."""
        if self._in_memory:
            raise HistoryError(f"the history cannot be used: {error}") from error
        assert self._path is not None
        log.error("%s (%s) is replaced", self._path, error)
        try:
            self._connection.close()
            set_aside(self._path)
        except (apsw.Error, OSError) as also:
            self._leave_file(also)
            self._use(in_memory())
            return
        self._open()

    def set_generation(self, generation: int) -> None:
        """Which journal's events these are."""
        with self._lock:
            self.generation = generation
            try:
                self._set_meta("generation", generation)
            except apsw.Error as error:
                self._fail(error)

    def save_copy(self, path: Path | None) -> "apsw.Connection":
        """All of it as it is now, in another file, or in memory; returns the open copy.

        Raises HistoryError with nothing changed.
        """
        self.flush()
        if path is None:
            copy = apsw.Connection(":memory:")
            with self._lock:
                _backup(self._connection, copy)
            return copy
        part = path.with_name(f"{path.name}.part")
        try:
            part.unlink(missing_ok=True)
            copy = apsw.Connection(str(part))
            try:
                with self._lock:
                    _backup(self._connection, copy)
                # It is only read from now on: a write-ahead log would leave files beside it.
                copy.execute("PRAGMA journal_mode = DELETE")
            finally:
                copy.close()
            os.replace(part, path)
            return open_copy(path)
        except (apsw.Error, OSError) as error:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise HistoryError(f"the history could not be copied to {path}: {error}") from error

    def load_copy(self, copy: "apsw.Connection", generation: int) -> None:
        """Become what ``save_copy`` saved; the copy stays open and as it is.

        Raises HistoryError: then it is of no use before it was started over.
        """
        with self._lock:
            self._aside.clear()
            try:
                check(copy)
                _backup(copy, self._connection)
                self._use(self._connection)
            except (apsw.Error, HistoryDamaged) as error:
                raise HistoryError(f"a copy of the history cannot be used: {error}") from error
            self.set_generation(generation)

    def close(self) -> None:
        """Write what is aside and close; once is enough."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._thread.join()
        self.flush()
        try:
            self._connection.close()
            if self._path is not None and not self._in_memory:
                seal(self._path)
        except (apsw.Error, OSError) as error:
            log.error("%s: %s", self._path, error)

    # -- queries --------------------------------------------------------------------------------

    def _select(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of everything that took effect. Raises HistoryError where memory fails too."""
        with self._lock:
            self.flush()
            while True:
                try:
                    return list(self._connection.execute(text, values))
                except apsw.Error as error:
                    self._fail(error)

    def _rows(self, table: str, where: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of one table with all their columns; the last value is how many at most."""
        columns = schema.COLUMNS[table]
        return self._select(f"SELECT {columns} FROM {table} WHERE {where} LIMIT ?", *values)

    def fills(
        self, account: int, start_ms: int = 0, end_ms: int = 2**62, limit: int = 2000
    ) -> list[Fill]:
        where = "account = ? AND time_ms >= ? AND time_ms <= ? ORDER BY trade DESC"
        rows = self._rows("fills", where, account, start_ms, end_ms, limit)
        return list(map(schema.fill_of, rows))

    def trades(self, market: int, limit: int = 100) -> list[Fill]:
        where = "market = ? AND is_taker = 1 AND origin IN ('order', 'liquidation')"
        rows = self._rows("fills", f"{where} ORDER BY trade DESC", market, limit)
        return list(map(schema.fill_of, rows))

    def order(self, account: int, order_id: int = 0, client_id: int = 0) -> OrderRecord | None:
        """By id, or the newest that had the client id."""
        key = ("order_id", order_id) if order_id else ("client_id", schema.client_text(client_id))
        if not key[1]:
            return None
        where = f"account = ? AND {key[0]} = ? ORDER BY sequence DESC"
        rows = self._rows("orders", where, account, key[1], 1)
        return schema.OrderRow(*rows[0]).record() if rows else None

    def orders(self, account: int, limit: int = 2000) -> list[OrderRecord]:
        rows = self._rows("orders", "account = ? ORDER BY sequence DESC", account, limit)
        return [schema.OrderRow(*row).record() for row in rows]

    def funding(
        self, account: int, start_ms: int = 0, end_ms: int = 2**62, limit: int = 500
    ) -> list[FundingRecord]:
        order = "ORDER BY sequence DESC, market DESC"
        where = f"account = ? AND time_ms >= ? AND time_ms <= ? {order}"
        rows = self._rows("funding", where, account, start_ms, end_ms, limit)
        return [FundingRecord(*row) for _, *row in rows]

    def funding_rates(
        self, market: int, start_ms: int = 0, end_ms: int = 2**62, limit: int = 500
    ) -> list[FundingRate]:
        before = self.before
        found = before.funding_rates(market, start_ms, end_ms, limit) if before else []
        where = "market = ? AND time_ms >= ? AND time_ms <= ? ORDER BY time_ms"
        rows = self._rows("funding_rates", where, market, start_ms, end_ms, limit - len(found))
        return [*found, *(FundingRate(*row) for row in rows)]

    def ledger(
        self, account: int, start_ms: int = 0, end_ms: int = 2**62, limit: int = 500
    ) -> list[LedgerRecord]:
        """Amounts are signed: what the account received."""
        where = "account = ? AND time_ms >= ? AND time_ms <= ? ORDER BY id DESC"
        rows = self._rows("ledger", where, account, start_ms, end_ms, limit)
        return [schema.ledger_of(row) for _, *row in rows]

    def candles(
        self, market: int, interval_ms: int, start_ms: int, end_ms: int, limit: int = 5000
    ) -> list[Candle]:
        """The newest ``limit`` of those that begin up to ``end_ms`` and end after ``start_ms``."""
        rows = self._select(
            "WITH grouped AS (SELECT opened_ms / ?2 * ?2 AS opened, min(opened_ms) AS first, "
            "max(opened_ms) AS last, max(high) AS high, min(low) AS low, sum(volume) AS volume, "
            "sum(trades) AS trades FROM candles WHERE market = ?1 AND opened_ms >= ?3 "
            "AND opened_ms <= ?4 GROUP BY opened ORDER BY opened DESC LIMIT ?5) "
            "SELECT opened, a.open, grouped.high, grouped.low, z.close, grouped.volume, "
            "grouped.trades FROM grouped "
            "JOIN candles AS a ON a.market = ?1 AND a.opened_ms = first "
            "JOIN candles AS z ON z.market = ?1 AND z.opened_ms = last ORDER BY opened",
            market, interval_ms, start_ms - start_ms % interval_ms,
            min(end_ms - end_ms % interval_ms + interval_ms - 1, 2**62), limit,
        )  # fmt: skip
        found = [Candle(row[0], interval_ms, *row[1:]) for row in rows]
        if self.before is None or len(found) > limit:
            return found
        return _joined(
            self.before.candles(market, interval_ms, start_ms, end_ms, limit), found, limit
        )

    def day_volume(self, market: int) -> tuple[int, int, int]:
        """To the minute: the last 24 hours begin with a whole minute."""
        with self._lock:
            self.flush()
            start = (self._last_ms - DAY_MS) // MINUTE_MS * MINUTE_MS
        rows = self._select(
            "SELECT coalesce(sum(notional), 0), coalesce(sum(volume), 0) FROM candles "
            "WHERE market = ? AND opened_ms >= ?",
            market, start,
        )  # fmt: skip
        before = self._select(
            "SELECT close FROM candles WHERE market = ?1 AND opened_ms < ?2 "
            "ORDER BY opened_ms DESC LIMIT 1",
            market, start,
        )  # fmt: skip
        first = before or self._select(
            "SELECT open FROM candles WHERE market = ? ORDER BY opened_ms LIMIT 1", market
        )
        notional, size = int(rows[0][0]), int(rows[0][1])
        price = int(first[0][0]) if first else 0
        if self.before is None:
            return notional, size, price
        earlier = self.before.traded(market, start)
        known = 0 if before else self.before.price_before(market, start)
        return notional + earlier[0], size + earlier[1], known or price


def _joined(earlier: list[Candle], later: list[Candle], limit: int) -> list[Candle]:
    """Candles before and since the venue began, which may meet in one; the newest ``limit``."""
    if earlier and later and earlier[-1].opened_ms == later[0].opened_ms:
        one, other = earlier.pop(), later[0]
        both = Candle(
            one.opened_ms, one.interval_ms, one.open, max(one.high, other.high),
            min(one.low, other.low), other.close, one.volume + other.volume,
            one.trades + other.trades,
        )  # fmt: skip
        later = [both, *later[1:]]
    return [*earlier, *later][-limit:]


def _toward_zero(total: int, count: int) -> int:
    if not count:
        return 0
    return total // count if total >= 0 else -(-total // count)


def _backup(source: "apsw.Connection", target: "apsw.Connection") -> None:
    """Let ``target`` become what ``source`` is. Raises apsw.Error."""
    with target.backup("main", source, "main") as job:
        while not job.done:
            job.step()
