"""Pictures of policies: what they take beyond the need, the worst haircut, and who pays."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from seawall.lab.deleveraging.comparison import WaveOutcome
from seawall.lab.deleveraging.measures import concentration
from seawall.report import kinds
from seawall.report.charts import (
    CROSS_COLOUR,
    LIQUIDATION,
    MONEY_LABEL,
    MOST_POINTS,
    PERCENT_LABEL,
    Chart,
    Row,
    axis,
    finished,
    named,
    names_down,
    number,
    quantity,
    series,
    values,
)

_ROW_HEIGHT = 30
_ROOM = 0.15
"""Of the longest bar, for the text beside it."""
_LEFT_OUT = ("pro_rata_notional",)
"""Of who pays: it lies on the line of pro-rata of contracts, and colours are few."""

Totals = Sequence[Mapping[str, Any]]
"""Rows of the sheet ``totals``."""


def overshoot_bars(totals: Totals) -> Chart:
    """USD taken beyond what was needed, one bar for each policy."""
    axis_ = axis("taken beyond the need, USD", label=MONEY_LABEL)
    return _bars(totals, "overshoot", kinds.short_usd, axis_, LIQUIDATION)


def haircut_bars(totals: Totals) -> Chart:
    """The largest haircut as a share of the winner's equity, one bar for each policy."""
    axis_ = axis("largest haircut, % of a winner's equity", label=PERCENT_LABEL)
    return _bars(totals, "largest_of_equity", kinds.probability, axis_, CROSS_COLOUR, 100.0)


def concentration_curve(result: WaveOutcome, dashed: str = "") -> Chart:
    """Share of the bill (%) over the share of winners (%), those who pay most first.

    ``dashed``: the name of a policy that stands out from the others.
    """
    rows: list[Row] = []
    names = []
    for each in result.outcomes:
        if each.haircut.sum() <= 0 or each.policy.key in _LEFT_OUT:
            continue
        winners, paid = concentration(each.haircut)
        # Evenly on the logarithmic axis, which begins with one winner.
        kept = np.unique(np.geomspace(1, len(winners) - 1, MOST_POINTS).round().astype(int))
        names.append(each.policy.name)
        rows += series(names[-1], winners=100 * winners[kept], paid=100 * paid[kept])
    x = quantity(
        "winners",
        axis("winners, those who pay most first", label=PERCENT_LABEL),
        scale={"type": "log", "nice": False},
    )
    y = quantity("paid", axis("share of what is taken", label=PERCENT_LABEL))
    return finished(named(rows, x, y, names, dashed), height=320)


def _bars(
    totals: Totals,
    field: str,
    text: Callable[[float], str],
    axis_: Row,
    colour: str,
    factor: float = 1.0,
) -> Chart:
    lengths = [factor * row[field] for row in totals]
    rows = [
        {
            "policy": row["name"],
            "value": number(length),
            # The text stands beside the bar, also where it goes to the left of zero.
            "end": number(max(0.0, length)),
            "text": text(row[field]),
        }
        for row, length in zip(totals, lengths, strict=True)
    ]
    y = names_down("policy", width=200)
    low, high = min(0.0, *lengths), max(0.0, *lengths)
    most = high + _ROOM * (high - low)
    scale = {"domain": [number(low), number(most)]} if most > low else {}
    x = quantity("value", axis_, scale=scale)
    end = quantity("end", axis_, scale=scale)
    beside = {"type": "text", "align": "left", "dx": 5}
    content: Chart = {
        "data": values(rows),
        "layer": [
            {"mark": {"type": "bar", "color": colour, "height": 16}, "encoding": {"x": x, "y": y}},
            {"mark": beside, "encoding": {"x": end, "y": y, "text": {"field": "text"}}},
        ],
    }
    return finished(content, height=_ROW_HEIGHT * len(rows) + 40)
