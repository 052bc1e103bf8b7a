"""Long work shows how far it is."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

LOADING = "loading the machine (the first time takes about a minute)"


class Progress(Protocol):
    """Called with what is being done, and how much of it is done where that can be counted."""

    def __call__(self, what: str, done: int = 0, whole: int = 0, /) -> None: ...


def silent(what: str, done: int = 0, whole: int = 0, /) -> None:
    """For callers that show no progress."""


@contextmanager
def on_terminal(*, quiet: bool = False) -> Iterator[Progress]:
    """A line on standard error that says what is being done; nothing where that is no terminal."""
    from rich.console import Console

    console = Console(stderr=True, quiet=quiet)
    with console.status(LOADING) as status:
        started = time.monotonic()

        def show(what: str, done: int = 0, whole: int = 0, /) -> None:
            text = what
            if whole:
                text += f": {done:,} of {whole:,}"
                spent = time.monotonic() - started
                if done and spent > 5:
                    text += f", about {spent * (whole - done) / done:.0f} s left"
            status.update(text)

        yield show
