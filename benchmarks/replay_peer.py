"""hftbacktest on a recording, for ``benchmarks.replay``; runs in an environment of its own.

    python replay_peer.py RECORDING.parquet EVENTS.npz

Writes the recording as hftbacktest's events, then answers each line of standard input, which names
one of its two books (``vector`` or ``map``), with the cost of one backtest. The strategy is the
simplest market maker of its documentation: every 100 ms one order a side, a little off the middle
and away from its position; what is elsewhere is cancelled. Tick and lot are those of BTCUSDT.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from hftbacktest import (
    BUY_EVENT,
    DEPTH_CLEAR_EVENT,
    DEPTH_EVENT,
    DEPTH_SNAPSHOT_EVENT,
    EXCH_EVENT,
    GTX,
    LIMIT,
    LOCAL_EVENT,
    SELL_EVENT,
    TRADE_EVENT,
    BacktestAsset,
    HashMapMarketDepthBacktest,
    ROIVectorMarketDepthBacktest,
    event_dtype,
)
from numba import njit

TICK, LOT = 0.1, 0.001
NS_PER_MS = 1_000_000
LATENCY_NS = NS_PER_MS
EVERY_NS = 100 * NS_PER_MS
BAND = 0.05
"""The vector of the depth reaches so far from the first price."""
BOOKS = {"vector": ROIVectorMarketDepthBacktest, "map": HashMapMarketDepthBacktest}
KINDS = {"snapshot": DEPTH_SNAPSHOT_EVENT, "depth": DEPTH_EVENT, "trade": TRADE_EVENT}


def write_events(path: Path, target: Path) -> tuple[int, float]:
    """The events in time, from the snapshot on; (how many, the first middle)."""
    table = pq.read_table(path)
    names = table["type"].cast("string").to_numpy(zero_copy_only=False)
    sides = table["side"].cast("string").to_numpy(zero_copy_only=False)
    times, ids = table["ts_txn_ms"].to_numpy(), table["id"].to_numpy()
    snapshot = names == "snapshot"
    begin, first_id = times[snapshot][0], ids[snapshot][0]
    wanted = snapshot | ((names == "depth") & (ids > first_id))
    wanted |= (names == "trade") & (times >= begin)
    order = np.flatnonzero(wanted)
    keys = times[order] * 2 + (names[order] != "trade")
    order = order[np.argsort(keys, kind="stable")]
    events = np.zeros(len(order) + 1, event_dtype)
    kinds = np.array([KINDS[name] for name in names[order]], np.uint64)
    flags = np.where(sides[order] == "b", BUY_EVENT, SELL_EVENT).astype(np.uint64)
    both = np.uint64(EXCH_EVENT | LOCAL_EVENT)
    rows = events[1:]
    rows["ev"] = kinds | flags | both
    rows["px"], rows["qty"] = table["px"].to_numpy()[order], table["qty"].to_numpy()[order]
    rows["exch_ts"] = np.maximum.accumulate(times[order]) * NS_PER_MS
    rows["local_ts"] = rows["exch_ts"] + LATENCY_NS
    events[0] = rows[0]
    events[0]["ev"] = np.uint64(DEPTH_CLEAR_EVENT) | both
    np.savez(target, data=events)
    return len(rows), float(table["px"].to_numpy()[snapshot].mean())


@njit
def make_markets(hbt):  # type: ignore[no-untyped-def]
    while hbt.elapse(EVERY_NS) == 0:
        hbt.clear_inactive_orders(0)
        depth = hbt.depth(0)
        tick, lot = depth.tick_size, depth.lot_size
        middle = (depth.best_bid + depth.best_ask) / 2
        fair = middle - hbt.position(0) / (100 * lot) * tick
        size = 10 * lot
        bid = min(np.round((fair - 5 * tick) / tick), depth.best_bid_tick)
        ask = max(np.round((fair + 5 * tick) / tick), depth.best_ask_tick)
        wants_bid, wants_ask = True, True
        orders = hbt.orders(0)
        values = orders.values()
        while values.has_next():
            order = values.get()
            wanted = bid if order.side == 1 else ask
            if order.price_tick == wanted:
                if order.side == 1:
                    wants_bid = False
                else:
                    wants_ask = False
            elif order.cancellable:
                hbt.cancel(0, order.order_id, False)
        if wants_bid:
            hbt.submit_buy_order(0, int(bid), bid * tick, size, GTX, LIMIT, False)
        if wants_ask:
            hbt.submit_sell_order(0, int(ask) + 100_000_000, ask * tick, size, GTX, LIMIT, False)
    return True


def run(target: Path, middle: float, kind: str) -> float:
    """Processor seconds of one backtest, reading of the file left out."""
    # The asset does not keep the array alive.
    data = np.load(target)["data"]
    asset = (
        BacktestAsset()
        .data([data])
        .linear_asset(1.0)
        .constant_order_latency(LATENCY_NS, LATENCY_NS)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0002, 0.0005)
        .tick_size(TICK)
        .lot_size(LOT)
        .last_trades_capacity(0)
    )
    if kind == "vector":
        asset = asset.roi_lb(middle * (1 - BAND)).roi_ub(middle * (1 + BAND))
    hbt = BOOKS[kind]([asset])
    # It may read ahead in a thread of its own.
    begin = time.process_time()
    make_markets(hbt)
    seconds = time.process_time() - begin
    hbt.close()
    return seconds


def main() -> None:
    recording, target = map(Path, sys.argv[1:3])
    count, middle = write_events(recording, target)
    for kind in BOOKS:
        run(target, middle, kind)
    print(json.dumps({"events": count}), flush=True)
    for line in sys.stdin:
        seconds = run(target, middle, line.strip())
        print(json.dumps({"ns": seconds / count * 1e9}), flush=True)


if __name__ == "__main__":
    main()
