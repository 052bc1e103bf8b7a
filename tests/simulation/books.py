"""The auditor's books: money, positions, margin and settings, from events in Python's integers."""

from typing import Any, NamedTuple

from seawall.domain.enums import (
    FillFlag,
    MarginGrouping,
    MarketMargin,
    OrderFlag,
    OrderState,
    Side,
)
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import Rulebook
from seawall.engine.tables import command_dtype, event_dtype

FIRST_USER = 5
INSURANCE_FUND, FEES, BACKSTOP, ROUNDING, OUTSIDE = range(FIRST_USER)
CROSS_POOL = -1
"""The pool of margin group 0; that of group n is n less."""
RATE_ONE = 10**9
FUNDING_ONE = 10**12
WAITING = (OrderState.WAITING_FOR_TRIGGER, OrderState.WAITING_FOR_FILL)

Command = NamedTuple("Command", [(name, int) for name in command_dtype.names or ()])
Fact = NamedTuple("Fact", [(name, int) for name in event_dtype.names or ()])

_RATES = ("taker_rate", "maker_rate")


class Violation(AssertionError):
    """A broken sentence. ``number`` as in the list of invariants, 0 for the books."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(number, message)
        self.number = number
        self.message = message


def require(truth: bool, number: int, *what: Any) -> None:
    if not truth:
        raise Violation(number, " ".join(str(part) for part in what))


def trunc(numerator: int, denominator: int) -> int:
    """The quotient without its fraction; the denominator is positive."""
    quotient = abs(numerator) // denominator
    return quotient if numerator >= 0 else -quotient


class Holding:
    """What an account has in a market."""

    __slots__ = ("bucket", "entry", "isolated", "leverage", "schedule", "size")

    def __init__(self, isolated: bool, leverage: int, schedule: int) -> None:
        self.size = self.entry = self.bucket = 0
        self.isolated, self.leverage, self.schedule = isolated, leverage, schedule

    def closing(self, delta: int) -> int:
        """How much of a trade closes."""
        opposite = self.size != 0 and (self.size > 0) != (delta > 0)
        return min(abs(delta), abs(self.size)) if opposite else 0

    def move(self, delta: int, price: int) -> int:
        """Size and entry after a trade; the part of the entry that was closed."""
        closing = self.closing(delta)
        part = trunc(self.entry * closing, abs(self.size)) if closing else 0
        sign = 1 if delta > 0 else -1
        self.entry += sign * (abs(delta) - closing) * price - part
        self.size += delta
        return part


class Order:
    """An order as its command and its events describe it."""

    __slots__ = (
        "account", "flags", "market", "number", "place", "price", "remaining", "side", "state",
        "time_in_force", "trigger_price",
    )  # fmt: skip

    def __init__(self, command: Command) -> None:
        self.account, self.market = command.account, command.market
        self.side, self.price = command.side, command.price
        self.remaining, self.trigger_price = command.order_size, command.trigger_price
        self.flags, self.time_in_force = command.flags, command.time_in_force
        self.state = OrderState.FREE
        self.number = self.place = 0

    def priority(self) -> tuple[int, int]:
        """Smaller is served first."""
        return (self.price if self.side == Side.SELL else -self.price, self.place)


def margin_groups(instruments: list[Instrument]) -> tuple[list[int], list[int]]:
    """The group of each market, and for each group the first one of its collateral."""
    collaterals = {one.group: one.collateral for one in instruments}
    names, used = list(collaterals), list(collaterals.values())
    return [names.index(one.group) for one in instruments], [used.index(one) for one in used]


class Books:
    """What every account owns, booked again after the sentences of ``docs/machine/machine.md``."""

    def __init__(self, rulebook: Rulebook, instruments: list[Instrument], extra: list[Any]) -> None:
        self.rulebook, self.instruments = rulebook, instruments
        self.schedules = list(dict.fromkeys([one.tiers for one in instruments] + extra))
        self.group_of_market, self.collateral_of_group = margin_groups(instruments)
        self.cash = [self.no_cash() for _ in range(FIRST_USER)]
        self.shares = [True] * FIRST_USER
        """Whether an account has one pool for all groups of a collateral."""
        self.rates = [(0, 0)] * FIRST_USER
        self.discounts = [(0, 0)] * FIRST_USER
        self.holdings: dict[tuple[int, int], Holding] = {}
        self.orders: dict[int, Order] = {}
        self.marks = [0] * len(instruments)
        self.oracles = [0] * len(instruments)
        self.outside_money = self.no_cash()
        """By the first group of its collateral."""
        self.command = Command(*[0] * len(Command._fields))
        self.paid: dict[tuple[int, int], Fact] = {}
        self.must_be_free: set[tuple[int, int]] = set()
        """Pools: (account, group)."""

    # margin groups

    def no_cash(self) -> list[int]:
        return [0] * len(self.collateral_of_group)

    def group(self, account: int, market: int) -> int:
        """The group whose cash and pool an account has for a market."""
        group = self.group_of_market[market]
        return self.collateral_of_group[group] if self.shares[account] else group

    def pay(self, account: int, market: int, amount: int) -> None:
        """Into the cash that an account has for a market."""
        self.cash[account][self.group(account, market)] += amount

    def own_group(self, account: int, group: int, what: Fact) -> int:
        require(0 <= group < len(self.collateral_of_group), 21, "group", group, "of", what)
        first = self.collateral_of_group[group] == group
        require(first or not self.shares[account], 21, "a group that is shared:", what)
        return group

    # positions and margin

    def holding(self, account: int, market: int) -> Holding:
        found = self.holdings.get((account, market))
        if found is None:
            instrument = self.instruments[market]
            any_mode = instrument.margin == MarketMargin.ANY_MODE or account < FIRST_USER
            schedule = self.schedules.index(instrument.tiers)
            most = instrument.tiers[0].maximum_leverage
            leverage = min(self.rulebook.margin.default_leverage, most)
            found = self.holdings[account, market] = Holding(not any_mode, leverage, schedule)
        return found

    def held(self, account: int) -> list[tuple[int, Holding]]:
        return [(m, h) for (owner, m), h in self.holdings.items() if owner == account]

    def maintenance(self, market: int, holding: Holding) -> int:
        """Each slice of notional costs 1 / (2 x the leverage of its tier), truncated together."""
        value, total, common = abs(holding.size) * self.marks[market], 0, 1
        tiers = self.schedules[holding.schedule]
        for tier in tiers:
            common *= 2 * tier.maximum_leverage
        for place, tier in enumerate(tiers):
            above = tiers[place + 1].lower_bound if place + 1 < len(tiers) else value
            part = max(0, min(value, above) - tier.lower_bound)
            total += part * (common // (2 * tier.maximum_leverage))
        return total // common

    def risk(self, account: int, market: int) -> tuple[int, int]:
        """(equity, maintenance margin) of a bucket or, from CROSS_POOL down, of a group's pool."""
        if market > CROSS_POOL:
            one = self.holding(account, market)
            return one.bucket + one.size * self.marks[market], self.maintenance(market, one)
        group = CROSS_POOL - market
        own = self.pooled(account, group)
        equity = self.cash[account][group] + sum(h.size * self.marks[m] for m, h in own)
        return equity, sum(self.maintenance(m, h) for m, h in own)

    def pooled(self, account: int, group: int) -> list[tuple[int, Holding]]:
        """The open positions in a group's cross pool."""
        open_ones = [(m, h) for m, h in self.held(account) if not h.isolated and h.size]
        return [(m, h) for m, h in open_ones if self.group(account, m) == group]

    def hold(self, order: Order) -> int:
        if order.state != OrderState.RESTING or order.flags & OrderFlag.REDUCE_ONLY:
            return 0
        leverage = self.holding(order.account, order.market).leverage
        return order.remaining * order.price // leverage

    def free_margin(self, account: int, group: int) -> int:
        """Equity of a pool less initial margins less, by market, the larger side of holds."""
        sides: dict[tuple[int, int], int] = {}
        for order in self.orders.values():
            if order.account == account:
                key = order.market, order.side
                sides[key] = sides.get(key, 0) + self.hold(order)
        free = self.cash[account][group]
        for market, one in self.held(account):
            if self.group(account, market) != group:
                continue
            value = one.size * self.marks[market]
            initial = abs(value) // one.leverage
            credit = initial + (max(0, one.bucket + value) if one.isolated else initial)
            buys, sells = sides.get((market, Side.BUY), 0), sides.get((market, Side.SELL), 0)
            if one.size > 0:
                sells = max(0, sells - credit)
            elif one.size < 0:
                buys = max(0, buys - credit)
            free -= max(buys, sells)
            if not one.isolated:
                free += value - initial
        return free

    # money and settings

    def on_account_created(self, fact: Fact) -> None:
        require(fact.account == len(self.cash), 0, "account number", fact.account)
        tier = self.rulebook.fee.tiers[0]
        self.cash.append(self.no_cash())
        self.shares.append(False)
        self.discounts.append((0, 0))
        self.rates.append((tier.taker_rate, tier.maker_rate))

    def on_deposited(self, fact: Fact) -> None:
        group = self.own_group(fact.account, fact.flags, fact)
        require(group == self.command.status, 0, "another group than asked for:", fact)
        self.cash[fact.account][group] += fact.money
        self.outside_money[self.collateral_of_group[group]] += fact.money

    def on_withdrawn(self, fact: Fact) -> None:
        group = self.own_group(fact.account, fact.flags, fact)
        require(group == self.command.status, 0, "another group than asked for:", fact)
        self.cash[fact.account][group] -= fact.money
        self.outside_money[self.collateral_of_group[group]] -= fact.money
        self.must_be_free.add((fact.account, group))

    def on_transferred(self, fact: Fact) -> None:
        group = self.own_group(fact.account, fact.flags, fact)
        target = self.own_group(fact.counterparty, fact.order_size, fact)
        asked = self.command.status, self.command.leverage
        require((group, target) == asked, 0, "other groups than asked for:", fact)
        collaterals = self.collateral_of_group[group], self.collateral_of_group[target]
        require(collaterals[0] == collaterals[1], 1, "money became another collateral:", fact)
        self.cash[fact.account][group] -= fact.money
        self.cash[fact.counterparty][target] += fact.money
        self.must_be_free.add((fact.account, group))

    def on_margin_grouping_set(self, fact: Fact) -> None:
        account, shares = fact.account, fact.flags == MarginGrouping.SHARED
        if self.shares[account] and not shares:
            others = [m for m, g in enumerate(self.group_of_market) if not self.is_first(g)]
            open_there = [m for m in others if self.holding(account, m).size]
            require(not open_there, 0, "separated with positions in", open_there)
            orders = [o for o in self.orders.values() if o.account == account]
            require(not [o for o in orders if o.market in others], 0, "separated with orders")
        self.shares[account] = shares
        if shares:
            joined = self.no_cash()
            for group, amount in enumerate(self.cash[account]):
                joined[self.collateral_of_group[group]] += amount
            self.cash[account] = joined

    def is_first(self, group: int) -> bool:
        """Whether a group is the first of its collateral."""
        return self.collateral_of_group[group] == group

    def on_leverage_set(self, fact: Fact) -> None:
        one = self.holding(fact.account, fact.market)
        if one.isolated != bool(fact.flags):
            require(one.size == 0, 0, "the mode of an open position was switched")
        one.isolated, one.leverage = bool(fact.flags), fact.order_size

    def on_margin_schedule_set(self, fact: Fact) -> None:
        one = self.holding(fact.account, fact.market)
        one.schedule = fact.order_size
        one.leverage = min(one.leverage, self.schedules[one.schedule][0].maximum_leverage)

    def on_isolated_margin_adjusted(self, fact: Fact) -> None:
        one = self.holding(fact.account, fact.market)
        require(one.isolated and one.size != 0, 11, "margin for what is no bucket")
        self.pay(fact.account, fact.market, -fact.money)
        one.bucket += fact.money
        if fact.money > 0:
            self.must_be_free.add((fact.account, self.group(fact.account, fact.market)))

    def on_price_updated(self, fact: Fact) -> None:
        self.marks[fact.market], self.oracles[fact.market] = fact.price, fact.money

    def on_position_adopted(self, fact: Fact) -> None:
        """The event tells the size; mode, leverage and bucket cash are the command's."""
        command, one = self.command, self.holding(fact.account, fact.market)
        mirror = self.holding(OUTSIDE, fact.market)
        require(one.size == 0, 0, "adopted over a position")
        entry = fact.money if fact.position_size > 0 else -fact.money
        one.isolated, one.leverage = bool(command.mode), command.leverage
        one.size, one.entry = fact.position_size, entry
        moved = command.trigger_price if one.isolated else entry
        self.pay(fact.account, fact.market, -moved)
        one.bucket = moved - entry if one.isolated else 0
        opening = abs(fact.position_size) - mirror.closing(-fact.position_size)
        mirror.move(-fact.position_size, 0)
        mirror.entry -= trunc(entry * opening, abs(fact.position_size))
        self.pay(OUTSIDE, fact.market, entry)

    def on_fee_rates_set(self, fact: Fact) -> None:
        """Rates may change, but only to those of the rulebook after the account's discounts."""
        staking, referral = self.discounts[fact.account]

        def after(rate: int) -> int:
            if rate <= 0:
                return rate
            return rate * (RATE_ONE - staking) // RATE_ONE * (RATE_ONE - referral) // RATE_ONE

        policy = self.rulebook.fee
        makers = [after(tier.maker_rate) for tier in policy.tiers]
        makers += [step.maker_rate for step in policy.maker_rebates]
        takers = [after(tier.taker_rate) for tier in policy.tiers]
        require(fact.price in takers and fact.money in makers, 0, "no such rates:", fact)
        self.rates[fact.account] = fact.price, fact.money

    def on_funding_paid(self, fact: Fact) -> None:
        key = fact.account, fact.market
        if key in self.paid:
            self.end_settlement()
        one = self.holding(*key)
        due = -trunc(one.size * self.oracles[fact.market] * fact.closed_profit, FUNDING_ONE)
        require(one.size == fact.position_size != 0, 9, "funding for another size", fact)
        require(fact.money == due, 9, "funding", fact.money, "instead of", due)
        require(bool(fact.flags & FillFlag.ISOLATED_BUCKET) == one.isolated, 9, "bucket", fact)
        self.paid[key] = fact
        if one.isolated:
            one.bucket += fact.money
        else:
            self.pay(fact.account, fact.market, fact.money)
        self.pay(ROUNDING, fact.market, -fact.money)

    def end_settlement(self) -> None:
        """Every position paid once, at one rate; only truncation is left over."""
        if not self.paid:
            return
        open_ones = {key for key, one in self.holdings.items() if one.size}
        require(open_ones == self.paid.keys(), 9, "not every position paid funding")
        for market in {market for _, market in self.paid}:
            facts = [fact for (_, m), fact in self.paid.items() if m == market]
            require(len({fact.closed_profit for fact in facts}) == 1, 9, "several funding rates")
            require(sum(fact.position_size for fact in facts) == 0, 2, "sizes at a settlement")
            left = sum(fact.money for fact in facts)
            require(abs(left) < len(facts), 9, "the payments of market", market, "sum to", left)
        self.paid = {}

    # comparison

    def compare(self, tables: dict[str, Any]) -> None:
        """Cash, positions, orders and markets in the tables are those in the books."""
        control = tables["control"]
        accounts = tables["accounts"][: int(control["accounts_used"][0])]
        self.compare_money(accounts, tables["group_cash"], tables["margin_groups"])
        rates = [(0, 0)] * FIRST_USER
        rates += zip(*[accounts[n][FIRST_USER:].tolist() for n in _RATES], strict=True)
        require(rates == self.rates, 0, "rates are", rates, "in the tables,", self.rates, "here")
        self.compare_positions(tables["positions"][: int(control["positions_used"][0])])
        self.compare_orders(tables["orders"][: int(control["orders_used"][0])])
        for market in range(len(self.instruments)):
            row = tables["markets"][market]
            longs = sum(max(0, h.size) for (_, m), h in self.holdings.items() if m == market)
            found = int(row["mark_price"]), int(row["oracle_price"]), int(row["open_interest"])
            mine = self.marks[market], self.oracles[market], longs
            require(found == mine, 3, "market", market, "is", found, "in the tables,", mine)

    def compare_money(self, accounts: Any, group_cash: Any, margin_groups: Any) -> None:
        """Cash by account and group, and by collateral what came in from outside."""
        groups, cash = len(self.collateral_of_group), accounts["cash"].tolist()
        others = group_cash["cash"].tolist()
        found = [
            [cash[account], *others[account * (groups - 1) : (account + 1) * (groups - 1)]]
            for account in range(len(cash))
        ]
        require(found == self.cash, 1, "cash is", found, "in the tables and", self.cash, "here")
        total = self.no_cash()
        for parts in self.cash:
            for group, amount in enumerate(parts):
                total[self.collateral_of_group[group]] += amount
        for (_, market), one in self.holdings.items():
            total[self.collateral_of_group[self.group_of_market[market]]] += one.bucket
        require(total == self.outside_money, 1, "money", total, "of", self.outside_money)
        outside = margin_groups["money_outside"].tolist()
        require(outside == self.outside_money, 1, "came in", outside, "of", self.outside_money)
        shares = accounts["grouping"].tolist()
        require(shares == self.shares, 0, "groupings", shares, "in the tables,", self.shares)

    def compare_positions(self, rows: Any) -> None:
        names = ("account market signed_size entry_notional isolated_cash mode leverage").split()
        seen = set()
        for account, market, *found in zip(*[rows[n].tolist() for n in names], strict=True):
            seen.add((account, market))
            one = self.holding(account, market)
            mine = [one.size, one.entry, one.bucket, int(one.isolated), one.leverage]
            require(found == mine, 0, "position", (account, market), "is", found, "here", mine)
        for key, one in self.holdings.items():
            require(one.size == 0 or key in seen, 0, "no row for the position", key)

    def compare_orders(self, rows: Any) -> None:
        rows = rows[rows["state"] != OrderState.FREE]
        names = "order_id account market side price remaining_size hold state".split()
        found = sorted(zip(*[rows[name].tolist() for name in names], strict=True))
        mine = sorted(
            (o.number, o.account, o.market, o.side, o.price, o.remaining, self.hold(o), o.state)
            for o in self.orders.values()
        )
        if found != mine:
            odd = set(found) ^ set(mine)
            different = [row for row in odd if not self.is_waiting_child(row, odd)]
            require(not different, 13, "orders differ:", sorted(different))

    def is_waiting_child(self, row: tuple[int, ...], odd: set[Any]) -> bool:
        """The events do not tell which of the two ways of waiting it is."""
        return row[-1] in WAITING and all((*row[:-1], state) in odd for state in WAITING)
