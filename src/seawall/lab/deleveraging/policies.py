"""The policies: from a wave to what each winner loses of the position, or pays in money.

Two kinds. Policies that **close** take contracts: the winner gets the close price and is out of the
market. Policies that **pay** take profit in money and leave positions open; no winner pays more
than the unrealised profit, nor more than the equity. Venues close; paying is what is proposed
instead. With ``Terms.in_contracts`` the shares of the paying ones are taken in contracts, as a
venue could do today.

Sources: the rank is that of the venue whose rulebook ranks, the rotation that of the one whose
rulebook rotates (docs/start/venues.md); capped pro-rata, risk-aware pro-rata and the projection are
defined in "Autodeleveraging: Impossibilities and Optimization" (arXiv 2512.01112).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from seawall.lab.arrays import Floats
from seawall.lab.deleveraging.sharing import (
    queue_filling,
    rounded_down,
    rounded_up,
    water_filling,
    whole_steps,
)
from seawall.lab.deleveraging.wave import DeleveragingWave


class Terms(Struct, frozen=True, kw_only=True):
    """What policies may be asked to keep to.

    ``start``: with which winner the rotation begins, modulo their number; ``visits``: how many it
    asks at most. ``largest_share``: of a winner's profit that paying may take. ``power``: of the
    risk model g(leverage) = leverage ** power. ``in_contracts``: pro-rata policies close contracts.
    """

    start: int = 0
    visits: int | None = None
    largest_share: float = 1.0
    power: float = 1.0
    in_contracts: bool = False


class Taking(NamedTuple):
    """Contracts closed and USD paid of each winner, shape (n,)."""

    closed: Floats
    paid: Floats


Rule = Callable[[DeleveragingWave, Terms], Taking]


class Policy(NamedTuple):
    """``key``: in JSON and tables of numbers. ``closes``: whether positions are always closed."""

    key: str
    name: str
    closes: bool
    rule: Rule


def rank(wave: DeleveragingWave) -> Floats:
    """Profit factor x leverage, (mark / entry) x (notional / equity); entry / mark for shorts.

    The larger, the sooner. -1 without equity: such a winner is not asked.
    """
    ratio = wave.mark_price / wave.winners.entry_price
    factor = 1 / ratio if wave.closes_longs else ratio
    return np.where(wave.winners.equity > 0, factor * wave.leverage, -1.0)


def queue_order(wave: DeleveragingWave) -> np.ndarray:
    """The order of the queue, by falling rank; the older account of equals first. Shape (n,)."""
    return np.argsort(-rank(wave), kind="stable")


def bearable_size(wave: DeleveragingWave) -> Floats:
    """Contracts of each winner that can be closed without leaving a debt.

    Without equity it is none; where the close price is worse than the mark, the loss may not be
    more than the equity.
    """
    equity = np.maximum(0.0, wave.winners.equity)
    size = np.where(equity > 0, wave.winners.size, 0.0)
    if wave.gap > 0:
        size = np.minimum(size, equity / wave.gap)
    return rounded_down(size, wave.step)


def rank_queue(wave: DeleveragingWave, _: Terms) -> Taking:
    """Close by falling rank, each as far as it can bear, until the size is closed."""
    size = rounded_up(wave.size, wave.step)
    return _closing(queue_filling(size, queue_order(wave), bearable_size(wave)))


def rotating_offset(wave: DeleveragingWave, terms: Terms) -> Taking:
    """Close in the order of accounts from ``terms.start`` on, without ranks.

    Each gives at most its whole position; who cannot bear what it would give is passed over.
    """
    sizes, equity = rounded_down(wave.winners.size, wave.step), wave.winners.equity
    gap, count = max(0.0, wave.gap), len(sizes)
    closed = np.zeros(count)
    left = rounded_up(wave.size, wave.step)
    visits = count if terms.visits is None else min(count, terms.visits)
    for place in range(terms.start, terms.start + visits):
        if left <= 0:
            break
        index = place % count
        part = min(left, float(sizes[index]))
        if equity[index] > 0 and part * gap <= equity[index]:
            closed[index] = part
            left -= part
    return _closing(closed)


def pro_rata_contracts(wave: DeleveragingWave, _: Terms) -> Taking:
    """Close the same share of every position, in whole steps by the largest remainder."""
    return _closing(_shared_closing(wave, wave.winners.size, bearable_size(wave)))


def profit_queue(wave: DeleveragingWave, terms: Terms) -> Taking:
    """Take whole profits by falling rank until what is needed is met: the queue in money."""
    return _paying(queue_filling(wave.needed, queue_order(wave), _payable(wave, terms)))


def pro_rata_profit(wave: DeleveragingWave, terms: Terms) -> Taking:
    """The same share of every profit (as far as the equity covers it)."""
    return _shared(wave, terms, wave.capacity)


def pro_rata_equity(wave: DeleveragingWave, terms: Terms) -> Taking:
    """The same share of every equity, at most the profit: the least largest haircut."""
    return _shared(wave, terms, np.maximum(0.0, wave.winners.equity))


def pro_rata_notional(wave: DeleveragingWave, terms: Terms) -> Taking:
    """By the notional of positions, at most the profit."""
    return _shared(wave, terms, wave.notional)


def risk_aware(wave: DeleveragingWave, terms: Terms) -> Taking:
    """More from the more leveraged: shares of profit in proportion to leverage x g(leverage).

    Share of profit min(largest share, level x leverage x g(leverage)) with g(x) = x ** power.
    """
    weight = wave.leverage ** (1.0 + terms.power)
    return _shared(wave, terms, wave.capacity * weight)


def projection(wave: DeleveragingWave, terms: Terms) -> Taking:
    """Shares of profit with the least sum of squares: each in proportion to the profit.

    The Euclidean projection of zero payments onto all ways to raise what is needed, which is where
    one step of mirror descent from there ends ("vector" in the paper). Money taken goes with the
    square of the profit: the large pay.
    """
    return _shared(wave, terms, wave.capacity**2)


POLICIES = (
    Policy("rank_queue", "rank queue", True, rank_queue),
    Policy("rotating_offset", "rotating offset", True, rotating_offset),
    Policy("pro_rata_contracts", "pro-rata of contracts", True, pro_rata_contracts),
    Policy("profit_queue", "queue of profits", False, profit_queue),
    Policy("pro_rata_profit", "pro-rata of profit", False, pro_rata_profit),
    Policy("pro_rata_equity", "pro-rata of equity", False, pro_rata_equity),
    Policy("pro_rata_notional", "pro-rata of notional", False, pro_rata_notional),
    Policy("risk_aware", "risk-aware pro-rata", False, risk_aware),
    Policy("projection", "least squares", False, projection),
)


def _payable(wave: DeleveragingWave, terms: Terms) -> Floats:
    return terms.largest_share * wave.capacity


def _shared(wave: DeleveragingWave, terms: Terms, weights: Floats) -> Taking:
    """What is needed, by weights: in money, or in contracts that bring it."""
    payable = _payable(wave, terms)
    if not terms.in_contracts:
        return _paying(water_filling(wave.needed, weights, payable))
    most = bearable_size(wave)
    if wave.gap > 0:
        most = rounded_down(np.minimum(most, payable / wave.gap), wave.step)
    return _closing(_shared_closing(wave, weights, most))


def _shared_closing(wave: DeleveragingWave, weights: Floats, most: Floats) -> Floats:
    size = rounded_up(wave.size, wave.step)
    return whole_steps(water_filling(size, weights, most), most, wave.step)


def _closing(closed: Floats) -> Taking:
    return Taking(closed, np.zeros(len(closed)))


def _paying(paid: Floats) -> Taking:
    return Taking(np.zeros(len(paid)), paid)
