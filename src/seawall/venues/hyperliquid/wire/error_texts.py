"""The venue's error texts and order statuses for each of the machine's reasons.

Which texts are recorded from the venue and which are likely wordings is listed in the reference
that the compatibility table cites. ``{max}``, ``{band}``, ``{bid}``, ``{ask}``, ``{required}``,
``{traded}`` and ``{limit}`` are filled in where the answer is made.
"""

from seawall.domain.enums import Reason

UNPROCESSABLE = "Failed to deserialize the JSON body into the target type"
"""HTTP 422, plain text: a body, action or field that is not of the venue's shape."""

NOT_FOUND = "Order was never placed, already canceled, or filled."
CANNOT_MODIFY = "Cannot modify canceled or filled order"
INVALID_REPLACEMENT = "Attempted to modify to invalid new order"
EMPTY_BATCH = "Orders are empty."
NOT_REDUCE_ONLY = "Trigger order is not reduce only."
MAIN_IS_TRIGGER = "Main order cannot be trigger order."
BAD_TICK = "Price must be divisible by tick size."
BAD_SIZE = "Order has invalid size."
BAD_PRICE = "Order has invalid price."
NO_SIGNER = "Unable to recover signer."
EXPIRED_REQUEST = "Action already expired"
WITHDRAWAL_BALANCE = "Insufficient balance for withdrawal"
TOKEN_BALANCE = "Insufficient balance for token transfer"
NO_BUILDER_APPROVAL = "Builder fee has not been approved."
NO_REWARDS = "No rewards to claim"
TWAP_NOT_FOUND = "TWAP was never placed, already canceled, or filled."
TOO_MANY_TWAPS = "Too many open TWAP orders"
SELF_TRANSFER = "Cannot self-transfer."
AGENT_FORBIDDEN = "Agents do not have permission to perform this action."
UNSUPPORTED_MODE = (
    "Portfolio margin is not offered; the modes are default, disabled and unifiedAccount."
)
STILL_ON_DEXES = "Cannot leave the unified account with positions or orders on builder dexes."
UNIFIED_FORBIDDEN = "Action disabled when unified account is active"
NO_SPOT_TRADING = "Spot orders are not offered by this venue."

_BUSY = "The venue is full. Try again later."
_NEVER = "Internal error"

