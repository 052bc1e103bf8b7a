"""The crashes that a policy is taken through, each in the market of one command of the lab.

``rehearse``: the scenario's prices and its own crowd. ``crises``: those, with a population of the
day drawn around the account, whose liquidations move this market's book. ``cascade``: the scenario
is the news, and what a whole market sells moves every price. Without a guard each is what that
command computes.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from seawall.accounts.account import Account
from seawall.lab.cascade.question import usual_market
from seawall.lab.cascade.setup import MarketSetup, pace_of, simulation_of
from seawall.lab.crises.crisis import crisis_of
from seawall.lab.crises.question import ACCOUNTS, DEPTHS, chosen_crises
from seawall.lab.crises.trial import CrisesTask, Rules, Trial
from seawall.lab.market.assumptions import Assume, assumptions_of
from seawall.lab.market.liquidity import Depth
from seawall.lab.market.named_scenarios import chosen_scenarios, starting_path
from seawall.lab.market.scenario import Scenario
from seawall.lab.rehearse.rehearsal import rehearsal_setup
from seawall.lab.simulation.agents import path_makers
from seawall.lab.simulation.simulation import Pace, Simulation

CALM = "calm"
AS_GIVEN = "as given"


class Rehearsed(Struct, frozen=True, kw_only=True):
    """A scenario from the account's prices on, as ``seawall rehearse`` plays it."""

    scenario: Scenario
    account: Account
    depths: Mapping[str, Depth]
    market = "rehearse"

    @property
    def name(self) -> str:
        return self.scenario.name

    def begin(self) -> tuple[Simulation, Pace]:
        """Raises PathError, PlacementError."""
        scenario, account = self.scenario, self.account
        instruments = account.instruments
        path = starting_path(scenario, account.holdings, instruments, account.price_texts)
        setup = rehearsal_setup(
            path, account.holdings, account.rulebook, instruments, self.depths, scenario.neighbours
        )
        return Simulation(setup, path_makers), Pace()


class InCrisis(Struct, frozen=True, kw_only=True):
    """A crisis of one rulebook, mode and depth, as ``seawall crises`` plays it."""

    task: CrisesTask
    market = "crises"

    @property
    def name(self) -> str:
        return self.task.crises[0].title

    def begin(self) -> tuple[Simulation, Pace]:
        """Raises PathError, PlacementError."""
        trial = Trial(self.task, 0)
        return trial.records[0].simulation, trial.pace


class Cascading(Struct, frozen=True, kw_only=True):
    """A whole market, as ``seawall cascade --no-fast-forward`` plays it: the guard looks each
    second."""

    setup: MarketSetup
    market = "cascade"

    @property
    def name(self) -> str:
        return self.setup.name

    def begin(self) -> tuple[Simulation, Pace]:
        """Raises PathError, PlacementError, LayoutError."""
        return simulation_of(self.setup, with_population=True), pace_of(self.setup)


Crash = Rehearsed | InCrisis | Cascading


class CrashNames(Struct, frozen=True):
    """What to play in each market: names of scenarios or files, or ``all``."""

    scenarios: tuple[str | Path, ...] = ()
    crises: tuple[str | Path, ...] = ()
    cascades: tuple[str | Path, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.scenarios or self.crises or self.cascades)


def crashes(
    account: Account,
    depths: Mapping[str, Depth],
    names: CrashNames,
    *,
    seed: int = 1,
    assume: Assume = None,
) -> Iterator[Crash]:
    """Each of the named ones, rehearsed first. ``depths``: calm, of the rehearsals.

    ``all``: every scenario that ships, or every one that is a crisis of the past.
    Raises SeawallError.
    """
    for each in chosen_scenarios(names.scenarios):
        yield Rehearsed(scenario=each, account=account, depths=depths)
    assumed = assumptions_of(assume)
    own = assumed.account(account)
    for name in chosen_crises(map(str, names.crises)):
        task = CrisesTask(
            crises=(crisis_of(name, own, assume=assumed),),
            rules=(Rules(book=own.rulebook, instruments=own.instruments),),
            modes={AS_GIVEN: (own.holdings,)},
            depths={CALM: DEPTHS[CALM]},
            accounts=ACCOUNTS,
            seed=seed,
        )
        yield InCrisis(task=task)
    for name in chosen_crises(map(str, names.cascades)):
        yield Cascading(setup=usual_market(account, name, seed=seed, assume=assume))
