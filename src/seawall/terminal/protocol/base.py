"""What every message is made of, and the choices that fields have."""

from typing import Literal

from msgspec import Struct

SideName = Literal["buy", "sell"]
ModeName = Literal["cross", "isolated"]
GroupingName = Literal["standard", "unified"]
SourceKind = Literal["venue", "recording", "address"]
AccountKind = Literal["test", "agent", "system", "client"]
OrderKind = Literal[
    "limit", "post_only", "immediate", "fill_or_kill", "market",
    "stop_market", "stop_limit", "take_market", "take_limit", "scale",
]  # fmt: skip
INTERVALS = {
    "1m": 60_000, "5m": 300_000, "15m": 900_000, "1h": 3_600_000, "4h": 14_400_000,
    "1d": 86_400_000,
}  # fmt: skip
Interval = Literal["1m", "5m", "15m", "1h", "4h", "1d"]


class Message(Struct, rename="camel", tag_field="type"):
    """Something with a type of its own. ``type``: the name of the class."""


class Part(Struct, rename="camel"):
    """A part of a message."""
