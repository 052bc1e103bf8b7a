"""``seawall deleveraging``: who pays when the insurance is empty, under every policy."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from seawall.cli.params import Outputs, Texts
from seawall.cli.run import run


@Parameter(name="*")
@dataclass(frozen=True)
class DeleveragingOptions:
    """Which waves, what policies keep to, and your own position."""

    wave: Texts = None
    """Only the wave of this name; may be given several times."""
    largest_share: float = 1.0
    """Policies that pay take at most this share of a winner's profit, above 0 and up to 1."""
    power: float = 1.0
    """Of the risk model of risk-aware pro-rata: 1 weighs leverage squared, 2 cubed."""
    contracts: Annotated[bool, Parameter(negative="")] = False
    """Pro-rata policies close contracts in their proportions instead of taking money."""
    step: float | None = None
    """Whole contracts of this size, instead of the step of each wave; 0 for any part."""
    visits: int | None = None
    """How many winners the rotation asks at most."""
    seed: int = 1
    """Draws the built-in wave, the stand-ins of the recorded day, and where rotations begin."""
    equity: float | None = None
    """Your account value in USD, to see what would have been taken from you."""
    profit: float | None = None
    """Your unrealised profit in USD."""
    notional: float | None = None
    """Your position in USD, on the winners' side."""


def deleveraging(
    waves: Path | None = None,
    /,
    *,
    options: DeleveragingOptions = DeleveragingOptions(),
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """Deleveraging policies side by side: what each takes from winners, and from whom.

    Rank queue, rotating offset, pro-rata of contracts, profit, equity and notional, risk-aware
    pro-rata: budget, overshoot, largest haircut, who pays. Without arguments: a built-in wave. Exit
    status 2 for input that cannot be used.

    Parameters
    ----------
    waves
        A file of waves (JSON or parquet), or the folder of the recorded day.
    """
    from seawall.lab.deleveraging import deleveraging as compared

    given = dict(vars(options))
    only = given.pop("wave") or ()
    run("deleveraging", outputs, lambda _: compared(waves, only=only, **given))
