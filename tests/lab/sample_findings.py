"""Findings with every kind of section and picture, and names that would break a careless page."""

from operator import itemgetter

import numpy as np

from seawall.domain.units import HOUR_MS
from seawall.lab.carry.figures import break_even_lines
from seawall.lab.compare.figures import mode_bars
from seawall.lab.paths.figures import (
    drawdown_fan,
    equity_fan,
    leverage_curve,
    loss_histogram,
    ratio_fan,
    time_to_liquidation,
)
from seawall.report.chart_kinds import (
    PriceMark,
    break_even,
    candle_rows,
    candles,
    profit_over_price,
)
from seawall.report.charts import LIQUIDATION, Chart, Row
from seawall.report.findings import Figure, Findings, Section, Status, Tile, Words
from seawall.report.kinds import COUNT, FLAG, NUMBER, TEXT, USD, VALUE
from seawall.report.sheet import Column, Sheet

HOSTILE = "<script>alert('x')</script> & \"quoted\" \x1b[31mred\x00"
SEED = 20251010
ASSUMPTION = "The book holds 5,000,000 USD within 50 bp per side; less depth costs more."

_SHOCKS = (-0.3, -0.2, -0.15, -0.1, -0.05, 0.05, 0.1, 0.15, 0.2, 0.3)
_TIMES = np.linspace(0, 168, 600)


def charts() -> dict[str, Chart]:
    """Every picture of the lab, by name, on figures that exercise its words and its edges."""
    numbers = np.random.default_rng(SEED)
    leverages = [1, 2, 3, 4, 5, 6, 8, 10, 12.5, 15, 20, 25, 30, 40, 50]
    share = 1 / (1 + np.exp(-(np.log(leverages) - 2.2) * 2.4))
    error = 1.96 * np.sqrt(share * (1 - share) / 2000)
    spread = np.sqrt(_TIMES) * (1 + _TIMES / 200)
    fan = {
        quantile: np.maximum(0.35 + 0.0006 * _TIMES + z * 0.035 * spread, 0.0)
        for quantile, z in ((0.05, -1.0), (0.25, -0.4), (0.5, 0.0), (0.75, 0.45), (0.95, 1.3))
    }
    fan[0.95][500:] = np.inf
    losses = np.where(
        numbers.random(20_000) < 0.12,
        numbers.normal(412_000, 9_000, 20_000),
        numbers.normal(-15_000, 80_000, 20_000),
    )
    by_time = 0.12 * (1 - np.exp(-_TIMES / 60))
    price = 100_000 * (1.0009 + 0.0008 * _TIMES / 24)
    return {
        "survival": leverage_curve(
            leverages, share, share - error, share + error, chosen=3, accepted=0.05, now=10
        ),
        "fan": ratio_fan(_TIMES, fan),
        "equity": equity_fan(_TIMES, {q: 1e5 * (1.5 - each) for q, each in fan.items() if q < 0.9}),
        "drawdown": drawdown_fan(_TIMES, {q: each / 3 for q, each in fan.items() if q < 0.9}),
        "profit": profit_over_price(
            -4.0,
            2000.0,
            1990.0,
            [
                PriceMark("now", 1990.0),
                PriceMark("entry", 2000.0),
                PriceMark("break-even", break_even(2000.0, -4.0, 0.00045)),
                PriceMark("stop", 2100.0),
                PriceMark("liquidation", 2350.0),
                PriceMark("profit", 9000.0, "too far to be drawn"),
            ],
            "{:,.2f}".format,
        ),
        "candles": candles(
            candle_rows(_TIMES * HOUR_MS, price),
            {"type": "temporal"},
            [{"middle": 80 * HOUR_MS, "price": 100_300.0, "what": "liquidated", "words": "here"}],
            {"liquidated": ("triangle-down", LIQUIDATION), "unused": ("circle", LIQUIDATION)},
            levels=[(100_150.0, "liquidation: 100,150", LIQUIDATION)],
        ),
        "modes": mode_bars(modes(), "cross"),
        "losses": loss_histogram(losses),
        "times": time_to_liquidation(_TIMES, by_time, by_time - 0.005, by_time + 0.005),
        "break-even": break_even_lines(
            _TIMES / 24,
            {"funding as now": price, "no funding": np.full(len(_TIMES), 100_090.0)},
            entry=100_000,
            unit="days",
        ),
    }


