"""Everything that can happen in the machine, and what each column of an event row means.

Money is micro-USD, prices and sizes are integers of the market's own decimals, rates are 1e-9,
funding rates and premiums 1e-12, times ms since 1970. Amounts and sizes are signed where the text
says so. ``EVENT_COLUMNS`` at the end is the page to read beside a row of ``event_dtype``:
columns that an event does not name carry nothing.
"""

from typing import ClassVar

from seawall.domain import block_events as blocks
from seawall.domain.enums import (
    EventKind,
    FillFlag,
    MarginGrouping,
    MarginMode,
    MarketStatus,
    Reason,
    Side,
)
from seawall.domain.event_base import BaseEvent

CROSS_POOL = -1
"""``market`` of a liquidation that concerns the account's cross pool, not one isolated bucket.

That is the pool of margin group 0; the pool of group n is ``CROSS_POOL - n``.
"""


def is_pool(bucket: int) -> bool:
    """Whether a bucket is the cross pool of a margin group, not the bucket of one market."""
    return bucket <= CROSS_POOL


def pool_of_group(group: int) -> int:
    """The bucket number of a margin group's cross pool."""
    return CROSS_POOL - group


def group_of_pool(bucket: int) -> int:
    """The margin group of a cross pool."""
    return CROSS_POOL - bucket


class CommandRejected(BaseEvent, frozen=True, gc=False, tag="command_rejected"):
    """The command changed nothing. ``account`` and ``market``: -1 where it names none.

    ``order_id``: the one the command named, or 0.
    """

    kind: ClassVar[EventKind] = EventKind.COMMAND_REJECTED
    reason: Reason
    account: int
    market: int
    order_id: int


class AccountCreated(BaseEvent, frozen=True, gc=False, tag="account_created"):
    """``parent``: row of the account whose fee tier it shares, or -1."""

    kind: ClassVar[EventKind] = EventKind.ACCOUNT_CREATED
    account: int
    parent: int


class Deposited(BaseEvent, frozen=True, gc=False, tag="deposited"):
    """Micro-USD came in from outside. ``market``: whose own insurance fund, -1 for none."""

    kind: ClassVar[EventKind] = EventKind.DEPOSITED
    account: int
    amount: int
    market: int = -1
    group: int = 0


class Withdrawn(BaseEvent, frozen=True, gc=False, tag="withdrawn"):
    """Micro-USD left."""

    kind: ClassVar[EventKind] = EventKind.WITHDRAWN
    account: int
    amount: int
    group: int = 0


class Transferred(BaseEvent, frozen=True, gc=False, tag="transferred"):
    """Micro-USD went from a margin group of ``account`` to one of ``recipient``."""

    kind: ClassVar[EventKind] = EventKind.TRANSFERRED
    account: int
    recipient: int
    amount: int
    group: int = 0
    recipient_group: int = 0


class LeverageSet(BaseEvent, frozen=True, gc=False, tag="leverage_set"):
    """Leverage (a whole multiple) and mode now in force."""

    kind: ClassVar[EventKind] = EventKind.LEVERAGE_SET
    account: int
    market: int
    leverage: int
    mode: MarginMode


class IsolatedMarginAdjusted(BaseEvent, frozen=True, gc=False, tag="isolated_margin_adjusted"):
    """Signed micro-USD moved from cross cash into the bucket."""

    kind: ClassVar[EventKind] = EventKind.ISOLATED_MARGIN_ADJUSTED
    account: int
    market: int
    amount: int


class OrderAccepted(BaseEvent, frozen=True, gc=False, tag="order_accepted"):
    """The order rests in the book with ``remaining_size`` at ``price``."""

    kind: ClassVar[EventKind] = EventKind.ORDER_ACCEPTED
    account: int
    market: int
    order_id: int
    side: Side
    price: int
    remaining_size: int


