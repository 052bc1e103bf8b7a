"""What margin buckets are called under their rules, and how those rules liquidate."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Protocol

from seawall.domain.enums import LiquidationStage, MarginGrouping
from seawall.domain.events import group_of_pool, is_pool
from seawall.domain.instrument import Instrument
from seawall.domain.margin_groups import account_groups, margin_groups
from seawall.domain.rulebook import AnyRulebook, BlockRulebook, Rulebook
from seawall.domain.units import PPM, RATE_ONE
from seawall.report.kinds import money, short_percent


class Buckets(Protocol):
    """An account whose margin buckets have names."""

    @property
    def rulebook(self) -> AnyRulebook: ...
    @property
    def instruments(self) -> Sequence[Instrument]: ...
    @property
    def has_children(self) -> bool: ...
    @property
    def grouping(self) -> MarginGrouping: ...


def bucket_name(account: Buckets, bucket: int) -> str:
    """The name of a bucket: ``cross pool``, ``SOL isolated``, ``SOL child account``.

    One of several pools is called by its margin group, or by the collateral that its groups share:
    ``cross pool xyz``, ``cross pool USDE``.
    """
    if is_pool(bucket) and not account.has_children:
        return pool_name(account.rulebook, account.instruments, account.grouping, bucket)
    market = None if is_pool(bucket) else account.instruments[bucket].name
    return bucket_of_market(market, account.rulebook, has_children=account.has_children)


def pool_name(
    rulebook: AnyRulebook, instruments: Sequence[Instrument], grouping: MarginGrouping, pool: int
) -> str:
    """The name of a cross pool among those of an account."""
    if len(set(account_groups(rulebook, instruments, grouping))) == 1:
        return "cross pool"
    groups = margin_groups(rulebook, instruments)
    group = list(groups)[group_of_pool(pool)]
    return f"cross pool {groups[group] if grouping == MarginGrouping.SHARED else group or 'main'}"


def bucket_of_market(
    market: str | None, rulebook: AnyRulebook, *, has_children: bool = True
) -> str:
    """The name of the bucket of one market, or (None) of all that share the account's money."""
    in_blocks = isinstance(rulebook, BlockRulebook)
    if market is None:
        return "main account" if in_blocks and has_children else "cross pool"
    return f"{market} child account" if in_blocks else f"{market} isolated"


def mode_name(rulebook: AnyRulebook, *, isolated: bool) -> str:
    """How a position draws on collateral: ``cross``, ``isolated`` or ``child``."""
    if not isolated:
        return "cross"
    return "child" if isinstance(rulebook, BlockRulebook) else "isolated"


def liquidation_words(rulebook: AnyRulebook) -> str:
    """How these rules liquidate, in one sentence with their own numbers."""
    if isinstance(rulebook, BlockRulebook):
        return _in_blocks(rulebook)
    return _by_stages(rulebook)


def liquidation_sentence(rulebook: AnyRulebook) -> str:
    """The same beside the name of the rules, as every command says it."""
    return f"Liquidation under {rulebook.name}: {liquidation_words(rulebook)}."


def deleveraging_sentence(accounts: int, backstop: int, how: str) -> str:
    """Why an evening deleverages otherwise in another command: who else is there, and what moves.

    ``backstop``: micro-USD, of it or of the insurance fund. ``how``: what prices and it do.
    """
    return (
        f"Deleveraging depends on who else is there: {accounts:,} other accounts and "
        f"{money(backstop)} USD of the backstop or insurance fund; {how}. rehearse has the traders "
        "and the backstop of the scenario alone, crises and cascade those of the day; cascade adds "
        "other trading, and its liquidations move the oracle."
    )


def gate_words(rulebook: AnyRulebook) -> str:
    """How long no withdrawal is allowed after an account was below zero; empty without a rule."""
    if not isinstance(rulebook, BlockRulebook):
        return ""
    blocks = rulebook.block.gate_blocks
    return f"{blocks} blocks, about {blocks * rulebook.block.block_ms / 1000:g} s"


def _in_blocks(rulebook: BlockRulebook) -> str:
    policy = rulebook.liquidation
    share, fee = (
        short_percent(Fraction(ppm, PPM))
        for ppm in (policy.position_portion_ppm, policy.maximum_fee_ppm)
    )
    return (
        f"under maintenance, one order per block of {rulebook.block.block_ms / 1000:g} s: at most "
        f"{share} of a position (or {money(policy.position_minimum)} USD) and "
        f"{money(policy.account_notional)} USD of an account, within a limit that falls with the "
        f"equity; a fee of at most {fee} of each fill to the insurance fund, which pays what a "
        "fill lacks; deleveraging only below zero"
    )


def _by_stages(rulebook: Rulebook) -> str:
    policy = rulebook.liquidation
    words = {
        LiquidationStage.BOOK: (
            f"orders to the book, {short_percent(Fraction(policy.portion_rate, RATE_ONE))} of a "
            f"position above {money(policy.partial_above)} USD first and, within the "
            f"{policy.cooldown_ms / 1000:g} s after it, the whole position"
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
