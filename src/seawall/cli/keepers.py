"""``seawall keepers``: who liquidates an account on chain, at what price, and when none does."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from seawall.cli.params import Outputs, SourceOptions, Texts, given
from seawall.cli.run import run
from seawall.report.findings import Answer
from seawall.report.progress import Progress


@Parameter(name="*")
@dataclass(frozen=True)
class KeepersOptions:
    """Which mechanisms, and which keepers."""

    mechanism: Texts = None
    """A mechanism by name, or a file; may be given several times. Without it all that
    ship; an unknown name is answered with those that do."""
    gas: str | None = None
    """A price of gas by name (none, ethereum, ethereum_2020, rollup), or a file. Without it
    rollup."""
    crisis: str | None = None
    """A crisis or any named scenario, or a scenario file. Without it crash_2025_10_10."""
    keepers: int | None = None
    """How many keepers there are. Without it 8."""
    money: str | None = None
    """About how many USD each keeper has. Without it 250000."""
    fixed_gas: str | None = None
    """Share of keepers whose programs pay at most three times the usual price of gas. Without it
    50%."""
    margin: str | None = None
    """The largest profit that a keeper asks for, as a share of what it takes over. Without it
    0.5%."""
    fund: str | None = None
    """USD of the insurance fund. Without it there is none."""
    trials: int | None = None
    """How many liquidations of each bucket, each with its own keepers and gas. Without it 20."""
    day: str | None = None
    """A day of the past to run beside it: black_thursday."""
    seed: int | None = None
    """The seed of the first trial; each further trial has the next one. Without it 1."""


def keepers(
    account: str | None = None,
    /,
    *,
    options: KeepersOptions = KeepersOptions(),
    source: Annotated[SourceOptions, Parameter(name="*")] = SourceOptions(),  # noqa: B008 (frozen)
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """See who would liquidate an account on chain in a crisis, when, at what price, or none at all.

    Keepers act where the discount pays for gas, slippage and their margin: fixed bonus, fillable
    price, falling price, falling bid, growing part, rising bid. Without arguments: a built-in
    account on 10 October 2025. Exit status 2 for input that cannot be used, 1 where money is not
    conserved.

    Parameters
    ----------
    account
        An account file (TOML, or a venue's own account state as .json), or an address.
    """

    def compute(progress: Progress) -> Answer:
        from seawall.accounts.load import load_account
        from seawall.lab.keepers import keepers as question

        asked = given(options)
        if "mechanism" in asked:
            asked["mechanisms"] = asked.pop("mechanism")
        return question(
            load_account(account, source.options()),
            **asked, assume=source.assume, progress=progress,
        )  # fmt: skip

    run("keepers", outputs, compute)