class OrderWaiting(BaseEvent, frozen=True, gc=False, tag="order_waiting"):
    """The order waits for its trigger or for its parent's fill. ``price`` is its limit."""

    kind: ClassVar[EventKind] = EventKind.ORDER_WAITING
    account: int
    market: int
    order_id: int
    side: Side
    price: int
    trigger_price: int
    size: int


class OrderFilled(BaseEvent, frozen=True, gc=False, tag="order_filled"):
    """One side of one fill; the flags say which side and which role.

    ``fee``: micro-USD, negative for a rebate. ``closed_profit``: signed micro-USD, before the
    fee. ``position_before``: signed size before the fill. ``counterparty``: the other account.
    """

    kind: ClassVar[EventKind] = EventKind.ORDER_FILLED
    account: int
    market: int
    order_id: int
    price: int
    size: int
    fee: int
    closed_profit: int
    position_before: int
    counterparty: int
    flags: FillFlag


class OrderCancelled(BaseEvent, frozen=True, gc=False, tag="order_cancelled"):
    """The order with limit ``price`` ended with ``remaining_size`` unfilled."""

    kind: ClassVar[EventKind] = EventKind.ORDER_CANCELLED
    account: int
    market: int
    order_id: int
    reason: Reason
    price: int
    remaining_size: int


class OrderTriggered(BaseEvent, frozen=True, gc=False, tag="order_triggered"):
    """The mark price reached the order's trigger."""

    kind: ClassVar[EventKind] = EventKind.ORDER_TRIGGERED
    account: int
    market: int
    order_id: int
    mark_price: int


class CancelScheduled(BaseEvent, frozen=True, gc=False, tag="cancel_scheduled"):
    """All orders will be cancelled at ``cancel_at_ms``; 0: the schedule was cleared."""

    kind: ClassVar[EventKind] = EventKind.CANCEL_SCHEDULED
    account: int
    cancel_at_ms: int


class PriceUpdated(BaseEvent, frozen=True, gc=False, tag="price_updated"):
    """Mark and oracle price now in force."""

    kind: ClassVar[EventKind] = EventKind.PRICE_UPDATED
    market: int
    mark_price: int
    oracle_price: int


class FundingSampled(BaseEvent, frozen=True, gc=False, tag="funding_sampled"):
    """``samples`` equal samples of ``premium`` (signed 1e-12), between which nothing moved."""

    kind: ClassVar[EventKind] = EventKind.FUNDING_SAMPLED
    market: int
    premium: int
    oracle_price: int
    samples: int


class FundingPaid(BaseEvent, frozen=True, gc=False, tag="funding_paid"):
    """``amount``: signed micro-USD received. ``rate``: 1e-12. ``position_size``: signed."""

    kind: ClassVar[EventKind] = EventKind.FUNDING_PAID
    account: int
    market: int
    amount: int
    oracle_price: int
    position_size: int
    rate: int
    flags: FillFlag


class PositionAdopted(BaseEvent, frozen=True, gc=False, tag="position_adopted"):
    """``position_size`` signed; ``entry_notional`` unsigned micro-USD."""

    kind: ClassVar[EventKind] = EventKind.POSITION_ADOPTED
    account: int
    market: int
    position_size: int
    entry_notional: int


class FeeRatesSet(BaseEvent, frozen=True, gc=False, tag="fee_rates_set"):
    """Effective rates now in force, 1e-9; negative is a rebate."""

    kind: ClassVar[EventKind] = EventKind.FEE_RATES_SET
    account: int
    taker_rate: int
    maker_rate: int


class MarketStatusSet(BaseEvent, frozen=True, gc=False, tag="market_status_set"):
    """``open_interest_cap``: micro-USD of notional, 0 for none."""

    kind: ClassVar[EventKind] = EventKind.MARKET_STATUS_SET
    market: int
    status: MarketStatus
    open_interest_cap: int


class MarginScheduleSet(BaseEvent, frozen=True, gc=False, tag="margin_schedule_set"):
    """The position's margin schedule (row number) now in force."""

    kind: ClassVar[EventKind] = EventKind.MARGIN_SCHEDULE_SET
    account: int
    market: int
    schedule: int


