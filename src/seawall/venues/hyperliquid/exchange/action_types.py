"""The shapes of every action the venue takes. What does not fit is answered with HTTP 422.

Fields beyond these are allowed: they take part in the signature and mean nothing.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from seawall.domain.errors import InputError
from seawall.venues.hyperliquid.directory.twaps import CLIENT_ID_HIGH
from seawall.venues.hyperliquid.wire.values import WireError, parse_address, parse_cloid

Decimal = Annotated[str, Meta(pattern=r"^-?[0-9]{1,40}(\.[0-9]{1,40})?$")]
Unsigned = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Signed = Annotated[int, Meta(ge=-(2**62), le=2**62)]
PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f]*\Z"
"""Without control characters."""
Name = Annotated[str, Meta(min_length=1, max_length=16, pattern=PRINTABLE)]
Address = Annotated[str, Meta(pattern=r"^(0x)?[0-9a-fA-F]{40}$")]
Cloid = Annotated[str, Meta(pattern=r"^0x[0-9a-fA-F]{32}$")]
Chain = Literal["Mainnet", "Testnet"]
MAXIMUM_BATCH = 1000


class ShapeError(InputError):
    """The action has no shape that the venue accepts."""


class _Action(Struct, rename="camel", kw_only=True):
    pass


class Limit(Struct):
    tif: Literal["Gtc", "Ioc", "Alo", "FrontendMarket"]


class Trigger(_Action):
    is_market: bool
    trigger_px: Decimal
    tpsl: Literal["tp", "sl"]


class Kind(Struct):
    """Exactly one of the two is there."""

    limit: Limit | UnsetType = UNSET
    trigger: Trigger | UnsetType = UNSET

    def __post_init__(self) -> None:
        if (self.limit is UNSET) == (self.trigger is UNSET):
            raise ValueError("either limit or trigger")


class OrderWire(Struct):
    """``a`` asset, ``b`` is buy, ``p`` price, ``s`` size, ``r`` reduce only, ``c`` client id."""

    a: Unsigned
    b: bool
    p: Decimal
    s: Decimal
    r: bool
    t: Kind
    c: Cloid | None = None

    def __post_init__(self) -> None:
        if self.c is not None and parse_cloid(self.c)[0] == CLIENT_ID_HIGH:
            raise ValueError("this client order id is the venue's own")


class Builder(Struct):
    """``f``: tenths of a basis point."""

    b: Address
    f: Annotated[int, Meta(ge=0, le=1000)]


class Priority(Struct):
    """``p``: what the sender would pay to be ahead within a block; nothing is ahead here."""

    p: Unsigned


Batch = Meta(max_length=MAXIMUM_BATCH)


class Order(_Action):
    orders: Annotated[list[OrderWire], Batch]
    grouping: Literal["na", "normalTpsl", "positionTpsl"] | Priority
    builder: Builder | None = None


class CancelWire(Struct):
    a: Unsigned
    o: Unsigned


class CancelByCloidWire(Struct):
    asset: Unsigned
    cloid: Cloid


class _Fast(_Action):
    f: bool | UnsetType = UNSET
    """Refuses trigger orders; a false one must be left out."""

    def __post_init__(self) -> None:
        if self.f is False:
            raise ValueError("f is true or absent")


class Cancel(_Fast, kw_only=True):
    cancels: Annotated[list[CancelWire], Batch]


class CancelByCloid(_Fast, kw_only=True):
    cancels: Annotated[list[CancelByCloidWire], Batch]


class ModifyWire(Struct):
    oid: Unsigned | Cloid
    order: OrderWire


class _Always(_Action):
    a: bool | UnsetType = UNSET
    """The replacement may be of any kind; a false one must be left out."""

    def __post_init__(self) -> None:
        if self.a is False:
            raise ValueError("a is true or absent")


class Modify(_Always, kw_only=True):
    oid: Unsigned | Cloid
    order: OrderWire


class BatchModify(_Always, kw_only=True):
    modifies: Annotated[list[ModifyWire], Batch]


class ScheduleCancel(_Action):
    time: Unsigned | None = None


class UpdateLeverage(_Action):
    asset: Unsigned
    is_cross: bool
    leverage: Unsigned


class UpdateIsolatedMargin(_Action):
    """``ntli``: signed micro-USD."""

    asset: Unsigned
    ntli: Signed
    is_buy: bool = True


class TopUp(_Action):
    asset: Unsigned
    leverage: Decimal


class TwapWire(Struct):
    a: Unsigned
    b: bool
    s: Decimal
    r: bool
    m: Unsigned
    t: bool


class TwapTrigger(Struct):
    p: Decimal
    a: bool


class TwapDetails(Struct):
    t: TwapTrigger | None = None
    s: Decimal | None = None


class TwapOrder(_Action):
    twap: TwapWire
    details: TwapDetails | None = None


class TwapCancel(Struct):
    a: Unsigned
    t: Unsigned


class Nothing(_Action):
    """An action without fields."""


class ReserveRequestWeight(_Action):
    weight: Annotated[int, Meta(ge=1, le=2**31)]


class Code(_Action):
    code: Annotated[str, Meta(min_length=1, max_length=20, pattern=PRINTABLE)]


class CreateSubAccount(_Action):
    name: Name


class SubAccountModify(_Action):
    sub_account_user: Address
    name: Name


class SubAccountTransfer(_Action):
    """``usd``: micro-USD."""

    sub_account_user: Address
    is_deposit: bool
    usd: Unsigned


class SubAccountSpotTransfer(_Action):
    sub_account_user: Address
    is_deposit: bool
    token: str
    amount: Decimal


class AgentSetAbstraction(_Action):
    abstraction: str


class _Signed(_Action):
    hyperliquid_chain: Chain
    signature_chain_id: str


class UsdSend(_Signed):
    destination: Address
    amount: Decimal
    time: Unsigned


class Withdraw(UsdSend):
    pass


class SpotSend(UsdSend):
    token: str


class UsdClassTransfer(_Signed):
    """``amount`` may end with `` subaccount:0x…``."""

    amount: Annotated[
        str, Meta(pattern=r"^[0-9]{1,40}(\.[0-9]{1,40})?( subaccount:0x[0-9a-fA-F]{40})?$")
    ]
    to_perp: bool
    nonce: Unsigned


class SendAsset(_Signed):
    destination: Address
    source_dex: str
    destination_dex: str
    token: str
    amount: Decimal
    from_sub_account: Annotated[str, Meta(pattern=r"^(0x[0-9a-fA-F]{40})?$")]
    nonce: Unsigned


class ApproveAgent(_Signed):
    agent_address: Address
    nonce: Unsigned
    agent_name: Annotated[str, Meta(max_length=64)] | None = None


class ApproveBuilderFee(_Signed):
    max_fee_rate: Annotated[str, Meta(pattern=r"^[0-9]{1,3}(\.[0-9]{1,10})?%$")]
    builder: Address
    nonce: Unsigned


class UserSetAbstraction(_Signed):
    user: Address
    abstraction: str
    nonce: Unsigned


class Envelope(_Action):
    """A request: what was signed is ``action``, ``nonce``, ``vaultAddress``, ``expiresAfter``."""

    action: dict[str, Any]
    nonce: Unsigned
    signature: dict[str, Any]
    vault_address: str | None = None
    expires_after: Unsigned | None = None


def shaped(kind: Any, value: Any) -> Any:
    """The value as the type. Raises ShapeError."""
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, ValueError, TypeError, RecursionError) as error:
        raise ShapeError(str(error)) from None


def address_of(text: str) -> str:
    """A request's address in lower case with ``0x``. Raises ShapeError."""
    try:
        return parse_address(text)
    except WireError as error:
        raise ShapeError(str(error)) from None
