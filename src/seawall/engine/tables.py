"""The tables of the machine's state, on one page.

Units: money is micro-USD (1e-6); a price and a size are integers of the market's own decimals,
chosen so that ``price x size`` is micro-USD; rates are 1e-9 (``RATE_ONE``), funding rates and
premiums 1e-12 (``FUNDING_ONE``); times are ms since 1970. ``-1`` means "no row". No row has
padding, so hashing the bytes hashes the state.
"""

from typing import Any

import numpy as np

from seawall.engine.compile import inline
from seawall.engine.rows import (
    make_batch_accessor,
    make_control_accessor,
    make_row_accessors,
)

TABLE_NAMES = (
    "rules",
    "fee_tiers",
    "schedules",
    "tiers",
    "markets",
    "margin_groups",
    "accounts",
    "account_histories",
    "group_cash",
    "positions",
    "position_histories",
    "orders",
    "levels",
    "nodes",
    "client_ids",
    "candidates",
    "rankings",
    "block_rules",
    "volume_tiers",
    "staking_levels",
    "block_markets",
    "block_accounts",
    "block_positions",
    "block_orders",
    "order_memories",
    "memory_buckets",
    "votes",
    "samples",
    "updates",
)
BLOCK_TABLES = TABLE_NAMES[TABLE_NAMES.index("block_rules") :]
"""Tables of block rules; other rules give them no rows."""


def _dtype(wide: str, narrow: str = "") -> np.dtype[Any]:
    """Fields of 8 bytes, then fields of 4 bytes, padded to a multiple of 8 by a named spare."""
    fields = [(name, "<i8") for name in wide.split()]
    small = [(name, "<i4") for name in narrow.split()]
    if len(small) % 2:
        small.append(("spare", "<i4"))
    return np.dtype(fields + small, align=True)


control_dtype = _dtype(
    "layout_version "
    + " ".join(f"{name}_offset {name}_capacity" for name in TABLE_NAMES)
    + """ state_bytes sequence clock_ms
    accounts_used positions_used orders_used levels_used nodes_used markets_used schedules_used
    orders_free levels_free nodes_free orders_live levels_live nodes_live reserved_levels
    placed_orders
    first_dirty_account first_scheduled_account candidates_used
    next_sample_ms next_settlement_ms current_day
    outbox outbox_capacity outbox_used visits_left
    parent_sequence parent_account parent_order parent_outcome
    venue_maker_volume
    watches
    """,
)
"""``outbox``, ``watches``: addresses of the caller's rows of ``event_dtype`` and ``watch_dtype``,
zero outside ``apply``. ``parent_*``: the last parent order, for the children that follow it;
``parent_sequence`` is that of the parent or of its latest child. ``reserved_levels``: levels that
waiting orders may still need: two for a child, one for a trigger."""

rules_dtype = _dtype(
    """transfer_floor_rate minimum_order_value price_band_rate price_band_reference
    figures_limit closing_below_minimum_allowed
    open_orders_base open_orders_volume_step open_orders_maximum
    limit_value_factor
    default_leverage reserve_fee
    schedule_minimum_delay_ms schedule_daily_maximum schedule_minimum_volume
    funding_interest funding_clamp funding_cap funding_intervals_per_period
    funding_sample_ms funding_settlement_ms premium_method
    mark_method premium_decay_ms mid_decay_ms
    liquidation_stage_1 liquidation_stage_2 liquidation_stage_3 liquidation_stage_4
    liquidation_partial_above liquidation_portion_rate liquidation_cooldown_ms
    liquidation_price_limit book_first_below_backstop
    backstop_numerator backstop_denominator
    liquidations_per_command fills_per_command
    deleveraging_price maintenance_shift
    fee_tier_count fee_history_days maker_share_1 maker_share_2 maker_share_3
    maker_rebate_1 maker_rebate_2 maker_rebate_3"""
)
"""``maintenance_shift``: maintenance never exceeds the notional shifted right by this."""

fee_tier_dtype = _dtype("volume_above taker_rate maker_rate")

schedule_dtype = _dtype("maximum_leverage", "first_tier tier_count")
tier_dtype = _dtype(
    "lower_bound maximum_leverage maintenance_numerator maintenance_denominator deduction_numerator"
)
"""Maintenance margin in a tier: (notional x numerator - deduction) / denominator, truncated."""

