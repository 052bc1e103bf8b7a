"""Options that ``seawall size`` and ``seawall carry`` share, and their description."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from seawall.cli.account_input import AccountOptions
from seawall.cli.output import OutputOptions

Signed = Annotated[str, Parameter(allow_leading_hyphen=True)]
"""A text that may begin with a minus, also where it is no plain number (-10%)."""


@Parameter(name="*")
@dataclass(frozen=True)
class MarketSource:
    """Where account, rules, market and price come from."""

    account: str | None = None
    """An account file or an address, for its equity or its positions."""
    price: Annotated[list[str] | None, Parameter(negative="")] = None
    """The price now, USD, as 117000 or BTC=117000."""
    rulebook: str | None = None
    """A shipped rulebook by name, or a rulebook file."""
    meta: Path | None = None
    """A file with the venue's answer to `meta`, for markets that do not ship."""
    markets: Path | None = None
    """A file with an indexer's answer to `perpetualMarkets`, for the account of one."""
    at: str | None = None
    """Base URL of another API than the venue's own, for an address."""

    def options(self, market: str | None) -> AccountOptions:
        """What the reader of accounts takes; a bare price is that of ``market``."""
        prices = [
            text if "=" in text or market is None else f"{market}={text}"
            for text in self.price or ()
        ]
        return AccountOptions(
            meta=self.meta,
            markets=self.markets,
            rulebook=self.rulebook,
            at=self.at,
            price=prices,
            extra_markets=() if market is None else (market,),
        )


@Parameter(name="*")
@dataclass(frozen=True)
class Outputs:
    """Where the findings go."""

    json_: Annotated[bool, Parameter(name="--json", negative="")] = False
    """Print one JSON object with exact decimal text instead of the tables."""
    report: Path | None = None
    """Write a self-contained HTML report to this file."""
    parquet: Path | None = None
    """Write the tables behind the report to this folder."""

    def options(self) -> OutputOptions:
        return OutputOptions(json=self.json_, report=self.report, parquet=self.parquet)
