"""Laying out a state: one buffer, its tables, and the rulebook and instruments written into it."""

import math
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from seawall.domain.enums import MarginGrouping
from seawall.domain.errors import InputError
from seawall.domain.instrument import Instrument, MarginTier
from seawall.domain.margin_groups import account_groups, margin_groups
from seawall.domain.rulebook import AnyRulebook, BlockRulebook, Rulebook
from seawall.domain.system_accounts import FIRST_USER
from seawall.engine import block_layout
from seawall.engine.formulas.shared.ladder import LADDERS
from seawall.engine.rows import MOST_ROWS
from seawall.engine.tables import DTYPES, HISTORY_DAYS, TABLE_NAMES, control_dtype

LAYOUT_VERSION = 2
ALIGNMENT = 64
RANKING_SIZE = 64
MAX_TIER_FACTOR = 460
"""Keeps notional x numerator below 2^62 for notionals up to 10^16 micro-USD."""


class LayoutError(InputError):
    """A rulebook, an instrument or a limit that the tables cannot hold."""


class Limits(Struct, frozen=True, kw_only=True):
    """How many rows each table has. A full table is a rejection with its own reason."""

    accounts: int = 1024
    positions: int = 4096
    orders: int = 16384
    levels: int = 16384
    nodes: int = 16384


Tiers = tuple[MarginTier, ...]


def _capacities(
    limits: Limits, rulebook: AnyRulebook, instruments: list[Instrument], schedules: list[Tiers]
) -> dict[str, int]:
    for name in limits.__struct_fields__:
        value = getattr(limits, name)
        if not isinstance(value, int) or not 8 <= value <= 2**28:
            raise LayoutError(f"limits.{name} is {value!r}; it must be from 8 to {2**28}")
    in_blocks = isinstance(rulebook, BlockRulebook)
    groups = len(margin_groups(rulebook, instruments))
    return {
        "rules": 1,
        "fee_tiers": 1 if in_blocks else len(rulebook.fee.tiers),
        "schedules": len(schedules),
        "tiers": sum(len(tiers) for tiers in schedules),
        "markets": len(instruments),
        "margin_groups": groups,
        "accounts": limits.accounts,
        "account_histories": limits.accounts,
        "group_cash": limits.accounts * (groups - 1),
        "positions": limits.positions,
        "position_histories": limits.positions,
        "orders": limits.orders,
        "levels": limits.levels,
        "nodes": max(limits.nodes, len(instruments) * LADDERS * 2),
        "client_ids": 1 << max(3, (limits.orders - 1).bit_length()),
        "candidates": limits.positions,
        "rankings": RANKING_SIZE,
        **block_layout.capacities(
            rulebook, len(instruments), limits.accounts, limits.positions, limits.orders
        ),
    }