def modes() -> list[Row]:
    names = ("mode", "capital_needed", "survival", "ruin", "shortfall_95")
    figures = (
        ("as given", 250_000.0, 0.93, 0.04, 250_000.0),
        ("cross", 250_000.0, 0.955, 0.03, 250_000.0),
        ("isolated", 412_000.0, 0.71, 0.11, 190_000.0),
    )
    return [dict(zip(names, each, strict=True)) for each in figures]


def sample_findings() -> Findings:
    heads = ["market", "position", "move", "equity, USD", "margin ratio", "after"]
    styles = ("good", "bad", "quiet")
    rows = [
        ("BTC", "long 4.2", "-10 %", "182,340", "41.2 %", "safe", styles[0]),
        ("BTC", "long 4.2", "-30 %", "0", "", "liquidated", styles[1]),
        (HOSTILE, "short 1,000", "+5 %", "247,010", "36.0 %", "safe", styles[2]),
    ]
    table = Sheet(
        name="shocked",
        title="The account, shocked",
        rows=rows,
        columns=[
            Column(head, TEXT if place < 2 else VALUE, itemgetter(place), head)
            for place, head in enumerate(heads)
        ],
        style=itemgetter(6),
        note="Equity after the liquidation's costs.",
    )
    long_table = Sheet(
        name="every_shock",
        title="Every shock",
        rows=range(1, 31),
        columns=[
            Column("market", get="M{}".format),
            *(Column(f"move {n}", COUNT, lambda row, n=n: row * 1000 + n) for n in range(1, 25)),
        ],
        on="page",
    )
    shocks = Sheet(
        name="shocks",
        title="Shocks",
        rows=_SHOCKS,
        columns=[
            Column("market", get=lambda _: "BTC"),
            Column("shock", NUMBER, lambda row: row),
            Column("liquidated", FLAG, lambda row: row < -0.1),
        ],
        on="tables",
    )
    loss = Column("loss", USD, lambda row: row)
    paths = Sheet(
        name="paths", title="Paths", rows=(1.5, np.nan, 3.0), columns=[loss], on="tables"
    )  # fmt: skip
    sections: list[Section] = [
        Words("The account survives a fall of 12.3 % in all markets together. " * 3),
        Words(f"Closing ETH first makes it worse: {HOSTILE}.", is_warning=True),
        table,
        *(
            Figure(
                title=f"Picture: {name}", chart=chart, note="At the prices of the start.",
                alt=f'The picture "{name}" of <the sample>.',
            )
            for name, chart in charts().items()
        ),
        long_table,
        shocks,
        paths,
    ]  # fmt: skip
    return Findings(
        command="stress",
        title=f"What a move does to {HOSTILE}",
        subtitle="equity 250,000 USD in 3 markets",
        status=Status(f"Near liquidation {HOSTILE}", "caution"),
        tiles=[
            Tile(title="equity, USD", value=250_000.0, kind=USD, note=HOSTILE, style=each)
            for each in ("", "good", "caution", "bad")
        ],
        sections=sections,
        facts={
            "equity": np.float64(250_000),
            "ratio": float("nan"),
            "worst": np.inf,
            "shocks": np.asarray(_SHOCKS),
            "liquidated": np.asarray([True, False]),
            "nested": {"seeds": [np.int64(3)], "none": None},
        },
        assumptions=[ASSUMPTION, f"Names are as the venue gives them: {HOSTILE}."],
        seed=SEED,
    )
