"""Pictures of what pools lose to trades at an old price, in one step and in two."""

from collections.abc import Iterator

from seawall.domain.units import MICRO
from seawall.lab.frontrun.question import FrontrunAnswer
from seawall.report.charts import (
    MONEY_LABEL,
    Row,
    axis,
    coloured,
    finished,
    names_down,
    number,
    quantity,
    values,
)
from seawall.report.findings import Figure

_ROW = 34
STEPS = {"in one step": "one_step", "as it is": "found", "in two steps": "two_steps"}


def frontrun_figures(answer: FrontrunAnswer) -> Iterator[Figure]:
    """Losses of every pool over its markets, where there are any."""
    rows: list[Row] = []
    names = list(dict.fromkeys(each.pool.name for each in answer.stale))
    for name in names:
        for words, field in STEPS.items():
            lost = sum(
                -getattr(each, field).pool for each in answer.stale if each.pool.name == name
            )
            rows.append({"pool": name, "steps": words, "usd": number(lost / MICRO)})
    if not any(row["usd"] for row in rows):
        return
    content = {
        "data": values(rows),
        "mark": {"type": "bar", "height": 8},
        "encoding": {
            "y": names_down("pool", names),
            "yOffset": {"field": "steps", "sort": list(STEPS)},
            "x": quantity("usd", axis("USD that the pool loses", label=MONEY_LABEL)),
            "color": coloured("steps", list(STEPS), title=None),
        },
    }
    yield Figure(
        title="What pools lose to trades at an old price",
        chart=finished(content, height=_ROW * len(names) + 40),
        alt="bars of what each pool loses with orders in one step, as it is, and in two steps",
        note="All markets of the account together. In one step: at the price in force, whatever "
        "its age; in two: at the first price that is read after the order.",
    )
