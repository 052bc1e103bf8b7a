"""What can happen under block rules only. Units as in ``events``."""

from typing import ClassVar

from seawall.domain.enums import EventKind, Side
from seawall.domain.event_base import BaseEvent


class OrderQueued(BaseEvent, frozen=True, gc=False, tag="order_queued"):
    """The order is part of the state and goes to the book when the block is committed."""

    kind: ClassVar[EventKind] = EventKind.ORDER_QUEUED
    account: int
    market: int
    order_id: int
    side: Side
    price: int
    size: int


class CancelStored(BaseEvent, frozen=True, gc=False, tag="cancel_stored"):
    """A cancel keeps its client id from being placed up to block ``good_til``."""

    kind: ClassVar[EventKind] = EventKind.CANCEL_STORED
    account: int
    market: int
    good_til: int


class LiquidationFeePaid(BaseEvent, frozen=True, gc=False, tag="liquidation_fee_paid"):
    """What a liquidated account paid to the insurance fund of the market's pool."""

    kind: ClassVar[EventKind] = EventKind.LIQUIDATION_FEE_PAID
    account: int
    market: int
    amount: int


class FundingIndexMoved(BaseEvent, frozen=True, gc=False, tag="funding_index_moved"):
    """A funding tick: ``rate_ppm`` per funding period, ``delta`` of the index and where it stands.

    The index is micro-USD x 10^6 for one size unit.
    """

    kind: ClassVar[EventKind] = EventKind.FUNDING_INDEX_MOVED
    market: int
    rate_ppm: int
    delta: int
    index: int


class PoolMoved(BaseEvent, frozen=True, gc=False, tag="pool_moved"):
    """Signed micro-USD of the account that went from the cross pool to the market's own."""

    kind: ClassVar[EventKind] = EventKind.POOL_MOVED
    account: int
    market: int
    amount: int


class TransfersGated(BaseEvent, frozen=True, gc=False, tag="transfers_gated"):
    """Withdrawals and transfers of a pool stop. ``market``: -1 for the cross pool.

    ``account``: the one seen with negative net collateral, or -1 after an outage.
    """

    kind: ClassVar[EventKind] = EventKind.TRANSFERS_GATED
    account: int
    market: int
    block: int


class InitialFractionSet(BaseEvent, frozen=True, gc=False, tag="initial_fraction_set"):
    """The account's own initial margin fraction in the market, ppm."""

    kind: ClassVar[EventKind] = EventKind.INITIAL_FRACTION_SET
    account: int
    market: int
    initial_ppm: int


class FeeStandingSet(BaseEvent, frozen=True, gc=False, tag="fee_standing_set"):
    """What decides the account's fee tier beside its volume."""

    kind: ClassVar[EventKind] = EventKind.FEE_STANDING_SET
    account: int
    staked: int
    referred: int
    vault: int


class MarketDiscountSet(BaseEvent, frozen=True, gc=False, tag="market_discount_set"):
    """Fees of the market are ``charge_ppm`` of what they were, in [from, until)."""

    kind: ClassVar[EventKind] = EventKind.MARKET_DISCOUNT_SET
    market: int
    charge_ppm: int
    from_ms: int
    until_ms: int
