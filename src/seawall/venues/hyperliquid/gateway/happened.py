"""What happened to an account, as streams and answers say it: fills, ended orders, cash flows."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from decimal import Decimal

from msgspec import Struct, field

from seawall.domain.units import MONEY_DECIMALS
from seawall.venues.gateway_port import FeeRates, FundingPaid, LiveFill, OrderEnding, OrderState
from seawall.venues.numbers import exact_money, exact_units, plain_number, readable
from seawall.venues.raw_json import VenueDataError, decode

_FILLED, _CANCELLED, _REJECTED = "filled", "anceled", "ejected"
"""``canceled``, ``reduceOnlyCanceled``; ``rejected``, ``tickRejected``: [documented: order
statuses]."""
_OPEN = ("open", "triggered")


class _Fill(Struct):
    coin: str
    px: str
    sz: str
    side: str
    time: int
    tid: int
    fee: str = "0"
    cloid: str | None = None
    liquidation: object = None
    crossed: bool = True
    closed_pnl: str | None = field(default=None, name="closedPnl")


class _Fees(Struct, rename="camel"):
    user_cross_rate: str
    user_add_rate: str


class _OrderName(Struct):
    cloid: str | None = None


class _OrderUpdate(Struct, rename="camel"):
    order: _OrderName
    status: str
    status_timestamp: int


class _OrderAnswer(Struct):
    status: str
    order: _OrderUpdate | None = None


class Delta(Struct, rename="camel"):
    """A cash flow; which fields it has depends on its type."""

    type: str
    usdc: str | None = None
    amount: str | None = None
    usdc_value: str | None = None
    fee: str | None = None
    to_perp: bool | None = None
    user: str | None = None
    destination: str | None = None
    source_dex: str | None = None
    destination_dex: str | None = None
    token: str | None = None


class LedgerEntry(Struct, frozen=True):
    time: int
    hash: str
    delta: Delta


class _FundingDelta(Struct, rename="camel"):
    coin: str = ""
    usdc: str = "0"
    szi: str | None = None
    funding_rate: str | None = None


class _FundingRow(_FundingDelta, rename="camel", kw_only=True):
    time: int
    delta: _FundingDelta | None = None


def fills_of(raw: bytes) -> list[LiveFill]:
    """The fills of an answer or a message, as they stand there. Raises VenueDataError."""
    found = []
    for index, row in enumerate(decode(list[_Fill], raw, "fills")):
        path = f"fills[{index}]"
        found.append(
            LiveFill(
                market=row.coin,
                time_ms=row.time,
                trade_id=row.tid,
                is_buy=row.side == "B",
                price=_unsigned(f"{path}.px", row.px),
                size=_unsigned(f"{path}.sz", row.sz),
                fee=exact_units(f"{path}.fee", row.fee, MONEY_DECIMALS),
                client_id=row.cloid or "",
                is_liquidation=row.liquidation is not None,
                is_taker=row.crossed,
                closed_profit=readable(exact_money, f"{path}.closedPnl", row.closed_pnl),
            )
        )
    return found


def _unsigned(path: str, text: str) -> Decimal:
    plain_number(path, text, signed=False)
    return Decimal(text)


def _decimal(path: str, text: str) -> Decimal:
    plain_number(path, text)
    return Decimal(text)


def fees_of(raw: bytes) -> FeeRates | None:
    """What ``userFees`` says of perpetuals; None where it cannot be read."""
    with suppress(VenueDataError):
        found = decode(_Fees, raw, "userFees")
        taker = _decimal("userFees.userCrossRate", found.user_cross_rate)
        return FeeRates(taker, _decimal("userFees.userAddRate", found.user_add_rate))
    return None


def endings_of(raw: bytes) -> list[OrderEnding]:
    """The orders with a client id in ``orderUpdates``, but those whose state has no known word:
    one that is waited for is asked for. Raises VenueDataError."""
    found = []
    for each in decode(list[_OrderUpdate], raw, "orderUpdates"):
        if each.order.cloid:
            with suppress(VenueDataError):
                found.append(_ending(each.order.cloid, each))
    return found


def ending_of(raw: bytes, client_id: str) -> OrderEnding:
    """The answer to ``orderStatus``. Raises VenueDataError."""
    answer = decode(_OrderAnswer, raw, "orderStatus")
    if answer.order is None:
        if answer.status != "unknownOid":
            raise VenueDataError(f"orderStatus.status: {answer.status!r} is not known")
        return OrderEnding(client_id=client_id, state="unknown", word=answer.status, time_ms=0)
    return _ending(client_id, answer.order)


def _ending(client_id: str, update: _OrderUpdate) -> OrderEnding:
    return OrderEnding(
        client_id=client_id,
        state=_state(update.status),
        word=update.status,
        time_ms=update.status_timestamp,
    )


def _state(word: str) -> OrderState:
    if word in _OPEN:
        return "open"
    if word == _FILLED:
        return "filled"
    if word.endswith(_REJECTED):
        return "rejected"
    if word.endswith((_CANCELLED, "scheduledCancel")):
        return "cancelled"
    raise VenueDataError(f"order status: {word!r} is not known")


def funding_of(raw: bytes) -> list[FundingPaid]:
    """Payments of ``userFunding`` or ``userFundings``. Raises VenueDataError."""
    found = []
    for index, row in enumerate(decode(list[_FundingRow], raw, "funding")):
        path, paid = f"funding[{index}]", row.delta or row
        received = exact_units(f"{path}.usdc", paid.usdc, MONEY_DECIMALS)
        size = readable(_decimal, f"{path}.szi", paid.szi)
        rate = readable(plain_number, f"{path}.fundingRate", paid.funding_rate)
        found.append(FundingPaid(row.time, paid.coin, -received, size, rate))
    return found


def ledger_of(raw: bytes) -> list[LedgerEntry]:
    """Entries of ``userNonFundingLedgerUpdates``. Raises VenueDataError."""
    return decode(list[LedgerEntry], raw, "nonFundingLedgerUpdates")


def net_deposits(entries: Iterable[LedgerEntry], address: str, *, is_pooled: bool) -> int | None:
    """What came into an account's equity less what left it, micro-USD; None where some entry is of
    a kind whose effect is not known.

    ``is_pooled``: whether the spot balance is part of the equity.
    """
    total = 0
    for each in entries:
        flow = _flow(each.delta, address, is_pooled)
        if flow is None:
            return None
        total += flow
    return total


def _flow(delta: Delta, address: str, is_pooled: bool) -> int | None:
    """What one entry adds to the equity."""
    kind = delta.type
    if kind == "liquidation":
        return 0
    if kind == "deposit":
        return _usd(delta.usdc)
    if kind == "withdraw":
        return -_usd(delta.usdc) - _usd(delta.fee or "0")
    if kind == "accountClassTransfer" and delta.to_perp is not None:
        return 0 if is_pooled else _usd(delta.usdc) * (1 if delta.to_perp else -1)
    if kind == "accountActivationGas" and delta.token == "USDC":
        return -_usd(delta.amount)
    if kind in ("internalTransfer", "subAccountTransfer"):
        return _between(delta, address, _usd(delta.usdc))
    if kind == "spotTransfer":
        if not is_pooled:
            return 0
        return _between(delta, address, _usd(delta.usdc_value)) if delta.token == "USDC" else None
    if kind == "send":
        return _sent(delta, address, is_pooled)
    return None


def _sent(delta: Delta, address: str, is_pooled: bool) -> int | None:
    if (delta.token or "").partition(":")[0] != "USDC":
        return None
    amount = _usd(delta.amount)
    leaves, comes = _is(delta.user, address), _is(delta.destination, address)
    if not is_pooled:
        leaves = leaves and delta.source_dex != "spot"
        comes = comes and delta.destination_dex != "spot"
    fee = _usd(delta.fee or "0") if leaves else 0
    return amount * (comes - leaves) - fee


def _between(delta: Delta, address: str, amount: int) -> int:
    leaves, comes = _is(delta.user, address), _is(delta.destination, address)
    fee = _usd(delta.fee or "0") if leaves else 0
    return amount * (comes - leaves) - fee


def _is(text: str | None, address: str) -> bool:
    return text is not None and text.lower() == address


def _usd(text: str | None) -> int:
    if text is None:
        raise VenueDataError("nonFundingLedgerUpdates: an amount is missing")
    return exact_units("nonFundingLedgerUpdates", text, MONEY_DECIMALS)


def merged(known: Sequence[LedgerEntry], new: Iterable[LedgerEntry]) -> list[LedgerEntry]:
    """Both without what is there twice, oldest first. The same hash may have several entries."""
    # Structs that differ in nothing but their place are one entry that was read twice.
    found = {repr(each): each for each in (*known, *new)}
    return sorted(found.values(), key=lambda each: each.time)
