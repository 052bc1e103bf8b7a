"""Options that ``seawall size`` and ``seawall carry`` share, and their description."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from seawall.accounts.load import AccountOptions
from seawall.cli.params import Texts

Signed = Annotated[str, Parameter(allow_leading_hyphen=True)]
"""A text that may begin with a minus, also where it is no plain number (-10%)."""


@Parameter(name="*")
@dataclass(frozen=True)
class MarketSource:
    """Where account, rules, market and price come from."""

    account: str | None = None
    """An account file or an address, for its equity or its positions."""
    price: Texts = None
    """The price now, USD, as 117000 or BTC=117000."""
    rulebook: str | None = None
    """A shipped rulebook by name, or a rulebook file. Without it, that of the account's venue."""
    meta: Path | None = None
    """A file with the venue's answer to `meta`, for markets that do not ship."""
    markets: Path | None = None
    """A file with an indexer's answer to `perpetualMarkets`, for the account of one."""
    at: str | None = None
    """Base URL of another API than the venue's own, such as a running sandbox, for an address."""

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
