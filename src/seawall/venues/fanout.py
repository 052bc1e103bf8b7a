"""From one writer to many readers, of whom some are slow.

A reader has a bounded queue. A message with a key replaces the one with the same key that still
waits there: of a book only the newest matters. Messages without a key all matter; a reader that
lets too many of them wait is **overrun**: its queue is emptied, and it must begin anew (a venue
closes such a connection). So memory is bounded by readers x limit, whatever readers do.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from msgspec import Struct

Message = TypeVar("Message")


class Overrun(Exception):
    """The reader was too slow for messages that may not be dropped; it was cut off."""


class Counts(Struct):
    """Since the start. ``waiting`` is now."""

    sent: int = 0
    """Messages handed to readers' queues."""
    taken: int = 0
    conflated: int = 0
    """Replaced by a newer one with the same key before they were taken."""
    overruns: int = 0
    readers: int = 0
    waiting: int = 0


class Reader(Generic[Message]):
    """One reader's queue; made by ``Fanout.reader``."""

    def __init__(self, counts: Counts, limit: int, leave: "Callable[[Reader[Message]], None]"):
        self._counts = counts
        self._limit = limit
        self._leave = leave
        self._waiting: OrderedDict[Hashable, Message] = OrderedDict()
        self._next = 0
        self._arrived = asyncio.Event()
        self._closed = False
        self.overrun = False

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, message: Message, key: Hashable = None) -> None:
        """Never waits. With a key the message takes the place of the one it replaces."""
        if self._closed or self.overrun:
            return
        self._counts.sent += 1
        if key is not None and ("key", key) in self._waiting:
            self._waiting["key", key] = message
            self._counts.conflated += 1
            return
        if len(self._waiting) >= self._limit:
            self.overrun = True
            self._counts.overruns += 1
            self._counts.waiting -= len(self._waiting)
            self._waiting.clear()
        else:
            self._next += 1
            place: Hashable = ("key", key) if key is not None else self._next
            self._waiting[place] = message
            self._counts.waiting += 1
        self._arrived.set()

    async def take(self) -> Message:
        """The oldest message; waits for one. Raises Overrun."""
        return (await self.take_all(1))[0]

    async def take_all(self, limit: int = 1 << 30) -> list[Message]:
        """At least one message, at most ``limit``, oldest first. Raises Overrun."""
        while not self._waiting:
            if self.overrun:
                raise Overrun(f"more than {self._limit} messages waited")
            self._arrived.clear()
            await self._arrived.wait()
        count = min(limit, len(self._waiting))
        messages = [self._waiting.popitem(last=False)[1] for _ in range(count)]
        self._counts.taken += count
        self._counts.waiting -= count
        return messages

    def close(self) -> None:
        """No more messages; those that wait are dropped."""
        if not self._closed:
            self._closed = True
            self._counts.waiting -= len(self._waiting)
            self._waiting.clear()
            self._leave(self)


class Fanout(Generic[Message]):
    """Readers by topic. ``limit``: messages that may wait for one reader."""

    def __init__(self, limit: int = 1024) -> None:
        if limit < 1:
            raise ValueError("at least one message must be able to wait")
        self._limit = limit
        self._topics: dict[Hashable, dict[Reader[Message], None]] = {}
        self.counts = Counts()

    def reader(self) -> Reader[Message]:
        """A new reader without topics; ``close`` it when it is done."""
        self.counts.readers += 1
        return Reader(self.counts, self._limit, self._forget)

    def subscribe(self, reader: Reader[Message], topic: Hashable) -> None:
        self._topics.setdefault(topic, {})[reader] = None

    def unsubscribe(self, reader: Reader[Message], topic: Hashable) -> None:
        """Messages that wait already still come."""
        readers = self._topics.get(topic, {})
        readers.pop(reader, None)
        if not readers:
            self._topics.pop(topic, None)

    def has_readers(self, topic: Hashable) -> bool:
        """Whether a message is worth making."""
        return topic in self._topics

    def publish(self, topic: Hashable, message: Message, key: Hashable = None) -> int:
        """Hand a message to every reader of a topic; how many there are. Never waits."""
        readers = self._topics.get(topic, {})
        for reader in readers:
            reader.put(message, key)
        return len(readers)

    def _forget(self, reader: Reader[Message]) -> None:
        self.counts.readers -= 1
        for topic in [topic for topic, readers in self._topics.items() if reader in readers]:
            self.unsubscribe(reader, topic)
