"""A population of accounts drawn from a distribution: who holds what, with how much behind it.

Two kinds. The **crowd**: many accounts, most of them long, with leverage that is lower the larger
they are. The **hedgers**: a few large accounts with little leverage in each market, who hold what
is left, so that longs equal shorts exactly (the account under study included).

Each account has one to three markets, chosen by the square root of open interest. Sizes are
log-normal; within one market and side they are scaled so that the crowd holds its share of the open
interest. An account owns what its leverage says at the first price; its entries are spread around
that price, so some are winning and some are losing. All of it follows from the seed.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct, structs

from seawall.domain.errors import InputError
from seawall.domain.holdings import Holdings
from seawall.domain.instrument import Instrument
from seawall.domain.units import MAX_SIZE, MICRO, PPM
from seawall.lab.arrays import Floats, Integers, Mask
from seawall.lab.market.scenario import Crowd
from seawall.lab.market.table_file import Table

POSITIONS_CHANCES = (0.6, 0.25, 0.15)
"""Chances of one, two and three positions."""
AGAINST = 0.15
"""Chance that a position is on the other side than its owner's usual one."""
LARGEST_SHARE = 0.02
"""Of what the crowd holds in one market and side, by one account."""
TYPICAL_USD = 10_000.0
SIZE_EXPONENT = -0.08
"""Leverage falls with the notional to this power: a hundred times the notional, 0.69 of it."""
ROOM = 0.9
"""Share of the largest allowed leverage that is used at most, so that no account starts at it."""
HEDGERS = 3
"""On each side of each market."""
HEDGER_LEVERAGE = 1.5
LEAST_DEPOSIT = 0.02
"""Of the equity; an account that has won more than the rest entered at the first price instead."""
LEVERAGE_COLUMNS = ("leverage", "leverage_realtime")
USED_LEVERAGES = (1.0, 100.0)
FEWEST_LEVERAGES = 10


class Distribution(Struct, frozen=True, kw_only=True):
    """What the crowd is drawn from; shares of 1.

    ``crowd_share``: of all positions by notional. ``long_share``: of the crowd's notional.
    ``leverage_median`` of an account of 10,000 USD and ``leverage_sigma`` of its logarithm;
    ``leverages``: drawn from these instead, where a file gave them. ``entry_spread``: standard
    deviation of the logarithm of entry over first price.
    """

    accounts: int = 2000
    crowd_share: float = 0.5
    long_share: float = 0.7
    isolated_share: float = 0.3
    leverage_median: float = 6.0
    leverage_sigma: float = 0.7
    size_sigma: float = 1.6
    entry_spread: float = 0.05
    leverages: tuple[float, ...] = ()


class Population(Struct, frozen=True, kw_only=True):
    """n accounts with p positions. Money in micro-USD, sizes in the markets' units.

    ``owner`` (p,): account, from 0; ``market``, ``signed_size``, ``entry_notional`` (unsigned),
    ``setting`` (leverage, a whole multiple), ``is_isolated``, ``margin`` (deposited for it) (p,).
    ``leverage`` (gross notional over equity), ``notional`` (USD), ``is_hedger`` (n,).
    """

    owner: Integers
    market: Integers
    signed_size: Integers
    entry_notional: Integers
    setting: Integers
    is_isolated: Mask
    margin: Integers
    leverage: Floats
    notional: Floats
    is_hedger: Mask

    @property
    def accounts(self) -> int:
        return len(self.leverage)

    @property
    def deposit(self) -> Integers:
        """(n,) what each account deposits: the margin of its positions."""
        return self.by_owner(self.margin)

    def by_owner(self, values: Integers) -> Integers:
        """(n,) sums of (p,) over the positions of each account."""
        found = np.zeros(self.accounts, np.int64)
        np.add.at(found, self.owner, values)
        return found


def pooled(population: Population) -> Population:
    """The same accounts for rules without isolated mode: each has its money in its pool."""
    return structs.replace(population, is_isolated=np.zeros_like(population.is_isolated))


