"""The text with which a node registers each error, and how an answer's log is made of it."""

from seawall.venues.dydx.wire.errors import ERRORS, ErrorCode

TEXTS = {
    "ErrInvalidOrderSide": "Invalid order side",
    "ErrInvalidOrderQuantums": "Invalid order quantums",
    "ErrInvalidOrderGoodTilBlock": "Invalid order goodTilBlock",
    "ErrInvalidOrderSubticks": "Invalid order subticks",
    "ErrOrderIsCanceled": "Attempt to place an order that is already canceled",
    "ErrInvalidClob": "ClobPair ID does not reference a valid CLOB",
    "ErrMemClobCancelAlreadyExists": (
        "A cancel already exists in the memclob for this order with a greater than or equal "
        "GoodTilBlock"
    ),
    "ErrHeightExceedsGoodTilBlock": (
        "The next block height is greater than the GoodTilBlock of the message"
    ),
    "ErrGoodTilBlockExceedsShortBlockWindow": (
        "The GoodTilBlock of the message is further than ShortBlockWindow blocks into the future"
    ),
    "ErrInvalidPlaceOrder": "MsgPlaceOrder is invalid",
    "ErrInvalidReplacement": (
        "An order with the same `OrderId` already exists for this CLOB with a "
        "greater-than-or-equal `GoodTilBlock` or Order Hash"
    ),
    "ErrOrderFullyFilled": "Order is fully filled",
    "ErrInvalidStatefulOrderCancellation": "Invalid stateful order cancellation",
    "ErrStatefulOrderCancellationAlreadyExists": (
        "Existing stateful order cancellation has higher-or-equal priority than the new one"
    ),
    "ErrOrderConflictsWithClobPairStatus": "Order conflicts with ClobPair status",
    "ErrReduceOnlyWouldIncreasePositionSize": (
        "Reduce-only orders cannot increase the position size"
    ),
    "ErrPostOnlyWouldCrossMakerOrder": "Post-only order would cross one or more maker orders",
    "ErrImmediateExecutionOrderAlreadyFilled": (
        "IOC/FOK order is already filled, remaining size is cancelled."
    ),
    "ErrInvalidOrderFlag": "Invalid order flags",
    "ErrInvalidStatefulOrderGoodTilBlockTime": "Invalid order goodTilBlockTime",
    "ErrLongTermOrdersCannotRequireImmediateExecution": (
        "Stateful orders cannot require immediate execution"
    ),
    "ErrTimeExceedsGoodTilBlockTime": (
        "The block time is greater than the GoodTilBlockTime of the message"
    ),
    "ErrGoodTilBlockTimeExceedsStatefulOrderTimeWindow": (
        "The GoodTilBlockTime of the message is further than StatefulOrderTimeWindow into the "
        "future"
    ),
    "ErrStatefulOrderAlreadyExists": (
        "Existing stateful order has higher-or-equal priority than the new one"
    ),
    "ErrStatefulOrderDoesNotExist": "Stateful order does not exist",
    "ErrStatefulOrderCollateralizationCheckFailed": "Stateful order collateralization check failed",
    "ErrStatefulOrderPreviouslyCancelled": (
        "Stateful order was previously cancelled and therefore cannot be placed"
    ),
    "ErrBlockRateLimitExceeded": "Block rate limit exceeded",
    "ErrInvalidConditionType": "Conditional type is invalid",
    "ErrInvalidConditionalOrderTriggerSubticks": "Conditional order trigger subticks is invalid",
    "ErrReduceOnlyDisabled": "Reduce-only is currently disabled",
    "ErrOrderWouldExceedMaxOpenOrdersEquityTierLimit": (
        "Subaccount cannot open more orders due to equity tier limit."
    ),
    "ErrFailedToUpdateSubaccounts": "failed to apply subaccount updates",
    "ErrProductPositionNotUpdatable": "product position is not updatable",
    "ErrInvalidSubaccountIdNumber": "subaccount id number cannot exceed 128000",
    "ErrInvalidSubaccountIdOwner": "subaccount id owner is an invalid address",
    "ErrAssetTransferQuantumsNotPositive": "asset transfer quantums is not positive",
    "ErrSenderSameAsRecipient": "Sender is the same as recipient",
    "ErrInvalidTransferAmount": "Invalid transfer amount",
    "ErrInvalidAccountAddress": "Account address is invalid",
    "ErrTxDecode": "tx parse error",
    "ErrUnauthorized": "unauthorized",
    "ErrInsufficientFunds": "insufficient funds",
    "ErrInvalidPubKey": "invalid pubkey",
    "ErrUnknownAddress": "unknown address",
    "ErrInvalidRequest": "invalid request",
    "ErrTxInMempoolCache": "tx already in mempool",
    "ErrKeyNotFound": "key not found",
    "ErrTxTimeoutHeight": "tx timeout height",
    "ErrWrongSequence": "incorrect account sequence",
}
"""Of the errors that a client of a local venue meets most; others answer with their name."""


def log_of(name: str, detail: str = "") -> str:
    """The log of a refused transaction."""
    text = TEXTS.get(name, name)
    return f"{detail}: {text}" if detail else text


def code_of(name: str) -> ErrorCode:
    """Codespace and code of an error by its name."""
    return ERRORS[name]
