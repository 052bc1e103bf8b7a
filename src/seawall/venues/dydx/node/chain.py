"""The node of the chain: takes transactions, and knows the blocks."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Sequence

from msgspec import Struct

from seawall.domain.commands import (
    CancelByClientId,
    Command,
    PlaceOrder,
    PlaceTwapOrder,
    SetInitialFraction,
)
from seawall.domain.enums import OrderFlag, Reason
from seawall.domain.events import CommandRejected
from seawall.engine.block_view import state_rejection
from seawall.venues.dydx.directory.directory import ChainDirectory
from seawall.venues.dydx.directory.nonces import near
from seawall.venues.dydx.limits import OFF, BlockCounts, Quotas
from seawall.venues.dydx.node.actions import Planned, Planner, check, check_together, name_of
from seawall.venues.dydx.node.transactions import (
    BATCH,
    PLACE,
    Transaction,
    TransactionError,
    decode,
    is_short_term,
    public_key_of,
)
from seawall.venues.dydx.pairs import Pairs
from seawall.venues.dydx.wire.errors import UPDATE_RESULTS, error_of
from seawall.venues.port import Applied, Desk, Done, Plan, Record, Refusal

CHAIN_ID = "localdydxprotocol"
GAS = 100_000
"""What a transaction is said to use; fees are not taken."""
KEPT = 10_000
"""Transactions whose result is still known."""
_SUCCESS = "[]"
_TIMEOUT_TOO_EARLY = (
    "timeout height (if non-zero) may not be less than `goodTilBlock` for a short-term place order"
)
_ON_STATE = (PlaceOrder, PlaceTwapOrder, CancelByClientId, SetInitialFraction)


class Result(Struct, frozen=True):
    """How a transaction ended. ``height``: of the block that holds it; 0 where it was refused."""

    hash: str
    code: int = 0
    codespace: str = ""
    log: str = _SUCCESS
    height: int = 0
    raw: bytes = b""


class _Refused(Refusal):
    """A transaction that the state refuses; nothing changed."""

    def __init__(self, error: TransactionError) -> None:
        super().__init__(error.log)
        self.error = error


class Node:
    """A node on a running machine. ``quotas``: what it grants each owner by block."""

    def __init__(self, desk: Desk, quotas: Quotas = OFF) -> None:
        self.desk = desk
        self._quotas = quotas
        self._stateful = BlockCounts("MaxStatefulOrdersPerNBlocks", quotas.stateful)
        self._short_term = BlockCounts("MaxShortTermOrdersAndCancelsPerNBlocks", quotas.short_term)
        self.pairs = Pairs(desk.instruments)
        self._seen: OrderedDict[str, Result] = OrderedDict()

    @property
    def directory(self) -> ChainDirectory:
        directory: ChainDirectory = self.desk.directory
        return directory

    # -- blocks ----------------------------------------------------------------------------------

    @property
    def height(self) -> int:
        """Of the last block; 1 before there is one, as clients take 0 for no answer."""
        return max(1, int(self._chain("height")))

    @property
    def block_ms(self) -> int:
        """When the last block was committed."""
        return int(self._chain("last_block_ms")) or self.desk.now_ms()

    def height_at(self, time_ms: int) -> int:
        """Of the block that holds what happened at a time: the first that is not before it."""
        later = -((self.block_ms - time_ms) // max(1, int(self._chain("block_ms"))))
        return max(1, self.height + later)

    def time_of(self, height: int) -> int:
        """When a block was committed, ms."""
        return self.block_ms - (self.height - height) * int(self._chain("block_ms"))

    def block_hash(self, height: int) -> bytes:
        return hashlib.sha256(f"{CHAIN_ID}/{height}".encode()).digest()

    def _chain(self, name: str) -> int:
        return int(self.desk.engine.tables["block_rules"][name][0])

    # -- transactions ----------------------------------------------------------------------------

    def result(self, hash_: str) -> Result | None:
        """How a transaction ended, once the block that holds it is committed."""
        found = self._seen.get(hash_.upper())
        return found if found is not None and found.height <= self.height else None

    async def broadcast(self, raw: bytes) -> Result:
        """Check a transaction and let it take effect; the answer of a node's first check."""
        hash_ = hashlib.sha256(raw).hexdigest().upper()
        if hash_ in self._seen:
            return _failed(hash_, TransactionError("ErrTxInMempoolCache"))
        try:
            transaction = decode(raw)
            check_together(transaction.messages)
            for each in transaction.messages:
                check(each)
            return await self._submit(transaction, raw)
        except TransactionError as error:
            return _failed(hash_, error)
        except _Refused as refusal:
            return _failed(hash_, refusal.error)
        except Refusal as refusal:
            return _failed(hash_, TransactionError("ErrInvalidRequest", refusal.reason))

    async def _submit(self, transaction: Transaction, raw: bytes) -> Result:
        is_short = transaction.is_short_term
        key = public_key_of(transaction, self.directory, CHAIN_ID)
        failed: TransactionError | None = None

        def plan(time_ms: int) -> Plan:
            nonlocal failed
            try:
                if is_short:
                    return self._short_term_plan(transaction, time_ms)
                found, failed = self._plan(transaction, key, time_ms)
            except TransactionError as error:
                raise _Refused(error) from None
            return found

        # A sequence is spent only if the transaction is taken, so its plan must see the state.
        done = await self.desk.submit(plan, alone=not is_short)
        result = self._judged(transaction, done, failed, raw)
        if result.code == 0 or not is_short:
            self._seen[transaction.hash] = result
            while len(self._seen) > KEPT:
                self._seen.popitem(last=False)
        if not transaction.has_orders:
            # The first check does not run what moves money; the block says how it ended.
            return Result(transaction.hash)
        return result

    def _planned(self, transaction: Transaction, time_ms: int) -> Planned:
        planner = Planner(self.desk.engine, self.directory, self.pairs, time_ms)
        for each in transaction.messages:
            planner.add(each, transaction.hash)
        return planner.planned

    def _check_rates(self, transaction: Transaction) -> None:
        """Count what a transaction asks for, unless its blocks are over. Raises TransactionError
        for that, and for one too many."""
        if 0 < transaction.timeout_height <= self.height:
            detail = f"block height: {self.height}, timeout height: {transaction.timeout_height}"
            raise TransactionError("ErrTxTimeoutHeight", detail)
        for each in transaction.messages:
            found = None
            if each.kind == PLACE and not is_short_term(each):
                found = self._stateful.refusal(transaction.signer, self.height, 1)
            elif is_short_term(each):
                points = self._quotas.batch_cancel if each.kind == BATCH else 1
                found = self._short_term.refusal(transaction.signer, self.height, points)
            if found is not None:
                raise TransactionError("ErrBlockRateLimitExceeded", found)

    def _short_term_plan(self, transaction: Transaction, time_ms: int) -> Plan:
        self._check_rates(transaction)
        planned = self._planned(transaction, time_ms)
        for command in planned.commands:
            if isinstance(command, PlaceOrder):
                if 0 < transaction.timeout_height < command.good_til:
                    raise TransactionError("ErrInvalidRequest", _TIMEOUT_TOO_EARLY)
                # The terms of a refused order must not be taken for those of the one that rests.
                self._check_on_state(command)
        return Plan(planned.commands, planned.records)

    def _plan(
        self, transaction: Transaction, key: bytes, time_ms: int
    ) -> tuple[Plan, TransactionError | None]:
        """What a transaction does, all of it or nothing, and why it is nothing.

        Orders are refused before the sequence is spent; money fails in the block, which spends it.
        """
        times = (self.block_ms, time.time_ns() // 1_000_000)
        refusal = self.directory.sequence_refusal(transaction.signer, transaction.sequence, times)
        if refusal is not None:
            raise TransactionError("ErrWrongSequence", refusal)
        self._check_rates(transaction)
        planned = self._planned(transaction, time_ms)
        failed = None
        if len(planned.commands) > 1:
            failed = self._failure(planned.commands, time_ms)
            if failed is not None and transaction.has_orders:
                raise failed
        elif transaction.has_orders:
            self._check_on_state(planned.commands[0])
        spent = Record(
            "transaction",
            {
                "signer": transaction.signer,
                "key": key.hex(),
                "sequence": transaction.sequence,
                "near_ms": near(transaction.sequence, times) or 0,
            },
        )
        if failed is not None:
            return Plan([], [spent]), failed
        return Plan(planned.commands, [*planned.records, spent]), None

    def _failure(self, commands: Sequence[Command], time_ms: int) -> TransactionError | None:
        """Why a copy of the machine refuses one of these, each after those before it; or None."""
        twin = self.desk.engine.fork()
        tried = (Applied(time_ms, command, twin.apply(command)) for command in commands)
        return next(filter(None, map(_rejection, tried)), None)

    def _check_on_state(self, command: Command) -> None:
        """Raises TransactionError for what the state refuses."""
        if isinstance(command, _ON_STATE):
            reason = state_rejection(self.desk.engine, command)
            if reason != Reason.NO_REASON:
                raise _error_of(reason, command)

    def _judged(
        self, transaction: Transaction, done: Done, error: TransactionError | None, raw: bytes
    ) -> Result:
        """What the machine made of a transaction. ``error``: why nothing of it was done."""
        if error is None and transaction.messages[0].kind != BATCH:
            error = next(filter(None, map(_rejection, done.applied)), None)
        if error is not None:
            if transaction.is_short_term:
                return _failed(transaction.hash, error)
            return Result(
                transaction.hash, error.code, error.codespace, error.log, self.height + 1, raw
            )
        return Result(transaction.hash, height=self.height + 1, raw=raw)


def _failed(hash_: str, error: TransactionError) -> Result:
    return Result(hash_, error.code, error.codespace, error.log)


def _rejection(applied: Applied) -> TransactionError | None:
    for event in applied.events:
        if isinstance(event, CommandRejected):
            return _error_of(event.reason, applied.command)
    return None


def _error_of(reason: Reason, command: Command) -> TransactionError:
    """A rejection of the machine as the venue says it."""
    is_stateful = not _is_short_term(command)
    name = error_of(reason, command.kind, is_stateful=is_stateful)
    if isinstance(command, CancelByClientId) and is_stateful and reason == Reason.GOOD_TIL_PASSED:
        name = "ErrInvalidStatefulOrderCancellation"
    if name is None:
        return TransactionError("ErrInvalidRequest", name_of(reason))
    detail = ""
    if name == "ErrFailedToUpdateSubaccounts":
        word = UPDATE_RESULTS.get(reason, "NewlyUndercollateralized")
        detail = f"Subaccount failed with UpdateResult: {word}"
    return TransactionError(name, detail)


def _is_short_term(command: Command) -> bool:
    if isinstance(command, PlaceOrder):
        return bool(command.flags & OrderFlag.SHORT_TERM)
    if isinstance(command, CancelByClientId):
        return 0 < command.good_til < 2**32
    return False
