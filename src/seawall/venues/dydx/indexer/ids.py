"""The ids of an indexer: UUIDs of version 5 over texts, and ids of events."""

from functools import lru_cache
from uuid import UUID, uuid5

NAMESPACE = UUID("0f9da948-a6fb-4c45-9edc-4685c3f3317d")


@lru_cache(10_000)
def subaccount_id(address: str, number: int) -> str:
    return str(uuid5(NAMESPACE, f"{address}-{number}"))


def order_id(address: str, number: int, client_id: int, pair: int, flags: int) -> str:
    """Of an order of the wire."""
    owner = subaccount_id(address, number)
    return str(uuid5(NAMESPACE, f"{owner}-{client_id}-{pair}-{flags}"))


def event_id(height: int, sequence: int, index: int) -> str:
    """Hex of three numbers of 32 bits: block, command of the machine, event."""
    parts = (height, sequence, index)
    return b"".join((part % 2**32).to_bytes(4, "big") for part in parts).hex()


def fill_id(event: str, liquidity: str) -> str:
    return str(uuid5(NAMESPACE, f"{event}-{liquidity}"))


def text_id(*parts: object) -> str:
    """Of anything else, by the texts that tell it apart."""
    return str(uuid5(NAMESPACE, "-".join(map(str, parts))))
