"""Keys of a sandbox's accounts, TEST ONLY: they follow from a phrase that is no secret.

    private key of account n  =  keccak256(utf-8 of "<phrase>/<n>")        n = 0, 1, ...
    address of an agent       =  last 20 bytes of keccak256(utf-8 of "<phrase>/agent/<name>")

An agent's private key is known to no one, not even to the sandbox.
"""

from coincurve import PrivateKey
from Crypto.Hash import keccak

from seawall.domain.errors import InputError
from seawall.venues.venue import UserKey


def _keccak(data: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=data).digest()


def user_key(phrase: str, index: int) -> UserKey:
    """The key of account ``index``; the address is lower-case."""
    secret = _keccak(f"{phrase}/{index}".encode())
    point = PrivateKey(secret).public_key.format(compressed=False)
    return UserKey("0x" + _keccak(point[1:])[-20:].hex(), "0x" + secret.hex())


def agent_address(phrase: str, name: str) -> str:
    """The address of an agent."""
    return "0x" + _keccak(f"{phrase}/agent/{name}".encode())[-20:].hex()


def account_named(text: str) -> str:
    """An address in lower case. Raises InputError."""
    address = text.strip().lower()
    digits = address.removeprefix("0x")
    is_hex = len(digits) == 40 and all(digit in "0123456789abcdef" for digit in digits)
    if not (address.startswith("0x") and is_hex):
        raise InputError.of("", "address", text, "an address: 0x and 40 hex digits")
    return address
