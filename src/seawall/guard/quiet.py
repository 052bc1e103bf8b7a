"""Bounds within which nothing can happen, so that most decisions cost next to nothing.

After a decision without an action the bounds say how far the account may move before one could
follow: margin ratios, distances, marks, profit, time. Inside of them a decision only carries the
smoothed losses forward. The lab may check the bounds of many paths at once (``smoothed_after``
works on arrays) and call ``decide`` for those that leave them.
"""

from collections.abc import Iterator

from msgspec import structs

from seawall.domain.units import DAY_MS, PPM
from seawall.guard.assess import Assessment, all_fresh, disagreements, needs_ledger
from seawall.guard.draft import increases
from seawall.guard.drawdown import base_of, losses
from seawall.guard.ladder import applies, step_key
from seawall.guard.memory import Memory, Quiet, QuietLeg, StepMemory
from seawall.guard.policy import DEFER, GUARD, MARGIN_RATIO, TAKE_PROFIT, TRAILING, Policy, Step
from seawall.guard.stops import bound_of, leg_key, leg_size, level_of
from seawall.guard.view import BucketView, PositionView, View

LOW, HIGH = -(2**62), 2**62
Bounds = tuple[int, int]


def is_quiet(policy: Policy, memory: Memory, view: View) -> bool:
    """Whether a view lies within the bounds of a memory, which has some."""
    quiet = memory.quiet
    assert quiet is not None
    if (
        view.time_ms >= quiet.until_ms
        or view.resets
        or view.equity <= quiet.least_equity
        or not all_fresh(policy, view)
        or quiet.policy != policy.version
        or len(view.markets) != len(quiet.marks)
        or len(view.buckets) != len(quiet.ratios)
        or view.orders != quiet.orders
    ):
        return False
    if memory.account is not None:
        profit, (low, high) = view.profit, quiet.profit
        if profit is None or not low < profit < high:
            return False
    for market, (low, high) in zip(view.markets, quiet.marks, strict=True):
        if not low < market.mark < high:
            return False
    for bucket, (low, high) in zip(view.buckets, quiet.ratios, strict=True):
        if not low < bucket.ratio < high:
            return False
    return _same_positions(quiet, view) and _is_far(policy, quiet, view)


def _same_positions(quiet: Quiet, view: View) -> bool:
    """Whether positions and funding forecasts are the same."""
    if len(view.positions) != len(quiet.held):
        return False
    for each, held in zip(view.positions, quiet.held, strict=True):
        if held != (each.market, each.signed_size, each.entry_notional):
            return False
    return not quiet.funding or quiet.funding == _forecasts(view)


def _is_far(policy: Policy, quiet: Quiet, view: View) -> bool:
    """Whether distances to liquidation are within their bounds, and figures agree."""
    for bucket, bounds in zip(view.buckets, quiet.distances, strict=True):
        if bounds is not None:
            low, high = bounds
            if not low < view.bucket_distance(bucket.name) < high:
                return False
    for market, least in quiet.near:
        if view.distance(view.position[market]) <= least:
            return False
    for leg in quiet.legs:
        position = view.position[leg.market]
        bound = bound_of(policy, view, policy.stops[leg.stop], position)
        if bound is not None and position.sign * (leg.level - bound) < 0:
            return False
    return next(disagreements(policy, view), None) is None


def still_quiet(policy: Policy, memory: Memory, view: View) -> Memory:
    """The memory after a view within its bounds."""
    account = memory.account
    profit = view.profit
    if account is not None and profit is not None:
        account = losses(policy, account, profit, view.time_ms, view.observed.profit_ms)
    return structs.replace(memory, time_ms=view.time_ms, account=account)


