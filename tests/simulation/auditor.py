"""An independent auditor: it knows the commands and the events, and nothing of the machine.

After each command its books must be what the machine's tables say, to the unit. The numbers of
violations are those of ``docs/machine/invariants.md``; 0 stands for the books themselves.
"""

from typing import Any

from seawall.domain.enums import (
    CommandKind,
    EventKind,
    FillFlag,
    OrderFlag,
    OrderState,
    Reason,
    Side,
    TimeInForce,
)
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import Rulebook
from tests.simulation.books import (
    BACKSTOP,
    CROSS_POOL,
    FEES,
    FIRST_USER,
    INSURANCE_FUND,
    OUTSIDE,
    RATE_ONE,
    WAITING,
    Books,
    Command,
    Fact,
    Holding,
    Order,
    Violation,
    require,
    trunc,
)

__all__ = ["Auditor", "Command", "Fact", "Violation"]

PAIRED = (EventKind.ORDER_FILLED, EventKind.DELEVERAGED)
OF_FUNDING = (EventKind.FUNDING_PAID, EventKind.FUNDING_SAMPLED)


class Auditor(Books):
    """``audit`` each command with its events, then ``compare`` with the tables."""

    def __init__(self, rulebook: Rulebook, instruments: list[Instrument], extra: list[Any]) -> None:
        super().__init__(rulebook, instruments, extra)
        self.sequence = self.newest = self.places = 0
        self.frame: tuple[int, int] | None = None
        self.handlers = {
            kind: getattr(self, f"on_{kind.name.lower()}", self.on_nothing) for kind in EventKind
        }

    def audit(self, command: Command, facts: list[Fact]) -> None:
        """Book what a command caused. Raises Violation."""
        self.begin(command)
        for fact in facts:
            require(fact.sequence == self.sequence, 0, "the sequence of", fact)
        if facts and facts[0].kind == EventKind.COMMAND_REJECTED:
            require(len(facts) == 1, 14, "a rejected command caused other events")
            require(facts[0].reason in tuple(Reason), 0, "unknown reason", facts[0].reason)
            return
        if command.kind == CommandKind.SET_FEE_DISCOUNTS:
            self.discounts[command.account] = command.price, command.trigger_price
        for fact in facts:
            require(fact.kind in PAIRED or self.maker is None, 0, "half a trade", self.maker)
            if fact.kind not in OF_FUNDING:
                self.end_settlement()
            self.handlers[EventKind(fact.kind)](fact)
        self.end()

    def begin(self, command: Command) -> None:
        self.command = command
        self.sequence += 1
        self.incoming: Order | None = None
        if command.kind in (CommandKind.PLACE_ORDER, CommandKind.MODIFY_ORDER):
            self.incoming = Order(command)
        self.firing: Order | None = None
        self.maker: Fact | None = None
        self.maker_failed = False
        self.forced_fills: dict[int, tuple[int, int, Side, int]] = {}
        self.borne: dict[tuple[int, int], int] = {}
        self.must_be_free.clear()

    def end(self) -> None:
        self.end_settlement()
        require(self.frame is None, 7, "a liquidation did not end:", self.frame)
        require(not any(self.borne.values()), 0, "losses of nobody were borne:", self.borne)
        require(not self.forced_fills, 0, "orders without an end:", self.forced_fills)
        require(self.maker is None, 0, "half a trade", self.maker)
        require(self.firing is None, 0, "a fired order is neither filled, resting nor cancelled")
        if self.incoming is not None:
            self.end_incoming(self.incoming)
        for account, group in sorted(self.must_be_free):
            free = self.free_margin(account, group)
            require(free >= 0, 6, "account", account, "is left with a free margin of", free)

    def end_incoming(self, order: Order) -> None:
        require(order.number != 0, 0, "the order of the command left no trace")
        filled = self.command.order_size - order.remaining
        if order.flags & OrderFlag.TRIGGER:
            return
        if order.time_in_force == TimeInForce.FILL_OR_KILL:
            whole = filled == 0 or order.remaining == 0
            require(whole or self.maker_failed, 0, "fill-or-kill filled", filled)
        if order.time_in_force == TimeInForce.POST_ONLY:
            require(filled == 0, 0, "post-only took", filled)
        if order.number in self.orders:
            require(order.state == OrderState.RESTING, 0, "the order is nowhere")

    def on_nothing(self, fact: Fact) -> None:
        """Nothing to book."""

    def on_command_rejected(self, fact: Fact) -> None:
        require(False, 14, "a rejection among other events")

    # orders

    def order(self, fact: Fact) -> Order:
        """The order of an event; the first event of an unknown id is the command's new order."""
        found = self.orders.get(fact.order_id)
        if found is None:
            found = self.incoming
            if found is None or found.number != 0 or fact.order_id <= self.newest:
                raise Violation(0, f"no order {fact.order_id} is open: {fact}")
            found.number = self.newest = fact.order_id
            self.orders[fact.order_id] = found
        require((found.account, found.market) == (fact.account, fact.market), 0, "owner", fact)
        return found

    def finish(self, order: Order) -> None:
        del self.orders[order.number]
        if order is self.firing:
            self.firing = None

    def on_order_accepted(self, fact: Fact) -> None:
        order = self.order(fact)
        require(order in (self.incoming, self.firing), 0, "accepted out of turn:", fact)
        told = (fact.flags, fact.price, fact.order_size)
        require(told == (order.side, order.price, order.remaining), 0, "accepted otherwise:", fact)
        if order is self.firing:
            require(not order.flags & OrderFlag.TRIGGER_MARKET, 0, "a market stop rests:", fact)
            self.firing = None
        else:
            may_rest = (TimeInForce.GOOD_TIL_CANCEL, TimeInForce.POST_ONLY)
            require(order.time_in_force in may_rest, 0, "an immediate order rests:", fact)
        order.state = OrderState.RESTING
        self.places += 1
        order.place = self.places
        if not order.flags & OrderFlag.REDUCE_ONLY and order.account >= FIRST_USER:
            self.must_be_free.add((order.account, self.group(order.account, order.market)))

    def on_order_waiting(self, fact: Fact) -> None:
        order = self.order(fact)
        told = (fact.flags, fact.price, fact.order_size, fact.money)
        mine = (order.side, order.price, order.remaining, order.trigger_price)
        require(told == mine, 0, "waits otherwise:", fact)
        require(order.state in (OrderState.FREE, *WAITING), 0, "waits again:", fact)
        order.state = OrderState.WAITING_FOR_TRIGGER

    def on_order_triggered(self, fact: Fact) -> None:
        order = self.order(fact)
        mark = self.marks[order.market]
        require(order.state in WAITING and self.firing is None, 0, "fired out of turn:", fact)
        require(fact.price == mark, 0, "fired at", fact.price, "with the mark at", mark)
        above = (order.side == Side.BUY) != bool(order.flags & OrderFlag.TAKE_PROFIT)
        reached = mark >= order.trigger_price if above else mark <= order.trigger_price
        require(reached, 0, "fired at", mark, "before", order.trigger_price)
        order.state = OrderState.FIRING
        self.firing = order
        if order.flags & OrderFlag.WHOLE_POSITION:
            size = self.holding(order.account, order.market).size
            order.remaining = max(0, -size if order.side == Side.BUY else size)

    def on_order_cancelled(self, fact: Fact) -> None:
        order = self.order(fact)
        told = (fact.price, fact.order_size)
        require(told == (order.price, order.remaining), 0, "cancelled otherwise:", fact)
        require(fact.reason in tuple(Reason), 0, "unknown reason", fact.reason)
        if fact.reason in (Reason.MARGIN_CANCELLED, Reason.REDUCE_ONLY_CANCELLED):
            self.maker_failed = True
        self.finish(order)

    # fills

    def on_order_filled(self, fact: Fact) -> None:
        maker = self.maker
        if fact.flags & FillFlag.TAKER:
            if maker is None:
                raise Violation(0, f"a taker without a maker: {fact}")
            self.check_pair(maker, fact)
            self.maker = None
        else:
            require(maker is None, 0, "two makers:", fact)
            self.maker = fact
        rate = self.rates[fact.account][0 if fact.flags & FillFlag.TAKER else 1]
        fee = trunc(fact.price * fact.order_size * rate, RATE_ONE)
        require(fact.money == fee, 0, "a fee of", fact.money, "instead of", fee)
        if fact.flags & FillFlag.LIQUIDATED:
            require(bool(fact.flags & FillFlag.TAKER), 0, "a liquidated maker:", fact)
            self.forced(fact)
        else:
            self.fill_order(fact, self.order(fact))
        self.trade(fact, fact.money)

    def new_id(self, fact: Fact) -> None:
        """Ids of forced orders are those of no other order."""
        require(fact.order_id > self.newest, 0, "the id of", fact)
        self.newest = fact.order_id

    def forced(self, fact: Fact) -> None:
        """A fill of an order of the machine's own, which is told after its last one."""
        if fact.order_id not in self.forced_fills:
            self.new_id(fact)
        side = Side.BUY if fact.flags & FillFlag.BUYER else Side.SELL
        owner = fact.account, fact.market, side
        *known, filled = self.forced_fills.get(fact.order_id, (*owner, 0))
        require(tuple(known) == owner, 0, "of another order:", fact)
        self.forced_fills[fact.order_id] = *owner, filled + fact.order_size

    def on_liquidation_order_ended(self, fact: Fact) -> None:
        key = self.forced_fills.pop(fact.order_id, None)
        filled = fact.order_size - fact.money
        side = Side(fact.flags)
        require(key == (fact.account, fact.market, side, filled), 0, "fills", key, "of", fact)
        require(fact.closed_profit == self.marks[fact.market], 0, "the mark of", fact)

    def check_pair(self, maker: Fact, taker: Fact) -> None:
        same = (maker.price, maker.order_size, maker.market, maker.kind)
        require(same == (taker.price, taker.order_size, taker.market, taker.kind), 0, "pair", taker)
        others = (maker.counterparty, taker.counterparty)
        require(others == (taker.account, maker.account), 0, "counterparties of", taker)
        require(maker.account != taker.account, 0, "a trade with oneself:", taker)
        sides = {maker.flags & FillFlag.BUYER, taker.flags & FillFlag.BUYER}
        require(sides == {FillFlag.BUYER, 0}, 0, "two of one side:", taker)

    def fill_order(self, fact: Fact, order: Order) -> None:
        side = Side.BUY if fact.flags & FillFlag.BUYER else Side.SELL
        require(side == order.side, 0, "filled on the other side:", fact)
        if fact.flags & FillFlag.TAKER:
            require(order in (self.incoming, self.firing), 0, "a resting order took:", fact)
            within = fact.price <= order.price if side == Side.BUY else fact.price >= order.price
            require(within, 0, "filled beyond its limit:", fact)
        else:
            require(order.state == OrderState.RESTING, 0, "a maker that does not rest:", fact)
            require(fact.price == order.price, 0, "a maker at another price:", fact)
            key = order.market, order.side
            first = min(
                (o for o in self.orders.values() if o.place and (o.market, o.side) == key),
                key=Order.priority,
            )
            require(first is order, 0, "order", first.number, "was before", fact)
        if order.flags & OrderFlag.REDUCE_ONLY:
            delta = fact.order_size if side == Side.BUY else -fact.order_size
            closing = self.holding(fact.account, fact.market).closing(delta)
            require(closing == fact.order_size, 0, "reduce-only increased:", fact)
        require(0 < fact.order_size <= order.remaining, 0, "overfilled:", fact)
        order.remaining -= fact.order_size
        if order.remaining == 0:
            self.finish(order)

    def trade(self, fact: Fact, fee: int) -> None:
        """Book one side of a trade: close, then open the rest; the fee last."""
        one = self.holding(fact.account, fact.market)
        delta = fact.order_size if fact.flags & FillFlag.BUYER else -fact.order_size
        sign = 1 if delta > 0 else -1
        require(one.size == fact.position_size, 0, "size", one.size, "before", fact)
        require(one.isolated == bool(fact.flags & FillFlag.ISOLATED_BUCKET), 0, "bucket", fact)
        before, closing = one.size, one.closing(delta)
        proceeds = -sign * closing * fact.price
        profit = proceeds - one.move(delta, fact.price)
        require(profit == fact.closed_profit, 0, "a profit of", profit, "in", fact)
        if not one.isolated:
            self.pay(fact.account, fact.market, -delta * fact.price - fee)
        else:
            if closing:
                self.close_bucket(fact, one, before, closing, fee)
            if closing < abs(delta):
                value = (abs(delta) - closing) * fact.price
                self.pay(fact.account, fact.market, -(value // one.leverage))
                one.bucket += value // one.leverage - sign * value - fee
        self.pay(FEES, fact.market, fee)
        self.check_liquidation(fact, before, one)

    def close_bucket(self, fact: Fact, one: Holding, before: int, closing: int, fee: int) -> None:
        """The closed part's share and proceeds go to the cash: never less than nothing."""
        share = trunc(one.bucket * closing, abs(before))
        proceeds = closing * fact.price if before > 0 else -closing * fact.price
        released = share + proceeds - (fee if closing == fact.order_size else 0)
        require(released >= 0, 16, "a close took", -released, "from the cash:", fact)
        one.bucket -= share
        self.pay(fact.account, fact.market, released)

    # liquidation

    def check_liquidation(self, fact: Fact, before: int, one: Holding) -> None:
        if self.frame is None or self.frame[0] != fact.account:
            return
        pool = CROSS_POOL - self.group(fact.account, fact.market)
        if self.frame[1] == fact.market or (self.frame[1] == pool and not one.isolated):
            same_side = one.size == 0 or (one.size > 0) == (before > 0)
            smaller = abs(one.size) <= abs(before)
            require(same_side and smaller, 7, "from", before, "to", one.size, "by", fact)

    def on_deleveraged(self, fact: Fact) -> None:
        if self.maker is None:
            require(bool(fact.flags & FillFlag.LIQUIDATED), 0, "who is deleveraged?", fact)
            require(self.frame is not None and self.frame[0] == fact.account, 7, "frame of", fact)
            self.maker = fact
            self.forced(fact)
        else:
            self.check_pair(self.maker, fact)
            self.maker = None
            self.new_id(fact)
        one = self.holding(fact.account, fact.market)
        delta = fact.order_size if fact.flags & FillFlag.BUYER else -fact.order_size
        if fact.account != OUTSIDE:
            require(one.closing(delta) == abs(delta), 7, "deleveraging opened a position:", fact)
        self.trade(fact, 0)

    def on_liquidation_started(self, fact: Fact) -> None:
        require(self.frame is None, 7, "a liquidation within another:", fact)
        self.frame = fact.account, fact.market
        self.handed_over = False
        equity, maintenance = self.risk(*self.frame)
        require((equity, maintenance) == (fact.money, fact.closed_profit), 0, "risk of", fact)
        require(equity < maintenance, 15, "a healthy bucket was liquidated:", fact)

    def on_liquidation_ended(self, fact: Fact) -> None:
        require(self.frame == (fact.account, fact.market), 7, "another liquidation ended:", fact)
        require(self.risk(*self.frame) == (fact.money, fact.closed_profit), 0, "risk of", fact)
        self.frame = None

    def on_backstop_taken_over(self, fact: Fact) -> None:
        require(self.frame is not None and self.frame[0] == fact.account, 7, "frame of", fact)
        one, target = self.holding(fact.account, fact.market), self.holding(BACKSTOP, fact.market)
        require(one.size == fact.position_size != 0, 0, "taken over in another size:", fact)
        require(fact.price == self.marks[fact.market], 0, "taken over off the mark:", fact)
        profit = one.size * fact.price - one.entry
        require(profit == fact.closed_profit, 0, "a profit of", profit, "in", fact)
        self.new_id(fact)
        cash, group = one.bucket, self.group(fact.account, fact.market)
        bucket = fact.market if one.isolated else CROSS_POOL - group
        require(self.frame[1] == bucket, 7, "of another bucket:", fact)
        if not one.isolated and not self.handed_over:
            cash, self.cash[fact.account][group] = self.cash[fact.account][group], 0
        self.handed_over = True
        require(fact.money == cash, 1, "handed over with", fact.money, "instead of", cash)
        target.move(one.size, fact.price)
        self.pay(BACKSTOP, fact.market, cash)
        one.size = one.entry = one.bucket = 0

    def on_insurance_paid(self, fact: Fact) -> None:
        require(fact.money > 0, 8, "paid", fact.money)
        require(fact.counterparty in (INSURANCE_FUND, BACKSTOP), 8, "who paid?", fact)
        group = CROSS_POOL - fact.market
        if fact.market > CROSS_POOL:
            group = self.group_of_market[fact.market]
        self.cash[fact.counterparty][self.collateral_of_group[group]] -= fact.money
        fund = self.cash[INSURANCE_FUND]
        require(min(fund) >= 0, 8, "the fund is left with", fund)
        if self.frame is None:
            self.bear(fact.account, fact.market, fact.money)
            return
        account, market = self.frame
        require(self.frame == (fact.account, fact.market), 7, "paid elsewhere:", fact)
        if market <= CROSS_POOL:
            self.cash[account][group] += fact.money
        else:
            self.holding(account, market).bucket += fact.money
        equity = self.risk(account, market)[0]
        if fact.counterparty == INSURANCE_FUND or market <= CROSS_POOL:
            require(equity == 0, 8, "after the payment the equity is", equity)

    def on_market_settled(self, fact: Fact) -> None:
        """Positions close without an event of their own; what nobody owns was borne before."""
        for (account, market), one in self.holdings.items():
            if market != fact.market:
                continue
            value = one.bucket + one.size * fact.price
            loss = max(0, -value) if one.isolated else 0
            one.size = one.entry = one.bucket = 0
            self.pay(account, market, value + loss)
            self.bear(account, market, -loss)
            group = self.group(account, market)
            left = self.cash[account][group]
            if account >= FIRST_USER and left < 0 and not self.pooled(account, group):
                self.bear(account, CROSS_POOL - group, left)
                self.cash[account][group] = 0

    def bear(self, account: int, market: int, amount: int) -> None:
        key = account, market
        self.borne[key] = self.borne.get(key, 0) + amount
