"""What the venue remembers beside the machine: addresses, sequences, subaccounts, order terms, and
the newest transactions.

Money is never here. A subaccount is a row of the machine, and so is the wallet of an address (its
bank balance of USDC), which trades nothing: a deposit is a transfer between the two, one command
that the machine accepts or rejects. Rows are taken in the order of creation: a record ``account``
goes with one CREATE_ACCOUNT command.
"""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from seawall.domain.commands import NO_ACCOUNT, Command, CreateAccount
from seawall.domain.enums import MarginGrouping
from seawall.domain.system_accounts import FIRST_USER
from seawall.venues.dydx.directory.nonces import FIRST_TIMESTAMP, TimestampNonces
from seawall.venues.port import NamedAccount, Record, Refusal

CHILDREN = 128
"""A subaccount's parent is its number modulo this."""
_KEPT_ROWS = 64
"""Account rows that only an operator may take, at most; of a small table a 64th."""
_KEPT_TERMS = 50_000
KEPT_TRANSACTIONS, KEPT_BYTES = 10_000, 16 * 1024 * 1024
"""The newest transactions that are known by their hash: so many, and so many bytes of them."""


def subaccount_key(address: str, number: int) -> str:
    """How the directory calls a subaccount; a wallet is called by its address alone."""
    return f"{address}/{number}"


