"""Signing a request, and who signed one: the signer's address is recovered from the action as it
was received.

Nothing is sorted, renamed or coerced: an action is packed in the key order of its JSON text, as
every client packed it. Any difference recovers some other address, which is then unknown.
"""

import re
from functools import lru_cache
from typing import Any

import msgspec
from coincurve import PrivateKey, PublicKey
from Crypto.Hash import keccak

from seawall.domain.errors import SeawallError

SOURCES = ("a", "b")
"""The two networks a client may believe it is on; both are accepted."""
TEST_SOURCE = "b"
"""The test network: what is signed for it is no signature on the main one."""
L1_CHAIN_ID = 1337

_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")
_ADDRESS = re.compile(r"(0x)?[0-9a-fA-F]{40}")
_RECOVERY = {0: 0, 1: 1, 27: 0, 28: 1}
_U64 = 2**64

_CHAIN = ("string", "hyperliquidChain")
_NONCE = ("uint64", "nonce")
_MESSAGES: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "usdSend": (
        "UsdSend",
        (_CHAIN, ("string", "destination"), ("string", "amount"), ("uint64", "time")),
    ),
    "withdraw3": (
        "Withdraw",
        (_CHAIN, ("string", "destination"), ("string", "amount"), ("uint64", "time")),
    ),
    "spotSend": (
        "SpotSend",
        (
            _CHAIN,
            ("string", "destination"),
            ("string", "token"),
            ("string", "amount"),
            ("uint64", "time"),
        ),
    ),
    "usdClassTransfer": (
        "UsdClassTransfer",
        (_CHAIN, ("string", "amount"), ("bool", "toPerp"), _NONCE),
    ),
    "sendAsset": (
        "SendAsset",
        (
            _CHAIN,
            ("string", "destination"),
            ("string", "sourceDex"),
            ("string", "destinationDex"),
            ("string", "token"),
            ("string", "amount"),
            ("string", "fromSubAccount"),
            _NONCE,
        ),
    ),
    "approveAgent": (
        "ApproveAgent",
        (_CHAIN, ("address", "agentAddress"), ("string", "agentName"), _NONCE),
    ),
    "approveBuilderFee": (
        "ApproveBuilderFee",
        (_CHAIN, ("string", "maxFeeRate"), ("address", "builder"), _NONCE),
    ),
    "userSetAbstraction": (
        "UserSetAbstraction",
        (_CHAIN, ("address", "user"), ("string", "abstraction"), _NONCE),
    ),
}
"""By action type: the name of the signed message and its fields, in order."""

USER_SIGNED = frozenset(_MESSAGES)
"""Action types that a wallet signs as a readable message; agents cannot."""


class SignatureError(SeawallError):
    """No address can be recovered: the signature or the signed fields are unusable."""


def keccak256(data: bytes) -> bytes:
    """The 32-byte digest that addresses and signatures are made of."""
    return keccak.new(data=data, digest_bits=256).digest()


def action_hash(action: Any, nonce: int, vault: str | None, expires_after: int | None) -> bytes:
    """What an L1 signature commits to. ``nonce`` and ``expires_after`` in ms since 1970.

    Raises SignatureError for what cannot be packed.
    """
    try:
        parts = [msgspec.msgpack.encode(action), nonce.to_bytes(8, "big")]
        parts.append(b"\x00" if vault is None else b"\x01" + _address_bytes(vault))
        if expires_after is not None:
            parts.append(b"\x00" + expires_after.to_bytes(8, "big"))
    except (OverflowError, TypeError, ValueError, RecursionError, UnicodeError) as error:
        raise SignatureError(f"the action cannot be packed: {error}") from None
    return keccak256(b"".join(parts))


def recover_connection(source: str, connection: bytes, signature: Any) -> str:
    """The signer of an ``action_hash`` on one of ``SOURCES``. Raises SignatureError."""
    return _recover(_typed_digest(_L1_DOMAIN, _agent_hash(source, connection)), signature)


def recover_user_signed(action: dict[str, Any], signature: Any) -> str:
    """The lower-case address that signed a readable message. Raises SignatureError.

    An unnamed agent is signed with an empty name that is then left out of the JSON.
    """
    return _recover(_message_digest(action), signature)


def sign_connection(source: str, connection: bytes, key: PrivateKey) -> dict[str, Any]:
    """The signature of an ``action_hash`` on one of ``SOURCES``."""
    return _signed(_typed_digest(_L1_DOMAIN, _agent_hash(source, connection)), key)


