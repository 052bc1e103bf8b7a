"""Signing many actions quickly, for fuzzing, soaking and measuring.

The conformance tests sign with the clients' own code; this is the same signature by a faster
library, and a test holds the two against each other.
"""

from typing import Any

from coincurve import PrivateKey

from seawall.venues.hyperliquid.wire.signing import SOURCES, action_hash, keccak256

_DOMAIN_TYPE = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_DOMAIN = keccak256(
    keccak256(_DOMAIN_TYPE)
    + keccak256(b"Exchange")
    + keccak256(b"1")
    + (1337).to_bytes(32, "big")
    + bytes(32)
)
_AGENT_TYPE = keccak256(b"Agent(string source,bytes32 connectionId)")
_SOURCES = {source: keccak256(source.encode()) for source in SOURCES}


class Signer:
    """One key. ``key``: 32 bytes in hex."""

    def __init__(self, key: str) -> None:
        self._key = PrivateKey(bytes.fromhex(key.removeprefix("0x")))
        point = self._key.public_key.format(compressed=False)
        self.address = "0x" + keccak256(point[1:])[-20:].hex()

    def sign(
        self, action: Any, nonce: int, vault: str | None = None, expires: int | None = None
    ) -> dict[str, Any]:
        """The signature of an L1 action."""
        connection = action_hash(action, nonce, vault, expires)
        agent = keccak256(_AGENT_TYPE + _SOURCES["b"] + connection)
        found = self._key.sign_recoverable(keccak256(b"\x19\x01" + _DOMAIN + agent), hasher=None)
        return {
            "r": "0x" + found[:32].hex(),
            "s": "0x" + found[32:64].hex(),
            "v": 27 + found[64],
        }

    def request(self, action: Any, nonce: int) -> dict[str, Any]:
        """The whole body of an exchange request."""
        return {"action": action, "nonce": nonce, "signature": self.sign(action, nonce)}


def order_action(
    asset: int,
    is_buy: bool,
    price: str,
    size: str,
    tif: str = "Gtc",
    *,
    reduce: bool = False,
) -> dict[str, Any]:
    """One plain order."""
    order = {
        "a": asset,
        "b": is_buy,
        "p": price,
        "s": size,
        "r": reduce,
        "t": {"limit": {"tif": tif}},
    }
    return {"type": "order", "orders": [order], "grouping": "na"}
