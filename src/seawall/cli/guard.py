"""``seawall guard``: the policy of an account, checked before it is needed."""

from pathlib import Path
from typing import Literal

from cyclopts import App

from seawall.cli.params import Outputs, SignedText, SourceOptions, Texts, given
from seawall.cli.paths import MarketOptions
from seawall.cli.run import run
from seawall.domain.errors import InputError
from seawall.report.findings import Answer
from seawall.report.progress import Progress

guard = App(
    name="guard", help="Protect an account by a policy that was decided before: check it, test it."
)

MISTAKES = 1
for _name in ("run", "stop", "reset"):
    guard.command(f"seawall.cli.guard_run:{_name}", name=_name)
guard.command("seawall.cli.guard_explain:explain", name="explain")
guard.command("seawall.cli.guard_new:new", name="new")
guard.command("seawall.cli.guard_watch:watch", name="watch")
guard.command("seawall.cli.guard_watch:watchdog", name="watchdog")


@guard.command
def lint(
    policy: Path,
    account: str | None = None,
    /,
    *,
    depth: Texts = None,
    source: SourceOptions = SourceOptions(),  # noqa: B008 (frozen)
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """Check a policy, alone or for an account, and say what would fire at once.

    Nothing is sent anywhere. Exit status 0 without a mistake, 1 where there is one or a step would
    act at once, 2 for input that cannot be used.

    Parameters
    ----------
    policy
        A policy file (TOML).
    account
        An account file (TOML, or a venue's own account state as .json), or an address.
    depth
        USD within 50 bp per side of the book, for all markets (5000000) or one (BTC=5000000).
    """
    from seawall.guard.check import PolicyCheck, check_policy

    found: list[PolicyCheck] = []

    def compute(progress: Progress) -> Answer:
        from seawall.accounts.load import load_account

        if source.assume is not None:
            expected = "left out: nothing is assumed of markets here, --depth says their books"
            raise InputError.of("", "assume", str(source.assume), expected)
        held = None if account is None else load_account(account, source.options())
        for name, value in given(source).items() if held is None else ():
            raise InputError.of("", name, value, "given with an account")
        found.append(check_policy(policy, held, depth or ()))
        return found[0]

    run("guard lint", outputs, compute)
    if not found[0].is_clean:
        raise SystemExit(MISTAKES)


@guard.command
def test(
    policy: Path,
    account: str | None = None,
    /,
    *,
    wallet: str | None = None,
    stop: str = "5%",
    rules: Literal["on", "off"] = "on",
    scenario: Texts = None,
    paths: int = 500,
    days: SignedText = None,
    hours: SignedText = None,
    step: SignedText = None,
    seed: int = 1,
    workers: int | None = 1,
    market: MarketOptions = MarketOptions(),  # noqa: B008 (frozen)
    source: SourceOptions = SourceOptions(),  # noqa: B008 (frozen)
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """Play a policy on random paths and in a crisis, with it, without it, and without each rule.

    The decisions are those of the guard itself. Exit status 2 for input that cannot be used.

    Parameters
    ----------
    policy
        A policy file (TOML).
    account
        An account file (TOML, or a venue's own answer as .json), an address, or the built-in one.
    wallet
        USD outside of the account for top-ups and replenishing; the equity now if not given.
    stop
        Distance from the entry of the plain stop that the policy is compared with.
    rules
        Whether to switch off each rule once.
    scenario
        A named scenario, a scenario file, all or none; the crash of 10 October 2025 if not given.
    paths
        Number of paths.
    days
        Horizon in days, 3 if not given.
    hours
        Horizon in hours, instead of days.
    step
        Seconds between two marks, 60 if not given.
    seed
        The same seed gives the same paths.
    workers
        Processes. The results are the same.
    """
    from seawall.accounts.load import load_account
    from seawall.lab.guard_test.question import guard_test
    from seawall.lab.market.named_scenarios import DEFAULT
    from seawall.lab.paths.setup import PathOptions

    options = PathOptions(
        paths=paths, days=days, hours=hours, step_seconds=step, seed=seed, model=market.model(),
        depth=market.depth or (), assume=source.assume,
    )  # fmt: skip
    options |= {} if market.impact is None else {"impact": market.impact}
    run(
        "guard test",
        outputs,
        lambda progress: guard_test(
            policy,
            load_account(account, source.options()),
            wallet=wallet,
            stop=stop,
            rules=rules == "on",
            scenarios=() if scenario == ["none"] else scenario or (DEFAULT,),
            workers=workers,
            progress=progress,
            **options,
        ),
    )
