"""Client order ids that say which policy, step, episode and fill state an order belongs to.

128 bits, as venues take them: 16 that mark the guard, 24 of the policy's name, 32 of the step with
its market, 16 of the episode, 24 of the fill state, 16 of the order's number in its position. An
order sent twice in the same state has the same id both times, so a venue and a reader can tell. The
parts are not hashed together: what an order of an earlier run belongs to can be read from it.
"""

from typing import NamedTuple

from seawall.guard.policy import digest

_MARK = 0x5EA1
_EPISODES, _ATTEMPTS = 1 << 16, 1 << 16
STATE_BITS = 24


class OrderName(NamedTuple):
    """What a client order id says. ``policy``, ``step``: bits that stand for their names."""

    policy: int
    step: int
    episode: int
    state: int
    attempt: int


def client_id(policy: int, step: str, episode: int, state: int, attempt: int) -> str:
    """The id of an order: ``0x`` and 32 hexadecimal digits."""
    value = _MARK
    for part, bits in (
        (policy, 24), (digest(step, 32), 32), (episode % _EPISODES, 16),
        (state % (1 << STATE_BITS), STATE_BITS), (attempt % _ATTEMPTS, 16),
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
        policy=value >> 88 & 0xFFFFFF,
        step=value >> 56 & 0xFFFFFFFF,
        episode=value >> 40 & 0xFFFF,
        state=value >> 16 & 0xFFFFFF,
        attempt=value & 0xFFFF,
    )


def fill_state(*parts: int) -> int:
    """24 bits that stand for what is filled and wanted."""
    return digest("/".join(map(str, parts)), STATE_BITS)
