"""An order that is accepted at a glance is one that no check, asked one by one, refuses."""

from collections.abc import Iterable
from itertools import combinations_with_replacement, product
from typing import Any

import numpy as np
import pytest

from seawall.domain.codes import NO_REASON
from seawall.domain.commands import CreateAccount, SetOraclePrice
from seawall.domain.instrument import Instrument, MarginTier
from seawall.domain.system_accounts import FIRST_USER
from seawall.domain.units import MAX_PRICE, MAX_SIZE, MAX_TIME_MS
from seawall.engine.compile import INTERPRETED
from seawall.engine.engine import Engine
from seawall.engine.formulas.continuous.margin import lowest_maximum_leverage
from seawall.engine.formulas.continuous.orders import is_ordinary
from seawall.engine.formulas.shared.room import KEPT_FROM_ALL_OTHERS, kept_back, most_kept_back
from seawall.engine.layout import Limits
from seawall.engine.rows import handle_of
from seawall.engine.tables import command_at, command_dtype
from seawall.engine.transitions.continuous import orders
from seawall.engine.transitions.shared import commands as frame
from seawall.engine.transitions.shared.book import TRIGGER_LEVELS
from seawall.engine.transitions.shared.orders import has_ample_room, room_rejection
from seawall.venues.rulebook_file import load_rulebook
from tests.unit.block_state import asked

TIERS = tuple(
    MarginTier(bound, most) for bound, most in ((0, 40), (10**12, 25), (10**13, 25), (10**14, 3))
)
NOW, PRICE, ROWS = 1_790_000_000_000, 500_000, 2048
NO_POSITION, NOTHING_REPLACED = -1, -1


@pytest.fixture(scope="module")
def machine() -> Engine:
    engine = Engine.create(
        load_rulebook("hyperliquid"),
        [Instrument(name="BTC", size_decimals=5, tiers=TIERS)],
        Limits(accounts=16, positions=ROWS, orders=ROWS, levels=ROWS, nodes=8 * ROWS),
    )
    engine.apply(CreateAccount(NOW))
    engine.apply(SetOraclePrice(NOW, 0, PRICE, PRICE))
    return engine


@pytest.fixture
def engine(machine: Engine) -> Engine:
    return machine.fork()


def _both(s: Any, commands: Any) -> Any:
    command = command_at(commands, 0)
    has_room = has_ample_room(s, 1)
    quick = orders.static_rejection(s, command, NO_POSITION, NOTHING_REPLACED, has_room)
    return quick, orders._static_rejection(s, command, NO_POSITION, NOTHING_REPLACED)


def _rows(s: Any, commands: Any) -> Any:
    command = command_at(commands, 0)
    return frame.row_rejection(s, command), frame._row_rejection(s, command)


if not INTERPRETED:
    import numba

    _both = numba.njit(error_model="numpy")(_both)
    _rows = numba.njit(error_model="numpy")(_rows)


def near(*numbers: int) -> list[int]:
    return [number + more for number in numbers for more in (-1, 0, 1)]


def changes_of(engine: Engine) -> list[tuple[str, str, int]]:
    """(table, field, value): around every bound that a check knows."""
    market, rules = engine.tables["markets"][0], engine.tables["rules"][0]
    low, high, largest = (int(market[n]) for n in ("band_low", "band_high", "largest_order"))
    smallest, factor, base = (
        int(rules[n]) for n in ("minimum_order_value", "limit_value_factor", "open_orders_base")
    )
    sizes = 0, smallest // PRICE, largest // PRICE, largest * factor // PRICE, MAX_SIZE
    values: dict[str, dict[str, Iterable[int]]] = {
        "commands": {
            "price": near(0, PRICE, PRICE + 10, 300_003, low, high, MAX_PRICE),
            "order_size": near(*sizes),
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
        "accounts": {"open_orders": near(base)},
    }
    return [(t, f, v) for t, fields in values.items() for f, vs in fields.items() for v in vs]


def test_the_glance_says_what_the_checks_say(engine: Engine) -> None:
    """For an order that all rules allow, each change of it and of the state, and each two."""
    changes = changes_of(engine)
    rows = np.zeros(1, command_dtype)
    usual = {"account": FIRST_USER, "price": PRICE, "order_size": 1000}
    for field, value in usual.items():
        rows[field] = value
    tables = {**engine.tables, "commands": rows}
    of_account = {"accounts": FIRST_USER}
    state, batch = engine.state, handle_of(rows)
    columns = {(t, f): (tables[t][f], of_account.get(t, 0)) for t, f, _ in changes}
    reasons = set()
    for first, second in combinations_with_replacement(changes, 2):
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


def test_a_row_is_refused_as_by_the_checks(engine: Engine) -> None:
    rows = np.zeros(1, command_dtype)
    used = int(engine.tables["control"]["accounts_used"][0])
    times = NOW - 1, NOW, NOW + 1, MAX_TIME_MS, MAX_TIME_MS + 1
    reasons = set()
    for kind, account, market, time_ms in product(
        range(-1, 40), near(0, FIRST_USER, used), near(0, 1), times
    ):
        rows[["kind", "account", "market", "time_ms"]] = kind, account, market, time_ms
        quick, slow = _rows(engine.state, handle_of(rows))
        assert quick == slow, (kind, account, market, time_ms)
        reasons.add(int(slow))
    assert len(reasons) == 7


def test_some_orders_are_seen_at_a_glance(engine: Engine) -> None:
    sees = asked(is_ordinary)
    assert sees(engine.state, FIRST_USER, 0, PRICE, 1000, 0, 0, 0)
    assert not sees(engine.state, FIRST_USER, 0, PRICE, 0, 0, 0, 0)
    assert asked(has_ample_room)(engine.state, 1)


@pytest.mark.parametrize("table", ["orders_live", "levels_live", "nodes_live", "positions_used"])
def test_many_commands_have_room_if_the_last_has_it(engine: Engine, table: str) -> None:
    """However much each of those before it takes."""
    row = engine.tables["control"][0]
    ample, refused = asked(has_ample_room), asked(room_rejection)
    capacity = 8 * ROWS if table == "nodes_live" else ROWS
    found = set()
    for commands, used in product([1, 2, 3, 10, 64], range(0, capacity + 1, 7)):
        before = row.copy()
        row[table] = used
        found.add(has_room := bool(ample(engine.state, commands)))
        row["orders_live"] += commands - 1
        row["positions_used"] += commands - 1
        row["reserved_levels"] += TRIGGER_LEVELS * (commands - 1)
        reason = refused(engine.state, NO_POSITION, TRIGGER_LEVELS, KEPT_FROM_ALL_OTHERS)
        assert not has_room or reason == NO_REASON, (commands, used)
        engine.tables["control"][0] = before
    assert found == {True, False}


@pytest.mark.parametrize("capacity", [0, 1, 64, 1023, 1024, 1151, 1152, 4096, 1 << 22])
def test_at_most_so_much_is_kept_back(capacity: int) -> None:
    most = asked(most_kept_back)(capacity)
    assert all(asked(kept_back)(capacity, halves) <= most for halves in range(3))


def test_no_tier_allows_less_than_the_last(engine: Engine) -> None:
    lowest = asked(lowest_maximum_leverage)(engine.state, 0)
    first = int(engine.tables["schedules"]["first_tier"][0])
    of_tier = engine.tables["tiers"]["maximum_leverage"][first : first + len(TIERS)]
    assert lowest == min(of_tier) == 3
