"""An order that is accepted at a glance is one that no check, asked one by one, refuses."""

from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import pytest

from seawall.domain.commands import CreateAccount, SetOraclePrice
from seawall.domain.instrument import Instrument, MarginTier
from seawall.domain.system_accounts import FIRST_USER
from seawall.domain.units import MAX_PRICE, MAX_SIZE
from seawall.engine.compile import INTERPRETED
from seawall.engine.engine import Engine
from seawall.engine.formulas.continuous.margin import lowest_maximum_leverage
from seawall.engine.formulas.shared.room import kept_back, most_kept_back
from seawall.engine.layout import Limits
from seawall.engine.rows import handle_of
from seawall.engine.tables import command_at, command_dtype
from seawall.engine.transitions.continuous import orders
from seawall.venues.rulebook_file import load_rulebook
from tests.unit.block_state import asked

TIERS = tuple(
    MarginTier(bound, most) for bound, most in ((0, 40), (10**12, 25), (10**13, 25), (10**14, 3))
)
NOW, PRICE, ROWS = 1_790_000_000_000, 500_000, 2048
NO_POSITION, NOTHING_REPLACED = -1, -1


def machine() -> Engine:
    engine = Engine.create(
        load_rulebook("hyperliquid"),
        [Instrument(name="BTC", size_decimals=5, tiers=TIERS)],
        Limits(accounts=16, positions=ROWS, orders=ROWS, levels=ROWS, nodes=8 * ROWS),
    )
    engine.apply(CreateAccount(NOW))
    engine.apply(SetOraclePrice(NOW, 0, PRICE, PRICE))
    return engine


ENGINE = machine()
FRESH = ENGINE.buffer.copy()


def _both(s: Any, commands: Any) -> Any:
    command = command_at(commands, 0)
    quick = orders.static_rejection(s, command, NO_POSITION, NOTHING_REPLACED)
    return quick, orders._static_rejection(s, command, NO_POSITION, NOTHING_REPLACED)


if not INTERPRETED:
    import numba

    _both = numba.njit(error_model="numpy")(_both)

BAND_LOW, BAND_HIGH = (int(ENGINE.tables["markets"][name][0]) for name in ("band_low", "band_high"))
LARGEST = int(ENGINE.tables["markets"]["largest_order"][0])
RULES = ENGINE.tables["rules"]
SMALLEST = int(RULES["minimum_order_value"][0])
FACTOR = int(RULES["limit_value_factor"][0])


def near(*numbers: int) -> list[int]:
    return [number + more for number in numbers for more in (-1, 0, 1)]


CHANGES = [
    (table, field, value)
    for table, fields in {
        "commands": {
            "price": near(0, PRICE, PRICE + 10, 300_003, BAND_LOW, BAND_HIGH, MAX_PRICE),
            "order_size": near(
                0, SMALLEST // PRICE, LARGEST // PRICE, LARGEST * FACTOR // PRICE, MAX_SIZE
            ),
            "flags": [-1, *(1 << bit for bit in range(9))],
            "time_in_force": [-1, 1, 2, 3, 4],
            "side": [-1, 1, 2],
            "client_id_high": [7],
            "client_id_low": [7],
        },
        "markets": {
            "status": [1, 2, 3, 4],
            "oracle_price": [0],
            "open_interest_cap": [1, -1],
            "open_interest": [100],
        },
        "control": {
            "orders_live": range(ROWS - 36, ROWS + 1),
            "levels_live": range(ROWS - 36, ROWS + 1),
            "nodes_live": range(8 * ROWS - 280, 8 * ROWS + 1, 3),
            "positions_used": range(ROWS - 36, ROWS + 1, 3),
            "reserved_levels": [1, 10],
        },
        "accounts": {"open_orders": near(int(RULES["open_orders_base"][0]))},
    }.items()
    for field, values in fields.items()
    for value in values
]


def test_the_glance_says_what_the_checks_say() -> None:
    """For an order that all rules allow, each change of it and of the state, and each two."""
    ENGINE.buffer[:] = FRESH
    rows = np.zeros(1, command_dtype)
    usual = {"account": FIRST_USER, "price": PRICE, "order_size": 1000}
    for field, value in usual.items():
        rows[field] = value
    tables = {**ENGINE.tables, "commands": rows}
    of_account = {"accounts": FIRST_USER}
    state, batch = ENGINE.state, handle_of(rows)
    columns = {(t, f): (tables[t][f], of_account.get(t, 0)) for t, f, _ in CHANGES}
    reasons = set()
    for first, second in combinations_with_replacement(CHANGES, 2):
        places = [columns[first[:2]], columns[second[:2]]]
        before = [int(column[index]) for column, index in places]
        for (column, index), (_, _, value) in zip(places, (first, second), strict=True):
            column[index] = value
        quick, slow = _both(state, batch)
        assert quick == slow, (first, second)
        reasons.add(int(slow))
        for (column, index), value in reversed(list(zip(places, before, strict=True))):
            column[index] = value
    assert len(reasons) > 15


def test_some_orders_are_seen_at_a_glance() -> None:
    sees = asked(orders.is_ordinary)
    ENGINE.buffer[:] = FRESH
    assert sees(ENGINE.state, FIRST_USER, 0, PRICE, 1000, 0, 0, 0)
    assert not sees(ENGINE.state, FIRST_USER, 0, PRICE, 0, 0, 0, 0)
    room = asked(orders.has_ample_room)
    assert room(ENGINE.state, NO_POSITION)


@pytest.mark.parametrize("capacity", [0, 1, 64, 1023, 1024, 1151, 1152, 4096, 1 << 22])
def test_at_most_so_much_is_kept_back(capacity: int) -> None:
    most = asked(most_kept_back)(capacity)
    assert all(asked(kept_back)(capacity, halves) <= most for halves in range(3))


def test_no_tier_allows_less_than_the_last() -> None:
    lowest = asked(lowest_maximum_leverage)(ENGINE.state, 0)
    first = int(ENGINE.tables["schedules"]["first_tier"][0])
    of_tier = ENGINE.tables["tiers"]["maximum_leverage"][first : first + len(TIERS)]
    assert lowest == min(of_tier) == 3
