"""The closed vocabularies of the machine: what can be asked, what can happen, and why not.

Values are stored in journals and snapshots, so a value is never renumbered or reused.
"""

from enum import IntEnum, IntFlag


class Side(IntEnum):
    """Side of an order. A position's side is the sign of its size."""

    BUY = 0
    SELL = 1


class MarginMode(IntEnum):
    """CROSS draws on the account's pool; ISOLATED owns a bucket that caps the loss."""

    CROSS = 0
    ISOLATED = 1


class TimeInForce(IntEnum):
    GOOD_TIL_CANCEL = 0
    IMMEDIATE_OR_CANCEL = 1
    FILL_OR_KILL = 2
    POST_ONLY = 3


class OrderFlag(IntFlag):
    """Properties of an order, combined in one integer."""

    NO_FLAG = 0
    REDUCE_ONLY = 1
    TRIGGER = 2
    """Waits for the mark price; ``trigger_price`` is set."""
    TAKE_PROFIT = 4
    """With TRIGGER: fires in the profitable direction. Without it a trigger is a stop."""
    TRIGGER_MARKET = 8
    """With TRIGGER: becomes immediate-or-cancel when fired, otherwise good-til-cancel."""
    CHILD = 16
    """Belongs to the last parent order of the same account (bracket)."""
    POSITION_ATTACHED = 32
    """Cancelled when the position closes or flips."""
    WHOLE_POSITION = 64
    """With POSITION_ATTACHED: the size is the position's size at firing."""
    MARKET = 128
    """Immediate-or-cancel; its price is only a protection. The market-order value cap applies."""
    LIQUIDATION = 256
    """Sent by the liquidation stages, never by a user."""
    SHORT_TERM = 512
    """Blocks only: matches on arrival and expires at a block height."""
    LONG_TERM = 1024
    """Blocks only: part of the state, rests from the next block on until a time."""


class OrderState(IntEnum):
    FREE = 0
    RESTING = 1
    WAITING_FOR_TRIGGER = 2
    WAITING_FOR_FILL = 3
    FIRING = 4
    """Its trigger has fired; it is being matched and is on no ladder."""
    WAITING_FOR_BLOCK = 5
    """Accepted into the state; goes to the book when the block is committed."""
    SLICING = 6
    """A time-weighted parent that sends its legs one after the other; never on the book itself."""


class MarketStatus(IntEnum):
    OPEN = 0
    HALTED = 1
    POST_ONLY_ONLY = 2
    DELISTED = 3
    INITIALIZING = 4
    """Blocks only: short-term post-only orders that do not pass the oracle price."""
    FINAL_SETTLEMENT = 5
    """Blocks only: no orders; positions are closed pairwise at the oracle price."""
    REDUCE_ONLY_ONLY = 6
    """Continuous rules only: new orders must be reduce-only; those that rest stay."""


class MarginGrouping(IntEnum):
    """Which markets of an account share one cross margin."""

    SEPARATE = 0
    """Those of one margin group."""
    SHARED = 1
    """Those of all groups with the same collateral."""


class MarketMargin(IntEnum):
    """Which margin modes a market allows."""

    ANY_MODE = 0
    ISOLATED_ONLY = 1
    STRICT_ISOLATED = 2
    """Isolated only, and margin cannot be removed by hand."""


class CommandKind(IntEnum):
    CREATE_ACCOUNT = 1
    DEPOSIT = 2
    WITHDRAW = 3
    TRANSFER = 4
    SET_LEVERAGE = 5
    ADJUST_ISOLATED_MARGIN = 6
    TOP_UP_ISOLATED_MARGIN = 7
    PLACE_ORDER = 8
    CANCEL_ORDER = 9
    CANCEL_BY_CLIENT_ID = 10
    MODIFY_ORDER = 11
    CANCEL_ALL = 12
    SCHEDULE_CANCEL = 13
    SET_ORACLE_PRICE = 14
    ADVANCE_TIME = 15
    ADOPT_POSITION = 16
    SET_FEE_DISCOUNTS = 17
    SET_MARKET_STATUS = 18
    SET_MARGIN_SCHEDULE = 19
    SETTLE_MARKET = 20
    PLACE_TWAP_ORDER = 21
    SET_INITIAL_FRACTION = 22
    SET_FEE_STANDING = 23
    SET_MARKET_DISCOUNT = 24
    SET_MARGIN_GROUPING = 25


