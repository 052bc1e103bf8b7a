"""Which mode is recommended, on figures given by hand: order, ties, contradictions."""

from typing import Any

import pytest

from seawall.lab.compare.choice import Judged, choose, is_over_leveraged
from seawall.lab.paths.estimates import Estimate
from seawall.lab.paths.statistics import LossStatistics, PathStatistics

NONE = Estimate(0.0, 0.0, 0.0)


def judged(
    name: str,
    worst: float,
    ruin: float = 0.01,
    *,
    given: bool = False,
    drawdown: float = 0.1,
    liquidated: float = 0.1,
    scenario: float | None = None,
    capital: float | None = None,
) -> Judged:
    """Money in hundreds of an equity of 100; intervals of 2 and of 0.002 to either side."""

    def part(value: float) -> Estimate:
        return Estimate(value, value - 0.002, value + 0.002)

    losses = LossStatistics(
        mean=NONE, quantiles={}, worst=0.0, probability=NONE,
        shortfalls={0.95: Estimate(worst, worst - 2, worst + 2)},
    )  # fmt: skip
    other: dict[str, Any] = dict.fromkeys(
        ("paths", "hours", "buckets", "by_bucket", "curve_hours", "curve", "median_hours",
         "funding", "liquidation_costs", "costs_if_liquidated", "forfeited", "closed_out", "orders",
         "order_costs", "added")
    )  # fmt: skip
    statistics = PathStatistics(
        start_equity=100.0, ruin=part(ruin), drawdown=part(drawdown), liquidated=part(liquidated),
        loss=losses, **other,
    )  # fmt: skip
    return Judged(
        name=name, is_given=given, statistics=statistics, scenario_loss=scenario, capital=capital
    )


def test_the_smaller_worst_loss_is_recommended() -> None:
    found = choose([judged("given", 40, given=True), judged("isolated", 30)])
    assert (found.mode, found.reasons) == ("isolated", ("worst 5 %",))
    assert found.contradicts is None
    assert found.against == ()


def test_a_more_frequent_liquidation_is_said_but_does_not_decide() -> None:
    modes = [judged("given", 40, given=True), judged("isolated", 30, liquidated=0.9)]
    assert choose(modes).mode == "isolated"
    assert choose(modes).against == ("liquidation",)


def test_ruin_counts_where_the_worst_losses_tie() -> None:
    modes = [judged("given", 30, ruin=0.03, given=True), judged("isolated", 30.5, ruin=0.01)]
    assert choose(modes).mode == "isolated"
    assert choose(modes).reasons == ("ruin",)


@pytest.mark.parametrize(("worse_by", "mode"), [(0.0, "given"), (0.9, "given"), (1.1, "cross")])
def test_a_tie_reaches_half_the_interval(worse_by: float, mode: str) -> None:
    assert choose([judged("given", 30 + worse_by, given=True), judged("cross", 30)]).mode == mode


@pytest.mark.parametrize(
    ("better", "reason"),
    [
        ({"drawdown": 0.05, "liquidated": 0.3}, "drawdown"),
        ({"scenario": 60.0, "liquidated": 0.3}, "scenario"),
        ({"liquidated": 0.05}, "liquidation"),
        ({"capital": 150.0}, "capital"),
    ],
)
def test_later_criteria_decide_in_order_where_what_hurts_ties(
    better: dict[str, float], reason: str
) -> None:
    usual: dict[str, Any] = {"scenario": 70.0, "capital": 200.0}
    modes = [judged("given", 30, given=True, **usual), judged("cross", 30, **(usual | better))]
    found = choose(modes)
    assert (found.mode, found.reasons) == ("cross", (reason,))
    assert "liquidation" not in found.against or better["liquidated"] > 0.1


@pytest.mark.parametrize(
    "better",
    [
        {"drawdown": 0.0905}, {"scenario": 69.5}, {"liquidated": 0.0905}, {"capital": 185.0},
    ],
)  # fmt: skip
def test_what_hardly_matters_is_no_reason(better: dict[str, float]) -> None:
    usual: dict[str, Any] = {"scenario": 70.0, "capital": 200.0}
    modes = [judged("given", 30, given=True, **usual), judged("cross", 30, **(usual | better))]
    assert (choose(modes).mode, choose(modes).reasons) == ("given", ())


def test_capital_that_the_account_has_is_no_reason() -> None:
    modes = [judged("given", 30, given=True, capital=99.0), judged("cross", 30, capital=20.0)]
    assert choose(modes).mode == "given"


def test_no_capital_is_enough_in_any_mode() -> None:
    none = float("inf")
    modes = [judged("given", 30, given=True, capital=none), judged("cross", 30, capital=none)]
    assert choose(modes).mode == "given"


def test_where_the_criteria_contradict_the_worst_losses_decide() -> None:
    modes = [judged("given", 40, ruin=0.01, given=True), judged("isolated", 30, ruin=0.04)]
    found = choose(modes)
    assert found.contradicts == ("isolated", "given")
    assert found.mode == "isolated"
    assert found.against == ("ruin",)


def test_what_was_given_up_is_no_reason() -> None:
    """The recommended one is ruined more often than the given one: that speaks against it."""
    modes = [
        judged("given", 60, ruin=0.03, given=True),
        judged("isolated", 30, ruin=0.06),
        judged("cross", 50, ruin=0.01),
    ]
    found = choose(modes)
    assert (found.mode, found.contradicts) == ("isolated", ("isolated", "cross"))
    assert found.reasons == ("worst 5 %",)
    assert found.against == ("ruin",)


def test_over_leveraged_is_where_every_mode_is_ruined_too_often() -> None:
    often, seldom = judged("given", 95, ruin=0.06, given=True), judged("isolated", 80, ruin=0.05)
    assert is_over_leveraged([often, often])
    assert not is_over_leveraged([often, seldom])


def test_among_the_last_the_smallest_loss_is_taken() -> None:
    modes = [judged("given", 50, given=True), judged("cross", 30.5), judged("isolated", 30)]
    assert choose(modes).mode == "isolated"
