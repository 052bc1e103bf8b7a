"""The auditor's books under rules of blocks: cash, pools, positions and standings from events."""

from typing import Any

from seawall.domain.enums import MarketStatus
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import BlockRulebook, VolumeTier
from tests.simulation.block_terms import PPM, Market, ceil_div, improves, quote_split
from tests.simulation.books import (
    FEES,
    FIRST_USER,
    INSURANCE_FUND,
    ROUNDING,
    Command,
    Fact,
    require,
    trunc,
)

CROSS = -1
Standing = tuple[int, int, int]
"""Net collateral, initial and maintenance requirement."""


class Spot:
    """A position: signed size and entry, and the funding index it was settled at."""

    __slots__ = ("entry", "index", "size")

    def __init__(self) -> None:
        self.size = self.entry = self.index = 0


class BlockBooks:
    """What every account and every pool owns."""

    def __init__(self, rulebook: BlockRulebook, instruments: list[Instrument]) -> None:
        self.rulebook = rulebook
        self.markets = [Market(one) for one in instruments]
        self.cash = [0] * FIRST_USER
        self.roots = list(range(FIRST_USER))
        self.spots: list[dict[int, Spot]] = [{} for _ in range(FIRST_USER)]
        self.fractions: dict[tuple[int, int], int] = {}
        self.fee_standing: dict[int, tuple[int, int, int]] = {}
        self.rates = [(0, 0)] * FIRST_USER
        self.cross_pool = self.cross_gate = 0
        self.outside_money = 0
        self.told_funding: list[Fact] = []
        self.told_pools: list[Fact] = []
        self.command = Command(*[0] * len(Command._fields))
        self.began = 0
        """The clock when the command came, of which its blocks may be later."""

    # standings

    def pool_of(self, account: int) -> int:
        for market, spot in self.spots[account].items():
            if spot.size and self.markets[market].own_pool:
                return market
        return CROSS

    def owed(self, account: int) -> int:
        """Unsettled funding: the sum over all positions, rounded down once."""
        total = 0
        for market, spot in self.spots[account].items():
            total += (spot.index - self.markets[market].index) * spot.size
        return total // PPM

    def standing(
        self, account: int, market: int = -1, delta: int = 0, cash: int = 0, longs: int = 0
    ) -> Standing:
        """With ``delta`` more in ``market``, ``cash`` more, and its open interest moved."""
        net = self.cash[account] + self.owed(account) + cash
        initial = maintenance = 0
        spots = self.spots[account]
        for place in spots.keys() | ({market} if market >= 0 else set()):
            size = spots[place].size if place in spots else 0
            moved = 0
            if place == market:
                size += delta
                moved = longs
            if size:
                one = self.markets[place]
                own = self.fractions.get((account, place), 0)
                net += one.value(size)
                initial += one.initial(size, one.longs + moved, own)
                maintenance += one.maintenance(size)
        return net, initial, maintenance

    def may(self, account: int, market: int, delta: int, cash: int, longs: int = 0) -> bool:
        """Whether the account covers initial margin after a change, or at least improves."""
        if account < FIRST_USER:
            return True
        after = self.standing(account, market, delta, cash, longs)
        if after[0] >= after[1]:
            return True
        return improves(self.standing(account, market, 0, 0, longs), after)

    def longer(self, account: int, market: int, delta: int) -> int:
        spot = self.spots[account].get(market)
        size = spot.size if spot else 0
        return max(0, size + delta) - max(0, size)

    def is_gated(self, account: int, height: int) -> bool:
        pool = self.pool_of(account)
        seen = self.cross_gate if pool == CROSS else self.markets[pool].gate
        return seen > 0 and height + 1 - seen < self.rulebook.block.gate_blocks

    # fees

    def tiers_of(self, account: int) -> list[VolumeTier]:
        """The fee tiers an account can be in, whatever it has traded."""
        _, referred, vault = self.fee_standing.get(self.roots[account], (0, 0, 0))
        tiers = list(self.rulebook.fee.tiers)
        if vault:
            return tiers[-1:]
        return tiers[min(self.rulebook.fee.referred_tier, len(tiers) - 1) :] if referred else tiers

    def charges(self, market: int) -> set[int]:
        """Shares of the fees that can be charged while the command runs."""
        one = self.markets[market]
        first, last = self.began, self.command.time_ms
        inside = {one.charge} if one.charge_from <= last and first < one.charge_until else set()
        covered = one.charge_from <= first and last < one.charge_until
        return inside if covered else inside | {PPM}

    def fee_rates(self, account: int, market: int, is_taker: bool) -> set[int]:
        staked = self.fee_standing.get(self.roots[account], (0, 0, 0))[0]
        found = set()
        for tier in self.tiers_of(account):
            full = tier.taker_ppm if is_taker else tier.maker_ppm
            discount = 0
            for level in self.rulebook.fee.staking_levels:
                if level.tier == tier.name and staked >= level.staked:
                    discount = level.discount_ppm
            for charge in self.charges(market):
                rate = trunc(full * charge, PPM)
                found.add(trunc(rate * (PPM - discount), PPM) if rate > 0 else rate)
        return found

    def fees(self, account: int, market: int, is_taker: bool, quote: int) -> set[int]:
        return {ceil_div(quote * rate, PPM) for rate in self.fee_rates(account, market, is_taker)}

    # money moves

    def settle(self, account: int) -> None:
        """Pay the account its funding; the events told must say so, position by position."""
        total, due = 0, {}
        for market, spot in self.spots[account].items():
            moved = (spot.index - self.markets[market].index) * spot.size
            if spot.size:
                spot.index = self.markets[market].index
            total += moved
            if moved // PPM:
                due[market] = (moved // PPM, spot.size, self.markets[market].oracle)
        told = {}
        while (
            self.told_funding and self.told_funding[0].account == account and len(told) < len(due)
        ):
            fact = self.told_funding.pop(0)
            told[fact.market] = (fact.money, fact.position_size, fact.price)
        require(told == due, 9, "funding of account", account, "is", due, "but told", told)
        paid = total // PPM
        self.cash[account] += paid
        self.cash[ROUNDING] -= paid
        pool = self.pool_of(account)
        if pool != CROSS and account >= FIRST_USER:
            self.markets[pool].settled += paid

    def gains(self, pool: int, amount: int) -> None:
        if pool == CROSS:
            self.cross_pool += amount
        else:
            self.markets[pool].pool += amount

    def follow(self, account: int, market: int, delta: int, cash: int) -> None:
        """The balance goes with an own-pool position: before it opens, after it closes."""
        if account < FIRST_USER:
            return
        held = self.pool_of(account)
        size = self.size(account, market)
        amount = 0
        if held != CROSS and market == held and size + delta == 0:
            amount = -(self.cash[account] + cash)
        elif held == CROSS and self.markets[market].own_pool:
            amount = self.cash[account]
        if amount:
            require(bool(self.told_pools), 18, "the pools did not follow account", account)
            fact = self.told_pools.pop(0)
            told = fact.account, fact.market, fact.money
            mine = account, market, amount
            require(told == mine, 18, "the pools moved", told, "instead of", mine)
            self.gains(CROSS, -amount)
            self.gains(market, amount)

    def size(self, account: int, market: int) -> int:
        spot = self.spots[account].get(market)
        return spot.size if spot else 0

    def update(self, account: int, market: int, delta: int, quote: int, fee: int) -> int:
        """An account buys a signed size for a signed quote and pays a fee; its closed profit."""
        self.settle(account)
        self.require_apart(account, market)
        self.follow(account, market, delta, -quote - fee)
        self.cash[account] -= quote + fee
        if account < FIRST_USER and self.markets[market].own_pool:
            self.markets[market].outsiders -= quote + fee
        spot = self.spots[account].setdefault(market, Spot())
        if spot.size == 0:
            spot.index = self.markets[market].index
        spot.entry, profit = quote_split(spot.size, spot.entry, delta, quote)
        spot.size += delta
        return profit

    def require_apart(self, account: int, market: int) -> None:
        """A market with its own pool stands alone in an account of a user."""
        if account < FIRST_USER:
            return
        others = [m for m, s in self.spots[account].items() if s.size and m != market]
        alone = self.markets[market].own_pool or self.pool_of(account) not in (CROSS, market)
        require(not (alone and others), 19, "account", account, "mixes", market, "with", others)

    def pays_fees(self, market: int, amount: int) -> None:
        self.cash[FEES] += amount
        self.gains(market if self.markets[market].own_pool else CROSS, -amount)

    def fund_of(self, market: int) -> int:
        one = self.markets[market]
        return one.fund if one.own_pool else self.cash[INSURANCE_FUND]

    def feed_fund(self, market: int, gain: int) -> None:
        """A liquidation fee goes to the fund of the market's pool, or the fund pays the pool."""
        one = self.markets[market]
        self.gains(market if one.own_pool else CROSS, -gain)
        if one.own_pool:
            one.fund += gain
        else:
            self.cash[INSURANCE_FUND] += gain
        require(self.fund_of(market) >= 0, 8, "the fund of market", market, "is overdrawn")

    # liquidation

    def bankruptcy_quote(self, account: int, market: int, delta: int) -> int:
        one, size = self.markets[market], self.size(account, market)
        net, _, total = self.standing(account)
        freed = abs(one.maintenance(size) - one.maintenance(size + delta))
        share = net * freed // total if total > 0 else 0
        return -(one.value(size + delta) - one.value(size)) - share

    def liquidation_gain(self, account: int, market: int, delta: int, received: int) -> int:
        surplus = received - self.bankruptcy_quote(account, market, delta)
        if surplus <= 0:
            return surplus
        cap = abs(received) * self.rulebook.liquidation.maximum_fee_ppm // PPM
        return min(cap, surplus)

    def offset_quote(self, account: int, market: int, delta: int) -> int:
        """What a deleveraged account receives; only a negative one or a market's end allow it."""
        if self.standing(account)[0] < 0:
            return self.bankruptcy_quote(account, market, delta)
        one = self.markets[market]
        require(one.status == MarketStatus.FINAL_SETTLEMENT, 7, "deleveraged without need", account)
        return -one.value(delta)

    def members(self) -> dict[int, int]:
        """Cash of the users in each market's own pool."""
        found = {m: 0 for m, one in enumerate(self.markets) if one.own_pool}
        for account in range(FIRST_USER, len(self.cash)):
            pool = self.pool_of(account)
            if pool != CROSS:
                found[pool] += self.cash[account]
        return found

    def compare_money(self, tables: dict[str, Any]) -> None:
        """Cash, pools and funds in the tables are those in the books."""
        used = int(tables["control"]["accounts_used"][0])
        cash = tables["accounts"]["cash"][:used].tolist()
        require(cash == self.cash, 1, "cash is", cash, "in the tables and", self.cash, "here")
        funds = sum(one.fund for one in self.markets)
        total = sum(cash) + funds
        require(total == self.outside_money, 1, "money", total, "of", self.outside_money)
        pools = sum(one.pool for one in self.markets) + self.cross_pool
        rest = self.outside_money - funds - cash[INSURANCE_FUND] - cash[FEES]
        require(pools == rest, 18, "the pools hold", pools, "of", rest)
        for market, held in self.members().items():
            one = self.markets[market]
            mine = held - one.settled + one.outsiders
            require(one.pool == mine, 18, "pool", market, "has", one.pool, "its members", mine)
        own = [(one.pool, one.outsiders - one.settled, one.fund) for one in self.markets]
        rows = tables["block_markets"]
        names = ("pool_cash", "pool_other_cash", "insurance_cash")
        found = list(zip(*[rows[name].tolist() for name in names], strict=True))
        require(found == own, 18, "pools are", found, "in the tables,", own, "here")
        cross = int(tables["block_rules"]["cross_pool_cash"][0])
        require(cross == self.cross_pool, 18, "cross pool", cross, "here", self.cross_pool)
