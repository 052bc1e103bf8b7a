"""What the steps of the ladder measure, and how much must be closed or added to change it."""

from seawall.domain.units import PPM
from seawall.guard.policy import CLOSE, MARGIN_RATIO, REDUCE, Policy, Step
from seawall.guard.view import BucketView, View


def level_of(step: Step, bucket: BucketView, view: View) -> int:
    """The level of a bucket in the measure of a step."""
    return bucket.ratio if step.measure == MARGIN_RATIO else view.bucket_distance(bucket.name)


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
