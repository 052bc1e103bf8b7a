"""The options of ``seawall crises`` and their description."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from seawall.accounts.load import AccountOptions

_Texts = Annotated[list[str] | None, Parameter(negative="")]


@Parameter(name="*")
@dataclass(frozen=True)
class CrisesOptions:
    """What to play; texts, checked by ``crises_inputs``."""

    crisis: _Texts = None
    """A crisis or any named scenario, a scenario file, or all; may be given several times. Without
    it the crash of 10 October 2025."""
    depth: str = "calm,drought"
    """How deep the books are when it begins: calm, drought (2 %), or percent such as 25 %; a list
    with commas."""
    rulebook: _Texts = None
    """A shipped rulebook by name, or a rulebook file; may be given several times. Without it all
    that ship, the account's own first."""
    mode: str = "cross,isolated,hybrid"
    """How the account is held; a list with commas."""
    population: int = 1000
    """Accounts drawn around yours, 0 for nobody."""
    candles: _Texts = None
    """Recorded candles of a crisis, such as crash_2024_08_05=FILE; may be given several times."""
    seed: int = 1
    """The same seed draws the same accounts."""
    workers: int | None = None
    """Processes; one per core if not given. The results are the same."""
    cluster: str | None = None
    """Address of a Dask scheduler to run on, such as tcp://127.0.0.1:8786, instead of processes."""


@Parameter(name="*")
@dataclass(frozen=True)
class CrisesSource:
    """Where the account, its markets and prices come from."""

    price: _Texts = None
    """The price now, such as BTC=117000; may be given several times."""
    market: _Texts = None
    """A further market with its own population, such as DOGE; may be given several times."""
    meta: Path | None = None
    """A file with the venue's answer to `meta`, for markets that do not ship."""
    markets: Path | None = None
    """A file with an indexer's answer to `perpetualMarkets`, for the account of one."""
    at: str | None = None
    """Base URL of another API than the venue's own, such as a running sandbox, for an address."""

    def options(self, rulebook: str | None) -> AccountOptions:
        return AccountOptions(
            meta=self.meta,
            markets=self.markets,
            rulebook=rulebook,
            at=self.at,
            price=self.price or (),
            extra_markets=self.market or (),
        )