class EventKind(IntEnum):
    COMMAND_REJECTED = 1
    ACCOUNT_CREATED = 2
    DEPOSITED = 3
    WITHDRAWN = 4
    TRANSFERRED = 5
    LEVERAGE_SET = 6
    ISOLATED_MARGIN_ADJUSTED = 7
    ORDER_ACCEPTED = 8
    """The order rests in the book."""
    ORDER_WAITING = 9
    """The order waits for its trigger or for its parent's fill."""
    ORDER_FILLED = 10
    """One fill, one row for each side of it."""
    ORDER_CANCELLED = 11
    ORDER_TRIGGERED = 12
    CANCEL_SCHEDULED = 13
    PRICE_UPDATED = 14
    FUNDING_SAMPLED = 15
    FUNDING_PAID = 16
    POSITION_ADOPTED = 17
    FEE_RATES_SET = 18
    MARKET_STATUS_SET = 19
    MARGIN_SCHEDULE_SET = 20
    LIQUIDATION_STARTED = 21
    """An account's pool or an isolated bucket is below maintenance margin."""
    BACKSTOP_TAKEN_OVER = 22
    INSURANCE_PAID = 23
    DELEVERAGED = 24
    """One row for each side of a deleveraging fill."""
    DELEVERAGING_STALLED = 25
    MARKET_SETTLED = 26
    LIQUIDATION_ENDED = 27
    ORDER_QUEUED = 28
    """The order is in the state and goes to the book with the next block."""
    CANCEL_STORED = 29
    """A cancel that found no order to remove and keeps its id from being placed."""
    LIQUIDATION_FEE_PAID = 30
    FUNDING_INDEX_MOVED = 31
    POOL_MOVED = 32
    """An account's cash moved between the cross pool and a market's own pool."""
    TRANSFERS_GATED = 33
    INITIAL_FRACTION_SET = 34
    FEE_STANDING_SET = 35
    MARKET_DISCOUNT_SET = 36
    MARGIN_GROUPING_SET = 37
    LIQUIDATION_ORDER_ENDED = 38


class Reason(IntEnum):
    """Why a command was rejected or an order was cancelled. Ranges by owner."""

    NO_REASON = 0
    # the command itself
    UNKNOWN_COMMAND = 100
    TIME_WENT_BACK = 101
    UNKNOWN_ACCOUNT = 102
    UNKNOWN_MARKET = 103
    ACCOUNT_TABLE_FULL = 104
    POSITION_TABLE_FULL = 105
    ORDER_TABLE_FULL = 106
    LEVEL_TABLE_FULL = 107
    VALUE_OUT_OF_RANGE = 108
    SYSTEM_ACCOUNT_FORBIDDEN = 109
    # money
    AMOUNT_NOT_POSITIVE = 200
    INSUFFICIENT_WITHDRAWABLE = 201
    TRANSFER_TO_SAME_ACCOUNT = 202
    UNKNOWN_MARGIN_GROUP = 203
    """There is none of this number, or the account shares the margin of its collateral."""
    DIFFERENT_COLLATERAL = 204
    # leverage and isolated margin
    CROSS_MARGIN_NOT_ALLOWED = 300
    INVALID_LEVERAGE = 301
    MODE_SWITCH_WITH_POSITION = 302
    MODE_SWITCH_WITH_OPEN_ORDERS = 303
    CROSS_MARGIN_TOO_LOW_FOR_LEVERAGE = 304
    ISOLATED_MARGIN_TOO_LOW_FOR_LEVERAGE = 305
    ISOLATED_AMOUNT_ZERO = 306
    NO_POSITION = 307
    POSITION_NOT_ISOLATED = 308
    INSUFFICIENT_MARGIN_FOR_INCREASE = 309
    INSUFFICIENT_MARGIN_FOR_REDUCTION = 310
    MARGIN_REMOVAL_NOT_ALLOWED = 311
    POSITION_ALREADY_OPEN = 312
    UNKNOWN_MARGIN_SCHEDULE = 313
    # order validity
    MARKET_HALTED = 400
    ONLY_POST_ONLY_ALLOWED = 401
    INVALID_PRICE = 402
    INVALID_SIZE = 403
    ZERO_SIZE = 404
    PRICE_NOT_ON_TICK = 405
    BELOW_MINIMUM_VALUE = 406
    ABOVE_MAXIMUM_VALUE = 407
    PRICE_OUTSIDE_BAND = 408
    NO_REFERENCE_PRICE = 409
    REDUCE_ONLY_WOULD_INCREASE = 410
    POST_ONLY_WOULD_MATCH = 411
    NOTHING_TO_MATCH = 412
    NOT_FULLY_FILLABLE = 413
    NO_LIQUIDITY_FOR_MARKET_ORDER = 414
    INSUFFICIENT_MARGIN = 415
    ABOVE_MARGIN_TIER = 416
    OPEN_INTEREST_CAPPED = 417
    TOO_AGGRESSIVE_AT_OPEN_INTEREST_CAP = 418
    TOO_MANY_OPEN_ORDERS = 419
    CLIENT_ID_IN_USE = 420
    INVALID_TRIGGER_PRICE = 421
    TRIGGER_NOT_REDUCE_ONLY = 422
    PARENT_IS_TRIGGER = 423
    PARENT_NOT_PLACED = 424
    ORDER_NOT_FOUND = 425
    CANNOT_MODIFY = 426
    INVALID_FLAGS = 427
    SCHEDULE_TOO_EARLY = 428
    TOO_MANY_SCHEDULED_CANCELS = 429
    SCHEDULE_VOLUME_TOO_LOW = 430
    ONLY_REDUCE_ONLY_ALLOWED = 431
    # why an order ended without its user asking
    CANCELLED_BY_USER = 500
    REPLACED = 501
    IMMEDIATE_REMAINDER = 502
    MARGIN_CANCELLED = 503
    SELF_TRADE_CANCELLED = 504
    REDUCE_ONLY_CANCELLED = 505
    SIBLING_FILLED = 506
    PARENT_CANCELLED = 507
    LIQUIDATED_CANCELLED = 508
    SCHEDULED_CANCEL = 509
    DELISTED_CANCELLED = 510
    OPEN_INTEREST_CAP_CANCELLED = 511
    POSITION_CLOSED = 512
    EXPIRED = 513
    SLICES_DONE = 514
    MATCHES_DISCARDED = 515
    # block rules
    COMMAND_NOT_OFFERED = 600
    GOOD_TIL_PASSED = 601
    GOOD_TIL_TOO_FAR = 602
    ALREADY_CANCELLED = 603
    CANCEL_ALREADY_STORED = 604
    REPLACEMENT_REFUSED = 605
    ORDER_FULLY_FILLED = 606
    TIME_IN_FORCE_NOT_OFFERED = 607
    REDUCE_ONLY_NEEDS_IMMEDIATE = 608
    SIZE_NOT_ON_STEP = 609
    ISOLATED_MARKET_RULE = 610
    NEWLY_UNDERCOLLATERALIZED = 611
    STILL_UNDERCOLLATERALIZED = 612
    TRANSFERS_BLOCKED = 613
    EQUITY_TIER_LIMIT = 614
    IMMEDIATE_ALREADY_FILLED = 615
    ORDER_EXISTS = 616
    INVALID_TWAP = 617
    INVALID_INITIAL_FRACTION = 618
    PRICE_BEYOND_ORACLE = 619
    ORDER_MEMORY_FULL = 620
    POOL_TOO_SMALL = 621
    LEVERAGE_UNDERCOLLATERALIZED = 622
    ACCOUNT_UPDATED_TWICE = 623
    NEGATIVE_POOL_MOVE = 624


