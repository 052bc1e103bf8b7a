"""Reading any account of this venue through its public info API, which needs no key.

``POST {base}/info`` is asked for everything that says what an address owns: ``userAbstraction``
(the mode), ``perpDexs`` and ``clearinghouseState`` of each dex, ``spotClearinghouseState``,
``frontendOpenOrders``, the ``meta`` of other dexes with a position, and ``metaAndAssetCtxs`` with
the main dex's markets, marks and funding rates [documented: API reference, info endpoint]. The
answers are put into one text (``document``), with the moment of each request: they are not taken
together. A sandbox answers the same; a type that an API does not know is absent there, which the
text says, except the account's state and the markets.

Addresses are 20 bytes in hex; where their letters are of both cases, the case is a checksum
(EIP-55), which must be right.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from seawall.venues.hyperliquid.account.state import coins_of
from seawall.venues.hyperliquid.wire.signing import keccak256
from seawall.venues.numbers import plain_number
from seawall.venues.public_api import NotFound, PublicAnswers, PublicApi, RequestRefused
from seawall.venues.raw_json import VenueDataError, decode

_INFO = "/info"
_ADDRESS = re.compile(r"0[xX][0-9a-fA-F]{40}")


class MarketContext(Struct, rename="camel"):
    """What the venue says of a market as it stands; what it leaves out is None."""

    oracle_px: str | None = None
    mark_px: str | None = None
    mid_px: str | None = None
    funding: str | None = None
    open_interest: str | None = None
    day_ntl_vlm: str | None = None
    prev_day_px: str | None = None


class _Asset(Struct, rename="camel"):
    name: str
    sz_decimals: int = 0
    is_delisted: bool = False


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


class AccountParts(Struct, frozen=True, kw_only=True):
    """What a venue says about one address and about all markets, each part as it was answered.

    ``abstraction``: the mode; UNSET where the API does not know the type. By dex, the main one
    under an empty name: ``states``; ``orders``, open ones (None where unknown to the API);
    ``metas`` of other dexes. ``taken``: ms after the first request, by request; ``absent``: those
    that the API does not know.
    """

    abstraction: str | UnsetType | None
    states: Mapping[str, bytes]
    spot: bytes | None
    orders: Mapping[str, bytes] | None
    metas: Mapping[str, bytes]
    markets: bytes
    contexts: Mapping[str, MarketContext]
    taken: Mapping[str, float] = {}
    absent: Sequence[str] = ()

    def answers(self) -> PublicAnswers:
        """All of it as one text. Raises VenueDataError."""
        fields: dict[str, Any] = {}
        if self.abstraction is not UNSET:
            fields["abstraction"] = self.abstraction
        # Pairs and not a mapping: an empty answer stays one of its dex.
        fields["clearinghouseState"] = [[name, Raw(raw)] for name, raw in self.states.items()]
        if self.spot is not None:
            fields["spotClearinghouseState"] = Raw(self.spot)
        if self.orders is not None:
            rows = [decode(list[Raw], raw, "openOrders") for raw in self.orders.values()]
            fields["openOrders"] = [row for each in rows for row in each]
        fields["metas"] = {name: Raw(raw) for name, raw in self.metas.items()}
        fields["taken"], fields["absent"] = self.taken, self.absent
        return PublicAnswers(
            msgspec.json.encode(fields),
            self.markets,
            mark_prices(self.contexts),
            _funding(self.contexts),
        )


def account_answers(
    api: PublicApi, address: str, clock: Callable[[], float] = time.monotonic
) -> PublicAnswers:
    """What the venue says about an address and about all markets now. Raises VenueDataError.

    ``clock``: seconds, for the moments of the requests.
    """
    return account_parts(api, address, clock).answers()


def account_parts(
    api: PublicApi, address: str, clock: Callable[[], float] = time.monotonic
) -> AccountParts:
    """The same in its parts. Raises VenueDataError."""
    asked = _Asked(api, clock)
    abstraction = asked.optional("userAbstraction", user=address)
    names = _dex_names(asked)
    states = {"": asked.needed("clearinghouseState", user=address)}
    spot = asked.optional("spotClearinghouseState", user=address)
    for name in names:
        found = asked.optional("clearinghouseState", user=address, dex=name)
        if found is not None:
            states[name] = found
    held = [name for name, raw in states.items() if not name or coins_of(raw)]
    orders = {
        name: asked.optional("frontendOpenOrders", user=address, **_of_dex(name)) for name in held
    }
    metas = {name: asked.optional("meta", dex=name) for name in held if name}
    markets, contexts = market_answers(api)
    known_orders = {name: raw for name, raw in orders.items() if raw is not None}
    return AccountParts(
        abstraction=UNSET if abstraction is None else _word(abstraction),
        states=states,
        spot=spot,
        orders=known_orders if len(known_orders) == len(held) else None,
        metas={name: raw for name, raw in metas.items() if raw is not None},
        markets=markets,
        contexts=contexts,
        taken=asked.taken,
        absent=asked.absent,
    )


class _Asked:
    """Requests about one address: when each was made, ms after the first, and which the API does
    not know."""

    def __init__(self, api: PublicApi, clock: Callable[[], float]) -> None:
        self._api = api
        self._clock = clock
        self._start = clock()
        self.taken: dict[str, float] = {}
        self.absent: list[str] = []

    def needed(self, kind: str, **more: str) -> bytes:
        """The raw answer. Raises VenueDataError."""
        self.taken[_called(kind, more)] = round(1000 * (self._clock() - self._start), 3)
        return self._api.post(_INFO, {"type": kind, **more})

    def optional(self, kind: str, **more: str) -> bytes | None:
        """The raw answer; None where the API does not know the type. Raises VenueDataError."""
        try:
            return self.needed(kind, **more)
        except (NotFound, RequestRefused):
            name = _called(kind, more)
            del self.taken[name]
            self.absent.append(name)
            return None


def _called(kind: str, more: Mapping[str, str]) -> str:
    """The name of a request: its type, and its dex."""
    return " ".join(filter(None, (kind, more.get("dex"))))


def _of_dex(name: str) -> dict[str, str]:
    return {"dex": name} if name else {}


class _Abstraction(Struct, rename="camel"):
    user_abstraction: str | None


def _word(raw: bytes) -> str | None:
    """The answer to ``userAbstraction``, which is text or null."""
    return decode(_Abstraction, b'{"userAbstraction":' + raw + b"}").user_abstraction


class _Dex(Struct):
    name: str


def _dex_names(asked: _Asked) -> list[str]:
    """The dexes beside the main one, which the answer lists as null."""
    raw = asked.optional("perpDexs")
    if raw is None:
        return []
    return [each.name for each in decode(list[_Dex | None], raw, "perpDexs") if each is not None]


def trading_coins(meta: bytes) -> list[str]:
    """The coins of a ``meta`` that are not delisted. Raises VenueDataError."""
    return [asset.name for asset in decode(_Universe, meta).universe if not asset.is_delisted]


def dex_of(market: str) -> str:
    """The dex that a market is of; the venue's own is empty."""
    return market.partition(":")[0] if ":" in market else ""


