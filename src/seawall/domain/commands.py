"""Everything that can be asked of the machine.

Money is micro-USD, prices and sizes are integers of the market's own decimals, rates are 1e-9,
times are ms since 1970. ``account`` and ``market`` are row numbers. Nothing is validated here:
the engine rejects, with a reason. ``COMMAND_COLUMNS`` at the end says where each field lives in
a row of ``command_dtype``; a column that a command does not name is zero, but an account or market
it does not name is -1.
"""

from typing import ClassVar

from msgspec import Struct

from seawall.domain.enums import (
    CommandKind,
    MarginGrouping,
    MarginMode,
    MarketStatus,
    OrderFlag,
    Side,
    TimeInForce,
)

ALL_MARKETS = -1
NO_ACCOUNT = -1

_HALF = 1 << 64


def split_client_id(client_id: int) -> tuple[int, int]:
    """A 128-bit client order id as two signed 64-bit halves ``(high, low)``.

    Raises ValueError below 0 and from 2**128 on.
    """
    if not 0 <= client_id < _HALF * _HALF:
        raise ValueError(f"client id {client_id} does not fit 128 bits")
    high, low = divmod(client_id, _HALF)
    return high - _HALF * (high >> 63), low - _HALF * (low >> 63)


def join_client_id(high: int, low: int) -> int:
    """The 128-bit client order id of two signed halves; 0 means none."""
    return (high % _HALF) * _HALF + low % _HALF


class _Command(Struct, frozen=True, gc=False, tag_field="kind"):
    kind: ClassVar[CommandKind]
    time_ms: int
    """The machine's clock when the command takes effect."""


class CreateAccount(_Command, frozen=True, gc=False, tag="create_account"):
    """Take the next free account row. A child shares its parent's fee tier."""

    kind: ClassVar[CommandKind] = CommandKind.CREATE_ACCOUNT
    parent: int = NO_ACCOUNT


class Deposit(_Command, frozen=True, gc=False, tag="deposit"):
    """Add ``amount`` micro-USD of cross cash of a margin group from outside.

    Under block rules account 0 with a ``market`` is the insurance fund of that market's pool.
    """

    kind: ClassVar[CommandKind] = CommandKind.DEPOSIT
    account: int
    amount: int
    market: int = -1
    group: int = 0


class Withdraw(_Command, frozen=True, gc=False, tag="withdraw"):
    """Take ``amount`` micro-USD of a margin group out, at most what is withdrawable."""

    kind: ClassVar[CommandKind] = CommandKind.WITHDRAW
    account: int
    amount: int
    group: int = 0


class Transfer(_Command, frozen=True, gc=False, tag="transfer"):
    """Move ``amount`` micro-USD of a group's cross cash to the account ``recipient``.

    ``recipient_group``: the group that receives it, of the same collateral; the recipient may be
    the account itself if that is another group.
    """

    kind: ClassVar[CommandKind] = CommandKind.TRANSFER
    account: int
    recipient: int
    amount: int
    group: int = 0
    recipient_group: int = 0


class SetMarginGrouping(_Command, frozen=True, gc=False, tag="set_margin_grouping"):
    """Whether each margin group of the account has a cross margin of its own.

    SHARED joins the cash of the groups of a collateral. SEPARATE leaves all of it in the first
    group of the collateral, and is refused while there are positions or orders in the others.
    """

    kind: ClassVar[CommandKind] = CommandKind.SET_MARGIN_GROUPING
    account: int
    grouping: MarginGrouping


class SetLeverage(_Command, frozen=True, gc=False, tag="set_leverage"):
    """Leverage (a whole multiple) and margin mode of this account in one market."""

    kind: ClassVar[CommandKind] = CommandKind.SET_LEVERAGE
    account: int
    market: int
    leverage: int
    mode: MarginMode


class AdjustIsolatedMargin(_Command, frozen=True, gc=False, tag="adjust_isolated_margin"):
    """Move ``amount`` micro-USD from cross cash into the bucket; negative takes it out."""

    kind: ClassVar[CommandKind] = CommandKind.ADJUST_ISOLATED_MARGIN
    account: int
    market: int
    amount: int


class TopUpIsolatedMargin(_Command, frozen=True, gc=False, tag="top_up_isolated_margin"):
    """Add what the bucket lacks for its notional at ``leverage``."""

    kind: ClassVar[CommandKind] = CommandKind.TOP_UP_ISOLATED_MARGIN
    account: int
    market: int
    leverage: int


