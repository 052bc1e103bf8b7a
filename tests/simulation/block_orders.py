"""The auditor's view of orders under rules of blocks: their windows, their ids, their ends."""

from collections.abc import Callable
from typing import Any

import numpy as np

from seawall.domain.enums import (
    CommandKind,
    MarketStatus,
    OrderFlag,
    OrderState,
    Reason,
    Side,
    TimeInForce,
)
from tests.simulation.block_books import BlockBooks
from tests.simulation.books import Command, Fact, Violation, require

SHORT, LONG, CONDITIONAL, PARENT, LEG = range(5)
Client = tuple[int, int, int]
"""Account and both halves of a client id."""


def kind_of(command: Command) -> int:
    if command.kind == CommandKind.PLACE_TWAP_ORDER:
        return PARENT
    if command.flags & OrderFlag.TRIGGER:
        return CONDITIONAL
    if command.flags & OrderFlag.SHORT_TERM:
        return SHORT
    if command.flags & OrderFlag.LONG_TERM:
        return LONG
    immediate = command.time_in_force == TimeInForce.IMMEDIATE_OR_CANCEL
    return SHORT if immediate or command.flags & OrderFlag.MARKET else LONG


class BlockOrder:
    """An order as its command and its events describe it."""

    __slots__ = (
        "account", "client", "flags", "good_til", "is_cancelled", "kind", "market", "number",
        "place", "price", "remaining", "side", "size", "state", "time_in_force", "trigger_price",
    )  # fmt: skip

    def __init__(self, command: Command) -> None:
        self.account, self.market, self.side = command.account, command.market, command.side
        self.price, self.size, self.remaining = (
            command.price, command.order_size, command.order_size,
        )  # fmt: skip
        self.kind = kind_of(command)
        self.trigger_price = command.trigger_price if self.kind == CONDITIONAL else 0
        self.flags = command.flags
        self.time_in_force = command.time_in_force
        if self.kind == PARENT:
            self.time_in_force = TimeInForce.GOOD_TIL_CANCEL
        self.client: Client = command.account, command.client_id_high, command.client_id_low
        self.state = OrderState.FREE
        self.good_til = self.number = self.place = 0
        self.is_cancelled = False

    def priority(self) -> tuple[int, int]:
        return (self.price if self.side == Side.SELL else -self.price, self.place)

    def is_immediate(self) -> bool:
        fast = OrderFlag.MARKET | OrderFlag.TRIGGER_MARKET
        at_once = self.time_in_force == TimeInForce.IMMEDIATE_OR_CANCEL
        return at_once or bool(self.flags & fast)

    def has_client(self) -> bool:
        return self.client[1:] != (0, 0)


class Chain:
    """Blocks, counted from the commands alone."""

    def __init__(self, block_ms: int) -> None:
        self.block_ms = block_ms
        self.height = self.last_ms = self.next_ms = 0

    def advance(self, until: int) -> int:
        """How many blocks end up to a time; the first call sets the beat."""
        if self.next_ms == 0:
            self.next_ms = until
        if until < self.next_ms:
            return 0
        count = (until - self.next_ms) // self.block_ms + 1
        self.last_ms = self.next_ms + (count - 1) * self.block_ms
        self.next_ms = self.last_ms + self.block_ms
        self.height += count
        return int(count)


