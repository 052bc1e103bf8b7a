"""A venue's rules as numbers and choices. Mechanisms live in the engine; no venue is named here.

Rates are integers of 1e-9 (``RATE_ONE``), funding numbers of 1e-12 (``FUNDING_ONE``), money is
micro-USD, times are ms. How a rulebook file is read, and what ``documented``, ``observed`` and
``assumed`` mean in it, is said in ``venues/rulebook_file.py`` and ``domain/sourced.py``.
"""

import msgspec
from msgspec import Struct

from seawall.domain.enums import (
    DeleveragingPrice,
    LiquidationPriceLimit,
    LiquidationStage,
    MarginMode,
    MarkMethod,
    PremiumMethod,
    PriceReference,
    PriceRounding,
    StartingOffset,
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


class PriceMargin(Struct, frozen=True):
    """From a time on, how maintenance margin enters the liquidation price that a venue prints."""

    from_ms: int
    rounding: PriceRounding


class LiquidationPolicy(Struct, frozen=True, kw_only=True):
    stages: tuple[LiquidationStage, ...]
    partial_above: int
    """A position above this notional is first sold in part."""
    portion_rate: int
    cooldown_ms: int
    price_limit: LiquidationPriceLimit
    book_first_below_backstop: bool
    """When equity has already jumped below the backstop threshold, still try the book once."""
    backstop_numerator: int
    backstop_denominator: int
    """The backstop threshold: this fraction of maintenance margin."""
    liquidations_per_command: int
    fills_per_command: int
    cross_price_margin: tuple[PriceMargin, ...] = ()
    isolated_price_margin: tuple[PriceMargin, ...] = ()
    """Ascending in time; with none, truncated. Only printed prices follow it: the engine liquidates
    by margins in whole micro-USD."""

    def truncates(self, mode: MarginMode, time_ms: int | None = None) -> bool:
        """Whether a printed price comes from a truncated margin; without a time, as of today."""
        rows = self.isolated_price_margin
        if mode == MarginMode.CROSS:
            rows = self.cross_price_margin
        begun = [row for row in rows if time_ms is None or row.from_ms <= time_ms]
        last = (begun or rows[:1])[-1:]
        return not last or last[0].rounding == PriceRounding.TRUNCATED


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


class BlockPolicy(Struct, frozen=True, kw_only=True):
    """Time in blocks: what happens between two of them is settled when the next is committed."""

    block_ms: int
    short_term_blocks: int
    """A short-term order expires at most so many blocks beyond the next one."""
    long_term_ms: int
    """A stateful order expires after at most so long."""
    gate_blocks: int
    """Withdrawals and transfers of a pool stop for so many blocks after a negative account."""
    outage_ms: int
    """A block that took this long to come closes the gate too."""


class EquityTier(Struct, frozen=True):
    """From ``equity`` micro-USD of net collateral on, so many orders of the state."""

    equity: int
    open_orders: int


class BlockOrderPolicy(Struct, frozen=True, kw_only=True):
    equity_tiers: tuple[EquityTier, ...]
    """Ascending; below the first none may be open. At most eight."""
    trade_clamp_factor: int
    """Trade prices count for triggers within oracle x (1 +- factor x minimum price change)."""
    twap_minimum_interval_ms: int
    twap_maximum_interval_ms: int
    twap_minimum_duration_ms: int
    twap_maximum_duration_ms: int
    twap_catch_up_factor: int
    """A leg is at most so many times the leg of an undisturbed order."""
    twap_leg_lifetime_ms: int
    fills_per_command: int


class VolumeTier(Struct, frozen=True):
    """A fee tier: the volumes it asks for and the rates it gives; rates are ppm, rebates < 0."""

    name: str
    volume: int
    total_share_ppm: int
    maker_share_ppm: int
    taker_ppm: int
    maker_ppm: int


class StakingLevel(Struct, frozen=True):
    """Discount of a fee tier from so many micro-tokens staked on."""

    tier: str
    staked: int
    discount_ppm: int


class BlockFeePolicy(Struct, frozen=True, kw_only=True):
    tiers: tuple[VolumeTier, ...]
    """Ascending; a tier counts only when all before it are met. At most sixteen."""
    staking_levels: tuple[StakingLevel, ...]
    """In the order of ``tiers``, ascending stake in each. At most 64."""
    referred_tier: int
    """A referred account has at least this tier."""
    history_days: int
    evaluation_ms: int


class BlockFundingPolicy(Struct, frozen=True, kw_only=True):
    """Funding by votes of blocks, samples of votes and ticks of samples, kept as an index."""

    sample_ms: int
    sample_offset_ms: int
    tick_ms: int
    rate_period_ms: int
    """Rates are quoted for this period; a tick pays its share of it."""
    minimum_votes: int
    rate_clamp_ppm: int
    vote_clamp_ppm: int
    """Bounds of rate and vote: this x (initial - maintenance fraction)."""
    tail_ppm: int
    """Share of samples dropped at each end before averaging."""


class BlockLiquidationPolicy(Struct, frozen=True, kw_only=True):
    maximum_fee_ppm: int
    bankruptcy_adjustment_ppm: int
    spread_to_maintenance_ppm: int
    position_minimum: int
    position_portion_ppm: int
    account_notional: int
    account_insurance: int
    """Limits of one block: the least notional and the largest share of a position, and the
    notional and the insurance payments of an account."""
    liquidations_per_block: int
    deleveragings_per_block: int
    counterparties_per_deleveraging: int
    position_offset: StartingOffset
    account_offset: StartingOffset
    counterparty_offset: StartingOffset


class BlockRulebook(Struct, frozen=True, kw_only=True):
    """Rules of a venue that settles in blocks: no order holds margin, every match is checked.

    The oracle price is the only valuation price. Who is below initial margin may only improve.
    """

    name: str
    as_of: str
    block: BlockPolicy
    order: BlockOrderPolicy
    fee: BlockFeePolicy
    funding: BlockFundingPolicy
    liquidation: BlockLiquidationPolicy


AnyRulebook = Rulebook | BlockRulebook


class _Clocked(Struct):
    block: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def decode_rulebook(raw: msgspec.Raw) -> AnyRulebook:
    """The rulebook of its JSON: only one with blocks speaks of them. Raises MsgspecError."""
    clocked = msgspec.json.decode(raw, type=_Clocked)
    if clocked.block is msgspec.UNSET:
        return msgspec.json.decode(raw, type=Rulebook)
    return msgspec.json.decode(raw, type=BlockRulebook)


def truncates_price(rulebook: AnyRulebook, mode: MarginMode, time_ms: int | None = None) -> bool:
    """Whether a printed liquidation price comes from a truncated margin.

    ``time_ms``: of the state, None for today. Block rules print none; their margins are whole.
    """
    return isinstance(rulebook, BlockRulebook) or rulebook.liquidation.truncates(mode, time_ms)
