"""A comparison of margin modes as tables, a picture and numbers for programs."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from seawall.domain.units import MICRO
from seawall.lab.compare.charts import ModeOutcome, mode_bars
from seawall.lab.compare.comparison import Comparison, VariantResult, Weighed
from seawall.lab.compare.words import judged, kind, listed, recommendation
from seawall.lab.market.price_models import PriceModel
from seawall.lab.paths.findings import model_table, run_assumptions
from seawall.lab.paths.plain import plain_ruin, plain_setup, plain_survival
from seawall.lab.paths.survival import Estimate
from seawall.lab.paths.words import duration, interval, share_text, usd
from seawall.lab.stress.scenarios import ScenarioLine
from seawall.report.charts import percent
from seawall.report.findings import Figure, Findings, Section, Table, Words


class CompareResult(Struct, frozen=True, kw_only=True):
    """``shocks``: by scenario, a line for each variant in their order."""

    comparison: Comparison
    shocks: Mapping[str, Sequence[ScenarioLine]]
    model: PriceModel | None
    notes: Sequence[str]
    assumptions: Sequence[str]


def compare_findings(result: CompareResult, source: str) -> Findings:
    """``source``: where the account comes from, in words."""
    found = result.comparison
    setup = found.setup
    sections: list[Section] = [Words(words) for words in recommendation(found)]
    sections += [Words(note, is_warning=True) for note in result.notes]
    sections += [
        _modes(found),
        Figure(title="Margin modes on the same paths", chart=_chart(found),
               alt="Capital needed, survival, median loss and mean of the worst 5 % of each mode."),
    ]  # fmt: skip
    if len(found.markets) > 1:
        sections += [_weights(found), _contagion(found)]
    if result.shocks:
        sections.append(_shocks(result))
    if result.model is not None:
        sections.append(model_table(result.model))
    hours = duration(setup.hours)
    return Findings(
        command="compare",
        title=f"Cross or isolated, {setup.paths:,} paths over {hours}: {setup.plan.name}",
        subtitle=f"{source}; rules of {setup.rulebook.name} as of {setup.rulebook.as_of}",
        sections=sections,
        plain=_plain(result, source),
        frames=_frames(found),
        assumptions=[
            "All modes have the same money at these prices. In buckets it is divided in proportion "
            "to initial margin, notional over the position's leverage.",
            *result.assumptions,
            *run_assumptions(setup),
        ],
        seed=setup.seed,
    )


def _modes(found: Comparison) -> Table:
    rows = []
    for each in found.variants:
        loss = each.survival.loss
        median = dict(loss.quantiles)[0.5]
        rows.append(
            [
                each.variant.name,
                listed(each.variant.apart) or "none",
                share_text(1 - each.survival.liquidated.value),
                usd(median.value),
                *(usd(each.value) for _, each in loss.shortfalls),
                usd(loss.worst),
                _capital(each),
                "" if each.efficiency is None else f"{each.efficiency:.3g}",
            ]
        )
    return Table(
        title="The same positions, money and paths; USD",
        columns=[
            "mode", "in buckets", "without liquidation", "median loss", "worst 5 % lose",
            "worst 1 % lose",
            "worst path", "capital needed", "notional / capital",
        ],
        rows=rows,
        words=2,
        note=(
            f"Capital needed: with which nothing is liquidated on {share_text(found.target)} of "
            f"the paths, every part of the money growing alike; for {usd(found.notional)} USD of "
            "positions. A leverage limit of the venue can ask for more."
        ),
    )  # fmt: skip


def _capital(each: VariantResult) -> str:
    if each.capital is None:
        return "none is enough"
    return f"{usd(each.capital)}{' (venue limit)' if each.needed.is_limit else ''}"


def _weights(found: Comparison) -> Table:
    rows = [
        [
            each.market,
            _role(each),
            f"{100 * each.money:.0f} %",
            share_text(each.pool_with),
            share_text(each.pool_without),
            interval(each.pool, 100.0, " %"),
            usd(each.worst.value),
            interval(each.worst, 1.0),
        ]
        for each in judged(found)
    ]
    return Table(
        title="The rest of the pool with each position and without it, % of paths liquidated",
        columns=[
            "position", "role", "of the money", "with it", "without it", "difference",
            "worst 5 % lose more, USD", "95 % interval",
        ],
        rows=rows,
        words=2,
        note=(
            "Taken out with its share of the money; differences with their 95 % intervals. A bet "
            "has less than half of the money, and both differences are above zero beyond their "
            "interval. Bets are taken out one by one, and the rest is judged again."
        ),
    )  # fmt: skip


def _role(each: Weighed) -> str:
    if each.is_bet:
        return "bet"
    return "protects" if each.protects else "core"


def _contagion(found: Comparison) -> Table:
    rows = [
        [
            each.market,
            share_text(each.in_pool.value),
            share_text(each.alone.value),
            _cell(each.taken_along),
            _cell(each.carried),
        ]
        for each in found.contagion
    ]
    rows.append(["any position", "", "", _cell(found.contagion_any), ""])
    note = "Taken along: in the pool, not in its bucket. Carried: in its bucket, not in the pool."
    return Table(
        title="Contagion: a position that loses to a liquidation, % of paths",
        columns=[
            "position", "in the pool", "in its bucket", "taken along", "carried",
        ],
        rows=rows,
        note=note,
    )  # fmt: skip


def _cell(each: Estimate) -> str:
    return f"{share_text(each.value)} ({interval(each, 100.0)})"


def _shocks(result: CompareResult) -> Table:
    names = [each.variant.name for each in result.comparison.variants]
    rows = []
    for scenario, lines in result.shocks.items():
        for name, line in zip(names, lines, strict=True):
            gone = [
                "the pool" if each.bucket < 0 else line.instruments[each.bucket].name
                for each in line.liquidated
            ]
            rows.append(
                [
                    scenario,
                    name,
                    listed(tuple(gone)) or "nothing",
                    usd(line.lost / MICRO),
                    percent(line.lost / line.start) if line.start else "",
                    usd((line.start - line.lowest) / MICRO),
                ]
            )
    return Table(
        title="Through a named day, on the exact machine; USD",
        columns=["day", "mode", "liquidated", "lost", "of the money", "lost at the lowest"],
        rows=rows,
        words=3,
        note="Starting at the prices of now; losses below zero are gains.",
    )


def _chart(found: Comparison) -> Any:
    outcomes = []
    for each in found.variants:
        loss = each.survival.loss
        outcomes.append(
            ModeOutcome(
                mode=each.variant.name,
                capital=float("nan") if each.capital is None else each.capital,
                survival=1 - each.survival.liquidated.value,
                median_loss=dict(loss.quantiles)[0.5].value,
                worst_loss=loss.shortfalls[0][1].value,
            )
        )
    return mode_bars(outcomes)


def _plain(result: CompareResult, source: str) -> dict[str, Any]:
    found = result.comparison
    return {
        "account": found.setup.plan.name,
        "source": source,
        "setup": plain_setup(found.setup),
        "recommendation": {
            "mode": kind(found),
            "cross": list(found.core),
            "isolated": [name for name in found.markets if name not in found.core],
            "because": recommendation(found),
        },
        "notional": found.notional,
        "survival_target": found.target,
        "modes": {each.variant.name: _plain_mode(each, found) for each in found.variants},
        "positions": [
            {
                "market": each.market,
                "round": each.round,
                "money": each.money,
                "role": _role(each),
                "pool_liquidated_with": each.pool_with,
                "pool_liquidated_without": each.pool_without,
                "difference": list(each.pool),
                "worst_loss_difference": list(each.worst),
            }
            for each in found.weighed
        ],
        "contagion": {
            each.market: {
                "in_pool": list(each.in_pool),
                "in_bucket": list(each.alone),
                "taken_along": list(each.taken_along),
                "carried": list(each.carried),
            }
            for each in found.contagion
        },
        "contagion_any": list(found.contagion_any),
        "shocks": _plain_shocks(result),
        "notes": list(result.notes),
    }


def _plain_mode(each: VariantResult, found: Comparison) -> dict[str, Any]:
    return {
        "isolated": list(each.variant.apart),
        **plain_survival(each.survival),
        "touched": {
            name: list(part) for name, part in zip(found.markets, each.touched, strict=True)
        },
        "capital_needed": each.capital,
        "capital_search": plain_ruin(each.needed),
        "notional_per_capital": each.efficiency,
    }


def _plain_shocks(result: CompareResult) -> dict[str, Any]:
    names = [each.variant.name for each in result.comparison.variants]
    return {
        scenario: {
            name: {
                "start": line.start / MICRO,
                "end": line.end / MICRO,
                "lowest": line.lowest / MICRO,
                "liquidated": len(line.liquidated),
            }
            for name, line in zip(names, lines, strict=True)
        }
        for scenario, lines in result.shocks.items()
    }


def _frames(found: Comparison) -> dict[str, dict[str, Any]]:
    modes = found.variants
    return {
        "modes": {
            "mode": [each.variant.name for each in modes],
            "without_liquidation": [1 - each.survival.liquidated.value for each in modes],
            "median_loss_usd": [dict(each.survival.loss.quantiles)[0.5].value for each in modes],
            "worst_1_percent_usd": [each.survival.loss.shortfalls[-1][1].value for each in modes],
            "capital_needed_usd": [each.capital for each in modes],
        },
        "contagion": {
            "market": [each.market for each in found.contagion],
            "in_pool": [each.in_pool.value for each in found.contagion],
            "in_bucket": [each.alone.value for each in found.contagion],
            "taken_along": [each.taken_along.value for each in found.contagion],
            "carried": [each.carried.value for each in found.contagion],
        },
    }
