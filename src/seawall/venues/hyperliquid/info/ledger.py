"""Money that came and went without a trade, under the venue's names.

The machine knows one kind of transfer between rows; what it was follows from whose rows they are.
"""

from typing import Any

from seawall.domain.units import MICRO
from seawall.venues.hyperliquid.directory.pools import dex_of_group
from seawall.venues.hyperliquid.info.base import (
    FOREVER_MS,
    DeskView,
    Request,
    span_of,
    user_of,
)
from seawall.venues.hyperliquid.wire.values import NO_HASH, figure_text, money_text, size_text
from seawall.venues.port import LedgerRecord

MOST_UPDATES = 500
_READ = 5000
WITHDRAWAL_FEE = MICRO
"""Part of every amount that leaves the venue, which is always more."""
ACTIVATION_FEE = MICRO
"""What the first money to an address costs beside it."""

Delta = dict[str, Any]
_SPOT = "spot"


def _transfer(venue: DeskView, record: LedgerRecord, address: str) -> Delta | None:
    """A transfer between two rows, from the view of ``address``; None where it is shown already."""
    directory = venue.directory
    other = int(record.body["counterparty"])
    if _is_builder_fee(venue, record):
        return None  # part of the fee of a fill
    place = _place(venue, record.account, record.body.get("group", 0))
    other_place = _place(venue, other, record.body.get("other_group", 0))
    other_address = directory.address_of(other)
    usdc = money_text(abs(record.amount))
    leaves = record.kind == "transfer_out"
    places = (place, other_place) if leaves else (other_place, place)
    ends = (address, other_address) if leaves else (other_address, address)
    if other_address == address:
        # Both sides have a record of it; that of the perp side, or of the sender, is shown.
        if place == _SPOT or (other_place != _SPOT and not leaves):
            return None
        if set(places) == {_SPOT, ""}:
            return _class_transfer(usdc, to_perp=not leaves)
        return _send(usdc, *ends, *places)
    if places == (_SPOT, _SPOT):
        return _spot_transfer(usdc, *ends)
    if places != ("", ""):
        return _send(usdc, *ends, *places)
    if _are_family(venue, *ends):
        return {
            "type": "subAccountTransfer", "usdc": usdc, "user": ends[0], "destination": ends[1],
        }  # fmt: skip
    return _internal_transfer(usdc, *ends)


def _place(venue: DeskView, row: int, group: int) -> str:
    """``spot``, or the dex whose perp side a row's margin group is."""
    return _SPOT if venue.directory.is_spot_row(row) else dex_of_group(venue.engine, group)


def _is_builder_fee(venue: DeskView, record: LedgerRecord) -> bool:
    """Whether a record is of what the account paid a builder."""
    if record.kind != "transfer_out":
        return False
    fees = venue.directory.state.builder_fees
    recipient = int(record.body["counterparty"])
    return fees.is_fee(record.account, record.time_ms, recipient, abs(record.amount))


def _are_family(venue: DeskView, first: str, second: str) -> bool:
    """Whether one is the other's sub-account, or both are of one master."""
    holders = [venue.directory.holder(address) for address in (first, second)]
    masters = {holder.master or holder.address for holder in holders if holder}
    return len(masters) == 1 and None not in holders


def _class_transfer(usdc: str, to_perp: bool) -> Delta:
    return {"type": "accountClassTransfer", "usdc": usdc, "toPerp": to_perp}


def _internal_transfer(usdc: str, user: str, destination: str) -> Delta:
    return {
        "type": "internalTransfer", "usdc": usdc, "user": user, "destination": destination,
        "fee": "0.0",
    }  # fmt: skip


def _spot_transfer(usdc: str, user: str, destination: str) -> Delta:
    return {
        "type": "spotTransfer",
        "token": "USDC",
        "amount": usdc,
        "usdcValue": usdc,
        "user": user,
        "destination": destination,
        "fee": "0.0",
        "nativeTokenFee": "0.0",
        "nonce": None,
        "feeToken": "",
    }


