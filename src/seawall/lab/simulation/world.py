"""The machine with a whole market in it: rows in, event rows out, nothing decoded on the way."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from seawall.domain.enums import CommandKind, EventKind, MarginMode, OrderFlag, Reason, Side
from seawall.domain.holdings import Holdings, OpenOrder, Position
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook, BlockRulebook
from seawall.domain.system_accounts import BACKSTOP_ACCOUNT, FIRST_USER, INSURANCE_FUND
from seawall.domain.units import MAX_NOTIONAL, MICRO
from seawall.engine.engine import Engine
from seawall.engine.layout import Limits
from seawall.engine.tables import command_dtype, event_dtype
from seawall.lab.simulation.population import Population
from seawall.lab.simulation.setting import RehearsalError

Rows = NDArray[Any]
Integers = NDArray[np.int64]

ORDERS = 16_384
OUTBOX = 262_144
"""Rows of the first event batch; it grows to what a command may need."""


def rows_of(kind: CommandKind, count: int, time_ms: int) -> Rows:
    """``count`` empty commands of one kind, of no account and no market."""
    rows = np.zeros(count, command_dtype)
    rows["kind"] = int(kind)
    rows["time_ms"] = time_ms
    rows["account"] = rows["market"] = -1
    return rows


class World:
    """One machine. ``accounts``: how many it must hold beside those of the venue."""

    def __init__(
        self,
        rulebook: AnyRulebook,
        instruments: Sequence[Instrument],
        accounts: int,
        positions: int,
    ) -> None:
        limits = _limits(len(instruments), accounts, positions)
        self.engine = Engine.create(rulebook, list(instruments), limits)
        self.in_blocks = isinstance(rulebook, BlockRulebook)
        self.instruments = tuple(instruments)
        self.deposits = 0
        self.commands = 0
        self.events = 0
        self._outbox = np.zeros(OUTBOX, event_dtype)

    def send(self, rows: Rows) -> Rows:
        """Apply rows; their events, valid until the next call."""
        parts: list[Rows] = []
        done = 0
        while done < len(rows):
            count, events = self.engine.apply_rows(rows[done:], self._outbox)
            done += count
            if done < len(rows):
                parts.append(events.copy())
                if not count:
                    self._outbox = np.zeros(2 * len(self._outbox), event_dtype)
            else:
                parts.append(events)
        self.commands += len(rows)
        found = (
            parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else self._outbox[:0]
        )
        self.events += len(found)
        return found

    def must(self, rows: Rows, what: str) -> Rows:
        """Apply rows of which none may be rejected. Raises RehearsalError."""
        events = self.send(rows)
        refused = events[events["kind"] == EventKind.COMMAND_REJECTED]
        if len(refused):
            reason = Reason(int(refused["reason"][0])).name
            raise RehearsalError(f"{what}: the machine rejects {len(refused)} of it: {reason}")
        return events

    def open_accounts(
        self, time_ms: int, money: Integers, what: str, parents: Integers | None = None
    ) -> Integers:
        """New accounts with micro-USD each (0 for none); their numbers."""
        first = int(self.engine.tables["control"]["accounts_used"][0])
        rows = rows_of(CommandKind.CREATE_ACCOUNT, len(money), time_ms)
        rows["other_account"] = -1 if parents is None else parents
        self.must(rows, what)
        numbers = np.arange(first, first + len(money))
        self.deposit(time_ms, numbers, money, what)
        return numbers

    def deposit(self, time_ms: int, accounts: Integers, money: Integers, what: str) -> None:
        """Micro-USD from outside; nothing where it is 0."""
        given = money > 0
        rows = rows_of(CommandKind.DEPOSIT, int(given.sum()), time_ms)
        rows["account"] = accounts[given]
        rows["money"] = money[given]
        self.must(rows, what)
        self.deposits += sum(money[given].tolist())

    def first_prices(self, time_ms: int, oracle: Integers, outside: Integers) -> None:
        """The clock and the first price of every market."""
        rows = rows_of(CommandKind.ADVANCE_TIME, 1 + len(oracle), time_ms)
        rows[1:] = price_rows(time_ms, oracle, outside)[:-1]
        self.must(rows, "the first prices")

    def settle_in(self, time_ms: int, population: Population) -> Integers:
        """The population with its money and its positions; its account numbers.

        Raises RehearsalError.
        """
        largest = int(np.abs(population.entry_notional).max(initial=0))
        if largest > MAX_NOTIONAL:
            raise RehearsalError(
                f"the population: somebody holds {largest / MICRO:,.0f} USD; a position can have "
                f"{MAX_NOTIONAL / MICRO:,.0f}: give less open interest, or more accounts"
            )
        numbers = self.open_accounts(time_ms, population.deposit, "the population")
        rows = rows_of(CommandKind.ADOPT_POSITION, len(population.owner), time_ms)
        rows["account"] = numbers[population.owner]
        rows["market"] = population.market
        rows["side"] = np.where(population.signed_size > 0, int(Side.BUY), int(Side.SELL))
        rows["order_size"] = np.abs(population.signed_size)
        rows["money"] = population.entry_notional
        rows["leverage"] = population.setting
        rows["mode"] = np.where(
            population.is_isolated, int(MarginMode.ISOLATED), int(MarginMode.CROSS)
        )
        rows["trigger_price"] = population.bucket
        self.must(rows, "positions of the population")
        return numbers

    def prepare_trader(self, time_ms: int, accounts: Integers, markets: Integers) -> None:
        """Let agents hold any size: the leverage of the largest margin tier, where one is set."""
        if self.in_blocks:
            return
        rows = rows_of(CommandKind.SET_LEVERAGE, len(accounts), time_ms)
        rows["account"] = accounts
        rows["market"] = markets
        lowest = [each.tiers[-1].maximum_leverage for each in self.instruments]
        rows["leverage"] = np.asarray(lowest)[markets]
        self.must(rows, "leverage of the agents")

    def is_conserved(self) -> bool:
        """Whether all cash adds up to what was deposited, exactly."""
        tables = self.engine.tables
        total = exact_sum(tables["accounts"]["cash"])
        total += exact_sum(tables["positions"]["isolated_cash"])
        if self.in_blocks:
            total += exact_sum(tables["block_markets"]["insurance_cash"])
        return total == self.deposits == int(tables["control"]["money_outside"][0])


class Person:
    """The account under study, with its children under rules of blocks."""

    def __init__(self, world: World, plan: Holdings, time_ms: int) -> None:
        self.world = world
        self.plan = plan
        apart = sum(each.isolated_margin for each in plan.positions) if world.in_blocks else 0
        money = np.asarray([plan.collateral - apart], dtype=np.int64)
        self.account = int(world.open_accounts(time_ms, money, "the account")[0])
        self.children: dict[int, int] = {}
        for each in plan.positions:
            owner = self.account
            if world.in_blocks and each.mode == MarginMode.ISOLATED:
                margin = np.asarray([each.isolated_margin], dtype=np.int64)
                parent = np.asarray([self.account])
                owner = int(world.open_accounts(time_ms, margin, "a child account", parent)[0])
                self.children[owner] = each.market
                each = structs.replace(each, mode=MarginMode.CROSS, isolated_margin=0)
            self._adopt(time_ms, owner, each)

    @property
    def accounts(self) -> list[int]:
        return [self.account, *self.children]

    def owner_of(self, market: int) -> int:
        """The account that holds the position in a market: a child, or his own."""
        owners = [child for child, bet in self.children.items() if bet == market]
        return owners[0] if owners else self.account

    def _adopt(self, time_ms: int, owner: int, position: Position) -> None:
        rows = rows_of(CommandKind.ADOPT_POSITION, 1, time_ms)
        rows["account"] = owner
        rows["market"] = position.market
        rows["side"] = int(Side.BUY if position.signed_size > 0 else Side.SELL)
        rows["order_size"] = abs(position.signed_size)
        rows["money"] = position.entry_notional
        rows["leverage"] = position.leverage
        rows["mode"] = int(position.mode)
        rows["trigger_price"] = position.isolated_margin
        name = self.world.instruments[position.market].name
        self.world.must(rows, f"the position in {name}")

    def order_rows(self, time_ms: int, to_tick: Any) -> Rows:
        """The account's own open orders. ``to_tick(market, units)``: a price rounded to a tick."""
        rows = rows_of(CommandKind.PLACE_ORDER, len(self.plan.orders), time_ms)
        for row, order in zip(rows, self.plan.orders, strict=True):
            flags = OrderFlag.REDUCE_ONLY if order.reduce_only else OrderFlag.NO_FLAG
            price = order.price
            if order.trigger_price:
                flags |= OrderFlag.TRIGGER | OrderFlag.TRIGGER_MARKET
                flags |= OrderFlag.TAKE_PROFIT if order.take_profit else OrderFlag.NO_FLAG
                price = to_tick(order.market, _protection(order))
            row["account"], row["market"] = self.owner_of(order.market), order.market
            row["side"], row["price"], row["order_size"] = int(order.side), price, order.size
            row["flags"], row["trigger_price"] = int(flags), order.trigger_price
        return rows


