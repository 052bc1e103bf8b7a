# Written by tools/write_tables_stub.py.
from typing import Any, NewType

import numpy as np

State = NewType("State", int)
"""The address of a state; interpreted, an object that stands for it."""
Batch = NewType("Batch", int)
"""The address of rows outside the state: commands, events, what a view has found."""

control_dtype: np.dtype[Any]
rules_dtype: np.dtype[Any]
fee_tier_dtype: np.dtype[Any]
schedule_dtype: np.dtype[Any]
tier_dtype: np.dtype[Any]
market_dtype: np.dtype[Any]
margin_group_dtype: np.dtype[Any]
account_dtype: np.dtype[Any]
group_cash_dtype: np.dtype[Any]
HISTORY_DAYS: int
account_history_dtype: np.dtype[Any]
position_dtype: np.dtype[Any]
CHANGED: int
OPENED: int
position_history_dtype: np.dtype[Any]
order_dtype: np.dtype[Any]
level_dtype: np.dtype[Any]
NODE_WIDTH: int
node_dtype: np.dtype[Any]
client_id_dtype: np.dtype[Any]
candidate_dtype: np.dtype[Any]
command_dtype: np.dtype[Any]
event_dtype: np.dtype[Any]
watch_dtype: np.dtype[Any]
block_rules_dtype: np.dtype[Any]
volume_tier_dtype: np.dtype[Any]
staking_level_dtype: np.dtype[Any]
block_market_dtype: np.dtype[Any]
block_account_dtype: np.dtype[Any]
block_position_dtype: np.dtype[Any]
block_order_dtype: np.dtype[Any]
SHORT_TERM_ORDER: int
LONG_TERM_ORDER: int
CONDITIONAL_ORDER: int
TWAP_PARENT: int
TWAP_LEG: int
order_memory_dtype: np.dtype[Any]
memory_bucket_dtype: np.dtype[Any]
premium_dtype: np.dtype[Any]
update_dtype: np.dtype[Any]
TABLE_NAMES: tuple[str, ...]
BLOCK_TABLES: tuple[str, ...]
DTYPES: dict[str, np.dtype[Any]]

class ControlRow:
    layout_version: int
    rules_offset: int
    rules_capacity: int
    fee_tiers_offset: int
    fee_tiers_capacity: int
    schedules_offset: int
    schedules_capacity: int
    tiers_offset: int
    tiers_capacity: int
    markets_offset: int
    markets_capacity: int
    margin_groups_offset: int
    margin_groups_capacity: int
    accounts_offset: int
    accounts_capacity: int
    account_histories_offset: int
    account_histories_capacity: int
    group_cash_offset: int
    group_cash_capacity: int
    positions_offset: int
    positions_capacity: int
    position_histories_offset: int
    position_histories_capacity: int
    orders_offset: int
    orders_capacity: int
    levels_offset: int
    levels_capacity: int
    nodes_offset: int
    nodes_capacity: int
    client_ids_offset: int
    client_ids_capacity: int
    candidates_offset: int
    candidates_capacity: int
    rankings_offset: int
    rankings_capacity: int
    block_rules_offset: int
    block_rules_capacity: int
    volume_tiers_offset: int
    volume_tiers_capacity: int
    staking_levels_offset: int
    staking_levels_capacity: int
    block_markets_offset: int
    block_markets_capacity: int
    block_accounts_offset: int
    block_accounts_capacity: int
    block_positions_offset: int
    block_positions_capacity: int
    block_orders_offset: int
    block_orders_capacity: int
    order_memories_offset: int
    order_memories_capacity: int
    memory_buckets_offset: int
    memory_buckets_capacity: int
    votes_offset: int
    votes_capacity: int
    samples_offset: int
    samples_capacity: int
    updates_offset: int
    updates_capacity: int
    state_bytes: int
    sequence: int
    clock_ms: int
    accounts_used: int
    positions_used: int
    orders_used: int
    levels_used: int
    nodes_used: int
    markets_used: int
    schedules_used: int
    orders_free: int
    levels_free: int
    nodes_free: int
    orders_live: int
    levels_live: int
    nodes_live: int
    reserved_levels: int
    placed_orders: int
    first_dirty_account: int
    first_scheduled_account: int
    candidates_used: int
    next_sample_ms: int
    next_settlement_ms: int
    current_day: int
    outbox: int
    outbox_capacity: int
    outbox_used: int
    visits_left: int
    parent_sequence: int
    parent_account: int
    parent_order: int
    parent_outcome: int
    venue_maker_volume: int
    watches: int

