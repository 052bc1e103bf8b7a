"""A journal of one kind of rules for a machine of the other: isolated positions, child accounts.

Rules with isolated margin keep such a position in a bucket of its account; block rules have
child accounts instead. What is one there is made the other here:

* an isolated position becomes a child account that holds it alone, with its margin as cash. Money
  that moves into the bucket is transferred to the child; an order that opens such a position brings
  its initial margin along (one that replaces another does not: block rules refuse it);
* a child account with one market that neither its parent nor another child trades becomes an
  isolated position of its parent. An order of a child that holds nothing yet opens it at the lowest
  whole leverage that the child's money pays.

An account is compared together with such children, and money that moves inside it is no difference.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from seawall.domain.enums import CommandKind, EventKind, MarginMode, OrderFlag
from seawall.domain.rulebook import BlockRulebook
from seawall.domain.system_accounts import FIRST_USER
from seawall.engine.engine import Engine
from seawall.engine.placement import rows_of

Rows = NDArray[Any]
Key = tuple[int, int]
"""An account and a market."""

PLACING = (CommandKind.PLACE_ORDER, CommandKind.PLACE_TWAP_ORDER)
ORDERS = (*PLACING, CommandKind.MODIFY_ORDER)
_OPENING = np.asarray([CommandKind.ADOPT_POSITION, *ORDERS], dtype=np.int32)
_DECIDING = np.append(_OPENING, np.int32(CommandKind.SET_LEVERAGE))
_INSIDE = np.asarray([EventKind.TRANSFERRED, EventKind.ISOLATED_MARGIN_ADJUSTED], dtype=np.int32)


class Buckets(Struct, frozen=True, kw_only=True):
    """What of a journal has a margin of its own. ``in_blocks``: whose rules it was recorded under.

    ``children``: of a journal of blocks, parent and market by child account. ``isolated``: of
    another, the accounts and markets of isolated positions.
    """

    in_blocks: bool
    children: Mapping[int, Key]
    isolated: frozenset[Key]


NO_BUCKETS = Buckets(in_blocks=False, children={}, isolated=frozenset())


def buckets_of(frames: Iterable[Rows], *, in_blocks: bool) -> Buckets:
    """The isolated positions, or the child accounts like them, of a whole journal."""
    modes: dict[Key, int] = {}
    mixed: set[Key] = set()
    set_modes: dict[Key, int] = {}
    opened: set[Key] = set()
    parents: dict[int, int] = {}
    created = FIRST_USER
    for rows in frames:
        for row in rows[rows["kind"] == CommandKind.CREATE_ACCOUNT]:
            if row["other_account"] >= 0:
                parents[created] = int(row["other_account"])
            created += 1
        chosen = rows[np.isin(rows["kind"], _DECIDING)]
        if in_blocks:
            opened |= set(zip(chosen["account"].tolist(), chosen["market"].tolist(), strict=True))
            continue
        # Most rows are orders of makers; one of each account, market and kind is enough.
        names = ["kind", "account", "market", "mode"]
        _, first = np.unique(chosen[names], return_index=True)
        for row in chosen[np.sort(first)]:
            key, mode = (int(row["account"]), int(row["market"])), int(row["mode"])
            if row["kind"] == CommandKind.SET_LEVERAGE:
                set_modes[key] = mode
                if modes.get(key, mode) != mode:
                    mixed.add(key)
            elif row["kind"] == CommandKind.ADOPT_POSITION:
                modes.setdefault(key, mode)
            else:
                modes.setdefault(key, set_modes.get(key, int(MarginMode.CROSS)))
    isolated = {key for key, mode in modes.items() if mode == MarginMode.ISOLATED}
    return Buckets(
        in_blocks=in_blocks, children=_alone(parents, opened), isolated=frozenset(isolated - mixed)
    )


def _alone(parents: Mapping[int, int], opened: set[Key]) -> dict[int, Key]:
    """The children with one market that no other account of the same parent trades."""
    traded: dict[Key, int] = {}
    for account, market in opened:
        root = (parents.get(account, account), market)
        traded[root] = traded.get(root, 0) + 1
    found = {}
    for child, parent in parents.items():
        markets = [market for account, market in opened if account == child]
        if len(markets) == 1 and traded[parent, markets[0]] == 1:
            found[child] = (parent, markets[0])
    return found


class Side:
    """One machine that runs a journal, its accounts called by the journal's numbers."""

    def __init__(self, engine: Engine, buckets: Buckets) -> None:
        """``buckets``: of the whole journal."""
        self.engine = engine
        self.buckets = buckets
        is_blocks = isinstance(engine.rulebook, BlockRulebook)
        self._to_blocks = is_blocks and not buckets.in_blocks
        self._from_blocks = buckets.in_blocks and not is_blocks
        self.ignores_inside = self.translates
        """Whether money that moves inside an account is left out of its events."""
        self._created = FIRST_USER
        self._used = FIRST_USER
        self._machine = np.arange(FIRST_USER, dtype=np.int64)
        """Account in the machine by the journal's number."""
        self._root = np.arange(FIRST_USER, dtype=np.int64)
        """The journal's number of the account that each account of the machine belongs to."""
        self._child: dict[Key, int] = {}
        """Child account in the machine of an isolated position."""
        self._waiting: dict[int, int] = {}
        """Micro-USD of a journal's child that is to be an isolated position and is none yet."""
        self._held: set[int] = set()
        self._leverage: dict[Key, int] = {}
        accounts = [account for account, _ in buckets.isolated] if self._to_blocks else []
        if self._from_blocks:
            accounts = [*buckets.children, *(parent for parent, _ in buckets.children.values())]
        self._special = np.asarray(sorted(set(accounts)), dtype=np.int64)

    @property
    def translates(self) -> bool:
        """Whether isolated positions and child accounts are turned into each other."""
        return self._to_blocks or self._from_blocks

    @property
    def created(self) -> list[int]:
        """The accounts that the journal created, children that belong to another left out."""
        return [
            each for each in range(FIRST_USER, self._created) if each not in self.buckets.children
        ]

    def account(self, number: int) -> int:
        """The account in the machine."""
        return int(self._machine[number])

    def children(self, number: int) -> dict[int, int]:
        """Market by child account in the machine, of those that are compared with the account."""
        found = {child: market for (owner, market), child in self._child.items() if owner == number}
        if not self._from_blocks:
            found |= {
                self.account(child): market
                for child, (parent, market) in self.buckets.children.items()
                if parent == number and child < self._created
            }
        return found

    def apply(self, rows: Rows, before: int) -> Rows:
        """The events of rows, whose first is command ``before + 1`` of the journal.

        Accounts and numbers of commands are the journal's.
        """
        sent, numbers = self._translated(rows)
        if not len(sent):
            return self.engine.apply_rows(rows[:0])[1].copy()
        first = self.engine.sequence
        events = self.engine.apply_rows(sent)[1].copy()
        events["sequence"] = before + 1 + numbers[events["sequence"] - first - 1]
        for column in ("account", "counterparty"):
            known = events[column] >= 0
            events[column][known] = self._root[events[column][known]]
        if self.ignores_inside:
            is_own = (events["account"] == events["counterparty"]) | (
                events["kind"] == EventKind.ISOLATED_MARGIN_ADJUSTED
            )
            events = events[~(np.isin(events["kind"], _INSIDE) & is_own)]
        return events

    def _translated(self, rows: Rows) -> tuple[Rows, NDArray[np.int64]]:
        """Rows for the machine, and the place in ``rows`` that each comes from."""
        is_created = rows["kind"] == CommandKind.CREATE_ACCOUNT
        mine = np.isin(rows["account"], self._special) | np.isin(
            rows["other_account"], self._special
        )
        places = np.flatnonzero(is_created | (mine & self.translates))
        if not len(places):
            return self._renamed(rows), np.arange(len(rows))
        parts, numbers, done = [], [], 0
        for place in places.tolist():
            parts += [self._renamed(rows[done:place]), *self._one(rows[place : place + 1])]
            numbers += [np.arange(done, place)]
            numbers += [np.full(sum(map(len, parts)) - sum(map(len, numbers)), place)]
            done = place + 1
        parts.append(self._renamed(rows[done:]))
        numbers.append(np.arange(done, len(rows)))
        return np.concatenate(parts), np.concatenate(numbers).astype(np.int64)

    def _renamed(self, rows: Rows) -> Rows:
        """The same commands with the machine's numbers of accounts."""
        if self._used == self._created and len(self._root) == len(self._machine):
            return rows
        rows = rows.copy()
        for column in ("account", "other_account"):
            named = (rows[column] >= 0) & (rows[column] < len(self._machine))
            rows[column][named] = self._machine[rows[column][named]]
        return rows

    def _new(self, root: int) -> int:
        """The next account of the machine, which belongs to one of the journal."""
        number = self._used
        self._used += 1
        self._root = np.append(self._root, root)
        return number

    def _one(self, row: Rows) -> list[Rows]:
        """One command of an account with buckets of its own, or that creates one."""
        if row["kind"][0] == CommandKind.CREATE_ACCOUNT:
            return self._create(row)
        if self._to_blocks:
            return self._with_child(row)
        return self._in_bucket(row)

    def _create(self, row: Rows) -> list[Rows]:
        number = self._created
        self._created += 1
        parent, _ = self.buckets.children.get(number, (number, 0))
        if self._from_blocks and parent != number:
            self._machine = np.append(self._machine, self._machine[parent])
            self._waiting[number] = 0
            return []
        renamed = self._renamed(row)
        self._machine = np.append(self._machine, self._new(parent))
        return [renamed]

    def _with_child(self, row: Rows) -> list[Rows]:
        """What an isolated position is for an account with children."""
        kind, key = int(row["kind"][0]), (int(row["account"][0]), int(row["market"][0]))
        if key not in self.buckets.isolated:
            renamed = [self._renamed(row)]
            if kind == CommandKind.CANCEL_ALL and key[1] < 0:
                children = [child for (owner, _), child in self._child.items() if owner == key[0]]
                renamed += [_changed(row, account=child) for child in children]
            return renamed
        if kind == CommandKind.SET_LEVERAGE:
            self._leverage[key] = int(row["leverage"][0])
            return []
        made = [] if key in self._child else [self._child_of(row, key)]
        child, parent = self._child[key], self.account(key[0])
        if kind == CommandKind.ADJUST_ISOLATED_MARGIN:
            return [*made, _moved(row, parent, child, int(row["money"][0]))]
        own = _changed(row, account=child)
        if kind == CommandKind.ADOPT_POSITION:
            made.append(_moved(row, parent, child, int(row["trigger_price"][0])))
            own["mode"], own["trigger_price"] = int(MarginMode.CROSS), 0
        elif kind in PLACING and not int(row["flags"][0]) & OrderFlag.REDUCE_ONLY:
            value = int(row["price"][0]) * int(row["order_size"][0])
            most = self.engine.instruments[key[1]].maximum_leverage
            made.append(_moved(row, parent, child, -(-value // self._leverage.get(key, most))))
        return [*made, own]

    def _child_of(self, row: Rows, key: Key) -> Rows:
        created = rows_of(CommandKind.CREATE_ACCOUNT, 1, int(row["time_ms"][0]))
        created["other_account"] = self.account(key[0])
        self._child[key] = self._new(key[0])
        return created

    def _in_bucket(self, row: Rows) -> list[Rows]:
        """What a child account is for an account with isolated positions."""
        kind, child = int(row["kind"][0]), int(row["account"][0])
        recipient = int(row["other_account"][0])
        if kind == CommandKind.TRANSFER:
            return self._transferred(row, child, recipient)
        if child not in self._waiting:
            return [self._renamed(row)]
        parent, market = self.buckets.children[child]
        own = _changed(row, account=self.account(parent))
        if kind == CommandKind.DEPOSIT:
            return [own, *self._given(row, child, int(row["money"][0]))]
        if kind == CommandKind.WITHDRAW:
            return [*self._given(row, child, -int(row["money"][0])), own]
        if kind == CommandKind.ADOPT_POSITION:
            own["mode"], own["trigger_price"] = int(MarginMode.ISOLATED), self._waiting[child]
            self._held.add(child)
            return [own]
        if kind in ORDERS and child not in self._held:
            self._held.add(child)
            return [self._isolated(row, child), own]
        if kind == CommandKind.CANCEL_ALL and row["market"][0] < 0:
            own["market"] = market
        return [own]

    def _transferred(self, row: Rows, account: int, recipient: int) -> list[Rows]:
        """Money out of a bucket, from account to account, into a bucket."""
        made: list[Rows] = []
        money, known = int(row["money"][0]), len(self._machine)
        if max(account, recipient) >= known:
            return [self._renamed(row)]
        if account in self._waiting:
            made += self._given(row, account, -money)
        if self._machine[account] != self._machine[recipient]:
            made.append(self._renamed(row))
        if recipient in self._waiting:
            made += self._given(row, recipient, money)
        return made

    def _given(self, row: Rows, child: int, money: int) -> list[Rows]:
        """Money into the bucket, or kept until there is one."""
        if child not in self._held:
            self._waiting[child] += money
            return []
        parent, market = self.buckets.children[child]
        moved = rows_of(CommandKind.ADJUST_ISOLATED_MARGIN, 1, int(row["time_ms"][0]))
        moved["account"], moved["market"], moved["money"] = self.account(parent), market, money
        return [moved]

    def _isolated(self, row: Rows, child: int) -> Rows:
        """The leverage at which the child's money is the initial margin of its first order."""
        parent, market = self.buckets.children[child]
        value = int(row["price"][0]) * int(row["order_size"][0])
        most = self.engine.instruments[market].maximum_leverage
        lowest = -(-value // max(1, self._waiting[child]))
        made = rows_of(CommandKind.SET_LEVERAGE, 1, int(row["time_ms"][0]))
        made["account"], made["market"] = self.account(parent), market
        made["leverage"], made["mode"] = min(max(1, lowest), most), int(MarginMode.ISOLATED)
        return made


def _changed(row: Rows, **columns: int) -> Rows:
    made = row.copy()
    for name, value in columns.items():
        made[name] = value
    return made


def _moved(row: Rows, parent: int, child: int, money: int) -> Rows:
    """A transfer of micro-USD to the child, or from it where they are negative."""
    made = rows_of(CommandKind.TRANSFER, 1, int(row["time_ms"][0]))
    made["account"], made["other_account"] = (parent, child) if money >= 0 else (child, parent)
    made["money"] = abs(money)
    return made
