"""One liquidation: keepers that act where it pays, against the price of gas, with what they own.

Every payment has two sides, so that the money of all parties together is the same at the end as at
the start, as an equality of integers.
"""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from msgspec import Struct, structs

from seawall.domain.units import MICRO, PPM
from seawall.lab.arrays import Floats, Integers
from seawall.lab.keepers.gas import Gas
from seawall.lab.keepers.mechanism import WHOLE, Mechanism, Offer, Standing
from seawall.lab.market.liquidity import BP, CUMULATIVE

PARTS = (1, 2, 4, 8, 16)
"""A keeper for which the largest share does not pay tries smaller ones."""


class Party(StrEnum):
    """Whose money it is. The market: price moves and what a keeper loses when it closes."""

    ACCOUNT = "account"
    KEEPERS = "keepers"
    FUND = "fund"
    LENDERS = "lenders"
    NETWORK = "network"
    MARKET = "market"


class Bucket(Struct, frozen=True, kw_only=True, eq=False):
    """n times, m markets. Micro-USD, with all positions open: ``equity``, ``maintenance`` (n,),
    ``notional`` (n, m). ``depth``: USD within 50 bp (n, m). ``index``: of the price that the
    network follows (n,)."""

    times_ms: Integers
    equity: Integers
    maintenance: Integers
    notional: Integers
    depth: Floats
    index: Floats


class Keeper(Struct, frozen=True, kw_only=True):
    """``money``: micro-USD. ``gas_limit``: millionths of a gwei that its program pays at most.

    ``margin_ppm``: the profit that it asks for, of what it takes over.
    """

    money: int
    gas_limit: int
    margin_ppm: int = 0


class Take(Struct, frozen=True, kw_only=True):
    """One keeper takes a share of ``WHOLE`` of what was there at first. Micro-USD."""

    step: int
    keeper: int
    share: int
    discount: int
    reward: int
    slippage: int
    gas: int
    is_zero_bid: bool = False

    @property
    def profit(self) -> int:
        """What the keeper gains."""
        return self.discount + self.reward - self.slippage - self.gas


class Liquidation(Struct, frozen=True, kw_only=True):
    """What became of one bucket. ``money``: micro-USD by party at the end.

    ``began``: step at which it was first liquidatable, None for never. ``left``: share of the
    positions at the end. ``stuck``: how often a keeper would have acted and the network did not
    take its transaction.
    """

    money: dict[Party, int]
    first_money: int
    began: int | None
    takes: tuple[Take, ...]
    left: int
    stuck: int

    @property
    def is_conserved(self) -> bool:
        """Whether all money together is what it was."""
        return sum(self.money.values()) == self.first_money


def slippage(notional: Integers, depth: Floats) -> int:
    """Micro-USD that selling this in one go costs, by the book of ``market/liquidity``.

    Beyond its last order, what is sold goes for the price there.
    """
    found = 0.0
    for usd, calm in zip((notional / MICRO).tolist(), depth.tolist(), strict=True):
        sold = usd / max(1.0, calm)
        cost, last, at = 0.0, 0.0, 0.0
        for share, distance in _LADDER:
            here = min(sold, share) - last
            if here <= 0:
                break
            cost += here * (at + (distance - at) / (share - last) * here / 2)
            last, at = share, distance
        cost += max(0.0, sold - _LADDER[-1][0]) * _LADDER[-1][1]
        found += cost * max(1.0, calm)
    return round(found * MICRO)


_LADDER = tuple((share, bp * BP) for bp, share in CUMULATIVE[1:])
"""Depths that lie within a distance from the middle, and that distance as a fraction."""


class _Ledger:
    """Money by party; every payment goes from one to another."""

    def __init__(self, account: int, fund: int) -> None:
        self.money = dict.fromkeys(Party, 0)
        self.money[Party.ACCOUNT], self.money[Party.FUND] = account, fund
        self.first = account + fund

    def pay(self, source: Party, target: Party, amount: int) -> None:
        """Below zero: the other way round."""
        self.money[source] -= amount
        self.money[target] += amount


def liquidate(
    bucket: Bucket,
    mechanism: Mechanism,
    gas: Gas,
    gas_prices: Integers,
    keepers: Sequence[Keeper],
    fund: int,
    seed: int,
) -> Liquidation:
    """The bucket from its first step to its last. ``fund``: micro-USD of the insurance fund."""
    return _Run(bucket, mechanism, gas, gas_prices, keepers, fund, seed).result()


