"""One stream of commands through both machines under rules of blocks, compared after each one.

Orders have the same numbers in both machines, so their events are compared column by column. Only
the order of the events of one command is free: who is looked at first is the engine's own matter.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from seawall.domain.enums import EventKind, OrderState
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import BlockRulebook
from seawall.engine.tables import command_dtype
from tests.naive_blocks.fees import RATE_PER_PPM
from tests.naive_blocks.machine import NaiveBlockMachine
from tests.naive_blocks.state import Event
from tests.scenarios.block_engine_adapter import BlockEngineMachine, number_of

Facts = dict[str, Any]


class Difference(AssertionError):
    """The machines disagree; the message names what and both answers."""


def told(events: list[Event]) -> list[Any]:
    """Events as comparable rows; of a rejection only its reason."""
    rejections = [event for event in events if event.kind == EventKind.COMMAND_REJECTED]
    if rejections:
        return [rejections[0].reason.name]
    rows = [named_by_nobody(event) for event in events]
    return sorted((event.kind.name, event.reason.name, *event[2:]) for event in rows)


def named_by_nobody(event: Event) -> Event:
    """Which of several negative accounts closed a gate is the engine's own matter."""
    return event._replace(account=-1) if event.kind == EventKind.TRANSFERS_GATED else event


class Comparison:
    def __init__(self, rulebook: BlockRulebook, instruments: list[Instrument]) -> None:
        self.naive = NaiveBlockMachine(rulebook, instruments)
        self.engine = BlockEngineMachine(rulebook, instruments)  # type: ignore[arg-type]
        self.instruments = instruments

    def apply(self, row: Any) -> list[Event]:
        """Applies one row of ``command_dtype``; returns the events, which are the same."""
        rows = np.zeros(1, dtype=command_dtype)
        rows[0] = row
        engine_events = self.engine.apply_row(rows)
        naive_events = self.naive.apply(row)
        for naive, engine in zip(told(naive_events), told(engine_events), strict=False):
            self.same("events", naive, engine)
        self.same("events", told(naive_events), told(engine_events))
        self.compare_state()
        return naive_events

    def same(self, what: str, naive: Any, engine: Any) -> None:
        if naive != engine:
            raise Difference(f"{what}: twin {naive}, engine {engine}")

    def compare_state(self) -> None:
        naive, engine = naive_facts(self.naive), engine_facts(self.engine)
        for name in naive:
            self.same(name, naive[name], engine[name])
        self.same("facts", sorted(naive), sorted(engine))


def naive_facts(machine: NaiveBlockMachine) -> Facts:
    s = machine.state
    facts: Facts = {
        "chain": (
            s.clock, s.height, s.last_block, s.next_block, s.cross_pool, s.cross_gated,
            s.vote_rounds, s.sample_rounds, s.next_sample, s.next_tick, s.money_outside,
        ),
        "orders": {order.order_id: naive_order(order) for order in s.orders.values()},
        "memories": {
            key: (m.filled, m.filled_until, m.cancelled_until) for key, m in s.memories.items()
        },
    }  # fmt: skip
    for market in s.markets:
        low, high = min(market.trades, default=0), max(market.trades, default=0)
        facts[f"market {market.number}"] = (
            market.oracle, market.status, machine.open_interest(market.number),
            market.pending, market.index, market.pool, market.insurance, market.gated,
            low, high, len(market.votes), len(market.samples),
        )  # fmt: skip
        for side in (0, 1):
            book = [(o.price, o.order_id) for o in s.book(market.number, side)]
            facts[f"book {market.number} {side}"] = book
    for account in s.accounts:
        used = (account.used_notional, account.used_insurance) if account.used_block else (0, 0)
        facts[f"account {account.number}"] = (
            account.cash, account.taker_ppm * RATE_PER_PPM, account.maker_ppm * RATE_PER_PPM,
            account.used_block, *used, account.staked, account.referred, account.vault,
        )  # fmt: skip
        facts[f"positions {account.number}"] = {
            market: (p.size, p.entry, p.index) for market, p in account.positions.items()
        }
        facts[f"fractions {account.number}"] = account.fractions
    queue = [o for o in s.orders.values() if o.state == OrderState.WAITING_FOR_BLOCK]
    facts["queue"] = [o.order_id for o in sorted(queue, key=lambda o: o.arrival)]
    return facts


def naive_order(order: Any) -> tuple[Any, ...]:
    return (
        order.account, order.market, order.side, order.price, order.remaining, order.size,
        order.trigger, OrderState(order.state).name, order.kind, order.good_til, order.flags,
        order.time_in_force, order.client, order.legs_left, order.due, order.parent_id,
        order.cancel_pending,
    )  # fmt: skip


