"""Pictures of published and true prices, and of the moves that show in them."""

from collections.abc import Iterator, Sequence

from seawall.lab.oracle.moves import MoveOutcome
from seawall.lab.oracle.preset import DIRECT
from seawall.lab.oracle.question import OracleAnswer
from seawall.report.charts import (
    LIQUIDATION,
    MONEY_LABEL,
    PERCENT_LABEL,
    Row,
    axis,
    finished,
    level,
    logarithmic,
    named,
    number,
    quantity,
    series,
)
from seawall.report.findings import Figure


def oracle_figures(
    answer: OracleAnswer, moves: Sequence[MoveOutcome], market: str | None
) -> Iterator[Figure]:
    """The prices of one market in the crisis, then the smallest moves by their length."""
    yield _prices(answer, market or answer.account.markets[0])
    if moves:
        yield _moves(moves)


def _prices(answer: OracleAnswer, market: str) -> Figure:
    column = answer.account.market(market)
    minutes = (answer.grid.times_ms - answer.grid.times_ms[0]) / 60_000
    rows: list[Row] = []
    for each in answer.looks:
        rows += series(each.preset.name, minutes=minutes, price=each.prices.taken[:, column])
    x = quantity("minutes", axis("minutes after the start"))
    y = quantity(
        "price", axis(f"{market}, USD", label=MONEY_LABEL), scale={"zero": False, "nice": True}
    )
    names = [each.preset.name for each in answer.looks]
    lines = named(rows, x, y, names, dashed=DIRECT)
    known = [each for each in answer.reaches if (each.market, each.preset) == (market, DIRECT)]
    words = [level(each.liquidation_price, "liquidation", LIQUIDATION) for each in known]
    return Figure(
        title=f"{market} in {answer.crisis.title}, as each oracle publishes it",
        chart=finished({"layer": [lines, *words]}, height=320),
        alt="lines of the published price of a market over time, one an oracle, and the true price "
        "dashed",
        note="Dashed: the true price. The liquidation price is that of now, others standing still.",
    )


def _moves(moves: Sequence[MoveOutcome]) -> Figure:
    names = list(dict.fromkeys(each.preset for each in moves))
    rows: list[Row] = [
        {
            "seconds": number(each.duration_ms / 1000),
            "move": number(100 * abs(each.published)),
            "name": each.preset,
        }
        for each in moves
        if each.published is not None
    ]
    lengths = sorted({each.duration_ms / 1000 for each in moves})
    title = "length of the move, seconds"
    return Figure(
        title="The smallest move that liquidates on the published price",
        chart=finished(
            named(
                rows,
                logarithmic("seconds", lengths[0], lengths[-1], title),
                quantity("move", axis("move there and back", label=PERCENT_LABEL)),
                names,
                dashed=DIRECT,
            ),
            height=300,
        ),
        alt="lines of the smallest move that liquidates over its length, one an oracle",
        note="Where the oracle looks at the best moment; a line that is missing never does.",
    )