def population_of(
    crowds: Sequence[Crowd], instruments: Sequence[Instrument], prices: Integers
) -> Population | None:
    """The accounts of a scenario's crowds, who entered at the first price with just their margin.

    ``prices`` in units. None where no crowd is in any of the markets.
    """
    names = [each.name for each in instruments]
    rows = []
    for crowd in crowds:
        if crowd.market not in names:
            continue
        market = names.index(crowd.market)
        size = int(crowd.notional * MICRO) // int(prices[market])
        for number in range(crowd.accounts):
            leverage = min(crowd.leverage_of(number), instruments[market].maximum_leverage)
            value = size * int(prices[market])
            signed = size if crowd.is_long else -size
            rows.append((market, signed, value, leverage, value // leverage, crowd.is_isolated))
    if not rows:
        return None
    table = np.asarray(rows, dtype=np.int64)
    market, signed_size, value, leverage, margin, isolated = (each.copy() for each in table.T)
    return Population(
        owner=np.arange(len(rows)), market=market, signed_size=signed_size, entry_notional=value,
        setting=leverage, is_isolated=isolated.astype(np.bool_), margin=margin,
        leverage=leverage.astype(np.float64), notional=value / MICRO,
        is_hedger=np.zeros(len(rows), np.bool_),
    )  # fmt: skip


def sizes_held(plan: Holdings, markets: int) -> Integers:
    """Signed size that an account holds in each of so many markets."""
    found = np.zeros(markets, np.int64)
    for each in plan.positions:
        found[each.market] += each.signed_size
    return found


class PopulationError(InputError):
    """A file that holds no leverages; the message says what it should hold."""


def read_leverages(file: Path) -> tuple[float, ...]:
    """Leverages of real accounts from a file, sorted. Raises PopulationError.

    A parquet or CSV file with one row an account and a column ``leverage`` or ``leverage_realtime``
    (notional over equity). Values outside 1 to 100 are left out: below 1 no account is liquidated
    by a crash that matters, and above 100 equity was about to be nothing when it was read.
    """
    table = Table.read(file, PopulationError, LEVERAGE_COLUMNS)
    numbers = table.numbers(table.first_of(*LEVERAGE_COLUMNS), empty_allowed=True)
    least, most = USED_LEVERAGES
    usable = numbers[(numbers >= least) & (numbers <= most)]
    if len(usable) < FEWEST_LEVERAGES:
        raise table.fail(
            f"{len(usable)} leverages from {least:g} to {most:g}; at least {FEWEST_LEVERAGES} are "
            "needed"
        )
    return tuple(np.sort(usable).tolist())


def largest_leverage(instrument: Instrument, notional: Floats) -> Floats:
    """What the market allows a position of so many USD."""
    terms = instrument.block_terms
    if terms is not None and terms.fractions.initial_ppm:
        return np.full(len(notional), PPM / terms.fractions.initial_ppm)
    bounds = np.asarray([tier.lower_bound / MICRO for tier in instrument.tiers])
    allowed = np.asarray([float(tier.maximum_leverage) for tier in instrument.tiers])
    found: Floats = allowed[np.searchsorted(bounds, notional, side="right") - 1]
    return found


class _Crowd(Struct):
    """p positions of the crowd; money in micro-USD. ``sign``: 1 for longs, -1 for shorts."""

    accounts: int
    owner: Integers
    market: Integers
    sign: Integers
    size: Integers
    value: Integers
    leverage: Floats

    def by_owner(self, each: Integers | Floats) -> Floats:
        """Sums by account."""
        found: Floats = np.asarray(np.bincount(self.owner, each, self.accounts), np.float64)
        return found


def draw_population(
    distribution: Distribution,
    instruments: Sequence[Instrument],
    prices: Integers,
    open_interest: Floats,
    own_size: Integers,
    seed: int,
) -> Population:
    """``prices`` (units) and ``open_interest`` (USD of one side) of each market.

    ``own_size``: signed, what the account under study holds.
    """
    random = np.random.Generator(np.random.Philox(key=[seed, 1]))
    owner, market, is_long, raw = _who_holds(distribution, open_interest, random)
    usd = _scaled(distribution, raw, market, is_long, open_interest)
    size = np.minimum(np.floor(usd * MICRO / prices[market]), MAX_SIZE).astype(np.int64)
    held = size > 0
    crowd = _Crowd(
        accounts=distribution.accounts,
        owner=owner[held],
        market=market[held],
        sign=np.where(is_long[held], 1, -1),
        size=size[held],
        value=size[held] * prices[market[held]],
        leverage=np.zeros(0),
    )
    crowd.leverage = _leverages(distribution, crowd, instruments, random)
    moved = random.normal(0.0, distribution.entry_spread, len(crowd.size))
    entry, margin = _funded(crowd, moved)
    drawn = random.random(distribution.accounts)
    is_isolated = (drawn < distribution.isolated_share)[crowd.owner]
    most = np.asarray([each.maximum_leverage for each in instruments], dtype=np.int64)
    market, hedge = _hedges(crowd, prices, open_interest, own_size)
    return _joined(crowd, entry, margin, is_isolated, most, market, hedge, prices)


def _who_holds(
    distribution: Distribution, open_interest: Floats, random: np.random.Generator
) -> tuple[Integers, Integers, Mask, Floats]:
    """Owner, market, side and unscaled USD of every position of the crowd."""
    markets = len(open_interest)
    counts = 1 + random.choice(len(POSITIONS_CHANCES), distribution.accounts, p=POSITIONS_CHANCES)
    counts = np.minimum(counts, markets)
    # Largest of weights plus Gumbel noise: a draw without replacement, for all accounts at once.
    keys = 0.5 * np.log(open_interest) + random.gumbel(size=(distribution.accounts, markets))
    most = min(len(POSITIONS_CHANCES), markets)
    chosen = np.argsort(-keys, axis=1, kind="stable")[:, :most]
    taken = np.arange(most) < counts[:, None]
    owner = np.repeat(np.arange(distribution.accounts), counts)
    market = chosen[taken].astype(np.int64)
    bias = random.random(distribution.accounts) < _bias(distribution.long_share)
    is_long = bias[owner] ^ (random.random(len(owner)) < AGAINST)
    wealth = random.lognormal(0.0, distribution.size_sigma, distribution.accounts)
    raw = wealth[owner] / counts[owner] * random.uniform(0.5, 1.5, len(owner))
    return owner, market, is_long, raw


def _bias(long_share: float) -> float:
    """The share of accounts that are usually long, so that positions are so by ``long_share``."""
    return float(np.clip((long_share - AGAINST) / (1.0 - 2.0 * AGAINST), 0.0, 1.0))


def _scaled(
    distribution: Distribution,
    raw: Floats,
    market: Integers,
    is_long: Mask,
    open_interest: Floats,
) -> Floats:
    """USD of each position: the crowd's share of each market and side, none above the largest."""
    side_share = np.asarray([1.0 - distribution.long_share, distribution.long_share])
    target = 2.0 * distribution.crowd_share * open_interest[:, None] * side_share
    target = np.minimum(target, open_interest[:, None]).ravel()
    group = 2 * market + is_long
    total = np.bincount(group, raw, len(target))
    positions = np.maximum(1, np.bincount(group, minlength=len(target)))
    capped = np.minimum(raw, np.maximum(LARGEST_SHARE * total, total / positions)[group])
    total = np.bincount(group, capped, len(target))
    factor = np.divide(target, total, out=np.zeros_like(target), where=total > 0)
    found: Floats = capped * factor[group]
    return found


def _leverages(
    distribution: Distribution,
    crowd: _Crowd,
    instruments: Sequence[Instrument],
    random: np.random.Generator,
) -> Floats:
    """Of each position: its owner's, at most what the market allows at this size."""
    usd = crowd.value / MICRO
    if distribution.leverages:
        drawn = random.choice(np.asarray(distribution.leverages), distribution.accounts)
    else:
        drawn = distribution.leverage_median * random.lognormal(
            0.0, distribution.leverage_sigma, distribution.accounts
        )
        drawn *= (np.maximum(crowd.by_owner(usd), 1.0) / TYPICAL_USD) ** SIZE_EXPONENT
    allowed = np.empty(len(usd))
    for number, instrument in enumerate(instruments):
        here = crowd.market == number
        allowed[here] = ROOM * largest_leverage(instrument, usd[here])
    found: Floats = np.clip(drawn[crowd.owner], 1.0, np.maximum(1.0, allowed))
    return found


def _funded(crowd: _Crowd, moved: Floats) -> tuple[Integers, Integers]:
    """Entry notional and margin of each position: its equity is value / leverage.

    ``moved``: logarithm of entry over first price.
    """
    entry = np.maximum(1, np.rint(crowd.value * np.exp(moved))).astype(np.int64)
    equity = np.maximum(1, np.rint(crowd.value / crowd.leverage)).astype(np.int64)
    margin = equity - crowd.sign * (crowd.value - entry)
    has_won = margin < LEAST_DEPOSIT * equity
    return np.where(has_won, crowd.value, entry), np.where(has_won, equity, margin)


def _hedges(
    crowd: _Crowd, prices: Integers, open_interest: Floats, own_size: Integers
) -> tuple[Integers, Integers]:
    """Market and signed size of every hedger: what longs and shorts of a market lack."""
    longs, shorts = np.maximum(own_size, 0), np.maximum(-own_size, 0)
    np.add.at(longs, crowd.market, np.where(crowd.sign > 0, crowd.size, 0))
    np.add.at(shorts, crowd.market, np.where(crowd.sign < 0, crowd.size, 0))
    whole = np.floor(open_interest * MICRO / prices).astype(np.int64)
    whole = np.maximum(whole, np.maximum(longs, shorts))
    missing = np.stack([whole - longs, whole - shorts])
    parts = np.repeat((missing // HEDGERS)[:, :, None], HEDGERS, axis=2)
    parts[:, :, 0] += missing - HEDGERS * (missing // HEDGERS)
    side, market, _ = found = np.nonzero(parts)
    return market, np.where(side == 0, parts[found], -parts[found])


def _joined(
    crowd: _Crowd,
    entry: Integers,
    margin: Integers,
    is_isolated: Mask,
    most: Integers,
    hedged: Integers,
    hedge: Integers,
    prices: Integers,
) -> Population:
    """The crowd, then one account for each hedge."""
    accounts, hedgers = crowd.accounts, len(hedge)
    hedge_value = np.abs(hedge) * prices[hedged]
    equity, gross = crowd.by_owner(crowd.value / crowd.leverage), crowd.by_owner(crowd.value)
    leverage = np.divide(gross, equity, out=np.zeros(accounts), where=equity > 0)
    setting = np.clip(np.ceil(crowd.leverage), 1, most[crowd.market]).astype(np.int64)
    hedge_margin = np.maximum(1, np.rint(hedge_value / HEDGER_LEVERAGE)).astype(np.int64)
    return Population(
        owner=np.concatenate([crowd.owner, accounts + np.arange(hedgers)]),
        market=np.concatenate([crowd.market, hedged]),
        signed_size=np.concatenate([crowd.sign * crowd.size, hedge]),
        entry_notional=np.concatenate([entry, hedge_value]),
        setting=np.concatenate([setting, np.minimum(2, most[hedged])]),
        is_isolated=np.concatenate([is_isolated, np.zeros(hedgers, np.bool_)]),
        margin=np.concatenate([margin, hedge_margin]),
        leverage=np.concatenate([leverage, np.full(hedgers, HEDGER_LEVERAGE)]),
        notional=np.concatenate([gross, hedge_value.astype(np.float64)]) / MICRO,
        is_hedger=np.concatenate([np.zeros(accounts, np.bool_), np.ones(hedgers, np.bool_)]),
    )
