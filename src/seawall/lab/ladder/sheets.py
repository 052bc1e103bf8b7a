"""Ladders of exits side by side, as sheets and sentences."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from seawall.lab.ladder.figures import figures
from seawall.lab.ladder.question import LadderLine, LadderResult, Regime
from seawall.lab.ladder.rungs import NONE
from seawall.lab.paths.estimates import Estimate
from seawall.lab.paths.kernels.task import Diffusion
from seawall.lab.paths.order_sheets import order_columns, order_words
from seawall.lab.paths.sheets import (
    assumptions,
    data_columns,
    estimate_columns,
    markets_sheet,
    notes_of,
    run_sheet,
    subtitle,
)
from seawall.lab.paths.statistics import OrderStatistics
from seawall.report import kinds
from seawall.report.findings import Findings, Section, Words
from seawall.report.sheet import Column, Sheet

WORST_WORDS = "worst 5 % lose"


class OrderRow(NamedTuple):
    """An order of a ladder; ``acted`` by regime."""

    ladder: str
    order: OrderStatistics
    acted: dict[str, Estimate]
    unfilled: dict[str, Estimate]


def findings(result: LadderResult) -> Findings:
    """The result as sheets, figures and sentences."""
    setup = result.setup
    statistics = result.lines[0].statistics
    sections: list[Section] = [
        *(Words(each, is_warning=True) for each in (*notes_of(setup), *result.notes)),
        *(_regime_sheet(result, each) for each in result.regimes),
        *figures(result), _every_line(result), *_orders(result),
        markets_sheet(setup), *setup.used.sheets(), run_sheet(setup),
    ]  # fmt: skip
    span = kinds.long_duration(3600 * statistics.hours)
    return Findings(
        command="ladder",
        title=f"Ladders of exits over {span}: {setup.account.name}",
        subtitle=subtitle(setup),
        verdict=[Words(each) for each in _verdict(result)],
        sections=sections,
        facts={"account": setup.account.name, "source": setup.account.source},
        assumptions=[*_assumptions(result)],
        seed=setup.seed,
    )


def regime_words(regime: Regime) -> str:
    """A regime as a phrase."""
    if regime.factor == 1.0:
        return regime.name
    return f"{regime.name} ({kinds.TIMES.text(regime.factor)} the volatility)"


def _verdict(result: LadderResult) -> Iterator[str]:
    """What each regime says, then whether one ladder fits all."""
    best = {}
    for regime in result.regimes:
        none, *others = result.of(regime)
        safer = [each for each in others if each.is_safer]
        head = (
            f"{regime_words(regime).capitalize()}: without exits {_survival(none)} and the worst "
            f"5 % lose {kinds.short_usd(none.worst.value)}"
        )
        if not safer:
            yield f"{head}; no ladder makes that loss smaller beyond its interval."
            continue
        first = min(safer, key=lambda each: each.worst.value)
        best[regime.name] = first.ladder
        yield (
            f"{head}; with {first.ladder} they lose {kinds.short_usd(first.worst.value)}, "
            f"{_survival(first)}{_kept(first)}.{_survives_more(first, others)}"
        )
    yield from _costs(result)
    if len(set(best.values())) > 1:
        parts = [f"{name}: {ladder}" for name, ladder in best.items()]
        yield f"No ladder has the smallest worst loss in every volatility ({', '.join(parts)})."


def _survival(line: LadderLine) -> str:
    return f"{kinds.probability(line.survives.value)} of the paths survive"


def _kept(line: LadderLine) -> str:
    if line.profit_kept is None:
        return ""
    return f", and {kinds.percent(line.profit_kept.value, 0)} of the profit is kept"


def _survives_more(first: LadderLine, others: Sequence[LadderLine]) -> str:
    """The ladder that survives most often, where it is another one beyond the interval of the
    difference: all take the same paths."""
    most = max(others, key=lambda each: each.survives.value)
    if most.survives_more(first).low <= 0:
        return ""
    return (
        f" Most paths survive with {most.ladder}, {kinds.probability(most.survives.value)}; the "
        f"worst 5 % then lose {kinds.short_usd(most.worst.value)}{_kept(most)}."
    )


def _costs(result: LadderResult) -> Iterator[str]:
    """The ladders that cost more than they save and make nothing safer."""
    found: dict[str, list[str]] = {}
    for each in result.lines:
        if each.only_costs:
            found.setdefault(each.ladder, []).append(each.regime.name)
    for name, regimes in found.items():
        yield (
            f"{name[0].upper()}{name[1:]} only costs in {' and '.join(regimes)} volatility: the "
            "mean result is lower, the worst 5 % lose no less, and no more paths survive."
        )


def _columns() -> list[Column]:
    """Of a ladder in a regime."""
    usd, part = kinds.USD, kinds.PROBABILITY
    return [
        Column("ladder", mark=lambda row: " *" if row.is_safer else ""),
        *estimate_columns("survives", part, interval=9),
        *estimate_columns("worst", usd, title=WORST_WORDS, interval=8),
        *estimate_columns("result", usd, title="mean result", interval=3),
        *estimate_columns("saved", usd, interval=None, drop=5),
        *estimate_columns("given_up", usd, interval=None, drop=4),
        *estimate_columns("profit_kept", kinds.SHARE, title="profit kept", interval=7),
        *estimate_columns("acted", part, title="some order acts", interval=None, drop=6),
        *estimate_columns("spared", usd, interval=None, on="data"),
        *estimate_columns("survival_gain", part, interval=None, on="data"),
    ]


def _regime_sheet(result: LadderResult, regime: Regime) -> Sheet:
    volatility = ", ".join(
        f"{name} {kinds.percent(sigma * regime.factor, 1)}"
        for name, sigma in zip(_markets(result), result.sigmas, strict=True)
    )
    rows = result.of(regime)

    def style(row: LadderLine) -> str:
        if row.ladder == NONE:
            return "quiet"
        return "good" if row.is_safer else "bad" if row.only_costs else ""

    return Sheet(
        name=f"regime_{result.regimes.index(regime)}",
        title=f"Volatility {regime_words(regime)}: {volatility} a day{_between_jumps(result)}; "
        "USD a path",
        rows=rows,
        columns=_columns(),
        style=style,
        note="Mean result: against no exits on the same paths; it is what is saved where the "
        "ladder ends better less what is given up where it ends worse. Profit kept: mean profits "
        "with the ladder over those without. Survives: nothing is liquidated. A star: the worst "
        "5 % lose less than without exits, beyond the 95 % interval of the difference.",
        on="screen",
    )


def _between_jumps(result: LadderResult) -> str:
    moves = result.setup.source.moves
    return " between jumps" if isinstance(moves, Diffusion) and moves.jump_rate > 0 else ""


def _markets(result: LadderResult) -> Sequence[str]:
    return result.setup.path_account(result.ladders[0].holdings).markets


def _every_line(result: LadderResult) -> Sheet:
    columns = [
        Column("regime", get="regime.name"),
        Column("factor", kinds.NUMBER, "regime.factor"),
        *_columns(),
    ]
    shown = [each.name for each in columns]
    return Sheet(
        name="ladders",
        title="Every ladder in every volatility",
        rows=result.lines,
        columns=[*columns, *data_columns(shown)],
        on="data",
    )


def _orders(result: LadderResult) -> Iterator[Sheet]:
    """Where each ladder's orders lie, and how often they act in each regime."""
    rows = []
    for place, each in enumerate(result.ladders):
        lines = result.lines[place :: len(result.ladders)]
        for number, order in enumerate(lines[0].statistics.orders):
            by = {e.regime.name: e.statistics.orders[number] for e in lines}
            rows.append(
                OrderRow(
                    each.name, order, {name: e.acted for name, e in by.items()},
                    {name: e.unfilled for name, e in by.items()},
                )
            )  # fmt: skip
    account = result.setup.path_account(result.ladders[0].holdings)
    columns = [Column("ladder")]
    for column in order_columns(account):
        columns.append(_of_order(column))
    for regime in result.regimes:
        columns += _acting(regime.name)
    yield Sheet(
        name="orders",
        title="The orders of the ladders, and on how many of the paths they act",
        rows=rows,
        columns=columns,
        note="Unfilled: its time came and nothing was filled.",
        split=True,
    )


