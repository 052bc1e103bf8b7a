"""The keys of a rulebook file, one table for each kind of rules, and how each value is written.

A ``Kind`` turns what the file holds into what the machine holds, exactly or with an error that
says what would be right. How a file is read is in ``rulebook_file.py``.
"""

import datetime
from collections.abc import Callable
from enum import IntEnum
from typing import Any, NamedTuple

from seawall.domain import rulebook as rules
from seawall.domain.enums import (
    DeleveragingPrice,
    LiquidationPriceLimit,
    LiquidationStage,
    MarkMethod,
    PremiumMethod,
    PriceReference,
    PriceRounding,
    StartingOffset,
)
from seawall.domain.units import (
    DAY_MS,
    FUNDING_ONE,
    MAX_MONEY,
    MAX_TIME_MS,
    PPM,
    RATE_ONE,
    UnitError,
    to_units,
)

TEXT_UNITS = ("fraction", "USD")
"""Units whose values are decimals, which a file writes as text."""


class Kind(NamedTuple):
    """How one value is written: its unit and the way to the machine's integer."""

    unit: str
    convert: Callable[[Any], Any]
    """Raises ValueError whose text says what would be right."""


class Sections(NamedTuple):
    """One kind of rulebook: its keys, its policies by section, and checks across values."""

    book: type[Any]
    kinds: dict[str, dict[str, Kind]]
    policies: dict[str, Callable[..., Any]]
    problems: Callable[[Any], list[tuple[bool, str]]]
    """Pairs of "is it wrong" and what to say then, in the order of the file."""


def _decimal(unit: str, decimals: int, least: int, most: int) -> Kind:
    def convert(value: Any) -> int:
        if not isinstance(value, str):
            raise ValueError('a decimal number written as text, like "0.5"')
        try:
            units = to_units(value, decimals)
        except UnitError as error:
            raise ValueError(f"a number with at most {decimals} decimals ({error})") from None
        if not least <= units <= most:
            scale = 10**decimals
            raise ValueError(f"a number from {least / scale:g} to {most / scale:g}")
        return units

    return Kind(unit, convert)


