"""A rehearsal as sheets and sentences."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from seawall.domain.units import from_units, money_text
from seawall.lab.market.price_paths import price_path_sheet, price_paths
from seawall.lab.rehearse.figures import candle_figures, rehearsal_figure
from seawall.lab.rehearse.lessons import lessons
from seawall.lab.rehearse.rehearsal import Rehearsal
from seawall.lab.rehearse.tiles import status, tiles
from seawall.lab.simulation.incident_sheets import incident_sheets
from seawall.lab.simulation.names import (
    bucket_name,
    deleveraging_sentence,
    liquidation_sentence,
    mode_name,
)
from seawall.lab.simulation.observer import Holding, Snapshot
from seawall.report import kinds
from seawall.report.findings import NOT_CONSERVED, Findings, Words
from seawall.report.kinds import (
    AVERAGE_PRICE,
    COUNT,
    EXACT_MONEY,
    FLAG,
    MONEY,
    MOVE,
    NUMBER,
    PRICE,
    RATIO,
    SIZE,
    TIME,
    TIMES,
    USD,
)
from seawall.report.sheet import Column, Sheet, record


def rehearsal_findings(result: Rehearsal) -> Findings:
    """Everything that happened, what it cost first."""
    path, book = result.path, result.rulebook
    first, last = (kinds.clock(int(path.times_ms[at])) for at in (0, -1))
    return Findings(
        command="rehearse",
        title=f"{result.name} through {path.name}",
        subtitle=f"{result.source}; {first} to {last} UTC; rules of {book.name} as of {book.as_of}",
        verdict=[*map(Words, lessons(result)), *_warnings(result)],
        status=status(result),
        tiles=tiles(result),
        sections=[
            rehearsal_figure(result), *candle_figures(result),
            _positions(result, result.start, result.liquidation_prices, "start"),
            *incident_sheets(result, span_ms=int(path.times_ms[-1] - path.times_ms[0])),
            _buckets(result), *_funding(result),
            price_path_sheet([(path.name, price_paths(path))]),
            _positions(result, result.end, result.end_liquidation_prices, "end"),
            _others(result), _conservation(result), *_journal(result), *_steps(result),
            *([] if result.used is None else result.used.sheets()),
        ],
        facts={
            "account": result.name,
            "source": result.source,
            "account_number": result.account,
            "child_accounts": {
                result.instruments[market].name: child for child, market in result.children.items()
            },
            "rulebook": {"name": book.name, "as_of": str(book.as_of)},
            "path": path.name,
            "steps": len(path.times_ms),
            "step_ms": path.step_ms,
            "markets": [each.name for each in result.instruments],
            "equity_at_start": money_text(result.start.equity),
            "equity_at_end": money_text(result.end.equity),
            "funding": money_text(result.funding),
            "unsettled_funding": money_text(result.end.unsettled_funding),
            "recorded_funding": None if result.recorded_funding is None
            else money_text(result.recorded_funding),
            "state_hash": result.state_hash,
            "commands": result.commands,
        },
        assumptions=_assumptions(result),
    )  # fmt: skip


def _warnings(result: Rehearsal) -> Iterator[Words]:
    if not result.is_conserved:
        yield Words(NOT_CONSERVED, is_warning=True)
    yield from (Words(note, is_warning=True) for note in result.notes)


def _assumptions(result: Rehearsal) -> list[str]:
    scenario = result.scenario
    return [
        *([] if scenario is None else filter(None, (scenario.about, scenario.source))),
        f"{len(result.path.times_ms):,} steps of at most {result.path.step_ms / 1000:g} s.",
        "The book has the depth below in calm, and less when prices move fast.",
        liquidation_sentence(result.rulebook),
        deleveraging_sentence(
            0 if scenario is None else scenario.neighbours.accounts_in(result.path.markets),
            result.backstop,
            "the oracle is the path's, and the backstop keeps what it takes over",
        ),
        "The mark, funding, liquidations and deleveraging are the engine's own.",
    ]


class _Held(NamedTuple):
    """A position, its liquidation price, and the worst price of the path."""

    market: Any
    holding: Holding
    liquidation_price: float | None
    mark: str
    worst: float

    @property
    def distance(self) -> float | None:
        price = self.liquidation_price
        return None if price is None else price / float(self.mark) - 1


def _positions(
    result: Rehearsal, now: Snapshot, prices: Mapping[int, float | None], when: str
) -> Sheet:
    rows = []
    for market, holding in now.holdings.items():
        each, marks = result.instruments[market], result.series.mark[market]
        worst = int(marks.min() if holding.signed_size > 0 else marks.max())
        mark = from_units(holding.mark_price, each.price_decimals)
        rows.append(_Held(each, holding, prices[market], mark, worst / holding.mark_price - 1))

    def size(row: _Held) -> str:
        return from_units(row.holding.signed_size, row.market.size_decimals)

    word = result.price_word
    return Sheet(
        name=f"positions_at_{when}",
        title=f"Positions at the {when}, USD",
        rows=rows,
        columns=[
            Column("position", get=lambda r: f"{_side(r.holding)} {r.market.name}", on="screen"),
            Column("market", get="market.name", on="data"),
            Column("mode", get=lambda r: mode_name(result.rulebook, isolated=r.holding.isolated)),
            Column("size", SIZE, size, on="data"),
            Column("amount", SIZE, lambda r: size(r).lstrip("-"), "size", 1, "screen"),
            Column("notional", MONEY, lambda r: abs(r.holding.value), drop=3),
            Column("leverage", TIMES, lambda r: r.holding.leverage or None, drop=5, none="-"),
            Column("maximum_leverage", TIMES, "market.maximum_leverage", "at most", 6),
            Column("mark_price", PRICE, "mark", word),
            Column("liquidation_price", AVERAGE_PRICE, none="none"),
            Column("distance", MOVE, drop=2),
            Column("unrealized_profit", MONEY, "holding.profit", drop=4),
            *([Column("worst_move", MOVE, "worst", f"worst {word}")] if when == "start" else []),
        ],
    )


def _side(holding: Holding) -> str:
    return "long" if holding.signed_size > 0 else "short"


def _buckets(result: Rehearsal) -> Sheet:
    def end(bucket: int) -> int:
        return result.end.buckets[bucket].equity if bucket in result.end.buckets else 0

    def start(bucket: int) -> int:
        return result.start.buckets[bucket].equity

    return Sheet(
        name="buckets",
        title="Equity, USD",
        rows=list(result.start.buckets),
        columns=[
            Column("bucket", get=lambda b: bucket_name(result, b)),
            Column("at_start", MONEY, start),
            Column("at_end", MONEY, end),
            Column("change", MONEY, lambda b: end(b) - start(b)),
        ],
    )


def _funding(result: Rehearsal) -> Iterator[Words]:
    if result.recorded_funding is not None:
        yield Words(
            f"Funding received: {kinds.money(result.funding)} USD from the premium of the engine's "
            f"own book; the recorded rates would have paid {kinds.money(result.recorded_funding)} "
            "USD on the same positions."
        )


def _others(result: Rehearsal) -> Sheet:
    return record(
        "others", "All other accounts, USD", result.others,
        [
            Column("liquidated_accounts", COUNT),
            Column("sold_to_book", MONEY, title="liquidated into the book"),
            Column("taken_by_backstop", MONEY),
            Column("deleveraged", MONEY),
            Column("insurance_paid", MONEY, title="paid by the insurance fund"),
            Column("liquidation_fees", MONEY),
        ],
        on="everywhere" if result.others.liquidated_accounts else "data",
    )  # fmt: skip


def _conservation(result: Rehearsal) -> Sheet:
    return record(
        "conservation", "Money of all accounts, USD", result,
        [
            Column("cash", EXACT_MONEY),
            Column("isolated_cash", EXACT_MONEY),
            Column("deposits", EXACT_MONEY),
            Column("withdrawals", EXACT_MONEY),
            Column("equal", FLAG, "is_conserved", "cash = deposits - withdrawals"),
        ],
        note=f"State {result.state_hash} after {result.commands:,} commands.",
    )  # fmt: skip


def _journal(result: Rehearsal) -> Iterator[Words]:
    if result.journal is not None:
        account = f"--account {result.account}"
        yield Words(f"Journal: {result.journal}; seawall compare-rules {result.journal} {account}")


def _steps(result: Rehearsal) -> Sequence[Sheet]:
    """Every step, for parquet and notebooks: the account, its buckets, the markets."""
    series, kept, markets = result.series, result.untouched_equity, result.instruments
    total = series.total_equity

    def sheet(name: str, title: str, keys: Sequence[int], *columns: Column) -> Sheet:
        time = Column("time_ms", TIME, lambda at: series.times_ms[at[1]])
        rows = [(key, step) for key in keys for step in range(len(series.times_ms))]
        return Sheet(name=name, title=title, rows=rows, columns=[time, *columns], on="tables")

    def ratio(at: tuple[int, int]) -> float | None:
        found = float(series.ratio[at[0]][at[1]])
        return None if np.isnan(found) else found

    def price(at: tuple[int, int]) -> float:
        return float(series.mark[at]) / 10.0 ** markets[at[0]].price_decimals

    def size(at: tuple[int, int]) -> float:
        return float(series.signed_size[at]) / 10.0 ** markets[at[0]].size_decimals

    return [
        sheet(
            "equity_steps", "The account at every step", [0],
            Column("equity", MONEY, lambda at: total[at[1]]),
            Column("kept_equity", USD, lambda at: kept[at[1]]),
        ),
        sheet(
            "bucket_steps", "Each bucket at every step", list(series.equity),
            Column("bucket", get=lambda at: bucket_name(result, at[0])),
            Column("equity", MONEY, lambda at: series.equity[at[0]][at[1]]),
            Column("margin_ratio", RATIO, ratio),
        ),
        sheet(
            "market_steps", "Each market at every step", range(len(markets)),
            Column("market", get=lambda at: markets[at[0]].name),
            Column("mark_price", USD, price),
            Column("size", NUMBER, size),
        ),
    ]  # fmt: skip
