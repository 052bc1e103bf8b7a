"""A whole stress test: shocks, smallest moves, what would survive a move, scenarios."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from msgspec import Struct

from seawall.accounts.account import Account
from seawall.accounts.valuation import BucketValue, Valuation, valuation_of
from seawall.domain.errors import InputError
from seawall.domain.quantities import Amount, PerMarket, percent_move, several
from seawall.domain.units import MAX_PRICE
from seawall.lab.market.assumption_sheets import BOOK, Used
from seawall.lab.market.assumptions import Assume, Assumptions, assumptions_of, leverages_of
from seawall.lab.market.assumptions_file import LEAD
from seawall.lab.market.liquidity import Depth, depths, with_depth
from seawall.lab.market.named_scenarios import chosen_scenarios, run_scenario
from seawall.lab.market.scenario import Scenario
from seawall.lab.stress.aftermath import StressMachine
from seawall.lab.stress.betas import GIVEN, Beta, Betas, betas_of, chosen_betas
from seawall.lab.stress.grid import (
    Cell,
    Move,
    against,
    alone,
    equity_of,
    shocked_prices,
    stress_grid,
    together,
    usual_moves,
    with_betas,
)
from seawall.lab.stress.reverse import (
    MoveBoundary,
    PriceBoundary,
    directions_of,
    liquidation_boundary,
    smallest_move,
)
from seawall.lab.stress.scenarios import ScenarioLine, scenario_line
from seawall.lab.stress.shocks import DEFAULT_SHOCKS, shock_sizes
from seawall.lab.stress.survive import Remedy, remedies
from seawall.lab.stress.with_orders import MoveWithOrders
from seawall.report.findings import Answer, Findings
from seawall.report.progress import Progress, silent

if TYPE_CHECKING:
    from seawall.lab.options.pooled import Presets, Rates
    from seawall.lab.options.stress import PooledStress

BETA = "beta"


class Reverse(Struct, frozen=True, kw_only=True):
    """Where a move first liquidates anything, and where it liquidates each bucket alone.

    ``first``: the market whose position is closed first there; None where nothing is closed within
    the minute, or the engine cannot hold the prices. ``with_orders``: where it first liquidates
    although the account's orders act, and what is closed first there; None without orders.
    """

    boundary: MoveBoundary
    first: int | None
    by_bucket: Mapping[int, MoveBoundary]
    with_orders: MoveWithOrders | None


class Survival(Struct, frozen=True, kw_only=True):
    """What each bucket lacks for a move that should be survived; empty where none lacks any."""

    move: Move
    size: Fraction
    prices: tuple[int, ...]
    remedies: tuple[Remedy, ...]


class StressResult(Answer, frozen=True, kw_only=True):
    """What ``stress`` found. ``buckets``: at the present prices; ``boundaries``: of each position
    by its own market, ``joint``: of several markets moving at once. ``with_orders``: by market,
    where its own move liquidates although the account's orders act; empty without orders."""

    source: str
    valuation: Valuation
    machine: StressMachine
    buckets: Mapping[int, BucketValue]
    betas: Mapping[str, Beta]
    boundaries: tuple[PriceBoundary, ...]
    with_orders: Mapping[int, MoveWithOrders]
    joint: tuple[Reverse, ...]
    cells: tuple[Cell, ...]
    survivals: tuple[Survival, ...]
    scenarios: tuple[ScenarioLine, ...]
    used: Used

    @property
    def equity(self) -> int:
        return equity_of(self.buckets)

    @property
    def moves(self) -> tuple[Move, ...]:
        """Of the grid, in order."""
        return tuple({cell.move.name: cell.move for cell in self.cells}.values())

    def findings(self) -> Findings:
        from seawall.lab.stress.sheets import stress_findings

        return stress_findings(self)


