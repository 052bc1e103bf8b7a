"""What an account could still trade: ``activeAssetData`` and open orders, read and computed.

[observed] For one side of a coin, with F what equity leaves of initial margins and of the resting
orders of that side:

    added to the position, or without one     floor(F x leverage / mark)
    against an isolated position              its size + floor((F + its margin) x leverage / mark)
    against a cross position                  floor((F + 2 x its initial margin) x leverage / mark)

in whole lots; ``availableToTrade`` is that size x mark / leverage, truncated to 1e-6.
``maxTradeSzs`` may be less: the position after the trade stays within the notional up to which a
tier allows its leverage.
"""

from collections.abc import Sequence
from fractions import Fraction

import msgspec
from msgspec import Raw, Struct

from seawall.domain.instrument import MarginTier
from seawall.domain.units import MONEY_DECIMALS, fraction_text
from seawall.venues.hyperliquid.account.document import Part
from seawall.venues.hyperliquid.account.spot import exact_amount
from seawall.venues.numbers import decimals_shown
from seawall.venues.raw_json import VenueDataError, decode

_TYPES = ("cross", "isolated")
_MICRO = Fraction(1, 10**6)
_TAKE_PROFIT = "Take Profit"
_POST_ONLY = "Alo"


class _Leverage(Struct):
    type: str
    value: int | str


class _Active(Struct, rename="camel"):
    coin: str
    leverage: _Leverage
    max_trade_szs: tuple[str, str]
    available_to_trade: tuple[str, str]
    mark_px: str


class _Order(Struct, rename="camel"):
    coin: str
    side: str
    limit_px: str
    sz: str
    reduce_only: bool = False
    is_trigger: bool = False
    oid: int = 0
    cloid: str | None = None
    trigger_px: str | None = None
    order_type: str = ""
    is_position_tpsl: bool = False
    orig_sz: str | None = None
    timestamp: int | None = None
    tif: str | None = None


class ActiveAsset(Struct, frozen=True, kw_only=True):
    """The venue's figures about one coin; pairs are of buying and of selling."""

    coin: str
    is_cross: bool
    leverage: int
    mark: Fraction
    sizes: tuple[Fraction, Fraction]
    available: tuple[Fraction, Fraction]
    lot: Fraction
    """The last decimal of the sizes that it prints, 1 where they are whole."""


class ListedOrder(Struct, frozen=True, kw_only=True):
    """An open order. ``price``, ``trigger_price`` (None for a limit order): in the collateral
    token. ``holds_margin``: whether it may; ``whole_position``: for all of it, whatever its size.
    """

    coin: str
    is_buy: bool
    size: Fraction
    price: Fraction
    holds_margin: bool
    reduce_only: bool = False
    order_id: int = 0
    client_id: str = ""
    trigger_price: Fraction | None = None
    take_profit: bool = False
    whole_position: bool = False
    kind: str = ""
    """In the venue's words, such as ``Stop Market``."""
    post_only: bool = False
    original_size: Fraction | None = None
    placed_ms: int | None = None

    @property
    def value(self) -> Fraction:
        return self.size * self.price if self.holds_margin else Fraction(0)


class SideLimit(Struct, frozen=True):
    """Computed for one side: the largest size, and the margin of it where no tier limits it."""

    size: Fraction
    available: Fraction


def active_assets(part: Part) -> tuple[ActiveAsset, ...]:
    """``activeAssetData`` of one coin, a mapping by coin, or a list. Raises VenueDataError."""
    try:
        named: dict[str, Raw] = msgspec.json.decode(part.raw, type=dict[str, Raw])
    except msgspec.MsgspecError:
        rows = decode(list[Raw], part.raw, part.path)
        named = {f"[{index}]": row for index, row in enumerate(rows)}
    if "coin" in named:
        return (_active(part.path, part.raw),)
    return tuple(
        _active(f"{part.path}{name if name[:1] == '[' else f'.{name}'}", bytes(raw))
        for name, raw in named.items()
        if bytes(raw).strip() != b"null"
    )


