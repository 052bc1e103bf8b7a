"""Top-ups: bounded in amount, in count and in all, and made only where they help.

A top-up moves the liquidation price by a stated minimum or it is not made. It never uses the margin
buffer, is made only on fresh inputs and, where the policy says so, on a book that is deep enough.
What was sent is counted, whether or not it is known to have arrived, so a limit is never passed.
"""

from msgspec import structs

from seawall.domain.units import PPM
from seawall.guard.actions import AddMargin
from seawall.guard.assess import has_book
from seawall.guard.draft import Draft, beyond
from seawall.guard.measures import nearest_slope
from seawall.guard.memory import StepMemory
from seawall.guard.policy import POOL, Policy, Step
from seawall.guard.view import BucketView, View
from seawall.report.kinds import money


def top_up(
    draft: Draft, bucket: BucketView, step: Step, key: str, memory: StepMemory, why: str
) -> StepMemory:
    """The memory after a top-up was ordered, or after it was said why there is none."""
    amount, refused = allowed(draft, bucket, step)
    if refused:
        draft.say(key, "warning", f"{step.name}: no top-up of {bucket.name}: {refused}")
        return memory
    draft.actions.append(
        AddMargin(
            bucket=bucket.name, amount=amount, source=step.source,
            name=f"{key}/{memory.episode}", why=why,
        )
    )  # fmt: skip
    return structs.replace(
        memory,
        count=memory.count + 1,
        total=memory.total + amount,
        cash_before=bucket.cash,
        pending=amount,
    )


def allowed(draft: Draft, bucket: BucketView, step: Step) -> tuple[int, str]:
    """Micro-USD that may be added now; or 0 and why there is no top-up.

    The limits of a step count what it has given to all buckets.
    """
    if bucket.name in draft.assessment.disagreeing:
        return 0, f"figures disagree ({draft.assessment.disagreeing[bucket.name]})"
    if draft.assessment.outcome:
        return 0, "an input is missing or old: " + draft.assessment.faults[0].why
    made = [each for key, each in draft.steps.items() if key.rpartition("/")[0] == step.name]
    count, total = sum(each.count for each in made), sum(each.total for each in made)
    if count >= step.max_count:
        return 0, f"made {count} times, at most {step.max_count}"
    amount = min(step.amount, step.max_total - total)
    if amount <= 0:
        return 0, f"{money(total)} USD given in all, at most {money(step.max_total)}"
    available = _available(draft, bucket, step)
    if available is None:
        return 0, f"what {step.source} can give is not known"
    amount = min(amount, available)
    if amount <= 0:
        return 0, f"{step.source} has nothing to give beyond the margin buffer"
    moved = price_move(draft, bucket, amount)
    if moved < step.min_move:
        return 0, f"{money(amount)} USD would not move the liquidation price by the least move"
    if step.needs_depth and _exit_depth(draft, bucket, step) < step.needs_depth:
        return 0, "the book is too thin, or not known"
    return amount, ""


def price_move(draft: Draft, bucket: BucketView, amount: int) -> int:
    """How far micro-USD move the nearest liquidation price of a bucket, ppm of the mark."""
    slope = nearest_slope(draft.view, bucket)
    return PPM * amount // slope if slope > 0 else 0


def confirm_top_up(
    draft: Draft, bucket: BucketView, step: Step, key: str, memory: StepMemory
) -> StepMemory:
    """The memory once the bucket's cash shows the top-up, or its time is over.

    It is never sent again in its episode: whether it arrived or not, the limits count it.
    """
    if memory.cash_before is None:
        return memory
    if 2 * (bucket.cash - memory.cash_before) >= memory.pending:
        draft.say(key, "info", f"{money(memory.pending)} USD have arrived in {bucket.name}")
        memory = structs.replace(memory, cash_before=None, pending=0)
    elif draft.now >= memory.verify_ms:
        draft.say(key, "warning", f"a top-up of {bucket.name} has not arrived")
        memory = structs.replace(memory, cash_before=None, pending=0)
    draft.steps[key] = memory
    return memory


def _available(draft: Draft, bucket: BucketView, step: Step) -> int | None:
    """What the source can give beyond the buffer, and beyond what other top-ups take now."""
    given = sum(
        each.amount
        for each in draft.actions
        if isinstance(each, AddMargin) and each.source == step.source
    )
    pending = sum(
        other.pending
        for one in draft.policy.steps
        if one.source == step.source
        for name, other in draft.steps.items()
        if name.rpartition("/")[0] == one.name
    )
    found = beyond_buffer(draft.policy, draft.view, bucket, step)
    return None if found is None else found - max(given, pending)


def beyond_buffer(policy: Policy, view: View, bucket: BucketView, step: Step) -> int | None:
    """Micro-USD that the source of a step has for a bucket, beyond the margin buffer of a pool;
    None where that is not known."""
    if step.source != POOL:
        return view.wallets.get(step.source)
    pool = view.bucket.get(bucket.pool)
    if pool is None or pool.free is None:
        return None
    return pool.free - policy.account.margin_buffer


def _exit_depth(draft: Draft, bucket: BucketView, step: Step) -> int:
    """Micro-USD within the slippage cap on the exit side; of several markets the least."""
    cap = draft.policy.execution(step.execution).slippage_cap
    depths = []
    for each in draft.view.positions_of[bucket.name]:
        market = draft.view.market[each.market]
        if not has_book(draft.policy, draft.view, market):
            return 0
        worst = beyond(market.mark, cap, each.signed_size < 0)
        depths.append(
            sum(
                price * size
                for price, size in market.exit_side(each.signed_size)
                if each.sign * (price - worst) >= 0
            )
        )
    return min(depths, default=0)
