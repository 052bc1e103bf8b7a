"""``seawall stress``: what a move does to an account, and the smallest move that liquidates it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from seawall.cli.params import (
    Outputs,
    PortfolioMargin,
    SignedText,
    SignedTexts,
    SourceOptions,
    Texts,
)
from seawall.cli.run import run
from seawall.report.findings import Answer
from seawall.report.progress import Progress


@Parameter(name="*")
@dataclass(frozen=True)
class StressOptions:
    """What to do to the account."""

    shock: SignedTexts = None
    """Sizes in percent: 20 is both ways, -20 down, +20 up; a list with commas or several times.
    Without it 5,10,15,20,30."""
    beta: Texts = None
    """How far a market moves when BTC moves 1 %, such as ETH=1.2; may be given several times."""
    betas: Path | None = None
    """A TOML file of betas, one line a market: ETH = 1.2."""
    survive: SignedTexts = None
    """A move that should be survived: 20% against every position, -20% or +20% of all markets,
    BTC=-20% of one, beta=-20% of BTC and all others by their betas. Says what to add or close."""
    scenario: Texts = None
    """A named scenario, a scenario file, or all; may be given several times."""
    depth: Texts = None
    """USD within 50 bp per side of the book, for all markets (5000000) or one (BTC=5000000)."""
    volatility_change: SignedText = None
    """In portfolio margin: how far all implied volatilities move before prices do, such as 50% or
    -25%. Without it they stand still."""
    instant: Annotated[bool, Parameter(negative="")] = False
    """Shocks jump in one mark step; without it they move through the book, at most 1 % from mark to
    mark. What falls below zero within one step is deleveraged at the mark before it where the rules
    say so, and loses far less than in a real fall."""


def stress(
    account: str | None = None,
    /,
    *,
    options: StressOptions = StressOptions(),
    margin: PortfolioMargin = PortfolioMargin(),  # noqa: B008 (frozen)
    source: SourceOptions = SourceOptions(),  # noqa: B008 (frozen)
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """See what price shocks do to an account, and the smallest move that liquidates it.

    Shocks of every market alone, of all together, and of all by their betas; the exact price at
    which each position is liquidated; what to add or close to survive a move; named scenarios.
    Without arguments: a built-in account. Exit status 2 for input that cannot be used.

    Parameters
    ----------
    account
        An account file (TOML, or a venue's own account state as .json), or an address.
    """

    def compute(progress: Progress) -> Answer:
        from seawall.accounts.load import load_account
        from seawall.lab.stress import stress
        from seawall.lab.stress.shocks import DEFAULT_SHOCKS

        held = load_account(account, source.options())
        shocks = options.shock or DEFAULT_SHOCKS
        files = [] if options.betas is None else [options.betas]
        betas = [*files, *(options.beta or ())]
        in_a_pool = {"volatility_change": options.volatility_change}
        elsewhere = {
            "survive": options.survive, "scenario": options.scenario, "depth": options.depth,
            "instant": options.instant or None,
        }  # fmt: skip
        if margin.is_asked(held, in_a_pool, elsewhere):
            return stress(
                held, shocks=shocks, betas=betas, volatility_change=options.volatility_change or 0,
                assume=source.assume, **margin.options(),
            )  # fmt: skip
        return stress(
            held,
            shocks=shocks,
            betas=betas,
            survive=options.survive or (),
            scenarios=options.scenario or (),
            depth=options.depth or (),
            instant=options.instant,
            assume=source.assume,
            progress=progress,
        )

    run("stress", outputs, compute)
