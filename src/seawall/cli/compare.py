"""``seawall compare``: the same positions in every margin mode, on the same paths."""

from typing import Annotated

from cyclopts import Parameter

from seawall.accounts.load import load_account
from seawall.cli.params import Outputs, SourceOptions, Texts
from seawall.cli.paths import MarketOptions, SimulationOptions
from seawall.cli.run import run


def compare(
    account: str | None = None,
    /,
    *,
    survival: Annotated[str, Parameter(allow_leading_hyphen=True)] = "99%",
    route: str = "none",
    scenario: Texts = None,
    simulation: SimulationOptions = SimulationOptions(),  # noqa: B008 (frozen)
    market: MarketOptions = MarketOptions(),  # noqa: B008 (frozen)
    source: SourceOptions = SourceOptions(),  # noqa: B008 (frozen)
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """Hold the same positions as given, cross, isolated and split, on the same random paths.

    Recommends by what hurts: the mean loss of the worst 5 % and the probability of losing the risk
    capital; says first where every mode is over-leveraged, and what speaks against the answer.
    Without arguments: a built-in account over a week. Exit status 2 for input that cannot be used.

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
    """
    from seawall.lab.compare import compare as question
    from seawall.lab.market.named_scenarios import DEFAULT

    run(
        "compare",
        outputs,
        lambda progress: question(
            load_account(account, source.options()),
            survival=survival,
            route=route,
            scenarios=() if scenario == ["none"] else scenario or (DEFAULT,),
            workers=simulation.workers,
            cluster=simulation.cluster,
            progress=progress,
            **simulation.options(market, source.assume),
        ),
    )
