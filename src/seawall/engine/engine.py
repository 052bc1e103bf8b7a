"""One machine: create, apply, fork, snapshot, hash, view."""

import hashlib
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from seawall.domain.commands import Command
from seawall.domain.errors import SeawallError
from seawall.domain.events import Event
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook, BlockRulebook
from seawall.engine.codec import (
    COMMAND_BYTES,
    decode_event_rows,
    decode_events,
    encode_command,
)
from seawall.engine.compile import INTERPRETED, loaded
from seawall.engine.layout import Limits, Tiers, build_state, tables_of
from seawall.engine.rows import PlainState, handle_of
from seawall.engine.tables import command_dtype, event_dtype, watch_dtype

_EVENTS_AT_ONCE = 16384
_COMMANDS_AT_ONCE = 256


class EngineError(SeawallError):
    """The machine could not do what was asked of its shell; the state is unchanged."""


def _entries(rulebook: AnyRulebook, watches: NDArray[Any]) -> tuple[Any, Any]:
    """(apply, bound of events) of the rules' family: each is imported only where it is used."""
    if isinstance(rulebook, BlockRulebook):
        from seawall.engine.transitions.blocks.apply import apply_block_rows, block_events_bound

        return partial(loaded(apply_block_rows), handle_of(watches)), block_events_bound
    from seawall.engine.transitions.continuous.apply import apply_rows, events_bound

    return loaded(apply_rows), events_bound


