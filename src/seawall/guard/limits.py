"""Limits of leverage and concentration: what passes them is said, cancelled or made smaller."""

from msgspec import structs

from seawall.domain.units import PPM
from seawall.guard.draft import Draft, increases
from seawall.guard.memory import StepMemory
from seawall.guard.policy import ALERT, REDUCE
from seawall.guard.view import PositionView

TRADE, MARKET_LEVERAGE, LEVERAGE, SHARE = (
    "leverage of a trade", "leverage of a market", "leverage of the account", "share of a market",
)  # fmt: skip
LIMITS = (TRADE, MARKET_LEVERAGE, LEVERAGE, SHARE)
COOLDOWN_MS = 60_000
REDUCED_PPM = 95 * PPM // 100
"""A reduction ends at this share of its limit: at the limit itself the next tick is above it."""


def judge_limits(draft: Draft) -> None:
    """Compare every market, and every order that could increase a position, with the limits."""
    limits = draft.policy.account
    if draft.assessment.doubt:
        return
    # Without equity every leverage is too high.
    equity = max(0, draft.view.equity)
    gross = draft.view.gross_notional
    if limits.max_leverage is not None:
        most = limits.max_leverage * equity // PPM
        if gross > most:
            for each in draft.view.position.values():
                _over(draft, each, _reduced(each.size, most, gross), LEVERAGE)
    for each in draft.view.position.values():
        notional = draft.view.notional(each)
        if limits.max_leverage_market is not None:
            most = limits.max_leverage_market * equity // PPM
            if notional > most:
                _over(draft, each, _reduced(each.size, most, notional), MARKET_LEVERAGE)
        most_share = limits.max_market_share
        if most_share is not None and notional < gross and notional * PPM > most_share * gross:
            # Never reduced: closing the largest for the others' sake would end with nothing.
            _over(draft, each, each.size, SHARE)
    if limits.max_leverage_trade is not None:
        _judge_orders(draft, limits.max_leverage_trade * equity // PPM)


def _reduced(size: int, most: int, notional: int) -> int:
    return size * most * REDUCED_PPM // (notional * PPM)


def _judge_orders(draft: Draft, most: int) -> None:
    for order in draft.view.orders:
        market = draft.view.market.get(order.market)
        if market is None or not increases(draft.view, order):
            continue
        if order.size * (order.price or market.mark) > most:
            text = f"an order in {order.market} is above the {TRADE}"
            draft.alert(f"{TRADE}/{order.market}/{order.order_id}", "warning", text)
            if draft.policy.account.over_limit != ALERT:
                draft.cancel(order, f"above the {TRADE}")


def _over(draft: Draft, position: PositionView, target: int, limit: str) -> None:
    key = f"{limit}/{position.market}"
    why = f"{position.market} is above the {limit}"
    draft.alert(key, "warning", why)
    action = draft.policy.account.over_limit
    if action == ALERT:
        return
    draft.stop_entries(position.market, draft.now + COOLDOWN_MS)
    if action != REDUCE or target >= position.size:
        return
    memory = draft.steps.get(key, StepMemory())
    if position.market not in draft.works:
        memory = structs.replace(memory, episode=memory.episode + 1)
        draft.steps[key] = memory
    draft.reduce(position, target, draft.policy.account.execution, key, memory.episode, why)
