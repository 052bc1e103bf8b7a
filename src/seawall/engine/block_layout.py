"""Writing block rules and what their markets add into a fresh state."""

from typing import Any

from numpy.typing import NDArray

from seawall.domain.instrument import BlockTerms, Instrument
from seawall.domain.rulebook import AnyRulebook, BlockRulebook
from seawall.domain.units import NEVER, PPM
from seawall.engine.tables import BLOCK_TABLES

UPDATE_ROWS = 32
LEAST_PREMIUMS = 128
MAX_EXPONENT = 18
MAX_QUOTE_EXPONENT = 6
MAX_SPREAD_PRODUCT = 2**62
"""Keep the exact comparison of a fillable price within its factors of 64 bits."""
MAX_PRICE_STEP = 10**9


def _votes_per_market(rulebook: BlockRulebook) -> int:
    blocks = -(-rulebook.funding.sample_ms // rulebook.block.block_ms)
    return max(LEAST_PREMIUMS, 2 * max(blocks, rulebook.funding.minimum_votes))


def _samples_per_market(rulebook: BlockRulebook) -> int:
    return max(LEAST_PREMIUMS, 2 * -(-rulebook.funding.tick_ms // rulebook.funding.sample_ms))


def capacities(
    rulebook: AnyRulebook, markets: int, accounts: int, positions: int, orders: int
) -> dict[str, int]:
    """Rows of each table of block rules; none where the rules know no blocks."""
    if not isinstance(rulebook, BlockRulebook):
        return dict.fromkeys(BLOCK_TABLES, 0)
    return {
        "block_rules": 1,
        "volume_tiers": len(rulebook.fee.tiers),
        "staking_levels": max(1, len(rulebook.fee.staking_levels)),
        "block_markets": markets,
        "block_accounts": accounts,
        "block_positions": positions,
        "block_orders": orders,
        "order_memories": orders,
        "memory_buckets": 1 << max(3, (orders - 1).bit_length()),
        "votes": markets * _votes_per_market(rulebook),
        "samples": markets * _samples_per_market(rulebook),
        "updates": UPDATE_ROWS,
    }


def _check_terms(name: str, terms: BlockTerms | None) -> None:
    if terms is None:
        raise ValueError(f"{name} has no block_terms, which block rules need")
    fractions = terms.fractions
    if not 0 <= fractions.initial_ppm <= PPM or not 0 <= fractions.maintenance_fraction_ppm <= PPM:
        raise ValueError(f"{name}: margin fractions {fractions} must be from 0 to {PPM} ppm")
    if not 0 <= fractions.open_interest_lower_cap <= max(0, fractions.open_interest_upper_cap):
        raise ValueError(f"{name}: open interest caps of {fractions} must be 0 <= lower <= upper")
    if not 1 <= terms.price_step <= MAX_PRICE_STEP or terms.size_step < 1:
        raise ValueError(
            f"{name}: price_step {terms.price_step} must be from 1 to {MAX_PRICE_STEP}, "
            f"size_step {terms.size_step} at least 1"
        )
    for field, most in (("value_exponent", MAX_EXPONENT), ("quote_exponent", MAX_QUOTE_EXPONENT)):
        if not -MAX_EXPONENT <= getattr(terms, field) <= most:
            raise ValueError(
                f"{name}: {field} is {getattr(terms, field)}; it must be from "
                f"-{MAX_EXPONENT} to {most}"
            )


def check(rulebook: BlockRulebook, instruments: list[Instrument]) -> None:
    """Raises ValueError naming what the tables cannot hold."""
    if len(rulebook.order.equity_tiers) > 8:
        raise ValueError("order.equity_tiers: at most 8 are possible")
    spread = rulebook.liquidation.spread_to_maintenance_ppm
    if rulebook.liquidation.bankruptcy_adjustment_ppm * spread > MAX_SPREAD_PRODUCT:
        raise ValueError(
            "liquidation.bankruptcy_adjustment_ppm x spread_to_maintenance_ppm must not exceed "
            f"{MAX_SPREAD_PRODUCT}"
        )
    names = [tier.name for tier in rulebook.fee.tiers]
    for level in rulebook.fee.staking_levels:
        if level.tier not in names:
            raise ValueError(f"fee.staking_levels names the unknown fee tier {level.tier!r}")
    for instrument in instruments:
        _check_terms(instrument.name, instrument.block_terms)


def _numbers(rulebook: BlockRulebook) -> dict[str, int]:
    order, fee, liquidation = rulebook.order, rulebook.fee, rulebook.liquidation
    numbers = {
        name: int(getattr(rulebook.block, name)) for name in rulebook.block.__struct_fields__
    }
    for name in rulebook.funding.__struct_fields__:
        numbers[name] = int(getattr(rulebook.funding, name))
    for name in liquidation.__struct_fields__:
        numbers[name] = int(getattr(liquidation, name))
    for name in order.__struct_fields__:
        if name not in ("equity_tiers", "fills_per_command"):
            numbers[name] = int(getattr(order, name))
    for place, tier in enumerate(order.equity_tiers, start=1):
        numbers[f"tier_equity_{place}"] = tier.equity
        numbers[f"tier_orders_{place}"] = tier.open_orders
    return numbers | {
        "equity_tier_count": len(order.equity_tiers),
        "volume_tier_count": len(fee.tiers),
        "referred_tier": fee.referred_tier,
        "fee_history_days": fee.history_days,
        "fee_evaluation_ms": fee.evaluation_ms,
        "votes_capacity": _votes_per_market(rulebook),
        "samples_capacity": _samples_per_market(rulebook),
        "first_queued": -1,
        "last_queued": -1,
        "memories_free": -1,
        "first_slicing": -1,
        "expire_height": NEVER,
        "expire_ms": NEVER,
        "memories_expire": NEVER,
    }


def _write_fees(tables: dict[str, NDArray[Any]], rulebook: BlockRulebook) -> None:
    first = 0
    for place, tier in enumerate(rulebook.fee.tiers):
        levels = [level for level in rulebook.fee.staking_levels if level.tier == tier.name]
        row = tables["volume_tiers"][place : place + 1]
        for name in ("volume", "total_share_ppm", "maker_share_ppm", "taker_ppm", "maker_ppm"):
            row[name] = getattr(tier, name)
        row["first_level"] = first
        row["level_count"] = len(levels)
        for level in levels:
            tables["staking_levels"]["staked"][first] = level.staked
            tables["staking_levels"]["discount_ppm"][first] = level.discount_ppm
            first += 1


def _write_markets(tables: dict[str, NDArray[Any]], instruments: list[Instrument]) -> None:
    for place, instrument in enumerate(instruments):
        terms = instrument.block_terms
        assert terms is not None
        row = tables["block_markets"][place : place + 1]
        for name in terms.fractions.__struct_fields__:
            row[name] = getattr(terms.fractions, name)
        for name in (
            "price_step", "size_step", "quote_exponent", "value_exponent",
            "default_funding_ppm", "minimum_price_change_ppm",
        ):  # fmt: skip
            row[name] = getattr(terms, name)
        row["own_pool"] = int(terms.own_pool)
        row["charge_ppm"] = PPM


def write(
    tables: dict[str, NDArray[Any]], rulebook: BlockRulebook, instruments: list[Instrument]
) -> None:
    """The numbers of the rules, of the fee tiers and of the markets."""
    for name, value in _numbers(rulebook).items():
        tables["block_rules"][name] = value
    tables["rules"]["default_leverage"] = 1
    tables["rules"]["fills_per_command"] = rulebook.order.fills_per_command
    tables["rules"]["liquidations_per_command"] = rulebook.liquidation.liquidations_per_block
    _write_fees(tables, rulebook)
    _write_markets(tables, instruments)
