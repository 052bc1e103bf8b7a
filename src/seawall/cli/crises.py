"""``seawall crises``: an account in crises of the past, in every mode, under every rulebook."""

from dataclasses import dataclass

from cyclopts import Parameter

from seawall.cli.params import MarketSource, Outputs, Texts, given
from seawall.cli.run import run
from seawall.report.findings import Answer
from seawall.report.progress import Progress

SEVERAL = {"crisis": "crises", "depth": "depths", "mode": "modes", "rulebook": "rulebooks"}
"""What the library takes several of."""


@Parameter(name="*")
@dataclass(frozen=True)
class CrisesOptions:
    """Which crises, and how."""

    crisis: Texts = None
    """A crisis or any named scenario, a scenario file, or all; may be given several times. Without
    it the crash of 10 October 2025."""
    depth: str | None = None
    """How deep the books are when it begins: calm, drought (2 %), or percent such as 25 %; a list
    with commas. Without it calm,drought."""
    rulebook: Texts = None
    """A shipped rulebook by name, or a rulebook file; may be given several times. Without it all
    that ship, the account's own first."""
    mode: str | None = None
    """How the account is held; a list with commas. Without it cross,isolated,hybrid."""
    population: int | None = None
    """Accounts drawn around yours, 0 for none. Without it 1000."""
    candles: Texts = None
    """Recorded candles of a crisis, such as crash_2024_08_05=FILE; may be given several times."""
    seed: int | None = None
    """The same seed draws the same accounts. Without it 1."""
    workers: int | None = None
    """Processes; one per core if not given. The results are the same."""
    cluster: str | None = None
    """Address of a Dask scheduler to run on, such as tcp://127.0.0.1:8786, instead of processes."""


def crises(
    account: str | None = None,
    /,
    *,
    options: CrisesOptions = CrisesOptions(),
    market: Texts = None,
    source: MarketSource = MarketSource(),  # noqa: B008 (frozen)
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """See what crises of the past would do to an account among a population like that of the day.

    Side by side under every rulebook, cross, isolated and hybrid, in a calm and in a dry book: what
    is liquidated when, who closes it, what is left; and which accounts end differently under two
    rulebooks, and why. Without arguments: a built-in account on 10 October 2025. Exit status 2 for
    input that cannot be used, 1 where money is not conserved.

    Parameters
    ----------
    account
        An account file (TOML, or a venue's own account state as .json), or an address.
    market
        A further market with its own population, such as DOGE; may be given several times.
    """

    def compute(progress: Progress) -> Answer:
        from seawall.accounts.load import load_account
        from seawall.lab.crises import crises as question

        asked = {SEVERAL.get(name, name): value for name, value in given(options).items()}
        first = next(iter(options.rulebook or ()), None)
        where = source.options()._replace(rulebook=first, extra_markets=market or ())
        return question(
            load_account(account, where), **asked, assume=source.assume, progress=progress
        )

    run("crises", outputs, compute)
