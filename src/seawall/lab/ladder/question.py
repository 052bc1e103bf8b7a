"""The question of ``seawall ladder``: which exits protect, and what they give up, by volatility."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Unpack

import numpy as np
from msgspec import Struct, structs

from seawall.accounts.account import Account
from seawall.domain.errors import InputError
from seawall.domain.quantities import number
from seawall.lab.arrays import Floats, Mask
from seawall.lab.ladder.placed import Placed, beyond_liquidation, placed, without_exits
from seawall.lab.ladder.rungs import NONE, read_ladders
from seawall.lab.market.assumption_sheets import VOLATILITY_MOVES
from seawall.lab.paths.estimates import Estimate, mean, share, shortfall_influence
from seawall.lab.paths.kernels.task import Diffusion, Outcomes, PathTask
from seawall.lab.paths.runner import Runner
from seawall.lab.paths.setup import PathOptions, PathSetup, path_setup
from seawall.lab.paths.statistics import (
    PathStatistics,
    first_liquidation,
    losses,
    path_statistics,
)
from seawall.report.findings import Answer, Findings
from seawall.report.progress import Progress, silent

OWN = "own orders"
WORST = 0.95
DECILE = 1.2815515655446004
"""Standard deviations from the middle to the tenth and the ninetieth percentile of a normal."""
MOST_REGIMES = 6
DAYS_A_YEAR = 365


class Regime(Struct, frozen=True):
    """``factor``: times the volatility of the price model."""

    name: str
    factor: float


class LadderLine(Struct, frozen=True, kw_only=True):
    """A ladder in one regime, beside the positions without exits on the same paths. USD a path.

    ``survives``: without a liquidation; ``survival_gain``: by how much more often than without
    exits. ``spared``: by how much the mean loss of the worst 5 % is less than without. ``result``:
    mean change of the result; it is ``saved``, the mean of what is more on the paths where the
    ladder ends better, less ``given_up``, of what is less where it ends worse. ``profit_kept``:
    profits with the ladder over profits without, None where there are none. ``acted``: any order.
    Of no ladder the differences are None. ``alive``: (n,) the paths that survive; ``paired``:
    whether every second one mirrors the one before.
    """

    regime: Regime
    ladder: str
    statistics: PathStatistics
    survives: Estimate
    acted: Estimate
    survival_gain: Estimate | None
    spared: Estimate | None
    result: Estimate | None
    saved: Estimate | None
    given_up: Estimate | None
    profit_kept: Estimate | None
    alive: Mask
    paired: bool

    def survives_more(self, other: "LadderLine") -> Estimate:
        """By how much more often than with another ladder, on the same paths."""
        return more_often(self.alive, other.alive, paired=self.paired)

    @property
    def worst(self) -> Estimate:
        """Mean loss of the worst 5 % of paths, USD."""
        return self.statistics.loss.shortfalls[WORST]

    @property
    def is_safer(self) -> bool:
        """Whether the worst 5 % lose less than without exits, beyond the interval."""
        return self.spared is not None and self.spared.low > 0

    @property
    def only_costs(self) -> bool:
        """Whether the mean result is lower, beyond the interval, and nothing is any safer."""
        if self.result is None or self.survival_gain is None:
            return False
        return self.result.high < 0 and self.survival_gain.low <= 0 and not self.is_safer


class LadderResult(Answer, frozen=True, kw_only=True):
    """Every ladder in every regime, regimes first; the first ladder of each is none."""

    setup: PathSetup
    regimes: Sequence[Regime]
    ladders: Sequence[Placed]
    sigmas: Sequence[float]
    lines: Sequence[LadderLine]
    notes: Sequence[str]

    def of(self, regime: Regime) -> list[LadderLine]:
        """The lines of a regime, in the order of the ladders."""
        return [each for each in self.lines if each.regime == regime]

    def findings(self) -> Findings:
        """The result as sheets, figures and sentences."""
        from seawall.lab.ladder.sheets import findings

        return findings(self)


def ladder(
    account: Account,
    *,
    ladders: str | Iterable[str] = (),
    files: str | Path | Iterable[str | Path] = (),
    regimes: str | Iterable[str] = (),
    workers: int | None = None,
    cluster: str | None = None,
    progress: Progress = silent,
    **options: Unpack[PathOptions],
) -> LadderResult:
    """Compare ladders of exits on the same paths in calm, normal and stressed volatility.

    ``ladders``: texts as ``read_ladders`` reads them, such as ``"stop 50% at -5%, stop 50% at
    -10%"`` or ``"tight = stop 100% at -2%"``; ``files``: TOML files of them; the ready ones without
    both. ``regimes``: ``NAME=FACTOR``, times the volatility of the price model. ``workers``,
    ``cluster``: as ``Runner``; ``options``: as ``PathOptions``. Raises SeawallError.
    """
    runner = Runner(workers=workers, cluster=cluster, progress=progress)
    texts = [ladders] if isinstance(ladders, str) else list(ladders)
    paths = [files] if isinstance(files, str | Path) else list(files)
    wanted = read_ladders(texts, [Path(each) for each in paths])
    setup = path_setup(account, **options)
    sigmas = daily_sigmas(setup)
    bare = Placed(name=NONE, holdings=without_exits(account))
    found = [bare]
    if account.holdings.orders or account.holdings.top_ups:
        found.append(Placed(name=OWN, holdings=account.holdings))
    found += [placed(account, each, sigmas) for each in wanted]
    given = [regimes] if isinstance(regimes, str) else list(regimes)
    chosen = read_regimes(given, setup)
    if len(chosen) > 1 and not given:
        # Read for the regimes, whether or not volatility moves within a path.
        shared = dict.fromkeys((*setup.used.shared, VOLATILITY_MOVES[0]))
        setup = structs.replace(setup, used=structs.replace(setup.used, shared=tuple(shared)))
    runs = [(regime, each) for regime in chosen for each in found]
    tasks = [in_regime(setup, r).task(each.holdings, each.closes) for r, each in runs]
    outcomes = runner.all_outcomes(tasks, "ladders on the same paths")
    lines = []
    for place, (regime, each) in enumerate(runs):
        none = place - place % len(found)
        base = None if place == none else outcomes[none]
        statistics = path_statistics(tasks[place], outcomes[place], setup.limits)
        lines.append(_line(regime, each.name, tasks[place], outcomes[place], base, statistics))
    notes = list(setup.source.notes)
    notes += [text for each in found for text in beyond_liquidation(account, each)]
    return LadderResult(
        setup=setup, regimes=chosen, ladders=found, sigmas=list(sigmas.values()), lines=lines,
        notes=notes,
    )  # fmt: skip


def daily_sigmas(setup: PathSetup) -> dict[str, float]:
    """Standard deviation of a day of each market, in normal volatility."""
    markets = setup.path_account(without_exits(setup.account)).markets
    moves = setup.source.moves
    if isinstance(moves, Diffusion):
        found = moves.volatility / math.sqrt(DAYS_A_YEAR)
    else:
        found = moves.returns.std(axis=0) * math.sqrt(86_400 / setup.step_seconds)
    return dict(zip(markets, found.tolist(), strict=True))


def read_regimes(given: Sequence[str], setup: PathSetup) -> list[Regime]:
    """The regimes of ``NAME=FACTOR`` texts; without any calm, normal and stressed volatility.

    These are the tenth percentile, the middle and the ninetieth of the model's volatility state.
    Recorded blocks know one regime, the record. Raises InputError.
    """
    moves = setup.source.moves
    if not isinstance(moves, Diffusion):
        if given:
            raise InputError.of("", "regime", given[0], "left out: prices are recorded")
        return [Regime("as recorded", 1.0)]
    if not given:
        # Where volatility is asked to stand still within a path, regimes differ all the same.
        spread = moves.volatility_of_volatility
        spread = spread or setup.used.assumptions.shared("volatility_of_volatility")
        high = math.exp(DECILE * spread)
        return [Regime("calm", 1 / high), Regime("normal", 1.0), Regime("stressed", high)]
    found = []
    for text in given:
        name, _, factor = text.partition("=")
        expected = "NAME=FACTOR with a factor from 0.05 to 20, such as stressed=2"
        if not name.strip() or not factor.strip():
            raise InputError.of("", "regime", text, expected)
        times = number("regime", factor, least=0.05, most=20, expected=expected)
        found.append(Regime(name.strip(), float(times)))
    if len(found) > MOST_REGIMES or len({each.name for each in found}) < len(found):
        raise InputError.of("", "regime", ", ".join(given), f"at most {MOST_REGIMES}, each once")
    return found


def in_regime(setup: PathSetup, regime: Regime) -> PathSetup:
    """The same paths with volatility times the regime's factor."""
    moves = setup.source.moves
    if not isinstance(moves, Diffusion):
        return setup
    scaled = structs.replace(moves, volatility=moves.volatility * regime.factor)
    return structs.replace(setup, source=structs.replace(setup.source, moves=scaled))


