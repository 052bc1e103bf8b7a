"""Options of ``seawall cascade``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

_Texts = Annotated[list[str] | None, Parameter(negative="", allow_leading_hyphen=True)]
_Files = Annotated[list[Path] | None, Parameter(negative="")]


@Parameter(name="*")
@dataclass(frozen=True)
class DayWishes:
    """What happens to the prices outside, and in which markets."""

    scenario: str | None = None
    """A named scenario or a scenario file; the crash of 2025-10-10 if not given."""
    path: _Files = None
    """A file of candles for the prices, instead of a scenario; may be given several times."""
    market: _Texts = None
    """A market beside those of the account; may be given several times."""
    minutes: float | None = None
    """Only the first minutes of it."""
    strength: str = "100%"
    """Share of every move of the path that is news; the rest would be the cascade's own."""


@Parameter(name="*")
@dataclass(frozen=True)
class PeopleWishes:
    """Who else is in the market."""

    accounts: int = 5_000
    """Accounts of the crowd; 0 for nobody."""
    population: Path | None = None
    """A parquet or CSV file with a column `leverage`: draw leverages from it."""
    leverage: float | None = None
    """Median leverage of an account of 10,000 USD, 6 if not given."""
    longs: str = "70%"
    """Share of the crowd's positions that is long."""
    crowd: str = "50%"
    """Share of all positions that the crowd holds; hedgers hold the rest."""
    isolated: str = "30%"
    """Share of accounts with isolated positions."""
    interest: _Texts = None
    """Open interest of a market in USD, such as BTC=2e9; may be given several times."""


@Parameter(name="*")
@dataclass(frozen=True)
class PriceWishes:
    """How selling moves prices, and who trades beside the crowd."""

    depth: _Texts = None
    """USD within 50 bp per side of the book, for all markets (5000000) or one (BTC=5000000)."""
    coupling: str = "50%"
    """Share of the venue's displacement that other venues, and so the oracle, feel."""
    lag: float = 3.0
    """Seconds until they feel it."""
    permanent: str = "30%"
    """Share of each trade's impact that stays."""
    half_life: float = 120.0
    """Seconds in which the rest of it halves."""
    noise: float = 1.0
    """Strength of noise traders, 1 for usual, 0 for none."""
    trend: float = 1.0
    """Strength of trend followers."""
    arbitrage: float = 1.0
    """Strength of traders who close the gap to other venues."""
    backstop: str = "1%"
    """Capital of the backstop, or of the insurance fund, as a share of the open interest."""
    fast_forward: Annotated[bool, Parameter(negative="--no-fast-forward")] = True
    """Send quiet seconds together; off, each second alone."""


@Parameter(name="*")
@dataclass(frozen=True)
class SeedWishes:
    """How often, and who computes."""

    seed: int = 1
    """The same seed gives the same run."""
    seeds: int = 1
    """Run so many seeds, from this one on, for the distribution of fall and loss."""
    workers: int | None = None
    """Processes for the seeds; one per core if not given. The results are the same."""
    cluster: str | None = None
    """Address of a Dask scheduler to run the seeds on, instead of processes."""
