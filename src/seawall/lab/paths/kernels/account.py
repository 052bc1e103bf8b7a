"""An account for the path kernel, from the plan that the machine would be given.

Every figure comes from the rulebook and the instruments; depth and spread are the caller's.
Sizes become coins and money USD, in floats. The account's own open orders are left out: a path
knows no stops.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seawall.domain.enums import (
    DeleveragingPrice,
    LiquidationPriceLimit,
    LiquidationStage,
    MarginMode,
    StartingOffset,
)
from seawall.domain.errors import InputError
from seawall.domain.holdings import Holdings, Position
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook, BlockRulebook, LiquidationPolicy, Rulebook
from seawall.domain.units import MICRO, RATE_ONE
from seawall.engine.formulas.continuous.liquidation_price import maintenance_tiers
from seawall.lab.market.liquidity import Depth
from seawall.lab.paths.kernels.stages_blocks import BLOCK_NUMBERS
from seawall.lab.paths.kernels.task import BelowZero, Floats, LiquidationRules, PathAccount

PPM = 10**6
POOL_NAME = "cross"
IMPACT = 0.005
"""An order of the whole depth within 50 bp fills 50 bp beyond half the spread."""


def path_account(
    plan: Holdings,
    rulebook: AnyRulebook,
    instruments: Sequence[Instrument],
    prices: Mapping[str, str],
    depths: Mapping[str, Depth],
    impact: float = IMPACT,
) -> PathAccount:
    """The account at ``prices`` (USD as decimal text, by market).

    Markets are those of the positions, in the order of ``instruments``. Bucket 0 is the cross pool,
    or under block rules the account itself; each isolated position, or child account, follows
    under its market's name. Raises InputError for an account without positions and for stages
    that the kernel does not know.
    """
    held = sorted(plan.positions, key=lambda each: each.market)
    if not held:
        raise InputError(f"{plan.name}: position: the account has none")
    markets = [instruments[each.market] for each in held]
    names = [each.name for each in markets]
    apart = [number for number, each in enumerate(held) if each.mode == MarginMode.ISOLATED]
    bucket = np.zeros(len(held), np.int64)
    bucket[apart] = np.arange(1, len(apart) + 1)
    tiers = _tiers(rulebook, markets)
    coins = [10.0**-each.size_decimals for each in markets]
    return PathAccount(
        markets=tuple(names),
        buckets=(POOL_NAME, *(names[number] for number in apart)),
        price=np.array([float(prices[name]) for name in names]),
        size=np.array([p.signed_size * coin for p, coin in zip(held, coins, strict=True)]),
        lot=np.array([_lot(rulebook, each) for each in markets]),
        tick=np.array([_tick(rulebook, each) for each in markets]),
        bucket=bucket,
        cash=_cash(plan, held, apart),
        tier_from=tiers[0],
        tier_rate=tiers[1],
        tier_deduction=tiers[2],
        depth=np.array([depths[name].usd_within_50bp for name in names]),
        spread=np.array([depths[name].spread_bp * 1e-4 for name in names]),
        impact=impact,
        fee=np.full(len(held), _taker_fee(rulebook)),
        **_rules(rulebook),
    )


def kernel_rules(account: PathAccount) -> tuple[Any, ...]:
    """What the kernel's functions are handed: the tuple that ``stages_state`` describes."""
    markets = len(account.markets)
    tick = np.zeros(markets) if account.tick is None else account.tick
    columns = [account.lot, tick, account.fee, account.depth, account.spread]
    lowest = 1.0 - account.band if account.band else 0.0
    highest = 1.0 / lowest if account.band else np.inf
    numbers = [
        account.impact, account.partial_above, account.portion, account.cooldown_ms,
        account.backstop_ratio, lowest, highest, account.uses_book, account.book_first,
        account.stops_at_zero, int(account.below_zero),
    ]  # fmt: skip
    tiers = [account.tier_from, account.tier_rate, account.tier_deduction]
    # One type for every account, so that the kernel is compiled once.
    block = account.block if len(account.block) else [0.0] * len(BLOCK_NUMBERS)
    return (
        int(account.rules),
        np.ascontiguousarray(account.bucket, np.int64),
        np.array(columns, np.float64),
        np.array(tiers, np.float64),
        np.array(numbers, np.float64),
        np.array(block, np.float64),
    )


def _cash(plan: Holdings, held: Sequence[Position], apart: Sequence[int]) -> Floats:
    """(b,) USD: what was given to a bucket, less what its positions cost."""
    given = [plan.collateral - sum(each.isolated_margin for each in held)]
    given += [held[number].isolated_margin for number in apart]
    for number, each in enumerate(held):
        own = 1 + apart.index(number) if number in apart else 0
        given[own] -= each.entry_notional if each.signed_size > 0 else -each.entry_notional
    return np.array([micro / MICRO for micro in given])


