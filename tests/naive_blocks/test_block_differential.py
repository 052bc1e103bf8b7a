"""The fast engine against the naive twin on seeded streams, under rules of blocks."""

from collections import Counter

import pytest

from seawall.domain.enums import EventKind, Reason
from tests.naive_blocks.differential import cases, run_case

COMMANDS = 250
MUST_HAPPEN = (
    EventKind.ORDER_FILLED,
    EventKind.ORDER_TRIGGERED,
    EventKind.CANCEL_STORED,
    EventKind.FUNDING_PAID,
    EventKind.POOL_MOVED,
    EventKind.LIQUIDATION_STARTED,
    EventKind.LIQUIDATION_FEE_PAID,
    EventKind.INSURANCE_PAID,
    EventKind.DELEVERAGED,
    EventKind.TRANSFERS_GATED,
)
MUST_BE_SAID = (
    Reason.REPLACED,
    Reason.ALREADY_CANCELLED,
    Reason.EXPIRED,
    Reason.SELF_TRADE_CANCELLED,
    Reason.POST_ONLY_WOULD_MATCH,
    Reason.NEWLY_UNDERCOLLATERALIZED,
    Reason.STILL_UNDERCOLLATERALIZED,
    Reason.ISOLATED_MARKET_RULE,
    Reason.EQUITY_TIER_LIMIT,
    Reason.TRANSFERS_BLOCKED,
    Reason.SLICES_DONE,
)


def test_machines_agree() -> None:
    """Together the streams must have reached every mechanism."""
    events: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for name, markets, seed in cases(0, 4):
        generator = run_case(name, markets, seed, COMMANDS)
        events.update(generator.events)
        reasons.update(generator.reasons)
    assert [kind.name for kind in MUST_HAPPEN if not events[kind.name]] == []
    assert [reason.name for reason in MUST_BE_SAID if not reasons[reason.name]] == []


@pytest.mark.slow
@pytest.mark.parametrize(("name", "markets", "seed"), list(cases(1_000, 8)))
def test_machines_agree_for_longer(name: str, markets: str, seed: int) -> None:
    run_case(name, markets, seed, 600)
