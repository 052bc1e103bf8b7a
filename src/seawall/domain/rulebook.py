"""A venue's rules as numbers and choices. Mechanisms live in the engine; no venue is named here.

Rates are integers of 1e-9 (``RATE_ONE``), funding numbers of 1e-12 (``FUNDING_ONE``), money is
micro-USD, times are ms. How a rulebook file is read, and what ``documented``, ``observed`` and
``assumed`` mean in it, is said in ``venues/rulebook_file.py``.
"""

from msgspec import Struct

from seawall.domain.enums import (
    DeleveragingPrice,
    LiquidationPriceLimit,
    LiquidationStage,
    MarkMethod,
    PremiumMethod,
    PriceReference,
)


class MarginPolicy(Struct, frozen=True, kw_only=True):
    transfer_floor_rate: int
    """Share of notional that must stay when margin leaves other than by trading."""
    default_leverage: int
    """Leverage of an untouched market, capped by the market's maximum; the mode is cross."""


class ValueCap(Struct, frozen=True):
    """Largest market order in a market whose maximum leverage is at least this."""

    minimum_maximum_leverage: int
    value: int


class OrderPolicy(Struct, frozen=True, kw_only=True):
    minimum_value: int
    closing_below_minimum_allowed: bool
    """A reduce-only order that closes the whole position may be smaller than the minimum."""
    price_band_rate: int
    price_band_reference: PriceReference
    maximum_significant_figures: int
    """Integers are always allowed. 0: no such rule."""
    market_value_caps: tuple[ValueCap, ...]
    """Descending leverage; the last entry has leverage 0. At most four."""
    limit_value_factor: int
    open_orders_base: int
    open_orders_volume_step: int
    """One more open order for each such amount of volume."""
    open_orders_maximum: int
    schedule_minimum_delay_ms: int
    schedule_daily_maximum: int
    schedule_minimum_volume: int
    reserve_fee: bool
    """Whether the margin check of an order also sets the taker fee aside."""


class FeeTier(Struct, frozen=True):
    volume_above: int
    taker_rate: int
    maker_rate: int


class MakerRebate(Struct, frozen=True):
    """Above this share of the venue's maker volume the maker rate becomes this."""

    share_above: int
    maker_rate: int


class FeePolicy(Struct, frozen=True, kw_only=True):
    tiers: tuple[FeeTier, ...]
    maker_rebates: tuple[MakerRebate, ...]
    history_days: int


class FundingPolicy(Struct, frozen=True, kw_only=True):
    interest: int
    """Interest of one funding period."""
    clamp: int
    cap: int
    """Largest absolute rate of one settlement."""
    intervals_per_period: int
    """Settlements per funding period: the period's rate is divided by it."""
    sample_ms: int
    settlement_ms: int
    premium_method: PremiumMethod


class MarkPolicy(Struct, frozen=True, kw_only=True):
    method: MarkMethod
    premium_decay_ms: int
    mid_decay_ms: int


class LiquidationPolicy(Struct, frozen=True, kw_only=True):
    stages: tuple[LiquidationStage, ...]
    partial_above: int
    """A position above this notional is first sold in part."""
    portion_rate: int
    cooldown_ms: int
    price_limit: LiquidationPriceLimit
    book_first_below_backstop: bool
    """When equity has already jumped below the backstop line, still try the book once."""
    backstop_numerator: int
    backstop_denominator: int
    """The backstop line: this fraction of maintenance margin."""
    liquidations_per_command: int
    fills_per_command: int


class DeleveragingPolicy(Struct, frozen=True, kw_only=True):
    price: DeleveragingPrice


class Rulebook(Struct, frozen=True, kw_only=True):
    name: str
    as_of: str
    margin: MarginPolicy
    order: OrderPolicy
    fee: FeePolicy
    funding: FundingPolicy
    mark: MarkPolicy
    liquidation: LiquidationPolicy
    deleveraging: DeleveragingPolicy
