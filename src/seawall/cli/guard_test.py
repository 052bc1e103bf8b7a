"""``seawall guard test``: what a policy does to an account on many paths and in crises."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cyclopts import Parameter

from seawall.cli.params import Outputs, SignedText, SourceOptions, Texts
from seawall.cli.paths import MarketOptions
from seawall.cli.run import run


@Parameter(name="*")
@dataclass(frozen=True)
class CrashOptions:
    """Crashes of the past, each in the market of one command of the lab."""

    scenario: Texts = None
    """A named scenario, a scenario file, all or none; the crash of 10 October 2025 if not given."""
    crisis: Texts = None
    """The same in the market of crises: with a population of the day around the account."""
    cascade: Texts = None
    """The same in the market of cascade: what a whole market must sell moves every price."""

    @property
    def scenarios(self) -> tuple[str, ...]:
        from seawall.lab.market.named_scenarios import DEFAULT

        return () if self.scenario == ["none"] else tuple(self.scenario or (DEFAULT,))


def test(
    policy: Path,
    account: str | None = None,
    /,
    *,
    wallet: str | None = None,
    route: str = "none",
    stop: str = "5%",
    rules: Literal["on", "off"] = "on",
    crashes: CrashOptions = CrashOptions(),
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
    route
        The route of top-ups, by name or a file: how long they take and what they cost. Without it
        none: at once and free; an unknown name is answered with those that ship.
    stop
        Distance from the entry of the plain stop that the policy is compared with.
    rules
        Whether to switch off each rule once.
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
    from seawall.lab.paths.setup import PathOptions

    options = PathOptions(
        paths=paths, days=days, hours=hours, step_seconds=step, seed=seed, model=market.model(),
        depth=market.depth or (), assume=source.assume,
    )  # fmt: skip
    options |= {} if market.impact is None else {"impact": market.impact}
    run(
        "guard test", outputs,
        lambda progress: guard_test(
            policy, load_account(account, source.options()), wallet=wallet, stop=stop,
            scenarios=crashes.scenarios, crises=crashes.crisis or (),
            cascades=crashes.cascade or (), route=route, rules=rules == "on", workers=workers,
            progress=progress, **options,
        ),
    )  # fmt: skip
