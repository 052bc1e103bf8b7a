"""A policy as paths can play it, its rules one by one, and what it is compared with."""

from collections.abc import Iterator
from typing import NamedTuple

from msgspec import structs

from seawall.domain.errors import InputError
from seawall.domain.units import MICRO, PPM
from seawall.guard.policy import (
    ALERT,
    CANCEL_ENTRIES,
    CHASE,
    DEFER,
    DEGRADE,
    ICEBERG,
    POV,
    REDUCE,
    AccountLimits,
    DrawdownLimits,
    Policy,
    Stop,
)
from seawall.lab.guard_test.fills import depth_within
from seawall.lab.paths.kernels.task import PathAccount


class Prepared(NamedTuple):
    """``notes``: what of the policy is not played, each a sentence."""

    policy: Policy
    notes: list[str]


def prepared(policy: Policy, account: PathAccount) -> Prepared:
    """The policy without what does nothing on a path.

    That is what depends on a book or on forecasts of funding, which paths do not have, and what
    only speaks or cancels entries: the account has no open orders, so that decisions about its
    positions are the same without it.
    """
    notes = []
    if policy.funding is not None:
        notes.append("Rules about funding are left out: paths have no forecast of a payment.")
    for pair in policy.pairs:
        missing = [each for each in pair.legs if each not in account.markets]
        if missing:
            notes.append(f"The pair {pair.name} is left out: there is no {missing[0]}.")
    pairs = tuple(
        structs.replace(each, warn_distance=None)
        for each in policy.pairs
        if set(each.legs) <= set(account.markets)
    )
    steps = []
    for each in policy.steps:
        if each.action in (ALERT, CANCEL_ENTRIES):
            continue
        cap = policy.execution(each.execution).slippage_cap / PPM
        depth = min(
            depth_within(depth, spread, account.impact, cap)
            for depth, spread in zip(account.depth, account.spread, strict=True)
        )
        if each.needs_depth > MICRO * depth:
            notes.append(f"{each.name} never adds margin: the books are thinner than it needs.")
            continue
        steps.append(structs.replace(each, needs_depth=0))
    if any(each.style in (CHASE, ICEBERG, POV) for each in policy.executions):
        notes.append("chase, iceberg and pov go to market at once: paths have no tape.")
    inputs = policy.inputs
    if inputs.book.outcome == DEFER:
        inputs = structs.replace(inputs, book=structs.replace(inputs.book, outcome=DEGRADE))
    limits = structs.replace(policy.account, max_market_share=None, max_leverage_trade=None)
    if limits.over_limit != REDUCE:
        limits = structs.replace(limits, max_leverage=None, max_leverage_market=None)
    made = structs.replace(
        policy, account=limits, funding=None, pairs=pairs, steps=tuple(steps), inputs=inputs
    )
    return Prepared(made, notes)


def without_rules(policy: Policy) -> Iterator[tuple[str, Policy]]:
    """Each rule that may close or add something, and the policy without it."""
    for step in policy.steps:
        if step.action in ("close", "top_up", "reduce", "flatten"):
            rest = tuple(each for each in policy.steps if each is not step)
            yield f"step {step.name}", structs.replace(policy, steps=rest)
    for stop in policy.stops:
        left = tuple(each for each in policy.stops if each is not stop)
        yield f"stop {stop.name}", structs.replace(policy, stops=left)
    for name in ("from_peak", "from_day_start"):
        if getattr(policy.drawdown, name) is not None:
            limits = structs.replace(policy.drawdown, **{name: None})
            yield f"drawdown {name}", structs.replace(policy, drawdown=limits)
    limits_now = policy.account
    if limits_now.over_limit == REDUCE and (
        limits_now.max_leverage,
        limits_now.max_leverage_market,
    ) != (None, None):
        off = structs.replace(limits_now, max_leverage=None, max_leverage_market=None)
        yield "account max_leverage", structs.replace(policy, account=off)
    for pair in policy.pairs:
        others = tuple(each for each in policy.pairs if each is not pair)
        yield f"pair {pair.name}", structs.replace(policy, pairs=others)


def plain_stop(policy: Policy, distance: float) -> Policy:
    """One resting stop for each position, and nothing else."""
    if not 0 < distance < 1:
        raise InputError.of("", "stop", distance, "above 0% and below 100%, such as 5%")
    return Policy(
        name="plain stop",
        account=AccountLimits(risk_capital=policy.account.risk_capital),
        drawdown=DrawdownLimits(),
        stops=(Stop(name="stop", distance=round(PPM * distance)),),
    )
