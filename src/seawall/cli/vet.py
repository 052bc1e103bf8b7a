"""``seawall vet``: how good a venue is in calm and in storm."""

from dataclasses import dataclass

from cyclopts import Parameter

from seawall.cli.params import Assume, Outputs, SignedText, Texts, given
from seawall.cli.run import run
from seawall.report.findings import Answer
from seawall.report.progress import Progress


@Parameter(name="*")
@dataclass(frozen=True)
class VetOptions:
    """Which market is watched, for how long and through what."""

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
    size: Texts = None
    """USD of a market order; 10000, 100000 and 1000000 if not given. May be repeated."""
    shock: SignedText = None
    """The move of the storm, like -10%; a running venue gets none if not given."""
    shock_seconds: str | None = None
    """How long the move takes; 30, or half of the storm if that is shorter."""
    withdraw: str | None = None
    """Share of their depth that makers take away during the storm, like 90%."""
    seconds: str | None = None
    """Of venue time, of each of calm, storm and after; 300 in the built-in sandbox, 20 live."""
    every: str | None = None
    """Seconds between two looks at a running venue; 1 if not given."""
    storm: str | None = None
    """When the storm of a recording was, FROM/TO (UTC); found if not given."""
    until: str | None = None
    """Where to stop reading a recording (UTC)."""
    assume: Assume = None
    seed: int | None = None
    """Decides the built-in sandbox's prices and agents; 1 if not given."""
    latency: str | None = None
    """How many orders are sent and cancelled to measure their round trips, like 50: at a sandbox,
    or with a --key at a test network."""
    key: str | None = None
    """Where the private key is that signs at a test network: `env:NAME`, or `file:PATH` with rights
    for its owner only."""


def vet(
    recording: str | None = None,
    /,
    *,
    options: VetOptions = VetOptions(),
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """How good a venue is: spread, depth, slippage, resilience and costs, in calm and in storm.

    Reads a recorded book, watches a running sandbox (under a shock if asked for) or a real venue
    through ccxt. Without arguments: a sandbox with its agents runs here, through a shock of -10 %.
    Exit status 2 for input that cannot be used.

    Parameters
    ----------
    recording
        A recorded book with trades: parquet of changes, or lines of JSON (also gzip).
    """

    def compute(progress: Progress) -> Answer:
        from seawall.lab.vet import vet

        asked = given(options)
        if "size" in asked:
            asked["sizes"] = asked.pop("size")
        return vet(recording, **asked, progress=progress)

    run("vet", outputs, compute)
