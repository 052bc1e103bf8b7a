"""Whether the way that ``seawall compare`` recommends in portfolio margin is the best on new paths.

    python -m tests.lab.pool_advice [--accounts 60] [--paths 4096] [--days 7] [--step 3600]

As ``mode_advice``, for random accounts of perpetuals and options in two markets: each is compared
as the command does, and all ways that may be recommended go along paths of another seed.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from msgspec import structs

from seawall.accounts.account import Account
from seawall.accounts.load import load_account
from seawall.lab.options.compare import PooledComparison, WayResult, pooled_comparison
from seawall.lab.paths.setup import PathOptions
from seawall.lab.paths.statistics import PathStatistics, path_statistics
from tests.lab.mode_advice import FRESH_SEED, HERE, Judgement, judged

SPOTS = {"BTC": 100_000, "ETH": 3_000}
PRESET = "derive-pm2"


class Advice(NamedTuple):
    """What was recommended to one account, and what came of it."""

    account: str
    found: PooledComparison
    worst: Judgement
    ruin: Judgement

    @property
    def mode(self) -> str:
        return self.found.presets[0].choice.mode

    @property
    def is_contradiction(self) -> bool:
        return self.found.presets[0].choice.contradicts is not None

    @property
    def judgements(self) -> tuple[Judgement, Judgement]:
        return self.worst, self.ruin


def random_account(number: int) -> Account:
    """Perpetuals and up to three options in each of two markets, with money for their margins."""
    dice = np.random.default_rng([number, 18])
    parts = [f'name = "pool {number}"\ntime = "2026-02-01T08:00:00Z"']
    gross = 0.0
    for market, spot in SPOTS.items():
        value = float(dice.uniform(0.2, 1.0)) * 100_000
        gross += value
        side = "long" if dice.random() < 0.6 else "short"
        parts.append(
            f'[[position]]\nmarket = "{market}"\nside = "{side}"\nsize = {value / spot:.3f}\n'
            f"entry = {spot}\nleverage = 10"
        )
        for _ in range(int(dice.integers(0, 4))):
            kind = "call" if dice.random() < 0.5 else "put"
            side = "long" if dice.random() < 0.5 else "short"
            strike = round(spot * float(dice.choice([0.8, 0.9, 0.95, 1.05, 1.1, 1.2])))
            size = float(dice.uniform(0.2, 1.0)) * 100_000 / spot
            day = int(dice.choice([6, 13, 27]))
            parts.append(
                f'[[option]]\nmarket = "{market}"\nkind = "{kind}"\nside = "{side}"\n'
                f'size = {size:.3f}\nstrike = {strike}\nexpiry = "2026-02-{day:02d}T08:00:00Z"\n'
                f'volatility = "{int(dice.uniform(40, 80))}%"'
            )
    money = gross * float(dice.uniform(0.2, 0.6))
    head = f"{parts[0]}\ncollateral = {money:.0f}"
    return load_account("\n".join([head, *parts[1:]]).encode())


def advice(number: int, scenarios: Sequence[str] = (), **options: PathOptions) -> Advice:
    """The recommendation to one random account, judged on fresh paths."""
    account = random_account(number)
    found = pooled_comparison(account, presets=PRESET, scenarios=scenarios, workers=1, **options)
    (under,) = found.presets
    allowed = [each for each in under.results if not each.out]
    fresh = fresh_statistics(found, allowed)
    chosen = allowed.index(under.recommended)
    names = [each.way.held for each in allowed]
    return Advice(account.name, found, *judged(names, fresh, chosen))


def fresh_statistics(found: PooledComparison, results: Sequence[WayResult]) -> list[PathStatistics]:
    """Each way along paths that the recommendation has not seen."""
    setup = structs.replace(found.setup, seed=FRESH_SEED)
    other = structs.replace(found.simulation, setup=setup)
    tasks = other.tasks([each.way for each in results])
    outcomes = HERE.all_outcomes(tasks, "fresh paths")
    return [
        path_statistics(task, each, setup.limits)
        for task, each in zip(tasks, outcomes, strict=True)
    ]


def summary(given: Sequence[Advice]) -> Iterator[str]:
    """The figures over all accounts."""
    several = [each for each in given if len(each.found.presets[0].judged) > 1]
    yield f"{len(given)} accounts, {len(several)} with more than one way that may be recommended"
    plain = [each for each in several if not each.is_contradiction]
    for name, some in (("without", plain), ("with", [e for e in several if e.is_contradiction])):
        for place, what in enumerate(("worst 5 %", "ruin")):
            judged = [each.judgements[place] for each in some]
            worse = sum(each.is_worse for each in judged)
            clearly = sum(each.is_clearly_worse for each in judged)
            yield (
                f"{len(some)} {name} contradiction, {what}: worse {worse}, clearly worse {clearly}"
            )
    yield f"recommended: {dict(Counter(each.mode for each in given))}"
    out = Counter(
        f"{result.way.held} {result.out}"
        for each in given
        for result in each.found.presets[0].results
        if result.out
    )
    yield f"out: {dict(out)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--accounts", type=int, default=60)
    parser.add_argument("--paths", type=int, default=4_096)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--step", type=int, default=3_600)
    chosen = parser.parse_args()
    given = []
    for number in range(chosen.accounts):
        given.append(advice(number, paths=chosen.paths, days=chosen.days, step_seconds=chosen.step))
        each = given[-1]
        worse = [judged for judged in each.judgements if judged.is_worse]
        print(f"{number:4d} {each.account:10s} {each.mode:10s} {worse or ''}", flush=True)
    print("\n".join(summary(given)))


if __name__ == "__main__":
    main()
