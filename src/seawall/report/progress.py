"""Long work shows how far it is."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Called with what is being done, and how much of it is done where that can be counted."""

    def __call__(self, what: str, done: int = 0, whole: int = 0, /) -> None: ...


def silent(what: str, done: int = 0, whole: int = 0, /) -> None:
    """For callers that show no progress."""


@contextmanager
def on_terminal(*, quiet: bool = False) -> Iterator[Progress]:
    """A line on standard error that says what is being done; nothing where that is no terminal."""
    if quiet or not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console

    # Shown with the first call: what takes no time shows nothing.
    status = Console(stderr=True).status("")
    started = time.monotonic()

    def show(what: str, done: int = 0, whole: int = 0, /) -> None:
        text = what
        if whole:
            text += f": {done:,} of {whole:,}"
            spent = time.monotonic() - started
            if done and spent > 5:
                text += f", about {spent * (whole - done) / done:.0f} s left"
        status.update(text)
        status.start()

    try:
        yield show
    finally:
        status.stop()
