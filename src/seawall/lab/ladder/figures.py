"""The figure of ladders of exits: what they spare and what they keep, in each regime."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from seawall.report import kinds
from seawall.report.charts import (
    WIDTH,
    Chart,
    Row,
    axis,
    coloured,
    finished,
    number,
    quantity,
    values,
)
from seawall.report.findings import Figure

if TYPE_CHECKING:
    from seawall.lab.ladder.question import LadderResult


def figures(result: "LadderResult") -> Iterator[Figure]:
    """One panel a regime: each ladder by its worst losses and by the profit that it keeps."""
    panels = []
    names = [each.name for each in result.ladders]
    for regime in result.regimes:
        rows: list[Row] = [
            {
                "ladder": each.ladder,
                "worst": number(each.worst.value),
                "kept": number(100 if each.profit_kept is None else 100 * each.profit_kept.value),
                "survives": kinds.probability(each.survives.value),
            }
            for each in result.of(regime)
        ]
        panels.append(_panel(regime.name, rows, names))
    yield Figure(
        title="What ladders spare, and what they keep",
        chart=finished({"concat": panels, "columns": 3, "spacing": 40}),
        alt="For each volatility and ladder, the mean loss of the worst 5 % and the profit kept.",
        note="Left is safer, up keeps more of the profit. The same paths for all ladders.",
    )


def _panel(title: str, rows: list[Row], names: list[str]) -> Chart:
    return {
        "title": title,
        "width": (WIDTH - 200) // 3,
        "height": 200,
        "data": values(rows),
        "mark": {"type": "point", "filled": True, "size": 140, "opacity": 1},
        "encoding": {
            "x": quantity("worst", axis("worst 5 % lose, USD"), scale={"zero": False}),
            "y": quantity("kept", axis("profit kept, %"), scale={"zero": False}),
            "color": coloured("ladder", names, legend={"title": "ladder", "orient": "bottom"}),
            "tooltip": [{"field": "ladder"}, {"field": "survives"}],
        },
    }