def _line(
    regime: Regime,
    name: str,
    task: PathTask,
    outcomes: Outcomes,
    without: Outcomes | None,
    statistics: PathStatistics,
) -> LadderLine:
    """``without``: of the same paths without exits."""
    paired = task.antithetic
    own, survives = losses(task, outcomes), first_liquidation(outcomes) == 0
    differences: dict[str, Estimate | None] = dict.fromkeys(
        ("survival_gain", "spared", "result", "saved", "given_up", "profit_kept")
    )
    if without is not None:
        base = losses(task, without)
        better = base - own
        tail = shortfall_influence(base, WORST) - shortfall_influence(own, WORST)
        differences = {
            "survival_gain": more_often(survives, first_liquidation(without) == 0, paired=paired),
            "spared": mean(tail, paired=paired),
            "result": mean(better, paired=paired),
            "saved": mean(np.maximum(better, 0.0), paired=paired),
            "given_up": mean(np.maximum(-better, 0.0), paired=paired),
            "profit_kept": _profit_kept(own, base, paired=paired),
        }
    return LadderLine(
        regime=regime,
        ladder=name,
        statistics=statistics,
        survives=share(survives, paired=paired),
        acted=share(np.any(outcomes.acted > 0, axis=1), paired=paired),
        alive=survives,
        paired=paired,
        **differences,
    )


def more_often(one: Mask, other: Mask, *, paired: bool) -> Estimate:
    """By how much more often the one is true than the other, on the same n paths."""
    return mean(one.astype(np.float64) - other, paired=paired)


def _profit_kept(own: Floats, base: Floats, *, paired: bool) -> Estimate | None:
    """The ratio of mean profits; its interval is that of a ratio's linearisation."""
    kept, before = np.maximum(-own, 0.0), np.maximum(-base, 0.0)
    whole = float(before.mean())
    if whole <= 0.0:
        return None
    ratio = float(kept.mean()) / whole
    return mean(ratio + (kept - ratio * before) / whole, paired=paired)
