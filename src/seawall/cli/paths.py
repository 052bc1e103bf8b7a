"""``seawall paths``: how likely a liquidation is, what is lost, and at which leverage."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from seawall.cli.params import (
    Files,
    Outputs,
    PortfolioMargin,
    SignedText,
    SignedTexts,
    SourceOptions,
)
from seawall.cli.run import run
from seawall.report.findings import Answer
from seawall.report.progress import Progress

if TYPE_CHECKING:
    from seawall.lab.market.price_models import ModelOptions
    from seawall.lab.paths.setup import PathOptions


@Parameter(name="*")
@dataclass(frozen=True)
class MarketOptions:
    """How prices and funding move, and how deep the books are."""

    volatility: SignedTexts = None
    """Volatility a year, of all markets (80%) or of one (BTC=60%); may be given several times."""
    drift: SignedTexts = None
    """Expected change of price a year, of all markets (-20%) or one (BTC=10%); 0 if not given."""
    correlation: SignedText = None
    """Correlation of every pair of markets, from -1 to 1."""
    jumps: Literal["on", "off"] = "on"
    """Whether prices jump."""
    volatility_moves: Literal["on", "off"] = "on"
    """Whether volatility itself moves, so that wild days come together."""
    funding: SignedTexts = None
    """Funding rate that longs pay an hour, steady: 0.001%, BTC=0.00001, or 0 for none."""
    candles: Files = None
    """A file of candles and funding to compute the model from; may be given several times."""
    bootstrap: Files = None
    """A file of candles to draw blocks from, instead of a model; may be given several times."""
    block: SignedText = None
    """Length of a drawn block in hours, 24 if not given."""
    depth: SignedTexts = None
    """USD within 50 bp per side of the book, for all markets (5000000) or one (BTC=5000000)."""
    impact: SignedText = None
    """Slippage of an order as large as that depth, as a fraction: 0.005 if not given."""

    def model(self) -> "ModelOptions":
        """The options of the price model."""
        from seawall.lab.market.price_models import ModelOptions

        return ModelOptions(
            volatility=self.volatility or (), drift=self.drift or (), funding=self.funding or (),
            correlation=self.correlation, jumps=self.jumps == "on",
            volatility_moves=self.volatility_moves == "on", candles=self.candles or (),
            bootstrap=self.bootstrap or (), block_hours=self.block,
        )  # fmt: skip


@Parameter(name="*")
@dataclass(frozen=True)
class SimulationOptions:
    """How many paths, how long, how fine, and on which computers."""

    paths: int = 10_000
    """Number of paths."""
    days: SignedText = None
    """Horizon in days, 7 if not given."""
    hours: SignedText = None
    """Horizon in hours, instead of days."""
    step: SignedText = None
    """Seconds between two prices; by the horizon if not given, 60 for a week."""
    seed: int = 1
    """The same seed gives the same paths."""
    antithetic: Annotated[bool, Parameter(negative="")] = False
    """Mirror every second path: fewer paths are needed for the same precision."""
    workers: int | None = None
    """Processes; up to one per core if not given. The results are the same."""
    cluster: str | None = None
    """Address of a Dask scheduler to run on, such as tcp://127.0.0.1:8786, instead of processes."""
    risk_capital: SignedText = None
    """What the account may lose, in USD or as a share of its equity now; 50% if not given."""
    max_drawdown: SignedText = None
    """How far it may fall below its highest equity so far; 30% if not given."""

    def options(self, market: MarketOptions, assume: Path | None) -> "PathOptions":
        """The options of the simulation."""
        made: PathOptions = {
            "paths": self.paths, "days": self.days, "hours": self.hours,
            "step_seconds": self.step, "seed": self.seed, "antithetic": self.antithetic,
            "model": market.model(), "depth": market.depth or (), "assume": assume,
        }  # fmt: skip
        if market.impact is not None:
            made["impact"] = market.impact
        if self.risk_capital is not None:
            made["risk_capital"] = self.risk_capital
        if self.max_drawdown is not None:
            made["max_drawdown"] = self.max_drawdown
        return made


def paths(
    account: str | None = None,
    /,
    *,
    leverage: SignedText = None,
    ruin: SignedText = None,
    volatility_change: SignedText = None,
    volatility_beta: SignedText = None,
    margin: PortfolioMargin = PortfolioMargin(),  # noqa: B008 (frozen)
    simulation: SimulationOptions = SimulationOptions(),
    market: MarketOptions = MarketOptions(),
    source: SourceOptions = SourceOptions(),  # noqa: B008 (frozen)
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """Simulate an account on many random price paths: how often it is liquidated, what it loses.

    Prices diffuse together, jump together and have calm and wild days; liquidation happens inside
    the path by the venue's rules, in part where they say so. Without arguments: a built-in account
    over a week. Exit status 2 for input that cannot be used.

    Parameters
    ----------
    account
        An account file (TOML, or a venue's own account state as .json), or an address.
    leverage
        Leverages of the curve of liquidation over leverage, notional over equity of the whole
        account; none for none. Without it 2,3,5,7,10,15,20.
    ruin
        A probability such as 1%: find the leverage that keeps the loss of the risk capital in it.
    volatility_change
        In portfolio margin: how far all implied volatilities move before prices do, such as 50% or
        -25%. Without it they do not.
    volatility_beta
        In portfolio margin: how far all implied volatilities move, in percent of themselves, when
        the price of their market moves 1 %; -1 raises them as prices fall. Without it they stand
        still.
    """

    def compute(progress: Progress) -> Answer:
        from seawall.accounts.load import load_account
        from seawall.lab.paths import paths as question
        from seawall.lab.paths.question import DEFAULT_LEVERAGES

        held = load_account(account, source.options())
        simulated = simulation.options(market, source.assume)
        in_a_pool = {"volatility_change": volatility_change, "volatility_beta": volatility_beta}
        elsewhere = {
            "leverage": leverage, "ruin": ruin, "depth": market.depth, "impact": market.impact
        }  # fmt: skip
        if margin.is_asked(held, in_a_pool, elsewhere):
            return question(
                held, volatility_change=volatility_change or 0,
                volatility_beta=volatility_beta or 0, workers=simulation.workers,
                cluster=simulation.cluster, progress=progress, **margin.options(), **simulated,
            )  # fmt: skip
        leverages = DEFAULT_LEVERAGES if leverage is None else leverage.split(",")
        return question(
            held,
            leverages=[] if leverage is not None and leverage.strip() == "none" else leverages,
            ruin=ruin,
            workers=simulation.workers,
            cluster=simulation.cluster,
            progress=progress,
            **simulated,
        )

    run("paths", outputs, compute)
