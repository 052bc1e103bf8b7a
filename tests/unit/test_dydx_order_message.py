"""What is wrong with an order message by itself: the first failure wins, in the venue's order."""

from typing import Any

import msgspec
import pytest

from seawall.domain.enums import CommandKind, Reason
from seawall.venues.dydx.wire.bech32 import Bech32Error, decode, encode, is_address
from seawall.venues.dydx.wire.errors import (
    ERROR_OF_REASON,
    ERRORS,
    UPDATE_RESULTS,
    ErrorCode,
    error_of,
)
from seawall.venues.dydx.wire.order_message import (
    CONDITIONAL,
    LONG_TERM,
    SHORT_TERM,
    SIDE_BUY,
    SIDE_SELL,
    STATEFUL,
    TIF_IOC,
    TIF_POST_ONLY,
    TWAP,
    TWAP_CHILD,
    BuilderCode,
    OrderMessage,
    TwapParameters,
    stateless_error,
)

OWNER = encode("dydx", bytes(range(20)))
ROUTER = "dydx165sfn2k3vucvq7gklauy2r3agyjw4c3m60ascn"
"""A public address that a client library puts into every order."""

GOOD = OrderMessage(owner=OWNER, side=SIDE_BUY, quantums=42, subticks=10, good_til_block=100)
SLICES = TwapParameters(300, 60, 1000)


def changed(**fields: Any) -> OrderMessage:
    return msgspec.structs.replace(GOOD, **fields)


def stateful(flags: int, **fields: Any) -> OrderMessage:
    return changed(order_flags=flags, good_til_block=0, good_til_block_time=100, **fields)


