"""What every event carries."""

from typing import ClassVar

from msgspec import Struct

from seawall.domain.enums import EventKind


class BaseEvent(Struct, frozen=True, gc=False, tag_field="kind"):
    kind: ClassVar[EventKind]
    sequence: int
    """Number of the command that caused it; commands count from 1."""
