"""What the four ready policies of the guard do to accounts of their kind: the tables of
docs/commands/guard_policies.md.

    python -m benchmarks.guard_policies [--paths 10000] [--days 3] [--workers 2] [--candles FILE]
        [--policy NAME] [--scenario NAME] [--crisis NAME] [--cascade NAME]

Each policy of ``examples/guard`` on the same paths with and without it, under three price models,
and through every scenario that comes with Seawall, in the engine; ``--crisis`` and ``--cascade``
instead: in the markets of these commands, without paths. ``--candles``: a file of candles
of BTC, ETH, SOL and HYPE, of which blocks of a day are drawn; without one the third model is left
out, and the output says so. The figures depend on the seed, not on the machine; the last line says
how long it took.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from seawall.accounts.load import load_account
from seawall.lab.guard_test.crashes import CrashNames
from seawall.lab.guard_test.question import GuardTest, guard_test
from seawall.lab.market.named_scenarios import ALL
from seawall.lab.market.price_models import ModelOptions
from seawall.lab.paths.estimates import Estimate
from seawall.lab.simulation.trials import run_trials

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
POLICIES = {
    "scalper": "account_scalper.toml",
    "macro_book": "account_macro_book.toml",
    "hybrid": "account_core_and_trades.toml",
    "small": "account_small.toml",
}
"""Each with an account of its kind."""
MODELS = {
    "jumps": ModelOptions(),
    "diffusion": ModelOptions(jumps=False, volatility_moves=False),
}
RECORDED, CRISES = "recorded", "crises"
PATHS, DAYS, STEP_SECONDS = 10_000, 3, 60


class Job(Struct, frozen=True, kw_only=True):
    """One policy under one model; ``names`` instead of paths where there are some."""

    policy: str
    model: str
    options: ModelOptions = ModelOptions()
    names: CrashNames | None = None
    paths: int = 1
    days: float = 1.0


def jobs(
    policies: Sequence[str], candles: Path | None, paths: int, days: float, names: CrashNames
) -> list[Job]:
    """Those of all policies."""
    last = [Job(policy=policy, model=CRISES, names=names) for policy in policies]
    if names.crises or names.cascades:
        return last
    models = MODELS if candles is None else MODELS | {RECORDED: ModelOptions(bootstrap=(candles,))}
    return [
        *(
            Job(policy=policy, model=model, options=options, paths=paths, days=days)
            for policy in policies
            for model, options in models.items()
        ),
        *last,
    ]


def played(given: Sequence[Job], number: int) -> GuardTest:
    """One of them."""
    job = given[number]
    names = job.names or CrashNames()
    return guard_test(
        EXAMPLES / "guard" / f"{job.policy}.toml",
        load_account(EXAMPLES / POLICIES[job.policy]),
        rules=False, beside=False, scenarios=names.scenarios, crises=names.crises,
        cascades=names.cascades, paths=job.paths, days=job.days,
        step_seconds=None if job.options.bootstrap else STEP_SECONDS, model=job.options,
    )  # fmt: skip


def path_rows(results: Sequence[tuple[Job, GuardTest]]) -> Iterator[str]:
    """The table of the paths."""
    yield (
        "| policy | model | liquidated without | with | worst 5 % lose without | with | less by "
        "| costs a path | mean result | false alarms | ends worse |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for job, found in results:
        if job.names is not None:
            continue
        bare, guarded = found.lines
        cells = [
            job.policy, job.model, _share(bare.liquidated), _share(guarded.liquidated),
            _usd(bare.worst), _usd(guarded.worst), _usd(guarded.saved),
            f"{guarded.cost.value:,.0f}", _usd(guarded.result), _share(guarded.false_alarm),
            _share(guarded.worse),
        ]  # fmt: skip
        yield f"| {' | '.join(cells)} |"


def crisis_rows(results: Sequence[tuple[Job, GuardTest]]) -> Iterator[str]:
    """The table of the scenarios."""
    first = [(job.policy, found) for job, found in results if found.crises]
    if not first:
        return
    yield f"| scenario | market | {' | '.join(policy for policy, _ in first)} |"
    yield f"|---|---|{'---|' * len(first)}"
    sides = [[found.crises_of(line.name) for line in found.lines] for _, found in first]
    for number, row in enumerate(sides[0][0]):
        cells = [
            " / ".join(
                f"{each[number].lost:,.0f}{' L' * each[number].is_liquidated}" for each in pair
            )
            for pair in sides
        ]
        yield f"| {row.scenario} | {row.market} | {' | '.join(cells)} |"


def _share(each: Estimate) -> str:
    return f"{100 * each.value:.2f} % ({100 * each.low:.2f} to {100 * each.high:.2f})"


def _usd(each: Estimate) -> str:
    return f"{each.value:,.0f} ({each.low:,.0f} to {each.high:,.0f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--paths", type=int, default=PATHS)
    parser.add_argument("--days", type=float, default=DAYS)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--candles", type=Path)
    parser.add_argument("--policy", action="append", choices=list(POLICIES))
    parser.add_argument("--scenario", action="append", help=f"all of them: {ALL}")
    parser.add_argument("--crisis", action="append", default=[], help=f"all of them: {ALL}")
    parser.add_argument("--cascade", action="append", default=[])
    given = parser.parse_args()
    began = time.perf_counter()
    wanted = given.crisis or given.cascade
    scenarios = given.scenario or ([] if wanted else [ALL])
    names = CrashNames(
        scenarios=tuple(scenarios), crises=tuple(given.crisis), cascades=tuple(given.cascade)
    )
    if given.candles is None and not wanted:
        print("Without --candles the model of recorded candles is left out.\n")
    work = jobs(given.policy or list(POLICIES), given.candles, given.paths, given.days, names)
    found = list(zip(work, run_trials(played, work, len(work), workers=given.workers), strict=True))
    rows = [] if wanted else [*path_rows(found), ""]
    print("\n".join(["", *rows, *crisis_rows(found)]))
    print(f"\n{time.perf_counter() - began:.0f} seconds with {given.workers} processes.")


if __name__ == "__main__":
    main()
