"""The question of ``seawall stress`` for an account in portfolio margin: what a move does to it.

Volatilities stand still, or change first by what is asked for; then prices go along a straight line
to where the shock takes them, and options are revalued on the way. Where equity falls below the
maintenance margin of the preset, all of the account is closed at its values there, less a cost.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from msgspec import Struct

from seawall.accounts.account import Account
from seawall.domain.quantities import Amount, number, several
from seawall.lab.market.assumption_sheets import Used
from seawall.lab.market.assumptions import Assume, assumptions_of, leverages_of
from seawall.lab.market.assumptions_file import LEAD
from seawall.lab.options.held import Held, moved
from seawall.lab.options.legs import LIQUIDATION_COST, closing_cost, equity_of, frees_most
from seawall.lab.options.pool import AnyRule, Boundaries, Portfolios, Total, boundaries
from seawall.lab.options.pooled import Pooled, Presets, Rates, pooled
from seawall.lab.options.portfolio import Portfolio
from seawall.lab.stress.betas import GIVEN, Beta, Betas, betas_of, chosen_betas
from seawall.lab.stress.shocks import DEFAULT_SHOCKS, shock_sizes
from seawall.report.findings import Answer, Findings

LARGEST_STEP = 0.01
"""Of a price, between two looks on the way to a shock."""
MOST_FALL, MOST_RISE = 0.95, 2.0
"""How far a smallest move is looked for, in the market that the others follow."""
LEAST_LEFT = 0.001
"""Of a price that a beta would take below nothing."""
_HALVINGS = 50


class PooledMove(Struct, frozen=True, kw_only=True):
    """``factors``: by market, how far it goes where the size is 1."""

    name: str
    factors: Mapping[str, float]


class PooledShock(Struct, frozen=True, kw_only=True):
    """One shock under one preset. Money in USD.

    ``prices``: where the shock goes, by market, USD. ``equity``, ``total``: the account
    there as if nothing were liquidated on the way. ``liquidated_at``: the share of the move at
    which it is liquidated, None where it stands; ``first``: the position that frees most there.
    ``left``: equity in the end, ``missing``: what the liquidation lacked and others bear.
    ``deposit``: cash that lets it stand all the way.
    """

    rule: AnyRule
    move: PooledMove
    size: float
    volatility_change: float
    before: float
    equity: float
    prices: Mapping[str, float]
    total: Total
    liquidated_at: float | None
    first: str
    left: float
    missing: float
    deposit: float

    @property
    def lost(self) -> float:
        """USD, of the equity before; below zero for a gain."""
        return self.before - self.left


class SmallestMove(Struct, frozen=True, kw_only=True):
    """The smallest size of a move of several markets that liquidates, down and up; None: none."""

    rule: AnyRule
    move: PooledMove
    down: float | None
    up: float | None


class PooledMargin(Struct, frozen=True, kw_only=True):
    """The account now, once its volatilities have changed, and its liquidation prices then."""

    rule: AnyRule
    total: Total
    liquidation: Mapping[str, Boundaries]


class PooledStress(Answer, frozen=True, kw_only=True, eq=False):
    """What shocks do to an account in portfolio margin.

    ``volatility_change``: of all implied volatilities before prices move, a fraction. ``cost``: of
    the price, for each coin that a liquidation closes. ``betas``: empty for one market.
    """

    pool: Pooled
    volatility_change: float
    cost: float
    now: Sequence[PooledMargin]
    shocks: Sequence[PooledShock]
    smallest: Sequence[SmallestMove]
    betas: Mapping[str, Beta]
    used: Used

    @property
    def held(self) -> Held:
        return self.pool.held

    def findings(self) -> Findings:
        from seawall.lab.options.stress_sheets import findings

        return findings(self)


def pooled_stress(
    account: Account,
    *,
    presets: Presets = (),
    shocks: Amount | Iterable[Amount] = DEFAULT_SHOCKS,
    volatility_change: Amount = 0,
    liquidation_cost: Amount = LIQUIDATION_COST,
    betas: Betas = (),
    surface: str | Path | None = None,
    time: str | None = None,
    funding: Rates = (),
    assume: Assume = None,
) -> PooledStress:
    """Shock an account of perpetuals, options and coins under presets of portfolio margin.

    ``volatility_change``: how far all implied
    volatilities move before prices do, ``"50%"`` or -0.25. ``liquidation_cost``: of the price, for
    each coin that a liquidation closes. The rest is as ``options`` and ``stress`` have it. Raises
    SeawallError for input that cannot be used.
    """
    change = volatility_change_of(volatility_change)
    cost = liquidation_cost_of(liquidation_cost)
    pool = pooled(
        account, presets=presets, surface=surface, time=time, funding=funding, assume=assume
    )
    sizes = shock_sizes(several(shocks))
    books, cash = pool.held.portfolios, pool.held.cash
    leverages = leverages_of(account.listed[name] for name in account.markets)
    assumed = assumptions_of(assume).given("beta", chosen_betas(betas, account.markets), GIVEN)
    found_betas = betas_of(list(books), {}, assumed, leverages) if len(books) > 1 else {}
    moves = _moves(list(books), found_betas)
    together = [each for each in moves if len(each.factors) > 1]
    return PooledStress(
        pool=pool,
        volatility_change=change,
        cost=cost,
        now=[_margin_now(rule, books, cash, change) for rule in pool.rules],
        shocks=[
            _shock(rule, books, cash, move, float(size), change, cost)
            for rule in pool.rules
            for move in moves
            for size in sizes
        ],
        smallest=[
            _smallest(rule, books, cash, move, change) for rule in pool.rules for move in together
        ],
        betas=found_betas,
        used=Used(
            assumptions=assumed, leverages=leverages, rates_now=account.funding,
            fields=(*pool.used.fields, *(("beta",) if found_betas else ())),
        ),
    )  # fmt: skip


def volatility_change_of(value: Amount) -> float:
    """A change of implied volatilities as a fraction. Raises InputError."""
    expected = "-99% to 900%, such as 50% or -25%"
    least, most = Fraction(-99, 100), 9
    return float(number("volatility_change", value, least=least, most=most, expected=expected))


def liquidation_cost_of(value: Amount) -> float:
    """What closing a coin costs, as a fraction of its price. Raises InputError."""
    expected = "0% to 50% of the price, such as 0.5%"
    return float(number("liquidation_cost", value, least=0, most=Fraction(1, 2), expected=expected))


def _moves(markets: Sequence[str], betas: Mapping[str, Beta]) -> list[PooledMove]:
    """Every market alone; all together and by their betas where there are several."""
    found = [PooledMove(name=name, factors={name: 1.0}) for name in markets]
    if len(markets) > 1:
        found.append(PooledMove(name="all together", factors=dict.fromkeys(markets, 1.0)))
        by_beta = {name: float(betas[name].value) for name in markets}
        found.append(PooledMove(name=f"{LEAD} and betas", factors=by_beta))
    return found


def _at(books: Portfolios, move: PooledMove, size: float, change: float) -> dict[str, Portfolio]:
    """The portfolios where a move has gone so far."""
    return {
        name: moved(each, max(LEAST_LEFT - 1.0, size * move.factors.get(name, 0.0)), change)
        for name, each in books.items()
    }


def _margin_now(rule: AnyRule, books: Portfolios, cash: float, change: float) -> PooledMargin:
    def both(portfolio: Portfolio, move: float) -> Portfolio:
        return moved(portfolio, move, change)

    shocked = {name: moved(each, 0.0, change) for name, each in books.items()}
    return PooledMargin(
        rule=rule,
        total=rule.total(shocked, cash),
        # The others have their shocked volatilities before this market moves.
        liquidation={
            name: boundaries(rule, {**shocked, name: each}, cash, name, both)
            for name, each in books.items()
        },
    )


def _shock(
    rule: AnyRule,
    books: Portfolios,
    cash: float,
    move: PooledMove,
    size: float,
    change: float,
    cost: float,
) -> PooledShock:
    def at(share: float) -> dict[str, Portfolio]:
        return _at(books, move, share * size, change)

    def room(share: float) -> float:
        total = rule.total(at(share), cash)
        return total.equity - total.maintenance

    farthest = max(abs(size * each) for each in move.factors.values())
    looks = max(1, math.ceil(farthest / LARGEST_STEP - 1e-9))
    rooms = [room(look / looks) for look in range(looks + 1)]
    place = next((look for look, each in enumerate(rooms) if each < 0), None)
    stop = None if place is None else _between(room, (place - 1) / looks, place / looks)
    end = at(1.0)
    total, equity = rule.total(end, cash), equity_of(end, cash)
    left, missing, first = equity, 0.0, ""
    if stop is not None:
        closed = at(stop)
        rest = equity_of(closed, cash) - closing_cost(closed, cost)
        left, missing = max(0.0, rest), max(0.0, -rest)
        first = frees_most(rule, closed, cash).name
    return PooledShock(
        rule=rule, move=move, size=size, volatility_change=change, equity=equity, total=total,
        before=equity_of(books, cash),
        prices={name: each.spot for name, each in end.items()}, liquidated_at=stop,
        first=first, left=left, missing=missing, deposit=max(0.0, -min(rooms)),
    )  # fmt: skip


def _between(room: Callable[[float], float], safe: float, over: float) -> float:
    """The first share without room, between one with and one without; 0 where there is none."""
    if over <= 0:
        return 0.0
    for _ in range(_HALVINGS):
        middle = (safe + over) / 2
        safe, over = (safe, middle) if room(middle) < 0 else (middle, over)
    return over


def _smallest(
    rule: AnyRule, books: Portfolios, cash: float, move: PooledMove, change: float
) -> SmallestMove:
    def first(end: float) -> float | None:
        def room(share: float) -> float:
            total = rule.total(_at(books, move, share * end, change), cash)
            return total.equity - total.maintenance

        steepest = max(map(abs, move.factors.values()))
        looks = math.ceil(abs(end) * steepest / LARGEST_STEP)
        for look in range(looks + 1):
            if room(look / looks) < 0:
                return end * _between(room, (look - 1) / looks, look / looks)
        return None

    return SmallestMove(rule=rule, move=move, down=first(-MOST_FALL), up=first(MOST_RISE))
