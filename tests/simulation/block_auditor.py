"""An independent auditor of the machine under rules of blocks.

Like ``auditor``: it knows the commands and the events, books them again in Python's integers, and
must come to what the tables say. Numbers of violations are those of ``docs/machine/invariants.md``.
"""

from typing import Any

from seawall.domain.enums import (
    CommandKind,
    EventKind,
    FillFlag,
    MarketStatus,
    OrderFlag,
    OrderState,
    Reason,
    Side,
    TimeInForce,
)
from tests.simulation.block_audit_rules import RuleChecks
from tests.simulation.block_orders import (
    CONDITIONAL,
    LEG,
    LONG,
    PARENT,
    SHORT,
    BlockOrder,
)
from tests.simulation.block_terms import LiquidationTerms
from tests.simulation.books import FIRST_USER, INSURANCE_FUND, OUTSIDE, Command, Fact, require

PAIRED = (EventKind.ORDER_FILLED, EventKind.DELEVERAGED)
OF_ACCOUNTS = (EventKind.FUNDING_PAID, EventKind.POOL_MOVED)
PLACING = (CommandKind.PLACE_ORDER, CommandKind.PLACE_TWAP_ORDER)


class BlockAuditor(RuleChecks):
    """``audit`` each command with its events, then ``compare`` with the tables."""

    def __init__(self, rulebook: Any, instruments: list[Any]) -> None:
        super().__init__(rulebook, instruments)
        self.sequence = 0
        self.first_of_pair: Fact | None = None
        self.due: tuple[int, int, int, int] | None = None
        self.liquidated: int | None = None
        self.spans: dict[int, LiquidationTerms] = {}
        self.span_lost = self.span_notional = self.starts = 0
        self.handlers = {
            kind: getattr(self, f"on_{kind.name.lower()}", self.on_nothing) for kind in EventKind
        }

    def audit(self, command: Command, facts: list[Fact]) -> None:
        """Book what a command caused. Raises Violation."""
        self.sequence += 1
        self.command = command
        for fact in facts:
            require(fact.sequence == self.sequence, 0, "the sequence of", fact)
        if facts and facts[0].kind == EventKind.COMMAND_REJECTED:
            require(len(facts) == 1, 14, "a rejected command caused other events")
            self.check_rejection(facts[0].reason)
            return
        self.begin()
        for fact in facts:
            self.check_order_of_facts(fact)
            self.handlers[EventKind(fact.kind)](fact)
        self.end()

    def begin(self) -> None:
        command = self.command
        self.check_accepted_money()
        self.incoming = None
        self.starts = 0
        if command.kind in PLACING:
            self.incoming = BlockOrder(command)
            if command.kind == CommandKind.PLACE_ORDER:
                self.incoming.good_til = command.money
            self.check_placed(self.incoming)
        self.note_cancels()
        self.blocks = 0
        if command.kind == CommandKind.ADVANCE_TIME:
            self.began = min(self.began, self.chain.next_ms)
            self.blocks = self.chain.advance(command.time_ms)
        if command.kind == CommandKind.SET_ORACLE_PRICE:
            one = self.markets[command.market]
            one.pending = command.price if one.oracle else 0

    def check_order_of_facts(self, fact: Fact) -> None:
        """What must come first: the other half of a trade, and the insurance of a fill."""
        if self.due is not None:
            told = fact.kind, fact.account, fact.market, fact.money
            require(told == self.due, 8, "insurance is", told, "instead of", self.due)
            self.due = None
        if self.first_of_pair is not None:
            require(fact.kind == self.first_of_pair.kind, 0, "half a trade", self.first_of_pair)

    def end(self) -> None:
        require(self.first_of_pair is None, 0, "half a trade", self.first_of_pair)
        require(self.due is None, 8, "insurance was not told:", self.due)
        require(self.liquidated is None, 7, "a liquidation did not end:", self.liquidated)
        require(not self.told_funding, 9, "funding was told for nothing:", self.told_funding)
        require(not self.told_pools, 18, "pools moved for nothing:", self.told_pools)
        if self.incoming is not None:
            self.end_incoming(self.incoming)
        if self.blocks:
            self.after_blocks(self.blocks)
            self.after_prices()
            self.after_liquidations(self.starts)
        self.began = self.command.time_ms

    def end_incoming(self, order: BlockOrder) -> None:
        require(order.number != 0, 0, "the order of the command left no trace")
        if order.number not in self.orders:
            return
        states = {
            SHORT: OrderState.RESTING, LONG: OrderState.WAITING_FOR_BLOCK,
            CONDITIONAL: OrderState.WAITING_FOR_TRIGGER, PARENT: OrderState.SLICING,
        }  # fmt: skip
        wanted = states[order.kind]
        require(order.state == wanted, 0, "the order is", order.state, "instead of", wanted)

    def on_nothing(self, fact: Fact) -> None:
        """Nothing to book."""

    def on_command_rejected(self, fact: Fact) -> None:
        require(False, 14, "a rejection among other events")

    # orders

    def on_order_accepted(self, fact: Fact) -> None:
        order = self.order(fact, fact.flags)
        if order.kind == LEG:
            order.price = fact.price
        if order.remaining < 0:
            order.remaining = fact.order_size
        told = (fact.flags, fact.price, fact.order_size)
        require(told == (order.side, order.price, order.remaining), 0, "accepted otherwise:", fact)
        require(not order.is_immediate(), 0, "an immediate order rests:", fact)
        require(not order.flags & OrderFlag.REDUCE_ONLY, 0, "a reduce-only order rests:", fact)
        at_once = order.kind == SHORT and order is self.incoming
        fits = at_once if order.kind == SHORT else self.blocks > 0
        require(fits, 0, "an order rests out of turn:", fact)
        order.state = OrderState.RESTING
        self.places += 1
        order.place = self.places

    def on_order_queued(self, fact: Fact) -> None:
        order = self.order(fact, fact.flags)
        told = (fact.flags, fact.price, fact.order_size, order.kind)
        require(told == (order.side, order.price, order.remaining, LONG), 0, "queued:", fact)
        order.state = OrderState.WAITING_FOR_BLOCK

    def on_order_waiting(self, fact: Fact) -> None:
        order = self.order(fact, fact.flags)
        told = (fact.flags, fact.price, fact.order_size, fact.money)
        mine = (order.side, order.price, order.remaining, order.trigger_price)
        require(told == mine, 0, "waits otherwise:", fact)
        waits = order.kind == CONDITIONAL
        order.state = OrderState.WAITING_FOR_TRIGGER if waits else OrderState.SLICING

    def on_order_triggered(self, fact: Fact) -> None:
        order = self.order(fact, -1)
        require(order.state == OrderState.WAITING_FOR_TRIGGER, 0, "fired twice:", fact)
        self.check_trigger(order, fact.price)
        order.state = OrderState.WAITING_FOR_BLOCK

    def on_order_cancelled(self, fact: Fact) -> None:
        order = self.order(fact, -1)
        if order.remaining >= 0:
            require(order.remaining == fact.order_size, 0, "what is left of", order.number, fact)
        self.check_end(order, fact.reason)
        self.finish(order)

    def on_cancel_stored(self, fact: Fact) -> None:
        command = self.command
        client = command.account, command.client_id_high, command.client_id_low
        require(command.client_id_high != 0 or command.client_id_low != 0, 0, "no id:", fact)
        require(self.stored.get(client, 0) < fact.money, 0, "stored again:", fact)
        first = self.chain.height + 1
        last = first + self.rulebook.block.short_term_blocks
        fits = fact.money == command.money and first <= fact.money <= last
        require(fits, 0, "a cancel stored until", fact)
        self.stored[client] = fact.money

    # trades

    def on_order_filled(self, fact: Fact) -> None:
        if self.first_of_pair is None:
            require(not fact.flags & FillFlag.TAKER, 0, "a taker without a maker", fact)
            self.first_of_pair = fact
            return
        maker, self.first_of_pair = self.first_of_pair, None
        self.check_mirror(maker, fact)
        require(bool(fact.flags & FillFlag.TAKER), 0, "no taker:", fact)
        one = self.markets[fact.market]
        delta = fact.order_size if fact.flags & FillFlag.BUYER else -fact.order_size
        quote = one.quote(fact.order_size, fact.price)
        paid = quote if delta > 0 else -quote
        gain = 0
        if fact.flags & FillFlag.LIQUIDATED:
            gain = self.check_liquidation(fact, delta, -paid)
        else:
            self.check_taker(maker, fact)
        self.check_fees(maker, fact, quote)
        self.check_margins(maker, fact, delta, paid, gain)
        self.book_pair(maker, fact, delta, paid, gain)
        self.pays_fees(fact.market, maker.money + fact.money)
        if gain:
            self.feed_fund(fact.market, gain)
            kind = EventKind.LIQUIDATION_FEE_PAID if gain > 0 else EventKind.INSURANCE_PAID
            self.due = kind, fact.account, fact.market, abs(gain)
        self.shrink(self.resting(maker), maker.order_size)
        if not fact.flags & FillFlag.LIQUIDATED:
            self.shrink(self.order(fact, self.side_of(fact)), fact.order_size)

    def side_of(self, fact: Fact) -> int:
        return Side.BUY if fact.flags & FillFlag.BUYER else Side.SELL

    def resting(self, fact: Fact) -> BlockOrder:
        order = self.order(fact, self.side_of(fact))
        require(order.state == OrderState.RESTING, 0, "a maker that does not rest:", fact)
        return order

    def check_taker(self, maker: Fact, taker: Fact) -> None:
        """The best order is met first, within the taker's limit and kind."""
        order, rested = self.order(taker, self.side_of(taker)), self.resting(maker)
        require(order.side == self.side_of(taker), 0, "a taker of the other side:", taker)
        require(order.time_in_force != TimeInForce.POST_ONLY, 0, "post-only took:", taker)
        require(rested.price == taker.price, 0, "not at the maker's price:", taker)
        if order.kind != LEG:
            buys = order.side == Side.BUY
            within = taker.price <= order.price if buys else taker.price >= order.price
            require(within, 0, "beyond the limit", order.price, ":", taker)
        first = min(
            (o for o in self.open_in(taker.market)
             if o.state == OrderState.RESTING and o.side == rested.side),
            key=lambda o: o.priority(),
        )  # fmt: skip
        require(first is rested, 0, "order", first.number, "was passed over for", rested.number)
        if order.flags & OrderFlag.REDUCE_ONLY:
            before = self.size(taker.account, taker.market)
            closes = before < 0 if order.side == Side.BUY else before > 0
            require(closes and taker.order_size <= abs(before), 0, "reduce-only grew:", taker)

    def check_margins(self, maker: Fact, taker: Fact, delta: int, paid: int, gain: int) -> None:
        market = taker.market
        longs = self.longer(maker.account, market, -delta) + self.longer(
            taker.account, market, delta
        )
        for fact, size, cash in (
            (maker, -delta, paid - maker.money), (taker, delta, -paid - taker.money - gain),
        ):  # fmt: skip
            may = self.may(fact.account, market, size, cash, longs)
            after = self.standing(fact.account, market, size, cash, longs)
            require(may, 6, "filled without margin:", after, fact)

    def check_mirror(self, one: Fact, other: Fact) -> None:
        """Both halves are one trade between two accounts."""
        same = ("market", "price", "order_size")
        require(all(getattr(one, n) == getattr(other, n) for n in same), 2, one, other)
        met = one.counterparty == other.account and other.counterparty == one.account
        require(met and one.account != other.account, 2, "counterparties", one, other)
        require((one.flags ^ other.flags) & FillFlag.BUYER != 0, 2, "both on one side", one)

    def book_pair(self, one: Fact, other: Fact, delta: int, paid: int, gain: int) -> None:
        """``delta`` and ``paid``: of ``other``; the first half's account is booked first."""
        for fact in (one, other):
            before = self.size(fact.account, fact.market)
            require(before == fact.position_size, 0, "size before is", before, fact)
        fees = (one.money, other.money + gain) if one.kind == EventKind.ORDER_FILLED else (0, 0)
        self.markets[one.market].longs += self.longer(one.account, one.market, -delta)
        self.markets[one.market].longs += self.longer(other.account, one.market, delta)
        profits = (
            self.update(one.account, one.market, -delta, -paid, fees[0]),
            self.update(other.account, one.market, delta, paid, fees[1]),
        )
        for fact, profit in zip((one, other), profits, strict=True):
            require(profit == fact.closed_profit, 0, "closed profit", profit, fact)

    # liquidation

    def on_liquidation_started(self, fact: Fact) -> None:
        require(self.liquidated is None, 7, "a liquidation within one:", fact)
        net, _, kept = standing = self.standing(fact.account)
        require((fact.money, fact.closed_profit) == (net, kept), 7, "standing", standing, fact)
        require(net < kept, 7, "liquidated without need", standing, fact)
        require(fact.market == self.pool_of(fact.account), 7, "the pool of", fact)
        self.liquidated = fact.account
        self.starts += 1
        self.span_lost = self.span_notional = 0
        self.spans = {
            market: LiquidationTerms(
                self.rulebook.liquidation, self.markets[market], spot.size, standing
            )
            for market, spot in self.spots[fact.account].items() if spot.size
        }  # fmt: skip

    def on_liquidation_ended(self, fact: Fact) -> None:
        require(self.liquidated == fact.account, 7, "another liquidation ended:", fact)
        self.liquidated = None

    def check_liquidation(self, fact: Fact, delta: int, received: int) -> int:
        """A fill of a liquidation: smaller, fillable, within the limits. The fund's gain."""
        policy, one = self.rulebook.liquidation, self.markets[fact.market]
        before = self.size(fact.account, fact.market)
        require(self.liquidated == fact.account, 7, "liquidated out of turn:", fact)
        smaller = before * delta < 0 and abs(delta) <= abs(before)
        require(smaller, 7, "a liquidation of", before, "grew:", fact)
        require(one.status == MarketStatus.OPEN, 7, "liquidated in a market that is not open")
        terms = self.spans[fact.market]
        self.spans = {fact.market: terms}
        terms.size -= abs(delta)
        require(terms.size >= 0, 7, "more than one block may:", fact)
        require(terms.allows(fact.price), 7, "beyond the fillable price", terms.limit, fact)
        gain = self.liquidation_gain(fact.account, fact.market, delta, received)
        self.span_notional += abs(one.value(delta))
        require(self.span_notional <= policy.account_notional, 7, "notional of a block:", fact)
        self.span_lost += max(0, -gain)
        require(self.span_lost <= policy.account_insurance, 8, "insurance of a block:", fact)
        return gain

    def on_deleveraging_stalled(self, fact: Fact) -> None:
        self.starts += 1
        left = self.size(fact.account, fact.market)
        require(left == fact.position_size, 0, "stalled with", left, fact)

    def on_deleveraged(self, fact: Fact) -> None:
        if self.first_of_pair is None:
            require(bool(fact.flags & FillFlag.LIQUIDATED), 7, "who is deleveraged:", fact)
            self.first_of_pair = fact
            return
        taken, self.first_of_pair = self.first_of_pair, None
        self.starts += 1
        self.check_mirror(taken, fact)
        delta = taken.order_size if taken.flags & FillFlag.BUYER else -taken.order_size
        for one, size in ((taken, delta), (fact, -delta)):
            before = self.size(one.account, one.market)
            smaller = before * size < 0 and abs(size) <= abs(before)
            require(smaller, 7, "deleveraging of", before, "grew:", one)
        quote = self.offset_quote(taken.account, taken.market, delta)
        require((taken.money, fact.money) == (quote, -quote), 0, "offset for", quote, taken, fact)
        longs = self.longer(taken.account, taken.market, delta) + self.longer(
            fact.account, fact.market, -delta
        )
        require(self.may(taken.account, taken.market, delta, quote, longs), 6, "taken:", taken)
        if fact.account != OUTSIDE:
            may = self.may(fact.account, fact.market, -delta, -quote, longs)
            require(may, 6, "the counterparty of a deleveraging:", fact)
        self.book_pair(fact, taken, delta, -quote, 0)

    # the rest

    def on_funding_paid(self, fact: Fact) -> None:
        self.told_funding.append(fact)

    def on_pool_moved(self, fact: Fact) -> None:
        self.told_pools.append(fact)

    def on_position_adopted(self, fact: Fact) -> None:
        market, size = fact.market, fact.position_size
        require(self.size(fact.account, market) == 0, 0, "adopted over a position")
        entry = fact.money if size > 0 else -fact.money
        one = self.markets[market]
        one.longs += self.longer(fact.account, market, size) + self.longer(OUTSIDE, market, -size)
        self.update(fact.account, market, size, entry, 0)
        self.update(OUTSIDE, market, -size, -entry, 0)

    def on_market_status_set(self, fact: Fact) -> None:
        one = self.markets[fact.market]
        one.status = fact.flags
        if fact.flags == MarketStatus.FINAL_SETTLEMENT:
            left = self.open_in(fact.market)
            require(not left, 0, "orders outlive their market:", [o.number for o in left])

    def check_rejection(self, reason: int) -> None:
        """What is refused for want of collateral would really break it."""
        require(reason in tuple(Reason), 0, "unknown reason", reason)
        short = (Reason.NEWLY_UNDERCOLLATERALIZED, Reason.STILL_UNDERCOLLATERALIZED)
        if reason not in short:
            return
        command = self.command
        if command.kind in (CommandKind.WITHDRAW, CommandKind.TRANSFER):
            may = self.may(command.account, -1, 0, -command.money)
            if command.kind == CommandKind.TRANSFER:
                may = may and self.may(command.other_account, -1, 0, command.money)
            require(not may, 6, "refused though it leaves enough margin")
        elif command.kind in PLACING:
            order = BlockOrder(command)
            require(not self.covers_whole(order, max), 6, "an order refused that is covered")

    def compare(self, tables: dict[str, Any]) -> None:
        self.compare_money(tables)
        self.compare_positions(tables)
        self.compare_orders(tables)
        self.compare_chain(tables)
        require(self.cash[INSURANCE_FUND] >= 0, 8, "the fund is negative")
        require(len(self.cash) >= FIRST_USER, 0, "accounts")
