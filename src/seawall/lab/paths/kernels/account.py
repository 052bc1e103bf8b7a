"""An account for the path kernel, from the plan that the machine would be given.

Every figure comes from the rulebook and the instruments; depth and spread are the caller's.
Sizes become coins and money USD, in floats. Open orders that close a position act on the path
(``account_orders``).
"""

from collections.abc import Mapping, Sequence

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
from seawall.domain.units import MICRO, PPM, RATE_ONE
from seawall.engine.formulas.continuous.liquidation_price import maintenance_tiers
from seawall.lab.arrays import Floats
from seawall.lab.market.liquidity import Depth
from seawall.lab.paths.kernels.account_orders import FundingClose, path_orders
from seawall.lab.paths.kernels.stages_state import Orders, Rules
from seawall.lab.paths.kernels.task import (
    BelowZero,
    BlockRules,
    PathAccount,
    PathOrder,
    StageRules,
)
from seawall.lab.paths.variants import sole_pool

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
    closes: Sequence[FundingClose] = (),
) -> PathAccount:
    """The account at ``prices`` (USD as decimal text, by market).

    Markets are those of the positions, in the order of ``instruments``. Bucket 0 is the cross pool,
    or under block rules the account itself; each isolated position, or child account, follows
    under its market's name. Raises InputError for an account without positions, with options or
    with several pools, and for stages that the kernel does not know.
    """
    held = sorted(plan.positions, key=lambda each: each.market)
    if not held:
        raise InputError(f"{plan.name}: position: the account has none")
    markets = [instruments[each.market] for each in held]
    names = [each.name for each in markets]
    apart = [number for number, each in enumerate(held) if each.mode == MarginMode.ISOLATED]
    bucket = np.zeros(len(held), np.int64)
    bucket[apart] = np.arange(1, len(apart) + 1)
    coins = [10.0**-each.size_decimals for each in markets]
    return PathAccount(
        markets=tuple(names),
        buckets=(POOL_NAME, *(names[number] for number in apart)),
        price=np.array([float(prices[name]) for name in names]),
        size=np.array([p.signed_size * coin for p, coin in zip(held, coins, strict=True)]),
        lot=np.array([_lot(rulebook, each) for each in markets]),
        tick=np.array([_tick(rulebook, each) for each in markets]),
        bucket=bucket,
        cash=_cash(plan, held, apart, sole_pool(plan, rulebook, instruments)),
        tiers=tiers_of(rulebook, markets),
        depth=np.array([depths[name].usd_within_50bp for name in names]),
        spread=np.array([depths[name].spread_bp * 1e-4 for name in names]),
        impact=impact,
        fee=np.full(len(held), _taker_fee(rulebook)),
        maker_fee=np.full(len(held), _maker_fee(rulebook)),
        leverage=np.array([float(each.leverage) for each in held]),
        orders=path_orders(plan, rulebook, instruments, prices, depths, closes),
        rules=_block_rules(rulebook)
        if isinstance(rulebook, BlockRulebook)
        else _stage_rules(rulebook),
    )


def kernel_rules(account: PathAccount) -> Rules:
    """What the kernel's functions are handed, in arrays of their own."""
    rules, tick, leverage = account.rules, account.tick, account.leverage
    none = np.zeros(len(account.lot))
    maker_fee = none if account.maker_fee is None else account.maker_fee
    columns = (account.lot, none if tick is None else tick, account.fee, maker_fee)
    lot, tick, fee, maker_fee, depth, spread = (
        np.array(each, np.float64) for each in (*columns, account.depth, account.spread)
    )
    return Rules(
        in_blocks=isinstance(rules, BlockRules),
        bucket=np.array(account.bucket, np.int64),
        lot=lot,
        tick=tick,
        fee=fee,
        maker_fee=maker_fee,
        leverage=np.array(np.full(len(lot), np.inf) if leverage is None else leverage, np.float64),
        depth=depth,
        spread=spread,
        impact=float(account.impact),
        tiers=np.array(account.tiers, np.float64, order="C"),
        stages=rules if isinstance(rules, StageRules) else StageRules(),
        blocks=rules if isinstance(rules, BlockRules) else BlockRules(),
        orders=_columns(account.orders, tick),
    )