def quiet_after(
    policy: Policy, memory: Memory, view: View, found: Assessment, *, carried: bool = False
) -> Quiet | None:
    """The bounds around a view after which nothing was to be done; None where something is due.

    ``carried``: the caller itself carries new days and the extremes of trailing stops forward, and
    compares leverages with their limits.
    """
    account = memory.account
    if (
        found.faults
        or found.disagreeing
        or view.resets
        or memory.works
        or memory.raised
        or memory.asked
        or memory.no_entries
        or memory.deferred_ms
        or memory.stopped
        or (account is not None and (account.latched or not account.peak.armed))
        or (account is not None and not account.day.armed)
        or (found.profit is None) != (account is None)
        or policy.inputs.book.outcome == DEFER
        or view.equity <= 0
    ):
        return None
    if any(each.verify_ms or each.over_ms for each in memory.steps.values()):
        return None
    if not _legs_rest(policy, memory, view):
        return None
    judges_orders = policy.account.max_leverage_trade is not None
    if judges_orders and any(increases(view, each) for each in view.orders):
        return None
    until = _until(policy, memory, view, carried)
    if until <= view.time_ms:
        return None
    away, least = (HIGH, 0) if carried else _room(policy, view)
    return Quiet(
        policy=policy.version,
        until_ms=until,
        profit=_profit_bounds(policy, memory),
        least_equity=least,
        ratios=tuple(_level_bounds(policy, memory, view, each, True) for each in view.buckets),
        distances=tuple(
            _level_bounds(policy, memory, view, each, False)
            if any(step.measure != MARGIN_RATIO for step in policy.steps)
            else None
            for each in view.buckets
        ),
        marks=tuple(_marks(policy, memory, view, away, carried)),
        held=tuple((each.market, each.signed_size, each.entry_notional) for each in view.positions),
        orders=view.orders,
        funding=_forecasts(view) if policy.funding is not None else (),
        near=tuple(
            (leg, pair.warn_distance)
            for pair in policy.pairs
            for leg in pair.legs
            if pair.warn_distance is not None and leg in view.position
        ),
        legs=tuple(_bound_legs(policy, memory, view)),
    )


def _forecasts(view: View) -> tuple[tuple[int | None, int | None], ...]:
    return tuple((each.funding_rate, each.next_funding_ms) for each in view.markets)


def _legs_rest(policy: Policy, memory: Memory, view: View) -> bool:
    """Whether every exit rests as it should, or is over."""
    for stop in policy.stops:
        for market, position in view.position.items():
            leg = memory.legs.get(leg_key(stop, market))
            if leg is None:
                continue
            if leg.sent is not None and leg.sent.size != leg_size(
                stop, position, view.market[market]
            ):
                return False  # It was left alone while the position was being closed.
            if leg.leaving or (leg.crossed_ms and not leg.is_spent):
                return False
            if leg.sent is not None and leg.sent.client_id not in view.open_ids:
                return False
            if leg.sent is not None and not leg.sent.seen:
                return False
            if leg.sent is None and stop.held_by != GUARD and not leg.is_spent:
                return False
    return True


