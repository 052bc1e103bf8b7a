"""The node of the chain: takes transactions, and knows the blocks."""

import base64
import hashlib
import time
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from seawall.domain.commands import (
    CancelByClientId,
    Command,
    PlaceOrder,
    PlaceTwapOrder,
    SetInitialFraction,
    Transfer,
)
from seawall.domain.enums import OrderFlag, Reason
from seawall.domain.events import CommandRejected
from seawall.engine.block_view import state_rejection
from seawall.venues.dydx.directory.directory import (
    KEPT_TRANSACTIONS,
    ChainDirectory,
    Included,
    hash_of,
)
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
_SUCCESS = "[]"
_TIMEOUT_TOO_EARLY = (
    "timeout height (if non-zero) may not be less than `goodTilBlock` for a short-term place order"
)
_ON_STATE = (PlaceOrder, PlaceTwapOrder, CancelByClientId, SetInitialFraction, Transfer)


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
        self._taken: dict[str, None] = {}
        """Hashes of what this node has taken lately: a restart begins anew, as on the chain."""

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
        name = hash_.upper()
        found = self.directory.included(name)
        if found is None or found.height > self.height:
            return None
        return Result(name, found.code, found.codespace, found.log, found.height, found.raw)

    async def broadcast(self, raw: bytes) -> Result:
        """Check a transaction and let it take effect; the answer of a node's first check."""
        hash_ = hash_of(raw)
        if hash_ in self._taken:
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
                    found = self._short_term_plan(transaction, time_ms)
                else:
                    found, failed = self._plan(transaction, key, time_ms)
            except TransactionError as error:
                raise _Refused(error) from None
            return Plan(found.commands, [*found.records, self._included(raw, time_ms, failed)])

        # A sequence is spent only if the transaction is taken, so its plan must see the state.
        done = await self.desk.submit(plan, alone=not is_short)
        error = self._error(transaction, done)
        if error is not None:
            # What came before it in its group has left it no room.
            record = self._included(raw, done.time_ms, error)
            if is_short:
                record = Record("excluded", {"hash": transaction.hash})
            await self.desk.submit(lambda time_ms: Plan([], [record]))
            return _failed(transaction.hash, error)
        self._taken[transaction.hash] = None
        while len(self._taken) > KEPT_TRANSACTIONS:
            del self._taken[next(iter(self._taken))]
        # The first check does not run what moves money; the block says how it ended.
        return Result(transaction.hash)

    def _included(self, raw: bytes, time_ms: int, error: TransactionError | None) -> Record:
        """That the block which holds what happens now has a transaction, and how that ended."""
        height = max(self.height + 1, self.height_at(time_ms))
        found = Included(raw, height, log=_SUCCESS)
        if error is not None:
            found = Included(raw, height, error.code, error.codespace, error.log)
        body = msgspec.to_builtins(found) | {"raw": base64.b64encode(raw).decode()}
        return Record("included", body)

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
                error = self._refusal(command)
                if error is not None:
                    raise error
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
        if len(planned.commands) > 1:
            failed = self._failure(planned.commands, time_ms)
        else:
            failed = self._refusal(planned.commands[0])
        if failed is not None and transaction.has_orders:
            raise failed
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

    def _refusal(self, command: Command) -> TransactionError | None:
        """Why the state refuses a command now; None where it takes effect."""
        if isinstance(command, _ON_STATE):
            reason = state_rejection(self.desk.engine, command)
            if reason != Reason.NO_REASON:
                return _error_of(reason, command)
        return None

    def _error(self, transaction: Transaction, done: Done) -> TransactionError | None:
        """What the machine has refused of a transaction. Of several cancels any may."""
        if transaction.messages[0].kind == BATCH:
            return None
        return next(filter(None, map(_rejection, done.applied)), None)


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