market_dtype = _dtype(
    """oracle_price mark_price previous_mark_price last_trade_price outside_price
    price_unit open_interest open_interest_cap impact_notional
    premium_numerator premium_denominator mid_numerator mid_denominator mark_updated_ms
    premium_sum premium_samples funding_rate last_premium
    band_low band_high largest_order""",
    "bid_level ask_level price_decimals size_decimals schedule status margin_kind "
    "group collateral_group",
)
"""``price_unit``: 10 to the price decimals. ``bid_level``/``ask_level``: the best level or -1.
``band_low``/``band_high``: orders must be priced above / at most this, set with the oracle price.
``largest_order``: the value cap of a market order. ``group``: the market's margin group,
``collateral_group``: the first group with the same collateral."""

margin_group_dtype = _dtype("money_outside", "collateral_group")
"""Markets whose cross margin is measured together in accounts of separate groups. The first group
of a collateral (``collateral_group`` is itself) is that of accounts which share the collateral.
``money_outside``: deposits minus withdrawals of the collateral, in its first group."""

account_dtype = np.dtype(
    [
        *[
            (name, "<i8")
            for name in "cash taker_rate maker_rate day_taker_volume day_maker_volume".split()
        ],
        *[(name, "<i4") for name in "first_position open_orders parent next_dirty".split()],
        *[(name, "<i2") for name in "is_dirty is_system grouping spare".split()],
    ],
    align=True,
)
"""64 bytes: one cache line. ``cash`` is the cross raw balance of margin group 0: it goes negative
for longs. ``grouping``: SEPARATE or SHARED, which groups have a cross margin of their own."""

group_cash_dtype = _dtype("cash")
"""The cross raw balances of the groups from 1 on: a row for each, account by account."""

HISTORY_DAYS = 30
account_history_dtype = np.dtype(
    [
        ("scheduled_cancel_ms", "<i8"),
        ("scheduled_cancels_today", "<i8"),
        ("staking_discount_rate", "<i8"),
        ("referral_discount_rate", "<i8"),
        ("total_volume", "<i8"),
        ("cooldown_until_ms", "<i8"),
        ("next_scheduled", "<i8"),
        ("history_days", "<i8"),
        ("taker_days", "<i8", (HISTORY_DAYS,)),
        ("maker_days", "<i8", (HISTORY_DAYS,)),
    ],
    align=True,
)

position_dtype = np.dtype(
    [
        *[
            (name, "<i8")
            for name in "signed_size entry_notional isolated_cash buy_hold sell_hold".split()
        ],
        *[(name, "<i4") for name in "account market next_of_account first_order".split()],
        ("leverage", "<i2"),
        ("schedule", "<i2"),
        ("special_orders", "<i2"),
        ("mode", "i1"),
        ("changes", "i1"),
    ],
    align=True,
)
CHANGED = 1
OPENED = 2
"""64 bytes: one cache line. A row exists for each (account, market) ever touched.
``entry_notional`` carries the sign of the size. Holds: initial margin of resting orders by side.
``special_orders``: resting reduce-only and position-attached ones. ``changes``: CHANGED, OPENED
since the last funding settlement."""

position_history_dtype = _dtype(
    "funding_all_time funding_since_open funding_since_change attempted_sequence watch_key",
    "watch_level watch_next watch_previous",
)

order_dtype = _dtype(
    """order_id price remaining_size hold client_id_high client_id_low
    original_size trigger_price placed_ms""",
    "next previous level position account market side flags time_in_force state "
    "next_of_position previous_of_position next_client_id parent next_child first_child",
)

level_dtype = _dtype("price total_size", "first last count next_free")

NODE_WIDTH = 64
node_dtype = np.dtype(
    [("bitmap", "<i8"), ("next_free", "<i4"), ("spare", "<i4"), ("children", "<i4", (NODE_WIDTH,))],
    align=True,
)

client_id_dtype = _dtype("", "first_order unused")
candidate_dtype = _dtype("severity", "account position")

command_dtype = _dtype(
    "time_ms price order_size trigger_price order_id client_id_high client_id_low money",
    "kind account market side flags time_in_force leverage mode other_account status",
)
"""One command. ``money``: an amount in micro-USD, or the entry notional of an adopted position."""

event_dtype = _dtype(
    "sequence order_id price order_size money closed_profit position_size",
    "kind reason account market counterparty flags",
)
"""One event. What each field means for each kind: ``domain/events.py``."""

watch_dtype = _dtype("moves_left", "standing")
"""What block rules know of an account's standing at maintenance, and the moves of prices after
which it still holds (``formulas/blocks/watch``); 0: not known. Beside the state, not in it: it can
be found anew from the state at any time."""

