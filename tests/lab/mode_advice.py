"""Whether the mode that ``seawall compare`` recommends is the best on paths that it has not seen.

    python -m tests.lab.mode_advice [--accounts 200] [--paths 10000] [--days 7] [--step 600]

Each random account (``mode_accounts``) is compared as the command does. All its modes and splits
then go along fresh paths, of another seed, and there the recommended one is held against the best
other, in the mean loss of the worst 5 % and in the probability of ruin. It is **worse** where it is
by more than the 95 % confidence interval of the best, and **clearly worse** where the intervals of
both do not even touch.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from msgspec import structs

from seawall.lab.compare.comparison import Comparison, compare_modes
from seawall.lab.compare.modes import Mode
from seawall.lab.compare.question import through_scenarios
from seawall.lab.market.named_scenarios import DEFAULT, chosen_scenarios
from seawall.lab.paths.estimates import Estimate
from seawall.lab.paths.runner import Runner
from seawall.lab.paths.setup import PathOptions, PathSetup, path_setup
from seawall.lab.paths.statistics import PathStatistics, path_statistics
from tests.lab.mode_accounts import random_account

FRESH_SEED = 1_000_003
HERE = Runner(workers=1)
TARGET = 0.99


class Judgement(NamedTuple):
    """The recommended mode beside the best other on fresh paths."""

    recommended: Estimate
    best: Estimate
    best_mode: str

    @property
    def is_worse(self) -> bool:
        """By more than the interval of the best."""
        return self.recommended.value > self.best.high

    @property
    def is_clearly_worse(self) -> bool:
        """The intervals do not touch."""
        return self.recommended.low > self.best.high


class Advice(NamedTuple):
    """What was recommended to one account, and what came of it."""

    account: str
    found: Comparison
    worst: Judgement
    ruin: Judgement
    given_worst: float
    """Mean loss of the worst 5 % of the account as given, on the fresh paths, USD."""

    @property
    def is_contradiction(self) -> bool:
        """Whether no mode is best in both, and the recommendation says so."""
        return self.found.choice.contradicts is not None

    @property
    def judgements(self) -> tuple[Judgement, Judgement]:
        return self.worst, self.ruin


def advice(number: int, scenarios: Sequence[str] = (), **options: PathOptions) -> Advice:
    """The recommendation to one random account, judged on fresh paths."""
    account = random_account(number)
    setup = path_setup(account, **options)
    through = through_scenarios(setup, chosen_scenarios(scenarios))
    found = compare_modes(setup, TARGET, HERE, through)
    modes = [each.mode for each in found.modes]
    known = {each.isolated for each in modes}
    modes += [each.mode for each in found.splits if each.mode.isolated not in known]
    fresh = fresh_statistics(setup, modes)
    chosen = next(n for n, each in enumerate(modes) if each.name == found.choice.mode)
    return Advice(
        account.name,
        found,
        *judged([_name(each) for each in modes], fresh, chosen),
        fresh[0].loss.shortfalls[0.95].value,
    )


def fresh_statistics(setup: PathSetup, modes: Sequence[Mode]) -> list[PathStatistics]:
    """Each mode along paths that the recommendation has not seen."""
    other = structs.replace(setup, seed=FRESH_SEED)
    tasks = [other.task(each.holdings) for each in modes]
    outcomes = HERE.all_outcomes(tasks, "fresh paths")
    return [
        path_statistics(task, each, setup.limits)
        for task, each in zip(tasks, outcomes, strict=True)
    ]


def judged(
    names: Sequence[str], fresh: Sequence[PathStatistics], chosen: int
) -> tuple[Judgement, Judgement]:
    """The chosen one of what is named beside the best other: the worst 5 %, and ruin."""
    others = [n for n in range(len(names)) if n != chosen] or [chosen]

    def of(values: Sequence[Estimate]) -> Judgement:
        best = min(others, key=lambda n: values[n].value)
        return Judgement(values[chosen], values[best], names[best])

    return of([each.loss.shortfalls[0.95] for each in fresh]), of([each.ruin for each in fresh])


def _name(mode: Mode) -> str:
    return f"{mode.name} ({', '.join(mode.isolated) or 'none'} isolated)"


def summary(given: Sequence[Advice]) -> Iterator[str]:
    """The figures over all accounts."""
    plain = [each for each in given if not each.is_contradiction]
    yield f"{len(given)} accounts, {len(given) - len(plain)} with contradicting criteria"
    for name, some in (("without", plain), ("with", [e for e in given if e.is_contradiction])):
        for place, what in enumerate(("worst 5 %", "ruin")):
            judged = [each.judgements[place] for each in some]
            worse = sum(each.is_worse for each in judged)
            clearly = sum(each.is_clearly_worse for each in judged)
            yield f"{name} contradiction, {what}: worse {worse}, clearly worse {clearly}"
    kinds = Counter(
        "as given" if each.found.recommended.mode.is_given else each.found.choice.mode
        for each in given
    )
    yield f"recommended: {dict(kinds)}"
    yield f"over-leveraged in every mode: {sum(each.found.is_over_leveraged for each in given)}"
    changed = [each for each in given if not each.found.recommended.mode.is_given]
    if changed:
        saved = sorted(1 - each.worst.recommended.value / each.given_worst for each in changed)
        middle, least = saved[len(saved) // 2], saved[0]
        yield f"{len(changed)} changes: worst 5 % smaller by {middle:.1%}, at least {least:.1%}"


def _line(number: int, each: Advice) -> str:
    choice = each.found.choice
    words = [f"{number:4d} {each.account:18s} {choice.mode:9s}"]
    words += ["contradiction"] if choice.contradicts else []
    for what, judged in zip(("worst 5 %", "ruin"), each.judgements, strict=True):
        if judged.is_worse:
            by = "CLEARLY WORSE" if judged.is_clearly_worse else "worse"
            best, recommended = judged.best, judged.recommended
            words.append(
                f"{what} {by} than {judged.best_mode}: {recommended.value:.5g} against "
                f"{best.value:.5g} to {best.high:.5g}"
            )
    return "  ".join(words)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--accounts", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--paths", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--step", type=int, default=600)
    parser.add_argument("--scenario", default=DEFAULT, help="or none")
    asked = parser.parse_args()
    scenarios = () if asked.scenario == "none" else (asked.scenario,)
    options = {"paths": asked.paths, "days": asked.days, "step_seconds": asked.step}
    given = []
    for number in range(asked.first, asked.first + asked.accounts):
        given.append(advice(number, scenarios, **options))
        print(_line(number, given[-1]), flush=True)
    print(*summary(given), sep="\n")


if __name__ == "__main__":
    main()
