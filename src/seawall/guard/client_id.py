"""Client order ids that say which policy, step, episode and fill state an order belongs to.

128 bits where the venue takes them: 16 that mark the guard, 24 of the policy's name, 32 of the step
with its market, 16 of the episode, 24 of the fill state, 16 of the order's number in its position.
The parts are not hashed together: what an order of an earlier run belongs to can be read from it.

64 bits where the venue takes no more: 8 that mark the guard, 8 of the policy's name, 10 of the step
with its market and 6 of the order's number can be read; 32 stand for all of these parts together,
with episode and fill state, so that no two orders have the same where a venue compares only these.

An order sent twice in the same state has the same id both times, so a venue and a reader can tell.
"""

from typing import NamedTuple

from seawall.guard.policy import digest

_MARK, _SHORT_MARK = 0x5EA1, 0x5E
_EPISODES, _ATTEMPTS = 1 << 16, 1 << 16
STATE_BITS = 24
LONG, SHORT = 128, 64
_POLICY_BITS, _STEP_BITS = {LONG: 24, SHORT: 8}, {LONG: 32, SHORT: 10}
_SHORT_NUMBERS = 1 << 6


class OrderName(NamedTuple):
    """What a client order id of so many bits says. ``policy``, ``step``: bits that stand for their
    names. Of a short id the episode is 0, and so is the state."""

    bits: int
    policy: int
    step: int
    episode: int
    state: int
    attempt: int

    def is_of(self, policy: int) -> bool:
        """Whether it is one of a policy, by its digest."""
        return self.policy == policy % (1 << _POLICY_BITS[self.bits])

    def is_step(self, step: str) -> bool:
        """Whether it is one of a step."""
        return self.step == digest(step, 32) % (1 << _STEP_BITS[self.bits])


def client_id(
    policy: int, step: str, episode: int, state: int, attempt: int, bits: int = LONG
) -> str:
    """The id of an order: ``0x`` and 32 hexadecimal digits, or 16 where ``bits`` are 64."""
    if bits == SHORT:
        return _short_id(policy, step, episode, state, attempt)
    value = _MARK
    for part, bits in (
        (policy, 24), (digest(step, 32), 32), (episode % _EPISODES, 16),
        (state % (1 << STATE_BITS), STATE_BITS), (attempt % _ATTEMPTS, 16),
    ):  # fmt: skip
        value = value << bits | part
    return f"0x{value:032x}"


def _short_id(policy: int, step: str, episode: int, state: int, attempt: int) -> str:
    value = _SHORT_MARK
    for part, bits in (
        (policy, _POLICY_BITS[SHORT]), (digest(step, 32), _STEP_BITS[SHORT]),
        (attempt, 6), (digest(f"{policy}/{step}/{episode}/{state}/{attempt}", 32), 32),
    ):  # fmt: skip
        value = value << bits | part % (1 << bits)
    return f"0x{value:016x}"


def read_client_id(text: str) -> OrderName | None:
    """What an id says; None for one that the guard has not made."""
    try:
        value = int(text, 16)
    except ValueError:
        return None
    if len(text) == 18 and value >> 56 == _SHORT_MARK:
        return OrderName(
            bits=SHORT,
            policy=value >> 48 & 0xFF,
            step=value >> 38 & 0x3FF,
            episode=0,
            state=0,
            attempt=value >> 32 & _SHORT_NUMBERS - 1,
        )
    if len(text) != 34 or value >> 112 != _MARK:
        return None
    return OrderName(
        bits=LONG,
        policy=value >> 88 & 0xFFFFFF,
        step=value >> 56 & 0xFFFFFFFF,
        episode=value >> 40 & 0xFFFF,
        state=value >> 16 & 0xFFFFFF,
        attempt=value & 0xFFFF,
    )


def fill_state(*parts: int) -> int:
    """24 bits that stand for what is filled and wanted."""
    return digest("/".join(map(str, parts)), STATE_BITS)