class _Run:
    """The state of one liquidation."""

    def __init__(
        self, bucket: Bucket, mechanism: Mechanism, gas: Gas, gas_prices: Integers,
        keepers: Sequence[Keeper], fund: int, seed: int,
    ) -> None:  # fmt: skip
        self._bucket, self._mechanism, self._gas = bucket, mechanism, gas
        # Plain integers: a step is a handful of sums.
        self._times: list[int] = bucket.times_ms.tolist()
        self._equity: list[int] = bucket.equity.tolist()
        self._maintenance: list[int] = bucket.maintenance.tolist()
        self._worth: list[int] = bucket.notional.sum(axis=1).tolist()
        self._gas_prices, self._keepers = gas_prices, keepers
        self._random = np.random.Generator(np.random.Philox(key=[seed, 13]))
        self._ledger = _Ledger(int(bucket.equity[0]), fund)
        self._left = WHOLE
        self._began: int | None = None
        self._auction: int | None = None
        """The step at which the auction that runs began."""
        self._takes: list[Take] = []
        self._stuck = 0
        self._known: dict[int, int] = {}
        """Slippage of this step by share."""

    def result(self) -> Liquidation:
        """After the last step, or when nothing is left."""
        steps, first = len(self._times), self._first()
        # Up to there nothing happens: one move.
        self._ledger.pay(Party.MARKET, Party.ACCOUNT, self._equity[first] - self._equity[0])
        for step in range(first, steps):
            if step > first:
                self._move(step)
            standing = self._standing(step)
            if self._takes and standing.debt <= 0:
                # What is left is the account's own: nothing can liquidate it any more.
                break
            if not self._mechanism.is_liquidatable(standing):
                self._auction = None
                continue
            if self._auction is None:
                self._auction = step
                self._began = step if self._began is None else self._began
            self._act(step)
            if not self._left:
                break
        self._settle()
        return Liquidation(
            money=self._ledger.money,
            first_money=self._ledger.first,
            began=self._began,
            takes=tuple(self._takes),
            left=self._left,
            stuck=self._stuck,
        )

    def _first(self) -> int:
        """The first step at which the bucket can be liquidated, or the last."""
        lost = self._mechanism.numbers["lost_ppm"]
        for step, (equity, needed) in enumerate(zip(self._equity, self._maintenance, strict=True)):
            most = (PPM - lost) * self._equity[0] if lost else PPM * needed - 1
            if PPM * equity <= most:
                return step
        return len(self._equity) - 1

    def _move(self, step: int) -> None:
        """What the price move gives the positions that are left."""
        moved = self._equity[step] - self._equity[step - 1]
        self._ledger.pay(Party.MARKET, Party.ACCOUNT, moved * self._left // WHOLE)

    def _standing(self, step: int) -> Standing:
        first = step if self._auction is None else self._auction
        return Standing(
            equity=self._ledger.money[Party.ACCOUNT],
            maintenance=self._maintenance[step] * self._left // WHOLE,
            notional=self._worth[step] * self._left // WHOLE,
            start_equity=self._equity[0] * self._left // WHOLE,
            first_notional=self._worth[first] * self._left // WHOLE,
        )

    def _act(self, step: int) -> None:
        """One keeper at most takes a part."""
        assert self._auction is not None
        self._known.clear()
        elapsed = self._times[step] - self._times[self._auction]
        if self._mechanism.kind == "rising_bid":
            if elapsed >= self._mechanism.numbers["bid_ms"]:
                self._award(step)
            return
        offer = self._mechanism.offer(self._standing(step), elapsed)
        if offer.has_ended:
            self._auction = step
            offer = self._mechanism.offer(self._standing(step), 0)
        for keeper in self._random.permutation(len(self._keepers)).tolist():
            take = self._best(step, keeper, offer)
            if take is None:
                continue
            if self._keepers[keeper].gas_limit < int(self._gas_prices[step]):
                self._stuck += 1
                continue
            self._book(take, offer.fee)
            return

    def _best(self, step: int, keeper: int, offer: Offer) -> Take | None:
        """The largest of the parts that pays for a keeper."""
        needs = self._notional(step, WHOLE) * self._mechanism.numbers["funding_ppm"] // PPM
        money = self._keepers[keeper].money
        most = min(offer.most, WHOLE if needs <= money else WHOLE * money // needs)
        # Once for each liquidation: to the keeper that starts it by taking first.
        reward = 0 if self._takes else min(offer.reward, self._fund)
        gas = self._cost(step)
        for share in (most // part for part in PARTS):
            discount = offer.discount * share // WHOLE
            if discount + reward <= gas:
                return None
            slipped = self._slippage(step, share)
            asked = self._notional(step, share) * self._keepers[keeper].margin_ppm // PPM
            if discount + reward - gas - slipped > (asked if needs else 0):
                return Take(
                    step=step, keeper=keeper, share=share, discount=discount, reward=reward,
                    slippage=slipped, gas=gas,
                )  # fmt: skip
        return None

    @property
    def _fund(self) -> int:
        return max(0, self._ledger.money[Party.FUND])

    def _notional(self, step: int, share: int) -> int:
        """Of a share of what is left."""
        whole = self._worth[step] * self._left // WHOLE
        return whole * share // WHOLE

    def _slippage(self, step: int, share: int) -> int:
        if not self._mechanism.numbers["funding_ppm"]:
            return 0
        if share not in self._known:
            part = self._bucket.notional[step] * (self._left * share / WHOLE / WHOLE)
            self._known[share] = slippage(part.astype(np.int64), self._bucket.depth[step])
        return self._known[share]

    def _cost(self, step: int) -> int:
        return self._gas.cost(self._mechanism.numbers["gas_units"], int(self._gas_prices[step]))

    def _award(self, step: int) -> None:
        """Bids rise to what the second would pay; a keeper without a rival bids nothing."""
        assert self._auction is not None
        window = self._gas_prices[self._auction : step + 1]
        least = int(window.min())
        whole = self._notional(step, WHOLE)
        cost = self._gas.cost(self._mechanism.numbers["gas_units"], least)
        worth = whole - self._slippage(step, WHOLE) - cost
        standing = self._standing(step)
        rivals = []
        for number, each in enumerate(self._keepers):
            if each.gas_limit < least:
                self._stuck += 1
                continue
            asked = whole * each.margin_ppm // PPM
            if worth > asked:
                rivals.append((min(worth - asked, each.money), number))
        if not rivals:
            self._auction = step
            return
        # Of equal bids the one that the network takes first.
        order = self._random.permutation(len(rivals)).tolist()
        ranked = sorted((rivals[place] for place in order), key=lambda each: -each[0])
        bid = ranked[1][0] if len(ranked) > 1 else 0
        penalty = standing.debt * self._mechanism.numbers["penalty_ppm"] // PPM
        target = standing.debt + penalty
        # Once the debt and the penalty are bid, bids are for less of the positions.
        share = WHOLE if bid <= target else -(-WHOLE * target // bid)
        discount = (whole - bid) * share // WHOLE
        paid = max(0, min(penalty, bid * share // WHOLE - standing.debt))
        take = Take(
            step=step,
            keeper=ranked[0][1],
            share=share,
            discount=discount,
            reward=0,
            slippage=self._slippage(step, share),
            gas=cost,
            is_zero_bid=bid == 0,
        )
        if take.profit > 0:
            self._book(take, paid * WHOLE // share)
        else:
            self._auction = step

    def _book(self, take: Take, fee: int) -> None:
        pay = self._ledger.pay
        pay(Party.ACCOUNT, Party.KEEPERS, take.discount)
        pay(Party.ACCOUNT, Party.FUND, fee * take.share // WHOLE)
        pay(Party.FUND, Party.KEEPERS, take.reward)
        pay(Party.KEEPERS, Party.MARKET, take.slippage)
        pay(Party.KEEPERS, Party.NETWORK, take.gas)
        taken = self._left * take.share // WHOLE
        self._left -= taken
        # Of what was there at first.
        self._takes.append(structs.replace(take, share=taken))

    def _settle(self) -> None:
        """What is below zero is paid by the fund as far as it goes, then by the lenders."""
        missing = -self._ledger.money[Party.ACCOUNT]
        if missing <= 0:
            return
        from_fund = min(missing, self._fund)
        self._ledger.pay(Party.FUND, Party.ACCOUNT, from_fund)
        self._ledger.pay(Party.LENDERS, Party.ACCOUNT, missing - from_fund)
