"""Books from files: every form they come in, and what is said to those that cannot be used."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seawall.domain.errors import InputError
from seawall.lab.market.book import BookError, checked_book, ladder_book
from seawall.lab.market.book_source import read_book
from seawall.lab.market.liquidity import Depth
from seawall.venues.hyperliquid.instruments import built_in_instruments
from tests.shared_files import shared_file

BIDS, ASKS = [[100.0, 1.0], [99.5, 2.5]], [[100.5, 0.5], [101.0, 4.0]]
POOLS = {
    "coin": "BTC",
    "time": 1_700_000_000_000,
    "levels": [[{"px": str(p), "sz": str(s), "n": 1} for p, s in side] for side in (BIDS, ASKS)],
}
BLOCKS = {
    name: [{"price": str(p), "size": str(s)} for p, s in side]
    for name, side in (("bids", BIDS), ("asks", ASKS))
}
PAIRS = {
    "lastUpdateId": 7,
    "E": 1_700_000_000_005,
    "T": 1_700_000_000_000,
    "bids": [[str(p), str(s)] for p, s in BIDS],
    "asks": [[str(p), str(s)] for p, s in ASKS],
}
CSV = "side,price,size\nask,101,4\nbid,99.5,2\nbuy,100,1\nsell,100.5,0.5\nbid,99.5,0.5\n"


def written(folder: Path, content: Any) -> str:
    """A file whose name says nothing."""
    path = folder / "book"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


@pytest.mark.parametrize(
    ("content", "time_ms"),
    [
        (POOLS, 1_700_000_000_000),
        ({"channel": "l2Book", "data": POOLS}, 1_700_000_000_000),
        (json.dumps(POOLS, indent=2), 1_700_000_000_000),
        (BLOCKS, None),
        ({"status": "success", "result": BLOCKS}, None),
        ({"type": "subscribed", "id": "BTC-USD", "contents": BLOCKS}, None),
        (PAIRS, 1_700_000_000_000),
        ({"bids": BIDS, "asks": ASKS}, None),
        ({"data": {"s": "BTCUSDT", "b": BIDS, "a": ASKS}}, None),
        ({"bids": [[100, 1, 0, 3], [99.5, 2.5, 0, 1]], "asks": ASKS}, None),
        (CSV, None),
        (CSV.replace("side", "Side ").replace("size", "qty").replace("\n", "\r\n"), None),
        (gzip.compress(json.dumps(POOLS).encode(), mtime=0), 1_700_000_000_000),
    ],
)
def test_every_form_gives_the_same_book(tmp_path: Path, content: Any, time_ms: int | None) -> None:
    book = read_book(written(tmp_path, content), "BTC")
    assert book.market == "BTC"
    assert book.time_ms == time_ms
    assert (book.bids.tolist(), book.asks.tolist()) == (BIDS, ASKS)
    assert book.middle == 100.25
    assert book.spread_bp == pytest.approx(0.5 / 100.25 * 1e4)


def recorded(*books: tuple[int, str, float]) -> str:
    """Lines of (time in ms, coin, best bid), among others that are no books."""
    lines = ['1 {"channel": "trades", "data": []}']
    for time_ms, coin, bid in books:
        side = [{"px": str(bid), "sz": "1"}], [{"px": str(bid + 1), "sz": "1"}]
        book = {"channel": "l2Book", "data": {"coin": coin, "time": time_ms, "levels": side}}
        lines.append(f"{time_ms * 1_000_000} {json.dumps(book)}")
    return "\n".join([*lines, '{"channel": "pong"}', ""])


def test_recorded_lines_at_a_time_and_of_a_market(tmp_path: Path) -> None:
    start = 1_700_000_000_000
    path = written(
        tmp_path,
        recorded(
            (start, "BTC", 100), (start, "ETH", 10), (start + 1500, "BTC", 101),
            (start + 2000, "ETH", 11),
        ),
    )  # fmt: skip
    assert read_book(path, "BTC").bids[0, 0] == 101
    assert read_book(path, "ETH").bids[0, 0] == 11
    assert read_book(path, None).market == "ETH"
    at = "2023-11-14T22:13:21.499"
    assert read_book(path, "BTC", at_time=at).bids[0, 0] == 100
    assert read_book(path, "BTC", at_time="2023-11-14T22:13:21.500").bids[0, 0] == 101
    with pytest.raises(BookError, match=r"before the first book, at 2023-11-14 22:13:20.000 UTC"):
        read_book(path, "BTC", at_time="2023-11-14T22:13:19")
    with pytest.raises(BookError, match="no line is a book of SOL"):
        read_book(path, "SOL")


# -- recorded updates ----------------------------------------------------------------------------

UPDATES = [
    # type, side, px, qty, ms, id, prev_id
    ("depth", "b", 98.0, 9.0, 1000, 5, 4),
    ("snapshot", "b", 100.0, 1.0, 1001, 10, 0),
    ("snapshot", "b", 99.0, 2.0, 1001, 10, 0),
    ("snapshot", "a", 101.0, 3.0, 1001, 10, 0),
    ("snapshot", "a", 102.0, 4.0, 1001, 10, 0),
    ("depth", "b", 100.0, 1.5, 1002, 12, 8),
    ("trade", "b", 101.0, 0.1, 1003, 77, 0),
    ("depth", "a", 101.0, 0.0, 1004, 13, 12),
    ("depth", "a", 103.0, 5.0, 1004, 13, 12),
    ("depth", "b", 100.5, 7.0, 1005, 15, 13),
]
"""Quantities replace what the level had. An update before the snapshot counts for nothing."""
COLUMNS = ("type", "side", "px", "qty", "ts_event_ms", "id", "prev_id")


def updates(folder: Path, rows: list[tuple[Any, ...]], *left_out: str) -> str:
    path = folder / "updates"
    columns = dict(zip(COLUMNS, map(list, zip(*rows, strict=True)), strict=True))
    pq.write_table(pa.table({k: v for k, v in columns.items() if k not in left_out}), path)
    return str(path)


@pytest.mark.parametrize(
    ("seconds", "bids", "asks", "time_ms"),
    [
        (None, [[100.5, 7], [100, 1.5], [99, 2]], [[102, 4], [103, 5]], 1005),
        ("1.004", [[100, 1.5], [99, 2]], [[102, 4], [103, 5]], 1004),
        ("1.003", [[100, 1.5], [99, 2]], [[101, 3], [102, 4]], 1002),
        ("1.001", [[100, 1], [99, 2]], [[101, 3], [102, 4]], 1001),
    ],
)
def test_updates_are_replayed_up_to_a_time(
    tmp_path: Path, seconds: str | None, bids: Any, asks: Any, time_ms: int
) -> None:
    at = None if seconds is None else f"1970-01-01T00:00:0{seconds}"
    book = read_book(updates(tmp_path, UPDATES), "BTC", at_time=at)
    assert (book.bids.tolist(), book.asks.tolist(), book.time_ms) == (bids, asks, time_ms)


def test_a_later_snapshot_begins_anew(tmp_path: Path) -> None:
    again = [("snapshot", "b", 90.0, 1.0, 1006, 20, 0), ("snapshot", "a", 91.0, 1.0, 1006, 20, 0)]
    book = read_book(updates(tmp_path, [*UPDATES, *again]), "BTC")
    assert (book.bids.tolist(), book.asks.tolist()) == ([[90, 1]], [[91, 1]])


def test_a_missing_update_is_an_error_from_then_on(tmp_path: Path) -> None:
    path = updates(tmp_path, [row for row in UPDATES if row[5] != 13])
    with pytest.raises(BookError, match=r"missing before 1970-01-01 00:00:01.005 UTC: prev_id 13"):
        read_book(path, "BTC")
    assert read_book(path, "BTC", at_time="1970-01-01T00:00:01.004").time_ms == 1002


def test_the_recorded_book_of_a_day_is_the_one_that_was_checked() -> None:
    """The figures of the recording's own description: best prices and depth at the end."""
    path = shared_file("data/l2_trades_binance_2024-08-08/binance_usdm_btcusdt_20240808.parquet")
    book = read_book(str(path), "BTC")
    assert (book.bids[0, 0], book.asks[0, 0]) == (61_659.7, 61_659.8)
    near = np.abs(np.concatenate([book.bids, book.asks])[:, 0] / book.middle - 1) <= 1e-3
    usd = np.prod(np.concatenate([book.bids, book.asks]), axis=1)
    is_bid = np.arange(len(usd)) < len(book.bids)
    assert usd[near & is_bid].sum() == pytest.approx(6.5e6, rel=0.01)
    assert usd[near & ~is_bid].sum() == pytest.approx(7.2e6, rel=0.01)


