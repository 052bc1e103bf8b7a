"""What the fields of a policy must be to one another, so that it means something.

These are mistakes with which a policy cannot run. What can run and is unwise is for ``lint.py``.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

from seawall.domain.units import PPM
from seawall.guard.decide import GUARD
from seawall.guard.drawdown import FROM_DAY_START, FROM_PEAK
from seawall.guard.funding import FUNDING
from seawall.guard.limits import LIMITS
from seawall.guard.policy import (
    CLOSE,
    DISTANCE,
    EVERY_MARKET,
    ICEBERG,
    MARGIN_RATIO,
    MARKET,
    POOL,
    REDUCE,
    STOP,
    TAKE_PROFIT,
    TOP_UP,
    TRAILING,
    WALLET,
    Policy,
    Step,
    Stop,
)
from seawall.report import kinds

RESERVED = (GUARD, FROM_PEAK, FROM_DAY_START, *LIMITS, FUNDING)
"""Names that stand for something else, in resets, journals and client order ids."""
Place = tuple[str, int]
"""A table of the file and its number among its like."""
Fault = tuple[Place, str, Any, str]
"""Where, the field, its value, and what should be."""


def policy_faults(policy: Policy) -> Iterator[Fault]:
    """Every mistake, in the order of the file's tables."""
    known = [MARKET, *(each.name for each in policy.executions)]
    users: list[tuple[Place, str]] = [
        (("account", 0), policy.account.execution),
        (("drawdown", 0), policy.drawdown.execution),
        *((("step", n), each.execution) for n, each in enumerate(policy.steps)),
        *((("stop", n), each.execution) for n, each in enumerate(policy.stops)),
        *((("pair", n), each.execution) for n, each in enumerate(policy.pairs)),
    ]
    if policy.funding is not None:
        users.append((("funding", 0), policy.funding.execution))
    for place, execution in users:
        if execution not in known:
            yield place, "execution", execution, f"one of the executions: {', '.join(known)}"
    yield from _names(policy)
    for number, step in enumerate(policy.steps):
        for field, value, expected in _step(step):
            yield ("step", number), field, value, expected
    yield from _order(policy)
    for number, stop in enumerate(policy.stops):
        for field, value, expected in _stop(stop):
            yield ("stop", number), field, value, expected
    yield from _stop_shares(policy)
    for number, each in enumerate(policy.executions):
        if each.max_slippage < each.slippage_cap:
            expected = "at least slippage_cap"
            yield ("execution", number), "max_slippage", _percent(each.max_slippage), expected
        if each.style == ICEBERG and not each.slice:
            yield ("execution", number), "slice", 0, "USD above 0 for an iceberg"
        if each.interval_ms > each.duration_ms:
            yield ("execution", number), "interval", each.interval_ms, "at most the duration"


def _names(policy: Policy) -> Iterator[Fault]:
    tables: dict[str, Sequence[Any]] = {
        "step": policy.steps,
        "stop": policy.stops,
        "pair": policy.pairs,
        "execution": policy.executions,
    }
    for table, rows in tables.items():
        seen: set[str] = {MARKET} if table == "execution" else set()
        for number, each in enumerate(rows):
            if each.name in seen:
                expected = "a name of its own"
                if each.name == MARKET and table == "execution":
                    expected = "another name: market is there in every policy"
                yield (table, number), "name", each.name, expected
            seen.add(each.name)
    # Names of steps and exits are keys of the same memory, and a reset goes by name.
    steps = {each.name for each in policy.steps}
    for number, step in enumerate(policy.steps):
        if step.name in RESERVED:
            yield ("step", number), "name", step.name, "another name: the guard uses this one"
    for number, stop in enumerate(policy.stops):
        if stop.name in steps or stop.name in RESERVED:
            expected = "a name that no step has, and that the guard does not use"
            yield ("stop", number), "name", stop.name, expected
    legs: set[str] = set()
    for number, pair in enumerate(policy.pairs):
        for leg in pair.legs:
            if leg in legs:
                yield ("pair", number), "legs", leg, "in one pair only"
            legs.add(leg)