class Engine:
    """One machine. Not thread-safe: one writer; a fork is independent.

    ``tables`` are live structured views of the state for reading; only commands write. Who writes
    all the same calls ``rows_were_written``.
    """

    def __init__(
        self,
        buffer: NDArray[np.uint8],
        rulebook: AnyRulebook,
        instruments: list[Instrument],
        schedules: list[Tiers],
    ) -> None:
        self.buffer = buffer
        self.rulebook = rulebook
        self.instruments = instruments
        self.schedules = schedules
        self.tables = tables_of(buffer)
        self.state: Any = PlainState(self.tables) if INTERPRETED else int(buffer.ctypes.data)
        self._control = self.tables["control"]
        self._sequence = memoryview(self._control["sequence"])  # type: ignore[arg-type]
        self._commands = np.zeros(_COMMANDS_AT_ONCE, command_dtype)
        self._command_bytes = memoryview(self._commands.view(np.uint8))  # type: ignore[arg-type]
        self._command_handle = handle_of(self._commands)
        self._resize_outbox(_EVENTS_AT_ONCE)
        in_blocks = isinstance(rulebook, BlockRulebook)
        self.watches = np.zeros(len(self.tables["accounts"]) if in_blocks else 0, watch_dtype)
        self._apply, self._events_bound = _entries(rulebook, self.watches)

    @classmethod
    def create(
        cls,
        rulebook: AnyRulebook,
        instruments: list[Instrument],
        limits: Limits | None = None,
        extra_tiers: list[Tiers] | None = None,
    ) -> Self:
        """A machine without accounts, at time 0.

        ``extra_tiers``: margin schedules beyond the markets' own, for SetMarginSchedule.
        Raises LayoutError for what the tables cannot hold.
        """
        buffer, schedules = build_state(
            rulebook, list(instruments), limits or Limits(), extra_tiers or []
        )
        return cls(buffer, rulebook, list(instruments), schedules)

    def _resize_outbox(self, rows: int) -> None:
        self._events = np.zeros(rows, event_dtype)
        self._events_rows = rows
        self._events_bytes = memoryview(self._events.view(np.uint8))  # type: ignore[arg-type]
        self._events_handle = handle_of(self._events)

    def apply(self, command: Command) -> list[Event]:
        """Apply one command; the events it caused. Raises CodecError for a malformed command."""
        encode_command(command, self._command_bytes)
        result = self._apply(
            self.state, self._command_handle, 1, self._events_handle, self._events_rows
        )
        if not result >> 32:
            needed = int(self._events_bound(self.state, self._command_handle))
            self._resize_outbox(needed + needed // 2)
            return self.apply(command)
        return decode_events(self._events_bytes, result & 0xFFFFFFFF)

    def apply_encoded(self, commands: bytes | bytearray) -> list[Event]:
        """Apply commands that are rows of ``command_dtype`` already, as bytes; their events.

        The way of a host for a few commands: without an array of NumPy for each call.
        """
        count = len(commands) // COMMAND_BYTES
        if INTERPRETED or count > _COMMANDS_AT_ONCE:
            return decode_event_rows(self.apply_rows(np.frombuffer(commands, command_dtype))[1])
        self._command_bytes[: len(commands)] = commands
        result = self._apply(
            self.state, self._command_handle, count, self._events_handle, self._events_rows
        )
        done = result >> 32
        events = decode_events(self._events_bytes, result & 0xFFFFFFFF)
        if done == count:
            return events
        if not done:
            needed = int(self._events_bound(self.state, self._command_handle))
            self._resize_outbox(needed + needed // 2)
        return events + self.apply_encoded(commands[done * COMMAND_BYTES :])

    def apply_rows(
        self, rows: NDArray[Any], events: NDArray[Any] | None = None
    ) -> tuple[int, NDArray[Any]]:
        """Apply a batch of rows of ``command_dtype``, shape (n,).

        Returns how many were applied and a view of their events. Without ``events`` the machine's
        own outbox is used, all rows are applied, and the view is valid until the next call. With
        ``events`` (rows of ``event_dtype``) it stops before a command whose events might not fit:
        call again with the rest.
        """
        if rows.dtype != command_dtype or rows.ndim != 1 or not rows.flags.c_contiguous:
            raise EngineError(f"rows must be one contiguous array of commands, not {rows.dtype}")
        if events is not None:
            return self._apply_into(rows, events, handle_of(events))
        done = 0
        parts: list[NDArray[Any]] = []
        while True:
            count, view = self._apply_into(rows[done:], self._events, self._events_handle)
            done += count
            if done == len(rows):
                return done, np.concatenate([*parts, view]) if parts else view
            parts.append(view.copy())
            needed = int(self._events_bound(self.state, handle_of(rows[done:])))
            if needed > len(self._events):
                self._resize_outbox(needed + needed // 2)

    def _apply_into(
        self, rows: NDArray[Any], events: NDArray[Any], handle: Any
    ) -> tuple[int, NDArray[Any]]:
        if not len(rows):
            return 0, events[:0]
        result = self._apply(self.state, handle_of(rows), len(rows), handle, len(events))
        return result >> 32, events[: result & 0xFFFFFFFF]

    @property
    def sequence(self) -> int:
        """How many commands were applied, rejected ones included."""
        return int(self._sequence[0])

    @property
    def clock_ms(self) -> int:
        return int(self._control["clock_ms"][0])

    def market_index(self, name: str) -> int:
        """Raises EngineError for an unknown name, listing what exists."""
        for index, instrument in enumerate(self.instruments):
            if instrument.name == name:
                return index
        known = ", ".join(instrument.name for instrument in self.instruments)
        raise EngineError(f"unknown market {name!r}; known are {known}")

    def fork(self) -> "Engine":
        """An independent copy."""
        memory = np.zeros(len(self.buffer) + 64, dtype=np.uint8)
        start = -memory.ctypes.data % 64
        buffer = memory[start : start + len(self.buffer)]
        buffer[:] = self.buffer
        return Engine(buffer, self.rulebook, self.instruments, self.schedules)

    def copy_from(self, other: "Engine") -> None:
        """Replace the state by that of the machine that this one was forked from."""
        self.buffer[:] = other.buffer
        self.rows_were_written()

    def rows_were_written(self) -> None:
        """Tell the machine that rows of accounts, positions or prices changed past its commands.

        Under block rules the next block then examines every account.
        """
        self.watches["moves_left"] = 0

    def snapshot(self) -> bytes:
        """The whole state as bytes; ``restore`` takes it back."""
        return self.buffer.tobytes()

    def restore(self, state: bytes) -> None:
        """Replace the state by a snapshot of a machine with the same rules and limits."""
        if len(state) != len(self.buffer):
            raise EngineError(
                f"a snapshot of {len(state)} bytes does not fit a state of {len(self.buffer)}"
            )
        head = len(self._control.tobytes())
        layout = np.frombuffer(state[:head], self._control.dtype)
        for name in self._control.dtype.names or ():
            fixed = name.endswith(("_offset", "_capacity", "_version"))
            if fixed and layout[name][0] != self._control[name][0]:
                raise EngineError(f"the snapshot's {name} differs from this engine's")
        self.buffer[:] = np.frombuffer(state, np.uint8)
        self.rows_were_written()

    def state_hash(self) -> str:
        """Digest of every byte of the state."""
        return hashlib.blake2b(memoryview(self.buffer), digest_size=16).hexdigest()  # type: ignore[arg-type]

    def full_sweep(self, threads: int = 1) -> NDArray[Any]:
        """Every liquidatable bucket, worst first, found by looking at all accounts.

        Rows of ``candidate_dtype``. The per-market watch prices make this unnecessary for the
        machine itself; it is the check on them, and the fast way after a gap.
        """
        from concurrent.futures import ThreadPoolExecutor

        from seawall.engine.sweep import sweep_all

        used = int(self._control["accounts_used"][0])
        if threads == 1:
            return sweep_all(self, 0, used)
        edges = [used * part // threads for part in range(threads + 1)]
        with ThreadPoolExecutor(threads) as pool:
            parts = list(
                pool.map(lambda i: sweep_all(self, edges[i], edges[i + 1]), range(threads))
            )
        found = np.concatenate(parts)
        return found[np.argsort(found, order=("severity", "account", "position"))]
