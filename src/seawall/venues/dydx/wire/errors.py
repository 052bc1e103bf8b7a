"""The venue's errors by name, with the codespace and the code that a node answers.

Only those that a client of a local venue can meet. Two codespaces use the same name three times;
then the one of ``clob`` has the plain name and the other its codespace in front.
"""

from typing import NamedTuple

from seawall.domain.enums import CommandKind, Reason


class ErrorCode(NamedTuple):
    codespace: str
    code: int


_CLOB = {
    "ErrMemClobOrderDoesNotExist": 2,
    "ErrInvalidOrderSide": 3,
    "ErrInvalidOrderQuantums": 4,
    "ErrInvalidOrderGoodTilBlock": 5,
    "ErrInvalidOrderSubticks": 6,
    "ErrOrderIsCanceled": 7,
    "ErrInvalidClob": 8,
    "ErrMemClobCancelAlreadyExists": 9,
    "ErrHeightExceedsGoodTilBlock": 10,
    "ErrGoodTilBlockExceedsShortBlockWindow": 11,
    "ErrInvalidPlaceOrder": 12,
    "ErrInvalidReplacement": 20,
    "ErrOrderFullyFilled": 24,
    "ErrInvalidStatefulOrderCancellation": 29,
    "ErrStatefulOrderCancellationAlreadyExists": 32,
    "ErrOrderConflictsWithClobPairStatus": 34,
    "ErrInvalidTimeInForce": 44,
    "ErrInvalidBatchCancel": 45,
    "ErrBatchCancelFailed": 46,
    "ErrDeprecatedField": 48,
    "ErrInvalidTwapOrderPlacement": 49,
    "ErrInvalidBuilderCode": 50,
    "ErrNoPerpetualPositionsToLiquidate": 1001,
    "ErrSubaccountNotLiquidatable": 1002,
    "ErrNoOpenPositionForPerpetual": 1003,
    "ErrInvalidLiquidationOrderTotalSize": 1004,
    "ErrInvalidLiquidationOrderSide": 1005,
    "ErrTotalFillAmountExceedsOrderSize": 1006,
    "ErrLiquidationContainsNoFills": 1007,
    "ErrSubaccountHasLiquidatedPerpetual": 1008,
    "ErrLiquidationOrderSizeSmallerThanMin": 1009,
    "ErrLiquidationOrderSizeGreaterThanMax": 1010,
    "ErrLiquidationExceedsSubaccountMaxNotionalLiquidated": 1011,
    "ErrLiquidationExceedsSubaccountMaxInsuranceLost": 1012,
    "ErrInsuranceFundHasInsufficientFunds": 1013,
    "ErrInvalidPerpetualPositionSizeDelta": 1014,
    "ErrInvalidQuantumsForInsuranceFundDeltaCalculation": 1015,
    "ErrDeleveragingAgainstSelf": 1017,
    "ErrDuplicateDeleveragingFillSubaccounts": 1018,
    "ErrZeroDeleveragingFillAmount": 1019,
    "ErrPositionCannotBeFullyOffset": 1020,
    "ErrDeleveragingIsFinalSettlementFlagMismatch": 1021,
    "ErrLiquidationConflictsWithClobPairStatus": 1022,
    "ErrReduceOnlyWouldIncreasePositionSize": 2001,
    "ErrPostOnlyWouldCrossMakerOrder": 2003,
    "ErrImmediateExecutionOrderAlreadyFilled": 2004,
    "ErrWouldViolateIsolatedSubaccountConstraints": 2005,
    "ErrInvalidOrderFlag": 3000,
    "ErrInvalidStatefulOrderGoodTilBlockTime": 3001,
    "ErrLongTermOrdersCannotRequireImmediateExecution": 3002,
    "ErrTimeExceedsGoodTilBlockTime": 3003,
    "ErrGoodTilBlockTimeExceedsStatefulOrderTimeWindow": 3004,
    "ErrStatefulOrderAlreadyExists": 3005,
    "ErrStatefulOrderDoesNotExist": 3006,
    "ErrStatefulOrderCollateralizationCheckFailed": 3007,
    "ErrStatefulOrderPreviouslyCancelled": 3008,
    "ErrStatefulOrderPreviouslyRemoved": 3009,
    "ErrStatefulOrderCancellationFailedForAlreadyRemovedOrder": 3010,
    "ErrBlockRateLimitExceeded": 5001,
    "ErrInvalidConditionType": 6000,
    "ErrInvalidConditionalOrderTriggerSubticks": 6001,
    "ErrReduceOnlyDisabled": 9003,
    "ErrOrderWouldExceedMaxOpenOrdersEquityTierLimit": 10001,
    "ErrInvalidOrderRouterAddress": 11000,
    "ErrInvalidAddress": 11001,
    "ErrInvalidLeverage": 11002,
    "ErrLeverageExceedsMaximum": 11003,
    "ErrInitialMarginPpmIsZero": 11004,
}
_SUBACCOUNTS = {
    "ErrNonUniqueUpdatesSubaccount": 101,
    "ErrFailedToUpdateSubaccounts": 102,
    "ErrProductPositionNotUpdatable": 103,
    "ErrInvalidSubaccountIdNumber": 200,
    "ErrInvalidSubaccountIdOwner": 201,
    "ErrAssetTransferQuantumsNotPositive": 500,
    "ErrAssetTransferThroughBankNotImplemented": 501,
    "subaccounts.ErrInvalidLeverage": 700,
    "subaccounts.ErrLeverageExceedsMaximum": 701,
    "subaccounts.ErrInitialMarginPpmIsZero": 702,
    "ErrLeverageViolatesMarginRequirements": 703,
}
_ASSETS = {"ErrNotImplementedMulticollateral": 401, "ErrNotImplementedMargin": 402}
_PERPETUALS = {"ErrPerpetualDoesNotExist": 1}
_SENDING = {
    "ErrSenderSameAsRecipient": 1,
    "ErrInvalidTransferAmount": 2,
    "ErrInvalidAccountAddress": 6,
}
_REVSHARE = {"ErrOrderRouterRevShareNotFound": 8}
_SDK = {
    "ErrTxDecode": 2,
    "ErrUnauthorized": 4,
    "ErrInsufficientFunds": 5,
    "ErrInvalidPubKey": 8,
    "ErrUnknownAddress": 9,
    "ErrOutOfGas": 11,
    "ErrInsufficientFee": 13,
    "ErrInvalidRequest": 18,
    "ErrTxInMempoolCache": 19,
    "ErrKeyNotFound": 22,
    "ErrTxTimeoutHeight": 30,
    "ErrWrongSequence": 32,
}