def _acting(regime: str) -> list[Column]:
    """How often an order acts in a regime, and how often it ends unfilled."""

    def acted(row: OrderRow) -> Estimate:
        return row.acted[regime]

    def unfilled(row: OrderRow) -> Estimate:
        return row.unfilled[regime]

    part = kinds.PROBABILITY
    return [
        *estimate_columns(f"acted_{regime}", part, acted, f"acts, {regime}", interval=None),
        *estimate_columns(
            f"unfilled_{regime}", part, unfilled, f"unfilled, {regime}", 5, interval=None
        ),
    ]


def _of_order(column: Column) -> Column:
    """The column of an order, for a row that has one."""
    return Column(
        column.name, column.kind, lambda row: column.value(row.order), column.title, column.drop,
        column.on, column.none,
    )  # fmt: skip


def _assumptions(result: LadderResult) -> Iterator[str]:
    setup = result.setup
    usual = order_words(setup.path_account())
    yield from (each for each in assumptions(setup) if each != usual)
    accounts = [setup.path_account(each.holdings, each.closes) for each in result.ladders]
    yield order_words(max(accounts, key=lambda each: len(each.orders)))
    factors = [each for each in result.regimes if each.factor != 1.0]
    if factors:
        words = " and ".join(f"{each.name} {kinds.TIMES.text(each.factor)}" for each in factors)
        yield (
            f"Regimes: {words} the volatility of the price model over the whole horizon; jumps, "
            "correlation and funding as they are, and the random numbers are the same. Without "
            "--regime these are the tenth and ninetieth percentile of the model's volatility state."
        )
    yield (
        "A level is a price fixed now, the same in every regime; sigma is a day's standard "
        f"deviation{_between_jumps(result)} in normal volatility. What is closed is not "
        "opened again, and a close before funding takes the book's price however far that is."
    )
