"""What of a view can be used, and what follows where an input is missing, old or contradicted.

Six outcomes, and never a neutral number:

* ``propagate``: what is computed from it is missing too (no ledger: no profit, so no drawdown);
* ``unavailable``: the rules that need it do nothing and say so;
* ``degrade``: the rules go on with what is said to be less good (no book: the slippage cap);
* ``defer``: nothing is decided until it is there;
* ``fail_closed``: entries are cancelled, nothing else is sent;
* ``fatal``: the guard stops until a person resets it.
"""

from collections.abc import Iterator

from msgspec import Struct

from seawall.domain.units import PPM
from seawall.guard.policy import (
    DEFER,
    DEGRADE,
    FAIL_CLOSED,
    FATAL,
    PROPAGATE,
    UNAVAILABLE,
    Inputs,
    Policy,
)
from seawall.guard.view import BucketView, MarketView, View

_GRAVITY = (PROPAGATE, UNAVAILABLE, DEGRADE, DEFER, FAIL_CLOSED, FATAL)
"""From the mildest on."""
IGNORE_DISAGREEMENT = "ignore_disagreement"
_CLOCK_SLACK_MS = 2_000
"""An input from so far in the future is one from now, by a clock that runs ahead."""


class Fault(Struct, frozen=True):
    """An input that cannot be used as it is, its outcome, and why in a sentence."""

    input: str
    outcome: str
    why: str


class Assessment(Struct, frozen=True, kw_only=True):
    """``faults``: in the order of the inputs. ``profit``: equity less net deposits, None where it
    is not known. ``disagreeing``: buckets whose figures and the venue's differ, and how;
    ``doubt``: the first whose equity does, empty for none.
    """

    faults: tuple[Fault, ...]
    profit: int | None
    has_funding: bool
    disagreeing: dict[str, str]
    doubt: str = ""

    @property
    def outcome(self) -> str:
        """The gravest of all faults; empty for none."""
        return max((each.outcome for each in self.faults), key=_GRAVITY.index, default="")


def assess(policy: Policy, view: View) -> Assessment:
    """What of a view can be used under a policy."""
    faults = tuple(_faults(policy, view))
    bad = {each.input for each in faults}
    doubt = next(_equities_differ(policy, view), "")
    return Assessment(
        faults=faults,
        profit=None if doubt or bad & {"ledger", "account"} else view.profit,
        has_funding="funding" not in bad,
        disagreeing=dict(disagreements(policy, view)),
        doubt=doubt,
    )


def all_fresh(policy: Policy, view: View) -> bool:
    """Whether every input that the policy needs is there and fresh; quicker than ``assess``."""
    inputs, seen, now = policy.inputs, view.observed, view.time_ms
    return (
        _is_fresh(seen.account_ms, now, inputs.account.max_age_ms)
        and _is_fresh(seen.orders_ms, now, inputs.orders.max_age_ms)
        and _is_fresh(seen.prices_ms, now, inputs.prices.max_age_ms)
        and (not needs_ledger(policy) or _is_fresh(seen.ledger_ms, now, inputs.ledger.max_age_ms))
        and (policy.funding is None or _is_fresh(seen.funding_ms, now, inputs.funding.max_age_ms))
    )


def _is_fresh(at_ms: int | None, now_ms: int, most_ms: int) -> bool:
    return at_ms is not None and -_CLOCK_SLACK_MS <= now_ms - at_ms <= most_ms


def has_book(policy: Policy, view: View, market: MarketView) -> bool:
    """Whether the book of a market can be used; without it slippage caps stand for it."""
    return _is_fresh(market.book_ms, view.time_ms, policy.inputs.book.max_age_ms)


def needs_ledger(policy: Policy) -> bool:
    """Whether a limit on drawdown needs the cash flows."""
    return policy.drawdown.from_peak is not None or policy.drawdown.from_day_start is not None


def _faults(policy: Policy, view: View) -> Iterator[Fault]:
    inputs, seen = policy.inputs, view.observed
    unneeded = set() if needs_ledger(policy) else {"ledger"}
    unneeded |= set() if policy.funding is not None else {"funding"}
    for name, at_ms, rule in (
        ("account", seen.account_ms, inputs.account),
        ("orders", seen.orders_ms, inputs.orders),
        ("prices", seen.prices_ms, inputs.prices),
        ("ledger", seen.ledger_ms, inputs.ledger),
        ("funding", seen.funding_ms, inputs.funding),
    ):
        if name in unneeded:
            continue
        if at_ms is None:
            yield Fault(name, rule.outcome, f"{name}: missing")
        elif view.time_ms - at_ms > rule.max_age_ms:
            age = view.time_ms - at_ms
            yield Fault(name, rule.outcome, f"{name}: {age} ms old, at most {rule.max_age_ms}")
        elif at_ms - view.time_ms > _CLOCK_SLACK_MS:
            ahead = at_ms - view.time_ms
            yield Fault(name, rule.outcome, f"{name}: {ahead} ms in the future; the clocks differ")
    if "ledger" not in unneeded and seen.ledger_ms is not None and view.net_deposits is None:
        yield Fault("ledger", inputs.ledger.outcome, "ledger: no cash flows in it")
    for each in view.positions:
        if each.market not in view.market or view.market[each.market].mark <= 0:
            outcome = inputs.prices.outcome
            yield Fault("prices", outcome, f"prices: no mark of {each.market}")
        elif inputs.book.outcome == DEFER:
            market = view.market[each.market]
            book_ms = market.book_ms
            if book_ms is None or view.time_ms - book_ms > inputs.book.max_age_ms:
                yield Fault("book", DEFER, f"book: none of {each.market} that is fresh")


def disagreements(policy: Policy, view: View) -> Iterator[tuple[str, str]]:
    """Buckets in which our margin or a liquidation price is not the venue's."""
    if IGNORE_DISAGREEMENT in view.overrides:
        return
    for bucket in view.buckets:
        why = _margins_differ(policy.inputs, bucket)
        for each in view.positions_of[bucket.name]:
            if each.market not in view.market:
                continue
            ours, theirs = each.liquidation_price, each.reported_price
            if theirs is None:
                continue
            most = policy.inputs.price_tolerance * view.market[each.market].mark
            # A long that no price liquidates is as one that is liquidated at nothing.
            if abs((ours or 0) - theirs) * PPM > most:
                here = "none" if ours is None else ours
                why = why or f"liquidation price of {each.market}: {here} here, {theirs} there"
        if why:
            yield bucket.name, why


def _equities_differ(policy: Policy, view: View) -> Iterator[str]:
    if IGNORE_DISAGREEMENT not in view.overrides:
        for each in view.buckets:
            if why := _differ(policy.inputs, each, "equity", each.equity, each.reported_equity):
                yield why


def _margins_differ(inputs: Inputs, bucket: BucketView) -> str:
    theirs = bucket.reported_maintenance
    return _differ(inputs, bucket, "equity", bucket.equity, bucket.reported_equity) or _differ(
        inputs, bucket, "maintenance margin", bucket.maintenance, theirs
    )


def _differ(inputs: Inputs, bucket: BucketView, name: str, ours: int, theirs: int | None) -> str:
    most = inputs.margin_tolerance * max(abs(bucket.equity), 1)
    if theirs is None or abs(ours - theirs) * PPM <= most:
        return ""
    return f"{name} of {bucket.name}: {ours} micro-USD here, {theirs} at the venue"
