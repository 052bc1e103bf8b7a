"""Messages that need no state to be refused: ``place_order_stateless``."""

from collections.abc import Callable
from typing import Any

import msgspec

from seawall.venues.dydx.wire.bech32 import ADDRESS_PREFIX, encode
from seawall.venues.dydx.wire.order_message import OrderMessage, stateless_error

VALID = encode(ADDRESS_PREFIX, bytes(range(20)))


def _addressed(value: Any) -> Any:
    """The facts write VALID for any valid address."""
    if isinstance(value, dict):
        return {key: _addressed(item) for key, item in value.items()}
    return VALID if value == "VALID" else value


def place_order_stateless(given: Any) -> Any:
    return {"error": stateless_error(msgspec.convert(_addressed(given), OrderMessage))}


GROUPS: dict[str, Callable[[Any], Any]] = {"place_order_stateless": place_order_stateless}