def size_decimals(meta: bytes) -> dict[str, int]:
    """Decimals of a size by coin, in the order of a ``meta``. Raises VenueDataError."""
    return {asset.name: asset.sz_decimals for asset in decode(_Universe, meta).universe}


def market_answers(api: PublicApi, dex: str = "") -> tuple[bytes, Mapping[str, MarketContext]]:
    """The raw ``meta`` of a dex and the context of each market by coin. Raises VenueDataError."""
    raw = api.post(_INFO, {"type": "metaAndAssetCtxs", **_of_dex(dex)})
    meta, contexts = decode(tuple[msgspec.Raw, list[MarketContext]], raw, "metaAndAssetCtxs")
    names = [asset.name for asset in decode(_Universe, bytes(meta)).universe]
    if len(names) != len(contexts):
        raise VenueDataError(
            f"metaAndAssetCtxs: {len(contexts)} contexts for {len(names)} markets; should be one "
            "for each"
        )
    return bytes(meta), dict(zip(names, contexts, strict=True))


def mark_prices(contexts: Mapping[str, MarketContext]) -> dict[str, str]:
    """USD by coin, of the markets that have a mark. Raises VenueDataError."""
    found = {}
    for coin, context in contexts.items():
        if context.mark_px is not None and plain_number(f"{coin}.markPx", context.mark_px) > 0:
            found[coin] = context.mark_px
    return found


def _funding(contexts: Mapping[str, MarketContext]) -> dict[str, float]:
    """The rate of the running hour: longs pay shorts this fraction of notional if positive."""
    return {
        coin: plain_number(f"{coin}.funding", context.funding)
        for coin, context in contexts.items()
        if context.funding is not None
    }
