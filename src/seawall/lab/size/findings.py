"""The advice of ``seawall size`` as findings: tables, pictures, the object, the parquet tables."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from seawall.domain.units import from_units, money_text
from seawall.lab.size.advice import Advice, Rung, SettingRow, SizeTask
from seawall.lab.size.charts import Curve, exit_chart, slippage_curve
from seawall.lab.size.kelly_sizes import kelly_plain, kelly_tables, kelly_words
from seawall.lab.size.words import (
    advice_words,
    basis_points,
    cents,
    duration,
    percent,
    price_text,
    times,
    usd,
)
from seawall.report.findings import Figure, Findings, Section, Table


def size_findings(
    task: SizeTask, advice: Advice, about: str, assumptions: Sequence[str]
) -> Findings:
    """``about``: where equity, prices and the book come from, in words."""
    name = task.instrument.name
    side = "long" if task.wager.is_long else "short"
    curve = slippage_curve(task, advice)
    return Findings(
        command="size",
        title=f"How large a {side} position in {name} may be, and at which leverage",
        subtitle=about,
        sections=tuple(_sections(task, advice, curve)),
        plain=_plain(task, advice),
        frames={
            "slippage": curve.columns,
            "sizes": _frame(_rung_plain(task, each) for each in advice.rungs),
            "settings": _frame(_setting_plain(task, each) for each in advice.settings),
            "limits": _frame(_limits_plain(task, advice)),
        },
        assumptions=(*_assumed(task), *assumptions),
    )


def _sections(task: SizeTask, advice: Advice, curve: Curve) -> Iterator[Section]:
    yield from advice_words(task, advice)
    yield _limit_table(task, advice)
    if advice.loss is not None:
        yield _loss_table(task, advice)
    yield _exit_table(task, advice)
    yield Figure(
        title="Slippage of leaving at once",
        chart=exit_chart(task, advice, curve),
        alt="Slippage in bp against the size in USD, both on logarithmic scales, in a calm and in "
        "a stressed book; the part beyond the book's end is drawn broken.",
        note="Broken lines: beyond the end of the book, by the square-root law.",
    )
    yield _rung_table(task, advice)
    if advice.settings:
        yield _setting_table(task, advice)
    yield kelly_words(task, advice)
    yield from kelly_tables(task, advice)


def _limit_table(task: SizeTask, advice: Advice) -> Table:
    rows = []
    styles = {}
    for number, limit in enumerate(sorted(advice.limits, key=lambda each: each.size)):
        notional = limit.size * task.wager.entry_price
        if limit is advice.deciding:
            styles[number] = "bad"
        rows.append(
            (
                limit.name,
                limit.reason,
                from_units(limit.size, task.instrument.size_decimals),
                usd(notional),
                times(Fraction(notional, task.equity)),
            )
        )
    return Table(
        title="What limits the size",
        columns=("limit", "because", task.instrument.name, "USD", "of equity"),
        rows=rows,
        words=2,
        styles=styles,
    )


def _loss_table(task: SizeTask, advice: Advice) -> Table:
    loss = advice.loss
    assert loss is not None
    parts = (
        ("price to the stop", loss.stop),
        ("slippage in, calm book", loss.entry_slippage),
        ("slippage out, stressed book", loss.exit_slippage),
        ("fee in", loss.entry_fee),
        ("fee out", loss.exit_fee),
        (f"funding, {duration(task.horizon_hours)}, always paid", loss.funding),
        ("all of it", loss.total),
        ("loss budget", task.budget),
    )
    notional = advice.notional(task)
    return Table(
        title=f"What being wrong costs: {usd(notional)} USD, stop "
        f"{percent(task.wager.stop_share)} away",
        columns=("part", "USD", "of equity", "bp of notional"),
        rows=[
            (
                name,
                usd(part, 2),
                percent(Fraction(part, task.equity), 3),
                basis_points(Fraction(part, notional)),
            )
            for name, part in parts
        ],
        styles={len(parts) - 1: "quiet"},
    )


def _exit_table(task: SizeTask, advice: Advice) -> Table:
    decimals = task.instrument.price_decimals
    rows = []
    for rung in advice.rungs:
        rows.append(
            (
                usd(rung.notional),
                times(rung.of_equity),
                price_text(rung.calm.average, decimals) + _mark(rung.calm.is_beyond),
                basis_points(rung.calm.share),
                price_text(rung.stressed.average, decimals) + _mark(rung.stressed.is_beyond),
                basis_points(rung.stressed.share),
                percent(Fraction(rung.stressed.shortfall, task.equity)),
                duration(rung.hours),
            )
        )
    return Table(
        title=f"Leaving at once: calm, and with {percent(task.wager.exit_book.depth, 0)} of the "
        "depth",
        columns=(
            *("USD", "of equity", "average, calm", "bp", "average, stressed", "bp"),
            *("of equity", f"time at {percent(task.participation, 0)} of volume"),
        ),
        rows=rows,
        words=0,
        styles=_advised(advice),
        note="* part of it lies beyond the end of the book and is extrapolated by the square-root "
        f"law. The calm book holds {usd(task.calm_exit.held * task.wager.entry_price)} USD on "
        f"this side, up to {percent(task.calm_exit.last_distance)} from the middle.",
    )


def _mark(is_beyond: bool) -> str:
    return " *" if is_beyond else ""


def _advised(advice: Advice) -> Mapping[int, str]:
    return {
        number: "good" for number, rung in enumerate(advice.rungs) if rung.calm.size == advice.size
    }


def _rung_table(task: SizeTask, advice: Advice) -> Table:
    styles = dict(_advised(advice))
    rows = []
    for number, rung in enumerate(advice.rungs):
        if rung.of_equity > rung.by_tiers or rung.of_equity > rung.by_liquidity:
            styles[number] = "bad"
        rows.append(
            (
                usd(rung.notional),
                times(rung.of_equity),
                f"{rung.by_tiers}x",
                times(rung.by_liquidity),
                cents(rung.funding),
                percent(Fraction(rung.funding, task.equity), 3),
            )
        )
    return Table(
        title="The leverage that tiers allow and the leverage that liquidity allows",
        columns=(
            *("USD", "of equity", "tiers allow", "liquidity allows"),
            *(f"funding {duration(task.horizon_hours)}, USD", "of equity"),
        ),
        rows=rows,
        words=0,
        styles=styles,
        note="Liquidity allows the leverage whose maintenance margin pays for a stressed exit and "
        "its fee. Red: the size needs more leverage than one of the two allows.",
    )


def _setting_table(task: SizeTask, advice: Advice) -> Table:
    styles = {}
    rows = []
    for number, row in enumerate(advice.settings):
        if row.leverage == advice.setting:
            styles[number] = "good"
        elif not row.clear_of_stop or not row.can_open:
            styles[number] = "bad"
        rows.append(_setting_cells(task, row))
    return Table(
        title=f"An isolated bucket of {usd(advice.notional(task))} USD at each leverage",
        columns=("leverage", "verdict", "margin", "liquidation price", "distance", "in stops"),
        rows=rows,
        words=2,
        styles=styles,
        note=f"Entry costs and {duration(task.horizon_hours)} of funding leave the bucket "
        f"first. Liquidation should lie {float(1 + task.clearance):g} stops away or more.",
    )


def _setting_cells(task: SizeTask, row: SettingRow) -> tuple[str, ...]:
    verdict = "clear of the stop" if row.clear_of_stop else "too near the stop"
    if row.price is None:
        where = ("none", "", "")
    else:
        assert row.distance is not None
        where = (
            price_text(row.price, task.instrument.price_decimals),
            percent(row.distance),
            f"{float(row.distance / task.wager.stop_share):.2f}",
        )
    if row.distance is not None and row.distance < task.wager.stop_share:
        verdict = "liquidated before the stop"
    if not row.can_open:
        verdict = "more margin than the equity"
    return (f"{row.leverage}x", verdict, cents(row.margin), *where)


def _assumed(task: SizeTask) -> tuple[str, ...]:
    return (
        "The book at the stop has the shape of the book now, with every order at "
        f"{percent(task.wager.exit_book.depth, 0)} of its size and a wider spread; on 2025-10-10 "
        "depth fell by 98 %. --stress sets the share.",
        "Leaving is one order at once. An exit in parts meets a book that refills, and a price "
        "that moves meanwhile; the hours beside each size say how long that takes.",
        "Funding is paid at the same rate all the time, whichever side receives it now.",
        "Other positions of the account are left out: equity is all there is behind this one.",
    )


def _plain(task: SizeTask, advice: Advice) -> dict[str, Any]:
    wager, loss = task.wager, advice.loss
    size_decimals = task.instrument.size_decimals
    price_decimals = task.instrument.price_decimals
    return {
        "market": task.instrument.name,
        "rulebook": task.rulebook.name,
        "side": "long" if wager.is_long else "short",
        "equity": money_text(task.equity),
        "loss_budget": money_text(task.budget),
        "price": from_units(wager.entry_price, price_decimals),
        "stop": from_units(wager.stop_price, price_decimals),
        "stop_distance": float(wager.stop_share),
        "depth_under_stress": float(wager.exit_book.depth),
        "size": from_units(advice.size, size_decimals),
        "notional": money_text(advice.notional(task)),
        "of_equity": float(Fraction(advice.notional(task), task.equity)),
        "decided_by": advice.deciding.name,
        "leverage_setting": advice.setting,
        "leverage_by_tiers": advice.by_tiers,
        "leverage_by_liquidity": None
        if advice.by_liquidity is None
        else float(advice.by_liquidity),
        "exit_hours": float(advice.hours),
        "loss": None
        if loss is None
        else {
            "stop": money_text(loss.stop),
            "entry_slippage": money_text(loss.entry_slippage),
            "exit_slippage": money_text(loss.exit_slippage),
            "entry_fee": money_text(loss.entry_fee),
            "exit_fee": money_text(loss.exit_fee),
            "funding": money_text(loss.funding),
            "total": money_text(loss.total),
        },
        "limits": list(_limits_plain(task, advice)),
        "sizes": [_rung_plain(task, each) for each in advice.rungs],
        "settings": [_setting_plain(task, each) for each in advice.settings],
        "kelly": kelly_plain(task, advice),
    }


def _limits_plain(task: SizeTask, advice: Advice) -> Iterator[dict[str, Any]]:
    for limit in advice.limits:
        yield {
            "limit": limit.name,
            "size": from_units(limit.size, task.instrument.size_decimals),
            "notional": money_text(limit.size * task.wager.entry_price),
            "decides": limit is advice.deciding,
        }


def _rung_plain(task: SizeTask, rung: Rung) -> dict[str, Any]:
    scale = 10**task.instrument.price_decimals
    return {
        "size": from_units(rung.calm.size, task.instrument.size_decimals),
        "notional": money_text(rung.notional),
        "of_equity": float(rung.of_equity),
        "calm_average_price": float(rung.calm.average / scale),
        "calm_slippage": money_text(rung.calm.shortfall),
        "calm_bp": float(rung.calm.share) * 1e4,
        "calm_is_extrapolated": rung.calm.is_beyond,
        "stressed_average_price": float(rung.stressed.average / scale),
        "stressed_slippage": money_text(rung.stressed.shortfall),
        "stressed_bp": float(rung.stressed.share) * 1e4,
        "stressed_is_extrapolated": rung.stressed.is_beyond,
        "exit_hours": float(rung.hours),
        "funding": money_text(rung.funding),
        "leverage_by_tiers": rung.by_tiers,
        "leverage_by_liquidity": float(rung.by_liquidity),
    }


def _setting_plain(task: SizeTask, row: SettingRow) -> dict[str, Any]:
    scale = 10**task.instrument.price_decimals
    return {
        "leverage": row.leverage,
        "margin": money_text(row.margin),
        "liquidation_price": None if row.price is None else float(row.price / scale),
        "distance": None if row.distance is None else float(row.distance),
        "clear_of_stop": row.clear_of_stop,
        "can_open": row.can_open,
    }


def _frame(rows: Iterator[dict[str, Any]]) -> dict[str, list[Any]]:
    """Columns; exact decimal text becomes numbers, because tables are for computing."""
    found: dict[str, list[Any]] = {}
    for row in rows:
        for name, value in row.items():
            is_name = name == "limit"
            number = float(value) if isinstance(value, str) and not is_name else value
            found.setdefault(name, []).append(number)
    return found
