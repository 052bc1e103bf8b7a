"""The options of ``seawall stress`` and their description."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from seawall.cli.account_input import AccountOptions
from seawall.cli.output import OutputOptions

_Texts = Annotated[list[str] | None, Parameter(negative="")]
_SignedTexts = Annotated[list[str] | None, Parameter(negative="", allow_leading_hyphen=True)]


@Parameter(name="*")
@dataclass(frozen=True)
class StressOptions:
    """What to do to the account; texts, checked by ``stress_inputs``."""

    shock: _SignedTexts = None
    """Sizes in percent: 20 is both ways, -20 down, +20 up; a list with commas or several times.
    Without it 5,10,15,20,30."""
    beta: _Texts = None
    """How far a market moves when BTC moves 1 %, such as ETH=1.2; may be given several times."""
    betas: Path | None = None
    """A TOML file of betas, one line a market: ETH = 1.2."""
    survive: _SignedTexts = None
    """A move that should be survived: 20% against every position, -20% or +20% of all markets,
    BTC=-20% of one, beta=-20% of BTC and all others by their betas. Says what to add or close."""
    scenario: _Texts = None
    """A named scenario, a scenario file, or all; may be given several times."""
    depth: _Texts = None
    """USD within 50 bp per side of the book, for all markets (5000000) or one (BTC=5000000)."""


@Parameter(name="*")
@dataclass(frozen=True)
class StressSource:
    """Where rules, markets and prices come from."""

    price: _Texts = None
    """The price now, such as BTC=117000; may be given several times."""
    meta: Path | None = None
    """A file with the venue's answer to `meta`, for markets that do not ship."""
    markets: Path | None = None
    """A file with an indexer's answer to `perpetualMarkets`, for the account of one."""
    rulebook: str | None = None
    """A shipped rulebook by name, or a rulebook file. Without it, that of the account's venue."""
    at: str | None = None
    """Base URL of another API than the venue's own, such as a running sandbox, for an address."""

    def options(self) -> AccountOptions:
        return AccountOptions(
            meta=self.meta,
            markets=self.markets,
            rulebook=self.rulebook,
            at=self.at,
            price=self.price or (),
        )


@Parameter(name="*")
@dataclass(frozen=True)
class StressOutputs:
    """Where the findings go."""

    json_: Annotated[bool, Parameter(name="--json", negative="")] = False
    """Print one JSON object with exact decimal text instead of tables."""
    report: Path | None = None
    """Write a self-contained HTML report to this file."""
    parquet: Path | None = None
    """Write the tables as parquet files to this folder."""

    def options(self) -> OutputOptions:
        return OutputOptions(json=self.json_, report=self.report, parquet=self.parquet)
