"""Messages as commands of the machine, and what the venue remembers of them beside it."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from seawall.domain.commands import (
    CancelByClientId,
    Command,
    PlaceOrder,
    PlaceTwapOrder,
    SetInitialFraction,
    Transfer,
    split_client_id,
)
from seawall.domain.enums import OrderFlag, Reason, Side, TimeInForce
from seawall.domain.units import MAX_MONEY, MAX_PRICE, MAX_SIZE
from seawall.venues.dydx.directory.directory import ChainDirectory, OrderTerms, subaccount_key
from seawall.venues.dydx.node.transactions import (
    BATCH,
    CANCEL,
    CLOB,
    DEPOSIT,
    LEVERAGE,
    PLACE,
    TRANSFER,
    WITHDRAW,
    Message,
    TransactionError,
    is_short_term,
)
from seawall.venues.dydx.pairs import Pair, Pairs, client_id
from seawall.venues.dydx.wire.bech32 import is_address
from seawall.venues.dydx.wire.order_message import (
    CONDITION_TAKE_PROFIT,
    CONDITIONAL,
    HIGHEST_SUBACCOUNT,
    LONG_TERM,
    SHORT_TERM,
    SIDE_BUY,
    STATEFUL,
    TIF_IOC,
    TIF_POST_ONLY,
    TWAP,
    BuilderCode,
    OrderMessage,
    TwapParameters,
    stateless_error,
)
from seawall.venues.port import Record

USDC = "ibc/8E27BA2D5493AF5636760E354E46004562C46AB7EC0CC4C1CA14E9E20E2545B5"
NATIVE = "adydx"
MOST_CANCELS = 100
_FORCE = {TIF_IOC: TimeInForce.IMMEDIATE_OR_CANCEL, TIF_POST_ONLY: TimeInForce.POST_ONLY}
_LARGEST_MS = 2**62


class Planned(Struct):
    """Commands and records of a transaction. ``rows``: how many new account rows it takes."""

    commands: list[Command]
    records: list[Record]
    rows: int = 0
    new: dict[str, int] = {}
    """Accounts that this very transaction opens, by key."""


class Planner:
    """Makes commands of the messages of one transaction. Raises TransactionError.

    ``height``: of the last block.
    """

    def __init__(self, engine: Any, directory: ChainDirectory, pairs: Pairs, time_ms: int) -> None:
        self._engine, self._directory, self._pairs = engine, directory, pairs
        self._time_ms = time_ms
        self.height = int(engine.tables["block_rules"]["height"][0])
        self.planned = Planned([], [])

    def add(self, each: Message, transaction: str) -> None:
        """Plan one message."""
        if each.kind == PLACE:
            self._place(each.body.order, transaction)
        elif each.kind == CANCEL:
            self._cancel(each.body)
        elif each.kind == BATCH:
            self._cancel_batch(each.body)
        elif each.kind == LEVERAGE:
            self._set_leverage(each.body)
        else:
            self._move(each)

    # -- accounts --------------------------------------------------------------------------------

    def _row(self, key: str) -> int:
        """The row of an account, opened with the transaction if there was none."""
        row = self._directory.row_of(key)
        if row < 0:
            row = self.planned.new.get(key, -1)
        if row >= 0:
            return row
        record, commands, row = self._directory.new_account(
            self._engine, self._time_ms, key, later=self.planned.rows
        )
        self.planned.records.append(record)
        self.planned.commands += commands
        self.planned.rows += 1
        self.planned.new[key] = row
        return row

    def _subaccount(self, found: Any) -> int:
        return self._row(subaccount_key(str(found.owner), int(found.number)))

    def _trading(self, found: Any) -> int:
        """The row of a subaccount that places or cancels, which opens none."""
        key = subaccount_key(str(found.owner), int(found.number))
        row = self._directory.row_of(key)
        if row < 0:
            row = self.planned.new.get(key, -1)
        if row < 0:
            error = "ErrStatefulOrderCollateralizationCheckFailed"
            raise TransactionError(error, f"subaccount {key} has never held anything")
        return row

    def _pair(self, number: int) -> Pair:
        pair = self._pairs.by_number.get(number)
        if pair is None:
            raise TransactionError("ErrInvalidClob", f"Clob pair id: {number}")
        return pair

    # -- orders ----------------------------------------------------------------------------------

    def _place(self, order: Any, transaction: str) -> None:
        pair = self._pair(int(order.order_id.clob_pair_id))
        account = self._trading(order.order_id.subaccount_id)
        flags = int(order.order_id.order_flags)
        found = client_id(pair.number, flags, int(order.order_id.client_id))
        command = self._order_command(order, pair, account, flags, found)
        terms = _terms_of(order, flags, self.height, transaction)
        body = {"key": f"{account}:{found}", "terms": msgspec.to_builtins(terms)}
        self.planned.commands.append(command)
        self.planned.records.append(Record("order", body))

    def _order_command(
        self, order: Any, pair: Pair, account: int, flags: int, found: int
    ) -> Command:
        high, low = split_client_id(found)
        side = Side.BUY if int(order.side) == SIDE_BUY else Side.SELL
        price = self._ticks(pair, int(order.subticks))
        size = int(order.quantums)
        if size > MAX_SIZE:
            raise TransactionError("ErrInvalidPlaceOrder", f"order quantums {size} are too many")
        if flags == TWAP:
            twap = order.twap_parameters
            return PlaceTwapOrder(
                self._time_ms, account, pair.row, side, size, int(twap.duration) * 1000,
                int(twap.interval) * 1000, int(twap.price_tolerance), price,
                OrderFlag.REDUCE_ONLY if order.reduce_only else OrderFlag.NO_FLAG, high, low,
            )  # fmt: skip
        kind = OrderFlag.SHORT_TERM if flags == SHORT_TERM else OrderFlag.LONG_TERM
        if flags == CONDITIONAL:
            kind = OrderFlag.TRIGGER
            if int(order.condition_type) == CONDITION_TAKE_PROFIT:
                kind |= OrderFlag.TAKE_PROFIT
        if order.reduce_only:
            kind |= OrderFlag.REDUCE_ONLY
        return PlaceOrder(
            self._time_ms, account, pair.row, side, price, size,
            _FORCE.get(int(order.time_in_force), TimeInForce.GOOD_TIL_CANCEL), kind,
            self._ticks(pair, int(order.conditional_order_trigger_subticks)), high, low,
            _good_til(order, flags),
        )  # fmt: skip

    def _ticks(self, pair: Pair, subticks: int) -> int:
        step = pair.terms.price_step
        ticks, rest = divmod(subticks, step)
        if rest or ticks > MAX_PRICE:
            detail = (
                f"Order subticks {subticks} must be a multiple of the ClobPair's SubticksPerTick "
                f"{step}, up to {MAX_PRICE * step}"
            )
            raise TransactionError("ErrInvalidPlaceOrder", detail)
        return ticks

    def _cancel(self, body: Any) -> None:
        order_id = body.order_id
        pair = self._pair(int(order_id.clob_pair_id))
        flags = int(order_id.order_flags)
        high, low = split_client_id(client_id(pair.number, flags, int(order_id.client_id)))
        account = self._trading(order_id.subaccount_id)
        self.planned.commands.append(
            CancelByClientId(self._time_ms, account, pair.row, high, low, _good_til(body, flags))
        )

    def _cancel_batch(self, body: Any) -> None:
        account = self._trading(body.subaccount_id)
        for batch in body.short_term_cancels:
            pair = self._pair(int(batch.clob_pair_id))
            for number in batch.client_ids:
                high, low = split_client_id(client_id(pair.number, SHORT_TERM, int(number)))
                self.planned.commands.append(
                    CancelByClientId(
                        self._time_ms, account, pair.row, high, low, int(body.good_til_block)
                    )
                )

    def _set_leverage(self, body: Any) -> None:
        account = self._trading(body.subaccount_id)
        for each in body.clob_pair_leverage:
            pair = self._pair(int(each.clob_pair_id))
            self.planned.commands.append(
                SetInitialFraction(self._time_ms, account, pair.row, int(each.custom_imf_ppm))
            )

    # -- money -----------------------------------------------------------------------------------

    def _move(self, each: Message) -> None:
        body = each.body
        if each.kind == TRANSFER:
            transfer = body.transfer
            source, target = self._subaccount(transfer.sender), self._subaccount(transfer.recipient)
            amount = int(transfer.amount)
        elif each.kind == DEPOSIT:
            source, target = self._row(str(body.sender)), self._subaccount(body.recipient)
            amount = int(body.quantums)
        elif each.kind == WITHDRAW:
            source, target = self._subaccount(body.sender), self._row(str(body.recipient))
            amount = int(body.quantums)
        else:
            source, target = self._row(str(body.from_address)), self._row(str(body.to_address))
            amount = int(body.amount[0].amount)
        self.planned.commands.append(Transfer(self._time_ms, source, target, amount))


def _good_til(body: Any, flags: int) -> int:
    if flags == SHORT_TERM:
        return int(body.good_til_block)
    return min(int(body.good_til_block_time) * 1000, _LARGEST_MS)


def _terms_of(order: Any, flags: int, height: int, transaction: str) -> OrderTerms:
    good_til = order.good_til_block if flags == SHORT_TERM else order.good_til_block_time
    twap, builder = order.twap_parameters, order.builder_code_parameters
    return OrderTerms(
        flags=flags, quantums=int(order.quantums), time_in_force=int(order.time_in_force),
        reduce_only=bool(order.reduce_only), good_til=int(good_til),
        client_metadata=int(order.client_metadata), condition=int(order.condition_type),
        trigger_subticks=int(order.conditional_order_trigger_subticks),
        builder=str(builder.builder_address), builder_fee_ppm=int(builder.fee_ppm),
        router=str(order.order_router_address), duration=int(twap.duration),
        interval=int(twap.interval), tolerance_ppm=int(twap.price_tolerance), height=height,
        transaction=transaction,
    )  # fmt: skip


# -- checks of a message by itself ---------------------------------------------------------------


def check(each: Message) -> None:
    """What a message says by itself, before any state is read. Raises TransactionError."""
    body = each.body
    if each.kind == PLACE:
        _check_order(body.order)
    elif each.kind == CANCEL:
        _check_cancel(body)
    elif each.kind == BATCH:
        _check_batch(body)
    elif each.kind == LEVERAGE:
        _check_leverage(body)
    else:
        _check_money(each)


def _check_order(order: Any) -> None:
    found = OrderMessage(
        owner=str(order.order_id.subaccount_id.owner),
        subaccount_number=int(order.order_id.subaccount_id.number),
        order_flags=int(order.order_id.order_flags), side=int(order.side),
        quantums=int(order.quantums), subticks=int(order.subticks),
        good_til_block=int(order.good_til_block),
        good_til_block_time=int(order.good_til_block_time),
        time_in_force=int(order.time_in_force), reduce_only=bool(order.reduce_only),
        condition_type=int(order.condition_type),
        conditional_order_trigger_subticks=int(order.conditional_order_trigger_subticks),
        builder=BuilderCode(
            str(order.builder_code_parameters.builder_address),
            int(order.builder_code_parameters.fee_ppm),
        ) if order.HasField("builder_code_parameters") else None,
        order_router_address=str(order.order_router_address),
        twap=TwapParameters(
            int(order.twap_parameters.duration), int(order.twap_parameters.interval),
            int(order.twap_parameters.price_tolerance),
        ) if order.HasField("twap_parameters") else None,
    )  # fmt: skip
    error = stateless_error(found)
    if error is None and found.order_flags not in (SHORT_TERM, LONG_TERM, CONDITIONAL, TWAP):
        error = "ErrInvalidOrderFlag"
    if error is not None:
        raise TransactionError(error)


def _check_subaccount(found: Any) -> None:
    if not is_address(str(found.owner)):
        raise TransactionError("ErrInvalidSubaccountIdOwner")
    if int(found.number) > HIGHEST_SUBACCOUNT:
        raise TransactionError("ErrInvalidSubaccountIdNumber")


def _check_cancel(body: Any) -> None:
    _check_subaccount(body.order_id.subaccount_id)
    flags = int(body.order_id.order_flags)
    if flags == SHORT_TERM:
        if not body.good_til_block:
            raise TransactionError("ErrInvalidOrderGoodTilBlock", "cancellation")
    elif flags not in STATEFUL:
        raise TransactionError("ErrInvalidOrderFlag")
    elif not body.good_til_block_time:
        raise TransactionError("ErrInvalidStatefulOrderGoodTilBlockTime")


def _check_batch(body: Any) -> None:
    _check_subaccount(body.subaccount_id)
    if not body.good_til_block:
        raise TransactionError("ErrInvalidOrderGoodTilBlock", "batch cancel")
    pairs = [int(batch.clob_pair_id) for batch in body.short_term_cancels]
    counts = [len(batch.client_ids) for batch in body.short_term_cancels]
    is_twice = any(
        len(set(batch.client_ids)) != len(batch.client_ids) for batch in body.short_term_cancels
    )
    if not pairs or 0 in counts or sum(counts) > MOST_CANCELS or len(set(pairs)) != len(pairs):
        detail = f"1 to {MOST_CANCELS} ids, every clob pair once"
        raise TransactionError("ErrInvalidBatchCancel", detail)
    if is_twice:
        raise TransactionError("ErrInvalidBatchCancel", "a client id is named twice")


def _check_leverage(body: Any) -> None:
    _check_subaccount(body.subaccount_id)
    pairs = [int(each.clob_pair_id) for each in body.clob_pair_leverage]
    if not pairs or len(set(pairs)) != len(pairs):
        raise TransactionError("ErrInvalidLeverage")
    if any(not 0 < int(each.custom_imf_ppm) <= 1_000_000 for each in body.clob_pair_leverage):
        raise TransactionError("ErrInitialMarginPpmIsZero")


def _check_money(each: Message) -> None:
    body = each.body
    if each.kind == TRANSFER:
        body = body.transfer
        _check_subaccount(body.sender)
        _check_subaccount(body.recipient)
        if body.sender == body.recipient:
            raise TransactionError("ErrSenderSameAsRecipient")
        asset, amount, what = int(body.asset_id), int(body.amount), "ErrInvalidTransferAmount"
    elif each.kind in (DEPOSIT, WITHDRAW):
        wallet, account = body.sender, body.recipient
        if each.kind == WITHDRAW:
            wallet, account = account, wallet
        if not is_address(str(wallet)):
            raise TransactionError("ErrInvalidAccountAddress")
        _check_subaccount(account)
        asset, amount, what = int(body.asset_id), int(body.quantums), "ErrInvalidTransferAmount"
    else:
        asset, amount, what = _sent(body)
    if asset != 0:
        raise TransactionError("ErrInvalidRequest", "Non-USDC asset transfer not implemented")
    if not 0 < amount <= MAX_MONEY:
        raise TransactionError(what)


def _sent(body: Any) -> tuple[int, int, str]:
    """(asset, amount, error of a bad amount) of a payment between wallets."""
    if not is_address(str(body.from_address)) or not is_address(str(body.to_address)):
        raise TransactionError("ErrInvalidAccountAddress")
    if str(body.from_address) == str(body.to_address):
        raise TransactionError("ErrInvalidRequest", "a payment to itself is not offered here")
    if len(body.amount) != 1 or body.amount[0].denom != USDC:
        raise TransactionError("ErrInvalidRequest", f"one coin of {USDC} is offered here")
    text = str(body.amount[0].amount)
    return 0, int(text) if text.isdecimal() and len(text) < 20 else 0, "ErrInvalidRequest"


def check_together(messages: Sequence[Message]) -> None:
    """What messages may share a transaction. Raises TransactionError."""
    if len(messages) == 1:
        return
    if any(is_short_term(each) for each in messages):
        detail = "a short-term message must be alone in its transaction"
        raise TransactionError("ErrInvalidRequest", detail)
    kinds = [each.kind for each in messages]
    clob = [kind for kind in kinds if kind in CLOB]
    if not clob:
        return
    others = [kind for kind in kinds if kind not in CLOB]
    places_last = sorted(kinds, key=lambda kind: (kind == PLACE) + (kind != CANCEL)) == kinds
    if [kind for kind in others if kind != TRANSFER] or len(others) > 1 or not places_last:
        detail = "orders may share a transaction with cancels before them and one transfer between"
        raise TransactionError("ErrInvalidRequest", detail)


def name_of(reason: Reason) -> str:
    """A reason of the machine that the venue has no name for."""
    return reason.name.lower().replace("_", " ")
