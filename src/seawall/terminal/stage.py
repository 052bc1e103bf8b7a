"""What a connection is given to show: a running venue, or a recording."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from seawall.terminal import protocol
from seawall.terminal.account import account
from seawall.terminal.cascade import CascadeLog
from seawall.terminal.guard import GuardView
from seawall.terminal.scene import Scene
from seawall.venues.port import Applied

Heard = Callable[[Sequence[Applied]], None]


class Looking(Protocol):
    """What a connection looks at: rows of market and account, and the candles' interval."""

    @property
    def market(self) -> int: ...

    @property
    def account(self) -> int: ...

    @property
    def interval(self) -> protocol.Interval: ...


def view_of(scene: Scene, looking: Looking) -> protocol.View:
    """What a connection looks at, by its names."""
    return protocol.View(
        scene.instruments[looking.market].name,
        scene.names.of(looking.account).address,
        looking.interval,
    )


class Listeners:
    """What stages have in common: those whom a stage tells what took effect, and an account that
    is shown as the machine has it."""

    scene: Scene

    def __init__(self) -> None:
        self._listeners: list[Heard] = []

    def account(self, looking: Looking) -> protocol.Account:
        """As ``Stage`` has it."""
        return account(self.scene, looking.account, looking.market)

    def look_at(self, views: Sequence[Looking]) -> None:
        """Nothing: all of the machine is there."""

    def listen(self, heard: Heard) -> Callable[[], None]:
        """As ``Stage`` has it."""
        self._listeners.append(heard)

        def stop() -> None:
            with suppress(ValueError):
                self._listeners.remove(heard)

        return stop

    def tell(self, batch: Sequence[Applied]) -> None:
        for each in self._listeners:
            each(batch)


class Stage(Protocol):
    """``epoch``: changes when it goes back in time."""

    scene: Scene
    cascade: CascadeLog
    guard: GuardView
    epoch: int

    def snapshot(self) -> protocol.Snapshot: ...

    def venue(self, looking: Looking) -> protocol.Venue: ...

    def account(self, looking: Looking) -> protocol.Account: ...

    def twaps(self, account: int) -> protocol.Twaps: ...

    def first_account(self) -> int:
        """The row of the account that is looked at first."""
        ...

    def look_at(self, views: Sequence[Looking]) -> None:
        """All that pages look at now; called every second."""
        ...

    def listen(self, heard: Heard) -> Callable[[], None]:
        """Call ``heard`` with what took effect; returns how to stop that.

        With nothing where anything may have changed.
        """
        ...

    async def run(self) -> None:
        """What it does by itself, as long as it is shown."""
        ...

    async def act(self, request: protocol.AnyRequest, looking: Looking) -> protocol.Answer:
        """Raises InputError, or Refusal of a busy venue; nothing changed then."""
        ...
