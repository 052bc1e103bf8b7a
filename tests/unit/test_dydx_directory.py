"""What the directory of the chain remembers, and that it is the same after a restart."""

import base64
from typing import Any

import msgspec
import pytest

from seawall.venues.dydx.directory import directory as directories
from seawall.venues.dydx.directory.directory import ChainDirectory, OrderTerms, hash_of
from seawall.venues.dydx.directory.nonces import KEPT, LATEST_MS, TimestampNonces
from seawall.venues.port import Record, Refusal

NOW = 1_760_000_000_000
OWNER = "dydx1ny4pclt0hzmarw0cxhf4ln5lus9ca2yy2nt770"


class Engine:
    """As much of a machine as new accounts ask for."""

    def __init__(self, rows: int) -> None:
        self.tables: dict[str, Any] = {"control": {"accounts_capacity": [rows]}}


def opened(*keys: str) -> ChainDirectory:
    directory = ChainDirectory()
    for key in keys:
        directory.apply(Record("account", {"key": key, "label": ""}), NOW)
    return directory


def test_rows_are_taken_in_the_order_of_creation() -> None:
    directory = opened(f"{OWNER}/0", OWNER, f"{OWNER}/128")
    assert [directory.row_of(key) for key in (f"{OWNER}/0", OWNER, f"{OWNER}/128")] == [5, 6, 7]
    assert directory.row_of(f"{OWNER}/1") == -1
    assert [each.number for each in directory.subaccounts(OWNER)] == [0, 128]
    assert [each.number for each in directory.children(OWNER, 0)] == [0, 128]
    assert directory.children(OWNER, 1) == []
    wallet = directory.account_of(6)
    assert wallet is not None
    assert wallet.is_wallet


def test_an_owners_accounts_share_a_fee_tier_and_full_tables_refuse() -> None:
    directory = opened(f"{OWNER}/0")
    record, (create,), row = directory.new_account(Engine(100), NOW, f"{OWNER}/1")
    assert (record.body["key"], create.parent, row) == (f"{OWNER}/1", 5, 6)  # type: ignore[union-attr]
    with pytest.raises(Refusal, match="Too many accounts"):
        directory.new_account(Engine(6), NOW, f"{OWNER}/1")


def test_sequences_are_spent_one_by_one_and_timestamps_once() -> None:
    directory = opened(f"{OWNER}/0")
    assert directory.sequence_refusal(OWNER, 0, [NOW]) is None
    assert directory.sequence_refusal(OWNER, 1, [NOW]) == (
        "account sequence mismatch, expected 0, got 1"
    )
    body = {"signer": OWNER, "key": "02" * 33, "sequence": 0, "near_ms": 0}
    directory.apply(Record("transaction", body), NOW)
    assert directory.sequence_refusal(OWNER, 0, [NOW]) is not None
    assert directory.sequence_refusal(OWNER, NOW, [NOW - 10**9, NOW + LATEST_MS]) is None
    directory.apply(Record("transaction", {**body, "sequence": NOW, "near_ms": NOW}), NOW)
    assert directory.sequence_refusal(OWNER, NOW, [NOW]) == f"timestamp nonce {NOW} rejected"
    holder = directory.holder(OWNER)
    assert holder is not None
    assert (holder.sequence, holder.public_key) == (1, "02" * 33)


def test_of_many_timestamps_the_smallest_go() -> None:
    nonces = TimestampNonces()
    for step in range(KEPT):
        assert nonces.refusal(NOW + step, [NOW]) is None
        nonces.spend(NOW + step, NOW)
    assert nonces.refusal(NOW - 1, [NOW]) == f"timestamp nonce {NOW - 1} rejected"
    nonces.spend(NOW + KEPT, NOW)
    assert (nonces.ejected, len(nonces.kept)) == (NOW, KEPT)
    assert nonces.refusal(NOW, [NOW]) == f"timestamp nonce {NOW} rejected"
    far = NOW + LATEST_MS + 1
    assert nonces.refusal(far, [NOW]) == f"timestamp nonce {far} not within valid time window"
    # Half a minute later the old ones are let go, and none of them comes back.
    later = NOW + 2 * LATEST_MS
    nonces.spend(later, later)
    assert nonces.kept == [later]
    assert nonces.refusal(NOW + 5, [NOW]) == f"timestamp nonce {NOW + 5} rejected"


def test_a_snapshot_is_all_of_it() -> None:
    directory = opened(f"{OWNER}/0", OWNER)
    terms = OrderTerms(flags=64, quantums=7, good_til=99, client_metadata=2)
    body = {"flags": 64, "quantums": 7, "good_til": 99, "client_metadata": 2}
    directory.apply(Record("order", {"key": "5:77", "terms": body}), NOW)
    directory.apply(Record("from a later version", {}), NOW)
    twin = ChainDirectory()
    twin.restore(directory.snapshot())
    assert twin.snapshot() == directory.snapshot()
    assert twin.terms_of(5, 77) == terms
    assert twin.row_of(OWNER) == 6
    assert twin.state.next_row == 7


def included(number: int, size: int = 8, **more: Any) -> Record:
    raw = base64.b64encode(number.to_bytes(size, "big")).decode()
    return Record("included", {"raw": raw, "height": number, "log": "[]", **more})


def name(number: int, size: int = 8) -> str:
    return hash_of(number.to_bytes(size, "big"))


def test_the_newest_transactions_are_known_by_their_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directories, "KEPT_TRANSACTIONS", 3)
    directory = ChainDirectory()
    for number in range(1, 5):
        directory.apply(included(number), NOW)
    assert directory.included(name(1)) is None
    directory.apply(Record("excluded", {"hash": name(3)}), NOW)
    directory.apply(included(2, code=5, codespace="sdk", log="refused"), NOW)
    again = ChainDirectory()
    again.restore(directory.snapshot())
    for each in (directory, again):
        assert each.included(name(3)) is None
        assert (found := each.included(name(2))) is not None
        assert (found.height, found.code, found.log) == (2, 5, "refused")
        # Two are there now: one more has room.
        each.apply(included(6), NOW)
        assert [each.included(name(n)) is not None for n in (4, 2, 6)] == [True] * 3
    assert again.snapshot() == directory.snapshot()


def test_large_transactions_are_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directories, "KEPT_BYTES", 1000)
    directory = ChainDirectory()
    for number in range(1, 5):
        directory.apply(included(number, 400), NOW)
    again = ChainDirectory()
    again.restore(directory.snapshot())
    again.apply(included(5, 400), NOW)
    known = [again.included(name(n, 400)) is not None for n in range(1, 6)]
    assert known == [False, False, False, True, True]


def test_without_transactions_the_bytes_are_those_of_before() -> None:
    """A log that was written by a version without them keeps its state hashes."""
    directory = opened(f"{OWNER}/0")
    directory.apply(included(1), NOW)
    directory.apply(Record("excluded", {"hash": name(1)}), NOW)
    state = msgspec.msgpack.decode(directory.snapshot())
    assert list(state) == ["next_row", "holders", "accounts", "terms"]