@pytest.mark.parametrize(
    "message",
    [
        GOOD,
        changed(side=SIDE_SELL),
        changed(time_in_force=TIF_IOC),
        changed(time_in_force=TIF_IOC, reduce_only=True),
        changed(time_in_force=TIF_POST_ONLY),
        changed(subaccount_number=128_000),
        changed(order_router_address=ROUTER),
        changed(builder=BuilderCode(ROUTER, 1)),
        changed(builder=BuilderCode(ROUTER, 10_000)),
        changed(twap=SLICES),
        changed(good_til_block_time=5),
        stateful(LONG_TERM),
        stateful(LONG_TERM, time_in_force=TIF_POST_ONLY),
        stateful(TWAP_CHILD),
        stateful(TWAP_CHILD, time_in_force=TIF_IOC, reduce_only=True),
        stateful(CONDITIONAL, condition_type=1, conditional_order_trigger_subticks=1),
        stateful(
            CONDITIONAL,
            condition_type=2,
            conditional_order_trigger_subticks=1,
            time_in_force=TIF_IOC,
            reduce_only=True,
        ),
        stateful(TWAP, twap=SLICES),
        stateful(TWAP, twap=SLICES, subticks=0),
        stateful(TWAP, twap=TwapParameters(86_400, 30, 0)),
        stateful(TWAP, twap=TwapParameters(3_600, 3_600, 999_999)),
    ],
)
def test_nothing_wrong(message: OrderMessage) -> None:
    assert stateless_error(message) is None


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (changed(time_in_force=3), "ErrDeprecatedField"),
        (changed(owner=""), "ErrInvalidSubaccountIdOwner"),
        (changed(owner="alice"), "ErrInvalidSubaccountIdOwner"),
        (changed(owner=f" {OWNER}"), "ErrInvalidSubaccountIdOwner"),
        (changed(owner=encode("cosmos", bytes(20))), "ErrInvalidSubaccountIdOwner"),
        (changed(owner=OWNER[:-1] + "q"), "ErrInvalidSubaccountIdOwner"),
        (changed(subaccount_number=128_001), "ErrInvalidSubaccountIdNumber"),
        (changed(subaccount_number=2**32 - 1), "ErrInvalidSubaccountIdNumber"),
        (changed(side=3), "ErrInvalidOrderSide"),
        (changed(side=-1), "ErrInvalidOrderSide"),
        (changed(side=0), "ErrInvalidOrderSide"),
        (changed(time_in_force=4), "ErrInvalidTimeInForce"),
        (changed(condition_type=3), "ErrInvalidConditionType"),
        (changed(quantums=0), "ErrInvalidOrderQuantums"),
        (changed(order_router_address="router"), "ErrInvalidOrderRouterAddress"),
        (changed(good_til_block=0), "ErrInvalidOrderGoodTilBlock"),
        (changed(good_til_block=0, good_til_block_time=5), "ErrInvalidOrderGoodTilBlock"),
        (changed(order_flags=1), "ErrInvalidOrderFlag"),
        (changed(order_flags=96), "ErrInvalidOrderFlag"),
        (changed(order_flags=512), "ErrInvalidOrderFlag"),
        (stateful(LONG_TERM, time_in_force=TIF_IOC),
         "ErrLongTermOrdersCannotRequireImmediateExecution"),
        (changed(reduce_only=True), "ErrReduceOnlyDisabled"),
        (changed(reduce_only=True, time_in_force=TIF_POST_ONLY), "ErrReduceOnlyDisabled"),
        (stateful(TWAP, reduce_only=True, twap=SLICES), "ErrReduceOnlyDisabled"),
        (changed(subticks=0), "ErrInvalidOrderSubticks"),
        (stateful(TWAP_CHILD, subticks=0), "ErrInvalidOrderSubticks"),
        (stateful(CONDITIONAL), "ErrInvalidConditionType"),
        (stateful(CONDITIONAL, condition_type=1), "ErrInvalidConditionalOrderTriggerSubticks"),
        (changed(condition_type=1), "ErrInvalidConditionType"),
        (changed(condition_type=2, conditional_order_trigger_subticks=5),
         "ErrInvalidConditionType"),
        (changed(conditional_order_trigger_subticks=5),
         "ErrInvalidConditionalOrderTriggerSubticks"),
        (changed(builder=BuilderCode("me", 5)), "ErrInvalidBuilderCode"),
        (changed(builder=BuilderCode(ROUTER, 0)), "ErrInvalidBuilderCode"),
        (changed(builder=BuilderCode(ROUTER, 10_001)), "ErrInvalidBuilderCode"),
        (stateful(TWAP), "ErrInvalidPlaceOrder"),
        (stateful(TWAP, twap=TwapParameters(300, 29, 0)), "ErrInvalidPlaceOrder"),
        (stateful(TWAP, twap=TwapParameters(7_202, 3_601, 0)), "ErrInvalidPlaceOrder"),
        (stateful(TWAP, twap=TwapParameters(300, 0, 0)), "ErrInvalidPlaceOrder"),
        (stateful(TWAP, twap=TwapParameters(240, 60, 0)), "ErrInvalidPlaceOrder"),
        (stateful(TWAP, twap=TwapParameters(86_460, 60, 0)), "ErrInvalidPlaceOrder"),
        (stateful(TWAP, twap=TwapParameters(330, 60, 0)), "ErrInvalidPlaceOrder"),
        (stateful(TWAP, twap=TwapParameters(300, 60, 1_000_000)), "ErrInvalidPlaceOrder"),
    ],
)  # fmt: skip
def test_one_thing_wrong(message: OrderMessage, error: str) -> None:
    assert stateless_error(message) == error
    assert error in ERRORS


@pytest.mark.parametrize("flags", STATEFUL)
def test_orders_of_the_state_need_a_time(flags: int) -> None:
    message = changed(order_flags=flags, good_til_block=100, good_til_block_time=0)
    assert stateless_error(message) == "ErrInvalidStatefulOrderGoodTilBlockTime"