class RulesRow:
    transfer_floor_rate: int
    minimum_order_value: int
    price_band_rate: int
    price_band_reference: int
    figures_limit: int
    closing_below_minimum_allowed: int
    open_orders_base: int
    open_orders_volume_step: int
    open_orders_maximum: int
    limit_value_factor: int
    default_leverage: int
    reserve_fee: int
    schedule_minimum_delay_ms: int
    schedule_daily_maximum: int
    schedule_minimum_volume: int
    funding_interest: int
    funding_clamp: int
    funding_cap: int
    funding_intervals_per_period: int
    funding_sample_ms: int
    funding_settlement_ms: int
    premium_method: int
    mark_method: int
    premium_decay_ms: int
    mid_decay_ms: int
    liquidation_stage_1: int
    liquidation_stage_2: int
    liquidation_stage_3: int
    liquidation_stage_4: int
    liquidation_partial_above: int
    liquidation_portion_rate: int
    liquidation_cooldown_ms: int
    liquidation_price_limit: int
    book_first_below_backstop: int
    backstop_numerator: int
    backstop_denominator: int
    liquidations_per_command: int
    fills_per_command: int
    deleveraging_price: int
    maintenance_shift: int
    fee_tier_count: int
    fee_history_days: int
    maker_share_1: int
    maker_share_2: int
    maker_share_3: int
    maker_rebate_1: int
    maker_rebate_2: int
    maker_rebate_3: int

class FeeTierRow:
    volume_above: int
    taker_rate: int
    maker_rate: int

class ScheduleRow:
    maximum_leverage: int
    first_tier: int
    tier_count: int

class TierRow:
    lower_bound: int
    maximum_leverage: int
    maintenance_numerator: int
    maintenance_denominator: int
    deduction_numerator: int

class MarketRow:
    oracle_price: int
    mark_price: int
    previous_mark_price: int
    last_trade_price: int
    outside_price: int
    price_unit: int
    open_interest: int
    open_interest_cap: int
    impact_notional: int
    premium_numerator: int
    premium_denominator: int
    mid_numerator: int
    mid_denominator: int
    mark_updated_ms: int
    premium_sum: int
    premium_samples: int
    funding_rate: int
    last_premium: int
    band_low: int
    band_high: int
    largest_order: int
    bid_level: int
    ask_level: int
    price_decimals: int
    size_decimals: int
    schedule: int
    status: int
    margin_kind: int
    group: int
    collateral_group: int
    spare: int

class MarginGroupRow:
    money_outside: int
    collateral_group: int
    spare: int

class AccountRow:
    cash: int
    taker_rate: int
    maker_rate: int
    day_taker_volume: int
    day_maker_volume: int
    first_position: int
    open_orders: int
    parent: int
    next_dirty: int
    is_dirty: int
    is_system: int
    grouping: int
    spare: int

class GroupCashRow:
    cash: int

class AccountHistoryRow:
    scheduled_cancel_ms: int
    scheduled_cancels_today: int
    staking_discount_rate: int
    referral_discount_rate: int
    total_volume: int
    cooldown_until_ms: int
    next_scheduled: int
    history_days: int
    taker_days: list[int]
    maker_days: list[int]

class PositionRow:
    signed_size: int
    entry_notional: int
    isolated_cash: int
    buy_hold: int
    sell_hold: int
    account: int
    market: int
    next_of_account: int
    first_order: int
    leverage: int
    schedule: int
    special_orders: int
    mode: int
    changes: int