class PlaceOrder(_Command, frozen=True, gc=False, tag="place_order"):
    """A new order. ``price``: limit in price units. ``size``: unsigned, in size units.

    ``trigger_price``: price units, with ``OrderFlag.TRIGGER``. The two client id halves are those
    of ``split_client_id``; both 0 means none.

    Under block rules the client id is the order's identity: placing it again replaces.
    ``good_til`` is a block height with SHORT_TERM and a time in ms with LONG_TERM; without
    either flag, immediate orders are short-term and others long-term, for as long as possible.

    ``siblings``: with CHILD, how many commands stand between this and its parent's: the other
    children of the parent, whether they were placed or refused.
    """

    kind: ClassVar[CommandKind] = CommandKind.PLACE_ORDER
    account: int
    market: int
    side: Side
    price: int
    size: int
    time_in_force: TimeInForce = TimeInForce.GOOD_TIL_CANCEL
    flags: OrderFlag = OrderFlag.NO_FLAG
    trigger_price: int = 0
    client_id_high: int = 0
    client_id_low: int = 0
    good_til: int = 0
    siblings: int = 0


class CancelOrder(_Command, frozen=True, gc=False, tag="cancel_order"):
    """Cancel the account's open order ``order_id``."""

    kind: ClassVar[CommandKind] = CommandKind.CANCEL_ORDER
    account: int
    market: int
    order_id: int


class CancelByClientId(_Command, frozen=True, gc=False, tag="cancel_by_client_id"):
    """Cancel the account's open order with this client id (halves of ``split_client_id``).

    Under block rules ``good_til`` is the cancel's own: it removes an order that expires no
    later. A height means a short-term cancel, which is kept when it finds nothing to remove; 0
    cancels what is there.
    """

    kind: ClassVar[CommandKind] = CommandKind.CANCEL_BY_CLIENT_ID
    account: int
    market: int
    client_id_high: int
    client_id_low: int
    good_til: int = 0


class ModifyOrder(_Command, frozen=True, gc=False, tag="modify_order"):
    """Replace the open order ``order_id`` by the order the other fields describe.

    Units as in ``PlaceOrder``; the client id is the new order's.
    """

    kind: ClassVar[CommandKind] = CommandKind.MODIFY_ORDER
    account: int
    market: int
    order_id: int
    side: Side
    price: int
    size: int
    time_in_force: TimeInForce = TimeInForce.GOOD_TIL_CANCEL
    flags: OrderFlag = OrderFlag.NO_FLAG
    trigger_price: int = 0
    client_id_high: int = 0
    client_id_low: int = 0


class CancelAll(_Command, frozen=True, gc=False, tag="cancel_all"):
    """Cancel every open order of the account, in one market or in all."""

    kind: ClassVar[CommandKind] = CommandKind.CANCEL_ALL
    account: int
    market: int = ALL_MARKETS


class ScheduleCancel(_Command, frozen=True, gc=False, tag="schedule_cancel"):
    """Cancel all orders of the account at ``cancel_at_ms``; 0 clears the schedule."""

    kind: ClassVar[CommandKind] = CommandKind.SCHEDULE_CANCEL
    account: int
    cancel_at_ms: int


class SetOraclePrice(_Command, frozen=True, gc=False, tag="set_oracle_price"):
    """A new oracle price; ``outside_price``: perpetual price of other venues, 0 for none."""

    kind: ClassVar[CommandKind] = CommandKind.SET_ORACLE_PRICE
    market: int
    oracle_price: int
    outside_price: int = 0


class AdvanceTime(_Command, frozen=True, gc=False, tag="advance_time"):
    """Let the clock reach ``time_ms`` and do what has become due."""

    kind: ClassVar[CommandKind] = CommandKind.ADVANCE_TIME


class AdoptPosition(_Command, frozen=True, gc=False, tag="adopt_position"):
    """Give a flat account a position it holds elsewhere.

    ``size`` unsigned, size units; ``entry_notional`` unsigned micro-USD; ``isolated_cash``: signed
    micro-USD moved from cross cash to the bucket as well (isolated mode only).
    """

    kind: ClassVar[CommandKind] = CommandKind.ADOPT_POSITION
    account: int
    market: int
    side: Side
    size: int
    entry_notional: int
    leverage: int
    mode: MarginMode = MarginMode.CROSS
    isolated_cash: int = 0


class SetFeeDiscounts(_Command, frozen=True, gc=False, tag="set_fee_discounts"):
    """Discounts on positive fee rates, each 1e-9."""

    kind: ClassVar[CommandKind] = CommandKind.SET_FEE_DISCOUNTS
    account: int
    staking_discount_rate: int = 0
    referral_discount_rate: int = 0


class SetMarketStatus(_Command, frozen=True, gc=False, tag="set_market_status"):
    """Open, halt or restrict a market; ``open_interest_cap``: micro-USD of notional, 0 for none."""

    kind: ClassVar[CommandKind] = CommandKind.SET_MARKET_STATUS
    market: int
    status: MarketStatus
    open_interest_cap: int = 0


class SetMarginSchedule(_Command, frozen=True, gc=False, tag="set_margin_schedule"):
    """This account's position in the market uses another margin schedule (row number)."""

    kind: ClassVar[CommandKind] = CommandKind.SET_MARGIN_SCHEDULE
    account: int
    market: int
    schedule: int