TEXTS: dict[Reason, str] = {
    Reason.NO_REASON: "",
    Reason.UNKNOWN_COMMAND: _NEVER,
    Reason.TIME_WENT_BACK: _NEVER,
    Reason.UNKNOWN_ACCOUNT: "User does not exist.",
    Reason.UNKNOWN_MARKET: "Asset does not exist.",
    Reason.ACCOUNT_TABLE_FULL: _BUSY,
    Reason.POSITION_TABLE_FULL: _BUSY,
    Reason.ORDER_TABLE_FULL: _BUSY,
    Reason.LEVEL_TABLE_FULL: _BUSY,
    Reason.VALUE_OUT_OF_RANGE: "Value out of range",
    Reason.SYSTEM_ACCOUNT_FORBIDDEN: _NEVER,
    Reason.AMOUNT_NOT_POSITIVE: "Amount must be positive",
    Reason.INSUFFICIENT_WITHDRAWABLE: WITHDRAWAL_BALANCE,
    Reason.TRANSFER_TO_SAME_ACCOUNT: SELF_TRANSFER,
    Reason.UNKNOWN_MARGIN_GROUP: UNIFIED_FORBIDDEN,
    Reason.DIFFERENT_COLLATERAL: TOKEN_BALANCE,
    Reason.CROSS_MARGIN_NOT_ALLOWED: "Cross margin is not allowed for this asset.",
    Reason.INVALID_LEVERAGE: "Invalid leverage value",
    Reason.MODE_SWITCH_WITH_POSITION: "Cannot switch leverage type with open position.",
    Reason.MODE_SWITCH_WITH_OPEN_ORDERS: "Cannot switch leverage type with open orders.",
    Reason.CROSS_MARGIN_TOO_LOW_FOR_LEVERAGE: (
        "Cross position does not have sufficient margin available to decrease leverage. "
        "To decrease leverage, deposit more collateral."
    ),
    Reason.ISOLATED_MARGIN_TOO_LOW_FOR_LEVERAGE: (
        "Isolated position does not have sufficient margin available to decrease leverage. "
        "To decrease leverage, add margin to the position."
    ),
    Reason.ISOLATED_AMOUNT_ZERO: "Update to isolated margin cannot be zero.",
    Reason.NO_POSITION: "Cannot update margin for empty position.",
    Reason.POSITION_NOT_ISOLATED: "Position does not use isolated margin.",
    Reason.INSUFFICIENT_MARGIN_FOR_INCREASE: (
        "Account does not have sufficient margin available for increase."
    ),
    Reason.INSUFFICIENT_MARGIN_FOR_REDUCTION: (
        "Position does not have sufficient margin for reduction."
    ),
    Reason.MARGIN_REMOVAL_NOT_ALLOWED: (
        "Cannot remove isolated margin for this asset. To remove margin, reduce the position."
    ),
    Reason.POSITION_ALREADY_OPEN: "Position is already open.",
    Reason.UNKNOWN_MARGIN_SCHEDULE: "Unknown margin table.",
    Reason.MARKET_HALTED: "Trading is halted.",
    Reason.ONLY_POST_ONLY_ALLOWED: (
        "Only post-only orders allowed immediately after network upgrade"
    ),
    Reason.ONLY_REDUCE_ONLY_ALLOWED: (
        "Only reduce-only orders are accepted while the price feed of this market is stale."
    ),
    Reason.INVALID_PRICE: BAD_PRICE,
    Reason.INVALID_SIZE: BAD_SIZE,
    Reason.ZERO_SIZE: "Order has zero size.",
    Reason.PRICE_NOT_ON_TICK: BAD_TICK,
    Reason.BELOW_MINIMUM_VALUE: "Order must have minimum value of $10.",
    Reason.ABOVE_MAXIMUM_VALUE: "Order value too large. Max is ${max}.",
    Reason.PRICE_OUTSIDE_BAND: (
        "Order price cannot be more than {band}% away from the reference price"
    ),
    Reason.NO_REFERENCE_PRICE: "Trading is halted.",
    Reason.REDUCE_ONLY_WOULD_INCREASE: "Reduce only order would increase position.",
    Reason.POST_ONLY_WOULD_MATCH: (
        "Post only order would have immediately matched, bbo was {bid}@{ask}."
    ),
    Reason.NOTHING_TO_MATCH: "Order could not immediately match against any resting orders.",
    Reason.NOT_FULLY_FILLABLE: "Order could not immediately match against any resting orders.",
    Reason.NO_LIQUIDITY_FOR_MARKET_ORDER: "No liquidity available for market order.",
    Reason.INSUFFICIENT_MARGIN: "Insufficient margin to place order.",
    Reason.ABOVE_MARGIN_TIER: (
        "Order would cause position to exceed margin tier limit at current leverage"
    ),
    Reason.OPEN_INTEREST_CAPPED: (
        "Order would increase open interest while open interest is capped"
    ),
    Reason.TOO_AGGRESSIVE_AT_OPEN_INTEREST_CAP: (
        "Order rejected due to price more aggressive than oracle while at open interest cap"
    ),
    Reason.TOO_MANY_OPEN_ORDERS: "Too many open orders",
    Reason.CLIENT_ID_IN_USE: "Order with this client order id is already open.",
    Reason.INVALID_TRIGGER_PRICE: "Invalid TP/SL price.",
    Reason.TRIGGER_NOT_REDUCE_ONLY: NOT_REDUCE_ONLY,
    Reason.PARENT_IS_TRIGGER: MAIN_IS_TRIGGER,
    Reason.PARENT_NOT_PLACED: "Main order was not placed.",
    Reason.ORDER_NOT_FOUND: NOT_FOUND,
    Reason.CANNOT_MODIFY: INVALID_REPLACEMENT,
    Reason.INVALID_FLAGS: "Order has invalid type.",
    Reason.SCHEDULE_TOO_EARLY: (
        "Scheduled cancel time too early, must be at least {delay} seconds from now."
    ),
    Reason.TOO_MANY_SCHEDULED_CANCELS: (
        "Too many scheduled cancels triggered for the day. Limit: {limit}."
    ),
    Reason.SCHEDULE_VOLUME_TOO_LOW: (
        "Cannot set scheduled cancel time until enough volume traded. "
        "Required: ${required}. Traded: ${traded}."
    ),
    Reason.CANCELLED_BY_USER: NOT_FOUND,
    Reason.REPLACED: NOT_FOUND,
    Reason.IMMEDIATE_REMAINDER: "Order could not immediately match against any resting orders.",
    Reason.MARGIN_CANCELLED: "Insufficient margin to place order.",
    Reason.SELF_TRADE_CANCELLED: NOT_FOUND,
    Reason.REDUCE_ONLY_CANCELLED: "Reduce only order would increase position.",
    Reason.SIBLING_FILLED: NOT_FOUND,
    Reason.PARENT_CANCELLED: NOT_FOUND,
    Reason.LIQUIDATED_CANCELLED: NOT_FOUND,
    Reason.SCHEDULED_CANCEL: NOT_FOUND,
    Reason.DELISTED_CANCELLED: NOT_FOUND,
    Reason.OPEN_INTEREST_CAP_CANCELLED: NOT_FOUND,
    Reason.POSITION_CLOSED: NOT_FOUND,
    Reason.EXPIRED: NOT_FOUND,
    Reason.SLICES_DONE: _NEVER,
    Reason.MATCHES_DISCARDED: _NEVER,
    **{reason: _NEVER for reason in Reason if reason >= Reason.COMMAND_NOT_OFFERED},
}
"""Every reason of the machine; the last range belongs to block rules and never occurs here."""