def _lot(rulebook: AnyRulebook, market: Instrument) -> float:
    """Coins."""
    step = 1
    if isinstance(rulebook, BlockRulebook) and market.block_terms is not None:
        step = market.block_terms.size_step
    return step * 10.0**-market.size_decimals


def _tick(rulebook: AnyRulebook, market: Instrument) -> float:
    """USD."""
    decimals = market.price_decimals
    if isinstance(rulebook, BlockRulebook) and market.block_terms is not None:
        terms = market.block_terms
        return terms.price_step * 10.0 ** (terms.quote_exponent - decimals)
    return 10.0**-decimals


def _taker_fee(rulebook: AnyRulebook) -> float:
    """A fraction, of the lowest volume tier."""
    if isinstance(rulebook, BlockRulebook):
        return rulebook.fee.tiers[0].taker_ppm / PPM
    return rulebook.fee.tiers[0].taker_rate / RATE_ONE


def _tiers(rulebook: AnyRulebook, markets: Sequence[Instrument]) -> tuple[Floats, Floats, Floats]:
    """Three times (m, t): lower bound in USD, rate, deduction in USD."""
    lines = [_tier_lines(rulebook, each) for each in markets]
    most = max(len(each) for each in lines)
    padded = [each + [(np.inf, 0.0, 0.0)] * (most - len(each)) for each in lines]
    bounds, rates, deductions = np.moveaxis(np.array(padded), -1, 0)
    return bounds.copy(), rates.copy(), deductions.copy()


def _tier_lines(rulebook: AnyRulebook, market: Instrument) -> list[tuple[float, float, float]]:
    if not isinstance(rulebook, BlockRulebook):
        return [
            (
                tier.lower_bound / MICRO,
                tier.numerator / tier.denominator,
                tier.deduction / tier.denominator / MICRO,
            )
            for tier in maintenance_tiers(market.tiers)
        ]
    if market.block_terms is None:
        raise InputError(f"{market.name}: market: has no terms for block rules")
    fractions = market.block_terms.fractions
    rate = fractions.initial_ppm * fractions.maintenance_fraction_ppm / PPM**2
    return [(0.0, rate, 0.0)]


def _rules(rulebook: AnyRulebook) -> dict[str, Any]:
    if isinstance(rulebook, BlockRulebook):
        return _block_rules(rulebook)
    return _stage_rules(rulebook)


def _stage_rules(rulebook: Rulebook) -> dict[str, Any]:
    policy = rulebook.liquidation
    if list(policy.stages) != sorted(set(policy.stages)):
        raise InputError(
            f"{rulebook.name}: liquidation.stages: paths know them in the order "
            f"{', '.join(each.name.lower() for each in list(LiquidationStage)[1:])} only, "
            f"not {', '.join(each.name.lower() for each in policy.stages)}"
        )
    has_backstop = LiquidationStage.BACKSTOP in policy.stages
    ratio = policy.backstop_numerator / policy.backstop_denominator
    return {
        "rules": LiquidationRules.STAGES,
        "partial_above": policy.partial_above / MICRO,
        "portion": policy.portion_rate / RATE_ONE,
        "cooldown_ms": policy.cooldown_ms,
        "backstop_ratio": ratio if has_backstop else 0.0,
        "band": rulebook.order.price_band_rate / RATE_ONE,
        "uses_book": LiquidationStage.BOOK in policy.stages,
        "book_first": policy.book_first_below_backstop,
        "stops_at_zero": policy.price_limit == LiquidationPriceLimit.BANKRUPTCY,
        "below_zero": _below_zero(policy, rulebook.deleveraging.price),
    }


def _below_zero(policy: LiquidationPolicy, price: DeleveragingPrice) -> BelowZero:
    if LiquidationStage.INSURANCE in policy.stages:
        return BelowZero.INSURED
    if LiquidationStage.DELEVERAGE not in policy.stages:
        return BelowZero.STAYS
    if price == DeleveragingPrice.PREVIOUS_MARK:
        return BelowZero.CLOSED_AT_PREVIOUS
    return BelowZero.CLOSED_AT_ZERO


def _block_rules(rulebook: BlockRulebook) -> dict[str, Any]:
    policy = rulebook.liquidation
    return {
        "rules": LiquidationRules.BLOCKS,
        "partial_above": 0.0,
        "portion": policy.position_portion_ppm / PPM,
        "cooldown_ms": 0,
        "backstop_ratio": 0.0,
        "block": (
            float(rulebook.block.block_ms),
            policy.maximum_fee_ppm / PPM,
            policy.bankruptcy_adjustment_ppm / PPM,
            policy.spread_to_maintenance_ppm / PPM,
            policy.position_minimum / MICRO,
            policy.position_portion_ppm / PPM,
            policy.account_notional / MICRO,
            policy.account_insurance / MICRO,
            float(policy.position_offset == StartingOffset.BLOCK_HEIGHT),
        ),
    }