def _step(step: Step) -> Iterator[tuple[str, Any, str]]:
    better = "below" if step.measure == MARGIN_RATIO else "above"
    if step.is_over(step.rearm):
        yield "rearm", _percent(step.rearm), f"{better} the trigger, {_percent(step.trigger)}"
    if step.target is not None and step.action not in (CLOSE, REDUCE, TOP_UP):
        yield "target", _percent(step.target), "left out: this action has none"
    elif step.target is not None and step.is_over(step.target):
        yield "target", _percent(step.target), f"{better} the trigger, {_percent(step.trigger)}"
    elif step.target is None and step.action == REDUCE:
        yield "target", None, f"a level {better} the trigger, which the reduction is for"
    if step.share != PPM and step.action != CLOSE:
        yield "share", _percent(step.share), f"left out: it belongs to action {CLOSE!r}"
    if step.measure == DISTANCE and step.trigger >= PPM:
        yield "trigger", _percent(step.trigger), "below 100%: a distance is a share of the mark"
    tops = {"amount": step.amount, "max_count": step.max_count, "max_total": step.max_total}
    for field, value in tops.items():
        if step.action == TOP_UP and not value:
            yield field, None, "given: a top-up is bounded in amount, in count and in total"
        if step.action != TOP_UP and value:
            yield field, value, f"left out: it belongs to action {TOP_UP!r}"
    if step.action == TOP_UP and not step.min_move:
        yield "min_move", None, "given: the least move of the liquidation price, such as 1%"
    if step.action == TOP_UP and step.on == "cross" and step.source == POOL:
        yield "source", POOL, f"{WALLET!r}: another one than the pool that it is for"
    elif step.action == TOP_UP and step.source == POOL and step.on != "isolated":
        expected = f"'isolated': from the pool; a pool itself is topped up from the {WALLET}"
        yield "on", step.on, expected
    elif step.action == TOP_UP and step.source == WALLET and step.on != "cross":
        expected = f"'cross': the {WALLET} goes into the pool, which tops up isolated positions"
        yield "on", step.on, expected
    if step.action == TOP_UP and step.amount > step.max_total > 0:
        yield "max_total", step.max_total, "at least the amount"


def _order(policy: Policy) -> Iterator[Fault]:
    """Steps about the same buckets stand in the order in which danger reaches them."""
    for number, step in enumerate(policy.steps):
        for before in policy.steps[:number]:
            meet = before.on == step.on or "all" in (before.on, step.on)
            meet &= before.market == step.market or EVERY_MARKET in (before.market, step.market)
            if meet and before.measure == step.measure and not before.is_over(step.trigger):
                expected = (
                    f"no calmer than that of {before.name}, which stands before it: "
                    f"{_percent(before.trigger)}"
                )
                yield ("step", number), "trigger", _percent(step.trigger), expected
                break


def _stop(stop: Stop) -> Iterator[tuple[str, Any, str]]:
    if (stop.distance is None) == (stop.price is None):
        yield "distance", _percent(stop.distance), "given, or price, and not both"
    if stop.price is not None and stop.market == EVERY_MARKET:
        yield "market", stop.market, "one market, for a price"
    if stop.price is not None and stop.kind == TRAILING:
        yield "price", stop.price, "left out: a trailing stop has a distance"
    if stop.kind != TAKE_PROFIT and stop.distance is not None and stop.distance >= PPM:
        yield "distance", _percent(stop.distance), "below 100%"


def _stop_shares(policy: Policy) -> Iterator[Fault]:
    """Exits of one kind take at most the whole position."""
    markets = {each.market for each in policy.stops}
    for market in sorted(markets):
        for kind in (TAKE_PROFIT, STOP, TRAILING):
            total = 0
            for number, each in enumerate(policy.stops):
                if each.kind == kind and each.market in (market, EVERY_MARKET):
                    total += each.share
                    if total > PPM and each.market == market:
                        expected = f"at most 100% with the other exits of kind {each.kind}"
                        yield ("stop", number), "share", _percent(total), expected


def _percent(ppm: int | None) -> str | None:
    return None if ppm is None else kinds.typed_percent(Fraction(ppm, PPM))
