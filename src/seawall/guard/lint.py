"""Mistakes in a policy that can run: what is missing, comes too late, or does not fit an account.

Each is a rule with a name. Some read the policy alone; the others need a view of the account, and
those about depth a book in it.
"""

from collections.abc import Iterator
from fractions import Fraction

from msgspec import Struct

from seawall.domain.units import PPM
from seawall.guard.assess import has_book
from seawall.guard.execution import walked
from seawall.guard.ladder import standing
from seawall.guard.measures import level_text
from seawall.guard.policy import (
    EVERY_MARKET,
    FLATTEN,
    MARGIN_RATIO,
    MARKET,
    REDUCE,
    REDUCING,
    STOP,
    TOP_UP,
    TRAILING,
    Policy,
)
from seawall.guard.stops import bound_of, wanted_level
from seawall.guard.top_up import beyond_buffer
from seawall.guard.view import PositionView, View
from seawall.report.kinds import money, typed_percent

LONG_SMOOTHING_MS = 600_000
"""A longer smoothing lets a lasting loss grow for minutes before the hard stop trips."""
LARGE = 1
"""A cross position is large from this multiple of its pool's equity."""
LEAST_FREE = PPM // 20
"""A pool of whose equity less is free has all its collateral in use."""
RULES = {
    "no-hard-stop": "no limit on drawdown",
    "no-end-of-ladder": "the ladder does not end with a reduction that reaches a target",
    "trigger-beyond-liquidation": "a step that only fires after liquidation has begun",
    "top-up-without-limit": "top-ups that may use the whole risk capital",
    "slow-smoothing": "a smoothing that delays the hard stop",
    "slow-flatten": "a last step whose orders are never urgent",
    "override-in-file": "an override that counts on the command line only",
    "cross-without-stop": "a large cross position without a stop",
    "ladder-too-wide": "a step whose level is reached already",
    "stop-beyond-liquidation": "a stop that lies beyond liquidation, slippage included",
    "leverage-over-depth": "a position that the book cannot close for its margin",
    "collateral-in-use": "no free collateral, or less than the margin buffer",
    "top-up-without-source": "a top-up from a source that has nothing beyond the margin buffer",
}
"""What each rule finds."""


class Mistake(Struct, frozen=True):
    """``rule``: its name; ``where``: a table of the policy, a market or a bucket."""

    rule: str
    where: str
    text: str


def lint(policy: Policy, view: View | None = None) -> list[Mistake]:
    """The mistakes of a policy, and for the account of a view."""
    found = [*_of_policy(policy), *_of_ladder(policy)]
    if view is not None:
        found += [*_of_positions(policy, view), *_of_buckets(policy, view)]
    return found


def _of_policy(policy: Policy) -> Iterator[Mistake]:
    limits = policy.drawdown
    if limits.from_peak is None and limits.from_day_start is None:
        text = "neither from_peak nor from_day_start is given: nothing ends a losing day"
        yield Mistake("no-hard-stop", "[drawdown]", text)
    elif limits.smoothing_ms > LONG_SMOOTHING_MS:
        text = f"smoothing of {limits.smoothing_ms // 1000} s: use 10 minutes or less"
        yield Mistake("slow-smoothing", "[drawdown]", text)
    given = sum(each.max_total for each in policy.steps if each.action == TOP_UP)
    if given >= policy.account.risk_capital:
        text = f"{money(given)} USD in all, as much as the risk capital: make max_total smaller"
        yield Mistake("top-up-without-limit", "[[step]]", text)
    for name in policy.stripped:
        text = f"{name} does not count here: say it on the command line, for one run"
        yield Mistake("override-in-file", "the file", text)


def _of_ladder(policy: Policy) -> Iterator[Mistake]:
    reducing = [each for each in policy.steps if each.action in REDUCING]
    if not reducing or reducing[-1].action not in (FLATTEN, REDUCE):
        text = 'let its last step be action = "flatten", or "reduce" to a target'
        yield Mistake("no-end-of-ladder", "[[step]]", text)
    for step in policy.steps:
        if step.measure == MARGIN_RATIO and step.trigger >= PPM:
            now = typed_percent(Fraction(step.trigger, PPM))
            text = f"trigger {now}: liquidation begins at 100%"
            yield Mistake("trigger-beyond-liquidation", f"step {step.name}", text)
    for step in reducing[-1:]:
        execution = policy.execution(step.execution)
        never = execution.urgent_above >= PPM and execution.escalate_ms > 60_000
        if execution.style != MARKET and never:
            text = f"execution {execution.name} is {execution.style}: give urgent_above below 100%"
            yield Mistake("slow-flatten", f"step {step.name}", text)


def _of_positions(policy: Policy, view: View) -> Iterator[Mistake]:
    for position in view.position.values():
        yield from _stops_of(policy, view, position)
        market = view.market[position.market]
        if has_book(policy, view, market):
            slippage = walked(market, position.signed_size, position.size)
            if slippage is None or slippage > position.rate:
                cost = "more than the book shows" if slippage is None else (
                    typed_percent(Fraction(slippage, PPM))
                )  # fmt: skip
                text = (
                    f"closing it costs {cost}; its maintenance margin is "
                    f"{typed_percent(Fraction(position.rate, PPM))}: make it smaller"
                )
                yield Mistake("leverage-over-depth", position.market, text)


def _stops_of(policy: Policy, view: View, position: PositionView) -> Iterator[Mistake]:
    market = view.market[position.market]
    stops = [
        each for each in policy.stops
        if each.kind in (STOP, TRAILING) and each.market in (position.market, EVERY_MARKET)
    ]  # fmt: skip
    for stop in stops:
        level = wanted_level(stop, position, market, market.mark)
        bound = bound_of(policy, view, stop, position)
        if bound is not None and position.sign * (level - bound) < 0:
            text = f"stop {stop.name} would be moved: put it nearer to the entry, or add margin"
            yield Mistake("stop-beyond-liquidation", position.market, text)
    rests = any(
        each.market == position.market
        and each.trigger_price
        and not each.take_profit
        and each.is_buy == (position.signed_size < 0)
        for each in view.orders
    )
    bucket = view.bucket[position.bucket]
    is_large = view.notional(position) >= LARGE * max(0, bucket.equity)
    if not bucket.is_isolated and is_large and not stops and not rests:
        text = f"{money(view.notional(position))} USD without a stop, in the policy or at the venue"
        yield Mistake("cross-without-stop", position.market, text)


def _of_buckets(policy: Policy, view: View) -> Iterator[Mistake]:
    for bucket, step, level in standing(policy, view):
        if step.is_over(level):
            at = typed_percent(Fraction(step.trigger, PPM))
            text = f"{level_text(step, bucket, view)}, and step {step.name} fires at {at}"
            yield Mistake("ladder-too-wide", bucket.name, text)
        if step.action == TOP_UP:
            there = beyond_buffer(policy, view, bucket, step)
            if there is not None and there <= 0:
                text = f"step {step.name} takes from the {step.source}, which has nothing to give"
                yield Mistake("top-up-without-source", bucket.name, text)
    for bucket in view.buckets:
        if view.positions_of[bucket.name] and bucket.free is not None and not bucket.is_isolated:
            least = max(policy.account.margin_buffer, LEAST_FREE * max(0, bucket.equity) // PPM)
            if bucket.free < least:
                text = f"{money(bucket.free)} USD are free, at least {money(least)} should be"
                yield Mistake("collateral-in-use", bucket.name, text)
