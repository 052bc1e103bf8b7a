"""What a rulebook does, in words with its own numbers, and how its buckets are called."""

from seawall.domain.enums import LiquidationStage
from seawall.domain.events import CROSS_POOL
from seawall.domain.rulebook import AnyRulebook, BlockRulebook, Rulebook
from seawall.domain.units import MICRO, RATE_ONE
from seawall.lab.rehearse.rehearsal import Rehearsal

PPM = 1_000_000


def bucket_name(result: Rehearsal, bucket: int) -> str:
    """The trader's pool, or what cages the loss of one market."""
    if bucket == CROSS_POOL:
        return "main account" if result.children else "cross pool"
    name = result.instruments[bucket].name
    return f"{name} child account" if result.in_blocks else f"{name} isolated"


def pool_name(result: Rehearsal, market: int, *, isolated: bool) -> str:
    """The bucket as a sentence calls it."""
    if not isolated:
        return bucket_name(result, CROSS_POOL)
    return f"{bucket_name(result, market)}{'' if result.in_blocks else ' bucket'}"


def mode_name(result: Rehearsal, *, isolated: bool) -> str:
    """How a position draws on collateral."""
    if not isolated:
        return "cross"
    return "child" if result.in_blocks else "isolated"


def liquidation_words(rulebook: AnyRulebook) -> str:
    """How these rules liquidate, in one sentence."""
    if isinstance(rulebook, BlockRulebook):
        return _in_blocks(rulebook)
    return _by_stages(rulebook)


def gate_words(rulebook: AnyRulebook) -> str:
    """How long nothing may leave after somebody was below zero."""
    if not isinstance(rulebook, BlockRulebook):
        return ""
    blocks = rulebook.block.gate_blocks
    return f"{blocks} blocks, about {blocks * rulebook.block.block_ms / 1000:g} s"


def _in_blocks(rulebook: BlockRulebook) -> str:
    policy = rulebook.liquidation
    return (
        f"under maintenance, one order per block of {rulebook.block.block_ms / 1000:g} s: at most "
        f"{_percent(policy.position_portion_ppm, PPM)} of a position (or "
        f"{_usd(policy.position_minimum)} USD) and {_usd(policy.account_notional)} USD of an "
        f"account, within a limit that falls with the equity; a fee of at most "
        f"{_percent(policy.maximum_fee_ppm, PPM)} of each fill to the insurance fund, which pays "
        "what a fill lacks; deleveraging only below zero"
    )


def _by_stages(rulebook: Rulebook) -> str:
    policy = rulebook.liquidation
    words = {
        LiquidationStage.BOOK: (
            f"orders to the book, {_percent(policy.portion_rate, RATE_ONE)} of a position above "
            f"{_usd(policy.partial_above)} USD first and the rest after "
            f"{policy.cooldown_ms / 1000:g} s"
        ),
        LiquidationStage.BACKSTOP: (
            f"the backstop below {policy.backstop_numerator}/{policy.backstop_denominator} of "
            "maintenance margin"
        ),
        LiquidationStage.INSURANCE: "the insurance fund",
        LiquidationStage.DELEVERAGE: "deleveraging",
    }
    stages = [words[stage] for stage in policy.stages if stage in words]
    return "under maintenance: " + ", then ".join(stages)


def _percent(share: int, one: int) -> str:
    return f"{100 * share / one:g} %"


def _usd(micro: int) -> str:
    return f"{micro / MICRO:,.0f}"
