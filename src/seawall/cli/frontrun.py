"""``seawall frontrun``: what a searcher that acts first takes from an account and its venue."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from seawall.cli.params import Outputs, SourceOptions, Texts, given
from seawall.cli.run import run
from seawall.report.findings import Answer
from seawall.report.progress import Progress

SEVERAL = {"oracle": "oracles", "pool": "pools"}
"""What the library takes several of."""


@Parameter(name="*")
@dataclass(frozen=True)
class FrontrunOptions:
    """Which pools, oracles and searchers."""

    pool: Texts = None
    """A pool by name, or a file; may be given several times. Without it all that ship; an unknown
    name is answered with those that do."""
    oracle: Texts = None
    """A preset of `seawall oracle` for liquidations on chain; may be given several times. Without
    it pyth_like, chainlink_like and maker_like."""
    searcher: str | None = None
    """What is assumed of the searcher, by name or a file. Without it usual."""
    gas: str | None = None
    """A price of gas by name (none, ethereum, ethereum_2020, rollup), or a file. Without it
    rollup."""
    mechanism: str | None = None
    """The mechanism that pays for a liquidation on chain, by name or a file, as in
    `seawall keepers`. Without it fixed_bonus."""
    crisis: str | None = None
    """A crisis or any named scenario, or a scenario file. Without it crash_2025_10_10."""
    stop: str | None = None
    """How far away a position without a stop is looked at as if it had one. Without it 2%."""
    seed: int | None = None
    """Of the errors of sources, and of the price of gas. Without it 1."""


def frontrun(
    account: str | None = None,
    /,
    *,
    options: FrontrunOptions = FrontrunOptions(),
    source: Annotated[SourceOptions, Parameter(name="*")] = SourceOptions(),  # noqa: B008 (frozen)
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """See what a searcher that acts first takes: from a liquidation, a pool, your time, your stops.

    A sandwich of the liquidation order in the book, trades at an old price of an oracle,
    liquidations sent ahead of it, stops reached through the book; and what private orders, batch
    auctions and execution in two steps give back. Without arguments: a built-in account on 10
    October 2025. Exit status 2 for input that cannot be used, 1 where money is not conserved.

    Parameters
    ----------
    account
        An account file (TOML, or a venue's own account state as .json), or an address.
    """

    def compute(progress: Progress) -> Answer:
        from seawall.accounts.load import load_account
        from seawall.lab.frontrun import frontrun as question

        asked = {SEVERAL.get(name, name): value for name, value in given(options).items()}
        return question(
            load_account(account, source.options()),
            **asked, assume=source.assume, progress=progress,
        )  # fmt: skip

    run("frontrun", outputs, compute)
