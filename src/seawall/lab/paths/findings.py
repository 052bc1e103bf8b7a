"""What many paths say, as tables to read, pictures and numbers for programs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from seawall.lab.market.price_models import PriceModel
from seawall.lab.paths.charts import (
    loss_histogram,
    ratio_fan,
    survival_curve,
    time_to_liquidation,
)
from seawall.lab.paths.kernels.task import BelowZero, Floats, LiquidationRules
from seawall.lab.paths.leverage import LeveragePoint, Ruin
from seawall.lab.paths.plain import (
    curve_frame,
    estimate_columns,
    plain_ruin,
    plain_setup,
    plain_survival,
    survival_frames,
)
from seawall.lab.paths.setup import PathSetup
from seawall.lab.paths.survival import Coarseness, Estimate, Survival
from seawall.lab.paths.words import (
    bucket_words,
    duration,
    interval,
    share_text,
    share_words,
    usd,
)
from seawall.lab.rehearse.wording import liquidation_words
from seawall.report.charts import money, percent
from seawall.report.findings import Figure, Findings, Section, Table, Words

if TYPE_CHECKING:
    from seawall.lab.paths.kernels.simulate import MarginFan

WARN_MISSED = 0.03
"""Share of liquidations missed between two looks from which a warning is due."""
WARN_CHANCE = 0.001
"""Rarer liquidations are rare either way."""
FAN_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


class PathsResult(Struct, frozen=True, kw_only=True):
    """``losses``: (n,) USD of every path, ``first``: (n,) its step of liquidation, 0 never."""

    setup: PathSetup
    survival: Survival
    losses: Floats
    first: NDArray[np.int64]
    leverage: float | None
    coarse: Coarseness | None
    fan: "MarginFan | None"
    curve: Sequence[LeveragePoint]
    missing: Sequence[str]
    ruin: Ruin | None
    model: PriceModel | None
    notes: Sequence[str]
    assumptions: Sequence[str]


def paths_findings(result: PathsResult, source: str) -> Findings:
    """``source``: where the account comes from, in words."""
    setup, survival = result.setup, result.survival
    sections: list[Section] = [Words(verdict(result)), *_warnings(result)]
    sections += [_chances(result), *_fan_figure(result), _losses(survival), _loss_figure(result)]
    sections += [_money(survival), _times(survival), _time_figure(survival)]
    if result.ruin is not None:
        sections.append(Words(ruin_words(result.ruin)))
    if result.curve:
        sections += [_leverages(result), *_curve_figure(result)]
    if result.model is not None:
        sections.append(model_table(result.model))
    return Findings(
        command="paths",
        title=f"{survival.paths:,} paths over {duration(survival.hours_in_all)}: {setup.plan.name}",
        subtitle=f"{source}; rules of {setup.rulebook.name} as of {setup.rulebook.as_of}",
        sections=sections,
        plain=_plain(result, source),
        frames=_frames(result),
        assumptions=[*result.assumptions, *run_assumptions(setup)],
        seed=setup.seed,
    )


def verdict(result: PathsResult) -> str:
    """The two numbers that matter."""
    survival = result.survival
    worst = survival.loss.shortfalls[-1]
    leverage = "" if result.leverage is None else f" at {result.leverage:.3g}x in all"
    return (
        f"Something is liquidated on {share_words(survival.liquidated)} of the paths"
        f"{leverage}. The worst {100 * (1 - worst[0]):.0f} % of them lose "
        f"{money(worst[1].value)} on average, "
        f"{percent(worst[1].value / survival.start_equity)} of the {money(survival.start_equity)} "
        "that the account is worth now."
    )


def ruin_words(ruin: Ruin) -> str:
    accepted = f"{100 * ruin.accepted:g} %"
    if ruin.point is None:
        return f"No leverage keeps the probability of liquidation within {accepted}."
    share = ruin.point.survival.liquidated
    if ruin.is_limit:
        return (
            f"Even the highest leverage that the venue allows here, {ruin.leverage:.4g}x in all, "
            f"keeps it within {accepted}: {share_words(share)}."
        )
    return (
        f"Liquidation stays within {accepted} up to a leverage of {ruin.leverage:.4g}x in all: "
        f"{share_words(share)}; {ruin.above:.4g}x is too much on these paths."
    )


def run_assumptions(setup: PathSetup) -> list[str]:
    """What every simulation rests on."""
    task = setup.account(setup.plan)
    below = {
        BelowZero.STAYS: "A bucket that jumps below zero in a step stays there.",
        BelowZero.INSURED: "A bucket that jumps below zero in a step ends with nothing; the fund "
        "pays the rest.",
        BelowZero.CLOSED_AT_ZERO: "A bucket that jumps below zero in a step ends with nothing; "
        "others bear the rest.",
        BelowZero.CLOSED_AT_PREVIOUS: "A bucket that jumps below zero in a step is closed against "
        "others at the mark of the step before.",
    }
    return [
        f"Liquidation: {liquidation_words(setup.rulebook)}; looked at every "
        f"{setup.step_seconds:g} s, mark and oracle are the path's price.",
        *([] if task.rules == LiquidationRules.BLOCKS else [below[task.below_zero]]),
        f"Slippage: half the spread and {100 * setup.impact:g} % times the square root of order "
        "over depth; depth is as on a calm day at all times and nobody else is liquidated, so a "
        "crash costs more than this (seawall rehearse has both).",
        "The account does nothing on the way: no stop, no order, no new money.",
    ]


def _warnings(result: PathsResult) -> list[Section]:
    found: list[Section] = [Words(note, is_warning=True) for note in result.notes]
    coarse = result.coarse
    if coarse and coarse.missed > WARN_MISSED and coarse.chance > WARN_CHANCE:
        found.append(
            Words(
                f"Steps of {result.setup.step_seconds:g} s are coarse: prices that cross a "
                "liquidation price and come back between two looks are missed. By the correction "
                "of Broadie, Glasserman and Kou that is as good as a liquidation price "
                f"{100 * coarse.shift:.2g} % further away, and about "
                f"{100 * coarse.missed:.0f} % of the liquidations ("
                f"{bucket_words(coarse.bucket, result.setup.rulebook)}). "
                "A shorter --step misses fewer.",
                is_warning=True,
            )
        )
    orders = len(result.setup.plan.orders)
    if orders:
        text = f"{orders} open order{'s' if orders > 1 else ''} left out: paths know no orders."
        found.append(Words(text, is_warning=True))
    return found


def _chances(result: PathsResult) -> Table:
    survival = result.survival
    rows = [["any", *_share_cells(survival.liquidated)]]
    if len(survival.buckets) > 1:
        rows += [
            [bucket_words(name, result.setup.rulebook), *_share_cells(each)]
            for name, each in zip(survival.buckets, survival.by_bucket, strict=True)
        ]
    rows.append(["taken over, or closed against others", *_share_cells(survival.taken_ever)])
    return Table(
        title="Probability of liquidation, % of paths",
        columns=["bucket", "probability", "95 % interval"],
        rows=rows,
        note="Found under maintenance margin at least once on the way.",
    )


def _share_cells(each: Estimate) -> list[str]:
    return [share_text(each.value), interval(each, 100.0, " %")]


def _losses(survival: Survival) -> Table:
    loss = survival.loss
    rows = [["mean", *_loss_cells(loss.mean, survival)]]
    for probability, each in loss.quantiles:
        name = "median" if probability == 0.5 else f"{100 * probability:g} % lose less"
        rows.append([name, *_loss_cells(each, survival)])
    for probability, each in loss.shortfalls:
        name = f"mean of the worst {100 * (1 - probability):.0f} %"
        rows.append([name, *_loss_cells(each, survival)])
    worst = Estimate(loss.worst, loss.worst, loss.worst)
    rows.append(["worst path", *_loss_cells(worst, survival)[:2], ""])
    return Table(
        title="Loss, USD (gains below zero)",
        columns=["", "loss", "of equity now", "95 % interval"],
        rows=rows,
        note=f"{percent(loss.probability_of_loss.value)} of the paths lose.",
    )


def _loss_cells(each: Estimate, survival: Survival) -> list[str]:
    return [usd(each.value), percent(each.value / survival.start_equity), interval(each, 1.0)]


def _money(survival: Survival) -> Table:
    rows = [
        ["funding paid", usd(survival.funding.value), interval(survival.funding, 1.0)],
        ["fees and slippage of liquidations", usd(survival.cost.value),
         interval(survival.cost, 1.0)],
        ["equity gone with takeovers (below zero: others paid)", usd(survival.taken.value),
         interval(survival.taken, 1.0)],
    ]  # fmt: skip
    note = ""
    if survival.cost_if_liquidated is not None:
        note = f"Of the paths with a liquidation, it cost {usd(survival.cost_if_liquidated)} each."
    return Table(
        title="On the way, mean USD a path",
        columns=["", "USD", "95 % interval"],
        rows=rows,
        note=note,
    )


def _times(survival: Survival) -> Table:
    places = np.unique(np.linspace(0, len(survival.hours) - 1, 8).round().astype(int))[1:]
    rows = [
        [duration(survival.hours[place]), *_share_cells(survival.curve[place])]
        for place in places.tolist() or [0]
    ]
    note = ""
    if survival.median_hours is not None:
        note = f"Half of the liquidations come within {duration(survival.median_hours)}."
    return Table(
        title="Liquidated by then, % of paths",
        columns=["after", "probability", "95 % interval"],
        rows=rows,
        note=note,
    )


def _leverages(result: PathsResult) -> Table:
    rows, styles = [], {}
    for number, point in enumerate(result.curve):
        survival = point.survival
        hours = survival.median_hours
        rows.append(
            [
                f"{point.leverage:g}x",
                usd(survival.start_equity),
                *_share_cells(survival.liquidated),
                percent(survival.loss.shortfalls[-1][1].value / survival.start_equity),
                "" if hours is None else duration(hours),
            ]
        )
        if result.ruin is not None and survival.liquidated.value > result.ruin.accepted:
            styles[number] = "bad"
    notes = ["The same positions and paths on less and more money; notional over equity in all."]
    return Table(
        title="Survival over leverage",
        columns=[
            "leverage", "equity", "probability", "95 % interval", "worst 1 % lose", "half by",
        ],
        rows=rows,
        styles=styles,
        note=" ".join([*notes, *result.missing]),
    )  # fmt: skip


def model_table(model: PriceModel) -> Table:
    """The figures of each market."""
    moves = model.diffusion
    base = model.markets[0]
    rows = []
    for place, name in enumerate(model.markets):
        beta = 1.0 if moves.jump_beta is None else float(moves.jump_beta[place])
        rows.append(
            [
                name,
                model.origin[place],
                f"{100 * moves.volatility[place]:.0f} %",
                f"{moves.correlation[0, place]:.2f}",
                f"{beta:.2f}" if moves.jump_rate else "",
                f"{100 * model.funding.rate[place]:.4f} %",
                f"{100 * model.funding.mean[place]:.4f} %",
            ]
        )
    return Table(
        title="The model",
        columns=[
            "market", "figures", "volatility a year", f"correlation with {base}", "share of jumps",
            "funding now, an hour", "on average",
        ],
        rows=rows,
        words=2,
    )  # fmt: skip


def _curve_figure(result: PathsResult) -> list[Section]:
    if len(result.curve) < 2:
        return []
    ruin = result.ruin
    # The chosen leverage lies on the curve, not beside it.
    found = None if ruin is None else ruin.point
    points = sorted(
        [*result.curve, *([] if found is None else [found])], key=lambda point: point.leverage
    )
    return [
        Figure(
            title="Probability of liquidation over leverage",
            chart=survival_curve(
                [point.leverage for point in points],
                *_columns([point.survival.liquidated for point in points]),
                chosen=None if ruin is None else ruin.leverage,
                accepted=None if ruin is None else ruin.accepted,
                now=result.leverage,
            ),
            alt="Probability of liquidation over leverage with its 95 % confidence band.",
        )
    ]


def _fan_figure(result: PathsResult) -> list[Section]:
    fan = result.fan
    if fan is None:
        return []
    return [
        Figure(
            title="How near: margin ratio of the worst bucket",
            chart=ratio_fan(*_fan(fan, result.setup.step_seconds)),
            alt="Quantiles of maintenance margin over equity of the worst bucket over time.",
            note=f"Of the first {len(fan.ratio)} paths; what is gone stays at 100 %.",
        )
    ]


def _loss_figure(result: PathsResult) -> Figure:
    return Figure(
        title="How often which loss",
        chart=loss_histogram(result.losses),
        alt="How many paths end with which loss.",
        note="The outermost bars hold all that lies beyond them.",
    )


def _time_figure(survival: Survival) -> Figure:
    return Figure(
        title="Time to liquidation",
        chart=time_to_liquidation(survival.hours, *_columns(survival.curve)),
        alt="Share of paths with a liquidation by a time, with its 95 % confidence band.",
    )


def _columns(estimates: Sequence[Estimate]) -> tuple[list[float], list[float], list[float]]:
    columns = estimate_columns(estimates)
    return columns["share"], columns["low"], columns["high"]


def _fan(fan: "MarginFan", step_seconds: float) -> tuple[Floats, Mapping[float, Floats]]:
    hours = fan.steps * step_seconds / 3600
    return hours, {q: np.quantile(fan.ratio, q, axis=0) for q in FAN_QUANTILES}


def _plain(result: PathsResult, source: str) -> dict[str, Any]:
    coarse = result.coarse
    return {
        "account": result.setup.plan.name,
        "source": source,
        "setup": plain_setup(result.setup),
        "leverage": result.leverage,
        **plain_survival(result.survival),
        "time_to_liquidation": {
            "hours": list(result.survival.hours),
            "share": [list(each) for each in result.survival.curve],
        },
        "by_leverage": [
            {"leverage": point.leverage, **plain_survival(point.survival)} for point in result.curve
        ],
        "leverages_not_allowed": list(result.missing),
        "ruin": plain_ruin(result.ruin),
        "missed_between_looks": None if coarse is None else coarse.missed,
        "notes": list(result.notes),
    }


def _frames(result: PathsResult) -> dict[str, dict[str, Any]]:
    found = survival_frames(result.survival, result.losses, result.first, result.setup.step_seconds)
    if result.curve:
        found["survival_over_leverage"] = curve_frame(result.curve)
    return found
