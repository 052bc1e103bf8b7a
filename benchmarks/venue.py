"""Machines for the measurements: rules, markets, funded accounts, and the flow as command rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.flow import CANCEL, MARKETABLE, PRICE_UNITS_PER_TICK, START_TICK, Flow
from seawall.domain.enums import CommandKind, EventKind, FillFlag, TimeInForce
from seawall.domain.instrument import Instrument, MarginTier
from seawall.domain.system_accounts import FIRST_USER
from seawall.engine.engine import Engine
from seawall.engine.layout import Limits
from seawall.engine.tables import command_dtype, event_dtype
from seawall.venues.rulebook_file import load_rulebook

START_MS = 1_750_000_000_000
MICRO = 1_000_000
DEPOSIT = 250_000 * MICRO
"""Enough that no margin check of the flow fails, so that all contenders make the same fills."""
TIERS = (MarginTier(0, 50), MarginTier(150_000_000 * MICRO, 25))
BATCH = 4_096
EVENT_ROOM = 32_768
"""Rows of the outbox: a batch's events, and the bound of one command that must still fit."""
Rows = NDArray[Any]


def markets(count: int) -> list[Instrument]:
    """Perpetuals with five size decimals and one price decimal."""
    return [Instrument(name=f"M{i}", size_decimals=5, tiers=TIERS) for i in range(count)]


def blank_rows(count: int, kind: CommandKind) -> Rows:
    rows = np.zeros(count, command_dtype)
    rows["kind"] = kind
    rows["time_ms"] = START_MS
    return rows


def apply_all(engine: Engine, rows: Rows) -> None:
    """Apply rows in batches, untimed. Raises when a command is rejected."""
    for start in range(0, len(rows), BATCH):
        _, view = engine.apply_rows(rows[start : start + BATCH])
        rejected = view[view["kind"] == EventKind.COMMAND_REJECTED]
        if len(rejected):
            raise RuntimeError(f"rejected while building: {rejected[0]}")


def oracle_rows(count: int, price: int) -> Rows:
    rows = blank_rows(count, CommandKind.SET_ORACLE_PRICE)
    rows["market"] = np.arange(count)
    rows["price"] = price
    return rows


def add_accounts(engine: Engine, count: int, deposits: int | NDArray[np.int64]) -> None:
    """Open ``count`` user accounts with their deposits."""
    rows = blank_rows(count, CommandKind.CREATE_ACCOUNT)
    rows["other_account"] = -1
    apply_all(engine, rows)
    rows = blank_rows(count, CommandKind.DEPOSIT)
    rows["account"] = np.arange(FIRST_USER, FIRST_USER + count)
    rows["money"] = deposits
    apply_all(engine, rows)


def machine_for(flow: Flow) -> Engine:
    """A machine with the flow's markets and accounts, before its first message."""
    # A 64th of the table is kept back for the backstop.
    positions = min(flow.accounts * flow.markets, len(flow)) * 9 // 8 + 64
    limits = Limits(
        accounts=flow.accounts + FIRST_USER,
        positions=positions,
        orders=65_536,
        levels=65_536 + 2 * positions,
        nodes=65_536,
    )
    engine = Engine.create(load_rulebook("hyperliquid"), markets(flow.markets), limits=limits)
    apply_all(engine, oracle_rows(flow.markets, START_TICK * PRICE_UNITS_PER_TICK))
    add_accounts(engine, flow.accounts, DEPOSIT)
    return engine


def rows_of(flow: Flow) -> Rows:
    """The flow as command rows. Cancels still carry message numbers instead of order ids."""
    rows = blank_rows(len(flow), CommandKind.PLACE_ORDER)
    rows["time_ms"] += np.arange(len(flow)) // 10
    rows["account"] = flow.account + FIRST_USER
    rows["market"] = flow.market
    rows["side"] = flow.side
    rows["price"] = flow.price
    rows["order_size"] = flow.size
    rows["time_in_force"][flow.kind == MARKETABLE] = TimeInForce.IMMEDIATE_OR_CANCEL
    cancels = flow.kind == CANCEL
    for name in ("side", "price", "order_size"):
        rows[name][cancels] = 0
    rows["kind"][cancels] = CommandKind.CANCEL_ORDER
    return rows


def resolve(flow: Flow, engine: Engine) -> tuple[Rows, dict[str, int]]:
    """Finished rows, and what the machine did with them. ``engine`` is used up.

    The machine tells the id of an order in its ORDER_ACCEPTED event, so the flow is applied in
    pieces, each ending before the first cancel of an order placed in the same piece.
    """
    rows = rows_of(flow)
    base = engine.sequence
    targets = np.where(flow.kind == CANCEL, flow.number, -1).tolist()
    ids = np.zeros(len(flow), np.int64)
    events = np.zeros(EVENT_ROOM, event_dtype)
    counts = {"fills": 0, "quantity": 0, "rejected": 0, "events": 0}
    start = 0
    while start < len(rows):
        stop = start + 1
        limit = min(len(rows), start + BATCH)
        while stop < limit and targets[stop] < start:
            stop += 1
        piece = rows[start:stop]
        cancels = np.flatnonzero(flow.kind[start:stop] == CANCEL)
        piece["order_id"][cancels] = ids[flow.number[start:stop][cancels]]
        done, view = engine.apply_rows(piece, events)
        accepted = view[view["kind"] == EventKind.ORDER_ACCEPTED]
        ids[accepted["sequence"] - base - 1] = accepted["order_id"]
        _count(view, counts)
        start += done
    return rows, counts


def _count(events: Rows, counts: dict[str, int]) -> None:
    filled = events["kind"] == EventKind.ORDER_FILLED
    makers = filled & (events["flags"] & FillFlag.TAKER == 0)
    counts["fills"] += int(makers.sum())
    counts["quantity"] += int(events["order_size"][makers].sum())
    counts["rejected"] += int((events["kind"] == EventKind.COMMAND_REJECTED).sum())
    counts["events"] += len(events)


def run_rows(engine: Engine, rows: Rows, events: Rows, batch: int = BATCH) -> int:
    """The timed loop: batches of finished rows into one reused outbox. Returns events."""
    seen = done = 0
    while done < len(rows):
        count, view = engine.apply_rows(rows[done : done + batch], events)
        if not count:
            raise RuntimeError("the outbox cannot hold what one command may cause")
        done += count
        seen += len(view)
    return seen
