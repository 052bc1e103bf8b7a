"""One time-weighted order as the directory remembers it."""

from msgspec import Struct

CLIENT_ID_HIGH = 0x74776170 << 32
"""Upper half of the client ids of slices: no client may use it. The lower half is
``twap_id << 16 | index of the slice``."""
_INDEX_BITS = 16


class Twap(Struct):
    """Sizes in size units, prices in price units, notional micro-USD, times ms.

    ``status``: waitingForTrigger, activated, finished, terminated, stopped or error. ``slices``:
    how many there will be, the first at once. ``trigger_price`` and ``stop_price``: 0 for none.
    ``executed_*`` are exact up to the slice before the latest one while the order runs.
    """

    twap_id: int
    address: str
    account: int
    market: int
    side: int
    size: int
    minutes: int
    slices: int
    created_ms: int
    reduce_only: bool = False
    randomize: bool = False
    trigger_price: int = 0
    trigger_above: bool = False
    stop_price: int = 0
    status: str = "activated"
    started_ms: int = 0
    ended_ms: int = 0
    slices_sent: int = 0
    executed_size: int = 0
    executed_notional: int = 0

    @property
    def interval_ms(self) -> int:
        """Time between slices, never below 1."""
        return even_interval_ms(self.minutes, self.slices)


def even_interval_ms(minutes: int, slices: int) -> int:
    """Time between slices of which the first is sent at once and the last at the end."""
    return max(1, minutes * 60_000 // max(1, slices - 1))


def slice_client_id(twap_id: int, index: int) -> tuple[int, int]:
    """The client id halves of one slice."""
    return CLIENT_ID_HIGH, twap_id << _INDEX_BITS | index


def slice_of(high: int, low: int) -> tuple[int, int] | None:
    """(twap id, index) of an order of a time-weighted one; None for any other order."""
    return (low >> _INDEX_BITS, low & (1 << _INDEX_BITS) - 1) if high == CLIENT_ID_HIGH else None