block_rules_dtype = _dtype(
    """block_ms short_term_blocks long_term_ms gate_blocks outage_ms
    trade_clamp_factor twap_minimum_interval_ms twap_maximum_interval_ms
    twap_minimum_duration_ms twap_maximum_duration_ms twap_catch_up_factor twap_leg_lifetime_ms
    volume_tier_count referred_tier fee_history_days fee_evaluation_ms
    sample_ms sample_offset_ms tick_ms rate_period_ms minimum_votes
    rate_clamp_ppm vote_clamp_ppm tail_ppm votes_capacity samples_capacity
    maximum_fee_ppm bankruptcy_adjustment_ppm spread_to_maintenance_ppm
    position_minimum position_portion_ppm account_notional account_insurance
    liquidations_per_block deleveragings_per_block counterparties_per_deleveraging
    position_offset account_offset counterparty_offset
    equity_tier_count"""
    + "".join(f" tier_equity_{n} tier_orders_{n}" for n in range(1, 9))
    + """ height last_block_ms next_block_ms cross_gated_height cross_pool_cash
    first_queued last_queued memories_used memories_free memories_expire next_evaluation_ms
    next_sample_ms next_tick_ms rounds_of_votes rounds_of_samples must_look
    total_taker_volume total_maker_volume pending_cancels first_slicing
    expire_height expire_ms
    updates_used"""
)
"""One row: the numbers of the rules, then the state of the chain of blocks. ``height``: of the
last committed block. ``cross_gated_height``: the last block in which an account of the cross pool
was negative, 0 for never. ``rounds_of_votes``: blocks since the last sample, ``rounds_of_samples``
samples since the last tick. ``must_look``: something moved since the last search for accounts
under maintenance. ``memories_expire``: the lowest height at which a memory can be forgotten.
``expire_height``, ``expire_ms``: no open order expires before. ``pending_cancels``: orders of the
state that go with the next block."""

volume_tier_dtype = _dtype(
    "volume total_share_ppm maker_share_ppm taker_ppm maker_ppm first_level level_count"
)
staking_level_dtype = _dtype("staked discount_ppm")

block_market_dtype = _dtype(
    """initial_ppm maintenance_fraction_ppm open_interest_lower_cap open_interest_upper_cap
    price_step size_step default_funding_ppm minimum_price_change_ppm
    pending_oracle_price funding_index pool_cash pool_other_cash insurance_cash gated_height
    lowest_trade highest_trade charge_ppm charge_from_ms charge_until_ms
    vote_count sample_count""",
    "value_exponent quote_exponent own_pool spare_1",
)
"""``value_exponent``: position value = size x oracle price x 10^it; ``quote_exponent``: quote of a
fill = size x ticks x ``price_step`` x 10^it. ``pending_oracle_price``: takes effect when the block
is committed, 0 for none. ``lowest_trade``/``highest_trade``: ticks traded in this block, 0 for
none. ``pool_cash``, ``insurance_cash``: of a market with its own pool. ``pool_other_cash``: what of
that pool no holder of the market owns: funding that holders have paid, less what they were paid,
and what system accounts brought into their trades of the market."""

block_account_dtype = _dtype(
    """staked referred vault stateful_orders
    liquidated_height liquidated_notional insurance_lost"""
)
"""The last three count what happened in the block ``liquidated_height``."""

block_position_dtype = _dtype("funding_index initial_ppm liquidated_height")
"""``initial_ppm``: the account's own initial margin fraction, 0 for the market's."""

block_order_dtype = _dtype(
    "good_til due_ms interval_ms tolerance_ppm legs_left legs_total parent_order_id",
    "kind next_queued previous_queued cancel_pending",
)
SHORT_TERM_ORDER = 0
LONG_TERM_ORDER = 1
CONDITIONAL_ORDER = 2
TWAP_PARENT = 3
TWAP_LEG = 4
"""``good_til``: height of a short-term order, ms of the others. ``due_ms``, ``interval_ms``,
``tolerance_ppm``, legs: of a time-weighted parent. ``parent_order_id``: of a leg."""

order_memory_dtype = _dtype(
    "client_id_high client_id_low filled_size filled_until cancelled_until", "account next"
)
"""What is kept of a short-term client id: how much of it was filled, up to which height
that counts, and up to which height a stored cancel refuses it."""
memory_bucket_dtype = _dtype("", "first_memory spare_1")

premium_dtype = _dtype("value")
update_dtype = _dtype("number size_delta cash_delta", "account market")
"""A row of an account update that is being checked: rows of one ``number`` belong together.
``market`` -1: only cash moves."""

