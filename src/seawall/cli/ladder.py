"""``seawall ladder``: ladders of exits on the same paths, in calm and stressed volatility."""

from seawall.accounts.load import load_account
from seawall.cli.params import Files, Outputs, SignedTexts, SourceOptions, Texts
from seawall.cli.paths import MarketOptions, SimulationOptions
from seawall.cli.run import run


def ladder(
    account: str | None = None,
    /,
    *,
    ladder: SignedTexts = None,
    ladders: Files = None,
    regime: Texts = None,
    simulation: SimulationOptions = SimulationOptions(),  # noqa: B008 (frozen)
    market: MarketOptions = MarketOptions(),  # noqa: B008 (frozen)
    source: SourceOptions = SourceOptions(),  # noqa: B008 (frozen)
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """Compare ladders of stops, take-profits and closes before funding on the same paths.

    Says in calm, normal and stressed volatility how often each survives, what the worst 5 % of the
    paths lose, and how much of the profit it keeps. Without ladders: no exits, one stop, staggered
    stops, tiered take-profits, and closes before funding. Without arguments: a built-in account
    over a week. Exit status 2 for input that cannot be used.

    Parameters
    ----------
    account
        An account file (TOML, or a venue's own account state as .json), or an address.
    ladder
        Rungs with commas between them, such as "stop 50% at -5%, stop 50% at -10%", with a name
        first if you like: "tight = stop 100% at -2%"; ready for the ready ones. May be given
        several times.
    ladders
        A TOML file with a line for each ladder, NAME = "RUNGS"; may be given several times.
    regime
        A volatility to compare in, NAME=FACTOR, times that of the price model; may be given several
        times. Without it calm, normal and stressed.
    """
    from seawall.lab.ladder import ladder as question

    run(
        "ladder",
        outputs,
        lambda progress: question(
            load_account(account, source.options()),
            ladders=ladder or (),
            files=ladders or (),
            regimes=regime or (),
            workers=simulation.workers,
            cluster=simulation.cluster,
            progress=progress,
            **simulation.options(market, source.assume),
        ),
    )
