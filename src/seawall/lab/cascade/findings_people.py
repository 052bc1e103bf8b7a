"""Who was liquidated, what was taken from winners, and what other seeds do."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from seawall.domain.rulebook import BlockRulebook
from seawall.lab.cascade import charts
from seawall.lab.cascade.simulate import CascadeRun, MarketRehearsal
from seawall.lab.cascade.words import usd
from seawall.lab.deleveraging.cascade_waves import JudgedWaves, cascade_sections, wave_name
from seawall.report.charts import percent
from seawall.report.findings import Figure, Section, Table, Words

MOST_WAVES = 20
MOST_WINNERS = 15
BANDS = (1.5, 2, 3, 5, 7, 10, 15, 20, 30)
"""Edges of the bands of leverage."""


def _leverage_counts(run: CascadeRun) -> tuple[list[str], list[int], list[int]]:
    """Bands, liquidated and untouched accounts of the population in each."""
    people = run.population
    edges = (0.0, *BANDS, np.inf)
    names = [f"to {BANDS[0]:g}x"]
    names += [f"{low:g}–{high:g}x" for low, high in zip(BANDS, BANDS[1:], strict=False)]
    names.append(f"over {BANDS[-1]:g}x")
    if people is None:
        return names, [0] * len(names), [0] * len(names)
    hit, _ = np.histogram(people.leverage[run.is_liquidated], edges)
    rest, _ = np.histogram(people.leverage[~run.is_liquidated], edges)
    return names, hit.tolist(), rest.tolist()


def _leverage_table(run: CascadeRun) -> Table:
    names, hit, rest = _leverage_counts(run)
    rows = []
    for name, some, others in zip(names, hit, rest, strict=True):
        whole = some + others
        if whole:
            rows.append((name, f"{whole:,}", f"{some:,}", percent(some / whole)))
    return Table(
        title="Who was liquidated, by leverage at the start",
        columns=("notional / equity", "accounts", "liquidated", "share"),
        rows=rows,
    )


def wave_sections(run: CascadeRun, judged: JudgedWaves) -> list[Section]:
    if run.population is None:
        return []
    names, hit, rest = _leverage_counts(run)
    figure = Figure(
        title="Who was liquidated at which leverage",
        chart=charts.leverage_bars(names, hit, rest),
        alt="Accounts by leverage at the start, liquidated or not.",
    )
    if not run.waves:
        return [
            _leverage_table(run),
            figure,
            Words("Nobody was deleveraged: funds and the book bore everything."),
        ]
    largest = sorted(run.waves, key=lambda wave: -float(wave.taken.sum()))[:MOST_WAVES]
    rows, labels = [], []
    for wave in largest:
        label = wave_name(wave, run.setup.markets)
        labels.append(label)
        rows.append(
            (
                label, f"{int((wave.taken > 0).sum()):,}", usd(float(wave.taken.sum())),
                usd(float(wave.haircut.sum())), usd(float(wave.haircut.max())),
                f"{wave.bankrupt:,}", usd(wave.deficit),
            )
        )  # fmt: skip
    table = Table(
        title="What was taken from winners",
        columns=(
            "wave", "winners", "positions", "cost against the mark", "largest", "bankrupt",
            "deficit",
        ),
        rows=rows,
        note=f"The {len(rows)} largest of {len(run.waves)} waves; cost against the mark: what a "
        "close at the rules' price gave them less than the mark (below zero: more). Deficit: of "
        "bankrupt accounts when their liquidation began, in each market where they were closed.",
    )  # fmt: skip
    taken = [float(wave.taken.sum()) for wave in largest]
    picture = Figure(
        title="What was taken from winners, by wave",
        chart=charts.taken_bars(labels, taken),
        alt="USD of winning positions closed in each wave of deleveraging.",
    )
    found: list[Section] = [_leverage_table(run), figure, table, picture, _winner_table(run)]
    in_blocks = isinstance(run.setup.rulebook, BlockRulebook)
    policy = "rotating_offset" if in_blocks else "rank_queue"
    return found + cascade_sections(judged, policy)


def _winner_table(run: CascadeRun) -> Table:
    """The accounts that lost most of their positions."""
    found: dict[int, list[float]] = {}
    for wave in run.waves:
        for place in np.flatnonzero(wave.taken > 0).tolist():
            sums = found.setdefault(int(wave.account[place]), [0.0, 0.0, 0.0])
            sums[0] += float(wave.taken[place])
            sums[1] += float(wave.haircut[place])
            sums[2] = max(sums[2], float(wave.equity[place]))
    most = sorted(found.items(), key=lambda item: (-item[1][0], item[0]))[:MOST_WINNERS]
    own = {run.account, *run.children}
    return Table(
        title="Winners that lost most",
        columns=("account", "closed", "cost against the mark", "equity before"),
        rows=[
            (f"{number}{' (the account)' if number in own else ''}", *map(usd, sums))
            for number, sums in most
        ],
    )


def seed_sections(made: MarketRehearsal, worst: int) -> list[Section]:
    name = made.run.setup.markets[worst]
    falls = [each.drops[worst] for each in made.seeds]
    without = [each.exogenous[worst] for each in made.seeds]
    sold = [each.sold_to_book + each.taken_over + each.deleveraged for each in made.seeds]
    hit = sum(each.is_own_liquidated for each in made.seeds)
    columns: list[tuple[str, Sequence[float], Any]] = [
        (f"fall of {name}", falls, percent),
        (f"fall of {name} without the cascade", without, percent),
        ("liquidated", sold, usd),
        ("deleveraged", [each.deleveraged for each in made.seeds], usd),
        ("loss of the account", [each.own_loss for each in made.seeds], usd),
    ]
    rows = [
        (
            what,
            *(words(float(value)) for value in np.quantile(numbers, [0.0, 0.25, 0.5, 0.75, 1.0])),
        )
        for what, numbers, words in columns
    ]
    table = Table(
        title=f"{len(made.seeds)} seeds",
        columns=("what", "least", "quarter", "middle", "three quarters", "most"),
        rows=rows,
        note=f"The account is liquidated under {hit} of {len(made.seeds)} seeds. A seed draws "
        "another population and other noise on the same path.",
    )
    figure = Figure(
        title=f"{name} under {len(made.seeds)} seeds",
        chart=charts.seed_points(falls, without, sold),
        alt="The fall of the price with and without the cascade over what was liquidated.",
    )
    return [table, figure]