def _whole(unit: str, least: int, most: int) -> Kind:
    def convert(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return value

    return Kind(unit, convert)


def _choice(family: type[IntEnum]) -> Kind:
    names = {member.name.lower(): member for member in family}

    def convert(value: Any) -> IntEnum:
        if not isinstance(value, str) or value not in names:
            raise ValueError(f"one of {', '.join(names)}")
        return names[value]

    return Kind("", convert)


def _yes_or_no() -> Kind:
    def convert(value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError("true or false")
        return value

    return Kind("", convert)


def _name() -> Kind:
    def convert(value: Any) -> str:
        if not isinstance(value, str) or not value.strip():
            raise ValueError("a name as text")
        return value

    return Kind("", convert)


def _day() -> Kind:
    def convert(value: Any) -> int:
        try:
            day = datetime.date.fromisoformat(value)
        except (TypeError, ValueError):
            raise ValueError('a day as text, like "2025-01-01"') from None
        return (day - datetime.date(1970, 1, 1)).days * DAY_MS

    return Kind("", convert)


def _rows(row: type[Any], kinds: tuple[Kind, ...], most: int, order: str = "") -> Kind:
    """A list of rows, each a list with one value per kind. ``order``: of the first column, if any.

    The columns are the fields of ``row``.
    """
    columns: tuple[str, ...] = row.__struct_fields__

    def one(number: int, entry: list[Any]) -> list[Any]:
        made = []
        for column, kind, item in zip(columns, kinds, entry, strict=True):
            try:
                made.append(kind.convert(item))
            except ValueError as error:
                raise ValueError(f"{error} in row {number}, {column} ({item!r})") from None
        return made

    def convert(value: Any) -> tuple[Any, ...]:
        shape = f"at most {most} rows of {len(kinds)} values ({', '.join(columns)})"
        if not isinstance(value, list) or len(value) > most:
            raise ValueError(shape)
        for entry in value:
            if not isinstance(entry, list) or len(entry) != len(kinds):
                raise ValueError(shape)
        made = [one(number, entry) for number, entry in enumerate(value, start=1)]
        keys = [entry[0] for entry in made]
        if order and keys != sorted(set(keys), reverse=order == "descending"):
            raise ValueError(f"rows in {order} order of their first value, none twice")
        return tuple(row(*entry) for entry in made)

    return Kind("", convert)


def _stages() -> Kind:
    one = _choice(LiquidationStage)

    def convert(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or not 1 <= len(value) <= 4:
            raise ValueError("a list of one to four stages")
        made = tuple(one.convert(item) for item in value)
        if len(set(made)) != len(made) or LiquidationStage.NO_STAGE in made:
            raise ValueError("stages out of book, backstop, insurance, deleverage, none twice")
        return made

    return Kind("", convert)


_SHARE = _decimal("fraction", 9, 0, RATE_ONE)
_SIGNED_SHARE = _decimal("fraction", 9, -RATE_ONE, RATE_ONE)
_FUNDING = _decimal("fraction", 12, 0, FUNDING_ONE)
_USD = _decimal("USD", 6, 0, MAX_MONEY)
_TOKENS = _decimal("tokens", 6, 0, MAX_MONEY)
_MS = _whole("ms", 0, MAX_TIME_MS)
_INTERVAL = _whole("ms", 1, MAX_TIME_MS)
_COUNT = _whole("count", 0, 10**6)
_AT_LEAST_ONE = _whole("count", 1, 10**6)
_PRICE_MARGIN = _rows(rules.PriceMargin, (_day(), _choice(PriceRounding)), 20, "ascending")
_LEVERAGE = _whole("count", 0, 1000)
_BLOCKS = _whole("blocks", 0, 10**6)
_PPM = _whole("ppm", 0, PPM)
_SIGNED_PPM = _whole("ppm", -PPM, PPM)
_FACTOR_PPM = _whole("ppm", 0, 1000 * PPM)

_CONTINUOUS: dict[str, dict[str, Kind]] = {
    "margin": {
        "transfer_floor_rate": _SHARE,
        "default_leverage": _whole("count", 1, 1000),
    },
    "order": {
        "minimum_value": _USD,
        "closing_below_minimum_allowed": _yes_or_no(),
        "price_band_rate": _SHARE,
        "price_band_reference": _choice(PriceReference),
        "maximum_significant_figures": _whole("count", 0, 18),
        "market_value_caps": _rows(rules.ValueCap, (_LEVERAGE, _USD), 4, "descending"),
        "limit_value_factor": _AT_LEAST_ONE,
        "open_orders_base": _COUNT,
        "open_orders_volume_step": _decimal("USD", 6, 1, MAX_MONEY),
        "open_orders_maximum": _COUNT,
        "schedule_minimum_delay_ms": _MS,
        "schedule_daily_maximum": _COUNT,
        "schedule_minimum_volume": _USD,
        "reserve_fee": _yes_or_no(),
    },
    "fee": {
        "tiers": _rows(rules.FeeTier, (_USD, _SIGNED_SHARE, _SIGNED_SHARE), 16, "ascending"),
        "maker_rebates": _rows(rules.MakerRebate, (_SHARE, _SIGNED_SHARE), 3, "ascending"),
        "history_days": _whole("days", 1, 14),
    },
    "funding": {
        "interest": _decimal("fraction", 12, -FUNDING_ONE, FUNDING_ONE),
        "clamp": _FUNDING,
        "cap": _FUNDING,
        "intervals_per_period": _AT_LEAST_ONE,
        "sample_ms": _INTERVAL,
        "settlement_ms": _INTERVAL,
        "premium_method": _choice(PremiumMethod),
    },
    "mark": {
        "method": _choice(MarkMethod),
        "premium_decay_ms": _INTERVAL,
        "mid_decay_ms": _INTERVAL,
    },
    "liquidation": {
        "stages": _stages(),
        "partial_above": _USD,
        "portion_rate": _decimal("fraction", 9, 1, RATE_ONE),
        "cooldown_ms": _MS,
        "price_limit": _choice(LiquidationPriceLimit),
        "book_first_below_backstop": _yes_or_no(),
        "backstop_numerator": _whole("count", 0, 1000),
        "backstop_denominator": _whole("count", 1, 1000),
        "liquidations_per_command": _AT_LEAST_ONE,
        "fills_per_command": _AT_LEAST_ONE,
        "cross_price_margin": _PRICE_MARGIN,
        "isolated_price_margin": _PRICE_MARGIN,
    },
    "deleveraging": {"price": _choice(DeleveragingPrice)},
}


def _continuous_problems(book: rules.Rulebook) -> list[tuple[bool, str]]:
    caps = book.order.market_value_caps
    liquidation = book.liquidation
    return [
        (not caps or caps[-1].minimum_maximum_leverage != 0,
         "order.market_value_caps: the last row must be for leverage 0"),
        (not book.fee.tiers or book.fee.tiers[0].volume_above != 0,
         "fee.tiers: the first row must be for volume 0"),
        (book.order.open_orders_maximum < book.order.open_orders_base,
         "order.open_orders_maximum: must not be below open_orders_base"),
        (liquidation.backstop_numerator > liquidation.backstop_denominator,
         "liquidation.backstop_numerator: must not exceed backstop_denominator"),
        (book.funding.settlement_ms < book.funding.sample_ms,
         "funding.settlement_ms: must not be below sample_ms"),
    ]  # fmt: skip


_BLOCK: dict[str, dict[str, Kind]] = {
    "block": {
        "block_ms": _INTERVAL,
        "short_term_blocks": _BLOCKS,
        "long_term_ms": _MS,
        "gate_blocks": _BLOCKS,
        "outage_ms": _INTERVAL,
    },
    "order": {
        "equity_tiers": _rows(rules.EquityTier, (_USD, _COUNT), 8, "ascending"),
        "trade_clamp_factor": _COUNT,
        "twap_minimum_interval_ms": _INTERVAL,
        "twap_maximum_interval_ms": _INTERVAL,
        "twap_minimum_duration_ms": _INTERVAL,
        "twap_maximum_duration_ms": _INTERVAL,
        "twap_catch_up_factor": _AT_LEAST_ONE,
        "twap_leg_lifetime_ms": _INTERVAL,
        "fills_per_command": _AT_LEAST_ONE,
    },
    "fee": {
        "tiers": _rows(rules.VolumeTier, (_name(), _USD, _PPM, _PPM, _SIGNED_PPM, _SIGNED_PPM), 16),
        "staking_levels": _rows(rules.StakingLevel, (_name(), _TOKENS, _PPM), 64),
        "referred_tier": _whole("count", 0, 15),
        "history_days": _whole("days", 1, 30),
        "evaluation_ms": _INTERVAL,
    },
    "funding": {
        "sample_ms": _INTERVAL,
        "sample_offset_ms": _MS,
        "tick_ms": _INTERVAL,
        "rate_period_ms": _INTERVAL,
        "minimum_votes": _AT_LEAST_ONE,
        "rate_clamp_ppm": _FACTOR_PPM,
        "vote_clamp_ppm": _FACTOR_PPM,
        "tail_ppm": _whole("ppm", 0, PPM // 2 - 1),
    },
    "liquidation": {
        "maximum_fee_ppm": _PPM,
        "bankruptcy_adjustment_ppm": _FACTOR_PPM,
        "spread_to_maintenance_ppm": _FACTOR_PPM,
        "position_minimum": _USD,
        "position_portion_ppm": _PPM,
        "account_notional": _USD,
        "account_insurance": _USD,
        "liquidations_per_block": _AT_LEAST_ONE,
        "deleveragings_per_block": _AT_LEAST_ONE,
        "counterparties_per_deleveraging": _AT_LEAST_ONE,
        "position_offset": _choice(StartingOffset),
        "account_offset": _choice(StartingOffset),
        "counterparty_offset": _choice(StartingOffset),
    },
}


def _levels_are_sorted(fee: rules.BlockFeePolicy) -> bool:
    """Whether levels follow the tiers, ascending in stake; unknown tiers are refused before."""
    places = {tier.name: place for place, tier in enumerate(fee.tiers)}
    keys = [(places.get(level.tier, 0), level.staked) for level in fee.staking_levels]
    return keys == sorted(set(keys))


def _block_problems(book: rules.BlockRulebook) -> list[tuple[bool, str]]:
    order, fee, funding = book.order, book.fee, book.funding
    names = [tier.name for tier in fee.tiers]
    volumes = [tier.volume for tier in fee.tiers]
    first = fee.tiers[0] if fee.tiers else None
    strange = [level.tier for level in fee.staking_levels if level.tier not in names]
    return [
        (order.twap_maximum_interval_ms < order.twap_minimum_interval_ms,
         "order.twap_maximum_interval_ms: must not be below twap_minimum_interval_ms"),
        (order.twap_maximum_duration_ms < order.twap_minimum_duration_ms,
         "order.twap_maximum_duration_ms: must not be below twap_minimum_duration_ms"),
        (first is None or (first.volume, first.total_share_ppm, first.maker_share_ppm) != (0, 0, 0),
         "fee.tiers: the first row must be for volume 0 and shares 0"),
        (len(set(names)) != len(names), "fee.tiers: no name may come twice"),
        (volumes != sorted(volumes), "fee.tiers: volumes must not descend"),
        (bool(strange),
         f"fee.staking_levels: {strange[:1]} is no tier; known are {', '.join(names)}"),
        (not _levels_are_sorted(fee),
         "fee.staking_levels: rows in the order of fee.tiers, ascending stake in each, none twice"),
        (fee.referred_tier >= len(names),
         f"fee.referred_tier: must be below the number of fee.tiers, {len(names)}"),
        (funding.sample_offset_ms >= funding.sample_ms,
         "funding.sample_offset_ms: must be below sample_ms"),
        (funding.tick_ms < funding.sample_ms, "funding.tick_ms: must not be below sample_ms"),
        (funding.rate_period_ms < funding.tick_ms,
         "funding.rate_period_ms: must not be below tick_ms"),
    ]  # fmt: skip


CLOCKS: dict[str, Sections] = {
    "continuous": Sections(
        rules.Rulebook,
        _CONTINUOUS,
        {
            "margin": rules.MarginPolicy,
            "order": rules.OrderPolicy,
            "fee": rules.FeePolicy,
            "funding": rules.FundingPolicy,
            "mark": rules.MarkPolicy,
            "liquidation": rules.LiquidationPolicy,
            "deleveraging": rules.DeleveragingPolicy,
        },
        _continuous_problems,
    ),
    "blocks": Sections(
        rules.BlockRulebook,
        _BLOCK,
        {
            "block": rules.BlockPolicy,
            "order": rules.BlockOrderPolicy,
            "fee": rules.BlockFeePolicy,
            "funding": rules.BlockFundingPolicy,
            "liquidation": rules.BlockLiquidationPolicy,
        },
        _block_problems,
    ),
}
"""What the top-level key ``clock`` may say; a file without it is continuous."""
