"""Kelly, fixed fraction and ruin beside the advised size: what edge it would take to deserve it."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from seawall.lab.size.advice import HOURS_PER_YEAR, Advice, SizeTask
from seawall.lab.size.kelly import (
    continuous_growth,
    continuous_kelly,
    discrete_growth,
    discrete_kelly,
    fall_bound,
    fall_probability,
    losses_in_a_row,
    multiple_of_kelly,
    reach_first_probability,
    ruin_of_unit_bets,
)
from seawall.lab.size.words import percent, times
from seawall.report.findings import Table, Words

FUNDING_ONE = 10**12
SHARES = (0.25, 0.5, 1.0, 1.5, 2.0)
"""Multiples of Kelly that are shown; from twice Kelly on, nothing grows."""
ABOVE_EVEN = (0.0, 0.025, 0.05, 0.10, 0.20)
"""Win rates that are shown where none is given: so much above the one that breaks even."""


def funding_per_year(task: SizeTask) -> float:
    """Share of notional that the funding of the wager costs in a year."""
    return task.wager.funding_rate / FUNDING_ONE * HOURS_PER_YEAR


def leverage_of(task: SizeTask, advice: Advice) -> float:
    """Notional of the advised size over equity."""
    return float(Fraction(advice.notional(task), task.equity))


def risked_share(task: SizeTask, advice: Advice) -> float:
    """The fixed fraction: what being wrong costs, as a share of equity."""
    return 0.0 if advice.loss is None else advice.loss.total / task.equity


def kelly_words(task: SizeTask, advice: Advice) -> Words:
    """Where the advised size stands, in a sentence or two."""
    leverage, risked = leverage_of(task, advice), risked_share(task, advice)
    variance = task.volatility**2
    cost = funding_per_year(task)
    even = 1.0 / (1.0 + task.payoff)
    if task.edge is None:
        needed = leverage * variance + cost
        drift = (
            f"At {percent(task.volatility, 0)} volatility a year, {times(leverage)} is all of "
            f"Kelly only if the trade earns {percent(needed, 1)} a year without leverage ("
            f"{percent(cost, 1)} of it go to funding); half of Kelly asks for "
            f"{percent(2 * leverage * variance + cost, 1)}."
        )
    else:
        kelly = continuous_kelly(task.edge - cost, task.volatility)
        drift = (
            f"With an edge of {percent(task.edge, 1)} a year, less {percent(cost, 1)} of funding, "
            f"and {percent(task.volatility, 0)} volatility, Kelly is {times(kelly)} and "
            f"{task.kelly_share:g} of it {times(task.kelly_share * kelly)}; the advised size is "
            f"{times(leverage)}."
        )
        if kelly <= 0.0:
            drift += " Kelly says: no such trade."
    return Words(
        f"For reference: {drift} As a fixed fraction it risks {percent(risked)} of equity a trade; "
        f"when a winner brings {task.payoff:g} times a loss, it breaks even at a win rate of "
        f"{percent(even, 1)}."
    )


def kelly_tables(task: SizeTask, advice: Advice) -> Iterator[Table]:
    """Kelly of a drift, then Kelly of single trades."""
    yield _drift_table(task, advice)
    yield _trade_table(task, advice)


def _fall_column(task: SizeTask) -> str:
    return f"ever down to {percent(task.remaining, 0)}"


def _drift_table(task: SizeTask, advice: Advice) -> Table:
    cost = funding_per_year(task)
    rows = []
    styles = {}
    shares = sorted({*SHARES, task.kelly_share})
    for number, share in enumerate(shares):
        if task.edge is None:
            leverage = leverage_of(task, advice)
            drift = leverage * task.volatility**2 / share
        else:
            drift = task.edge - cost
            leverage = share * continuous_kelly(drift, task.volatility)
        if share == task.kelly_share:
            styles[number] = "good"
        pays = leverage > 0.0
        growth = continuous_growth(leverage, drift, task.volatility) if pays else 0.0
        rows.append(
            (
                f"{share:g}",
                times(max(leverage, 0.0)),
                percent(drift + cost, 1),
                percent(growth, 2),
                percent(fall_probability(task.remaining, share), 1) if pays else "0.0 %",
                percent(reach_first_probability(2.0, 0.5, share), 1) if pays else "",
            )
        )
    asked = "edge it takes, a year" if task.edge is None else "edge a year"
    return Table(
        title="Kelly of a drift: f* = mu / sigma²",
        columns=(
            *("share of Kelly", "leverage", asked, "growth a year", _fall_column(task)),
            "doubled before halved",
        ),
        rows=rows,
        styles=styles,
        note="Constant odds and continuous trading, which nobody has: errors in the edge are "
        "larger than the difference between the rows.",
    )


def _trade_table(task: SizeTask, advice: Advice) -> Table:
    risked = risked_share(task, advice)
    even = 1.0 / (1.0 + task.payoff)
    rates = [task.win_rate]
    if task.win_rate is None:
        rates = [even + more for more in ABOVE_EVEN if even + more < 1.0]
    rows = []
    for rate in rates:
        assert rate is not None
        kelly = max(0.0, discrete_kelly(rate, task.payoff))
        multiple = multiple_of_kelly(risked, kelly) if kelly > 1e-12 else float("inf")
        fall = fall_bound(task.remaining, risked, rate, task.payoff)
        rows.append(
            (
                percent(rate, 1),
                percent(kelly),
                percent(task.kelly_share * kelly),
                percent(risked),
                "above any" if multiple == float("inf") else f"{multiple:.2f}",
                f"{discrete_growth(risked, rate, task.payoff) * 1e4:+,.1f}",
                percent(fall, 1),
                *((percent(_ruin(task, risked, rate), 1),) if task.payoff == 1.0 else ()),
            )
        )
    row = losses_in_a_row(task.remaining, risked)
    return Table(
        title=f"Kelly of single trades: f* = p - (1 - p) / b, a winner brings b = "
        f"{task.payoff:g} losses",
        columns=(
            *("win rate", "Kelly", f"{task.kelly_share:g} of it", "risked here", "of Kelly"),
            *("growth a trade, bp", _fall_column(task)),
            *(("at a constant stake",) if task.payoff == 1.0 else ()),
        ),
        rows=rows,
        note=f"{row:,.0f} losses in a row leave {percent(task.remaining, 0)} of the equity. The "
        "chance of a fall is an upper bound (Lundberg) for the fraction risked here.",
    )


def _ruin(task: SizeTask, risked: float, win_rate: float) -> float:
    """Chance of ever losing down to the remaining share at a constant stake and even money."""
    return ruin_of_unit_bets(win_rate, (1.0 - task.remaining) / risked) if risked else 0.0


def kelly_plain(task: SizeTask, advice: Advice) -> dict[str, Any]:
    """The same for programs."""
    leverage, risked = leverage_of(task, advice), risked_share(task, advice)
    cost = funding_per_year(task)
    found: dict[str, Any] = {
        "volatility": task.volatility,
        "funding_a_year": cost,
        "leverage": leverage,
        "edge_for_all_of_kelly": leverage * task.volatility**2 + cost,
        "risked_share": risked,
        "payoff": task.payoff,
        "break_even_win_rate": 1.0 / (1.0 + task.payoff),
        "remaining": task.remaining,
        "losses_in_a_row": losses_in_a_row(task.remaining, risked),
    }
    if task.edge is not None:
        kelly = continuous_kelly(task.edge - cost, task.volatility)
        multiple = multiple_of_kelly(leverage, kelly)
        found |= {
            "edge": task.edge,
            "kelly_leverage": kelly,
            "chosen_leverage": task.kelly_share * kelly,
            "multiple_of_kelly": multiple,
            "growth_a_year": continuous_growth(leverage, task.edge - cost, task.volatility),
            "fall_probability": fall_probability(task.remaining, multiple),
            "chosen_fall_probability": fall_probability(task.remaining, task.kelly_share)
            if kelly > 0.0
            else 0.0,
        }
    if task.win_rate is not None:
        kelly = discrete_kelly(task.win_rate, task.payoff)
        found |= {
            "win_rate": task.win_rate,
            "kelly_share": kelly,
            "chosen_share": task.kelly_share * kelly,
            "risked_of_kelly": multiple_of_kelly(risked, kelly),
            "growth_a_trade": discrete_growth(risked, task.win_rate, task.payoff),
            "fall_bound": fall_bound(task.remaining, risked, task.win_rate, task.payoff),
            "ruin_at_constant_stake": _ruin(task, risked, task.win_rate)
            if task.payoff == 1.0
            else None,
        }
    return found
