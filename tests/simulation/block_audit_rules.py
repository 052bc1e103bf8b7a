"""What the auditor holds commands and events against, one rule of blocks each."""

from typing import Any

from seawall.domain.enums import CommandKind, FillFlag, MarketStatus, OrderFlag, OrderState, Side
from tests.simulation.block_orders import BlockOrder, OrderBooks
from tests.simulation.block_terms import MAX_TICKS, PPM, ceil_div
from tests.simulation.books import FIRST_USER, INSURANCE_FUND, Fact, require, trunc

RATE_PER_PPM = 1_000


class RuleChecks(OrderBooks):
    """Money, prices, funding and settings; ``BlockAuditor`` adds orders and trades."""

    blocks = 0
    began = 0

    # money

    def check_accepted_money(self) -> None:
        """A withdrawal or transfer of what is free, through no closed gate."""
        command = self.command
        moving = (CommandKind.DEPOSIT, CommandKind.WITHDRAW, CommandKind.TRANSFER)
        if command.kind not in moving or command.account < FIRST_USER:
            return
        parties = [command.account]
        if command.kind == CommandKind.TRANSFER:
            parties.append(command.other_account)
        for account in parties:
            gated = self.is_gated(account, self.chain.height)
            require(not gated, 0, "through a closed gate:", account)
        if command.kind != CommandKind.DEPOSIT:
            may = self.may(command.account, -1, 0, -command.money)
            standing = self.standing(command.account, cash=-command.money)
            require(may, 6, "taken out though needed:", standing)

    def on_account_created(self, fact: Fact) -> None:
        require(fact.account == len(self.cash), 0, "account number", fact.account)
        self.cash.append(0)
        self.spots.append({})
        self.rates.append((0, 0))
        parent = self.command.other_account
        self.roots.append(parent if parent >= 0 else fact.account)

    def on_deposited(self, fact: Fact) -> None:
        self.outside_money += fact.money
        market = fact.market
        if fact.account >= FIRST_USER:
            self.settle(fact.account)
            self.cash[fact.account] += fact.money
            self.gains(self.pool_of(fact.account), fact.money)
            return
        require(fact.account == INSURANCE_FUND, 0, "a deposit for", fact.account)
        if market >= 0 and self.markets[market].own_pool:
            self.markets[market].fund += fact.money
        else:
            self.cash[INSURANCE_FUND] += fact.money

    def on_withdrawn(self, fact: Fact) -> None:
        self.settle(fact.account)
        self.gains(self.pool_of(fact.account), -fact.money)
        self.cash[fact.account] -= fact.money
        self.outside_money -= fact.money

    def on_transferred(self, fact: Fact) -> None:
        for account, money in ((fact.account, -fact.money), (fact.counterparty, fact.money)):
            self.settle(account)
            self.gains(self.pool_of(account), money)
            self.cash[account] += money

    def on_transfers_gated(self, fact: Fact) -> None:
        first = self.chain.height - self.blocks + 1
        require(first <= fact.money <= self.chain.height + 1, 0, "gated in block", fact)
        if fact.account >= 0:
            net = self.standing(fact.account)[0]
            require(net < 0, 0, "gated for an account with", net, fact)
            require(fact.market == self.pool_of(fact.account), 0, "the gate of", fact)
        if fact.market < 0:
            self.cross_gate = fact.money
        else:
            self.markets[fact.market].gate = fact.money

    # settings

    def on_leverage_set(self, fact: Fact) -> None:
        self.ask_for(fact.account, fact.market, ceil_div(PPM, fact.order_size))

    def on_initial_fraction_set(self, fact: Fact) -> None:
        self.ask_for(fact.account, fact.market, fact.order_size)

    def ask_for(self, account: int, market: int, ppm: int) -> None:
        """A personal fraction: no less than the market's, and covered, without the others'."""
        one = self.markets[market]
        require(ppm >= one.terms.fractions.initial_ppm, 0, "less than the market asks:", ppm)
        kept = self.fractions
        self.fractions = {(account, market): ppm}
        net, initial, _ = self.standing(account)
        self.fractions = kept
        require(net >= initial, 6, "a fraction that is not covered:", ppm, net, initial)
        self.fractions[account, market] = ppm

    def on_fee_standing_set(self, fact: Fact) -> None:
        root = self.roots[fact.account]
        self.fee_standing[root] = fact.money, fact.flags, fact.counterparty

    def on_fee_rates_set(self, fact: Fact) -> None:
        told = fact.price, fact.money
        rates = [(t.taker_ppm, t.maker_ppm) for t in self.tiers_of(fact.account)]
        known = [(taker * RATE_PER_PPM, maker * RATE_PER_PPM) for taker, maker in rates]
        require(told in known, 0, "no such rates:", fact)
        self.rates[fact.account] = told

    def on_market_discount_set(self, fact: Fact) -> None:
        one = self.markets[fact.market]
        one.charge, one.charge_from, one.charge_until = fact.order_size, fact.price, fact.money

    # prices and funding

    def on_price_updated(self, fact: Fact) -> None:
        one = self.markets[fact.market]
        require(fact.price == fact.money, 0, "mark and oracle differ:", fact)
        if one.oracle:
            change = abs(fact.price - one.oracle) * PPM
            least = one.oracle * one.terms.minimum_price_change_ppm
            require(self.blocks > 0 and fact.price == one.pending, 0, "a price from nowhere", fact)
            require(change >= least and change, 0, "too small a change:", one.oracle, fact)
        else:
            require(fact.price == self.command.price, 0, "the first price:", fact)
        one.oracle, one.pending = fact.price, 0

    def after_prices(self) -> None:
        """A block leaves no price pending but one that is too near; no trigger is left behind."""
        for one in self.markets:
            change = abs(one.pending - one.oracle) * PPM if one.pending else 0
            least = one.oracle * one.terms.minimum_price_change_ppm
            require(not change or change < least, 0, "a price was left behind:", one.pending)
            one.pending = 0
        for order in self.orders.values():
            if order.state == OrderState.WAITING_FOR_TRIGGER:
                ticks = self.markets[order.market].oracle_ticks()
                fires = self.fires_above(order)
                due = ticks >= order.trigger_price if fires else ticks <= order.trigger_price
                require(not due, 0, "a trigger was passed over:", order.number, float(ticks))

    def fires_above(self, order: BlockOrder) -> bool:
        profit = bool(order.flags & OrderFlag.TAKE_PROFIT)
        return (order.side == Side.BUY) != profit

    def check_trigger(self, order: BlockOrder, ticks: int) -> None:
        """Reached by a price that is the oracle's, or a trade's within its clamp."""
        one = self.markets[order.market]
        above = self.fires_above(order)
        reached = ticks >= order.trigger_price if above else ticks <= order.trigger_price
        require(reached, 0, "fired at", ticks, "instead of", order.trigger_price)
        reach = self.rulebook.order.trade_clamp_factor * one.terms.minimum_price_change_ppm
        oracle = one.oracle_ticks()
        low, high = oracle * (PPM - reach) / PPM, oracle * (PPM + reach) / PPM
        fits = min(low, MAX_TICKS) - 1 <= ticks <= high + 1 or ticks == 1
        require(fits, 0, "triggered at", ticks, "far from", float(oracle))

    def on_funding_sampled(self, fact: Fact) -> None:
        one = self.markets[fact.market]
        require(fact.price == one.oracle and fact.money % PPM == 0, 9, "a sample:", fact)
        one.samples.append(fact.money // PPM)

    def on_funding_index_moved(self, fact: Fact) -> None:
        policy, one = self.rulebook.funding, self.markets[fact.market]
        rounds = max(len(other.samples) for other in self.markets)
        if fact.market == self.first_priced():
            self.rounds = rounds
        bound = one.rate_bound(policy.rate_clamp_ppm)
        if policy.tail_ppm == 0:
            count = max(self.rounds, ceil_div(policy.tick_ms, policy.sample_ms))
            rate = trunc(sum(one.samples), count) + one.terms.default_funding_ppm
            rate = max(-bound, min(bound, rate))
            require(rate == fact.closed_profit, 9, "the rate is", rate, fact)
        require(abs(fact.closed_profit) <= bound, 9, "a rate beyond", bound, fact)
        delta = one.tick_delta(fact.closed_profit, policy.tick_ms, policy.rate_period_ms)
        one.index += delta
        require((fact.money, fact.position_size) == (delta, one.index), 9, "index", delta, fact)
        one.samples = []

    rounds = 0

    def first_priced(self) -> int:
        return next(m for m, one in enumerate(self.markets) if one.oracle)

    # fees

    def check_fees(self, maker: Fact, taker: Fact, quote: int) -> None:
        """Rounded up from one of the rates that the accounts can have."""
        market = taker.market
        makers = self.fees(maker.account, market, False, quote)
        takers = self.fees(taker.account, market, True, quote)
        if taker.flags & FillFlag.LIQUIDATED:
            makers, takers = {max(0, fee) for fee in makers}, {0}
        require(maker.money in makers, 0, "a maker's fee of", sorted(makers), maker)
        require(taker.money in takers, 0, "a taker's fee of", sorted(takers), taker)

    # liquidation

    def after_liquidations(self, starts: int) -> None:
        """Somebody under maintenance has had a turn; a negative one has closed its gate."""
        waiting, ungated = [], []
        enough = self.rulebook.order.fills_per_command >= 500 and self.blocks <= 4
        for account in range(FIRST_USER, len(self.cash)):
            spots = [(m, s) for m, s in self.spots[account].items() if s.size]
            if not spots:
                continue
            net, _, kept = self.standing(account)
            if net < 0:
                pool = self.pool_of(account)
                gate = self.cross_gate if pool < 0 else self.markets[pool].gate
                if gate != self.chain.height + 1:
                    ungated.append(account)
            if net < kept and all(self.markets[m].status == MarketStatus.OPEN for m, _ in spots):
                waiting.append(account)
        idle = enough and starts == 0
        require(not idle or not waiting, 15, "under maintenance without a turn:", waiting)
        require(not ungated, 0, "no gate was closed for", ungated)

    # comparison

    def compare_positions(self, tables: dict[str, Any]) -> None:
        used = int(tables["control"]["positions_used"][0])
        rows, own = tables["positions"][:used], tables["block_positions"][:used]
        names = "account market signed_size entry_notional isolated_cash mode".split()
        columns = [rows[name].tolist() for name in names]
        columns += [own["funding_index"].tolist(), own["initial_ppm"].tolist()]
        seen = set()
        for account, market, size, entry, bucket, mode, index, ppm in zip(*columns, strict=True):
            seen.add((account, market))
            spot = self.spots[account].get(market)
            mine = (spot.size, spot.entry, spot.index) if spot and spot.size else (0, 0, index)
            found = size, entry, index
            require(found == mine, 0, "position", (account, market), "is", found, "here", mine)
            require((bucket, mode) == (0, 0), 11, "a bucket under rules of blocks")
            asked = self.fractions.get((account, market), 0)
            require(ppm == asked, 0, "fraction", (account, market), "is", ppm, "here", asked)
        for account, spots in enumerate(self.spots):
            for market, spot in spots.items():
                known = (account, market) in seen or spot.size == 0
                require(known, 0, "no row for the position", (account, market))

    def compare_chain(self, tables: dict[str, Any]) -> None:
        row = tables["block_rules"][0]
        found = int(row["height"]), int(row["last_block_ms"]), int(row["next_block_ms"])
        mine = self.chain.height, self.chain.last_ms, self.chain.next_ms
        require(found == mine, 0, "the chain is", found, "here", mine)
        accounts = tables["accounts"][FIRST_USER : len(self.cash)]
        rates = zip(accounts["taker_rate"].tolist(), accounts["maker_rate"].tolist(), strict=True)
        require(list(rates) == self.rates[FIRST_USER:], 0, "rates here", self.rates[FIRST_USER:])
        self.compare_markets(tables)

    def compare_markets(self, tables: dict[str, Any]) -> None:
        rows, own = tables["markets"], tables["block_markets"]
        names = ("oracle_price", "mark_price", "open_interest", "status")
        columns = [rows[name].tolist() for name in names]
        columns += [own["funding_index"].tolist(), own["pending_oracle_price"].tolist()]
        held = [0] * len(self.markets)
        sums = [0] * len(self.markets)
        for spots in self.spots:
            for market, spot in spots.items():
                held[market] += max(0, spot.size)
                sums[market] += spot.size
        for market, found in enumerate(zip(*columns, strict=True)):
            one = self.markets[market]
            require(sums[market] == 0, 2, "sizes of market", market, "sum to", sums[market])
            told, mine = found[:4], (one.oracle, one.oracle, held[market], one.status)
            require(told == mine, 3, "market", market, "is", told, "in the tables,", mine)
            told, mine = found[4:], (one.index, one.pending)
            require(told == mine, 0, "index and price to come are", told, "here", mine)
            require(one.longs == held[market], 3, "longs", one.longs, "of", held[market])
