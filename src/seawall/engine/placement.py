"""Prices, money, accounts, positions and open orders placed in an engine, as rows of commands.

Under block rules there is no isolated mode: an isolated position becomes a child account with
its margin as its cash. Whatever the engine rejects raises ``PlacementError`` with the reason.

``write_prices`` and ``write_account`` go past the commands, for a private engine that only answers
what an account is worth: prices may jump anywhere, and an account may be one that no command would
create (cash below zero, under maintenance).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from seawall.domain.enums import (
    CommandKind,
    EventKind,
    MarginGrouping,
    MarginMode,
    MarkMethod,
    OrderFlag,
    Reason,
    Side,
)
from seawall.domain.errors import InputError
from seawall.domain.events import CROSS_POOL, pool_of_group
from seawall.domain.holdings import Holdings, OpenOrder
from seawall.domain.margin_groups import account_groups
from seawall.domain.rulebook import AnyRulebook, BlockRulebook
from seawall.engine.engine import Engine
from seawall.engine.tables import command_dtype

if TYPE_CHECKING:
    from seawall.engine.journal import JournalWriter

Rows = NDArray[Any]
Integers = NDArray[np.int64]

PROTECTION_PERCENT = 10
"""How much worse than its trigger the price of a trigger order at market may be.

As the venue with continuous rules documents it; assumed elsewhere.
"""


class PlacementError(InputError):
    """What the engine rejected; ``what`` names it, ``reason`` says why."""

    what: str = ""
    reason: Reason


class PlacedAccount(Struct, frozen=True, kw_only=True):
    """An account in an engine. ``children``: market by child account, under block rules.

    ``buckets``: the markets with a position in each margin bucket, the cross pools first.
    ``pools``: the cross pool of each market of the engine.
    """

    account: int
    children: Mapping[int, int]
    buckets: Mapping[int, tuple[int, ...]]
    pools: tuple[int, ...]

    @property
    def accounts(self) -> list[int]:
        """Its own number and those of its children."""
        return [self.account, *self.children]

    def owner_of(self, market: int) -> int:
        """The account that holds the position in a market, or in the bucket of that market."""
        own = [child for child, held in self.children.items() if held == market]
        return own[0] if own else self.account

    def bucket_of(self, market: int) -> int:
        """The bucket that holds the position in a market."""
        return market if market in self.buckets else self.pools[market]


def rows_of(kind: CommandKind, count: int, time_ms: int) -> Rows:
    """``count`` empty commands of one kind, of no account and no market."""
    rows = np.zeros(count, command_dtype)
    rows["kind"] = int(kind)
    rows["time_ms"] = time_ms
    rows["account"] = rows["market"] = -1
    return rows


def price_rows(time_ms: int, oracle: Integers, outside: Integers) -> Rows:
    """The prices of all markets, then the time."""
    rows = rows_of(CommandKind.SET_ORACLE_PRICE, len(oracle) + 1, time_ms)
    rows["market"][:-1] = np.arange(len(oracle))
    rows["price"][:-1] = oracle
    rows["trigger_price"][:-1] = outside
    rows["kind"][-1] = int(CommandKind.ADVANCE_TIME)
    return rows


class Placement:
    """Sends rows to one engine and counts them. ``deposits``: micro-USD that came from outside."""

    def __init__(
        self,
        engine: Engine,
        journal: "JournalWriter | None" = None,
        names: Sequence[str] | None = None,
    ) -> None:
        """``names``: what errors call the markets, where not as they are called."""
        self.engine = engine
        self._names = names or [each.name for each in engine.instruments]
        self.in_blocks = isinstance(engine.rulebook, BlockRulebook)
        self.journal = journal
        self.deposits = self.commands = self.events = 0

    def send(self, rows: Rows) -> Rows:
        """The events of rows, valid until the next call."""
        if self.journal is not None:
            self.journal.append(rows)
        _, events = self.engine.apply_rows(rows)
        self.commands += len(rows)
        self.events += len(events)
        return events

    def require(self, rows: Rows, what: str | Sequence[str]) -> Rows:
        """The events of rows of which none may be rejected; ``what`` they are, or each of them."""
        before = self.engine.sequence
        events = self.send(rows)
        rejected = events[events["kind"] == EventKind.COMMAND_REJECTED]
        if len(rejected):
            place = int(rejected["sequence"][0]) - before - 1
            name = what if isinstance(what, str) else what[place]
            reason = Reason(int(rejected["reason"][0]))
            error = PlacementError(f"{name}: the engine rejects it: {reason.name}")
            error.what, error.reason = name, reason
            raise error
        return events

    def prices(self, time_ms: int, oracle: Integers, outside: Integers) -> None:
        """The clock, then the price of every market."""
        rows = rows_of(CommandKind.ADVANCE_TIME, 1 + len(oracle), time_ms)
        rows[1:] = price_rows(time_ms, oracle, outside)[:-1]
        self.require(rows, ["the clock", *(f"the price of {each}" for each in self._names)])

    def open_accounts(self, time_ms: int, money: Integers, what: str, parent: int = -1) -> Integers:
        """The numbers of new accounts with micro-USD each, 0 for none."""
        first = int(self.engine.tables["control"]["accounts_used"][0])
        rows = rows_of(CommandKind.CREATE_ACCOUNT, len(money), time_ms)
        rows["other_account"] = parent
        self.require(rows, what)
        numbers = np.arange(first, first + len(money))
        self.deposit(time_ms, numbers, money, what)
        return numbers

    def open_shared(self, time_ms: int, money: Integers, what: str) -> Integers:
        """The numbers of new accounts that share margin over all markets of a collateral.

        They have micro-USD each in every collateral, 0 for none.
        """
        numbers = self.open_accounts(time_ms, money, what)
        self.share(time_ms, numbers, what)
        for group in self.collaterals[1:]:
            self.deposit(time_ms, numbers, money, what, group)
        return numbers

    @property
    def collaterals(self) -> list[int]:
        """The first margin group of each collateral."""
        found: list[int] = np.unique(self.engine.tables["markets"]["collateral_group"]).tolist()
        return found

    def share(self, time_ms: int, accounts: Integers, what: str) -> None:
        """Let accounts share margin over the groups of a collateral; nothing where each has one."""
        if int(self.engine.tables["margin_groups"].size) == 1:
            return
        rows = rows_of(CommandKind.SET_MARGIN_GROUPING, len(accounts), time_ms)
        rows["account"], rows["mode"] = accounts, int(MarginGrouping.SHARED)
        self.require(rows, what)

    def open_account(self, time_ms: int, money: int, what: str, parent: int = -1) -> int:
        """The number of a new account."""
        return int(self.open_accounts(time_ms, np.asarray([money]), what, parent)[0])

    def deposit(
        self, time_ms: int, accounts: Integers, money: Integers, what: str, group: int = 0
    ) -> None:
        """Micro-USD from outside into a margin group; nothing where it is 0."""
        given = money > 0
        rows = rows_of(CommandKind.DEPOSIT, int(given.sum()), time_ms)
        rows["account"] = accounts[given]
        rows["money"] = money[given]
        rows["status"] = group
        self.require(rows, what)
        self.deposits += sum(money[given].tolist())

    def set_leverage(self, time_ms: int, accounts: Integers, markets: Integers) -> None:
        """The leverage of the largest margin tier, so that a position may have any size.

        Nothing under block rules, where leverage is not set.
        """
        if self.in_blocks:
            return
        rows = rows_of(CommandKind.SET_LEVERAGE, len(accounts), time_ms)
        rows["account"] = accounts
        rows["market"] = markets
        lowest = [each.tiers[-1].maximum_leverage for each in self.engine.instruments]
        rows["leverage"] = np.asarray(lowest)[markets]
        self.require(rows, "the leverage")

    def adopt(
        self, time_ms: int, accounts: Integers, positions: Mapping[str, Any], what: str
    ) -> None:
        """Positions with their entries; columns as the fields of ``Position``."""
        rows = rows_of(CommandKind.ADOPT_POSITION, len(accounts), time_ms)
        signed_size = np.asarray(positions["signed_size"])
        rows["account"] = accounts
        rows["market"] = positions["market"]
        rows["side"] = np.where(signed_size > 0, int(Side.BUY), int(Side.SELL))
        rows["order_size"] = np.abs(signed_size)
        rows["money"] = positions["entry_notional"]
        rows["leverage"] = positions["leverage"]
        rows["mode"] = positions["mode"]
        rows["trigger_price"] = positions["isolated_margin"]
        self.require(rows, what)

    def account(self, time_ms: int, holdings: Holdings) -> PlacedAccount:
        """The account with its collateral and positions, and its children under block rules.

        Raises PlacementError, and InputError for an account with options or coins.
        """
        holdings.check_perpetuals_only()
        isolated = [each for each in holdings.positions if each.is_isolated]
        apart = sum(each.isolated_margin for each in isolated) if self.in_blocks else 0
        own = self.open_account(time_ms, holdings.collateral - apart, "the account")
        self._group(time_ms, own, holdings)
        children: dict[int, int] = {}
        for each in holdings.positions:
            owner, mode, margin = own, each.mode, each.isolated_margin
            if self.in_blocks and each.is_isolated:
                owner = self.open_account(time_ms, margin, "a child account", own)
                children[owner] = each.market
                mode, margin = MarginMode.CROSS, 0
            placed = structs.replace(each, mode=mode, isolated_margin=margin)
            what = f"the position in {self._names[each.market]}"
            self.adopt(time_ms, np.asarray([owner]), structs.asdict(placed), what)
        groups = account_groups(self.engine.rulebook, self.engine.instruments, holdings.grouping)
        pools = tuple(map(pool_of_group, groups))
        pooled = [each.market for each in holdings.positions if not each.is_isolated]
        used = {CROSS_POOL, *map(pool_of_group, holdings.other_collateral)}
        used |= {pools[market] for market in pooled}
        buckets = {
            pool: tuple(market for market in pooled if pools[market] == pool)
            for pool in sorted(used, reverse=True)
        }
        buckets |= {each.market: (each.market,) for each in isolated}
        return PlacedAccount(account=own, children=children, buckets=buckets, pools=pools)

    def _group(self, time_ms: int, account: int, holdings: Holdings) -> None:
        """How the account groups its margin, and its money in other groups than the first."""
        own = np.asarray([account])
        if holdings.grouping == MarginGrouping.SHARED:
            self.share(time_ms, own, "the account's margin grouping")
        for group, money in holdings.other_collateral.items():
            what = f"the collateral of margin group {group}"
            self.deposit(time_ms, own, np.asarray([money]), what, group)

    def orders(
        self,
        time_ms: int,
        placed: PlacedAccount,
        orders: Sequence[OpenOrder],
        to_tick: Callable[[int, int], int],
    ) -> Rows:
        """The events of open orders. ``to_tick(market, units)``: a price rounded to a tick."""
        rows = rows_of(CommandKind.PLACE_ORDER, len(orders), time_ms)
        for row, order in zip(rows, orders, strict=True):
            flags = OrderFlag.REDUCE_ONLY if order.reduce_only else OrderFlag.NO_FLAG
            price = order.price
            if order.trigger_price:
                flags |= OrderFlag.TRIGGER | OrderFlag.TRIGGER_MARKET
                flags |= OrderFlag.TAKE_PROFIT if order.take_profit else OrderFlag.NO_FLAG
                price = worst_trigger_price(order, to_tick)
            row["account"], row["market"] = placed.owner_of(order.market), order.market
            row["side"], row["price"], row["order_size"] = int(order.side), price, order.size
            row["flags"], row["trigger_price"] = int(flags), order.trigger_price
        names = [self._names[each.market] for each in orders]
        what = [f"order {number} ({name})" for number, name in enumerate(names, start=1)]
        return self.require(rows, what)

    @property
    def withdrawals(self) -> int:
        """Micro-USD that left, from the engine's own count of money outside."""
        return self.deposits - exact_sum(self.engine.tables["margin_groups"]["money_outside"])

    def cash(self) -> tuple[int, int]:
        """Exact micro-USD of all accounts, and of isolated buckets and markets' insurance funds."""
        tables = self.engine.tables
        apart = exact_sum(tables["positions"]["isolated_cash"])
        if self.in_blocks:
            apart += exact_sum(tables["block_markets"]["insurance_cash"])
        pooled = exact_sum(tables["accounts"]["cash"]) + exact_sum(tables["group_cash"]["cash"])
        return pooled, apart

    def is_conserved(self) -> bool:
        """Whether all cash adds up to deposits less withdrawals, exactly."""
        return sum(self.cash()) == self.deposits - self.withdrawals