def _protection(order: OpenOrder) -> int:
    """A trigger order's price is only a protection: 5 % worse than the trigger."""
    return order.trigger_price * (105 if order.side == Side.BUY else 95) // 100


def price_rows(time_ms: int, oracle: Integers, outside: Integers) -> Rows:
    """The prices of all markets, then the time: one decision's end."""
    rows = rows_of(CommandKind.SET_ORACLE_PRICE, len(oracle) + 1, time_ms)
    rows["market"][:-1] = np.arange(len(oracle))
    rows["price"][:-1] = oracle
    rows["trigger_price"][:-1] = outside
    rows["kind"][-1] = int(CommandKind.ADVANCE_TIME)
    return rows


def exact_sum(column: NDArray[np.int64]) -> int:
    """A sum that may pass 2^63."""
    low = int((column & 0xFFFFFFFF).sum())
    return (int((column >> 32).sum()) << 32) + low


def backstop_account(in_blocks: bool) -> int:
    """Whose money stands behind everybody: the backstop, or the insurance fund without one."""
    return INSURANCE_FUND if in_blocks else BACKSTOP_ACCOUNT


def _limits(markets: int, accounts: int, positions: int) -> Limits:
    """Tables just large enough. A watch price needs a level, and levels nodes to be found by."""
    positions = positions + 64 * markets + 256
    levels = ORDERS + min(positions, 40_000 * markets)
    return Limits(
        accounts=FIRST_USER + accounts + 8 * markets + 64,
        positions=positions,
        orders=ORDERS,
        levels=levels,
        nodes=ORDERS + levels,
    )
