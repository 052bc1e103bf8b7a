"""Reading any account of this venue through its public info API, which needs no key.

``POST {base}/info`` with ``clearinghouseState`` says what an address owns, ``metaAndAssetCtxs`` the
markets with their margin tables, marks and the funding rate of the running hour [documented: API
reference, info endpoint]. A sandbox answers the same. ``userAbstraction`` is asked first: where
spot and perpetual balances are one, ``clearinghouseState`` does not say what an account owns
[documented: account abstraction modes], so such an account is refused.

Addresses are 20 bytes in hex; where their letters are of both cases, the case is a checksum
(EIP-55), which must be right.
"""

import re
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from seawall.venues.hyperliquid.wire.signing import keccak256
from seawall.venues.numbers import plain_number
from seawall.venues.public_api import PublicAnswers, PublicApi
from seawall.venues.raw_json import VenueDataError, decode

_INFO = "/info"
_ADDRESS = re.compile(r"0[xX][0-9a-fA-F]{40}")
_SEPARATE_BALANCES = ("default", "disabled")


class _Context(Struct, rename="camel"):
    mark_px: str | None = None
    funding: str | None = None


class _Asset(Struct):
    name: str


class _Universe(Struct):
    universe: list[_Asset]


def parse_address(text: str) -> str | None:
    """The address in lower case; None for text that does not begin like one.

    Raises VenueDataError for one that begins with 0x and has another length, other characters or a
    wrong checksum.
    """
    if text[:2] not in ("0x", "0X"):
        return None
    if not _ADDRESS.fullmatch(text):
        raise VenueDataError(
            f"{text[:80]!r} is no address: 0x and 40 hexadecimal digits, this has {len(text) - 2} "
            "characters after 0x"
        )
    digits = text[2:]
    is_mixed = digits not in (digits.lower(), digits.upper())
    if is_mixed and digits != _checksummed(digits):
        raise VenueDataError(
            f"{text!r} has a wrong checksum: the case of its letters should be "
            f"0x{_checksummed(digits)}; a letter may be mistyped"
        )
    return "0x" + digits.lower()


def _checksummed(digits: str) -> str:
    """The case of each letter by the digest of the lower-case text (EIP-55)."""
    lower = digits.lower()
    digest = keccak256(lower.encode()).hex()
    pairs = zip(lower, digest, strict=False)
    return "".join(letter.upper() if int(nibble, 16) >= 8 else letter for letter, nibble in pairs)


def account_answers(api: PublicApi, address: str) -> PublicAnswers:
    """What the venue says about an address and about all markets now. Raises VenueDataError."""
    _check_kind(address, api.post(_INFO, {"type": "userAbstraction", "user": address}))
    account = api.post(_INFO, {"type": "clearinghouseState", "user": address})
    markets, contexts = market_answers(api)
    return PublicAnswers(account, markets, mark_prices(contexts), _funding(contexts))


def _check_kind(address: str, raw: bytes) -> None:
    kind = decode(str, raw, "userAbstraction")
    if kind not in _SEPARATE_BALANCES:
        raise VenueDataError(
            f"userAbstraction: {address} is of the kind {kind!r}, whose collateral is its spot "
            "balances; only accounts with a perpetual balance of their own can be read: write this "
            "one as an account file"
        )


def market_answers(api: PublicApi) -> tuple[bytes, Mapping[str, _Context]]:
    """The venue's raw ``meta`` and the context of each market by coin. Raises VenueDataError."""
    raw = api.post(_INFO, {"type": "metaAndAssetCtxs"})
    meta, contexts = decode(tuple[msgspec.Raw, list[_Context]], raw, "metaAndAssetCtxs")
    names = [asset.name for asset in decode(_Universe, bytes(meta)).universe]
    if len(names) != len(contexts):
        raise VenueDataError(
            f"metaAndAssetCtxs: {len(contexts)} contexts for {len(names)} markets; should be one "
            "for each"
        )
    return bytes(meta), dict(zip(names, contexts, strict=True))


def mark_prices(contexts: Mapping[str, _Context]) -> dict[str, str]:
    """USD by coin, of the markets that have a mark. Raises VenueDataError."""
    found = {}
    for coin, context in contexts.items():
        if context.mark_px is not None and plain_number(f"{coin}.markPx", context.mark_px) > 0:
            found[coin] = context.mark_px
    return found


def _funding(contexts: Mapping[str, _Context]) -> dict[str, float]:
    """The rate of the running hour: longs pay shorts this fraction of notional if positive."""
    return {
        coin: plain_number(f"{coin}.funding", context.funding)
        for coin, context in contexts.items()
        if context.funding is not None
    }