class SettleMarket(_Command, frozen=True, gc=False, tag="settle_market"):
    """Delist: close every position at ``settlement_price`` (price units) without fee."""

    kind: ClassVar[CommandKind] = CommandKind.SETTLE_MARKET
    market: int
    settlement_price: int


class PlaceTwapOrder(_Command, frozen=True, gc=False, tag="place_twap_order"):
    """Blocks only: sell or buy ``size`` in ``duration_ms / interval_ms`` legs.

    ``price``: limit of every leg, or 0 for the oracle price moved by ``tolerance_ppm``.
    """

    kind: ClassVar[CommandKind] = CommandKind.PLACE_TWAP_ORDER
    account: int
    market: int
    side: Side
    size: int
    duration_ms: int
    interval_ms: int
    tolerance_ppm: int = 0
    price: int = 0
    flags: OrderFlag = OrderFlag.NO_FLAG
    client_id_high: int = 0
    client_id_low: int = 0


class SetInitialFraction(_Command, frozen=True, gc=False, tag="set_initial_fraction"):
    """Blocks only: a personal initial margin fraction in one market, ppm, not below its own."""

    kind: ClassVar[CommandKind] = CommandKind.SET_INITIAL_FRACTION
    account: int
    market: int
    initial_ppm: int


class SetFeeStanding(_Command, frozen=True, gc=False, tag="set_fee_standing"):
    """Blocks only: micro-tokens staked; 1 or 0 for a referred account and for a vault."""

    kind: ClassVar[CommandKind] = CommandKind.SET_FEE_STANDING
    account: int
    staked: int = 0
    referred: int = 0
    vault: int = 0


class SetMarketDiscount(_Command, frozen=True, gc=False, tag="set_market_discount"):
    """Blocks only: fees of a market are ``charge_ppm`` of what they were, in [from, until)."""

    kind: ClassVar[CommandKind] = CommandKind.SET_MARKET_DISCOUNT
    market: int
    charge_ppm: int
    from_ms: int
    until_ms: int


Command = (
    CreateAccount
    | Deposit
    | Withdraw
    | Transfer
    | SetLeverage
    | AdjustIsolatedMargin
    | TopUpIsolatedMargin
    | PlaceOrder
    | CancelOrder
    | CancelByClientId
    | ModifyOrder
    | CancelAll
    | ScheduleCancel
    | SetOraclePrice
    | AdvanceTime
    | AdoptPosition
    | SetFeeDiscounts
    | SetMarketStatus
    | SetMarginSchedule
    | SettleMarket
    | PlaceTwapOrder
    | SetInitialFraction
    | SetFeeStanding
    | SetMarketDiscount
    | SetMarginGrouping
)

_ORDER = (
    "account market side price size=order_size time_in_force flags trigger_price "
    "client_id_high client_id_low"
)

COMMAND_COLUMNS: dict[type[_Command], str] = {
    CreateAccount: "parent=other_account",
    Deposit: "account amount=money market group=status",
    Withdraw: "account amount=money group=status",
    Transfer: (
        "account recipient=other_account amount=money group=status recipient_group=leverage"
    ),
    SetLeverage: "account market leverage mode",
    AdjustIsolatedMargin: "account market amount=money",
    TopUpIsolatedMargin: "account market leverage",
    PlaceOrder: _ORDER + " good_til=money siblings=status",
    CancelOrder: "account market order_id",
    CancelByClientId: "account market client_id_high client_id_low good_til=money",
    ModifyOrder: _ORDER + " order_id",
    CancelAll: "account market",
    ScheduleCancel: "account cancel_at_ms=money",
    SetOraclePrice: "market oracle_price=price outside_price=trigger_price",
    AdvanceTime: "",
    AdoptPosition: (
        "account market side size=order_size entry_notional=money leverage mode "
        "isolated_cash=trigger_price"
    ),
    SetFeeDiscounts: "account staking_discount_rate=price referral_discount_rate=trigger_price",
    SetMarketStatus: "market status open_interest_cap=money",
    SetMarginSchedule: "account market schedule=leverage",
    SettleMarket: "market settlement_price=price",
    PlaceTwapOrder: (
        "account market side price size=order_size duration_ms=trigger_price "
        "interval_ms=order_id tolerance_ppm=leverage flags client_id_high client_id_low"
    ),
    SetInitialFraction: "account market initial_ppm=leverage",
    SetFeeStanding: "account staked=money referred=flags vault=status",
    SetMarketDiscount: "market charge_ppm=leverage from_ms=price until_ms=trigger_price",
    SetMarginGrouping: "account grouping=mode",
}
"""``field`` or ``field=column`` for each field; ``time_ms`` is in every row, and the kind."""
