"""The question of ``seawall guard test``: what a policy does to an account on random paths and in
crises."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from msgspec import Struct, structs

from seawall.accounts.account import Account
from seawall.domain.quantities import Amount, several, share, usd
from seawall.domain.units import MICRO
from seawall.guard.policy import Policy
from seawall.guard.policy_file import load_policy
from seawall.lab.arrays import Floats, Mask
from seawall.lab.guard_test.crashes import Crash, CrashNames, crashes
from seawall.lab.guard_test.crisis import CrisisLine, through
from seawall.lab.guard_test.moment import Terms, terms_of
from seawall.lab.guard_test.played import Outside, Played, Protection, play_block
from seawall.lab.guard_test.prepared import plain_stop, prepared, without_rules
from seawall.lab.paths.estimates import (
    Estimate,
    expected_shortfall,
    mean,
    shortfall_influence,
)
from seawall.lab.paths.estimates import share as share_of
from seawall.lab.paths.kernels.philox import LANES
from seawall.lab.paths.kernels.task import PathTask
from seawall.lab.paths.setup import PathOptions, PathSetup, path_setup
from seawall.lab.simulation.trials import collection_paused, run_trials
from seawall.lab.transfers.route import NO_ROUTE, load_route
from seawall.report.findings import Answer, Findings
from seawall.report.progress import Progress, silent

DEFAULT_PATHS, DEFAULT_DAYS, DEFAULT_STEP = 500, 3, 60
DEFAULT_STOP = "5%"
WORST = 0.95
SAME = 0.01
"""Of the equity now, within which two results count as the same."""
NOTHING, STOP, WALLET = "nothing", "plain stop", "wallet until empty"


class Line(Struct, frozen=True, kw_only=True):
    """An account under one protection, on the same paths as without. USD a path.

    ``worst``: mean loss of the worst 5 %. ``cost``: fees and slippage of the protection's orders.
    ``result``: mean change of the result against doing nothing; ``saved``: that of the worst 5 %.
    ``given_up``: mean of what is less on the paths that nothing liquidates and where doing nothing
    ends better. ``false_alarm``: it acted where doing nothing neither liquidates nor ruins.
    ``worse``: it ends worse by more than 1 % of the equity. ``caused``: it is liquidated where
    doing nothing is not. ``actions``: orders that filled and top-ups. ``decisions``: of all paths.
    """

    name: str
    liquidated: Estimate
    ruin: Estimate
    loss: Estimate
    worst: Estimate
    cost: Estimate
    added: Estimate
    actions: Estimate
    acted: Estimate
    false_alarm: Estimate
    given_up: Estimate
    worse: Estimate
    caused: Estimate
    result: Estimate
    saved: Estimate
    decisions: int


class RuleLine(Struct, frozen=True, kw_only=True):
    """What one rule adds to the others: the whole policy less the policy without it, same paths.

    ``changes``: the share of paths on which it changes the result. ``avoided``: liquidations that
    it avoids, less those that it brings. ``saved``: of the worst 5 %, ``result``: of the mean, USD.
    """

    rule: str
    changes: Estimate
    avoided: Estimate
    saved: Estimate
    result: Estimate

    @property
    def verdict(self) -> str:
        """In two words what the intervals say."""
        if self.changes.value == 0:
            return "never acts alone"
        if self.saved.low > 0 or self.avoided.low > 0:
            return "earns its keep"
        if self.saved.high < 0 or self.avoided.high < 0:
            return "does harm"
        if self.result.high < 0:
            return "only costs"
        return "undecided"


class GuardTest(Answer, frozen=True, kw_only=True):
    """``lines``: nothing, the policy, a plain stop, the wallet. ``rules``: of the policy.

    ``crises``: each scenario under each of the lines, in order. ``played``: what the lines come
    from, in their order. ``notes``: what of the policy is not played. ``outside``: the money
    outside of the account, and the route that it takes.
    """

    setup: PathSetup
    policy: Policy
    lines: Sequence[Line]
    rules: Sequence[RuleLine]
    crises: Sequence[CrisisLine]
    played: Sequence[Played]
    notes: Sequence[str]
    outside: Outside
    stop: float

    def crises_of(self, protection: str) -> list[CrisisLine]:
        """Every scenario under one protection, in order."""
        return [each for each in self.crises if each.protection == protection]

    def findings(self) -> Findings:
        """The result as sheets and sentences."""
        from seawall.lab.guard_test.sheets import findings

        return findings(self)


class _Work(Struct, frozen=True, kw_only=True):
    """``compared``: how many plans are lines; the others are the policy without a rule."""

    task: PathTask
    terms: Terms
    outside: Outside
    plans: tuple[Protection, ...]
    compared: int
    blocks: int


class _CrashWork(Struct, frozen=True, kw_only=True):
    crashes: tuple[Crash, ...]
    outside: Outside
    plans: tuple[Protection, ...]


def guard_test(
    policy: str | Path | Policy,
    account: Account,
    *,
    wallet: Amount | None = None,
    route: str | Path = NO_ROUTE,
    stop: Amount = DEFAULT_STOP,
    rules: bool = True,
    beside: bool = True,
    scenarios: str | Path | Iterable[str | Path] = (),
    crises: str | Path | Iterable[str | Path] = (),
    cascades: str | Path | Iterable[str | Path] = (),
    workers: int | None = 1,
    progress: Progress = silent,
    **options: Unpack[PathOptions],
) -> GuardTest:
    """Play a policy on random paths and in crises, with and without it, and without each rule.

    ``scenarios``: named scenarios or scenario files, each from the prices of now on, in the engine,
    as ``rehearse`` plays them; ``crises``: as ``crises`` does, with a population of the day;
    ``cascades``: as ``cascade`` does, where the population's selling moves every price.
    ``wallet``: USD outside of the account, for top-ups from other sources than the pool and for
    replenishing; the equity now if not given. ``route``: that top-ups take, by name or a file: how
    long they are on their way, and what they cost. ``stop``: distance of the plain stop. ``rules``:
    whether each rule is switched off once. ``beside``: whether a plain stop and the wallet are
    played beside it. ``options``: as ``PathOptions``; 500 paths, 3 days and steps of 60 seconds if
    not given. Raises SeawallError.
    """
    names = CrashNames(*(tuple(several(each)) for each in (scenarios, crises, cascades)))
    given = policy if isinstance(policy, Policy) else load_policy(policy)
    _fill_in(options)
    bare = account.replace(holdings=structs.replace(account.holdings, orders=(), top_ups=()))
    setup = path_setup(bare, **options)
    task = setup.task()
    made = prepared(given, task.perpetuals)
    way = load_route(route)
    reserve = MICRO * task.account.equity.sum() if wallet is None else usd("wallet", wallet)
    distance = float(share("stop", stop, example=DEFAULT_STOP))
    ready = tuple(crashes(bare, setup.depths, names, seed=setup.seed, assume=options.get("assume")))
    compared = list(_protections(given.name, made.policy, distance if beside else None))
    switched = [
        Protection(name=name, policy=each)
        for name, each in (without_rules(made.policy) if rules else ())
    ]
    work = _Work(
        task=task,
        terms=terms_of(setup.account, task.perpetuals),
        outside=Outside(wallet=int(reserve), route=way),
        plans=(*compared, *switched),
        compared=len(compared),
        blocks=-(-task.paths // LANES),
    )
    played = _played(work, workers, progress)
    lines, rule_lines = _judged(work, played, given)
    return GuardTest(
        setup=setup,
        policy=given,
        lines=lines,
        rules=rule_lines,
        crises=_through(ready, work, workers, progress),
        played=played,
        notes=[*made.notes, *_notes(account)],
        outside=work.outside,
        stop=distance,
    )  # fmt: skip


def _judged(
    work: _Work, played: Sequence[Played], policy: Policy
) -> tuple[list[Line], list[RuleLine]]:
    """Each protection against doing nothing, and the policy against itself without each rule."""
    bare, whole = played[0], played[1]
    task, capital = work.task, policy.account.risk_capital / MICRO
    pairs = list(zip(work.plans, played, strict=True))
    lines = [_line(plan.name, each, bare, capital, task) for plan, each in pairs[: work.compared]]
    rules = [
        _rule(plan.name, whole, each, task.antithetic) for plan, each in pairs[work.compared :]
    ]
    return lines, rules


def _notes(account: Account) -> Iterator[str]:
    if account.orders:
        yield "Open orders of the account are left out, on all sides of the comparison."


def _fill_in(options: PathOptions) -> None:
    """The defaults of this question."""
    options.setdefault("paths", DEFAULT_PATHS)
    if options.get("days") is None and options.get("hours") is None:
        options["days"] = DEFAULT_DAYS
    if options.get("step_seconds") is None and not has_bootstrap(options):
        options["step_seconds"] = DEFAULT_STEP


def _protections(name: str, policy: Policy, stop: float | None) -> Iterator[Protection]:
    """Nothing and the policy, and where ``stop`` is given what it is compared with."""
    yield Protection(name=NOTHING)
    yield Protection(name=name, policy=policy)
    if stop is not None:
        yield Protection(name=STOP, policy=plain_stop(policy, stop))
        yield Protection(name=WALLET, replenishes=True)


def has_bootstrap(options: PathOptions) -> bool:
    """Whether blocks of recorded candles decide the steps."""
    model = options.get("model")
    return model is not None and bool(model.bootstrap)


def _played(work: _Work, workers: int | None, progress: Progress) -> list[Played]:
    """Every protection on all paths, in order."""
    count = len(work.plans) * work.blocks
    progress("with and without the policy", 0, count)
    parts = run_trials(
        _trial, work, count, workers=workers,
        progress=lambda done: progress("with and without the policy", done, count),
    )  # fmt: skip
    return [
        _joined(parts[first : first + work.blocks], work.task.paths)
        for first in range(0, count, work.blocks)
    ]


def _through(
    crashes: tuple[Crash, ...], paths: _Work, workers: int | None, progress: Progress
) -> list[CrisisLine]:
    """Every crash under every protection that is no policy without a rule, in order."""
    work = _CrashWork(crashes=crashes, outside=paths.outside, plans=paths.plans[: paths.compared])
    count = len(work.crashes) * len(work.plans)
    if not count:
        return []
    return run_trials(
        _crash, work, count, workers=workers,
        progress=lambda done: progress("through the crashes", done, count),
    )  # fmt: skip


def _crash(work: _CrashWork, number: int) -> CrisisLine:
    crash, plan = divmod(number, len(work.plans))
    return through(work.crashes[crash], work.plans[plan], work.outside)


def _trial(work: _Work, number: int) -> Played:
    plan, block = divmod(number, work.blocks)
    # Its guards keep many small rows, none in a circle; looking for circles takes a fifth of it.
    with collection_paused():
        return play_block(work.task, work.terms, work.outside, work.plans[plan], block)


def _joined(parts: Sequence[Played], paths: int) -> Played:
    found: dict[str, Any] = {}
    for name in Played.__struct_fields__:
        values = [getattr(each, name) for each in parts]
        found[name] = sum(values) if name == "decisions" else np.concatenate(values)[:paths]
    return Played(**found)


def _ruined(played: Played, start: float, capital: float) -> Mask:
    result: Mask = start - played.lowest >= capital * (1 - 1e-9)
    return result


def _line(name: str, played: Played, bare: Played, capital: float, task: PathTask) -> Line:
    start, paired = float(task.account.equity.sum()), task.antithetic
    hit, bare_hit = played.first > 0, bare.first > 0
    ruined, bare_ruined = (_ruined(each, start, capital) for each in (played, bare))
    less = played.lost - bare.lost
    fine = ~bare_hit & ~bare_ruined
    return Line(
        name=name,
        liquidated=share_of(hit, paired=paired),
        ruin=share_of(ruined, paired=paired),
        loss=mean(played.lost, paired=paired),
        worst=expected_shortfall(played.lost, WORST, paired=paired),
        cost=mean(played.cost, paired=paired),
        added=mean(played.added, paired=paired),
        actions=mean((played.reductions + played.top_ups).astype(np.float64), paired=paired),
        acted=share_of(played.acted, paired=paired),
        false_alarm=share_of(played.acted & fine, paired=paired),
        given_up=mean(np.where(fine, np.maximum(less, 0.0), 0.0), paired=paired),
        worse=share_of(less > SAME * start, paired=paired),
        caused=share_of(hit & ~bare_hit, paired=paired),
        result=mean(-less, paired=paired),
        saved=_saved(bare.lost, played.lost, paired=paired),
        decisions=played.decisions,
    )


def _saved(before: Floats, after: Floats, *, paired: bool) -> Estimate:
    """By how much the mean loss of the worst 5 % is less after than before."""
    influence = shortfall_influence(before, WORST) - shortfall_influence(after, WORST)
    return mean(influence, paired=paired)


def _rule(name: str, whole: Played, without: Played, paired: bool) -> RuleLine:
    hit, other = (each.first > 0 for each in (whole, without))
    return RuleLine(
        rule=name,
        changes=share_of(whole.lost != without.lost, paired=paired),
        avoided=mean(other.astype(np.float64) - hit, paired=paired),
        saved=_saved(without.lost, whole.lost, paired=paired),
        result=mean(without.lost - whole.lost, paired=paired),
    )
