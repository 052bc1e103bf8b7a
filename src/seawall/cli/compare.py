"""``seawall compare``: the same positions in every margin mode, on the same paths."""

from typing import Annotated

from cyclopts import Parameter

from seawall.cli.params import Outputs, PortfolioMargin, SignedText, SourceOptions, Texts
from seawall.cli.paths import MarketOptions, SimulationOptions
from seawall.cli.run import run
from seawall.report.findings import Answer
from seawall.report.progress import Progress


def compare(
    account: str | None = None,
    /,
    *,
    survival: Annotated[str, Parameter(allow_leading_hyphen=True)] = "99%",
    route: str | None = None,
    scenario: Texts = None,
    volatility_change: SignedText = None,
    volatility_beta: SignedText = None,
    margin: PortfolioMargin = PortfolioMargin(),  # noqa: B008 (frozen)
    simulation: SimulationOptions = SimulationOptions(),  # noqa: B008 (frozen)
    market: MarketOptions = MarketOptions(),  # noqa: B008 (frozen)
    source: SourceOptions = SourceOptions(),  # noqa: B008 (frozen)
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """Hold the same positions as given, cross, isolated and split, on the same random paths.

    In portfolio margin: in one pool, perpetuals and options apart, and by market. Recommends by
    what hurts: the mean loss of the worst 5 % and the probability of losing the risk capital; says
    first where every mode is over-leveraged, and what speaks against the answer. Without arguments:
    a built-in account over a week. Exit status 2 for input that cannot be used.

    Parameters
    ----------
    account
        An account file (TOML, or a venue's own account state as .json), or an address.
    survival
        The share of paths without a liquidation that the capital needed is for, such as 99%.
    route
        The route of money to a position, by name or a file: how long the account's top-ups take,
        what they cost, and what each mode takes. Without it none: at once and free; an unknown name
        is answered with those that ship.
    scenario
        A named scenario, a scenario file, all or none; the crash of 10 October 2025 if not given.
        What it costs counts where the paths leave a tie.
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
        from seawall.lab.compare import compare as question
        from seawall.lab.market.named_scenarios import DEFAULT
        from seawall.lab.transfers.route import NO_ROUTE

        held = load_account(account, source.options())
        simulated = simulation.options(market, source.assume)
        scenarios = () if scenario == ["none"] else scenario or (DEFAULT,)
        in_a_pool = {"volatility_change": volatility_change, "volatility_beta": volatility_beta}
        elsewhere = {"route": route, "depth": market.depth, "impact": market.impact}
        if margin.is_asked(held, in_a_pool, elsewhere):
            return question(
                held, survival=survival, scenarios=scenarios,
                volatility_change=volatility_change or 0, volatility_beta=volatility_beta or 0,
                workers=simulation.workers, cluster=simulation.cluster, progress=progress,
                **margin.options(), **simulated,
            )  # fmt: skip
        return question(
            held, survival=survival, route=route or NO_ROUTE, scenarios=scenarios,
            workers=simulation.workers, cluster=simulation.cluster, progress=progress,
            **simulated,
        )  # fmt: skip

    run("compare", outputs, compute)
