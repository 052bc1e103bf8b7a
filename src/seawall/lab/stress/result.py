"""A whole stress test: shocks, smallest moves, what would survive a move, scenarios."""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from msgspec import Struct, structs

from seawall.domain.units import MAX_PRICE
from seawall.lab.simulation.valuation import BucketValue, Valuation
from seawall.lab.stress.aftermath import StressMachine
from seawall.lab.stress.betas import LEAD, Beta
from seawall.lab.stress.grid import (
    Cell,
    Move,
    against,
    alone,
    shocked_prices,
    stress_grid,
    usual_moves,
)
from seawall.lab.stress.reverse import (
    Edge,
    Line,
    directions_of,
    liquidation_line,
    smallest_move,
)
from seawall.lab.stress.scenarios import ScenarioLine
from seawall.lab.stress.survive import Remedy, remedies


class Reverse(Struct, frozen=True, kw_only=True):
    """Where a move first liquidates anything, and each bucket for itself.

    ``first``: the market whose position the machine touches first there; None where nothing is
    closed within the minute, or no machine can hold the prices.
    """

    edge: Edge
    first: int | None
    by_bucket: Mapping[int, Edge]


class Survival(Struct, frozen=True, kw_only=True):
    """What each bucket lacks for a move that should be survived; nothing where it is."""

    move: Move
    size: Fraction
    prices: tuple[int, ...]
    remedies: tuple[Remedy, ...]


class StressResult(Struct, frozen=True, kw_only=True):
    """Everything that ``seawall stress`` found about an account."""

    valuation: Valuation
    machine: StressMachine
    buckets: Mapping[int, BucketValue]
    """At the present prices."""
    betas: Mapping[str, Beta]
    sizes: tuple[Fraction, ...]
    lines: tuple[Line, ...]
    joint: tuple[Reverse, ...]
    cells: tuple[Cell, ...]
    survivals: tuple[Survival, ...]
    scenarios: tuple[ScenarioLine, ...] = ()

    @property
    def equity(self) -> int:
        return sum(each.equity for each in self.buckets.values())

    @property
    def moves(self) -> tuple[Move, ...]:
        """Of the grid, in order."""
        return tuple({cell.move.name: cell.move for cell in self.cells}.values())


Progress = Callable[[str], None]


def stress(
    valuation: Valuation,
    machine: StressMachine,
    betas: Mapping[str, Beta],
    sizes: Sequence[Fraction],
    survive: Sequence[tuple[Move, Fraction]],
    progress: Progress | None = None,
) -> StressResult:
    """The grid, the smallest moves and what would survive; scenarios are added by the caller.

    ``progress`` is called with what is being done. Raises ValuationError.
    """
    say = progress or (lambda _: None)
    factors = {name: beta.value for name, beta in betas.items()}
    moves = usual_moves(valuation, LEAD, factors)
    held = sorted(each.market for each in valuation.plan.positions)
    say("smallest moves")
    joint = [*moves[len(held) :], *([against(valuation)] if len(held) > 1 else [])]
    found = [
        _reverse(valuation, machine, move, direction)
        for move in joint
        for direction in directions_of(move)
    ]
    say("shocks")
    cells = stress_grid(valuation, machine, moves, sizes)
    say("what would survive")
    return StressResult(
        valuation=valuation,
        machine=machine,
        buckets=valuation.at(valuation.prices),
        betas=betas,
        sizes=tuple(sizes),
        lines=tuple(liquidation_line(valuation, market) for market in held),
        joint=tuple(found),
        cells=tuple(cells),
        survivals=tuple(_survival(valuation, move, size) for move, size in survive),
    )


def with_scenarios(result: StressResult, lines: Sequence[ScenarioLine]) -> StressResult:
    return structs.replace(result, scenarios=tuple(lines))


def move_of_market(valuation: Valuation, name: str) -> Move | None:
    """One market alone, by name; None where the account has no such market."""
    for market, each in enumerate(valuation.instruments):
        if each.name == name:
            return alone(valuation, market)
    return None


def _reverse(valuation: Valuation, machine: StressMachine, move: Move, direction: int) -> Reverse:
    edge = smallest_move(valuation, move, direction)
    first = None
    if edge.over is not None and max(edge.over_prices) <= MAX_PRICE:
        first = machine.after(edge.over_prices).first
    held = [bucket for bucket, markets in valuation.buckets.items() if markets]
    return Reverse(
        edge=edge,
        first=first,
        by_bucket={each: smallest_move(valuation, move, direction, each) for each in held},
    )


def _survival(valuation: Valuation, move: Move, size: Fraction) -> Survival:
    prices = shocked_prices(valuation, move, size)
    return Survival(
        move=move, size=size, prices=prices, remedies=tuple(remedies(valuation, prices))
    )
