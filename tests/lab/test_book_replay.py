"""A recorded book through the machine: the same levels as a plain dict, trades that meet it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seawall.domain.enums import Side
from seawall.domain.system_accounts import FIRST_USER
from seawall.engine.book_view import book_levels
from seawall.engine.invariants import broken_invariant
from seawall.lab.market.book import BookError
from seawall.lab.market.book_replay import Reached, Replay, ReplayError
from seawall.lab.market.book_replay_file import read_recording
from tests.shared_files import shared_file

BITCOIN = "data/l2_trades_binance_2024-08-08/binance_usdm_btcusdt_20240808.parquet"
ETHER = "data/l2_trades_binance_2024-08-08/binance_usdm_ethusdt_20240808.parquet"
START = 1_700_000_000_000
TAKER = FIRST_USER + 2

Book = dict[str, dict[float, float]]


class Row(NamedTuple):
    """One row of a recording, times in ms after START."""

    type: str
    side: str
    px: float
    qty: float
    time: int
    id: int
    prev_id: int = 0


SNAPSHOT = [
    Row("snapshot", "b", 99.9, 1.0, 0, 10),
    Row("snapshot", "b", 99.8, 2.0, 0, 10),
    Row("snapshot", "a", 100.1, 1.5, 0, 10),
    Row("snapshot", "a", 100.2, 3.0, 0, 10),
]


def written(folder: Path, rows: Sequence[Row]) -> Path:
    names = ("type", "side", "px", "qty", "ts_txn_ms", "id", "prev_id")
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    columns["ts_txn_ms"] = [START + time for time in columns["ts_txn_ms"]]
    path = folder / "recording.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def replayed(folder: Path, rows: Sequence[Row]) -> Replay:
    return Replay(read_recording(written(folder, rows), "BTC"))


def machine_book(replay: Replay) -> Book:
    """What rests in the machine, as recorded numbers; more than one order a level is a mistake."""
    decimals = (replay.recording.price_decimals, replay.recording.size_decimals)
    found: Book = {}
    for side, levels in zip("ba", book_levels(replay.engine, 0, 20_000), strict=True):
        assert all(count == 1 for _, _, count in levels)
        found[side] = {
            price / 10 ** decimals[0]: size / 10 ** decimals[1] for price, size, _ in levels
        }
    return found


def plain_books(rows: Sequence[Row]) -> Iterator[Book]:
    """After each update, the same dict each time: no chain, no trades."""
    book: Book = {"b": {}, "a": {}}
    updates: dict[int, list[Row]] = {}
    for row in rows:
        if row.type != "trade":
            updates.setdefault(row.id, []).append(row)
    for _, own in sorted(updates.items()):
        for row in own:
            book[row.side].pop(row.px, None)
            if row.qty:
                book[row.side][row.px] = row.qty
        yield book


def drawn(seed: int, updates: int) -> list[Row]:
    """A book that wanders and jumps, with trades between its updates."""
    random = Random(seed)
    rows, book, middle = [], {"b": dict[float, float](), "a": dict[float, float]()}, 1000
    for row in SNAPSHOT:
        rows.append(row)
        book[row.side][row.px] = row.qty
    trade_id = 0
    for number in range(1, updates + 1):
        time = number * 50
        for _ in range(random.randrange(4)):
            side = random.choice("ba")
            against = sorted(book["a" if side == "b" else "b"], reverse=side == "a")
            price = random.choice(against[:3]) if against else 100.0
            trade_id += 1
            size = round(random.uniform(0.001, 6), 3)
            rows.append(Row("trade", side, price, size, time - random.randrange(40), trade_id))
        middle += random.choice((-7, -2, -1, 0, 0, 1, 2, 7))
        wanted: Book = {"b": {}, "a": {}}
        for step in range(1, 12):
            for side, sign in (("b", -1), ("a", 1)):
                if random.random() < 0.7 or step == 1:
                    price = (middle + sign * step) / 10
                    kept = book[side].get(price) if random.random() < 0.5 else None
                    wanted[side][price] = kept or round(random.uniform(0.001, 5), 3)
        changes = [
            Row("depth", side, price, wanted[side].get(price, 0.0), time, 10 + number, 9 + number)
            for side in "ba"
            for price in sorted(set(book[side]) | set(wanted[side]))
            if book[side].get(price) != wanted[side].get(price)
        ]
        random.shuffle(changes)
        rows += changes or [Row("depth", "b", 50.0, 0.0, time, 10 + number, 9 + number)]
        book = wanted
    return rows


@pytest.mark.parametrize("seed", range(4))
def test_the_machine_has_every_recorded_level_after_each_update(tmp_path: Path, seed: int) -> None:
    rows = drawn(seed, 150)
    replay = replayed(tmp_path, rows)
    books = plain_books(rows)
    for _ in replay.updates():
        assert machine_book(replay) == next(books)
    assert next(books, None) is None
    assert int(broken_invariant(replay.engine.state)) == 0


def test_batches_and_single_updates_leave_the_same_machine(tmp_path: Path) -> None:
    rows = drawn(7, 150)
    at_once, one_by_one = replayed(tmp_path, rows), replayed(tmp_path, rows)
    reached = at_once.run()
    assert [time - START for time in one_by_one.updates()] == [n * 50 for n in range(151)]
    assert one_by_one.reached() == reached
    assert at_once.engine.state_hash() == one_by_one.engine.state_hash()


def position(replay: Replay, account: int) -> int:
    rows = replay.engine.tables["positions"]
    used = int(replay.engine.tables["control"]["positions_used"][0])
    return sum(int(row["signed_size"]) for row in rows[:used] if row["account"] == account)


def test_a_trade_takes_and_the_next_update_restores_what_it_does_not_name(tmp_path: Path) -> None:
    rows = [
        *SNAPSHOT,
        Row("trade", "b", 100.2, 2.0, 20, 1),
        # The best ask is named; the second, of which 0.5 was taken, is not.
        Row("depth", "a", 100.1, 0.7, 50, 11, 10),
    ]
    replay = replayed(tmp_path, rows)
    replay.run()
    assert machine_book(replay)["a"] == {100.1: 0.7, 100.2: 3.0}
    assert position(replay, TAKER) == 2 * 10**replay.recording.size_decimals
    asks = FIRST_USER + int(Side.SELL)
    assert position(replay, asks) == -position(replay, TAKER)


@pytest.mark.parametrize(
    ("price", "side", "after", "reached"),
    [
        (100.1, "b", 100.1, Reached(1, 1, 0)),
        # Nobody sells at 100.0 before; the update after shows somebody who does.
        (100.0, "b", 100.0, Reached(1, 0, 1)),
        (100.0, "b", 100.1, Reached(1, 0, 0)),
        (99.9, "a", 100.1, Reached(1, 1, 0)),
        (100.0, "a", 100.1, Reached(1, 0, 0)),
    ],
)
def test_whether_a_trades_price_is_reached(
    tmp_path: Path, price: float, side: str, after: float, reached: Reached
) -> None:
    rows = [
        *SNAPSHOT,
        Row("trade", side, price, 0.1, 20, 1),
        Row("depth", "a", after, 1.0, 50, 11, 10),
    ]
    assert replayed(tmp_path, rows).run() == reached


def test_a_missing_update_ends_the_book_until_the_next_snapshot(tmp_path: Path) -> None:
    again = [row._replace(id=30, time=400, px=row.px + 1) for row in SNAPSHOT]
    rows = [
        *SNAPSHOT,
        Row("depth", "b", 99.9, 9.0, 50, 11, 10),
        Row("depth", "b", 99.9, 8.0, 100, 13, 12),
        Row("depth", "b", 99.9, 7.0, 150, 14, 13),
        *again,
        Row("depth", "b", 100.9, 6.0, 450, 31, 29),
    ]
    replay = replayed(tmp_path, rows)
    assert replay.recording.breaks == ((START + 100, START + 400),)
    assert [time - START for time in replay.updates()] == [0, 50, 400, 450]
    assert machine_book(replay) == {"b": {100.9: 6.0, 100.8: 2.0}, "a": {101.1: 1.5, 101.2: 3.0}}


def test_a_part_has_the_breaks_that_begin_in_it(tmp_path: Path) -> None:
    again = [row._replace(id=30, time=400, px=row.px + 1) for row in SNAPSHOT]
    rows = [
        *SNAPSHOT,
        Row("depth", "b", 99.9, 8.0, 100, 13, 12),
        *again,
        Row("depth", "b", 100.9, 6.0, 450, 31, 30),
        Row("depth", "b", 100.9, 6.0, 500, 34, 33),
    ]
    path = written(tmp_path, rows)
    parts = {until: read_recording(path, "BTC", START + until) for until in (50, 200, 450, 600)}
    breaks = {until: [(a - START, b - START) for a, b in p.breaks] for until, p in parts.items()}
    assert breaks == {50: [], 200: [(100, 200)], 450: [(100, 400)], 600: [(100, 400), (500, 600)]}
    assert [len(each.known) for each in parts.values()] == [1, 1, 2, 2]
    assert [each.updates for each in parts.values()] == [1, 1, 3, 3]
    with pytest.raises(BookError, match="is before the first snapshot, at 2"):
        read_recording(path, "BTC", START - 1)


def test_a_snapshot_that_was_written_late_counts_from_its_own_update(tmp_path: Path) -> None:
    early = [
        Row("depth", "b", 99.9, 5.0, -50, 9, 8),
        Row("depth", "b", 99.7, 4.0, 50, 11, 9),
    ]
    replay = replayed(tmp_path, [*early, *SNAPSHOT, Row("depth", "a", 100.1, 1.0, 100, 12, 11)])
    replay.run()
    assert machine_book(replay)["b"] == {99.9: 1.0, 99.8: 2.0, 99.7: 4.0}


@pytest.mark.parametrize("price", [100.1, 100.2, 100.3])
def test_a_crossed_recording_is_refused(tmp_path: Path, price: float) -> None:
    rows = [*SNAPSHOT, Row("depth", "b", price, 1.0, 50, 11, 10)]
    with pytest.raises(ReplayError, match="crossed after an update"):
        replayed(tmp_path, rows).run()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([Row("depth", "b", 1.0, 1.0, 0, 2, 1)], "no snapshot"),
        (
            [*SNAPSHOT, Row("depth", "b", -1.0, 1.0, 0, 11, 10)],
            "column px, row 5: -1 should be above 0",
        ),
        ([*SNAPSHOT, Row("quote", "b", 1.0, 1.0, 0, 11, 10)], "'quote' should be one of"),
        ([*SNAPSHOT, Row("depth", "b", 1.23456, 1.234, 0, 11, 10)], "more than 6 decimals"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, rows: list[Row], message: str) -> None:
    with pytest.raises(BookError, match=message):
        replayed(tmp_path, rows)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "recording.parquet"
    pq.write_table(pa.table({"type": ["depth"], "px": [1.0]}), path)
    with pytest.raises(BookError, match="no column side; it has type, px"):
        read_recording(path, "BTC")


# -- real recordings -----------------------------------------------------------------------------


def file_rows(path: Path) -> list[Row]:
    table = pq.read_table(path)
    names = ("type", "side", "px", "qty", "ts_txn_ms", "id", "prev_id")
    columns: list[list[Any]] = [table[name].to_pylist() for name in names]
    return [Row(*row) for row in zip(*columns, strict=True)]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "updates", "trades", "at_once", "near"),
    [(BITCOIN, 6547, 21309, 0.92, 0.975), (ETHER, 6580, 14075, 0.95, 0.99)],
)
def test_a_recorded_day_stays_level_by_level_the_same(
    name: str, updates: int, trades: int, at_once: float, near: float
) -> None:
    path = shared_file(name)
    rows = file_rows(path)
    first = next(row.id for row in rows if row.type == "snapshot")
    kept = [row for row in rows if row.type == "snapshot" or row.id > first]
    replay = Replay(read_recording(path, "BTC"))
    assert replay.recording.breaks == ()
    assert replay.recording.updates == updates + 1
    for number, (_, book) in enumerate(zip(replay.updates(), plain_books(kept), strict=True)):
        assert max(book["b"]) < min(book["a"])
        if number % 500 == 0 or number == updates:
            assert machine_book(replay) == book
    reached = replay.reached()
    assert reached.trades == trades
    assert reached.share > at_once
    assert reached.share_near > near
    assert int(broken_invariant(replay.engine.state)) == 0