def sign_user_action(action: dict[str, Any], key: PrivateKey) -> dict[str, Any]:
    """The signature of a readable message. Raises SignatureError for what is none."""
    return _signed(_message_digest(action), key)


def address_of(key: PublicKey) -> str:
    """The address of a key, in lower case."""
    return "0x" + keccak256(key.format(compressed=False)[1:])[-20:].hex()


def _signed(digest: bytes, key: PrivateKey) -> dict[str, Any]:
    found = key.sign_recoverable(digest, hasher=None)
    return {"r": "0x" + found[:32].hex(), "s": "0x" + found[32:64].hex(), "v": 27 + found[64]}


def _message_digest(action: dict[str, Any]) -> bytes:
    """What the signature of a readable message commits to. Raises SignatureError."""
    message = _MESSAGES.get(str(action.get("type")))
    if message is None:
        raise SignatureError("not an action that is signed as a message")
    name, fields = message
    chain = action.get("signatureChainId")
    if not isinstance(chain, str) or not _QUANTITY.fullmatch(chain):
        raise SignatureError("signatureChainId is not a hexadecimal number")
    encoded = [_type_hash(name, fields)]
    for kind, field in fields:
        value = action.get(field)
        if value is None and field == "agentName":
            value = ""
        encoded.append(_encoded(kind, field, value))
    domain = _domain("HyperliquidSignTransaction", int(chain, 16))
    return _typed_digest(domain, keccak256(b"".join(encoded)))


def _address_bytes(text: Any) -> bytes:
    if not isinstance(text, str) or not _ADDRESS.fullmatch(text):
        raise SignatureError(f"{text!r} is not an address")
    return bytes.fromhex(text[-40:])


def _encoded(kind: str, field: str, value: Any) -> bytes:
    """One field of a typed message as 32 bytes."""
    if kind == "string" and isinstance(value, str):
        try:
            return keccak256(value.encode())
        except UnicodeError:
            raise SignatureError(f"{field} is not text") from None
    if kind == "bool" and isinstance(value, bool):
        return int(value).to_bytes(32, "big")
    if kind == "address":
        return bytes(12) + _address_bytes(value)
    if kind == "uint64" and type(value) is int and 0 <= value < _U64:
        return value.to_bytes(32, "big")
    raise SignatureError(f"{field} is not a {kind}")


@lru_cache(maxsize=64)
def _type_hash(name: str, fields: tuple[tuple[str, str], ...]) -> bytes:
    listed = ",".join(f"{kind} {field}" for kind, field in fields)
    return keccak256(f"HyperliquidTransaction:{name}({listed})".encode())


@lru_cache(maxsize=64)
def _domain(name: str, chain_id: int) -> bytes:
    kind = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    return keccak256(
        keccak256(kind.encode())
        + keccak256(name.encode())
        + keccak256(b"1")
        + chain_id.to_bytes(32, "big")
        + bytes(32)
    )


_L1_DOMAIN = _domain("Exchange", L1_CHAIN_ID)
_AGENT_TYPE = keccak256(b"Agent(string source,bytes32 connectionId)")
_SOURCE_HASHES = {source: keccak256(source.encode()) for source in SOURCES}


def _agent_hash(source: str, connection: bytes) -> bytes:
    return keccak256(_AGENT_TYPE + _SOURCE_HASHES[source] + connection)


def _typed_digest(domain: bytes, message: bytes) -> bytes:
    return keccak256(b"\x19\x01" + domain + message)


def _recover(digest: bytes, signature: Any) -> str:
    """r and s may lack leading zeros; v is 27 or 28, or 0 or 1."""
    if not isinstance(signature, dict):
        raise SignatureError("the signature is not an object")
    halves = []
    for name in ("r", "s"):
        text = signature.get(name)
        if not isinstance(text, str) or not _QUANTITY.fullmatch(text):
            raise SignatureError(f"{name} is not a hexadecimal number")
        halves.append(int(text, 16).to_bytes(32, "big"))
    v = signature.get("v")
    if type(v) is not int or v not in _RECOVERY:
        raise SignatureError("v is not one of 27, 28, 0 and 1")
    try:
        key = PublicKey.from_signature_and_message(
            halves[0] + halves[1] + bytes([_RECOVERY[v]]), digest, hasher=None
        )
    except Exception as error:  # the library raises a plain Exception for an impossible signature
        raise SignatureError(f"no signer: {error}") from None
    return address_of(key)
