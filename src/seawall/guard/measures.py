"""What the steps of the ladder measure, and how much must be closed or added to change it."""

from fractions import Fraction

from seawall.domain.units import PPM
from seawall.guard.policy import CLOSE, MARGIN_RATIO, REDUCE, Policy, Step
from seawall.guard.view import FAR, NO_EQUITY, BucketView, View
from seawall.report.kinds import typed_percent


def level_of(step: Step, bucket: BucketView, view: View) -> int:
    """The level of a bucket in the measure of a step."""
    return bucket.ratio if step.measure == MARGIN_RATIO else view.bucket_distance(bucket.name)


def level_text(step: Step, bucket: BucketView, view: View) -> str:
    """The level of a bucket in the measure of a step, as a sentence without its end."""
    level = level_of(step, bucket, view)
    shown = typed_percent(Fraction(round(Fraction(level, 100)), PPM // 100))
    if step.measure == MARGIN_RATIO:
        if level == NO_EQUITY:
            return f"{bucket.name} has no equity"
        return f"margin ratio of {bucket.name} is {shown}"
    if level == FAR:
        return f"no price liquidates {bucket.name}"
    return f"distance to liquidation of {bucket.name} is {shown}"


def share_to(policy: Policy, view: View, bucket: BucketView, step: Step) -> int:
    """The share of every position of a bucket that must be closed to reach a step's target, ppm.

    Closing costs the slippage cap of the execution. Maintenance margin falls at least in
    proportion to the notional, so the share is enough where the exit costs no more than that.
    """
    assert step.target is not None
    held = view.positions_of[bucket.name]
    cap = policy.execution(step.execution).slippage_cap
    cost = sum(map(view.notional, held)) * cap // PPM
    equity, margin = bucket.equity, bucket.maintenance
    if step.action not in (CLOSE, REDUCE):
        return PPM
    if step.measure == MARGIN_RATIO:
        missing = PPM * margin - step.target * equity
        gained = PPM * margin - step.target * cost
    else:
        slope = nearest_slope(view, bucket)
        missing = step.target * slope + PPM * (margin - equity)
        gained = step.target * slope + PPM * (margin - cost)
    if missing <= 0:
        return 0
    return PPM if gained <= missing else -(-PPM * missing // gained)


def nearest_slope(view: View, bucket: BucketView) -> int:
    """What a move by the whole mark takes from the margin of a bucket, micro-USD.

    Of the position that is nearest to liquidation, moving alone.
    """
    held = view.positions_of[bucket.name]
    nearest = min(held, key=view.distance)
    return view.notional(nearest) * (PPM - nearest.sign * nearest.rate) // PPM


def mark_at(step: Step, bucket: BucketView, view: View) -> tuple[str, int] | None:
    """The market of a bucket that is nearest to liquidation, and its mark at a step's trigger.

    That market moving alone, at the maintenance rate of its tier now; None where no mark does it.
    """
    held = view.positions_of[bucket.name]
    if not held:
        return None
    nearest = min(held, key=view.distance)
    mark, notional, sign = view.market[nearest.market].mark, view.notional(nearest), nearest.sign
    if step.measure == MARGIN_RATIO:
        # (M - s r n x) = t (E - n x), x the share that the mark moves against the position.
        room = step.trigger * bucket.equity - PPM * bucket.maintenance
        slope = notional * (step.trigger - sign * nearest.rate)
        found = mark - sign * mark * room // slope if slope > 0 else 0
    elif nearest.liquidation_price is None:
        return None
    else:
        found = PPM * nearest.liquidation_price // (PPM - sign * step.trigger)
    return (nearest.market, found) if found > 0 else None
