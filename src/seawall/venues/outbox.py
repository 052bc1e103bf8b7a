"""What one websocket connection still has to send: bounded, and without what is out of date.

A message with a key replaces an unsent one with the same key, in its place; so a slow reader gets
the latest book, not every book. Messages without a key must all arrive; when too many of those
wait, the reader is too slow for the connection to make sense and ``offer`` says so.
"""

import asyncio
from collections.abc import Hashable

MAX_MESSAGES = 10_000
MAX_BYTES = 16 * 1024 * 1024


class Outbox:
    """Messages in the order in which they were first put in."""

    def __init__(self, max_messages: int = MAX_MESSAGES, max_bytes: int = MAX_BYTES) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._waiting: dict[Hashable, bytes] = {}
        self._bytes = 0
        self._count = 0
        self._arrived = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def offer(self, message: bytes, key: Hashable = None) -> bool:
        """Put a message in; False, and nothing put in, where there is no room."""
        before = self._waiting.get(key, b"") if key is not None else b""
        size = self._bytes + len(message) - len(before)
        if size > self._max_bytes or (not before and len(self._waiting) >= self._max_messages):
            return False
        self._bytes = size
        if key is None:
            self._count += 1
            key = ("once", self._count)
        self._waiting[key] = message
        self._arrived.set()
        return True

    async def take(self) -> bytes:
        """The oldest message, once there is one."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        key = next(iter(self._waiting))
        message = self._waiting.pop(key)
        self._bytes -= len(message)
        return message
