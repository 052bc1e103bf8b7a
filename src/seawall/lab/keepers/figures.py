"""Pictures of keepers: where the money goes under each mechanism, and the price of gas."""

from collections.abc import Iterator

import numpy as np

from seawall.domain.units import MICRO
from seawall.lab.keepers.liquidation import Party
from seawall.lab.keepers.question import KeepersAnswer
from seawall.report.charts import (
    CROSS_COLOUR,
    MONEY_LABEL,
    Row,
    axis,
    coloured,
    columns,
    finished,
    line,
    names_down,
    number,
    quantity,
    values,
)
from seawall.report.findings import Figure

SHOWN = (Party.ACCOUNT, Party.KEEPERS, Party.NETWORK, Party.FUND, Party.LENDERS)
_ROW = 34


def keeper_figures(answer: KeepersAnswer) -> Iterator[Figure]:
    """Money by party of the buckets together, then gas over the crisis."""
    hit = [each for each in answer.trials if each.began]
    if hit:
        rows: list[Row] = [
            {
                "mechanism": name,
                "party": party.value,
                "usd": number(
                    sum(each.mean(party) for each in hit if each.mechanism == name) / MICRO
                ),
            }
            for name in dict.fromkeys(each.mechanism for each in hit)
            for party in SHOWN
        ]
        names = list(dict.fromkeys(row["mechanism"] for row in rows))
        content = {
            "data": values(rows),
            "mark": {"type": "bar", "height": 18},
            "encoding": {
                "y": names_down("mechanism", names),
                "x": quantity("usd", axis("USD at the end, on average", label=MONEY_LABEL)),
                "color": coloured("party", [each.value for each in SHOWN], title=None),
            },
        }
        yield Figure(
            title="Where the money goes",
            chart=finished(content, height=_ROW * len(names) + 40),
            alt="bars of money by party at the end, one row a mechanism; below zero is a loss",
            note="Of the buckets that are liquidatable in the crisis, together.",
        )
    minutes, gwei = np.asarray(answer.gas_minutes).T
    if gwei.max() > 0:
        yield Figure(
            title="The price of gas in the crisis",
            chart=finished(
                line(
                    columns(minutes=minutes, gwei=gwei),
                    quantity("minutes", axis("minutes after the start")),
                    quantity("gwei", axis("gwei")),
                    CROSS_COLOUR,
                ),
                height=220,
            ),
            alt="a line of the price of gas over time",
            note="Of the first trial.",
        )
