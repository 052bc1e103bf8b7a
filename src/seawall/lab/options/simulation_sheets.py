"""What every report of an account in portfolio margin on random paths says of the simulation."""

from collections.abc import Iterable, Iterator

from seawall.lab.options.pooled_words import pool_words
from seawall.lab.options.simulation import PooledSimulation
from seawall.lab.options.ways import APART, BY_MARKET, Held
from seawall.lab.paths.sheets import price_assumptions, run_sheet
from seawall.report import kinds
from seawall.report.sheet import Column, Sheet


def simulation_sheet(simulation: PooledSimulation) -> Sheet:
    """The numbers of the simulation."""
    return run_sheet(
        simulation.setup,
        Column("start_equity", kinds.USD, lambda _: simulation.pool.held.equity),
        Column("volatility_change", kinds.SHARE, lambda _: simulation.volatility_change),
        Column("volatility_beta", kinds.FIGURE, lambda _: simulation.volatility_beta),
        Column("liquidation_cost", kinds.SHARE, lambda _: simulation.cost),
    )


def way_words(held: Iterable[Held]) -> str:
    """What the ways to hold the account are, of those that are shown."""
    shown = {*held}
    apart = {
        APART: "Apart: the perpetuals on one part of the money and the options on the other",
        BY_MARKET: "By market: each market on a part of its own, its perpetual and options pooled",
    }
    words = [f"{text}." for way, text in apart.items() if way in shown]
    if not words:
        return "There is nothing to divide."
    return " ".join(
        [*words, "The money is divided as initial margins ask; liquidated where any part is."]
    )


def simulation_words(simulation: PooledSimulation) -> Iterator[str]:
    """What is assumed, a sentence each."""
    setup = simulation.setup
    yield from price_assumptions(setup)
    yield from pool_words(simulation.pool)
    if simulation.volatility_change:
        yield (
            "All implied volatilities change by "
            f"{kinds.short_percent(simulation.volatility_change, signed=True)} of themselves "
            "before prices move (--volatility-change)."
        )
    if simulation.volatility_beta:
        yield (
            "They then follow the price of their market: volatility x (price / price now) ^ "
            f"{kinds.three_figures(simulation.volatility_beta)} (assumed, --volatility-beta)."
        )
    else:
        yield (
            "Implied volatilities stand still while prices move and time passes; --volatility-beta "
            "lets them follow prices."
        )
    yield (
        f"Margin is checked every {kinds.duration(setup.step_seconds)}. Forwards approach the "
        "price evenly until their expiry; an option pays what exercising it brings at the first "
        "check at or after it. What a preset provides for funding is that of the rates now."
    )
    yield (
        "A liquidation closes the whole account, or the part, at its values, less "
        f"{kinds.short_percent(simulation.cost)} of the price for each coin of perpetuals, options "
        "and collateral (assumed, --liquidation-cost); what it lacks others bear. Venues that "
        "close parts, or auction the account, leave more or less than this."
    )
    yield (
        f"Risk capital: {kinds.short_percent(setup.limits.risk_capital)} of the equity now "
        "(--risk-capital); ruin is its loss at any moment. Maximum drawdown: "
        f"{kinds.short_percent(setup.limits.max_drawdown)} below the highest equity so far "
        "(--max-drawdown)."
    )