def allocate(capacities: dict[str, int]) -> NDArray[np.uint8]:
    """A zeroed buffer whose control row says where each table lies."""
    offsets = {}
    place = -(-control_dtype.itemsize // ALIGNMENT) * ALIGNMENT
    for name in TABLE_NAMES:
        rows = capacities[name]
        if rows >= MOST_ROWS:
            raise LayoutError(f"{name}: {rows} rows; there must be fewer than {MOST_ROWS}")
        offsets[name] = place
        place += -(-capacities[name] * DTYPES[name].itemsize // ALIGNMENT) * ALIGNMENT
    memory = np.zeros(place + ALIGNMENT, dtype=np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    buffer = memory[start : start + place]
    row = buffer[: control_dtype.itemsize].view(control_dtype)
    row["layout_version"] = LAYOUT_VERSION
    row["state_bytes"] = place
    for name in TABLE_NAMES:
        row[f"{name}_offset"] = offsets[name]
        row[f"{name}_capacity"] = capacities[name]
    return buffer


def tables_of(buffer: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    """Structured views of the tables in a buffer, of shape (capacity,); ``control`` has one row."""
    row = buffer[: control_dtype.itemsize].view(control_dtype)
    tables: dict[str, NDArray[Any]] = {"control": row}
    for name in TABLE_NAMES:
        start = int(row[f"{name}_offset"][0])
        count = int(row[f"{name}_capacity"][0])
        size = DTYPES[name].itemsize
        tables[name] = buffer[start : start + count * size].view(DTYPES[name])
    return tables


def _write_tier_rows(tables: dict[str, NDArray[Any]], schedules: list[Tiers]) -> None:
    """Maintenance of a tier as one exact fraction: rate 1/(2 x leverage), continuous deductions."""
    place = 0
    for number, tiers in enumerate(schedules):
        _check_tiers(tiers)
        schedule = tables["schedules"][number : number + 1]
        schedule["maximum_leverage"] = tiers[0].maximum_leverage
        schedule["first_tier"] = place
        schedule["tier_count"] = len(tiers)
        denominator = 2 * tiers[0].maximum_leverage
        deduction = 0
        for index, tier in enumerate(tiers):
            if index:
                common = math.lcm(denominator, 2 * tier.maximum_leverage)
                deduction *= common // denominator
                denominator = common
                before = common // (2 * tiers[index - 1].maximum_leverage)
                deduction += tier.lower_bound * (common // (2 * tier.maximum_leverage) - before)
            row = tables["tiers"][place : place + 1]
            row["lower_bound"] = tier.lower_bound
            row["maximum_leverage"] = tier.maximum_leverage
            row["maintenance_numerator"] = denominator // (2 * tier.maximum_leverage)
            row["maintenance_denominator"] = denominator
            row["deduction_numerator"] = deduction
            if denominator > 2 * MAX_TIER_FACTOR * tier.maximum_leverage:
                raise LayoutError(f"margin tiers {tiers} need a denominator of {denominator}")
            place += 1


def _check_tiers(tiers: Tiers) -> None:
    if not tiers or tiers[0].lower_bound != 0:
        raise LayoutError(f"margin tiers {tiers} must begin at lower bound 0")
    for before, after in zip(tiers, tiers[1:], strict=False):
        if after.lower_bound <= before.lower_bound:
            raise LayoutError(f"margin tiers {tiers} must have ascending lower bounds")
        if after.maximum_leverage > before.maximum_leverage:
            raise LayoutError(f"margin tiers {tiers} must not allow more leverage higher up")
    if any(not 1 <= tier.maximum_leverage <= 1000 for tier in tiers):
        raise LayoutError(f"margin tiers {tiers} need maximum leverages from 1 to 1000")


def _largest_order(rulebook: Rulebook, instrument: Instrument) -> int:
    """The value cap of a market order: the first whose leverage the market reaches."""
    for cap in rulebook.order.market_value_caps:
        if instrument.maximum_leverage >= cap.minimum_maximum_leverage:
            return cap.value
    raise LayoutError(
        f"order.market_value_caps has no entry for {instrument.name} "
        f"with maximum leverage {instrument.maximum_leverage}"
    )


def _write_rules(tables: dict[str, NDArray[Any]], rulebook: Rulebook) -> None:
    order, funding, liquidation = rulebook.order, rulebook.funding, rulebook.liquidation
    fields: dict[str, int] = {
        **{name: int(getattr(rulebook.margin, name)) for name in rulebook.margin.__struct_fields__},
        "minimum_order_value": order.minimum_value,
        "closing_below_minimum_allowed": int(order.closing_below_minimum_allowed),
        "figures_limit": 10**order.maximum_significant_figures
        if order.maximum_significant_figures
        else 0,
        "funding_interest": funding.interest,
        "funding_clamp": funding.clamp,
        "funding_cap": funding.cap,
        "funding_intervals_per_period": funding.intervals_per_period,
        "funding_sample_ms": funding.sample_ms,
        "funding_settlement_ms": funding.settlement_ms,
        "premium_method": int(funding.premium_method),
        "mark_method": int(rulebook.mark.method),
        "premium_decay_ms": rulebook.mark.premium_decay_ms,
        "mid_decay_ms": rulebook.mark.mid_decay_ms,
        "liquidation_partial_above": liquidation.partial_above,
        "liquidation_portion_rate": liquidation.portion_rate,
        "liquidation_cooldown_ms": liquidation.cooldown_ms,
        "liquidation_price_limit": int(liquidation.price_limit),
        "book_first_below_backstop": int(liquidation.book_first_below_backstop),
        "backstop_numerator": liquidation.backstop_numerator,
        "backstop_denominator": liquidation.backstop_denominator,
        "liquidations_per_command": liquidation.liquidations_per_command,
        "fills_per_command": liquidation.fills_per_command,
        "deleveraging_price": int(rulebook.deleveraging.price),
        "fee_tier_count": len(rulebook.fee.tiers),
        "fee_history_days": rulebook.fee.history_days,
    }
    for name in (
        "price_band_rate", "price_band_reference",
        "limit_value_factor", "open_orders_base", "open_orders_volume_step",
        "open_orders_maximum", "schedule_minimum_delay_ms", "schedule_daily_maximum",
        "schedule_minimum_volume", "reserve_fee",
    ):  # fmt: skip
        fields[name] = int(getattr(order, name))
    for place, stage in enumerate(liquidation.stages, start=1):
        fields[f"liquidation_stage_{place}"] = int(stage)
    for place, rebate in enumerate(rulebook.fee.maker_rebates, start=1):
        fields[f"maker_share_{place}"] = rebate.share_above
        fields[f"maker_rebate_{place}"] = rebate.maker_rate
    for name, value in fields.items():
        tables["rules"][name] = value
    for place, tier in enumerate(rulebook.fee.tiers):
        row = tables["fee_tiers"][place : place + 1]
        row["volume_above"] = tier.volume_above
        row["taker_rate"] = tier.taker_rate
        row["maker_rate"] = tier.maker_rate


def _write_markets(
    tables: dict[str, NDArray[Any]],
    rulebook: AnyRulebook,
    instruments: list[Instrument],
    schedules: list[Tiers],
) -> None:
    for place, instrument in enumerate(instruments):
        if instrument.block_terms is None and not 0 <= instrument.size_decimals <= 6:
            raise LayoutError(
                f"{instrument.name}: size_decimals {instrument.size_decimals} is not from 0 to 6"
            )
        row = tables["markets"][place : place + 1]
        row["price_decimals"] = instrument.price_decimals
        row["size_decimals"] = instrument.size_decimals
        row["price_unit"] = 10 ** max(0, instrument.price_decimals)
        row["schedule"] = schedules.index(instrument.tiers)
        row["status"] = 3 if instrument.delisted else 0
        row["margin_kind"] = int(instrument.margin)
        row["open_interest_cap"] = instrument.open_interest_cap
        row["impact_notional"] = instrument.impact_notional
        if isinstance(rulebook, Rulebook):
            row["largest_order"] = _largest_order(rulebook, instrument)
        row["bid_level"] = -1
        row["ask_level"] = -1
    own = account_groups(rulebook, instruments, MarginGrouping.SEPARATE)
    shared = account_groups(rulebook, instruments, MarginGrouping.SHARED)
    tables["markets"]["group"], tables["markets"]["collateral_group"] = own, shared
    tables["margin_groups"]["collateral_group"][own] = shared


def _check_rulebook(rulebook: AnyRulebook, instruments: list[Instrument]) -> None:
    if not rulebook.fee.tiers or not 1 <= rulebook.fee.history_days <= HISTORY_DAYS:
        raise LayoutError(f"fee needs at least one tier and 1 to {HISTORY_DAYS} history days")
    if isinstance(rulebook, BlockRulebook):
        try:
            block_layout.check(rulebook, instruments)
        except ValueError as error:
            raise LayoutError(str(error)) from None
    elif len(rulebook.liquidation.stages) > 4 or len(rulebook.fee.maker_rebates) > 3:
        raise LayoutError("at most 4 liquidation stages and 3 maker rebates are possible")


def build_state(
    rulebook: AnyRulebook, instruments: list[Instrument], limits: Limits, extra_tiers: list[Tiers]
) -> tuple[NDArray[np.uint8], list[Tiers]]:
    """A fresh state and the list of its margin schedules.

    Raises LayoutError naming what cannot be held.
    """
    if not 1 <= len(instruments) <= 4096:
        raise LayoutError(f"{len(instruments)} instruments; 1 to 4096 are possible")
    names = [instrument.name for instrument in instruments]
    if len(set(names)) != len(names):
        raise LayoutError("two instruments have the same name")
    _check_rulebook(rulebook, instruments)
    try:
        margin_groups(rulebook, instruments)
    except InputError as error:
        raise LayoutError(str(error)) from None
    schedules: list[Tiers] = []
    for tiers in [instrument.tiers for instrument in instruments] + extra_tiers:
        if tiers not in schedules:
            schedules.append(tiers)
    buffer = allocate(_capacities(limits, rulebook, instruments, schedules))
    tables = tables_of(buffer)
    _write_tier_rows(tables, schedules)
    if isinstance(rulebook, BlockRulebook):
        block_layout.write(tables, rulebook, instruments)
    else:
        _write_rules(tables, rulebook)
    _write_markets(tables, rulebook, instruments, schedules)
    lowest = min(tier.maximum_leverage for tiers in schedules for tier in tiers)
    tables["rules"]["maintenance_shift"] = (2 * lowest).bit_length() - 1
    row = tables["control"]
    for name in (
        "orders_free", "levels_free", "nodes_free", "first_dirty_account",
        "first_scheduled_account", "parent_account", "parent_order",
    ):  # fmt: skip
        row[name] = -1
    row["markets_used"] = len(instruments)
    row["schedules_used"] = len(schedules)
    row["nodes_used"] = row["nodes_live"] = len(instruments) * LADDERS
    row["accounts_used"] = FIRST_USER
    for name, value in (("first_position", -1), ("next_dirty", -1), ("parent", -1)):
        tables["accounts"][name][:FIRST_USER] = value
    tables["accounts"]["is_system"][:FIRST_USER] = 1
    tables["accounts"]["grouping"][:FIRST_USER] = int(MarginGrouping.SHARED)
    tables["account_histories"]["next_scheduled"][:FIRST_USER] = -1
    return buffer, schedules