def _columns(orders: Sequence[PathOrder], tick: Floats) -> Orders:
    """The orders in arrays of their own."""
    columns = list(zip(*orders, strict=True)) or [()] * len(PathOrder._fields)
    kind, market, level, rises, lots, worst, amount, rate, delay_ms, cost = columns
    toward = np.where(np.array(rises, np.bool_), -0.5, 0.5)
    at = np.array(market, np.int64)
    return Orders(
        kind=np.array(kind, np.int64),
        market=at,
        level=np.array(level, np.float64) + toward * tick[at],
        rises=np.array(rises, np.bool_),
        lots=np.array(lots, np.int64),
        worst=np.array(worst, np.float64),
        amount=np.array(amount, np.float64),
        rate=np.array(rate, np.float64),
        delay_ms=np.array(delay_ms, np.int64),
        cost=np.array(cost, np.float64),
    )


def _cash(plan: Holdings, held: Sequence[Position], apart: Sequence[int], pool: int) -> Floats:
    """(b,) USD: what was given to a bucket, less what its positions cost."""
    given = [pool - sum(each.isolated_margin for each in held)]
    given += [held[number].isolated_margin for number in apart]
    for number, each in enumerate(held):
        own = 1 + apart.index(number) if number in apart else 0
        given[own] -= each.entry_notional if each.signed_size > 0 else -each.entry_notional
    return np.array([micro / MICRO for micro in given])


def _lot(rulebook: AnyRulebook, market: Instrument) -> float:
    """Coins."""
    step = market.size_step(in_blocks=isinstance(rulebook, BlockRulebook))
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


def _maker_fee(rulebook: AnyRulebook) -> float:
    """A fraction, of the lowest volume tier."""
    if isinstance(rulebook, BlockRulebook):
        return rulebook.fee.tiers[0].maker_ppm / PPM
    return rulebook.fee.tiers[0].maker_rate / RATE_ONE


def tiers_of(rulebook: AnyRulebook, markets: Sequence[Instrument]) -> Floats:
    """(3, m, t): lower bound in USD, rate, deduction in USD."""
    lines = [_tier_lines(rulebook, each) for each in markets]
    most = max(len(each) for each in lines)
    padded = [each + [(np.inf, 0.0, 0.0)] * (most - len(each)) for each in lines]
    return np.moveaxis(np.array(padded), -1, 0)


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


def _stage_rules(rulebook: Rulebook) -> StageRules:
    policy = rulebook.liquidation
    if list(policy.stages) != sorted(set(policy.stages)):
        raise InputError(
            f"{rulebook.name}: liquidation.stages: paths know them in the order "
            f"{', '.join(each.name.lower() for each in list(LiquidationStage)[1:])} only, "
            f"not {', '.join(each.name.lower() for each in policy.stages)}"
        )
    has_backstop = LiquidationStage.BACKSTOP in policy.stages
    ratio = policy.backstop_numerator / policy.backstop_denominator
    band = rulebook.order.price_band_rate / RATE_ONE
    return StageRules(
        partial_above=policy.partial_above / MICRO,
        portion=policy.portion_rate / RATE_ONE,
        cooldown_ms=policy.cooldown_ms,
        backstop_ratio=ratio if has_backstop else 0.0,
        lowest=1.0 - band if band else 0.0,
        highest=1.0 / (1.0 - band) if band else np.inf,
        uses_book=LiquidationStage.BOOK in policy.stages,
        book_first=policy.book_first_below_backstop,
        stops_at_zero=policy.price_limit == LiquidationPriceLimit.BANKRUPTCY,
        below_zero=int(_below_zero(policy, rulebook.deleveraging.price)),
        transfer_floor=rulebook.margin.transfer_floor_rate / RATE_ONE,
    )


def _below_zero(policy: LiquidationPolicy, price: DeleveragingPrice) -> BelowZero:
    if LiquidationStage.INSURANCE in policy.stages:
        return BelowZero.INSURED
    if LiquidationStage.DELEVERAGE not in policy.stages:
        return BelowZero.STAYS
    if price == DeleveragingPrice.PREVIOUS_MARK:
        return BelowZero.CLOSED_AT_PREVIOUS
    return BelowZero.CLOSED_AT_ZERO


def _block_rules(rulebook: BlockRulebook) -> BlockRules:
    policy = rulebook.liquidation
    return BlockRules(
        block_ms=rulebook.block.block_ms,
        maximum_fee=policy.maximum_fee_ppm / PPM,
        adjustment=policy.bankruptcy_adjustment_ppm / PPM,
        spread_to_maintenance=policy.spread_to_maintenance_ppm / PPM,
        position_minimum=policy.position_minimum / MICRO,
        position_portion=policy.position_portion_ppm / PPM,
        account_notional=policy.account_notional / MICRO,
        account_insurance=policy.account_insurance / MICRO,
        rotates=policy.position_offset == StartingOffset.BLOCK_HEIGHT,
    )
