"""Client order ids that say which policy, step, episode and fill state an order belongs to.

128 bits, as venues take them: 16 that mark the guard, 32 of the policy's name, 32 of the step (with
its bucket or market), 16 of the episode, 24 of the fill state, 8 of the try. An order sent twice in
the same state has the same id both times, so a venue and a reader can tell. They are not hashed
together: what an order of an earlier run belongs to can be read from it.
"""

from typing import NamedTuple

from seawall.guard.policy import digest

_MARK = 0x5EA1
_EPISODES, _TRIES = 1 << 16, 1 << 8
STATE_BITS = 24


class OrderName(NamedTuple):
    """What a client order id says. ``policy``, ``step``: 32 bits that stand for their names."""

    policy: int
    step: int
    episode: int
    state: int
    attempt: int


def client_id(policy: int, step: str, episode: int, state: int, attempt: int) -> str:
    """The id of an order: ``0x`` and 32 hexadecimal digits."""
    value = _MARK
    for part, bits in (
        (policy, 32), (digest(step, 32), 32), (episode % _EPISODES, 16),
        (state % (1 << STATE_BITS), STATE_BITS), (attempt % _TRIES, 8),
    ):  # fmt: skip
        value = value << bits | part
    return f"0x{value:032x}"


def read_client_id(text: str) -> OrderName | None:
    """What an id says; None for one that the guard has not made."""
    try:
        value = int(text, 16)
    except ValueError:
        return None
    if len(text) != 34 or value >> 112 != _MARK:
        return None
    return OrderName(
        policy=value >> 80 & 0xFFFFFFFF,
        step=value >> 48 & 0xFFFFFFFF,
        episode=value >> 32 & 0xFFFF,
        state=value >> 8 & 0xFFFFFF,
        attempt=value & 0xFF,
    )


def fill_state(*parts: int) -> int:
    """24 bits that stand for what is filled and wanted."""
    return digest("/".join(map(str, parts)), STATE_BITS)
