"""P4: one command from Python through ``Engine.apply``, events decoded.

    python -m benchmarks.dispatch [--quick]

The machine holds the book of the order flow. An order is placed behind the touch and cancelled
again, a thousand times a round, each call timed by itself; the yardstick is msgspec encoding and
decoding the same PlaceOrder, timed by the same loop.
"""

import statistics
import time
from collections.abc import Callable

import msgspec
import numpy as np

from benchmarks import venue
from benchmarks.common import Result, interleave, main_of, median, median_ratio
from benchmarks.flow import PRICE_UNITS_PER_TICK, SIZE_UNITS_PER_LOT, START_TICK, generate
from seawall.domain.commands import CancelOrder, Command, PlaceOrder
from seawall.domain.enums import Side
from seawall.domain.events import OrderAccepted
from seawall.domain.system_accounts import FIRST_USER
from seawall.engine.engine import Engine
from seawall.engine.tables import event_dtype

CALLS = 1_000
BEHIND_TOUCH = 500
"""Ticks: nothing of the flow trades there."""


def each(calls: list[Callable[[], object]]) -> float:
    """p50 of single calls in ns. The two clock readings around each count on both sides alike."""
    clock = time.perf_counter_ns
    costs = []
    for call in calls:
        start = clock()
        call()
        costs.append(clock() - start)
    return statistics.median(costs)


def place(engine: Engine) -> PlaceOrder:
    return PlaceOrder(
        time_ms=engine.clock_ms,
        account=FIRST_USER,
        market=0,
        side=Side.BUY,
        price=(START_TICK - BEHIND_TOUCH) * PRICE_UNITS_PER_TICK,
        size=SIZE_UNITS_PER_LOT,
    )


def place_and_cancel(engine: Engine, command: PlaceOrder) -> tuple[float, float]:
    """p50 in ns of placing and of cancelling, which leaves the book as it was."""
    clock = time.perf_counter_ns
    placing, cancelling = [], []
    for _ in range(CALLS):
        start = clock()
        (event,) = engine.apply(command)
        placing.append(clock() - start)
        assert isinstance(event, OrderAccepted), event
        cancel = CancelOrder(command.time_ms, command.account, command.market, event.order_id)
        start = clock()
        engine.apply(cancel)
        cancelling.append(clock() - start)
    return statistics.median(placing), statistics.median(cancelling)


def measure(quick: bool = False) -> list[Result]:
    flow = generate(20_000)
    engine = venue.machine_for(flow)
    rows, _ = venue.resolve(flow, engine.fork())
    venue.run_rows(engine, rows, np.zeros(venue.EVENT_ROOM, event_dtype))
    command = place(engine)
    packer, unpacker = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Command)
    to_json, from_json = msgspec.json.Encoder(), msgspec.json.Decoder(Command)
    cancelling: list[float] = []

    def placing() -> float:
        placed, cancelled = place_and_cancel(engine, command)
        cancelling.append(cancelled)
        return placed

    costs = interleave(
        {
            "apply": placing,
            "msgpack": lambda: each([lambda: unpacker.decode(packer.encode(command))] * CALLS),
            "json": lambda: each([lambda: from_json.decode(to_json.encode(command))] * CALLS),
        },
        5 if quick else 15,
    )
    ratio = median_ratio(costs["apply"], costs["msgpack"])
    over_json = median_ratio(costs["apply"], costs["json"])
    cost = {name: median(values) for name, values in costs.items()}
    return [
        Result(
            "P4", "PlaceOrder through Engine.apply, events decoded, p50, against msgspec "
            "(MessagePack) encode + decode of it", "≤ 8x", "≤ 3x",
            f"{ratio:.1f}x ({cost['apply']:.0f} against {cost['msgpack']:.0f} ns)",
            ratio <= 8, ratio <= 3,
        ),
        Result(
            "", "the same against JSON; CancelOrder", "", "",
            f"{over_json:.1f}x ({cost['json']:.0f} ns); {median(cancelling):.0f} ns",
        ),
    ]  # fmt: skip


if __name__ == "__main__":
    main_of(measure, __doc__)