class MarginGroupingSet(BaseEvent, frozen=True, gc=False, tag="margin_grouping_set"):
    """Which markets of the account share one cross margin from now on."""

    kind: ClassVar[EventKind] = EventKind.MARGIN_GROUPING_SET
    account: int
    grouping: MarginGrouping


class LiquidationStarted(BaseEvent, frozen=True, gc=False, tag="liquidation_started"):
    """A pool (``market`` is that of ``pool_of_group``) or a bucket is below maintenance.

    Signed micro-USD.
    """

    kind: ClassVar[EventKind] = EventKind.LIQUIDATION_STARTED
    account: int
    market: int
    equity: int
    maintenance_margin: int


class LiquidationOrderEnded(BaseEvent, frozen=True, gc=False, tag="liquidation_order_ended"):
    """A market order of a liquidation is done; the events of its fills come before.

    In deleveraging it is the order that closes the position, and ``price`` that of its fills;
    otherwise ``price`` is its limit. ``remaining_size`` of ``size`` was not filled. An order
    without a fill leaves no event.
    """

    kind: ClassVar[EventKind] = EventKind.LIQUIDATION_ORDER_ENDED
    account: int
    market: int
    order_id: int
    side: Side
    price: int
    size: int
    remaining_size: int
    mark_price: int


class BackstopTakenOver(BaseEvent, frozen=True, gc=False, tag="backstop_taken_over"):
    """A position moved to the backstop account at the mark.

    ``cash``: signed micro-USD handed over, on the first row of a bucket only. ``closed_profit``:
    signed micro-USD, the position's at the mark. ``order_id``: of the order that it counts as.
    """

    kind: ClassVar[EventKind] = EventKind.BACKSTOP_TAKEN_OVER
    account: int
    market: int
    order_id: int
    position_size: int
    mark_price: int
    cash: int
    closed_profit: int
    backstop: int


class InsurancePaid(BaseEvent, frozen=True, gc=False, tag="insurance_paid"):
    """Another account bore ``amount`` micro-USD that the account's pool or bucket owed.

    ``payer``: the account that paid: 0 the insurance fund, 2 the backstop.
    """

    kind: ClassVar[EventKind] = EventKind.INSURANCE_PAID
    account: int
    market: int
    amount: int
    payer: int


class Deleveraged(BaseEvent, frozen=True, gc=False, tag="deleveraged"):
    """One side of a deleveraging fill: as ``OrderFilled``, without a fee.

    ``order_id``: of the order that it counts as; one for all fills of the position that is closed,
    one for each counterparty, 0 under block rules. Where ``price`` is 0, this side received
    ``quote`` signed micro-USD: a total need not be a price.
    """

    kind: ClassVar[EventKind] = EventKind.DELEVERAGED
    account: int
    market: int
    price: int
    size: int
    closed_profit: int
    position_before: int
    counterparty: int
    flags: FillFlag
    order_id: int = 0
    quote: int = 0


class DeleveragingStalled(BaseEvent, frozen=True, gc=False, tag="deleveraging_stalled"):
    """No account could take ``position_size`` (signed); the next command tries again."""

    kind: ClassVar[EventKind] = EventKind.DELEVERAGING_STALLED
    account: int
    market: int
    position_size: int


class MarketSettled(BaseEvent, frozen=True, gc=False, tag="market_settled"):
    """The market is delisted; every position closed at this price."""

    kind: ClassVar[EventKind] = EventKind.MARKET_SETTLED
    market: int
    settlement_price: int


class LiquidationEnded(BaseEvent, frozen=True, gc=False, tag="liquidation_ended"):
    """What is left of the pool or bucket, signed micro-USD."""

    kind: ClassVar[EventKind] = EventKind.LIQUIDATION_ENDED
    account: int
    market: int
    equity: int
    maintenance_margin: int