WITHOUT_ASSET = frozenset({Reason.ABOVE_MAXIMUM_VALUE, Reason.PRICE_OUTSIDE_BAND})
"""Texts that were recorded without `` asset=N`` at their end."""

_CANCELED = "canceled"
STATUSES: dict[Reason, str] = {
    Reason.CANCELLED_BY_USER: _CANCELED,
    Reason.REPLACED: _CANCELED,
    Reason.IMMEDIATE_REMAINDER: _CANCELED,
    Reason.MARGIN_CANCELLED: "marginCanceled",
    Reason.SELF_TRADE_CANCELLED: "selfTradeCanceled",
    Reason.REDUCE_ONLY_CANCELLED: "reduceOnlyCanceled",
    Reason.SIBLING_FILLED: "siblingFilledCanceled",
    Reason.PARENT_CANCELLED: _CANCELED,
    Reason.LIQUIDATED_CANCELLED: "liquidatedCanceled",
    Reason.SCHEDULED_CANCEL: "scheduledCancel",
    Reason.DELISTED_CANCELLED: "delistedCanceled",
    Reason.OPEN_INTEREST_CAP_CANCELLED: "openInterestCapCanceled",
    Reason.POSITION_CLOSED: "reduceOnlyCanceled",
    Reason.PRICE_NOT_ON_TICK: "tickRejected",
    Reason.BELOW_MINIMUM_VALUE: "minTradeNtlRejected",
    Reason.INSUFFICIENT_MARGIN: "perpMarginRejected",
    Reason.REDUCE_ONLY_WOULD_INCREASE: "reduceOnlyRejected",
    Reason.POST_ONLY_WOULD_MATCH: "badAloPxRejected",
    Reason.NOTHING_TO_MATCH: "iocCancelRejected",
    Reason.INVALID_TRIGGER_PRICE: "badTriggerPxRejected",
    Reason.NO_LIQUIDITY_FOR_MARKET_ORDER: "marketOrderNoLiquidityRejected",
    Reason.OPEN_INTEREST_CAPPED: "positionIncreaseAtOpenInterestCapRejected",
    Reason.TOO_AGGRESSIVE_AT_OPEN_INTEREST_CAP: "tooAggressiveAtOpenInterestCapRejected",
    Reason.PRICE_OUTSIDE_BAND: "oracleRejected",
    Reason.ABOVE_MARGIN_TIER: "perpMaxPositionRejected",
    Reason.TOO_MANY_OPEN_ORDERS: "tooManyOpenOrdersRejected",
}


def order_status(status: str, reason: int) -> str:
    """The venue's word for an order's state: ``status`` and ``reason`` of an OrderRecord."""
    if status == "canceled":
        return STATUSES.get(Reason(reason), _CANCELED)
    if status == "rejected":
        return STATUSES.get(Reason(reason), "rejected")
    if status == "waiting":
        return "open"
    return status


def with_asset(text: str, asset: int) -> str:
    """The text with the ending that errors of orders and cancels have on the venue."""
    return f"{text} asset={asset}"
