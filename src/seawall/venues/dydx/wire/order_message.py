"""A place-order message as it comes over the wire, and the checks that need no state.

The first check that fails decides the error, in the venue's order. Names are the venue's
(``errors.py`` has their codes).
"""

from msgspec import Struct

from seawall.venues.dydx.wire.bech32 import is_address

SHORT_TERM = 0
CONDITIONAL = 32
LONG_TERM = 64
TWAP = 128
TWAP_CHILD = 256
STATEFUL = (CONDITIONAL, LONG_TERM, TWAP, TWAP_CHILD)
"""Order flags: the kind of an order, part of its id."""

SIDE_UNSPECIFIED, SIDE_BUY, SIDE_SELL = 0, 1, 2
TIF_UNSPECIFIED, TIF_IOC, TIF_POST_ONLY, TIF_FILL_OR_KILL = 0, 1, 2, 3
CONDITION_UNSPECIFIED, CONDITION_STOP_LOSS, CONDITION_TAKE_PROFIT = 0, 1, 2

HIGHEST_SUBACCOUNT = 128_000
HIGHEST_BUILDER_FEE_PPM = 10_000
TWAP_INTERVAL_S = (30, 3_600)
TWAP_DURATION_S = (300, 86_400)
TWAP_TOLERANCE_BOUND_PPM = 1_000_000


class BuilderCode(Struct, frozen=True):
    address: str
    fee_ppm: int


class TwapParameters(Struct, frozen=True):
    """``duration`` and ``interval`` in seconds."""

    duration: int
    interval: int
    price_tolerance_ppm: int


class OrderMessage(Struct, frozen=True, kw_only=True):
    """Enumerations are the integers of the wire, which need not be among the known ones."""

    owner: str
    subaccount_number: int = 0
    order_flags: int = SHORT_TERM
    side: int = SIDE_UNSPECIFIED
    quantums: int = 0
    subticks: int = 0
    good_til_block: int = 0
    good_til_block_time: int = 0
    """Unix seconds."""
    time_in_force: int = TIF_UNSPECIFIED
    reduce_only: bool = False
    condition_type: int = CONDITION_UNSPECIFIED
    conditional_order_trigger_subticks: int = 0
    builder: BuilderCode | None = None
    order_router_address: str = ""
    twap: TwapParameters | None = None


def stateless_error(message: OrderMessage) -> str | None:
    """The venue's name of what is wrong with the message by itself; None if nothing is."""
    if message.time_in_force == TIF_FILL_OR_KILL:
        return "ErrDeprecatedField"
    return (
        _account_error(message)
        or _vocabulary_error(message)
        or _router_error(message)
        or _lifetime_error(message)
        or _terms_error(message)
        or _condition_error(message)
        or _builder_error(message.builder)
        or (_twap_error(message.twap) if message.order_flags == TWAP else None)
    )


def _account_error(message: OrderMessage) -> str | None:
    if not is_address(message.owner):
        return "ErrInvalidSubaccountIdOwner"
    if not 0 <= message.subaccount_number <= HIGHEST_SUBACCOUNT:
        return "ErrInvalidSubaccountIdNumber"
    return None


def _vocabulary_error(message: OrderMessage) -> str | None:
    """Known words first, then what must not be left out."""
    if message.side not in (SIDE_UNSPECIFIED, SIDE_BUY, SIDE_SELL):
        return "ErrInvalidOrderSide"
    if message.time_in_force not in (TIF_UNSPECIFIED, TIF_IOC, TIF_POST_ONLY):
        return "ErrInvalidTimeInForce"
    known = (CONDITION_UNSPECIFIED, CONDITION_STOP_LOSS, CONDITION_TAKE_PROFIT)
    if message.condition_type not in known:
        return "ErrInvalidConditionType"
    if message.side == SIDE_UNSPECIFIED:
        return "ErrInvalidOrderSide"
    if message.quantums == 0:
        return "ErrInvalidOrderQuantums"
    return None


def _router_error(message: OrderMessage) -> str | None:
    if message.order_router_address and not is_address(message.order_router_address):
        return "ErrInvalidOrderRouterAddress"
    return None


def _lifetime_error(message: OrderMessage) -> str | None:
    if message.order_flags == SHORT_TERM:
        return "ErrInvalidOrderGoodTilBlock" if message.good_til_block == 0 else None
    if message.order_flags not in STATEFUL:
        return "ErrInvalidOrderFlag"
    if message.good_til_block_time == 0:
        return "ErrInvalidStatefulOrderGoodTilBlockTime"
    return None


def _terms_error(message: OrderMessage) -> str | None:
    immediate = message.time_in_force == TIF_IOC
    if message.order_flags == LONG_TERM and immediate:
        return "ErrLongTermOrdersCannotRequireImmediateExecution"
    if message.reduce_only and not immediate:
        return "ErrReduceOnlyDisabled"
    if message.subticks == 0 and message.order_flags != TWAP:
        return "ErrInvalidOrderSubticks"
    return None


def _condition_error(message: OrderMessage) -> str | None:
    """A conditional order has a condition and a trigger, any other has neither."""
    wanted = message.order_flags == CONDITIONAL
    if (message.condition_type != CONDITION_UNSPECIFIED) != wanted:
        return "ErrInvalidConditionType"
    if (message.conditional_order_trigger_subticks != 0) != wanted:
        return "ErrInvalidConditionalOrderTriggerSubticks"
    return None


def _builder_error(builder: BuilderCode | None) -> str | None:
    if builder is None:
        return None
    if not is_address(builder.address) or not 0 < builder.fee_ppm <= HIGHEST_BUILDER_FEE_PPM:
        return "ErrInvalidBuilderCode"
    return None


def _twap_error(twap: TwapParameters | None) -> str | None:
    if (
        twap is None
        or not TWAP_INTERVAL_S[0] <= twap.interval <= TWAP_INTERVAL_S[1]
        or not TWAP_DURATION_S[0] <= twap.duration <= TWAP_DURATION_S[1]
        or twap.duration % twap.interval
        or not 0 <= twap.price_tolerance_ppm < TWAP_TOLERANCE_BOUND_PPM
    ):
        return "ErrInvalidPlaceOrder"
    return None