def test_samples_of_real_answers() -> None:
    pools = read_book(str(shared_file("data/l2_small_samples/hl_http_l2_book_btc.json")), "BTC")
    assert (pools.bids[0].tolist(), pools.time_ms) == ([110_427, 4.11882], 1_761_786_491_067)
    blocks = read_book(
        str(shared_file("data/l2_small_samples/dydx_http_get_orderbook.json")), "BTC"
    )
    assert blocks.asks[0].tolist() == [89_958, 0.1177]
    lines = str(shared_file("data/l2_small_samples/hyperliquid_l2book_btcusd_20250126.jsonl.gz"))
    first = read_book(lines, "BTC", at_time="2025-01-26T19:14:04")
    assert first.bids[0].tolist() == [105_055, 3.03622]
    assert len(first.bids) == len(first.asks) == 20


# -- the assumed ladder --------------------------------------------------------------------------


def test_the_ladder_has_the_depth_that_it_is_made_of() -> None:
    eth = {each.name: each for each in built_in_instruments()}["ETH"]
    book = ladder_book(eth, Depth(10e6, 1.5), 2500.0)
    assert book.market == "ETH"
    assert book.spread_bp == pytest.approx(1.5, abs=0.5)
    for side in (book.bids, book.asks):
        usd = side[:, 0] * side[:, 1]
        # To the tick: five significant figures of 2,500 are 0.4 bp.
        for distance_bp, share in ((10.5, 0.2), (25.5, 0.5), (50.5, 1.0), (400.5, 3.0)):
            near = np.abs(side[:, 0] / 2500 - 1) <= distance_bp * 1e-4
            assert usd[near].sum() == pytest.approx(share * 10e6, rel=1e-3)
    stressed = ladder_book(eth, Depth(10e6, 1.5), 2500.0, 0.1)
    assert np.prod(stressed.bids, axis=1).sum() == pytest.approx(3e6, rel=1e-3)
    assert stressed.spread_bp == pytest.approx(15, abs=1)