def _active(path: str, raw: bytes) -> ActiveAsset:
    row = decode(_Active, raw, path)
    if row.leverage.type not in _TYPES:
        raise VenueDataError(f"{path}.leverage.type: {row.leverage.type!r} must be 'cross' or "
                             "'isolated'")  # fmt: skip
    text = str(row.leverage.value)
    if not text.isdecimal() or int(text) < 1:
        raise VenueDataError(f"{path}.leverage.value: {text[:40]!r} must be a whole number above 0")
    mark = exact_amount(f"{path}.markPx", row.mark_px)
    if mark <= 0:
        raise VenueDataError(f"{path}.markPx: {row.mark_px!r} must be above 0")
    sizes = [exact_amount(f"{path}.maxTradeSzs", each) for each in row.max_trade_szs]
    available = [exact_amount(f"{path}.availableToTrade", each) for each in row.available_to_trade]
    # A printed double may end in noise: 3547066.8999999999 is a size of one decimal.
    decimals = max(decimals_shown(fraction_text(round(each, MONEY_DECIMALS))) for each in sizes)
    return ActiveAsset(
        coin=row.coin,
        is_cross=row.leverage.type == "cross",
        leverage=int(text),
        mark=mark,
        sizes=(round(sizes[0], decimals), round(sizes[1], decimals)),
        available=(round(available[0], 6), round(available[1], 6)),
        lot=Fraction(1, 10**decimals),
    )


def listed_orders(part: Part) -> tuple[ListedOrder, ...]:
    """``openOrders`` or ``frontendOpenOrders``. Raises VenueDataError."""
    found = []
    for index, row in enumerate(decode(list[_Order], part.raw, part.path)):
        where = f"{part.path}[{index}]"
        size = exact_amount(f"{where}.sz", row.sz)
        found.append(
            ListedOrder(
                coin=row.coin,
                is_buy=row.side == "B",
                size=size,
                price=exact_amount(f"{where}.limitPx", row.limit_px),
                holds_margin=not row.reduce_only and not row.is_trigger,
                reduce_only=row.reduce_only,
                order_id=row.oid,
                client_id=row.cloid or "",
                trigger_price=exact_amount(f"{where}.triggerPx", row.trigger_px)
                if row.is_trigger and row.trigger_px is not None
                else None,
                take_profit=row.order_type.startswith(_TAKE_PROFIT),
                whole_position=row.is_position_tpsl and not size,
                kind=row.order_type,
                post_only=row.tif == _POST_ONLY,
                original_size=None
                if row.orig_sz is None
                else exact_amount(f"{where}.origSz", row.orig_sz),
                placed_ms=row.timestamp,
            )
        )
    return tuple(found)


def side_limit(
    asset: ActiveAsset,
    *,
    is_buy: bool,
    free: Fraction,
    signed_size: Fraction,
    margin: Fraction,
    tiers: Sequence[MarginTier],
) -> SideLimit:
    """The largest size of one side. ``free`` and ``margin``, the position's, in its collateral.

    ``free`` is without the resting orders of that side.
    """
    is_against = bool(signed_size) and (signed_size < 0) == is_buy
    closed = Fraction(0)
    if is_against and asset.is_cross:
        free += 2 * margin
    elif is_against:
        closed, free = abs(signed_size), free + margin
    lots = max(Fraction(0), free) * asset.leverage / asset.mark // asset.lot
    size = closed + lots * asset.lot
    available = size * asset.mark / asset.leverage // _MICRO * _MICRO
    bounds = [tier.lower_bound for tier in tiers if tier.maximum_leverage < asset.leverage]
    if bounds:
        most = Fraction(min(bounds), 10**6) / asset.mark // asset.lot * asset.lot
        size = min(size, max(Fraction(0), most + (-signed_size if is_buy else signed_size)))
    return SideLimit(size, available)
