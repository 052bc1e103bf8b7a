"""Recorded changes of a book as commands of the machine, one update after another, compiled.

Each price level is one resting order of the account of its side. A level that is gone is cancelled,
one that changed is replaced, a new one is placed; what is gone goes first, so that no order crosses
another while an update is under way. A trade is an immediate order of the taker's account, limited
by the trade's price. It eats the machine's book at once, while the recording shows it with its next
update; whatever such an update does not restate is restored to its recorded size.

The plan foresees the id that the machine will give each order (``transitions/shared/orders``:
ids count placements and carry the slot, slots are reused last in, first out), so that a batch of
any length needs no answer before the next. A machine that did otherwise would reject the next
command of that level, and a replay accepts no rejection.
"""

from typing import Any

import numpy as np

from seawall.domain.enums import CommandKind, Side, TimeInForce
from seawall.engine.compile import inline
from seawall.engine.transitions.shared.orders import ORDER_SLOT_BITS
from seawall.lab.paths.kernels.compiled import borrowed, entry

PLACE = int(CommandKind.PLACE_ORDER)
MODIFY = int(CommandKind.MODIFY_ORDER)
CANCEL = int(CommandKind.CANCEL_ORDER)
ORACLE = int(CommandKind.SET_ORACLE_PRICE)
BUY, SELL = int(Side.BUY), int(Side.SELL)
POST_ONLY, IMMEDIATE = int(TimeInForce.POST_ONLY), int(TimeInForce.IMMEDIATE_OR_CANCEL)
SLOT_BITS = int(ORDER_SLOT_BITS)
SLOT_MASK = (1 << SLOT_BITS) - 1
ORACLE_EVERY_MS = 1_000

UPDATE, TRADE = 0, 1
UNREACHED, NEAR, AT_ONCE = 0, 1, 2
"""Of a trade: no book at its price; the book of the update before or after it; the book then."""

# Places of ``head``: the numbers that a plan keeps between calls. Best ticks are relative to the
# first tick; an empty side is -1 or the number of ticks.
BEST_BID, BEST_ASK, BID_BEFORE, ASK_BEFORE = 0, 1, 2, 3
PLACED, SLOTS_USED, FREE_SLOTS, TOUCHED = 4, 5, 6, 7
ORACLE_MS, OPEN_TRADES, CROSSED = 8, 9, 10
BID_ACCOUNT, ASK_ACCOUNT, TAKER_ACCOUNT = 11, 12, 13
BASE = 14
HEAD_FIELDS = 15

book_dtype = np.dtype([("recorded", "<i8"), ("resting", "<i8"), ("order_id", "<i8")])
"""One tick: recorded and resting size, and the id of the order; asks count below zero."""


@inline
def _take_slot(head: Any, free: Any) -> Any:
    if head[FREE_SLOTS] > 0:
        head[FREE_SLOTS] -= 1
        return free[head[FREE_SLOTS]]
    head[SLOTS_USED] += 1
    return head[SLOTS_USED] - 1


@inline
def _give_slot(head: Any, free: Any, slot: Any) -> None:
    free[head[FREE_SLOTS]] = slot
    head[FREE_SLOTS] += 1


@inline
def _find_best(head: Any, book: Any) -> None:
    """The best levels from where they were: only ever outwards."""
    bid, ask = head[BEST_BID], head[BEST_ASK]
    while bid >= 0 and book[bid]["resting"] <= 0:
        bid -= 1
    while ask < len(book) and book[ask]["resting"] >= 0:
        ask += 1
    head[BEST_BID], head[BEST_ASK] = bid, ask


@inline
def _write(row: Any, kind: Any, time_ms: Any, account: Any, order_id: Any) -> None:
    row["kind"] = kind
    row["time_ms"] = time_ms
    row["account"] = account
    row["order_id"] = order_id
    row["side"] = 0
    row["price"] = 0
    row["order_size"] = 0
    row["time_in_force"] = 0


@inline
def _eat(head: Any, book: Any, free: Any, touched: Any, buys: Any, limit: Any, size: Any) -> None:
    """What the machine's matching will do to the resting orders."""
    left = size
    while left > 0:
        at = head[BEST_ASK] if buys else head[BEST_BID]
        if (at > limit) if buys else (at < limit):
            return
        level = book[at]
        touched[head[TOUCHED]] = at
        head[TOUCHED] += 1
        held = abs(level["resting"])
        taken = min(held, left)
        left -= taken
        level["resting"] += taken if buys else -taken
        if taken == held:
            _give_slot(head, free, level["order_id"] & SLOT_MASK)
            level["order_id"] = 0
            _find_best(head, book)


@inline
def _trade(
    head: Any, book: Any, free: Any, touched: Any, side: Any, limit: Any, size: Any
) -> Any:  # fmt: skip
    """How the trade's price is reached; the machine's book is eaten if it is reached at once."""
    buys = side == BUY
    if (head[BEST_ASK] <= limit) if buys else (head[BEST_BID] >= limit):
        own = _take_slot(head, free)
        head[PLACED] += 1
        _eat(head, book, free, touched, buys, limit, size)
        _give_slot(head, free, own)
        return AT_ONCE
    if (head[ASK_BEFORE] <= limit) if buys else (head[BID_BEFORE] >= limit):
        return NEAR
    return UNREACHED


