"""``seawall cascade``: a whole market whose liquidations move the price, the account in it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from seawall.cli.params import Files, Outputs, SourceOptions, Texts, given
from seawall.cli.run import run
from seawall.report.findings import Answer
from seawall.report.progress import Progress


@Parameter(name="*")
@dataclass(frozen=True)
class PathOptions:
    """How prices move outside, and in which markets."""

    scenario: str | None = None
    """A named scenario or a scenario file; the crash of 2025-10-10 if not given."""
    path: Files = None
    """A file of candles for the prices, instead of a scenario; may be given several times."""
    market: Texts = None
    """A market beside those of the account; may be given several times."""
    minutes: str | None = None
    """Only the first minutes of it."""
    strength: str | None = None
    """Share of every move of the path that is news; the rest would be the cascade's own. 100%."""


@Parameter(name="*")
@dataclass(frozen=True)
class PopulationOptions:
    """The other accounts in the market."""

    accounts: int | None = None
    """Accounts of the crowd, 5000 if not given; 0 for none."""
    population: Path | None = None
    """A parquet or CSV file with a column `leverage`: draw leverages from it."""
    leverage: str | None = None
    """Median leverage of an account of 10,000 USD; that of the crisis, else 6, if not given."""
    longs: str | None = None
    """Share of the crowd's positions that is long; that of the crisis, else 70%."""
    crowd: str | None = None
    """Share of all positions that the crowd holds; hedgers hold the rest. 50%."""
    isolated: str | None = None
    """Share of accounts with isolated positions; 30%."""
    interest: Texts = None
    """Open interest in USD of a market, such as BTC=2e9, or of all; may be given several times."""


@Parameter(name="*")
@dataclass(frozen=True)
class ImpactOptions:
    """How selling moves prices, and which agents trade beside the crowd."""

    depth: Texts = None
    """USD within 50 bp per side of the book, for all markets (5000000) or one (BTC=5000000)."""
    coupling: str | None = None
    """Share of the venue's displacement by which other venues, and so the oracle, follow; 50%."""
    lag: str | None = None
    """Seconds until they follow; 3."""
    permanent: str | None = None
    """Share of each trade's impact that stays; 30%."""
    half_life: str | None = None
    """Seconds in which the rest of it halves; 120."""
    noise: str | None = None
    """Strength of noise traders, 1 for usual, 0 for none."""
    trend: str | None = None
    """Strength of trend followers."""
    arbitrage: str | None = None
    """Strength of traders who close the gap to other venues."""
    backstop: str | None = None
    """Capital of the backstop, or of the insurance fund, as a share of the open interest; that of
    the crisis, else 1%."""
    fast_forward: Annotated[bool, Parameter(negative="--no-fast-forward")] = True
    """Send quiet seconds together; off, each second alone."""


@Parameter(name="*")
@dataclass(frozen=True)
class SeedOptions:
    """How many runs, and where they are computed."""

    seed: int | None = None
    """The same seed gives the same run; 1."""
    seeds: int | None = None
    """Run so many seeds, from this one on, for the distribution of fall and loss."""
    workers: int | None = None
    """Processes for the seeds; one per core if not given. The results are the same."""
    cluster: str | None = None
    """Address of a Dask scheduler to run the seeds on, instead of processes."""


def cascade(
    account: str | None = None,
    /,
    *,
    path: PathOptions = PathOptions(),
    population: PopulationOptions = PopulationOptions(),
    impact: ImpactOptions = ImpactOptions(),
    seeds: SeedOptions = SeedOptions(),
    source: SourceOptions = SourceOptions(),  # noqa: B008 (frozen)
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """Rehearse a crash in which liquidations move the price and liquidate others.

    Thousands of accounts, makers and takers trade on the venue's own engine, the account among
    them. Shows prices with and without liquidations, which accounts were liquidated at which
    leverage, what the backstop and the insurance fund bore, and what was taken from winners.
    Without arguments: a built-in account in the crash of 2025-10-10. Exit status 2 for input that
    cannot be used, 1 where money is not conserved.

    Parameters
    ----------
    account
        An account file (TOML, or a venue's own account state as .json), or an address.
    """

    def compute(progress: Progress) -> Answer:
        from seawall.accounts.load import load_account
        from seawall.lab.cascade import cascade

        asked = given(path, population, impact, seeds)
        held = load_account(account, source.options(), extra_markets=asked.pop("market", None))
        return cascade(held, **asked, assume=source.assume, progress=progress)

    run("cascade", outputs, compute)
