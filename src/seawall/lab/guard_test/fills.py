"""How orders of the guard fill on a path, with the kernel's own booking."""

import math

import numpy as np

from seawall.lab.guard_test.moment import Terms
from seawall.lab.paths.kernels.between import close_between
from seawall.lab.paths.kernels.stages_state import Rules, State

HALVINGS = 40


class Book:
    """The books of one block of paths. An order fills as in ``lab/paths``: half the spread and an
    impact that grows with the square root of the order, from the mark on.

    What a path has taken in a step is missing until the next one, so that parts of an order cost as
    much as the whole. An order takes no more than its worst price allows.
    """

    def __init__(self, terms: Terms, rules: Rules, paths: int) -> None:
        self._terms, self._rules = terms, rules
        self.taken = np.zeros((len(terms.account.price), paths))
        """(m, n) USD that was taken from each book in this step."""
        self.cost = np.zeros(paths)
        """(n,) USD of fees and slippage so far."""

    def refill(self) -> None:
        """The next step."""
        self.taken[...] = 0.0

    def fill(self, state: State, path: int, market: int, units: int, worst: float) -> int:
        """How many units of a position are closed, at most ``units``, at ``worst`` USD at worst."""
        rules, mark = self._rules, float(state.price[market, path])
        size = float(state.size[market, path])
        whole = abs(round(size / float(rules.lot[market])))
        per_lot = float(rules.lot[market]) * float(self._terms.scales.coin[market])
        part = min(whole, -(-units // max(1, round(per_lot))))
        if part <= 0:
            return 0
        is_sale = size > 0.0
        if self._beyond(market, path, mark, part, worst, is_sale):
            part = self._within(market, path, mark, part, worst, is_sale)
        if part <= 0:
            return 0
        price = self._price(market, path, mark, part, is_sale)
        amount = part * float(rules.lot[market])
        close_between(rules, state, path, market, whole, part, price)
        self.taken[market, path] += amount * mark
        away = mark - price if is_sale else price - mark
        self.cost[path] += amount * (away + price * rules.fee[market])
        return round(part * per_lot)

    def _within(
        self, market: int, path: int, mark: float, part: int, worst: float, is_sale: bool
    ) -> int:
        """The most lots of ``part`` that fill within the worst price."""
        low, high = 0, part
        for _ in range(HALVINGS):
            middle = (low + high + 1) // 2
            if low >= high:
                break
            if self._beyond(market, path, mark, middle, worst, is_sale):
                high = middle - 1
            else:
                low = middle
        return low

    def _beyond(
        self, market: int, path: int, mark: float, part: int, worst: float, is_sale: bool
    ) -> bool:
        price = self._price(market, path, mark, part, is_sale)
        return price < worst if is_sale else price > worst

    def _price(self, market: int, path: int, mark: float, part: int, is_sale: bool) -> float:
        """USD, the average price of so many lots, rounded to the tick against the account."""
        rules = self._rules
        amount, taken = part * float(rules.lot[market]) * mark, self.taken[market, path]
        depth = float(rules.depth[market])

        def cost(volume: float) -> float:
            return volume * math.sqrt(volume / depth)

        away = rules.spread[market] / 2.0
        away += rules.impact * (cost(taken + amount) - cost(taken)) / amount
        price = mark * (1.0 - away) if is_sale else mark * (1.0 + away)
        tick = rules.tick[market]
        if tick <= 0.0:
            return float(price)
        return float((np.floor(price / tick) if is_sale else np.ceil(price / tick)) * tick)


def depth_within(depth: float, spread: float, impact: float, cap: float) -> float:
    """USD that fill within a slippage."""
    room = cap - spread / 2.0
    if room <= 0.0:
        return 0.0
    return math.inf if impact == 0.0 else depth * (room / impact) ** 2
