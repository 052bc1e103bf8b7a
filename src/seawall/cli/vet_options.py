"""Options of ``seawall vet`` and their description; texts, checked by ``vet_inputs``."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter


@Parameter(name="*")
@dataclass(frozen=True)
class VetSource:
    """Where the market is."""

    market: str | None = None
    """The market; BTC if not given, with --ccxt its symbol, like BTC/USDT:USDT."""
    at: str | None = None
    """Base URL of a running sandbox, or of another API of --venue or --ccxt."""
    venue: str | None = None
    """Whose API the URL is."""
    ccxt: str | None = None
    """An exchange by its ccxt name, asked live."""
    rulebook: str | None = None
    """Whose fees are paid; a shipped rulebook by name, or a rulebook file."""
    fee_volume: str | None = None
    """USD traded by you in the venue's fee window, for the fee tier."""


@Parameter(name="*")
@dataclass(frozen=True)
class VetOptions:
    """What is looked at."""

    size: Annotated[list[str] | None, Parameter(negative="")] = None
    """USD of a market order; 10000, 100000 and 1000000 if not given. May be repeated."""
    shock: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None
    """The move of the storm, like -10%; a running venue gets none if not given."""
    shock_seconds: str | None = None
    """How long the move takes; 30, or half of the storm if that is shorter."""
    withdraw: str = "0"
    """Share of their depth that makers take away during the storm, like 90%."""
    seconds: str | None = None
    """Of venue time, of each of calm, storm and after; 300 in the built-in sandbox, 20 live."""
    every: str = "1"
    """Seconds between two looks at a running venue."""
    storm: str | None = None
    """When the storm of a recording was, FROM/TO (UTC); found if not given."""
    until: str | None = None
    """Where to stop reading a recording (UTC)."""
    seed: int = 1
    """Decides the built-in sandbox's prices and agents."""