@overload
def stress(
    account: Account,
    *,
    presets: None = None,
    shocks: Amount | Iterable[Amount] = DEFAULT_SHOCKS,
    betas: Betas = (),
    survive: Amount | Iterable[Amount] = (),
    scenarios: str | Path | Iterable[str | Path] = (),
    depth: PerMarket = (),
    instant: bool = False,
    assume: Assume = None,
    progress: Progress = silent,
) -> StressResult: ...
@overload
def stress(
    account: Account,
    *,
    presets: "Presets",
    shocks: Amount | Iterable[Amount] = DEFAULT_SHOCKS,
    volatility_change: Amount = 0,
    liquidation_cost: Amount = ...,
    betas: Betas = (),
    surface: str | Path | None = None,
    time: str | None = None,
    funding: "Rates" = (),
    assume: Assume = None,
) -> "PooledStress": ...
def stress(
    account: Account, *, presets: "Presets | None" = None, **given: Any
) -> "StressResult | PooledStress":
    """Shock an account: what each move costs, and the smallest one that liquidates it.

    ``shocks``: texts in percent such as ``"-20%"``, ``"+7.5"`` or, both ways, ``"20"``; numbers
    are signed fractions such as -0.2. ``betas``: how far markets move when BTC moves 1 %, such as
    ``{"ETH": 1.2}``, ``["ETH=1.2"]`` or the ``Path`` of a TOML file. ``assume``: a file that
    changes the assumptions.

    On the engine: ``survive``: moves that should be survived, such as ``"20%"`` against every
    position, ``"-20%"`` or -0.2 of all markets, ``"BTC=-20%"`` of one, ``"beta=-20%"`` by betas.
    ``scenarios``: shipped ones by name, files, or ``"all"``. ``depth``: USD within 50 bp per side
    of the book, one for all or by market. ``instant``: prices jump in one mark step; without it
    they move through the book, at most 1 % from mark to mark. Accounts that fall below zero within
    one mark step are deleveraged at the mark before it where the rules say so, and lose far less
    than in a real fall.

    In portfolio margin, for accounts with options or coins and wherever ``presets`` are given
    (all that ship if empty): ``volatility_change``, ``liquidation_cost``, ``surface``, ``time`` and
    ``funding`` as ``pooled_stress`` has them.

    Raises SeawallError naming what cannot be used.
    """
    if presets is None:
        return _on_the_engine(account, **given)
    from seawall.lab.options.stress import pooled_stress

    return pooled_stress(account, presets=presets, **given)


def _on_the_engine(
    account: Account,
    *,
    shocks: Amount | Iterable[Amount] = DEFAULT_SHOCKS,
    betas: Betas = (),
    survive: Amount | Iterable[Amount] = (),
    scenarios: str | Path | Iterable[str | Path] = (),
    depth: PerMarket = (),
    instant: bool = False,
    assume: Assume = None,
    progress: Progress = silent,
) -> StressResult:
    """The same by the venue's own rules of each bucket."""
    account.holdings.check_perpetuals_only()
    names = [each.name for each in account.instruments]
    chosen = chosen_scenarios(several(scenarios))
    sizes = shock_sizes(several(shocks))
    leverages = leverages_of(account.listed[name] for name in names)
    assumed = with_depth(assumptions_of(assume), names, depth)
    assumed = assumed.given("beta", chosen_betas(betas, names), GIVEN)
    account = assumed.account(account)
    found = betas_of(names, {}, assumed, leverages)
    factors = {name: each.value for name, each in found.items()}
    calm = depths(account.listed.values(), assume=assumed)
    valuation = valuation_of(account)
    wanted = [_move_to_survive(text, valuation, factors) for text in several(survive)]
    machine = StressMachine(
        account.holdings, account.rulebook, account.instruments, calm, account.prices,
        assumed.backstop(leverages), instant=instant,
    )  # fmt: skip
    moves = usual_moves(valuation, factors)
    progress("smallest moves")
    held = sorted(each.market for each in valuation.plan.positions)
    several_at_once = [*moves[len(held) :], *([against(valuation)] if len(held) > 1 else [])]
    joint = tuple(_reverses(valuation, machine, several_at_once))
    boundaries = tuple(liquidation_boundary(valuation, market) for market in held)
    progress("shocks")
    cells = stress_grid(valuation, machine, moves, sizes)
    progress("what would survive")
    survivals = tuple(_survival(valuation, move, size) for move, size in wanted)
    return StressResult(
        source=account.source,
        valuation=valuation,
        machine=machine,
        buckets=valuation.at(valuation.prices),
        betas=found,
        boundaries=boundaries,
        with_orders=_with_orders(valuation, machine, boundaries),
        joint=joint,
        cells=tuple(cells),
        survivals=survivals,
        scenarios=_through(account, chosen, calm, progress),
        used=_used(account, assumed),
    )


