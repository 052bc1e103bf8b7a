"""What a rehearsed market shows: tables, figures, the JSON object and the parquet tables."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.domain.rulebook import BlockRulebook
from seawall.domain.units import money_text
from seawall.lab.cascade import charts
from seawall.lab.cascade.findings_people import seed_sections, wave_sections
from seawall.lab.cascade.frames import frames_of
from seawall.lab.cascade.incident_rows import incident_rows
from seawall.lab.cascade.simulate import (
    CascadeRun,
    MarketRehearsal,
)
from seawall.lab.cascade.words import assumptions_of, minutes_of, stage_name, usd
from seawall.lab.deleveraging.cascade_waves import judge_waves
from seawall.lab.deleveraging.plain import plain_totals
from seawall.lab.simulation.event_words import clock
from seawall.lab.simulation.names import liquidation_words
from seawall.report.charts import percent
from seawall.report.findings import Figure, Findings, Section, Table, Words

MOST_PICTURES = 3


def cascade_findings(made: MarketRehearsal, source: str) -> Findings:
    """``source``: where the account comes from, in words."""
    run, setup = made.run, made.run.setup
    sections: list[Section] = [_headline(made), _price_table(made), _people_table(run)]
    sections += _own_sections(run)
    sections += _figures(made)
    own = (run.account, *run.children)
    judged = judge_waves(run.waves, setup.markets, _marks_after(run), own)
    sections += wave_sections(run, judged)
    if made.seeds:
        sections += seed_sections(made, _deepest(made))
    sections += _warnings(run)
    minutes = (int(setup.grid.times_ms[-1]) - int(setup.grid.times_ms[0])) / 60_000
    return Findings(
        command="cascade",
        title=f"{setup.plan.name} in a market of {len(run.accounts):,} accounts: {setup.name}",
        subtitle=(
            f"{source}; {minutes:g} minutes, one decision of every agent a second; rules of "
            f"{setup.rulebook.name} as of {setup.rulebook.as_of}: "
            f"{liquidation_words(setup.rulebook)}"
        ),
        sections=sections,
        plain=_plain(made) | {"policies": plain_totals(judged.results)},
        frames=frames_of(run, made.without, judged.results),
        assumptions=assumptions_of(setup),
        seed=setup.assumptions.seed,
    )


def _headline(made: MarketRehearsal) -> Words:
    run = made.run
    sold = run.series.sold_to_book.sum() + run.series.taken_over.sum()
    sold += run.series.deleveraged.sum()
    worst = _deepest(made)
    name = run.setup.markets[worst]
    with_, without = run.drops[worst], made.without.drops[worst]
    return Words(
        f"{int(run.is_liquidated.sum()):,} of {len(run.accounts):,} accounts are liquidated, "
        f"{usd(sold)} of positions. {name} falls {percent(with_)} with the cascade and "
        f"{percent(without)} without it."
    )


def _deepest(made: MarketRehearsal) -> int:
    """The market in which the cascade added most to the fall."""
    added = np.subtract(made.run.drops, made.without.drops)
    return int(np.argmax(added))


def _price_table(made: MarketRehearsal) -> Table:
    run, without = made.run, made.without
    flows = [run.series.sold_to_book, run.series.taken_over, run.series.deleveraged]
    sums = [each.sum(axis=0) for each in flows]
    rows = []
    with_, plain = run.drops, without.drops
    up, plain_up = run.rises, without.rises
    for number, name in enumerate(run.setup.markets):
        rows.append(
            (
                name,
                percent(-with_[number]), percent(-plain[number]),
                percent(up[number], signed=True), percent(plain_up[number], signed=True),
                usd(run.setup.depths[number].usd_within_50bp),
                usd(run.setup.open_interest[number]),
                *(usd(float(each[number])) for each in sums),
            )
        )  # fmt: skip
    return Table(
        title="Prices with and without the cascade",
        columns=(
            "market", "lowest", "without", "highest", "without ", "calm depth", "open interest",
            "to the book", stage_name(run.setup, 1), "deleveraged",
        ),
        rows=rows,
        note="Mark prices from their first value; without: the same seed, path and agents, but "
        "nobody who can be liquidated.",
    )  # fmt: skip


def _people_table(run: CascadeRun) -> Table:
    series = run.series
    rows = [
        ("accounts", f"{len(run.accounts):,}"),
        ("accounts liquidated", f"{int(run.is_liquidated.sum()):,}"),
        ("first liquidation", _first_time(run, series.liquidated > 0)),
        ("busiest second", _busiest(run)),
        ("waves of deleveraging", f"{len(run.waves):,}"),
        ("paid by funds for what was missing", usd(run.insurance_paid)),
        ("liquidation fees to the insurance fund", usd(run.liquidation_fees)),
        ("insurance fund, start and end", _ends(series.insurance)),
        ("backstop equity, start, least and end", _ends(series.backstop, least=True)),
        ("money conserved", "exactly" if run.is_conserved else "NO"),
        ("state hash", run.state_hash),
    ]
    return Table(title="The market", columns=("what", "value"), rows=rows)


def _first_time(run: CascadeRun, happened: NDArray[np.bool_]) -> str:
    if not happened.any():
        return "never"
    return clock(int(run.series.times_ms[int(np.argmax(happened))]))


def _busiest(run: CascadeRun) -> str:
    flow = run.series.sold_to_book + run.series.taken_over + run.series.deleveraged
    second = flow.sum(axis=1)
    if not second.any():
        return "none"
    return f"{clock(int(run.series.times_ms[int(second.argmax())]))}, {usd(float(second.max()))}"


def _ends(balance: NDArray[np.float64], *, least: bool = False) -> str:
    middle = f"{usd(float(balance.min()))}, " if least else ""
    return f"{usd(float(balance[0]))}, {middle}{usd(float(balance[-1]))}"


def _own_sections(run: CascadeRun) -> list[Section]:
    if run.own_start is None or run.own_end is None:
        return []
    loss = run.own_loss
    words = f"The account goes from {usd(run.own_start.equity / 1e6)} to "
    words += f"{usd(run.own_end.equity / 1e6)}: it {'loses' if loss > 0 else 'gains'} "
    rows = incident_rows(run) or [("", "nothing: no liquidation, no deleveraging, no funding", "")]
    table = Table(
        title="What happened to the account",
        columns=("UTC", "what", "equity after, USD"),
        rows=rows,
        words=2,
    )
    return [Words(words + usd(abs(loss)) + "."), table]


def _figures(made: MarketRehearsal) -> list[Figure]:
    run, series = made.run, made.run.series
    minutes = minutes_of(series.times_ms)
    found = []
    flow = (series.sold_to_book + series.taken_over + series.deleveraged).sum(axis=0)
    for market in np.argsort(-flow, kind="stable")[:MOST_PICTURES].tolist():
        name = run.setup.markets[market]
        lines = {
            "with the cascade": series.mark[:, market],
            "without it": made.without.series.mark[:, market],
            "other venues, with it": series.oracle[:, market],
        }
        found.append(
            Figure(
                title=f"{name}: price with and without the cascade",
                chart=charts.price_lines(minutes, lines, "without it"),
                alt=f"The mark price of {name} over the run with and without liquidations.",
            )
        )
    stages = [
        each.sum(axis=1) for each in (series.sold_to_book, series.taken_over, series.deleveraged)
    ]
    found.append(
        Figure(
            title="The cascade over time",
            chart=charts.stage_bars(minutes, stages),
            alt="USD of liquidated positions by stage over the run.",
        )
    )
    depth = {
        "with the cascade": np.maximum(series.depth.sum(axis=1), 1.0),
        "without it": np.maximum(made.without.series.depth.sum(axis=1), 1.0),
    }
    found.append(
        Figure(
            title="Depth of the book before, during and after",
            chart=charts.depth_lines(minutes, depth),
            alt="USD resting within 50 bp of the middle in all markets over the run.",
            note="Both sides and all markets, by the orders that really rest at each second's end.",
        )
    )
    funds = {"insurance fund": series.insurance, "backstop": series.backstop}
    lines = {name: values for name, values in funds.items() if np.any(values)}
    lines["the account"] = series.own_equity
    if run.own_start is None:
        lines.pop("the account")
    for name, values in lines.items():
        found.append(
            Figure(
                title=f"Balance of {name}" if name != "the account" else "Equity of the account",
                chart=charts.money_lines(minutes, {name: values}),
                alt=f"USD of {name} over the run.",
            )
        )
    return found


def _warnings(run: CascadeRun) -> list[Words]:
    found = []
    if run.stalled:
        found.append(
            Words(
                f"Deleveraging stalled {run.stalled:,} times: nobody on the other side could take "
                "the position at the rules' price, and it waited for the next command.", True,
            )
        )  # fmt: skip
    expected = ("NOTHING_TO_MATCH", "REDUCE_ONLY_WOULD_INCREASE", "IMMEDIATE_REMAINDER")
    odd = {name: count for name, count in run.rejected.items() if name not in expected}
    if odd:
        words = ", ".join(f"{count:,} {name}" for name, count in odd.items())
        found.append(
            Words(
                f"The machine rejected orders of the agents: {words}. The book was thinner.", True
            )
        )
    if isinstance(run.setup.rulebook, BlockRulebook):
        found.append(
            Words(
                "Under these rules nobody is isolated; the insurance fund has the backstop's money."
            )
        )
    return found


def _marks_after(run: CascadeRun) -> list[float]:
    """The mark when each wave was over."""
    series = run.series
    return [
        float(series.mark[int(np.searchsorted(series.times_ms, wave.end_ms)), wave.market])
        for wave in run.waves
    ]


def _plain(made: MarketRehearsal) -> dict[str, Any]:
    run, setup = made.run, made.run.setup
    with_, without = run.drops, made.without.drops
    sums = {
        name: getattr(run.series, name).sum(axis=0)
        for name in ("sold_to_book", "taken_over", "deleveraged")
    }
    own = None
    if run.own_start is not None and run.own_end is not None:
        own = {
            "equity_start": money_text(run.own_start.equity),
            "equity_end": money_text(run.own_end.equity),
            "incidents": [list(row) for row in incident_rows(run)],
        }
    return {
        "scenario": setup.name,
        "rulebook": setup.rulebook.name,
        "accounts": len(run.accounts),
        "liquidated_accounts": int(run.is_liquidated.sum()),
        "markets": {
            name: {
                "largest_fall": with_[number],
                "largest_fall_without": without[number],
                **{what: float(values[number]) for what, values in sums.items()},
            }
            for number, name in enumerate(setup.markets)
        },
        "account": own,
        "insurance": [float(run.series.insurance[0]), float(run.series.insurance[-1])],
        "backstop": [float(run.series.backstop[0]), float(run.series.backstop[-1])],
        "waves": len(run.waves),
        "commands": run.commands,
        "events": run.events,
        "money_conserved": run.is_conserved,
        "state_hash": run.state_hash,
        "seeds": [
            {
                "seed": each.seed,
                "largest_falls": list(each.drops),
                "largest_falls_without": list(each.exogenous),
                "liquidated_usd": each.sold_to_book + each.taken_over + each.deleveraged,
                "account_loss": each.own_loss,
            }
            for each in made.seeds
        ],
    }