class PositionHistoryRow:
    funding_all_time: int
    funding_since_open: int
    funding_since_change: int
    attempted_sequence: int
    watch_key: int
    watch_level: int
    watch_next: int
    watch_previous: int
    spare: int

class OrderRow:
    order_id: int
    price: int
    remaining_size: int
    hold: int
    client_id_high: int
    client_id_low: int
    original_size: int
    trigger_price: int
    placed_ms: int
    next: int
    previous: int
    level: int
    position: int
    account: int
    market: int
    side: int
    flags: int
    time_in_force: int
    state: int
    next_of_position: int
    previous_of_position: int
    next_client_id: int
    parent: int
    next_child: int
    first_child: int

class LevelRow:
    price: int
    total_size: int
    first: int
    last: int
    count: int
    next_free: int

class NodeRow:
    bitmap: int
    next_free: int
    spare: int
    children: list[int]

class ClientIdRow:
    first_order: int
    unused: int

class CandidateRow:
    severity: int
    account: int
    position: int

class CommandRow:
    time_ms: int
    price: int
    order_size: int
    trigger_price: int
    order_id: int
    client_id_high: int
    client_id_low: int
    money: int
    kind: int
    account: int
    market: int
    side: int
    flags: int
    time_in_force: int
    leverage: int
    mode: int
    other_account: int
    status: int

class EventRow:
    sequence: int
    order_id: int
    price: int
    order_size: int
    money: int
    closed_profit: int
    position_size: int
    kind: int
    reason: int
    account: int
    market: int
    counterparty: int
    flags: int

class WatchRow:
    moves_left: int
    standing: int
    spare: int

class BlockRulesRow:
    block_ms: int
    short_term_blocks: int
    long_term_ms: int
    gate_blocks: int
    outage_ms: int
    trade_clamp_factor: int
    twap_minimum_interval_ms: int
    twap_maximum_interval_ms: int
    twap_minimum_duration_ms: int
    twap_maximum_duration_ms: int
    twap_catch_up_factor: int
    twap_leg_lifetime_ms: int
    volume_tier_count: int
    referred_tier: int
    fee_history_days: int
    fee_evaluation_ms: int
    sample_ms: int
    sample_offset_ms: int
    tick_ms: int
    rate_period_ms: int
    minimum_votes: int
    rate_clamp_ppm: int
    vote_clamp_ppm: int
    tail_ppm: int
    votes_capacity: int
    samples_capacity: int
    maximum_fee_ppm: int
    bankruptcy_adjustment_ppm: int
    spread_to_maintenance_ppm: int
    position_minimum: int
    position_portion_ppm: int
    account_notional: int
    account_insurance: int
    liquidations_per_block: int
    deleveragings_per_block: int
    counterparties_per_deleveraging: int
    position_offset: int
    account_offset: int
    counterparty_offset: int
    equity_tier_count: int
    tier_equity_1: int
    tier_orders_1: int
    tier_equity_2: int
    tier_orders_2: int
    tier_equity_3: int
    tier_orders_3: int
    tier_equity_4: int
    tier_orders_4: int
    tier_equity_5: int
    tier_orders_5: int
    tier_equity_6: int
    tier_orders_6: int
    tier_equity_7: int
    tier_orders_7: int
    tier_equity_8: int
    tier_orders_8: int
    height: int
    last_block_ms: int
    next_block_ms: int
    cross_gated_height: int
    cross_pool_cash: int
    first_queued: int
    last_queued: int
    memories_used: int
    memories_free: int
    memories_expire: int
    next_evaluation_ms: int
    next_sample_ms: int
    next_tick_ms: int
    rounds_of_votes: int
    rounds_of_samples: int
    must_look: int
    total_taker_volume: int
    total_maker_volume: int
    pending_cancels: int
    first_slicing: int
    expire_height: int
    expire_ms: int
    updates_used: int

class VolumeTierRow:
    volume: int
    total_share_ppm: int
    maker_share_ppm: int
    taker_ppm: int
    maker_ppm: int
    first_level: int
    level_count: int

class StakingLevelRow:
    staked: int
    discount_ppm: int