def engine_facts(machine: BlockEngineMachine) -> Facts:
    rules = machine.table("block_rules")[0]
    control = machine.table("control")[0]
    names = (
        "height last_block_ms next_block_ms cross_pool_cash cross_gated_height rounds_of_votes "
        "rounds_of_samples next_sample_ms next_tick_ms"
    )
    chain = [int(rules[name]) for name in names.split()]
    outside = int(machine.table("margin_groups")["money_outside"][0])
    facts: Facts = {
        "chain": (int(control["clock_ms"]), *chain, outside),
        "orders": dict(engine_orders(machine)),
        "memories": engine_memories(machine),
    }
    for number in range(len(machine.instruments)):
        market, terms = machine.table("markets")[number], machine.table("block_markets")[number]
        facts[f"market {number}"] = (
            *numbers(market, "oracle_price status open_interest"),
            *numbers(terms, "pending_oracle_price funding_index pool_cash insurance_cash"),
            *numbers(terms, "gated_height lowest_trade highest_trade vote_count sample_count"),
        )
        for side in (0, 1):
            facts[f"book {number} {side}"] = engine_book(machine, number, side)
    for number in range(machine.accounts()):
        row, terms = machine.table("accounts")[number], machine.table("block_accounts")[number]
        facts[f"account {number}"] = (
            *numbers(row, "cash taker_rate maker_rate"),
            *numbers(terms, "liquidated_height liquidated_notional insurance_lost"),
            *numbers(terms, "staked referred vault"),
        )
        facts[f"positions {number}"] = {}
        facts[f"fractions {number}"] = {}
    add_positions(machine, facts)
    facts["queue"] = engine_queue(machine, int(rules["first_queued"]))
    return facts


def numbers(row: Any, names: str) -> tuple[int, ...]:
    return tuple(int(row[name]) for name in names.split())


def add_positions(machine: BlockEngineMachine, facts: Facts) -> None:
    terms = machine.table("block_positions")
    for place, row in enumerate(machine.position_rows()):
        account, market = int(row["account"]), int(row["market"])
        if row["signed_size"]:
            facts[f"positions {account}"][market] = (
                *numbers(row, "signed_size entry_notional"),
                int(terms["funding_index"][place]),
            )
        if terms["initial_ppm"][place]:
            facts[f"fractions {account}"][market] = int(terms["initial_ppm"][place])


def engine_orders(machine: BlockEngineMachine) -> Iterable[tuple[int, tuple[Any, ...]]]:
    terms = machine.table("block_orders")
    orders = machine.table("orders")[: int(machine.table("control")["orders_used"][0])]
    for slot in np.flatnonzero(orders["state"] != OrderState.FREE):
        row, own = orders[slot], terms[slot]
        first = numbers(row, "account market side price remaining_size original_size trigger_price")
        client = numbers(row, "client_id_high client_id_low")
        yield number_of(int(row["order_id"])), (
            *first, OrderState(int(row["state"])).name,
            *numbers(own, "kind good_til"), *numbers(row, "flags time_in_force"), client,
            *numbers(own, "legs_left due_ms"), number_of(int(own["parent_order_id"])),
            bool(own["cancel_pending"]),
        )  # fmt: skip


def engine_memories(machine: BlockEngineMachine) -> dict[tuple[int, int, int], tuple[int, ...]]:
    rows = machine.table("order_memories")[: machine.rules_number("memories_used")]
    return {
        numbers(row, "account client_id_high client_id_low"): numbers(  # type: ignore[misc]
            row, "filled_size filled_until cancelled_until"
        )
        for row in rows
        if row["client_id_high"] or row["client_id_low"]
    }


def engine_book(machine: BlockEngineMachine, market: int, side: int) -> list[tuple[int, int]]:
    """(price, number) in the order in which a taker meets them."""
    orders, levels = machine.table("orders"), machine.table("levels")
    resting = machine.order_rows()
    found = resting[
        (resting["market"] == market)
        & (resting["side"] == side)
        & (resting["state"] == OrderState.RESTING)
    ]
    firsts = {int(row["price"]): int(row["level"]) for row in found}
    book = []
    for price in sorted(firsts, reverse=side == 0):
        slot = int(levels["first"][firsts[price]])
        while slot >= 0:
            book.append((price, number_of(int(orders["order_id"][slot]))))
            slot = int(orders["next"][slot])
    return book


def engine_queue(machine: BlockEngineMachine, slot: int) -> list[int]:
    queue = []
    while slot >= 0:
        queue.append(number_of(int(machine.table("orders")["order_id"][slot])))
        slot = int(machine.table("block_orders")["next_queued"][slot])
    return queue


def run(comparison: Comparison, generator: Any, count: int) -> None:
    """Feeds ``count`` commands; a difference names the command and its fields."""
    for number, row in enumerate(generator.rows(count)):
        try:
            events = comparison.apply(row)
        except Difference as difference:
            fields = {n: int(row[n]) for n in row.dtype.names if int(row[n]) != 0}
            raise Difference(f"command {number} {fields}: {difference}") from None
        generator.note(int(row["kind"]), events)