def test_the_first_failure_wins() -> None:
    """Each step mends what was reported; the next failure of the order comes to light."""
    mended: dict[str, Any] = {}
    bad = OrderMessage(
        owner="x", subaccount_number=128_001, order_flags=7, side=9, time_in_force=3,
        condition_type=9, conditional_order_trigger_subticks=0, order_router_address="x",
        builder=BuilderCode("x", 0), reduce_only=True,
    )  # fmt: skip
    steps: list[tuple[str, dict[str, Any]]] = [
        ("ErrDeprecatedField", {"time_in_force": 9}),
        ("ErrInvalidSubaccountIdOwner", {"owner": OWNER}),
        ("ErrInvalidSubaccountIdNumber", {"subaccount_number": 0}),
        ("ErrInvalidOrderSide", {"side": 0}),
        ("ErrInvalidTimeInForce", {"time_in_force": TIF_IOC}),
        ("ErrInvalidConditionType", {"condition_type": 0}),
        ("ErrInvalidOrderSide", {"side": SIDE_BUY}),
        ("ErrInvalidOrderQuantums", {"quantums": 1}),
        ("ErrInvalidOrderRouterAddress", {"order_router_address": ""}),
        ("ErrInvalidOrderFlag", {"order_flags": SHORT_TERM}),
        ("ErrInvalidOrderGoodTilBlock", {"order_flags": LONG_TERM}),
        ("ErrInvalidStatefulOrderGoodTilBlockTime", {"good_til_block_time": 1}),
        ("ErrLongTermOrdersCannotRequireImmediateExecution", {"time_in_force": 0}),
        ("ErrReduceOnlyDisabled", {"reduce_only": False}),
        ("ErrInvalidOrderSubticks", {"order_flags": CONDITIONAL, "subticks": 1}),
        ("ErrInvalidConditionType", {"condition_type": 1}),
        ("ErrInvalidConditionalOrderTriggerSubticks", {"conditional_order_trigger_subticks": 1}),
        ("ErrInvalidBuilderCode", {"builder": BuilderCode(OWNER, 0)}),
        ("ErrInvalidBuilderCode", {"builder": BuilderCode(OWNER, 1)}),
    ]
    for error, mend in steps:
        assert stateless_error(msgspec.structs.replace(bad, **mended)) == error
        mended |= mend
    assert stateless_error(msgspec.structs.replace(bad, **mended)) is None


def test_a_builder_is_looked_at_before_slices() -> None:
    message = stateful(TWAP, builder=BuilderCode("x", 1))
    assert stateless_error(message) == "ErrInvalidBuilderCode"


# BIP 173's own examples.
@pytest.mark.parametrize(
    ("text", "prefix", "size"),
    [
        ("A12UEL5L", "a", 0),
        ("a12uel5l", "a", 0),
        ("an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio"
         "1tt5tgs", "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcluded"
         "charactersbio", 0),
        ("abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", "abcdef", 20),
        ("?1ezyfcl", "?", 0),
    ],
)  # fmt: skip
def test_valid_bech32(text: str, prefix: str, size: int) -> None:
    found, data = decode(text)
    assert (found, len(data)) == (prefix, size)
    assert encode(found, data) == text.lower()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\x201nwldj5", "visible ASCII"),
        ("\x7f1axkwrx", "visible ASCII"),
        ("pzry9x0s0muk", "a prefix, 1, and"),
        ("1pzry9x0s0muk", "a prefix, 1, and"),
        ("x1b4n0q5v", "must not have 'b'"),
        ("li1dgmt3", "a prefix, 1, and"),
        ("A1G7SGD8", "wrong checksum"),
        ("10a06t8", "8 to 1023 characters"),
        ("1qzzfhee", "a prefix, 1, and"),
        ("split1" + "q" * 1020, "8 to 1023 characters"),
        ("Dydx165sfn2k3vucvq7gklauy2r3agyjw4c3m60ascn", "must not mix"),
        ("dydx165sfn2k3vucvq7gklauy2r3agyjw4c3m60ascm", "wrong checksum"),
        ("dydx1qqf7vjv", "left over"),
        ("dydx1ppm4ham4", "left over"),
        ("dydx1öäüqqqqq", "visible ASCII"),
    ],
)
def test_bad_bech32(text: str, message: str) -> None:
    with pytest.raises(Bech32Error, match=message):
        decode(text)


def test_addresses() -> None:
    assert is_address(ROUTER)
    assert is_address(ROUTER.upper())
    assert len(decode(ROUTER)[1]) == 20
    assert is_address(encode("dydx", bytes(32)))
    assert is_address(encode("dydx", bytes(255)))
    assert not is_address(encode("dydx", bytes(256)))
    assert not is_address(encode("dydx", b""))
    assert not is_address(encode("cosmos", bytes(20)))


def test_every_letter_counts() -> None:
    for place in range(len("dydx1"), len(ROUTER)):
        other = "q" if ROUTER[place] != "q" else "p"
        assert not is_address(ROUTER[:place] + other + ROUTER[place + 1 :])


@pytest.mark.parametrize("size", range(41))
def test_bech32_there_and_back(size: int) -> None:
    data = bytes((37 * place + size) % 256 for place in range(size))
    assert decode(encode("dydx", data)) == ("dydx", data)