@inline
def _clear(
    head: Any, book: Any, free: Any, start: Any, stop: Any, sides: Any, ticks: Any, sizes: Any,
    now: Any, rows: Any, used: Any,
) -> Any:  # fmt: skip
    """Learn the recorded sizes of an update and cancel what is gone; what is gone goes first."""
    for place in range(start, stop):
        level = book[ticks[place] - head[BASE]]
        is_bid = sides[place] == BUY
        if sizes[place] != 0 or level["recorded"] == 0 or (level["recorded"] > 0) != is_bid:
            continue
        level["recorded"] = 0
        if level["resting"] != 0:
            account = head[BID_ACCOUNT] if is_bid else head[ASK_ACCOUNT]
            _write(rows[used], CANCEL, now, account, level["order_id"])
            used += 1
            _give_slot(head, free, level["order_id"] & SLOT_MASK)
            level["order_id"] = 0
            level["resting"] = 0
    for place in range(start, stop):
        if sizes[place] != 0:
            level = book[ticks[place] - head[BASE]]
            signed = sizes[place] if sides[place] == BUY else -sizes[place]
            # Two sides at one price are crossed as well.
            head[CROSSED] += level["recorded"] != 0 and (level["recorded"] > 0) != (signed > 0)
            level["recorded"] = signed
    _find_best(head, book)
    return used


@inline
def _set_level(head: Any, book: Any, free: Any, at: Any, now: Any, rows: Any, used: Any) -> Any:
    """Let a level be what is recorded."""
    level = book[at]
    signed = level["recorded"]
    if signed == level["resting"]:
        return used
    row = rows[used]
    account = head[BID_ACCOUNT] if signed > 0 else head[ASK_ACCOUNT]
    if level["resting"] == 0:
        slot = _take_slot(head, free)
        _write(row, PLACE, now, account, 0)
    else:
        # The slot of the replaced order is the first that is free again.
        slot = level["order_id"] & SLOT_MASK
        _write(row, MODIFY, now, account, level["order_id"])
    row["side"] = BUY if signed > 0 else SELL
    row["price"] = at + head[BASE]
    row["order_size"] = abs(signed)
    row["time_in_force"] = POST_ONLY
    head[PLACED] += 1
    level["order_id"] = (head[PLACED] << SLOT_BITS) | slot
    level["resting"] = signed
    if signed > 0:
        head[BEST_BID] = max(head[BEST_BID], at)
    else:
        head[BEST_ASK] = min(head[BEST_ASK], at)
    return used + 1


@inline
def _look_back(head: Any, start: Any, kinds: Any, sides: Any, ticks: Any, reached: Any) -> None:
    """Trades since the last update whose price only this one shows."""
    for place in range(head[OPEN_TRADES], start):
        if kinds[place] == TRADE and reached[place] == UNREACHED:
            limit = ticks[place] - head[BASE]
            is_bought = sides[place] == BUY
            if (head[BEST_ASK] <= limit) if is_bought else (head[BEST_BID] >= limit):
                reached[place] = NEAR


@entry
def plan_groups(
    starts: Any, first: Any, last: Any, kinds: Any, sides: Any, ticks: Any, sizes: Any,
    times: Any, head: Any, book: Any, free: Any, touched: Any, reached: Any, rows: Any, ends: Any,
) -> tuple[int, int]:  # fmt: skip
    """Write the commands of groups ``first`` to ``last``; (the next group, rows used).

    Group g holds the recorded rows ``starts[g]`` to ``starts[g + 1]``, one trade or one update.
    ``ends[g]``: rows used after it. It stops early where ``rows`` or ``touched`` might not suffice.
    """
    kinds, sides, ticks, sizes = borrowed(kinds), borrowed(sides), borrowed(ticks), borrowed(sizes)
    head, book, free, touched = borrowed(head), borrowed(book), borrowed(free), borrowed(touched)
    rows, reached = borrowed(rows), borrowed(reached)
    used = 0
    group = first
    while group < last:
        start, stop = starts[group], starts[group + 1]
        if used + 2 * (stop - start) + head[TOUCHED] + 2 > len(rows):
            break
        now = times[start]
        if kinds[start] == TRADE:
            side, limit, size = sides[start], ticks[start] - head[BASE], sizes[start]
            reached[start] = _trade(head, book, free, touched, side, limit, size)
            if reached[start] == AT_ONCE:
                row = rows[used]
                _write(row, PLACE, now, head[TAKER_ACCOUNT], 0)
                row["side"] = side
                row["price"] = ticks[start]
                row["order_size"] = size
                row["time_in_force"] = IMMEDIATE
                used += 1
        else:
            used = _clear(head, book, free, start, stop, sides, ticks, sizes, now, rows, used)
            for place in range(start, stop):
                used = _set_level(head, book, free, ticks[place] - head[BASE], now, rows, used)
            for place in range(head[TOUCHED]):
                used = _set_level(head, book, free, touched[place], now, rows, used)
            head[TOUCHED] = 0
            _look_back(head, start, kinds, sides, ticks, reached)
            head[OPEN_TRADES] = stop
            bid, ask = head[BEST_BID], head[BEST_ASK]
            head[BID_BEFORE], head[ASK_BEFORE] = bid, ask
            head[CROSSED] += bid >= ask
            if now >= head[ORACLE_MS] + ORACLE_EVERY_MS and bid >= 0 and ask < len(book):
                _write(rows[used], ORACLE, now, -1, 0)
                rows[used]["price"] = (bid + ask) // 2 + head[BASE]
                used += 1
                head[ORACLE_MS] = now
        ends[group] = used
        group += 1
    return group, used