# -- what cannot be used -------------------------------------------------------------------------


def with_level(side: int, row: int, **change: Any) -> dict[str, Any]:
    changed = json.loads(json.dumps(POOLS))
    changed["levels"][side][row] |= change
    return changed


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("hello", "no column side; it has hello"),
        (b"\x00\xff\xfe", "neither parquet nor a CSV text file"),
        (b"PAR1rubbish", "not a complete parquet file"),
        (gzip.compress(b"{}", mtime=0)[:15], "cannot be read"),
        ("{", "not JSON"),
        ([1, 2], "expected object, got array"),
        ({"markets": {}}, "is no book: should have bids and asks"),
        ({"bids": [["1", "1"]]}, "is no book"),
        ({"bids": [], "asks": []}, "bids: none; a book should have orders on both sides"),
        ({"bids": [["1", "1"]], "asks": []}, "asks: none"),
        ({"bids": [["1"]], "asks": [["2", "1"]]}, r"bids\[0\]: \['1'\] should be a price and"),
        ({"bids": [["x", "1"]], "asks": [["2", "1"]]}, r"bids\[0\]\[0\]: 'x' is not a number"),
        (
            {"bids": [["nan", "1"]], "asks": [["2", "1"]]},
            r"bids\[0\]: price: nan should be above 0",
        ),
        ({"bids": [["1", "inf"]], "asks": [["2", "1"]]}, r"bids\[0\]: size: inf should be above"),
        ({"bids": [["1", "0"]], "asks": [["2", "1"]]}, r"bids\[0\]: size: 0 should be above 0"),
        ({"bids": [["-1", "1"]], "asks": [["2", "1"]]}, r"bids\[0\]: price: -1 should be above 0"),
        ({"bids": [[{}, 1]], "asks": [["2", "1"]]}, r"bids\[0\]\[0\]: expected"),
        ({"bids": [["3", "1"]], "asks": [["2", "1"]]}, "crossed: the best bid 3 should be below"),
        ({"bids": [["2", "1"]], "asks": [["2", "1"]]}, "crossed: the best bid 2 should be below"),
        (
            {"bids": [["1", "1"], ["2", "1"]], "asks": [["3", "1"]]},
            r"bids\[1\]: price: 2 after 1; bids should be falling, the best first",
        ),
        (
            {"bids": [["1", "1"]], "asks": [["3", "1"], ["3", "1"]]},
            r"asks\[1\]: price: 3 after 3; asks should be rising",
        ),
        (with_level(0, 0, px=100), r"levels\[0\]\[0\].px: expected text"),
        (with_level(0, 0, px="1e99"), r"levels\[0\]\[0\].px: 1e99 is too large"),
        (with_level(1, 1, sz="-1"), r"levels\[1\]\[1\].sz: '-1' must not be negative"),
        (POOLS | {"levels": []}, "levels: 0 lists, should be bids and asks"),
        (POOLS | {"coin": "ETH"}, "is a book of ETH, not of BTC"),
        ({"data": {"s": "ETHUSDT", "b": BIDS, "a": ASKS}}, "is a book of ETHUSDT, not of BTC"),
        ("price,size\n1,1\n", "no column side; it has price, size"),
        ("side,price,size\nbid,1\n", "row 1 has 2 fields where the header has 3"),
        ("side,price,size\nup,1,1\n", "column side, row 1: 'up' should be one of bid"),
        ("side,price,size\nbid,x,1\n", "column price, row 1: 'x' is not a number"),
        ("side,price,size\nbid,1,0\n", "column size, row 1: 0 should be above 0"),
        ("side,price,size\nbid,nan,1\n", "column price, row 1: nan should be above 0"),
        ("side,price,size\nbid,1,1\n", "asks: none"),
        (CSV + "ask,99,1\n", "crossed: the best bid 100 should be below the best ask 99"),
        ('1 {"coin": "BTC", "levels": 3}\n1 {}', "line 1: levels: expected array, got int"),
        ('1 {"x": 3}\n1 {}', "no line is a book of BTC"),
    ],
)
def test_a_file_that_is_no_book_is_named(tmp_path: Path, content: Any, message: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(InputError, match=message) as caught:
        read_book(path, "BTC")
    assert str(caught.value).startswith(path)


@pytest.mark.parametrize(
    ("rows", "left_out", "message"),
    [
        (UPDATES, ("qty",), "no column qty; it has type, side, px"),
        ([row for row in UPDATES if row[0] != "snapshot"], (), "no snapshot"),
        ([("snapshot", "b", None, 1.0, 1, 1, 0)], (), "column px, row 1: no number"),
        ([("snapshot", "b", "x", 1.0, 1, 1, 0)], (), "column px, row 1: 'x' is not a number"),
        ([*UPDATES, ("depth", "b", 102.0, 1.0, 1006, 16, 15)], (), "crossed: the best bid 102"),
        ([*UPDATES, ("depth", "b", 99.0, -1.0, 1006, 16, 15)], (), "size: -1 should be above 0"),
    ],
)
def test_updates_that_make_no_book(
    tmp_path: Path, rows: Any, left_out: tuple[str, ...], message: str
) -> None:
    path = updates(tmp_path, rows, *left_out)
    with pytest.raises(InputError, match=message) as caught:
        read_book(path, "BTC")
    assert str(caught.value).startswith(path)


def test_wishes_that_a_file_cannot_meet(tmp_path: Path) -> None:
    path = written(tmp_path, CSV)
    for market, at_time, message in (
        (None, None, "does not say which market"),
        ("BTC", "2025-01-01", "has one book; --at-time belongs to a recorded file"),
        ("BTC", "noon", "--at-time: 'noon' is not a time"),
    ):
        with pytest.raises(InputError, match=message):
            read_book(path, market, at_time=at_time)
    first = updates(tmp_path, UPDATES)
    with pytest.raises(BookError, match=r"before the first book, at 1970-01-01 00:00:01.001 UTC"):
        read_book(first, "BTC", at_time="1970-01-01T00:00:01")
    with pytest.raises(
        BookError, match="no such file; a book comes from a file, a URL, or a venue"
    ):
        read_book(str(tmp_path / "none"), "BTC")
    with pytest.raises(BookError, match="--at-time: 2025-01-01: belongs to a recorded file"):
        read_book("http://127.0.0.1:1", "BTC", at_time="2025-01-01")
    with pytest.raises(BookError, match="should be a bare URL"):
        read_book("http://127.0.0.1:1/?x", "BTC")
    with pytest.raises(BookError, match="should be a URL such as"):
        read_book("tcp://127.0.0.1:1", "BTC")


def test_levels_of_the_wrong_shape() -> None:
    with pytest.raises(BookError, match="here: bids: each level should be a price and a size"):
        checked_book("here", "BTC", None, [[1.0, 2.0, 3.0]], ASKS)
