"""What a simulation of many price paths is given, and what it gives back.

Floats: nothing here is a ledger. An account is a set of *buckets*, each with cash and positions:
the cross pool, an isolated position, a child account. The equity of a bucket is
``cash + sum(size * price)``, its maintenance margin is summed over the tiers of its positions, and
one bucket never pays for another.
"""

import math
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from seawall.lab.arrays import Floats, Integers
from seawall.lab.paths.kernels.pool_account import PoolAccount

SECONDS_PER_YEAR = 365 * 86_400
PATHS_PER_CHUNK = 8192
"""Paths of one trial; a chunk's numbers depend on the seed and its number alone."""
OPTION_WORK = 3.0
"""What an option takes of a step, in markets."""


class BelowZero(IntEnum):
    """What becomes of a bucket whose equity has jumped below zero, under rules of stages."""

    STAYS = 0
    INSURED = 1
    """A fund pays what is missing; the bucket ends with nothing."""
    CLOSED_AT_ZERO = 2
    """Closed against others at the price at which it is worth nothing."""
    CLOSED_AT_PREVIOUS = 3
    """Closed against others at the prices of the step before: it keeps what it had there."""


class StageRules(NamedTuple):
    """Orders to the book, in part where large, then a backstop that takes the bucket, then others.

    ``partial_above``: USD; positions up to it are closed whole, 0: always whole; ``portion`` of
    larger ones, once per ``cooldown_ms``. ``backstop_ratio``: equity under this share of
    maintenance margin, and the backstop takes the bucket; 0: none. ``lowest``, ``highest``: times
    the mark, outside of which orders do not fill. ``book_first``: whether a bucket that is
    already below the backstop's ratio still meets the book once. ``stops_at_zero``: whether a fill
    that would leave less than zero equity does not happen. ``below_zero``: a ``BelowZero``.
    ``transfer_floor``: share of its notional that money leaving a pool must leave there.
    """

    partial_above: float = 0.0
    portion: float = 1.0
    cooldown_ms: int = 0
    backstop_ratio: float = 0.0
    lowest: float = 0.0
    highest: float = math.inf
    uses_book: bool = True
    book_first: bool = True
    stops_at_zero: bool = True
    below_zero: int = int(BelowZero.CLOSED_AT_ZERO)
    transfer_floor: float = 0.0


class BlockRules(NamedTuple):
    """Every block a part of one position at its fillable price, with a fee. Fractions and USD.

    ``rotates``: whether a block begins with the position of its height.
    """

    block_ms: int = 1
    maximum_fee: float = 0.0
    adjustment: float = 0.0
    spread_to_maintenance: float = 0.0
    position_minimum: float = 0.0
    position_portion: float = 0.0
    account_notional: float = 0.0
    account_insurance: float = 0.0
    rotates: bool = False


class OrderKind(IntEnum):
    """What an order of a path does once its level is reached."""

    LIMIT = 0
    """Rests in the book and is filled at its own price, whole, with the maker's fee."""
    TRIGGER = 1
    """Sent to the book at market when the mark reaches it: a stop or a take-profit."""
    BEFORE_FUNDING = 2
    """Sent at market before the first funding that costs the position more than a rate."""
    TOP_UP = 3
    """Money from outside for the position's bucket, after the step's liquidations."""


class PathOrder(NamedTuple):
    """One order of the account: it reduces the position of its market or adds money to its bucket.

    ``market``: in the order of the account's markets. ``level``: USD, the mark that it waits for
    from above, or from below where it ``rises``. ``lots``: at most so much is closed. ``worst``:
    USD, the worst price that it takes. ``amount``: USD of a top-up. ``rate``: a fraction of
    notional an hour, of ``BEFORE_FUNDING``. ``delay_ms``, ``cost``: of a top-up, until it is there,
    and USD beside the amount. What an order does not use is 0.
    """

    kind: int
    market: int
    level: float = 0.0
    rises: bool = False
    lots: int = 0
    worst: float = 0.0
    amount: float = 0.0
    rate: float = 0.0
    delay_ms: int = 0
    cost: float = 0.0


class PathAccount(Struct, frozen=True, kw_only=True):
    """An account for the path kernel. m markets, b buckets, t tiers at most.

    ``tiers``: (3, m, t) lower notional bounds in USD, padded with infinity, rates and deductions;
    maintenance margin of a notional n is ``n * rate - deduction`` of its tier.
    ``depth``: (m,) USD within 50 bp per side; ``spread``: (m,) fraction of the price. An order of
    q USD fills ``spread / 2 + impact * sqrt(q / depth)`` away from the mark.
    """

    markets: Sequence[str]
    buckets: Sequence[str]
    price: Floats
    size: Floats
    lot: Floats
    bucket: Integers
    cash: Floats
    tiers: Floats
    depth: Floats
    spread: Floats
    impact: float
    fee: Floats
    """(m,) taker fee, a fraction."""
    rules: StageRules | BlockRules
    tick: Floats | None = None
    """(m,) USD; fills are rounded to it against the account. None: not rounded."""
    maker_fee: Floats | None = None
    """(m,) of limit orders, a fraction; below 0 a rebate. None: none is paid."""
    leverage: Floats | None = None
    """(m,) that the account has set: initial margin of the pool is notional over it. None: none."""
    orders: Sequence[PathOrder] = ()
    """In the order in which those that are reached in one step act."""

    @property
    def equity(self) -> Floats:
        """(b,) USD at the starting prices."""
        held = np.bincount(self.bucket, self.size * self.price, minlength=len(self.cash))
        result: Floats = self.cash + held
        return result

    @property
    def needed(self) -> Floats:
        """(m,) USD of maintenance margin at the starting prices."""
        return self.maintenance((np.abs(self.size) * self.price)[:, None])[:, 0]

    def maintenance(self, notional: Floats) -> Floats:
        """USD of maintenance margin of each position, for its (m, n) USD of notional."""
        lower, rates, deductions = self.tiers
        reached = lower[:, :, None] <= notional[:, None, :]
        tier = np.maximum(reached.sum(axis=1) - 1, 0)
        rate, less = (np.take_along_axis(each, tier, 1) for each in (rates, deductions))
        needed: Floats = notional * rate - less
        return needed


