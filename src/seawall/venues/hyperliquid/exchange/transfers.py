"""Money between spot and the perp sides of dexes, accounts and sub-accounts, and out of the venue.

Every one is a single transfer or withdrawal of the machine, which decides; what the sender
can spare is looked at beforehand only so that a refused one opens no account for the receiver.
"""

from collections.abc import Callable
from typing import NamedTuple

from seawall.domain.commands import Command, Transfer
from seawall.domain.commands import Withdraw as WithdrawCommand
from seawall.domain.enums import MarginGrouping, Reason
from seawall.domain.events import pool_of_group
from seawall.domain.units import MICRO
from seawall.engine.account_view import account_margins
from seawall.venues.hyperliquid.directory.directory import Holder
from seawall.venues.hyperliquid.directory.pools import dex_group
from seawall.venues.hyperliquid.exchange import action_types as shape
from seawall.venues.hyperliquid.exchange.request import Answer, Request, Turn, default, failure, one
from seawall.venues.hyperliquid.instruments import assets_of
from seawall.venues.hyperliquid.wire.error_texts import (
    SELF_TRANSFER,
    TEXTS,
    TOKEN_BALANCE,
    UNIFIED_FORBIDDEN,
    WITHDRAWAL_BALANCE,
)
from seawall.venues.hyperliquid.wire.reasons import rejection
from seawall.venues.hyperliquid.wire.values import WireError, parse_money
from seawall.venues.port import Plan, Record, Refusal

WITHDRAWAL_FEE = MICRO
ACTIVATION_FEE = MICRO
"""What the sender of the first money to an address pays beside it."""
SPOT = "spot"
PERP = ""
Maker = Callable[[Turn], Plan]


class Side(NamedTuple):
    """One end of a transfer: an address, and its spot side or its perp side on a dex.

    A unified account has one balance, whatever the place.
    """

    address: str
    place: str

    def is_unified(self, turn: Turn) -> bool:
        found = turn.directory.holder(self.address)
        return found.is_unified if found else turn.directory.grouping == MarginGrouping.SHARED

    def is_spot(self, turn: Turn) -> bool:
        """Whether the money is in a row of its own."""
        return self.place == SPOT and not self.is_unified(turn)

    def row(self, turn: Turn) -> int:
        """The account row of the balance, or -1 where there is none yet."""
        if self.is_spot(turn):
            return turn.directory.spot_row_of(self.address)
        return turn.directory.row_of(self.address)

    def group(self, turn: Turn) -> int:
        """The margin group of the balance."""
        if self.place == SPOT or self.is_unified(turn):
            return 0
        return dex_group(turn.engine, self.place)


def money(text: str) -> int:
    """A positive amount in micro-USD. Raises Refusal."""
    try:
        amount = parse_money(text)
    except WireError:
        raise Refusal(TEXTS[Reason.VALUE_OUT_OF_RANGE]) from None
    if amount <= 0:
        raise Refusal(TEXTS[Reason.AMOUNT_NOT_POSITIVE])
    return amount


def check_token(token: str) -> None:
    """USDC is the only token there is. Raises Refusal."""
    if token.partition(":")[0] != "USDC":
        raise Refusal(TOKEN_BALANCE)


def check_balance(turn: Turn, row: int, amount: int, text: str, group: int = 0) -> None:
    """Raises Refusal with ``text`` if the row cannot pay out so much of a margin group.

    A row may be so new that the machine has yet to open it, or is yet to part its groups.
    """
    is_open = 0 <= row < int(turn.engine.tables["control"]["accounts_used"][0])
    pool = account_margins(turn.engine, row).get(pool_of_group(group)) if is_open else None
    if pool is None or pool.free < amount:
        raise Refusal(text)


def moved(turn: Turn, source: Side, target: Side, amount: int, text: str) -> Plan:
    """The plan of one transfer, with the rows that the receiver still lacks. Raises Refusal."""
    if source == target:
        raise Refusal(SELF_TRANSFER)
    if source.address == target.address and source.is_unified(turn):
        raise Refusal(UNIFIED_FORBIDDEN)
    row, group = source.row(turn), source.group(turn)
    is_new = turn.directory.holder(target.address) is None
    check_balance(turn, row, amount + (ACTIVATION_FEE if is_new else 0), text, group)
    made: list[Record] = []
    commands: list[Command] = []
    recipient = target.row(turn)
    if is_new:
        if turn.directory.agent(target.address, turn.time_ms):
            raise Refusal("Cannot send to an agent wallet.")
        record, opening, recipient = turn.directory.new_account(
            turn.engine, turn.time_ms, target.address
        )
        made.append(record)
        commands += opening
    if target.is_spot(turn) and target.row(turn) < 0:
        record, command, recipient = turn.directory.new_spot_row(
            turn.engine, turn.time_ms, target.address, len(made)
        )
        made.append(record)
        commands.append(command)
    commands.append(Transfer(turn.time_ms, row, recipient, amount, group, target.group(turn)))
    if is_new:
        commands.append(WithdrawCommand(turn.time_ms, row, ACTIVATION_FEE, group))
    return Plan(commands, made)


