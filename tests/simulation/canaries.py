"""Machines that are broken on purpose: each fault must be found, and as what it is.

A canary that is *not* found is the failure: then a check looks at nothing.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.domain.enums import CommandKind, EventKind, OrderState
from seawall.engine.engine import Engine
from tests.simulation.auditor import Fact
from tests.simulation.books import CROSS_POOL, FIRST_USER, Command
from tests.simulation.simulate import Result, Saboteur, Simulation

RULEBOOK = "lively"
GROUPED_SEED = 20
"""A world of several margin groups, for the faults that concern them."""


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

    def before(self, engine: Engine, number: int, command: Command) -> None:
        self.turn(engine, number)

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


def add_group_cash(engine: Engine, account: int, group: int, amount: int) -> None:
    """Behind the engine's back."""
    if group == 0:
        engine.tables["accounts"]["cash"][account] += amount
        return
    others = len(engine.tables["margin_groups"]) - 1
    engine.tables["group_cash"]["cash"][account * others + group - 1] += amount


def later_group(engine: Engine) -> int:
    """A group that is not the first of its collateral."""
    first = engine.tables["margin_groups"]["collateral_group"].tolist()
    return next(number for number, each in enumerate(first) if each != number)


class CashOfAnotherGroup(Strike):
    """What a fill paid is booked to another group of the account: its sum stays right."""

    def strike(self, engine: Engine, facts: list[Fact]) -> list[Fact] | None:
        group = later_group(engine)
        for fact in facts:
            if fact.kind == EventKind.ORDER_FILLED and fact.account >= FIRST_USER:
                first = int(engine.tables["margin_groups"]["collateral_group"][group])
                add_group_cash(engine, fact.account, group, -1)
                add_group_cash(engine, fact.account, first, 1)
                return facts
        return None


class Misgrouped(Saboteur):
    """While a command of some kinds runs, the tables say otherwise which groups there are."""

    number = 0
    kinds: tuple[CommandKind, ...] = ()
    fields: tuple[tuple[str, str, int], ...] = ()
    """Table, field and the value that every row has meanwhile."""

    def __init__(self) -> None:
        self.right: list[NDArray[Any]] = []

    def before(self, engine: Engine, number: int, command: Command) -> None:
        if number > 60 and command.kind in self.kinds:
            for table, field, value in self.fields:
                self.right.append(engine.tables[table][field].copy())
                engine.tables[table][field] = value

    def after(self, engine: Engine, number: int, facts: list[Fact]) -> list[Fact]:
        for (table, field, _), right in zip(self.fields, self.right, strict=False):
            engine.tables[table][field] = right
        self.right.clear()
        return facts


class OrdersOfFirstGroup(Misgrouped):
    """Orders draw on the first group's margin and cash, whatever their market's group is."""

    number = 1
    kinds = (CommandKind.PLACE_ORDER,)
    fields = (("markets", "group", 0), ("markets", "collateral_group", 0))


class PositionsOfAllGroups(OrdersOfFirstGroup):
    """When prices move, the equity of the first group's pool counts the positions of all."""

    number = 0
    kinds = (CommandKind.SET_ORACLE_PRICE,)


class EverythingShared(Misgrouped):
    """Liquidations ignore that an account keeps its groups apart."""

    number = 0
    kinds = (CommandKind.SET_ORACLE_PRICE,)
    fields = (("accounts", "grouping", 1),)


class OneCollateral(Misgrouped):
    """Transfers pass from one collateral to another."""

    number = 1
    kinds = (CommandKind.TRANSFER,)
    fields = (("margin_groups", "collateral_group", 0),)


class GrouplessLiquidation(Strike):
    """The liquidation of a group's pool is told as that of the first group."""

    number = 0

    def strike(self, engine: Engine, facts: list[Fact]) -> list[Fact] | None:
        kinds = (EventKind.LIQUIDATION_STARTED, EventKind.LIQUIDATION_ENDED)
        if not any(fact.kind in kinds and fact.market < CROSS_POOL for fact in facts):
            return None
        return [
            fact._replace(market=CROSS_POOL) if fact.market < CROSS_POOL else fact for fact in facts
        ]


class WrongCollateral(Strike):
    """A deposit is counted for another collateral than that of its group."""

    def strike(self, engine: Engine, facts: list[Fact]) -> list[Fact] | None:
        outside = engine.tables["margin_groups"]["money_outside"]
        first = engine.tables["margin_groups"]["collateral_group"]
        for fact in facts:
            if fact.kind == EventKind.DEPOSITED:
                own = int(first[fact.flags])
                outside[own] -= fact.money
                outside[next(int(each) for each in first if each != own)] += fact.money
                return facts
        return None


class ForgottenCash(Strike):
    """An account that shares its collateral is left with cash in a group."""

    def strike(self, engine: Engine, facts: list[Fact]) -> list[Fact] | None:
        shared = np.flatnonzero(engine.tables["accounts"]["grouping"][FIRST_USER:]) + FIRST_USER
        if not len(shared):
            return None
        add_group_cash(engine, int(shared[0]), later_group(engine), 1)
        return facts


class SilentGrouping(Strike):
    """An account shares its groups and is not told so."""

    number = 0

    def strike(self, engine: Engine, facts: list[Fact]) -> list[Fact] | None:
        engine.tables["accounts"]["grouping"][FIRST_USER] ^= 1
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
GROUP_CANARIES: dict[type[Saboteur], int] = {
    CashOfAnotherGroup: GROUPED_SEED,
    OrdersOfFirstGroup: GROUPED_SEED,
    PositionsOfAllGroups: GROUPED_SEED,
    EverythingShared: GROUPED_SEED,
    OneCollateral: GROUPED_SEED,
    GrouplessLiquidation: 57,
    WrongCollateral: GROUPED_SEED,
    ForgottenCash: GROUPED_SEED,
    SilentGrouping: GROUPED_SEED,
}
"""With a seed whose world has several margin groups and meets what they break."""


def run_canary(canary: type[Saboteur], seed: int, count: int) -> Result:
    """Faults of margin groups are played with a seed of their own."""
    chosen = GROUP_CANARIES.get(canary, seed)
    return Simulation(chosen, count, RULEBOOK, saboteur=canary()).run()


def run_canaries(seed: int, count: int) -> int:
    """0 when each fault was found, and nothing where there is none."""
    missed = []
    untouched = Simulation(GROUPED_SEED, count, RULEBOOK, saboteur=Saboteur()).run()
    if untouched.violation:
        missed.append("nothing, in several margin groups")
    for canary in (Saboteur, *CANARIES, *GROUP_CANARIES):
        result = run_canary(canary, seed, count)
        wanted = getattr(canary, "number", None)
        found = result.number if result.violation else None
        print(f"{canary.__name__}: {(canary.__doc__ or '').strip()}", flush=True)
        print(f"    found: {result.violation.partition(chr(10))[0][:160] or 'nothing'}", flush=True)
        if found != wanted:
            missed.append(canary.__name__)
    print(f"canaries missed: {', '.join(missed) or 'none'}")
    return 1 if missed else 0