DTYPES: dict[str, np.dtype[Any]] = {
    "rules": rules_dtype,
    "fee_tiers": fee_tier_dtype,
    "schedules": schedule_dtype,
    "tiers": tier_dtype,
    "markets": market_dtype,
    "margin_groups": margin_group_dtype,
    "accounts": account_dtype,
    "account_histories": account_history_dtype,
    "group_cash": group_cash_dtype,
    "positions": position_dtype,
    "position_histories": position_history_dtype,
    "orders": order_dtype,
    "levels": level_dtype,
    "nodes": node_dtype,
    "client_ids": client_id_dtype,
    "candidates": candidate_dtype,
    "rankings": candidate_dtype,
    "block_rules": block_rules_dtype,
    "volume_tiers": volume_tier_dtype,
    "staking_levels": staking_level_dtype,
    "block_markets": block_market_dtype,
    "block_accounts": block_account_dtype,
    "block_positions": block_position_dtype,
    "block_orders": block_order_dtype,
    "order_memories": order_memory_dtype,
    "memory_buckets": memory_bucket_dtype,
    "votes": premium_dtype,
    "samples": premium_dtype,
    "updates": update_dtype,
}

control = make_control_accessor(control_dtype)
order_at, prefetch_order = make_row_accessors("orders", order_dtype, control_dtype)
level_at, _ = make_row_accessors("levels", level_dtype, control_dtype)
node_at, _ = make_row_accessors("nodes", node_dtype, control_dtype)
market_at, _ = make_row_accessors("markets", market_dtype, control_dtype)
margin_group_at, _ = make_row_accessors("margin_groups", margin_group_dtype, control_dtype)
group_cash_at, _ = make_row_accessors("group_cash", group_cash_dtype, control_dtype)
account_at, prefetch_account = make_row_accessors("accounts", account_dtype, control_dtype)
account_history_at, _ = make_row_accessors(
    "account_histories", account_history_dtype, control_dtype
)
position_at, prefetch_position = make_row_accessors("positions", position_dtype, control_dtype)
position_history_at, _ = make_row_accessors(
    "position_histories", position_history_dtype, control_dtype
)
fee_tier_at, _ = make_row_accessors("fee_tiers", fee_tier_dtype, control_dtype)
schedule_at, _ = make_row_accessors("schedules", schedule_dtype, control_dtype)
tier_at, _ = make_row_accessors("tiers", tier_dtype, control_dtype)
client_id_at, _ = make_row_accessors("client_ids", client_id_dtype, control_dtype)
candidate_at, _ = make_row_accessors("candidates", candidate_dtype, control_dtype)
ranking_at, _ = make_row_accessors("rankings", candidate_dtype, control_dtype)
_block_rules_at, _ = make_row_accessors("block_rules", block_rules_dtype, control_dtype)
volume_tier_at, _ = make_row_accessors("volume_tiers", volume_tier_dtype, control_dtype)
staking_level_at, _ = make_row_accessors("staking_levels", staking_level_dtype, control_dtype)
block_market_at, _ = make_row_accessors("block_markets", block_market_dtype, control_dtype)
block_account_at, _ = make_row_accessors("block_accounts", block_account_dtype, control_dtype)
block_position_at, _ = make_row_accessors("block_positions", block_position_dtype, control_dtype)
block_order_at, _ = make_row_accessors("block_orders", block_order_dtype, control_dtype)
order_memory_at, _ = make_row_accessors("order_memories", order_memory_dtype, control_dtype)
memory_bucket_at, _ = make_row_accessors("memory_buckets", memory_bucket_dtype, control_dtype)
vote_at, _ = make_row_accessors("votes", premium_dtype, control_dtype)
sample_at, _ = make_row_accessors("samples", premium_dtype, control_dtype)
update_at, _ = make_row_accessors("updates", update_dtype, control_dtype)
_rules_at, _ = make_row_accessors("rules", rules_dtype, control_dtype)
command_at = make_batch_accessor(command_dtype)


@inline
def rules(s: Any) -> Any:
    """The one row of policy numbers."""
    return _rules_at(s, 0)


@inline
def block_rules(s: Any) -> Any:
    """The one row of block rules, and of the chain they are applied to."""
    return _block_rules_at(s, 0)


def row_type(dtype_name: str) -> str:
    """The name of a row's type: ``order_dtype`` gives ``OrderRow``."""
    words = dtype_name.removesuffix("_dtype").split("_")
    return "".join(word.capitalize() for word in words) + "Row"


# What annotations name. ``tables.pyi`` says what each row holds; when running they are nothing.
State = Batch = object
globals().update({row_type(name): object for name in list(globals()) if name.endswith("_dtype")})