class BlockMarketRow:
    initial_ppm: int
    maintenance_fraction_ppm: int
    open_interest_lower_cap: int
    open_interest_upper_cap: int
    price_step: int
    size_step: int
    default_funding_ppm: int
    minimum_price_change_ppm: int
    pending_oracle_price: int
    funding_index: int
    pool_cash: int
    pool_other_cash: int
    insurance_cash: int
    gated_height: int
    lowest_trade: int
    highest_trade: int
    charge_ppm: int
    charge_from_ms: int
    charge_until_ms: int
    vote_count: int
    sample_count: int
    value_exponent: int
    quote_exponent: int
    own_pool: int
    spare_1: int

class BlockAccountRow:
    staked: int
    referred: int
    vault: int
    stateful_orders: int
    liquidated_height: int
    liquidated_notional: int
    insurance_lost: int

class BlockPositionRow:
    funding_index: int
    initial_ppm: int
    liquidated_height: int

class BlockOrderRow:
    good_til: int
    due_ms: int
    interval_ms: int
    tolerance_ppm: int
    legs_left: int
    legs_total: int
    parent_order_id: int
    kind: int
    next_queued: int
    previous_queued: int
    cancel_pending: int

class OrderMemoryRow:
    client_id_high: int
    client_id_low: int
    filled_size: int
    filled_until: int
    cancelled_until: int
    account: int
    next: int

class MemoryBucketRow:
    first_memory: int
    spare_1: int

class PremiumRow:
    value: int

class UpdateRow:
    number: int
    size_delta: int
    cash_delta: int
    account: int
    market: int

def row_type(dtype_name: str) -> str: ...
def control(s: State, /) -> ControlRow: ...
def rules(s: State, /) -> RulesRow: ...
def block_rules(s: State, /) -> BlockRulesRow: ...
def command_at(batch: Batch, index: int, /) -> CommandRow: ...
def fee_tier_at(s: State, index: int, /) -> FeeTierRow: ...
def schedule_at(s: State, index: int, /) -> ScheduleRow: ...
def tier_at(s: State, index: int, /) -> TierRow: ...
def market_at(s: State, index: int, /) -> MarketRow: ...
def margin_group_at(s: State, index: int, /) -> MarginGroupRow: ...
def account_at(s: State, index: int, /) -> AccountRow: ...
def prefetch_account(s: State, index: int, /) -> None: ...
def account_history_at(s: State, index: int, /) -> AccountHistoryRow: ...
def group_cash_at(s: State, index: int, /) -> GroupCashRow: ...
def position_at(s: State, index: int, /) -> PositionRow: ...
def prefetch_position(s: State, index: int, /) -> None: ...
def position_history_at(s: State, index: int, /) -> PositionHistoryRow: ...
def order_at(s: State, index: int, /) -> OrderRow: ...
def prefetch_order(s: State, index: int, /) -> None: ...
def level_at(s: State, index: int, /) -> LevelRow: ...
def node_at(s: State, index: int, /) -> NodeRow: ...
def client_id_at(s: State, index: int, /) -> ClientIdRow: ...
def candidate_at(s: State, index: int, /) -> CandidateRow: ...
def ranking_at(s: State, index: int, /) -> CandidateRow: ...
def volume_tier_at(s: State, index: int, /) -> VolumeTierRow: ...
def staking_level_at(s: State, index: int, /) -> StakingLevelRow: ...
def block_market_at(s: State, index: int, /) -> BlockMarketRow: ...
def block_account_at(s: State, index: int, /) -> BlockAccountRow: ...
def block_position_at(s: State, index: int, /) -> BlockPositionRow: ...
def block_order_at(s: State, index: int, /) -> BlockOrderRow: ...
def order_memory_at(s: State, index: int, /) -> OrderMemoryRow: ...
def memory_bucket_at(s: State, index: int, /) -> MemoryBucketRow: ...
def vote_at(s: State, index: int, /) -> PremiumRow: ...
def sample_at(s: State, index: int, /) -> PremiumRow: ...
def update_at(s: State, index: int, /) -> UpdateRow: ...