ERRORS: dict[str, ErrorCode] = {
    name: ErrorCode(codespace, code)
    for codespace, codes in (
        ("clob", _CLOB),
        ("subaccounts", _SUBACCOUNTS),
        ("assets", _ASSETS),
        ("perpetuals", _PERPETUALS),
        ("sending", _SENDING),
        ("revshare", _REVSHARE),
        ("sdk", _SDK),
    )
    for name, code in codes.items()
}

UPDATE_RESULTS: dict[Reason, str] = {
    Reason.ISOLATED_MARKET_RULE: "ViolatesIsolatedSubaccountConstraints",
    Reason.NEWLY_UNDERCOLLATERALIZED: "NewlyUndercollateralized",
    Reason.STILL_UNDERCOLLATERALIZED: "StillUndercollateralized",
    Reason.TRANSFERS_BLOCKED: "WithdrawalsAndTransfersBlocked",
}
"""The word in the text of ``ErrFailedToUpdateSubaccounts``."""

ERROR_OF_REASON: dict[Reason, str] = {
    Reason.UNKNOWN_MARKET: "ErrInvalidClob",
    Reason.AMOUNT_NOT_POSITIVE: "ErrInvalidTransferAmount",
    Reason.INSUFFICIENT_WITHDRAWABLE: "ErrFailedToUpdateSubaccounts",
    Reason.TRANSFER_TO_SAME_ACCOUNT: "ErrSenderSameAsRecipient",
    Reason.MARKET_HALTED: "ErrOrderConflictsWithClobPairStatus",
    Reason.ONLY_POST_ONLY_ALLOWED: "ErrOrderConflictsWithClobPairStatus",
    Reason.INVALID_PRICE: "ErrInvalidOrderSubticks",
    Reason.INVALID_SIZE: "ErrInvalidOrderQuantums",
    Reason.ZERO_SIZE: "ErrInvalidOrderQuantums",
    Reason.PRICE_NOT_ON_TICK: "ErrInvalidPlaceOrder",
    Reason.NO_REFERENCE_PRICE: "ErrProductPositionNotUpdatable",
    Reason.REDUCE_ONLY_WOULD_INCREASE: "ErrReduceOnlyWouldIncreasePositionSize",
    Reason.POST_ONLY_WOULD_MATCH: "ErrPostOnlyWouldCrossMakerOrder",
    Reason.INSUFFICIENT_MARGIN: "ErrStatefulOrderCollateralizationCheckFailed",
    Reason.INVALID_TRIGGER_PRICE: "ErrInvalidConditionalOrderTriggerSubticks",
    Reason.ORDER_NOT_FOUND: "ErrStatefulOrderDoesNotExist",
    Reason.INVALID_FLAGS: "ErrInvalidOrderFlag",
    Reason.GOOD_TIL_PASSED: "ErrHeightExceedsGoodTilBlock",
    Reason.GOOD_TIL_TOO_FAR: "ErrGoodTilBlockExceedsShortBlockWindow",
    Reason.ALREADY_CANCELLED: "ErrOrderIsCanceled",
    Reason.CANCEL_ALREADY_STORED: "ErrMemClobCancelAlreadyExists",
    Reason.REPLACEMENT_REFUSED: "ErrInvalidReplacement",
    Reason.ORDER_FULLY_FILLED: "ErrOrderFullyFilled",
    Reason.TIME_IN_FORCE_NOT_OFFERED: "ErrDeprecatedField",
    Reason.REDUCE_ONLY_NEEDS_IMMEDIATE: "ErrReduceOnlyDisabled",
    Reason.SIZE_NOT_ON_STEP: "ErrInvalidPlaceOrder",
    Reason.ISOLATED_MARKET_RULE: "ErrWouldViolateIsolatedSubaccountConstraints",
    Reason.NEWLY_UNDERCOLLATERALIZED: "ErrStatefulOrderCollateralizationCheckFailed",
    Reason.STILL_UNDERCOLLATERALIZED: "ErrStatefulOrderCollateralizationCheckFailed",
    Reason.TRANSFERS_BLOCKED: "ErrFailedToUpdateSubaccounts",
    Reason.EQUITY_TIER_LIMIT: "ErrOrderWouldExceedMaxOpenOrdersEquityTierLimit",
    Reason.IMMEDIATE_ALREADY_FILLED: "ErrImmediateExecutionOrderAlreadyFilled",
    Reason.ORDER_EXISTS: "ErrStatefulOrderAlreadyExists",
    Reason.INVALID_TWAP: "ErrInvalidPlaceOrder",
    Reason.INVALID_INITIAL_FRACTION: "subaccounts.ErrLeverageExceedsMaximum",
    Reason.PRICE_BEYOND_ORACLE: "ErrOrderConflictsWithClobPairStatus",
    Reason.POOL_TOO_SMALL: "ErrInsufficientFunds",
    Reason.LEVERAGE_UNDERCOLLATERALIZED: "ErrLeverageViolatesMarginRequirements",
    Reason.ACCOUNT_UPDATED_TWICE: "ErrNonUniqueUpdatesSubaccount",
    Reason.NEGATIVE_POOL_MOVE: "ErrFailedToUpdateSubaccounts",
}
"""What the machine's reasons are called here; bounds of the machine itself have no such name.

For an order that is short-term where the venue distinguishes the two kinds.
"""