def _until(policy: Policy, memory: Memory, view: View, carried: bool) -> int:
    """When something may happen by time alone."""
    times = [HIGH if carried else (view.time_ms // DAY_MS + 1) * DAY_MS]
    calm = [each.cool_until_ms for each in memory.steps.values() if not each.armed]
    times += [each for each in calm if each > view.time_ms]
    if policy.funding is not None:
        for market in view.position:
            settlement = view.market[market].next_funding_ms
            if settlement is not None and settlement >= view.time_ms:
                times.append(settlement - policy.funding.before_ms)
    return min(times)


def _profit_bounds(policy: Policy, memory: Memory) -> Bounds:
    """Above every loss at which a limit could trip, up to the highest profit so far."""
    account = memory.account
    if account is None or not needs_ledger(policy):
        return LOW, HIGH
    low = LOW
    for limit, most in (
        (account.peak, policy.drawdown.from_peak),
        (account.day, policy.drawdown.from_day_start),
    ):
        if most is not None:
            low = max(low, limit.reference - most * base_of(policy, account, limit) // PPM)
    return low, account.peak.reference + 1


def _level_bounds(
    policy: Policy, memory: Memory, view: View, bucket: BucketView, is_ratio: bool
) -> Bounds:
    """Short of the trigger of each armed step, and of the re-arm level of each that is not."""
    low, high = LOW, HIGH
    if not view.positions_of[bucket.name]:
        return low, high
    for step in policy.steps:
        if (step.measure == MARGIN_RATIO) != is_ratio or not applies(step, bucket, view):
            continue
        is_low, at = _next_level(step, memory.steps.get(step_key(step, bucket.name)), bucket, view)
        low, high = (max(low, at), high) if is_low else (low, min(high, at))
    return low, high


def _next_level(
    step: Step, memory: StepMemory | None, bucket: BucketView, view: View
) -> tuple[bool, int]:
    """Whether the next level of a step is below, and where it is."""
    is_armed = memory is None or memory.armed
    above_is_danger = step.measure == MARGIN_RATIO
    if is_armed:
        return not above_is_danger, step.trigger
    level = bucket.ratio if above_is_danger else view.bucket_distance(bucket.name)
    if step.is_calm(level):
        # Only its cool-down keeps it from being armed; that is a bound of time.
        return not above_is_danger, step.rearm
    return above_is_danger, step.rearm


def _room(policy: Policy, view: View) -> tuple[int, int]:
    """How far marks may move, ppm, and the least equity, with which no limit can be passed.

    Each leverage is now a share of its limit. With marks at most x higher and the equity at most x
    lower it grows by (1 + x) / (1 - x), which is that share's inverse for x = (1 - s) / (1 + s).
    """
    limits, equity = policy.account, view.equity
    gross = view.gross_notional
    shares = []
    if limits.max_leverage is not None:
        shares.append(PPM * gross * PPM // (limits.max_leverage * equity))
    for each in view.position.values():
        notional = view.notional(each)
        if limits.max_leverage_market is not None:
            shares.append(PPM * notional * PPM // (limits.max_leverage_market * equity))
        if limits.max_market_share is not None and notional < gross:
            shares.append(PPM * notional * PPM // (limits.max_market_share * gross))
    if not shares:
        return HIGH, 0
    share = min(PPM, max(shares) + 1)
    away = PPM * (PPM - share) // (PPM + share)
    return away, equity * (PPM - away) // PPM


def _marks(
    policy: Policy, memory: Memory, view: View, away: int, carried: bool
) -> Iterator[Bounds]:
    for market in view.markets:
        low, high = 0, HIGH
        position = view.position.get(market.name)
        if position is not None:
            if away < HIGH:
                low = market.mark * (PPM - away) // PPM
                high = market.mark * (PPM + away) // PPM
            for at, is_low in _leg_levels(policy, memory, view, position, carried):
                low, high = (max(low, at), high) if is_low else (low, min(high, at))
        yield low, high


def _leg_levels(
    policy: Policy, memory: Memory, view: View, position: PositionView, carried: bool
) -> Iterator[tuple[int, bool]]:
    """Where exits of a position fire or follow it, and whether that is below the mark."""
    is_long = position.sign > 0
    for stop in policy.stops:
        leg = memory.legs.get(leg_key(stop, position.market))
        if leg is None or leg.is_spent:
            continue
        level = level_of(policy, view, stop, position, leg.extreme)[0]
        if stop.kind == TRAILING:
            yield leg.level, is_long
            if not carried:
                yield leg.extreme + position.sign, not is_long
        else:
            yield level, is_long != (stop.kind == TAKE_PROFIT)


def _bound_legs(policy: Policy, memory: Memory, view: View) -> Iterator[QuietLeg]:
    """Exits that must stay before liquidation, and where they are."""
    for number, stop in enumerate(policy.stops):
        if stop.kind == TAKE_PROFIT:
            continue
        for market, position in view.position.items():
            leg = memory.legs.get(leg_key(stop, market))
            if leg is not None and not leg.is_spent:
                level = level_of(policy, view, stop, position, leg.extreme)[0]
                yield QuietLeg(number, market, level)