Event = (
    CommandRejected
    | AccountCreated
    | Deposited
    | Withdrawn
    | Transferred
    | LeverageSet
    | IsolatedMarginAdjusted
    | OrderAccepted
    | OrderWaiting
    | OrderFilled
    | OrderCancelled
    | OrderTriggered
    | CancelScheduled
    | PriceUpdated
    | FundingSampled
    | FundingPaid
    | PositionAdopted
    | FeeRatesSet
    | MarketStatusSet
    | MarginScheduleSet
    | MarginGroupingSet
    | LiquidationStarted
    | LiquidationOrderEnded
    | BackstopTakenOver
    | InsurancePaid
    | Deleveraged
    | DeleveragingStalled
    | MarketSettled
    | LiquidationEnded
    | blocks.OrderQueued
    | blocks.CancelStored
    | blocks.LiquidationFeePaid
    | blocks.FundingIndexMoved
    | blocks.PoolMoved
    | blocks.TransfersGated
    | blocks.InitialFractionSet
    | blocks.FeeStandingSet
    | blocks.MarketDiscountSet
)

_FILL = (
    "account market price size=order_size closed_profit position_before=position_size "
    "counterparty flags"
)

EVENT_COLUMNS: dict[type[BaseEvent], str] = {
    CommandRejected: "reason account market order_id",
    AccountCreated: "account parent=counterparty",
    Deposited: "account amount=money market group=flags",
    Withdrawn: "account amount=money group=flags",
    Transferred: (
        "account recipient=counterparty amount=money group=flags recipient_group=order_size"
    ),
    LeverageSet: "account market leverage=order_size mode=flags",
    IsolatedMarginAdjusted: "account market amount=money",
    OrderAccepted: "account market order_id side=flags price remaining_size=order_size",
    OrderWaiting: ("account market order_id side=flags price trigger_price=money size=order_size"),
    OrderFilled: _FILL + " order_id fee=money",
    OrderCancelled: "account market order_id reason price remaining_size=order_size",
    OrderTriggered: "account market order_id mark_price=price",
    CancelScheduled: "account cancel_at_ms=money",
    PriceUpdated: "market mark_price=price oracle_price=money",
    FundingSampled: "market premium=money oracle_price=price samples=order_size",
    FundingPaid: (
        "account market amount=money oracle_price=price position_size rate=closed_profit flags"
    ),
    PositionAdopted: "account market position_size entry_notional=money",
    FeeRatesSet: "account taker_rate=price maker_rate=money",
    MarketStatusSet: "market status=flags open_interest_cap=money",
    MarginScheduleSet: "account market schedule=order_size",
    MarginGroupingSet: "account grouping=flags",
    LiquidationStarted: "account market equity=money maintenance_margin=closed_profit",
    LiquidationOrderEnded: (
        "account market order_id side=flags price size=order_size remaining_size=money "
        "mark_price=closed_profit"
    ),
    BackstopTakenOver: (
        "account market order_id position_size mark_price=price cash=money closed_profit "
        "backstop=counterparty"
    ),
    InsurancePaid: "account market amount=money payer=counterparty",
    Deleveraged: _FILL + " order_id quote=money",
    DeleveragingStalled: "account market position_size",
    MarketSettled: "market settlement_price=price",
    LiquidationEnded: "account market equity=money maintenance_margin=closed_profit",
    blocks.OrderQueued: "account market order_id side=flags price size=order_size",
    blocks.CancelStored: "account market good_til=money",
    blocks.LiquidationFeePaid: "account market amount=money",
    blocks.FundingIndexMoved: "market rate_ppm=closed_profit delta=money index=position_size",
    blocks.PoolMoved: "account market amount=money",
    blocks.TransfersGated: "account market block=money",
    blocks.InitialFractionSet: "account market initial_ppm=order_size",
    blocks.FeeStandingSet: "account staked=money referred=flags vault=counterparty",
    blocks.MarketDiscountSet: "market charge_ppm=order_size from_ms=price until_ms=money",
}
"""``field`` or ``field=column`` for each field; ``sequence`` is in every row, and the kind."""