class Diffusion(Struct, frozen=True, kw_only=True):
    """Correlated diffusion with common stochastic volatility and jumps. m markets.

    Per step of dt years, with one volatility state v of the path (log, mean-reverting, starts and
    averages at 0) and independent normals turned by ``correlation``::

        log return = drift dt - sigma^2 dt / 2 + sigma sqrt(dt) z + jump
        sigma = volatility * exp(v - its variance in the long run)
        jump  = jump_beta * J with J normal(jump_mean, jump_std), at jump_rate a year, common to all

    The drift is not corrected for jumps: ``jump_mean`` below zero pulls prices down on average.
    """

    drift: Floats
    """(m,) a year."""
    volatility: Floats
    """(m,) a year, a fraction: 0.6 is 60 %."""
    correlation: Floats
    """(m, m)."""
    volatility_of_volatility: float = 0.0
    """Standard deviation of v in the long run."""
    volatility_half_life_days: float = 10.0
    jump_rate: float = 0.0
    """Jumps a year, common to all markets."""
    jump_mean: float = 0.0
    jump_std: float = 0.0
    jump_beta: Floats | None = None
    """(m,) share of the common jump that each market takes; None: 1 for all."""


class Bootstrap(Struct, frozen=True, kw_only=True):
    """Blocks of recorded returns, all markets together, so that they fall together.

    ``returns``: (n, m) log returns of one step each. Blocks start anywhere and wrap around.
    """

    returns: Floats
    block_steps: int
    funding: Floats | None = None
    """(n, m) funding rate of each step, paid by longs; None: the rate of ``FundingRate``."""


class FundingRate(Struct, frozen=True, kw_only=True):
    """An hourly funding rate per market that returns to its mean. m markets.

    ``rate`` and ``mean``: (m,) fraction of notional an hour, paid by longs. ``std``: its standard
    deviation in the long run; the shocks are common to all markets.
    """

    rate: Floats
    mean: Floats
    std: Floats
    half_life_hours: float = 24.0


class PathTask(Struct, frozen=True, kw_only=True):
    """Everything that decides the result. Paths are counted in whole chunks from 0.

    ``antithetic``: odd paths take the mirrored normals of the even path before them.
    """

    account: PathAccount | PoolAccount
    model: Diffusion | Bootstrap
    funding: FundingRate
    steps: int
    step_seconds: float
    paths: int
    seed: int
    antithetic: bool = False

    @property
    def chunks(self) -> int:
        return -(-self.paths // PATHS_PER_CHUNK)

    @property
    def perpetuals(self) -> PathAccount:
        """The account of buckets. Raises TypeError for one in portfolio margin."""
        if not isinstance(self.account, PathAccount):
            raise TypeError("task: is of an account in portfolio margin")
        return self.account

    @property
    def work(self) -> float:
        """Steps of one market on one path that it takes about as long as."""
        of_step = float(len(self.account.price))
        if isinstance(self.account, PoolAccount):
            of_step += OPTION_WORK * len(self.account.options.strike)
        return self.paths * self.steps * of_step


class Outcomes(Struct, frozen=True, kw_only=True):
    """n paths, m markets, b buckets; paths in order.

    ``equity``: (n, b) USD at the end. ``first``: (n, b) the step, from 1, at which the bucket was
    first found under maintenance margin; 0 never. ``touched``: (n, m) the step at which a
    liquidation first took from the position; 0 never. ``funding``, ``cost``: (n,) USD paid as
    funding; fees and slippage paid by liquidation orders. ``taken``: (n,) USD of equity at mark
    that left with a bucket that was taken over or closed against others; below zero where they,
    or a fund, had to bear something. ``final_price``: (n, m). ``acted``: (n, o) the step at which
    each of the account's o orders acted, below zero where it ended unfilled, 0 where it did
    neither. ``order_cost``: (n,) USD of fees and slippage of these orders. ``added``: (n,) USD that
    top-ups brought. ``lowest``: (n,) USD, the least equity of the account at any step or the start,
    after what liquidation did in the step. ``drawdown``: (n,) its largest fall from the highest so
    far, as a fraction of that. ``lacking``: (n, b) of an account in portfolio margin that is kept:
    USD that a part lacked of its maintenance margin at most, below zero where it always had more;
    of another 0, and (n, 0) without portfolio margin.
    """

    equity: Floats
    first: NDArray[np.int32]
    touched: NDArray[np.int32]
    funding: Floats
    cost: Floats
    taken: Floats
    final_price: Floats
    acted: NDArray[np.int32]
    order_cost: Floats
    added: Floats
    lowest: Floats
    drawdown: Floats
    lacking: Floats
