"""The findings of ``seawall carry`` for one position: words, tables, pictures, the object."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

from seawall.domain.units import FUNDING_ONE, RATE_ONE, from_units, money_text
from seawall.lab.carry.carry import break_even_move
from seawall.lab.carry.charts import break_even_chart, drift_chart
from seawall.lab.carry.outcome import (
    HOURS_PER_DAY,
    CarryOutcome,
    CarryTask,
    LeverageCarry,
    Moment,
    Sensitivity,
)
from seawall.lab.size.words import basis_points, cents, duration, percent, price_text, usd
from seawall.report.findings import Figure, Findings, Section, Table, Words


def carry_findings(
    task: CarryTask, outcome: CarryOutcome, about: str, assumptions: Sequence[str]
) -> Findings:
    """``about``: where price, fees and funding come from, in words."""
    side = "long" if task.trade.is_long else "short"
    days = duration(outcome.periods[-1].hours if outcome.periods else 0.0)
    return Findings(
        command="carry",
        title=f"What it costs to hold {usd(task.trade.notional)} USD of "
        f"{task.instrument.name} {side} for {days}",
        subtitle=about,
        sections=tuple(_sections(task, outcome)),
        plain=_plain(task, outcome),
        frames={
            "over_time": _frame(_moment_plain(task, each) for each in outcome.moments),
            "leverages": _frame(_leverage_plain(task, each) for each in outcome.leverages),
            "sensitivity": _frame(_other_plain(task, each) for each in outcome.sensitivities),
        },
        assumptions=(*_assumed(task), *assumptions),
    )


def _sections(task: CarryTask, outcome: CarryOutcome) -> Iterator[Section]:
    yield from _words(task, outcome)
    yield _cost_table(task, outcome)
    yield _period_table(task, outcome)
    yield Figure(
        title="The price at which leaving is flat",
        chart=break_even_chart(task, outcome),
        alt="Break-even price in USD over the holding time, one line for each direction and size "
        "of funding, from twice received to twice paid.",
    )
    yield _leverage_table(task, outcome)
    yield Figure(
        title="Funding moves the liquidation price",
        chart=drift_chart(task, outcome),
        alt="Liquidation price in USD of an isolated bucket over the holding time, one line for "
        "each leverage, beside the price, which stands still.",
    )
    yield _sensitivity_table(task, outcome)


def _price(task: CarryTask, units: Fraction | int | None) -> str:
    return "none" if units is None else price_text(units, task.instrument.price_decimals)


def _paid_words(paid: int) -> str:
    return f"{cents(paid)} USD of funding" if paid >= 0 else f"{cents(-paid)} USD received"


def _brings(cost: Fraction) -> str:
    return f"costs {cents(cost)}" if cost >= 0 else f"brings {cents(-cost)}"


def _leaving(task: CarryTask) -> str:
    return "at an unchanged price" if task.move == 0 else "leaving at the entry price"


def _words(task: CarryTask, outcome: CarryOutcome) -> Iterator[Words]:
    move = break_even_move(task.trade, outcome.paid)
    way = "rise" if task.trade.is_long else "fall"
    flat = outcome.periods[-1].break_even if outcome.periods else outcome.first.break_even
    if move > 0:
        needed = f"the price has to {way} {percent(move)} ({basis_points(move)} bp)"
    else:
        needed = f"it earns: flat even {percent(-move)} on the wrong side"
    yield Words(
        f"Flat at {_price(task, flat)}: {needed}. Held to the end it {_brings(outcome.cost)} "
        f"USD {_leaving(task)}, {percent(abs(outcome.cost) / outcome.margin)} of the margin "
        f"at {task.leverage}x: {cents(outcome.entry + outcome.exit)} in fees and slippage, "
        f"{_paid_words(outcome.paid)}."
    )
    row = next(each for each in outcome.leverages if each.leverage == task.leverage)
    if row.hours_left is not None and row.hours_left <= outcome.moments[-1].hours:
        yield Words(
            f"At {task.leverage}x, funding alone liquidates the bucket after "
            f"{duration(row.hours_left)}, at an unchanged price.",
            is_warning=True,
        )
        return
    left = (
        "Funding never liquidates it"
        if row.hours_left is None
        else f"Funding alone would liquidate it after {duration(row.hours_left)}"
        + (", at the mean rate of the path" if row.is_beyond else "")
    )
    yield Words(
        f"In an isolated bucket at {task.leverage}x the liquidation price goes from "
        f"{_price(task, row.line_first)} to {_price(task, row.line_last)}. {left}, at an unchanged "
        "price."
    )


def _cost_table(task: CarryTask, outcome: CarryOutcome) -> Table:
    trade = task.trade
    rows = []
    for name, cost in (
        (f"way in: fee {_rate(trade.entry_rate)}, slippage {_rate(trade.entry_slippage)}",
         outcome.entry),
        (f"way out: fee {_rate(trade.exit_rate)}, slippage {_rate(trade.exit_slippage)}",
         outcome.exit),
        (f"funding, {len(task.path.rates):,} settlements", Fraction(outcome.paid)),
        (f"all of it, {_leaving(task)}", outcome.cost),
    ):  # fmt: skip
        rows.append(
            (
                name,
                usd(cost, 2),
                basis_points(cost / trade.notional),
                percent(cost / outcome.margin),
            )
        )
    return Table(
        title="Costs",
        columns=("", "USD", "bp of notional", f"of margin at {task.leverage}x"),
        rows=rows,
    )


def _rate(rate: int) -> str:
    return f"{rate * 100 / RATE_ONE:.4g} %"


def _period_table(task: CarryTask, outcome: CarryOutcome) -> Table:
    rows = []
    before = 0
    styles = {}
    row = next(each for each in outcome.leverages if each.leverage == task.leverage)
    for number, moment in enumerate([outcome.first, *outcome.periods]):
        is_gone = row.hours_left is not None and moment.hours >= row.hours_left
        if is_gone:
            styles[number] = "bad"
        rows.append(
            (
                duration(moment.hours) if moment.hours else "at once",
                usd(moment.paid - before, 2),
                usd(moment.paid, 2),
                _price(task, moment.break_even),
                basis_points(task.trade.side * (moment.break_even / task.trade.price - 1)),
                "liquidated" if is_gone else usd(moment.equity, 2),
                "" if is_gone else _price(task, moment.line),
                usd(moment.compounded, 2),
            )
        )
        before = moment.paid
    return Table(
        title=f"Funding over time, each {outcome.period}, at {task.leverage}x",
        columns=(
            *("held for", f"in the {outcome.period}", "so far", "flat at", "bp"),
            *("bucket's equity", "liquidated at", "constant leverage"),
        ),
        rows=rows,
        styles=styles,
        note="The bucket keeps its coins; funding is paid out of it (and goes on, were margin "
        "added, once it is liquidated). Constant leverage: equity if the position is cut back "
        "after each payment instead, so that what is paid compounds.",
    )


def _leverage_table(task: CarryTask, outcome: CarryOutcome) -> Table:
    rows = []
    styles = {}
    for number, row in enumerate(outcome.leverages):
        if row.hours_left is not None and row.hours_left <= outcome.moments[-1].hours:
            styles[number] = "bad"
        elif row.leverage == task.leverage:
            styles[number] = "good"
        fees = (outcome.entry + outcome.exit) / row.margin
        a_day = Fraction(outcome.paid, row.margin) / Fraction(outcome.moments[-1].hours) * 24
        rows.append(
            (
                f"{row.leverage}x",
                cents(row.margin),
                percent(fees),
                percent(a_day, 3),
                percent(row.cost / row.margin),
                _price(task, row.line_first),
                _price(task, row.line_last),
                _left(row.hours_left, row.is_beyond),
            )
        )
    return Table(
        title="At each leverage, as a share of the margin",
        columns=(
            *("leverage", "margin", "fees, slippage", "funding a day", "all costs"),
            *("liquidated at, now", "at the end", "lasts"),
        ),
        rows=rows,
        styles=styles,
        note="Lasts: until funding alone liquidates the bucket, at an unchanged price; ~ beyond "
        "the funding path, at its mean rate.",
    )


def _left(hours: float | None, is_beyond: bool) -> str:
    if hours is None:
        return "never"
    return ("~ " if is_beyond else "") + duration(hours)


def _sensitivity_table(task: CarryTask, outcome: CarryOutcome) -> Table:
    rows = []
    for row in outcome.sensitivities:
        rows.append(
            (
                row.name,
                usd(row.paid, 2),
                percent(Fraction(row.paid, outcome.margin)),
                _price(task, row.break_even),
                basis_points(task.trade.side * (row.break_even / task.trade.price - 1)),
                _price(task, row.line),
                _left(row.hours_left, row.is_beyond),
            )
        )
    return Table(
        title=f"If funding goes another way, at {task.leverage}x",
        columns=(
            *("funding", "paid, USD", "of margin", "flat at", "bp", "liquidated at, at the end"),
            "lasts",
        ),
        rows=rows,
    )


def _assumed(task: CarryTask) -> tuple[str, ...]:
    price = (
        "The price stands still until you leave"
        if task.move == 0
        else f"The price goes {float(task.move):+.2%} on a straight line"
    )
    return (
        f"{price}; the position keeps its coins, so its notional follows the price. --move sets "
        "another way.",
        "Liquidation prices are at the entry price's notional, for a bucket of its own with "
        "nothing added.",
    )


def _plain(task: CarryTask, outcome: CarryOutcome) -> dict[str, Any]:
    trade = task.trade
    return {
        "market": task.instrument.name,
        "rulebook": task.rulebook.name,
        "side": "long" if trade.is_long else "short",
        "size": from_units(trade.size, task.instrument.size_decimals),
        "price": from_units(trade.price, task.instrument.price_decimals),
        "notional": money_text(trade.notional),
        "leverage": task.leverage,
        "margin": money_text(outcome.margin),
        "entry_fee_rate": trade.entry_rate / RATE_ONE,
        "exit_fee_rate": trade.exit_rate / RATE_ONE,
        "entry_slippage": trade.entry_slippage / RATE_ONE,
        "exit_slippage": trade.exit_slippage / RATE_ONE,
        "settlements": len(task.path.rates),
        "days": task.path.hours[-1] / HOURS_PER_DAY,
        "mean_funding_rate_an_hour": task.path.mean_hourly,
        "first_funding_rate": task.path.rates[0] / FUNDING_ONE,
        "entry_cost": float(outcome.entry) / 1e6,
        "exit_cost": float(outcome.exit) / 1e6,
        "funding": money_text(outcome.paid),
        "cost": float(outcome.cost) / 1e6,
        "break_even_at_once": _units(task, outcome.first.break_even),
        "break_even": _units(task, outcome.moments[-1].break_even),
        "break_even_move": float(break_even_move(trade, outcome.paid)),
        "periods": [_moment_plain(task, each) for each in outcome.periods],
        "leverages": [_leverage_plain(task, each) for each in outcome.leverages],
        "sensitivity": [_other_plain(task, each) for each in outcome.sensitivities],
    }


def _units(task: CarryTask, units: Fraction | None) -> float | None:
    return None if units is None else float(units / 10**task.instrument.price_decimals)


def _moment_plain(task: CarryTask, moment: Moment) -> dict[str, Any]:
    return {
        "hours": moment.hours,
        "funding": money_text(moment.paid),
        "break_even": _units(task, moment.break_even),
        "bucket_equity": money_text(moment.equity),
        "equity_at_constant_leverage": moment.compounded / 1e6,
        "liquidation_price": _units(task, moment.line),
    }


def _leverage_plain(task: CarryTask, row: LeverageCarry) -> dict[str, Any]:
    return {
        "leverage": row.leverage,
        "margin": money_text(row.margin),
        "cost_of_margin": float(row.cost / row.margin),
        "liquidation_price_at_first": _units(task, row.line_first),
        "liquidation_price_at_the_end": _units(task, row.line_last),
        "hours_until_liquidation": row.hours_left,
        "is_beyond_the_path": row.is_beyond,
    }


def _other_plain(task: CarryTask, row: Sensitivity) -> dict[str, Any]:
    return {
        "funding_path": row.name,
        "funding": money_text(row.paid),
        "break_even": _units(task, row.break_even),
        "liquidation_price": _units(task, row.line),
        "hours_until_liquidation": row.hours_left,
        "is_beyond_the_path": row.is_beyond,
    }


def _frame(rows: Iterator[dict[str, Any]]) -> dict[str, list[Any]]:
    """Columns; exact decimal text becomes numbers, because tables are for computing."""
    found: dict[str, list[Any]] = {}
    for row in rows:
        for name, value in row.items():
            number = isinstance(value, str) and name != "funding_path"
            found.setdefault(name, []).append(float(value) if number else value)
    return found