_STATEFUL: dict[Reason, str] = {
    Reason.GOOD_TIL_PASSED: "ErrTimeExceedsGoodTilBlockTime",
    Reason.GOOD_TIL_TOO_FAR: "ErrGoodTilBlockTimeExceedsStatefulOrderTimeWindow",
    Reason.ALREADY_CANCELLED: "ErrStatefulOrderPreviouslyCancelled",
    Reason.CANCEL_ALREADY_STORED: "ErrStatefulOrderCancellationAlreadyExists",
    Reason.TIME_IN_FORCE_NOT_OFFERED: "ErrLongTermOrdersCannotRequireImmediateExecution",
}
_MONEY_COMMANDS = (CommandKind.DEPOSIT, CommandKind.WITHDRAW, CommandKind.TRANSFER)


def error_of(reason: Reason, command: CommandKind, *, is_stateful: bool = False) -> str | None:
    """The venue's name for why a command was rejected; None where it has none.

    ``is_stateful``: the order of the command is not short-term.
    """
    if reason in UPDATE_RESULTS and command in _MONEY_COMMANDS:
        return "ErrFailedToUpdateSubaccounts"
    if is_stateful and reason in _STATEFUL:
        return _STATEFUL[reason]
    return ERROR_OF_REASON.get(reason)