class FillFlag(IntFlag):
    """What an ORDER_FILLED or DELEVERAGED row says about itself."""

    NO_FILL_FLAG = 0
    TAKER = 1
    BUYER = 2
    LIQUIDATED = 4
    """This side is being liquidated."""
    ISOLATED_BUCKET = 8


class PremiumMethod(IntEnum):
    IMPACT_DIFFERENCE = 0
    """(max(bid - oracle, 0) - max(oracle - ask, 0)) / oracle, with impact prices."""
    IMPACT_MID = 1
    """(bid + ask) / 2 / oracle - 1, with impact prices."""


class MarkMethod(IntEnum):
    MEDIAN = 0
    """Median of oracle plus decayed premium, book median, and outside perpetual prices."""
    ORACLE_ONLY = 1


class PriceReference(IntEnum):
    ORACLE = 0
    MARK = 1


class LiquidationStage(IntEnum):
    """The stages a rulebook may list, in its own order."""

    NO_STAGE = 0
    BOOK = 1
    BACKSTOP = 2
    INSURANCE = 3
    DELEVERAGE = 4


class LiquidationPriceLimit(IntEnum):
    """How far a liquidation order may walk the book."""

    BANKRUPTCY = 0
    """A fill that would leave the bucket with negative equity does not happen."""
    PRICE_BAND = 1


class PriceRounding(IntEnum):
    """Which maintenance margin a printed liquidation price comes from."""

    TRUNCATED = 0
    """To whole micro-USD."""
    EXACT = 1


class DeleveragingPrice(IntEnum):
    PREVIOUS_MARK = 0
    BANKRUPTCY_PRICE = 1


class UpdateKind(IntEnum):
    """Why account balances and positions are about to change; decides which checks apply."""

    MATCH_UPDATE = 0
    COLLATERAL_CHECK_UPDATE = 1
    DEPOSIT_UPDATE = 2
    WITHDRAWAL_UPDATE = 3
    TRANSFER_UPDATE = 4


class StartingOffset(IntEnum):
    """Where a rotation over accounts or positions begins, when a venue draws it at random."""

    FIRST = 0
    BLOCK_HEIGHT = 1
    """The block height modulo the number of candidates."""