class OrderTerms(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an order of the wire says beyond what the machine keeps. ``good_til``: a height of a
    short-term order, else Unix seconds. ``quantums``: its whole size."""

    flags: int
    quantums: int
    time_in_force: int = 0
    reduce_only: bool = False
    good_til: int = 0
    client_metadata: int = 0
    condition: int = 0
    trigger_subticks: int = 0
    builder: str = ""
    builder_fee_ppm: int = 0
    router: str = ""
    duration: int = 0
    interval: int = 0
    tolerance_ppm: int = 0
    height: int = 0
    transaction: str = ""


class Included(Struct, frozen=True, omit_defaults=True):
    """A transaction that a block holds. ``height``: of that block; ``code``: 0 where it took
    effect."""

    raw: bytes
    height: int
    code: int = 0
    codespace: str = ""
    log: str = ""


def hash_of(raw: bytes) -> str:
    """What a transaction is called: SHA-256 in upper hexadecimal digits."""
    return hashlib.sha256(raw).hexdigest().upper()


class Subaccount(Struct, frozen=True):
    """A row of the machine and whose it is. ``number``: -1 for a wallet."""

    row: int
    address: str
    number: int
    label: str = ""
    created_ms: int = 0

    @property
    def is_wallet(self) -> bool:
        return self.number < 0

    @property
    def parent(self) -> int:
        return self.number % CHILDREN


class Holder(Struct):
    """An address. ``public_key``: hex, once it is known. ``number``: its account number."""

    address: str
    number: int
    sequence: int = 0
    public_key: str = ""
    nonces: TimestampNonces = msgspec.field(default_factory=TimestampNonces)


class State(Struct):
    """All of it, as a snapshot carries it. ``included``: by hash, the oldest first; not in the
    bytes before there is one, as in those of versions that had none."""

    next_row: int = FIRST_USER
    holders: dict[str, Holder] = {}
    accounts: dict[str, Subaccount] = {}
    terms: dict[str, OrderTerms] = {}
    included: dict[str, Included] | UnsetType = UNSET


class ChainDirectory:
    """The directory of one venue. ``apply`` is the only writer; everything else reads."""

    def __init__(self) -> None:
        self._load(State())

    def _load(self, state: State) -> None:
        self.state = state
        self._by_row = {each.row: each for each in state.accounts.values()}
        self._of_address: dict[str, list[Subaccount]] = {}
        for each in state.accounts.values():
            self._of_address.setdefault(each.address, []).append(each)
        known = state.included or {}
        self._bytes = sum(len(each.raw) for each in known.values())

    # -- reading ---------------------------------------------------------------------------------

    def row_of(self, key: str) -> int:
        """The account row of a subaccount or a wallet by its key, or -1."""
        found = self.state.accounts.get(key)
        return found.row if found else -1

    def account_of(self, row: int) -> Subaccount | None:
        """Whose row it is; None for one of the machine itself."""
        return self._by_row.get(row)

    def named(self, row: int) -> NamedAccount:
        """A subaccount is called as the first one of its address, with its number."""
        found = self._by_row.get(row)
        if found is None:
            return NamedAccount(row, f"row {row}", "", "")
        key = subaccount_key(found.address, found.number) if not found.is_wallet else found.address
        label = found.label
        if not label and found.number > 0:
            first = self.state.accounts.get(subaccount_key(found.address, 0))
            label = f"{first.label} / {found.number}" if first and first.label else ""
        return NamedAccount(row, key, found.address, label)

    def trading_rows(self) -> list[int]:
        return [each.row for each in self.state.accounts.values() if not each.is_wallet]

    def holder(self, address: str) -> Holder | None:
        return self.state.holders.get(address)

    def subaccounts(self, address: str) -> list[Subaccount]:
        """Of an address, by number; wallets are none."""
        found = [each for each in self._of_address.get(address, ()) if not each.is_wallet]
        return sorted(found, key=lambda each: each.number)

    def children(self, address: str, parent: int) -> list[Subaccount]:
        """The parent itself and the subaccounts below it, by number."""
        return [each for each in self.subaccounts(address) if each.parent == parent]

    def terms_of(self, row: int, client_id: int) -> OrderTerms | None:
        """The newest terms of the order with this 128-bit client id."""
        return self.state.terms.get(f"{row}:{client_id}")

    def included(self, hash_: str) -> Included | None:
        """A transaction by its hash, of those that are kept."""
        return (self.state.included or {}).get(hash_)

    def newest_terms(self) -> Iterator[tuple[tuple[int, int], OrderTerms]]:
        """Account row and 128-bit client id of every order with terms, the newest first."""
        for key, terms in reversed(self.state.terms.items()):
            row, _, client_id = key.partition(":")
            yield (int(row), int(client_id)), terms

    # -- checks ----------------------------------------------------------------------------------

    def sequence_refusal(self, address: str, sequence: int, times_ms: Sequence[int]) -> str | None:
        """Why a sequence is not the one to use next; None where it is."""
        holder = self.state.holders[address]
        if sequence >= FIRST_TIMESTAMP:
            return holder.nonces.refusal(sequence, times_ms)
        if sequence == holder.sequence:
            return None
        return f"account sequence mismatch, expected {holder.sequence}, got {sequence}"

    # -- planning --------------------------------------------------------------------------------

    def new_account(
        self, engine: Any, time_ms: int, address: str, label: str = "",
        grouping: MarginGrouping | None = None, by_client: bool = True, later: int = 0,
    ) -> tuple[Record, list[Command], int]:  # fmt: skip
        """Record, commands and row of a new subaccount or wallet, by its key.

        ``by_client``: it may not take the rows that are kept back for an operator. ``later``: rows
        that are taken before it. Raises Refusal where the tables are full.
        """
        rows = int(engine.tables["control"]["accounts_capacity"][0])
        kept = min(_KEPT_ROWS, rows // 64) if by_client else 0
        if self.state.next_row + later >= rows - kept:
            raise Refusal("Too many accounts.")
        owner = address.partition("/")[0]
        first = self._of_address.get(owner)
        parent = first[0].row if first else NO_ACCOUNT
        record = Record("account", {"key": address, "label": label})
        return record, [CreateAccount(time_ms, parent)], self.state.next_row + later

    # -- writing ---------------------------------------------------------------------------------

    def apply(self, record: Record, time_ms: int) -> None:
        """Take one record. Unknown kinds are ignored, so that older logs stay readable."""
        write = getattr(self, f"_on_{record.kind}", None)
        if write is not None:
            write(record.body, time_ms)

    def snapshot(self) -> bytes:
        return msgspec.msgpack.encode(self.state)

    def restore(self, state: bytes) -> None:
        self._load(msgspec.msgpack.decode(state, type=State))

    def _on_account(self, body: dict[str, Any], time_ms: int) -> None:
        row = self.state.next_row
        self.state.next_row += 1
        address, slash, number = body["key"].partition("/")
        found = Subaccount(row, address, int(number) if slash else -1, body["label"], time_ms)
        self.state.accounts[body["key"]] = self._by_row[row] = found
        self._of_address.setdefault(address, []).append(found)
        if address not in self.state.holders:
            self.state.holders[address] = Holder(address, len(self.state.holders))

    def _on_transaction(self, body: dict[str, Any], time_ms: int) -> None:
        """A transaction was taken: its signer's key is known, and its sequence is spent."""
        holder = self.state.holders[body["signer"]]
        holder.public_key = body["key"]
        sequence = body.get("sequence")
        if sequence is not None and sequence >= FIRST_TIMESTAMP:
            holder.nonces.spend(sequence, body["near_ms"])
        elif sequence is not None:
            holder.sequence = sequence + 1

    def _on_order(self, body: dict[str, Any], time_ms: int) -> None:
        terms = self.state.terms
        key = body["key"]
        terms.pop(key, None)
        terms[key] = msgspec.convert(body["terms"], OrderTerms)
        while len(terms) > _KEPT_TERMS:
            del terms[next(iter(terms))]

    def _on_included(self, body: dict[str, Any], time_ms: int) -> None:
        """A transaction is part of a block; said again, it ended otherwise."""
        found = msgspec.convert(body | {"raw": base64.b64decode(body["raw"])}, Included)
        name = hash_of(found.raw)
        self._on_excluded({"hash": name}, time_ms)
        known = self.state.included or {}
        self.state.included = known
        known[name] = found
        self._bytes += len(found.raw)
        while len(known) > KEPT_TRANSACTIONS or self._bytes > KEPT_BYTES:
            self._on_excluded({"hash": next(iter(known))}, time_ms)

    def _on_excluded(self, body: dict[str, Any], time_ms: int) -> None:
        """A short-term transaction is part of no block after all."""
        gone = (self.state.included or {}).pop(body["hash"], None)
        self._bytes -= 0 if gone is None else len(gone.raw)
        self.state.included = self.state.included or UNSET