def test_codes() -> None:
    assert ERRORS["ErrInvalidOrderSide"] == ErrorCode("clob", 3)
    assert ERRORS["ErrInvalidSubaccountIdNumber"] == ErrorCode("subaccounts", 200)
    assert ERRORS["ErrInvalidSubaccountIdOwner"] == ErrorCode("subaccounts", 201)
    assert ERRORS["ErrWrongSequence"] == ErrorCode("sdk", 32)
    assert len(set(ERRORS.values())) == len(ERRORS)
    clob = {error.code for error in ERRORS.values() if error.codespace == "clob"}
    listed = {2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 20, 24, 29, 32, 34, 44, 45, 46, 48, 49, 50}
    listed |= {1008, 1011, 1012, 1013, 1014, 2001, 2003, 2004, 2005, *range(3000, 3011), 5001}
    assert clob >= listed | {6000, 6001, 9003, 10001, 11000, 11002, 11003}


def test_reasons_have_names_that_exist() -> None:
    assert set(ERROR_OF_REASON.values()) <= set(ERRORS)
    assert set(UPDATE_RESULTS) <= set(ERROR_OF_REASON)


@pytest.mark.parametrize(
    ("reason", "command", "is_stateful", "code"),
    [
        (Reason.GOOD_TIL_PASSED, CommandKind.PLACE_ORDER, False, ("clob", 10)),
        (Reason.GOOD_TIL_PASSED, CommandKind.PLACE_ORDER, True, ("clob", 3003)),
        (Reason.GOOD_TIL_TOO_FAR, CommandKind.PLACE_ORDER, False, ("clob", 11)),
        (Reason.GOOD_TIL_TOO_FAR, CommandKind.PLACE_TWAP_ORDER, True, ("clob", 3004)),
        (Reason.ALREADY_CANCELLED, CommandKind.PLACE_ORDER, False, ("clob", 7)),
        (Reason.ALREADY_CANCELLED, CommandKind.PLACE_ORDER, True, ("clob", 3008)),
        (Reason.CANCEL_ALREADY_STORED, CommandKind.CANCEL_ORDER, False, ("clob", 9)),
        (Reason.POST_ONLY_WOULD_MATCH, CommandKind.PLACE_ORDER, False, ("clob", 2003)),
        (Reason.ISOLATED_MARKET_RULE, CommandKind.PLACE_ORDER, False, ("clob", 2005)),
        (Reason.ISOLATED_MARKET_RULE, CommandKind.TRANSFER, False, ("subaccounts", 102)),
        (Reason.NEWLY_UNDERCOLLATERALIZED, CommandKind.PLACE_ORDER, True, ("clob", 3007)),
        (Reason.NEWLY_UNDERCOLLATERALIZED, CommandKind.WITHDRAW, False, ("subaccounts", 102)),
        (Reason.TRANSFERS_BLOCKED, CommandKind.DEPOSIT, False, ("subaccounts", 102)),
        (Reason.EQUITY_TIER_LIMIT, CommandKind.PLACE_ORDER, True, ("clob", 10001)),
        (Reason.TRANSFER_TO_SAME_ACCOUNT, CommandKind.TRANSFER, False, ("sending", 1)),
        (Reason.INVALID_INITIAL_FRACTION, CommandKind.SET_INITIAL_FRACTION, False,
         ("subaccounts", 701)),
        (Reason.LEVERAGE_UNDERCOLLATERALIZED, CommandKind.SET_INITIAL_FRACTION, False,
         ("subaccounts", 703)),
        (Reason.ACCOUNT_UPDATED_TWICE, CommandKind.TRANSFER, False, ("subaccounts", 101)),
        (Reason.NEGATIVE_POOL_MOVE, CommandKind.PLACE_ORDER, False, ("subaccounts", 102)),
        (Reason.POOL_TOO_SMALL, CommandKind.PLACE_ORDER, False, ("sdk", 5)),
        (Reason.ORDER_TABLE_FULL, CommandKind.PLACE_ORDER, False, None),
        (Reason.ORDER_MEMORY_FULL, CommandKind.PLACE_ORDER, True, None),
    ],
)  # fmt: skip
def test_errors_of_reasons(
    reason: Reason, command: CommandKind, is_stateful: bool, code: tuple[str, int] | None
) -> None:
    name = error_of(reason, command, is_stateful=is_stateful)
    assert (ERRORS[name] if name else None) == code