def worst_trigger_price(order: OpenOrder, to_tick: Callable[[int, int], int]) -> int:
    """Price units, the worst price that a trigger at market takes, rounded down to a tick.

    ``to_tick(market, units)``: a price rounded to a tick.
    """
    worse = PROTECTION_PERCENT if order.side == Side.BUY else -PROTECTION_PERCENT
    return to_tick(order.market, order.trigger_price * (100 + worse) // 100)


def marked_at_oracle(rulebook: AnyRulebook) -> AnyRulebook:
    """The rulebook with the oracle price as mark, so that a price asked about is the mark."""
    if isinstance(rulebook, BlockRulebook):
        return rulebook
    mark = structs.replace(rulebook.mark, method=MarkMethod.ORACLE_ONLY)
    return structs.replace(rulebook, mark=mark)


def write_prices(engine: Engine, prices: Sequence[int]) -> None:
    """Oracle and mark price of every market, written without running the engine."""
    markets = engine.tables["markets"]
    markets["oracle_price"][: len(prices)] = markets["mark_price"][: len(prices)] = prices
    engine.rows_were_written()


def write_account(engine: Engine, cash: int, positions: Sequence[tuple[int, int]]) -> int:
    """The number of a new account with (market, signed size) positions, written past all checks."""
    tables = engine.tables
    number = int(tables["control"]["accounts_used"][0])
    index = int(tables["control"]["positions_used"][0])
    account = tables["accounts"][number : number + 1]
    account["cash"] = cash
    account["parent"] = account["next_dirty"] = account["first_position"] = -1
    # From the last to the first, so that a walk from the account finds them in their order.
    for market, signed_size in reversed(positions):
        row = tables["positions"][index : index + 1]
        row["account"], row["market"], row["signed_size"] = number, market, signed_size
        row["mode"], row["leverage"], row["first_order"] = int(MarginMode.CROSS), 1, -1
        row["next_of_account"] = account["first_position"]
        account["first_position"] = index
        index += 1
    tables["control"]["accounts_used"] = number + 1
    tables["control"]["positions_used"] = index
    engine.rows_were_written()
    return number


def exact_sum(column: Integers) -> int:
    """A sum that may pass 2^63."""
    low = int((column & 0xFFFFFFFF).sum())
    return (int((column >> 32).sum()) << 32) + low
