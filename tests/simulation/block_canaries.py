"""Machines under rules of blocks that are broken on purpose: each fault must be found.

A fault replaces one function of the machine, which only the interpreted machine allows: so they
are run without the compiler, in a process of their own. What a stroke at the tables does is told
by ``canaries``; those that know no special rule are repeated here.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NamedTuple

from seawall.engine.compile import INTERPRETED
from seawall.engine.engine import Engine
from seawall.engine.tables import block_rules
from tests.simulation.auditor import Fact
from tests.simulation.block_terms import PPM
from tests.simulation.block_worlds import BLOCKS
from tests.simulation.books import trunc
from tests.simulation.canaries import (
    FlippedCash,
    MovedCash,
    SilentPrice,
    SilentRates,
    SilentWrite,
    Strike,
    TwiceTold,
    Untold,
    UntoldCancel,
    UntoldFunding,
    WrongLevel,
)
from tests.simulation.simulate import Result, Saboteur, Simulation

SEEDS_TRIED = 24
"""A fault must show in one of so many worlds."""
Kernel = Callable[..., Any]


class MovedPool(Strike):
    """One unit moves from the cross pool to the fund of a market: every sum stays right."""

    number = 18

    def strike(self, engine: Engine, facts: list[Fact]) -> list[Fact] | None:
        engine.tables["block_rules"]["cross_pool_cash"] -= 1
        engine.tables["block_markets"]["pool_cash"][0] += 1
        return facts


class UntoldEnd(UntoldCancel):
    """The end of an order is never told; here orders end at heights that the auditor knows."""

    number = 0


STROKES: tuple[type[Saboteur], ...] = (
    FlippedCash, MovedCash, SilentRates, WrongLevel, Untold, UntoldEnd, UntoldFunding,
    TwiceTold, SilentWrite, SilentPrice, MovedPool,
)  # fmt: skip


class Fault(NamedTuple):
    sentence: str
    places: tuple[str, ...]
    """``module.function`` under ``seawall.engine``, wherever it is called by that name."""
    broken: Callable[[Kernel], Kernel]
    """From the right function to the wrong one."""
    number: int


def always(answer: Any) -> Callable[[Kernel], Kernel]:
    return lambda right: lambda *arguments: answer


def without_first_check(right: Kernel) -> Kernel:
    return lambda *arguments: (0, right(*arguments)[1])


def without_rests(right: Kernel) -> Kernel:
    return lambda *arguments: (right(*arguments)[0], 0)


def argument(place: int) -> Callable[[Kernel], Kernel]:
    return lambda right: lambda *arguments: arguments[place]


FAULTS = (
    Fault(
        "fees are truncated",
        ("transitions.blocks.matching.charged_fee",
         "transitions.blocks.liquidation_matching.charged_fee"),
        lambda right: lambda quote, ppm: trunc(quote * ppm, PPM), 0,
    ),
    Fault(
        "funding is rounded down for each position",
        ("transitions.blocks.funding.position_funding",), without_rests, 1,
    ),
    Fault(
        "gates are ignored",
        ("formulas.blocks.updates.is_gated", "transitions.blocks.money.is_gated"),
        always(False), 0,
    ),
    Fault(
        "pools do not follow positions", ("transitions.blocks.updates._move_pools",),
        always(None), 18,
    ),
    Fault(
        "funding leaves the pool of its account", ("transitions.blocks.funding.own_pool_market",),
        always(-1), 18,
    ),
    Fault(
        "what accounts outside bring into a pool is not counted",
        ("transitions.blocks.updates._pool_traded_into",), always(-1), 18,
    ),
    Fault(
        "open interest does not move",
        ("transitions.blocks.updates.open_interest_move",), always((True, -1, 0)), 3,
    ),
    Fault(
        "makers are not checked", ("transitions.blocks.matching.check_trade",),
        without_first_check, 6,
    ),
    Fault(
        "liquidations take any price", ("transitions.blocks.liquidation_matching.crosses",),
        always(True), 7,
    ),
    Fault("good-til is ignored", ("transitions.blocks.clock.expire_orders",), always(None), 0),
    Fault("reduce-only is ignored", ("transitions.blocks.matching.taker_size",), argument(3), 0),
    Fault(
        "filled sizes are forgotten", ("transitions.blocks.orders.filled_size_of",), always(0), 0
    ),
    Fault(
        "stored cancels are forgotten", ("transitions.blocks.orders.cancelled_until",), always(0), 0
    ),
    Fault(
        "cancels never act", ("transitions.blocks.clock.run_pending_cancels",), always(None), 0
    ),
    Fault(
        "margin does not grow with open interest",
        ("formulas.blocks.margin.scaled_initial_ppm",), argument(0), 6,
    ),
    Fault(
        "personal fractions do not count", ("formulas.blocks.margin.position_initial",),
        lambda right: lambda s, market, size, longs, own: right(s, market, size, longs, 0), 6,
    ),
    Fault(
        "equity tiers are ignored",
        ("transitions.blocks.orders.count_rejection", "transitions.blocks.twap.count_rejection"),
        always(0), 0,
    ),
    Fault(
        "insurance funds overdraw", ("formulas.blocks.liquidation.insurance_can_pay",),
        always(True), 8,
    ),
    Fault(
        "liquidations take everything at once", ("formulas.blocks.liquidation.position_limits",),
        always((10**17, 10**17)), 7,
    ),
    Fault(
        "watches never end", ("transitions.blocks.watch.lasting_moves",), always(2**62), 15,
    ),
    Fault(
        "watches outlive changes of their accounts", ("transitions.blocks.updates.note_change",),
        lambda right: lambda s, account: setattr(block_rules(s), "must_look", 1), 15,
    ),
    Fault("nobody is liquidated", ("transitions.blocks.clock.liquidate_block",), always(None), 15),
    Fault(
        "deleveraging at the oracle price", ("transitions.blocks.deleveraging.deleveraging_mode",),
        lambda right: lambda *arguments: 2 if right(*arguments) == 1 else right(*arguments), 0,
    ),
    Fault(
        "funding pays half", ("transitions.blocks.funding.index_delta",),
        lambda right: lambda *arguments: right(*arguments) // 2, 9,
    ),
    Fault("prices stay away", ("transitions.blocks.clock.take_pending_prices",), always(None), 0),
    Fault(
        "the improvement rule is ignored", ("formulas.blocks.margin.improvement_rejection",),
        always(0), 6,
    ),
)  # fmt: skip


@contextmanager
def broken(fault: Fault) -> Iterator[None]:
    """The machine with a fault."""
    kept = []
    for place in fault.places:
        path, _, name = place.rpartition(".")
        module = import_module(f"seawall.engine.{path}")
        kept.append((module, name, getattr(module, name)))
        setattr(module, name, fault.broken(getattr(module, name)))
    try:
        yield
    finally:
        for module, name, right in kept:
            setattr(module, name, right)


def play(seed: int, count: int, saboteur: Saboteur | None = None) -> Result:
    return Simulation(seed, count, BLOCKS, saboteur=saboteur).run()


def hunt(seed: int, count: int, make: Callable[[], Saboteur]) -> Result | None:
    """The first world in which something is found."""
    for place in range(seed, seed + SEEDS_TRIED):
        result = play(place, count, make())
        if result.violation:
            return result
    return None


def told(name: str, wanted: int | None, result: Result | None) -> bool:
    """Print what was found; whether it is what was wanted."""
    line = result.violation.partition("\n")[0][:150] if result else "nothing"
    print(f"{name}\n    found: {line}", flush=True)
    return (result.number if result else None) == wanted


def run_here(seed: int, count: int) -> int:
    missed = []
    untouched = next(
        (r for r in (play(one, count) for one in range(seed, seed + 6)) if r.violation), None
    )
    if not told("untouched", None, untouched):
        missed.append("untouched")
    for stroke in STROKES:
        number = getattr(stroke, "number", None)
        if not told(str(stroke.__doc__).strip(), number, hunt(seed, count, stroke)):
            missed.append(stroke.__name__)
    for fault in FAULTS:
        with broken(fault):
            if not told(fault.sentence, fault.number, hunt(seed, count, Saboteur)):
                missed.append(fault.sentence)
    print(f"canaries missed: {', '.join(missed) or 'none'}")
    return 1 if missed else 0


def run_block_canaries(seed: int, count: int) -> int:
    """0 when each fault was found, and nothing where there is none."""
    if INTERPRETED:
        return run_here(seed, count)
    arguments = [sys.executable, "-m", "tests.simulation.simulate", "--canary"]
    arguments += ["--seeds", str(seed), "--commands", str(count), "--rulebook", BLOCKS]
    environment = {**os.environ, "SEAWALL_INTERPRETED": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    return subprocess.run(arguments, env=environment, check=False).returncode