async def _run(request: Request, make: Maker, text: str, owner_only: bool = False) -> Answer:
    """Carry a transfer out; the first command that moves money decides."""
    done = await request.run(make, owner_only=owner_only)
    moves = (each for each in done.applied if isinstance(each.command, Transfer | WithdrawCommand))
    reason = rejection(next(moves).events)
    if reason is None:
        return default()
    return failure(text if reason == Reason.INSUFFICIENT_WITHDRAWABLE else TEXTS[reason])


async def usd_send(request: Request, action: shape.UsdSend) -> Answer:
    """``usdSend``: perp USDC to another address."""
    amount, target = money(action.amount), shape.address_of(action.destination)

    def make(turn: Turn) -> Plan:
        source = Side(turn.master.address, PERP)
        return moved(turn, source, Side(target, PERP), amount, WITHDRAWAL_BALANCE)

    return await _run(request, make, WITHDRAWAL_BALANCE)


async def spot_send(request: Request, action: shape.SpotSend) -> Answer:
    """``spotSend``: spot USDC to another address."""
    amount, target = money(action.amount), shape.address_of(action.destination)
    check_token(action.token)

    def make(turn: Turn) -> Plan:
        source = Side(turn.master.address, SPOT)
        return moved(turn, source, Side(target, SPOT), amount, TOKEN_BALANCE)

    return await _run(request, make, TOKEN_BALANCE)


async def withdraw(request: Request, action: shape.Withdraw) -> Answer:
    """``withdraw3``: out of the venue; a dollar of the amount is the fee."""
    amount = money(action.amount)

    def make(turn: Turn) -> Plan:
        if amount <= WITHDRAWAL_FEE:
            raise Refusal("Withdrawal amount does not cover the fee of $1.")
        check_balance(turn, turn.master.row, amount, WITHDRAWAL_BALANCE)
        return one(WithdrawCommand(turn.time_ms, turn.master.row, amount))

    return await _run(request, make, WITHDRAWAL_BALANCE)


async def usd_class_transfer(request: Request, action: shape.UsdClassTransfer) -> Answer:
    """``usdClassTransfer``: between the perp and the spot side of one account."""
    figure, _, sub = action.amount.partition(" subaccount:")
    amount = money(figure)
    named = shape.address_of(sub) if sub else None

    def make(turn: Turn) -> Plan:
        owner = _own(turn, named)
        places = (SPOT, PERP) if action.to_perp else (PERP, SPOT)
        source, target = (Side(owner.address, place) for place in places)
        return moved(turn, source, target, amount, WITHDRAWAL_BALANCE)

    return await _run(request, make, WITHDRAWAL_BALANCE)


async def send_asset(request: Request, action: shape.SendAsset) -> Answer:
    """``sendAsset``: USDC between spot and dexes of one account or of two."""
    amount, target = money(action.amount), shape.address_of(action.destination)
    check_token(action.token)
    for dex in (action.source_dex, action.destination_dex):
        if dex != SPOT and dex not in assets_of(request.desk.instruments).dexes:
            raise Refusal(f"Invalid dex: {dex[:16]}")
    sub = shape.address_of(action.from_sub_account) if action.from_sub_account else None

    def make(turn: Turn) -> Plan:
        source = Side(_own(turn, sub).address, action.source_dex)
        return moved(turn, source, Side(target, action.destination_dex), amount, TOKEN_BALANCE)

    return await _run(request, make, TOKEN_BALANCE)


async def sub_account_transfer(request: Request, action: shape.SubAccountTransfer) -> Answer:
    """``subAccountTransfer``: perp USDC between master and sub-account."""
    sub = shape.address_of(action.sub_account_user)

    def make(turn: Turn) -> Plan:
        if action.usd <= 0:
            raise Refusal(TEXTS[Reason.AMOUNT_NOT_POSITIVE])
        return _with_sub(turn, sub, PERP, action.is_deposit, action.usd, WITHDRAWAL_BALANCE)

    return await _run(request, make, WITHDRAWAL_BALANCE, owner_only=True)


async def sub_account_spot_transfer(
    request: Request, action: shape.SubAccountSpotTransfer
) -> Answer:
    """``subAccountSpotTransfer``: spot USDC between master and sub-account."""
    sub, amount = shape.address_of(action.sub_account_user), money(action.amount)
    check_token(action.token)

    def make(turn: Turn) -> Plan:
        return _with_sub(turn, sub, SPOT, action.is_deposit, amount, TOKEN_BALANCE)

    return await _run(request, make, TOKEN_BALANCE, owner_only=True)


def _with_sub(turn: Turn, sub: str, place: str, deposit: bool, amount: int, text: str) -> Plan:
    owner = turn.directory.acting_account(turn.master.address, sub)
    if owner.is_unified or turn.master.is_unified:
        raise Refusal(UNIFIED_FORBIDDEN)
    ends = Side(turn.master.address, place), Side(owner.address, place)
    source, target = ends if deposit else ends[::-1]
    return moved(turn, source, target, amount, text)


def _own(turn: Turn, sub: str | None) -> Holder:
    """The signer's own account, or the named sub-account of it. Raises Refusal."""
    return turn.directory.acting_account(turn.master.address, sub)