def _used(account: Account, assumed: Assumptions) -> Used:
    """What was read of the assumptions."""
    return Used(
        assumptions=assumed,
        leverages=leverages_of(account.listed[name] for name in account.markets),
        fields=("beta", *BOOK),
        has_backstop=True,
        books=(account.rulebook,),
    )


def _through(
    account: Account, scenarios: Sequence[Scenario], calm: Mapping[str, Depth], progress: Progress
) -> tuple[ScenarioLine, ...]:
    """The account through each scenario."""
    lines = []
    for number, each in enumerate(scenarios):
        progress(f"scenario {each.name}", number, len(scenarios))
        rehearsal = run_scenario(
            each, account.holdings, account.rulebook, account.instruments, account.price_texts,
            calm,
        )  # fmt: skip
        lines.append(scenario_line(each, rehearsal))
    return tuple(lines)


def _with_orders(
    valuation: Valuation, machine: StressMachine, boundaries: Sequence[PriceBoundary]
) -> dict[int, MoveWithOrders]:
    sides = {each.market: 1 if each.signed_size > 0 else -1 for each in valuation.plan.positions}
    # An order may add to a position that no price liquidates as it is.
    return {
        each.market: MoveWithOrders(
            valuation, machine, alone(valuation, each.market), each.way or -sides[each.market],
            each.size,
        )
        for each in boundaries
        if machine.has_orders and not each.always
    }  # fmt: skip


def _move_to_survive(
    move: Amount, valuation: Valuation, betas: Mapping[str, Fraction]
) -> tuple[Move, Fraction]:
    name, _, number = move.rpartition("=") if isinstance(move, str) else ("", "", move)
    sign, size = percent_move("survive", number, example="20%, BTC=-20% or beta=-20%")
    names = [each.name for each in valuation.instruments]
    if not name:
        return (together(valuation), sign * size) if sign else (against(valuation), size)
    if name in names:
        market = names.index(name)
        sizes = {each.market: each.signed_size for each in valuation.plan.positions}
        losing = -1 if sizes.get(market, 1) > 0 else 1
        return alone(valuation, market), (sign or losing) * size
    if name != BETA:
        expected = f"one of the markets: {', '.join(names)}; or {BETA}, for {LEAD} and all others"
        raise InputError.of("", "survive", name, expected)
    if not sign:
        raise InputError.of("", "survive", move, f"{BETA}=-{number} or {BETA}=+{number}")
    return with_betas(valuation, betas), sign * size


def _survival(valuation: Valuation, move: Move, size: Fraction) -> Survival:
    prices = shocked_prices(valuation, move, size)
    found = tuple(remedies(valuation, prices))
    return Survival(move=move, size=size, prices=prices, remedies=found)


def _reverses(
    valuation: Valuation, machine: StressMachine, moves: Sequence[Move]
) -> Iterator[Reverse]:
    for move in moves:
        for direction in directions_of(move):
            yield _reverse(valuation, machine, move, direction)


def _reverse(valuation: Valuation, machine: StressMachine, move: Move, direction: int) -> Reverse:
    boundary = smallest_move(valuation, move, direction)
    first = acted = None
    if machine.has_orders:
        acted = MoveWithOrders(valuation, machine, move, direction, boundary.over)
        first = acted.first
    elif boundary.over is not None and max(boundary.over_prices) <= MAX_PRICE:
        first = machine.after(boundary.over_prices).first
    held = [bucket for bucket, markets in valuation.buckets.items() if markets]
    return Reverse(
        boundary=boundary,
        first=first,
        by_bucket={each: smallest_move(valuation, move, direction, each) for each in held},
        with_orders=acted,
    )