def _send(usdc: str, user: str, destination: str, source: str, target: str) -> Delta:
    return {
        "type": "send",
        "user": user,
        "destination": destination,
        "sourceDex": source,
        "destinationDex": target,
        "token": "USDC",
        "amount": usdc,
        "usdcValue": usdc,
        "fee": "0.0",
        "nativeTokenFee": "0.0",
        "nonce": 0,
        "feeToken": "",
    }


def _withdrawal(record: LedgerRecord) -> Delta:
    if abs(record.amount) == ACTIVATION_FEE:
        amount = money_text(ACTIVATION_FEE)
        return {"type": "accountActivationGas", "amount": amount, "token": "USDC"}
    fee = min(WITHDRAWAL_FEE, abs(record.amount))
    return {
        "type": "withdraw",
        "usdc": money_text(abs(record.amount) - fee),
        "nonce": record.time_ms,
        "fee": money_text(fee),
    }


def _liquidation(venue: DeskView, record: LedgerRecord) -> Delta:
    body = record.body
    positions = [
        {
            "coin": venue.coin(taken["market"]),
            "szi": size_text(taken["size"], venue.size_decimals(taken["market"])),
        }
        for taken in body["positions"]
    ]
    return {
        "type": "liquidation",
        "liquidatedNtlPos": figure_text(body["notional"]),
        "accountValue": figure_text(body["equity"]),
        "leverageType": "Cross" if body["market"] < 0 else "Isolated",
        "liquidatedPositions": positions,
    }


def update_of(venue: DeskView, record: LedgerRecord, address: str) -> dict[str, Any] | None:
    """One entry of the ledger of ``address``; None for what the venue does not show."""
    delta: Delta | None = None
    if record.kind == "deposit":
        delta = {"type": "deposit", "usdc": money_text(record.amount)}
    elif record.kind == "withdraw":
        delta = _withdrawal(record)
    elif record.kind in ("transfer_in", "transfer_out"):
        delta = _transfer(venue, record, address)
    elif record.kind == "liquidation":
        delta = _liquidation(venue, record)
    elif record.kind == "insurance":
        # What the account still owed, and another one paid.
        payer = venue.directory.address_of(int(record.body["payer"]))
        delta = _internal_transfer(money_text(record.amount), payer, address)
    return delta and {"time": record.time_ms, "hash": NO_HASH, "delta": delta}


def ledger_of(
    venue: DeskView, address: str, start: int = 0, end: int = FOREVER_MS, limit: int = _READ
) -> list[dict[str, Any]]:
    """The ledger of an address, oldest first; of both its rows. Empty for an unknown one."""
    rows = [venue.row_of(address), venue.directory.spot_row_of(address)]
    records: list[LedgerRecord] = []
    for row in rows:
        if row >= 0:
            records += reversed(venue.history.ledger(row, start, end, limit))
    records.sort(key=lambda record: record.time_ms)
    updates = (update_of(venue, record, address) for record in records)
    return [update for update in updates if update]


def user_ledger(venue: DeskView, request: Request) -> list[Any]:
    """Oldest first; with a start the first of the span, without one the latest."""
    start, end = span_of(request)
    updates = ledger_of(venue, user_of(request), start, end)
    return updates[:MOST_UPDATES] if start else updates[-MOST_UPDATES:]


def net_deposits(venue: DeskView, address: str) -> int:
    """Micro-USD that came to the perp side less what left it, as far as the ledger is read."""
    row = venue.row_of(address)
    if row < 0:
        return 0
    signs = {"deposit": 1, "transfer_in": 1, "withdraw": -1, "transfer_out": -1}
    records = venue.history.ledger(row, 0, FOREVER_MS, _READ)
    return sum(
        signs.get(record.kind, 0) * abs(record.amount)
        for record in records
        if not _is_builder_fee(venue, record)
    )
