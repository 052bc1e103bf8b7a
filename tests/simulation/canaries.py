"""Machines that are broken on purpose: each fault must be found, and as what it is.

A canary that is *not* found is the failure: then a check looks at nothing.
"""

import numpy as np

from seawall.domain.enums import EventKind, OrderState
from seawall.engine.engine import Engine
from tests.simulation.auditor import Fact
from tests.simulation.books import FIRST_USER
from tests.simulation.simulate import Result, Saboteur, Simulation

RULEBOOK = "lively"


class Strike(Saboteur):
    """Strikes once, after a command past the sixtieth that was not rejected."""

    number = 1
    """The invariant that must be reported."""
    done = False

    def after(self, engine: Engine, number: int, facts: list[Fact]) -> list[Fact]:
        if self.done or number < 60 or not facts or facts[0].kind == EventKind.COMMAND_REJECTED:
            return facts
        told = self.strike(engine, facts)
        self.done = told is not None
        return facts if told is None else told

    def strike(self, engine: Engine, facts: list[Fact]) -> list[Fact] | None:
        """What the auditor is told; None to wait for a better moment."""
        raise NotImplementedError


class FlippedCash(Strike):
    """One unit of money appears from nowhere."""

    def strike(self, engine: Engine, facts: list[Fact]) -> list[Fact] | None:
        engine.tables["accounts"]["cash"][FIRST_USER] += 1
        return facts


class MovedCash(Strike):
    """One unit moves between two accounts: every sum stays right."""

    def strike(self, engine: Engine, facts: list[Fact]) -> list[Fact] | None:
        engine.tables["accounts"]["cash"][FIRST_USER] += 1
        engine.tables["accounts"]["cash"][FIRST_USER + 1] -= 1
        return facts


class WrongFeeSign(Saboteur):
    """While a command runs, fees are paid to the takers instead of by them."""

    number = 0

    def turn(self, engine: Engine, number: int) -> None:
        if number > 60:
            engine.tables["accounts"]["taker_rate"] *= -1

    before = turn

    def after(self, engine: Engine, number: int, facts: list[Fact]) -> list[Fact]:
        self.turn(engine, number)
        return facts


class SilentRates(Strike):
    """Fee rates change and nobody is told."""

    number = 0

    def strike(self, engine: Engine, facts: list[Fact]) -> list[Fact] | None:
        engine.tables["accounts"]["taker_rate"][FIRST_USER] += 1
        return facts


class WrongLevel(Strike):
    """A level of the book counts a unit that no order has."""

    number = 5

    def strike(self, engine: Engine, facts: list[Fact]) -> list[Fact] | None:
        levels = engine.tables["levels"]
        used = np.flatnonzero((levels["total_size"] > 0) & (levels["count"] > 0))
        if not len(used):
            return None
        levels["total_size"][used[0]] += 1
        return facts


class Untold(Strike):
    """One side of a fill is never told."""

    number = 0
    kinds: tuple[EventKind, ...] = (EventKind.ORDER_FILLED,)

    def strike(self, engine: Engine, facts: list[Fact]) -> list[Fact] | None:
        for place, fact in enumerate(facts):
            if fact.kind in self.kinds:
                return self.changed(facts, place)
        return None

    def changed(self, facts: list[Fact], place: int) -> list[Fact]:
        return facts[:place] + facts[place + 1 :]


class UntoldCancel(Untold):
    """The end of an order is never told."""

    number = 13
    kinds = (EventKind.ORDER_CANCELLED,)

    def strike(self, engine: Engine, facts: list[Fact]) -> list[Fact] | None:
        return super().strike(engine, facts) if len(facts) == 1 else None


class UntoldFunding(Untold):
    """One payment of a settlement is never told."""

    number = 9
    kinds = (EventKind.FUNDING_PAID,)


class TwiceTold(Untold):
    """A movement of money is told twice."""

    number = 1
    kinds = (EventKind.DEPOSITED, EventKind.WITHDRAWN, EventKind.TRANSFERRED)

    def changed(self, facts: list[Fact], place: int) -> list[Fact]:
        return [*facts[: place + 1], *facts[place:]]


class SilentWrite(Saboteur):
    """A rejected command leaves a trace that no sum sees."""

    number = 14

    def after(self, engine: Engine, number: int, facts: list[Fact]) -> list[Fact]:
        if facts and facts[0].kind == EventKind.COMMAND_REJECTED:
            engine.tables["markets"]["last_premium"][0] += 1
        return facts


class SilentPrice(Strike):
    """A resting order has another price than the one it was given."""

    number = 13

    def strike(self, engine: Engine, facts: list[Fact]) -> list[Fact] | None:
        orders = engine.tables["orders"]
        resting = np.flatnonzero(orders["state"] == OrderState.RESTING)
        if not len(resting):
            return None
        orders["price"][resting[0]] += 1
        return facts


CANARIES = (
    FlippedCash,
    MovedCash,
    WrongFeeSign,
    SilentRates,
    WrongLevel,
    Untold,
    UntoldCancel,
    UntoldFunding,
    TwiceTold,
    SilentWrite,
    SilentPrice,
)


def run_canary(canary: type[Saboteur], seed: int, count: int) -> Result:
    return Simulation(seed, count, RULEBOOK, saboteur=canary()).run()


def run_canaries(seed: int, count: int) -> int:
    """0 when each fault was found, and nothing where there is none."""
    missed = []
    for canary in (Saboteur, *CANARIES):
        result = run_canary(canary, seed, count)
        wanted = getattr(canary, "number", None)
        found = result.number if result.violation else None
        print(f"{canary.__name__}: {(canary.__doc__ or '').strip()}", flush=True)
        print(f"    found: {result.violation.partition(chr(10))[0][:160] or 'nothing'}", flush=True)
        if found != wanted:
            missed.append(canary.__name__)
    print(f"canaries missed: {', '.join(missed) or 'none'}")
    return 1 if missed else 0
