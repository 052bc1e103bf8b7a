"""``seawall oracle``: an account on the prices that an oracle publishes, and on the true ones."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from seawall.cli.params import Outputs, SignedTexts, SourceOptions, Texts, given
from seawall.cli.run import run
from seawall.report.findings import Answer
from seawall.report.progress import Progress

SEVERAL = {"oracle": "oracles", "beta": "betas"}
"""What the library takes several of."""


@Parameter(name="*")
@dataclass(frozen=True)
class OracleOptions:
    """Which oracles, and in which crisis."""

    oracle: Texts = None
    """A preset by name, or a preset file; may be given several times. Without it all that
    ship; an unknown name is answered with those that do."""
    crisis: str | None = None
    """A crisis or any named scenario, or a scenario file. Without it crash_2025_10_10."""
    published: SignedTexts = None
    """A price as an oracle shows it, MARKET=PRICE,CONFIDENCE,EXPONENT[,SECONDS of age], such as
    BTC=12276250,1500,-5,12; may be given several times."""
    beta: SignedTexts = None
    """How far a market moves when BTC moves 1 %, such as ETH=1.2; may be given several times."""
    population: int | None = None
    """Accounts drawn around yours in the crisis, 0 for none. Without it 200."""
    seed: int | None = None
    """Draws the errors and failures of sources, and the other accounts. Without it 1."""
    workers: int | None = None
    """Processes; one per core if not given. The results are the same."""


def oracle(
    account: str | None = None,
    /,
    *,
    options: OracleOptions = OracleOptions(),
    source: Annotated[SourceOptions, Parameter(name="*")] = SourceOptions(),  # noqa: B008 (frozen)
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """See which moves liquidate an account on the published price and not on the true one.

    And the reverse; where the true price stands when the published one liquidates; and one crisis
    under every oracle. Without arguments: a built-in account on 10 October 2025. Exit status 2 for
    input that cannot be used, 1 where money is not conserved.

    Parameters
    ----------
    account
        An account file (TOML, or a venue's own account state as .json), or an address.
    """

    def compute(progress: Progress) -> Answer:
        from seawall.accounts.load import load_account
        from seawall.lab.oracle import oracle as question

        asked = {SEVERAL.get(name, name): value for name, value in given(options).items()}
        return question(
            load_account(account, source.options()),
            **asked, assume=source.assume, progress=progress,
        )  # fmt: skip

    run("oracle", outputs, compute)