class OrderBooks(BlockBooks):
    """Open orders, what is remembered of client ids, and who may come next."""

    def __init__(self, rulebook: Any, instruments: list[Any]) -> None:
        super().__init__(rulebook, instruments)
        self.chain = Chain(rulebook.block.block_ms)
        self.orders: dict[int, BlockOrder] = {}
        self.clients: dict[Client, BlockOrder] = {}
        self.filled: dict[Client, tuple[int, int]] = {}
        """Size filled under an id, and the height up to which that counts; -1: not known."""
        self.stored: dict[Client, int] = {}
        self.incoming: BlockOrder | None = None
        self.numbers: set[int] = set()
        """Every order's that was ever told of."""
        self.newest = self.places = 0

    def finish(self, order: BlockOrder) -> None:
        del self.orders[order.number]
        if self.clients.get(order.client) is order:
            del self.clients[order.client]

    def order(self, fact: Fact, side: int) -> BlockOrder:
        """The order of an event; an unknown one is the command's, or a leg of a parent."""
        found = self.orders.get(fact.order_id)
        if found is None:
            fresh = fact.order_id not in self.numbers
            require(fresh, 0, "no order", fact.order_id, "is open:", fact)
            self.numbers.add(fact.order_id)
            found = self.incoming
            if found is None or found.number:
                found = self.leg(fact, side)
            else:
                require(fact.order_id > self.newest, 0, "not a new number:", fact)
                self.newest = fact.order_id
            found.number = fact.order_id
            self.orders[found.number] = found
            if found.has_client() and found.kind != LEG:
                self.clients[found.client] = found
        require((found.account, found.market) == (fact.account, fact.market), 0, "owner", fact)
        return found

    def parents_of(self, account: int, market: int) -> list[BlockOrder]:
        return [
            order for order in self.orders.values()
            if order.kind == PARENT and (order.account, order.market) == (account, market)
        ]  # fmt: skip

    def leg(self, fact: Fact, side: int) -> BlockOrder:
        parents = [
            p for p in self.parents_of(fact.account, fact.market) if side < 0 or p.side == side
        ]
        if self.command.kind != CommandKind.ADVANCE_TIME or not parents:
            raise Violation(0, f"an order of nobody: {fact}")
        nothing = Command(*[0] * len(Command._fields))
        found = BlockOrder(nothing._replace(account=fact.account, market=fact.market))
        found.kind, found.side, found.remaining = LEG, parents[0].side, -1
        found.good_til = self.chain.last_ms + self.rulebook.order.twap_leg_lifetime_ms
        return found

    def shrink(self, order: BlockOrder, size: int) -> None:
        """An order filled: what is left of it, and what else that touches."""
        if order.kind == LEG:
            parents = self.parents_of(order.account, order.market)
            for parent in parents:
                known = len(parents) == 1 and parent.remaining >= 0
                parent.remaining = parent.remaining - size if known else -1
        if order.kind == SHORT and order.has_client():
            before, until = self.filled.get(order.client, (0, 0))
            until = max(until, order.good_til + self.rulebook.block.short_term_blocks)
            self.filled[order.client] = (before + size if before >= 0 else -1), until
        if order.remaining < 0:
            return
        order.remaining -= size
        require(order.remaining >= 0, 0, "more than all was filled of", order.number)
        if order.remaining < self.markets[order.market].step:
            self.finish(order)

    def open_in(self, market: int) -> list[BlockOrder]:
        return [o for o in self.orders.values() if o.market == market]

    # what a new order must satisfy

    def check_placed(self, order: BlockOrder) -> None:
        """Called at the first sign of an accepted order of the command."""
        status = self.markets[order.market].status
        require(status != MarketStatus.FINAL_SETTLEMENT, 0, "an order in a market that ended")
        if status == MarketStatus.POST_ONLY_ONLY:
            require(order.time_in_force == TimeInForce.POST_ONLY, 0, "not post-only")
        require(order.size % self.markets[order.market].step == 0, 0, "off the step")
        if order.kind == SHORT:
            self.check_short(order)
            return
        if order.kind != PARENT:
            base = max(self.chain.last_ms, self.command.time_ms)
            window = self.rulebook.block.long_term_ms
            if not order.good_til:
                order.good_til = base + window
            passed = self.command.money and order.good_til <= self.chain.last_ms
            require(not passed, 0, "good-til has passed")
            if self.command.money:
                require(order.good_til <= self.chain.last_ms + window, 0, "good-til is too far")
        require(order.client not in self.clients or not order.has_client(), 0, "the id is taken")
        self.check_count(order)
        if order.kind in (LONG, PARENT):
            require(self.covers_whole(order, min), 6, "placed without collateral:", order.client)

    def check_short(self, order: BlockOrder) -> None:
        first = self.chain.height + 1
        last = first + self.rulebook.block.short_term_blocks
        order.good_til = order.good_til or last
        require(first <= order.good_til <= last, 0, "good-til", order.good_til, "at", first - 1)
        if not order.has_client():
            return
        stored = self.stored.get(order.client, 0)
        require(stored < order.good_til, 0, "a stored cancel was ignored:", order.client)
        old = self.clients.get(order.client)
        if old is not None:
            require(old.kind == SHORT and old.good_til < order.good_til, 0, "replaced wrongly")
        before = self.filled.get(order.client, (0, 0))[0]
        if before > 0:
            require(not order.is_immediate(), 0, "an immediate order again:", order.client)
        order.remaining = order.size - before if before >= 0 else -1

    def check_count(self, order: BlockOrder) -> None:
        tiers = self.rulebook.order.equity_tiers
        net = self.standing(order.account)[0]
        most = 0
        for tier in tiers:
            if net >= tier.equity:
                most = tier.open_orders
        open_now = sum(
            o.account == order.account and LONG <= o.kind <= PARENT for o in self.orders.values()
        )
        require(not tiers or open_now < most, 0, "state orders", open_now, "of", most)

    def covers_whole(self, order: BlockOrder, choose: Callable[[set[int]], int]) -> bool:
        """Whether the account can carry all of it; ``choose``: among the possible fees."""
        one = self.markets[order.market]
        quote = one.quote(order.size, order.price) if order.price else one.oracle_quote(order.size)
        fee = choose(self.fees(order.account, order.market, False, quote))
        delta = order.size if order.side == Side.BUY else -order.size
        paid = quote if order.side == Side.BUY else -quote
        return self.may(order.account, order.market, delta, -paid - fee)

    # the ends of orders

    def check_end(self, order: BlockOrder, reason: int) -> None:
        if reason == Reason.EXPIRED:
            now = self.chain.height if order.kind == SHORT else self.chain.last_ms
            due = order.good_til <= now or order.kind == LEG
            require(due, 0, "expired early:", order.good_til, "at", now)
        if reason == Reason.CANCELLED_BY_USER:
            kinds = (
                CommandKind.CANCEL_ORDER, CommandKind.CANCEL_BY_CLIENT_ID, CommandKind.CANCEL_ALL,
            )  # fmt: skip
            asked = order.is_cancelled or (self.command.kind in kinds and order.kind == SHORT)
            require(asked, 0, "nobody asked to cancel", order.number)
        if reason == Reason.REPLACED:
            mine = self.incoming is not None and self.incoming.client == order.client
            require(mine, 0, "replaced by nobody:", order.number)

    def note_cancels(self) -> None:
        """Cancels of orders of the state act with the next block."""
        command = self.command
        if command.kind == CommandKind.CANCEL_ORDER:
            chosen = [self.orders[command.order_id]] if command.order_id in self.orders else []
        elif command.kind == CommandKind.CANCEL_BY_CLIENT_ID:
            client = command.account, command.client_id_high, command.client_id_low
            chosen = [self.clients[client]] if client in self.clients else []
        elif command.kind == CommandKind.CANCEL_ALL:
            chosen = [
                o for o in self.orders.values()
                if o.account == command.account and command.market in (-1, o.market)
            ]  # fmt: skip
        else:
            return
        for order in chosen:
            if order.account == command.account and order.kind != SHORT:
                order.is_cancelled = True

    def after_blocks(self, count: int) -> None:
        """What no committed block leaves behind."""
        height, now = self.chain.height, self.chain.last_ms
        for order in self.orders.values():
            require(not order.is_cancelled, 0, "a cancelled order lives:", order.number)
            if order.kind == SHORT:
                require(order.good_til > height, 0, "outlived its height:", order.number)
            elif order.kind != PARENT:
                require(order.good_til > now, 0, "outlived its time:", order.number)
        for client, (_, until) in list(self.filled.items()):
            if until <= height:
                sure = until <= height - count
                live = self.clients.get(client)
                if sure or live is None or live.kind != SHORT:
                    del self.filled[client]
                else:
                    self.filled[client] = -1, height + 1
        self.stored = {c: until for c, until in self.stored.items() if until > height}

    def compare_orders(self, tables: dict[str, Any]) -> None:
        used = int(tables["control"]["orders_used"][0])
        rows, own = tables["orders"][:used], tables["block_orders"][:used]
        live = rows["state"] != OrderState.FREE
        sent = (own["kind"] == LEG) & (rows["state"] == OrderState.WAITING_FOR_BLOCK)
        unknown = sent & ~self.known(rows["order_id"].tolist())
        rows, own = rows[live & ~unknown], own[live & ~unknown]
        names = "order_id account market side price remaining_size state".split()
        kinds, ends = own["kind"].tolist(), own["good_til"].tolist()
        found = sorted(
            zip(*[rows[name].tolist() for name in names], kinds, ends, strict=True)
        )  # fmt: skip
        mine = sorted(
            (o.number, o.account, o.market, int(o.side), o.price, o.remaining, int(o.state),
             o.kind, o.good_til)
            for o in self.orders.values()
        )  # fmt: skip
        if found == mine:
            return
        told = {row[0]: row for row in mine}
        for row in found:
            one = told.pop(row[0], None)
            require(one is not None, 13, "an order nobody was told of:", row)
            assert one is not None
            if one != row:
                self.require_like(row, one)
        for number in [number for number, row in told.items() if row[5] == -1]:
            self.finish(self.orders[number])
            del told[number]
        require(not told, 13, "orders that are not in the tables:", list(told.values()))

    def require_like(self, row: tuple[int, ...], one: tuple[int, ...]) -> None:
        """A leg's end and an uncertain remainder are not told; the rest must agree."""
        alike = row[:5] == one[:5] and row[6:8] == one[6:8] and one[5] in (row[5], -1)
        kind = row[7]
        if kind == SHORT or kind in (LONG, CONDITIONAL):
            alike = alike and row[8] == one[8]
        require(alike, 13, "an order is", row, "in the tables and", one, "here")
        if one[5] == -1 and kind == SHORT:
            self.orders[row[0]].remaining = row[5]

    def known(self, numbers: list[int]) -> Any:
        return np.array([number in self.orders for number in numbers], bool)
