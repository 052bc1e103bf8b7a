"""The advice of ``seawall size`` as sentences, sheets and a picture."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from seawall.domain.units import from_units
from seawall.lab.size.advice import Advice, SettingRow, SizeRow, SizeTask
from seawall.lab.size.figures import exit_chart
from seawall.lab.size.kelly_sizes import Kelly
from seawall.lab.size.question import SizeResult
from seawall.report import kinds
from seawall.report.findings import Figure, Findings, Section, Words
from seawall.report.kinds import Kind
from seawall.report.sheet import Column, Row, Sheet, record

BP = 10_000


def findings(result: SizeResult) -> Findings:
    """The findings of an advice."""
    task = result.task
    side = "long" if task.trade.is_long else "short"
    return Findings(
        command="size",
        title=f"How large a {side} position in {task.instrument.name} may be, and at which "
        "leverage",
        subtitle=result.source,
        verdict=tuple(_verdict(task, result.advice)),
        sections=tuple(_sections(task, result.advice, result.kelly)),
        assumptions=(*_assumed(task), *result.notes),
    )


def _sections(task: SizeTask, advice: Advice, kelly: Kelly) -> Iterator[Section]:
    yield _advice(task, advice)
    yield _limits(task, advice)
    yield from _loss(task, advice)
    yield _sizes(task, advice)
    slippage = Sheet(
        name="slippage",
        title="Slippage of leaving at once",
        rows=advice.curve,
        columns=[Column(name="notional", kind=kinds.MONEY), *_bp("calm"), *_bp("stressed")],
        on="tables",
    )
    yield slippage
    yield Figure(
        title=slippage.title,
        chart=exit_chart(
            slippage.numbers(),
            float(task.trade.exit_book.depth),
            advice.notional(task) / 1e6 if advice.size else None,
        ),
        alt="Slippage in bp against the size in USD, both on logarithmic scales, in a calm and in "
        "a stressed book; the part beyond the book's end is drawn broken.",
        note="Broken lines: beyond the end of the book, by the square-root law.",
    )
    if advice.settings:
        yield _settings(task, advice)
    yield Words(_kelly_text(task, kelly))
    yield from _kelly(task, kelly)


def facts(name: str, values: Mapping[str, tuple[Kind, Any]]) -> Sheet:
    """A record, for programs, of values with the kind of each."""
    columns = [Column(name=each, kind=kind) for each, (kind, _) in values.items()]
    row = {each: value for each, (_, value) in values.items()}
    return record(name, "", row, columns, on="data")


def parts(
    name: str,
    title: str,
    whole: Sheet,
    shares: Mapping[str, tuple[Kind, Fraction]],
    note: str = "",
) -> Sheet:
    """The amounts of a record as rows for people. ``shares``: by heading, the kind of a column and
    what the amount is multiplied with there."""
    (row,) = whole.rows
    kind = whole.columns[0].kind

    def share(heading: str, kind: Kind, times: Fraction) -> Column:
        return Column(name=heading, kind=kind, get=lambda column: column.value(row) * times)

    columns = [
        Column(name="part", get=lambda column: column.heading),
        Column(name="USD", title="USD", kind=kind, get=lambda column: column.value(row)),
        *(share(heading, *each) for heading, each in shares.items()),
    ]
    rows = whole.columns
    return Sheet(name=name, title=title, rows=rows, columns=columns, note=note, on="screen")


def _advice(task: SizeTask, advice: Advice) -> Sheet:
    trade, instrument = task.trade, task.instrument
    notional = advice.notional(task)
    decimals = instrument.price_decimals
    return facts(
        "advice",
        {
            "market": (kinds.TEXT, instrument.name),
            "rulebook": (kinds.TEXT, task.rulebook.name),
            "side": (kinds.TEXT, "long" if trade.is_long else "short"),
            "equity": (kinds.MONEY, task.equity),
            "loss_budget": (kinds.MONEY, task.budget),
            "price": (kinds.PRICE, from_units(trade.entry_price, decimals)),
            "stop": (kinds.PRICE, from_units(trade.stop_price, decimals)),
            "stop_distance": (kinds.SHARE, trade.stop_share),
            "depth_under_stress": (kinds.SHARE, trade.exit_book.depth),
            "size": (kinds.SIZE, from_units(advice.size, instrument.size_decimals)),
            "notional": (kinds.MONEY, notional),
            "of_equity": (kinds.TIMES, Fraction(notional, task.equity)),
            "decided_by": (kinds.TEXT, advice.deciding.name),
            "leverage_setting": (kinds.COUNT, advice.setting),
            "leverage_by_tiers": (kinds.COUNT, advice.by_tiers),
            "leverage_by_liquidity": (kinds.TIMES, advice.by_liquidity),
            "exit_hours": (kinds.HOURS, advice.hours),
        },
    )


def _limits(task: SizeTask, advice: Advice) -> Sheet:
    price, decimals = task.trade.entry_price, task.instrument.size_decimals

    def decides(row: Row) -> bool:
        return row is advice.deciding

    return Sheet(
        name="limits",
        title="What limits the size",
        rows=advice.limits,
        columns=[
            Column(name="limit", get=lambda row: row.name),
            Column(name="reason", title="because", drop=2),
            Column(name="size", title=task.instrument.name, kind=kinds.SIZE, drop=1,
                   get=lambda row: from_units(row.size, decimals)),
            Column(name="notional", title="USD", kind=kinds.MONEY,
                   get=lambda row: row.size * price),
            Column(name="of_equity", kind=kinds.TIMES,
                   get=lambda row: Fraction(row.size * price, task.equity)),
            Column(name="decides", kind=kinds.FLAG, get=decides),
        ],
        style=lambda row: "bad" if decides(row) else "",
    )  # fmt: skip


def _loss(task: SizeTask, advice: Advice) -> Iterator[Sheet]:
    names = {
        "stop": "price to the stop",
        "entry_slippage": "slippage in, calm book",
        "exit_slippage": "slippage out, stressed book",
        "entry_fee": "fee in",
        "exit_fee": "fee out",
        "funding": f"funding, {_hours(task.horizon_hours)}, always paid",
        "total": "all of it",
    }
    loss = Sheet(
        name="loss",
        title="",
        rows=[] if advice.loss is None else [advice.loss],
        columns=[Column(name=n, title=title, kind=kinds.CENTS) for n, title in names.items()],
        on="data",
        single=True,
    )
    yield loss
    if advice.loss is not None:
        notional = advice.notional(task)
        yield parts(
            "loss_parts",
            f"What being wrong costs: {kinds.money(notional)} USD, stop "
            f"{kinds.percent(task.trade.stop_share)} away",
            loss,
            {
                "of equity": (kinds.SHARE, Fraction(1, task.equity)),
                "bp of notional": (kinds.BASIS_POINTS, Fraction(BP, notional)),
            },
            note=f"The loss budget is {kinds.money(task.budget)} USD.",
        )


def _star(is_beyond: bool) -> str:
    return " *" if is_beyond else ""


def _bp(book: str) -> tuple[Column, Column]:
    """Slippage in the calm or the stressed book, and whether it is extrapolated."""
    return (
        Column(
            name=f"{book}_bp", kind=kinds.BASIS_POINTS,
            get=lambda row: float(getattr(row, book).share) * BP,
            mark=lambda row: _star(getattr(row, book).is_beyond),
        ),
        Column(
            name=f"{book}_is_extrapolated", kind=kinds.FLAG, on="data",
            get=lambda row: getattr(row, book).is_beyond,
        ),
    )  # fmt: skip


def _exit(task: SizeTask, book: str, drop: int) -> tuple[Column, ...]:
    scale = 10**task.instrument.price_decimals
    return (
        Column(
            name=f"{book}_average_price", kind=kinds.price_of(task.instrument.price_decimals),
            get=lambda row: getattr(row, book).average / scale, drop=drop,
            mark=lambda row: _star(getattr(row, book).is_beyond),
        ),
        Column(
            name=f"{book}_slippage", kind=kinds.MONEY, drop=drop + 1,
            get=lambda row: getattr(row, book).shortfall,
        ),
        *_bp(book),
    )  # fmt: skip


def _sizes(task: SizeTask, advice: Advice) -> Sheet:
    decimals = task.instrument.size_decimals
    participation = kinds.short_percent(task.participation)

    def style(row: SizeRow) -> str:
        if row.of_equity > row.by_tiers or row.of_equity > row.by_liquidity:
            return "bad"
        return "good" if row.calm.size == advice.size else ""

    return Sheet(
        name="sizes",
        title="Leaving at once, calm and with "
        f"{kinds.short_percent(task.trade.exit_book.depth)} of the depth, and the leverage that "
        "tiers and liquidity allow",
        rows=advice.sizes,
        columns=[
            Column(name="size", title=task.instrument.name, kind=kinds.SIZE, drop=3,
                   get=lambda row: from_units(row.calm.size, decimals)),
            Column(name="notional", title="USD", kind=kinds.MONEY),
            Column(name="of_equity", kind=kinds.TIMES),
            *_exit(task, "calm", 6),
            *_exit(task, "stressed", 4),
            Column(name="stressed_of_equity", kind=kinds.SHARE, drop=2,
                   get=lambda row: Fraction(row.stressed.shortfall, task.equity)),
            Column(name="exit_hours", title=f"time at {participation} of volume", kind=kinds.HOURS,
                   get=lambda row: row.hours, drop=1),
            Column(name="funding", title=f"funding, {_hours(task.horizon_hours)}",
                   kind=kinds.MONEY, drop=3),
            Column(name="leverage_by_tiers", title="tiers allow", kind=kinds.COUNT,
                   get=lambda row: row.by_tiers,
                   mark=lambda row: "x !" if row.of_equity > row.by_tiers else "x"),
            Column(name="leverage_by_liquidity", title="liquidity allows", kind=kinds.TIMES,
                   get=lambda row: row.by_liquidity,
                   mark=lambda row: " !" if row.of_equity > row.by_liquidity else ""),
        ],
        style=style,
        note="* part of it lies beyond the end of the book and is extrapolated by the square-root "
        f"law. The calm book holds {kinds.money(_held(task, stressed=False))} USD on this side, up "
        f"to {kinds.percent(task.calm_exit.last_distance)} from the middle. ! the size needs more "
        "leverage than is allowed; liquidity allows the one whose maintenance margin pays for a "
        "stressed exit and its fee.",
    )  # fmt: skip


def _held(task: SizeTask, *, stressed: bool) -> int:
    """Micro-USD in the book at the price now."""
    side = task.trade.exit_book if stressed else task.calm_exit
    return side.held * task.trade.entry_price


def _settings(task: SizeTask, advice: Advice) -> Sheet:
    decimals = task.instrument.price_decimals
    stop = task.trade.stop_share

    def verdict(row: SettingRow) -> str:
        if not row.can_open:
            return "more margin than the equity"
        if row.distance is not None and row.distance < stop:
            return "liquidated before the stop"
        return "clear of the stop" if row.clear_of_stop else "too near the stop"

    def style(row: SettingRow) -> str:
        if row.leverage == advice.setting:
            return "good"
        return "" if row.clear_of_stop and row.can_open else "bad"

    return Sheet(
        name="settings",
        title=f"An isolated position of {kinds.money(advice.notional(task))} USD at each leverage",
        rows=advice.settings,
        columns=[
            Column(name="leverage", kind=kinds.COUNT, mark=lambda _: "x"),
            Column(name="verdict", get=verdict),
            Column(name="margin", kind=kinds.MONEY),
            Column(name="liquidation_price", kind=kinds.price_of(decimals), none="none",
                   get=lambda row: None if row.price is None else row.price / 10**decimals),
            Column(name="distance", kind=kinds.SHARE),
            Column(name="in_stops", kind=kinds.FIGURE, drop=1,
                   get=lambda row: None if row.distance is None else row.distance / stop),
            Column(name="clear_of_stop", kind=kinds.FLAG, on="data"),
            Column(name="can_open", kind=kinds.FLAG, on="data"),
        ],
        style=style,
        note=f"Entry costs and {_hours(task.horizon_hours)} of funding are paid out of the margin "
        f"first. Liquidation should lie {float(1 + task.clearance):g} stops away or more.",
    )  # fmt: skip


def _kelly(task: SizeTask, kelly: Kelly) -> Iterator[Sheet]:
    """Kelly of a drift, then Kelly of single trades."""
    fields = [each for each in kelly.__struct_fields__ if each not in ("drifts", "trades")]
    yield facts("kelly", {each: (kinds.NUMBER, getattr(kelly, each)) for each in fields})
    remaining = kinds.short_percent(kelly.remaining)
    edge = "edge it takes, a year" if kelly.edge is None else "edge a year"
    share = task.odds.kelly_share
    yield Sheet(
        name="kelly_drifts",
        title="Kelly of a drift: f* = mu / sigma²",
        rows=kelly.drifts,
        columns=[
            Column(name="share", title="share of Kelly", kind=kinds.NUMBER),
            Column(name="leverage", kind=kinds.TIMES),
            Column(name="edge", title=edge, kind=kinds.SHARE),
            Column(name="growth", title="growth a year", kind=kinds.SHARE),
            Column(name="fall_probability", title=f"ever down to {remaining}",
                   kind=kinds.PROBABILITY),
            Column(name="doubled_before_halved", kind=kinds.PROBABILITY, drop=1),
        ],
        style=lambda row: "good" if row.share == share else "",
        note="Constant odds and continuous trading, which do not exist: errors in the edge are "
        "larger than the difference between the rows.",
    )  # fmt: skip
    yield Sheet(
        name="kelly_trades",
        title="Kelly of single trades: f* = p - (1 - p) / b, a winner brings b = "
        f"{kelly.payoff:g} losses",
        rows=kelly.trades,
        columns=[
            Column(name="win_rate", kind=kinds.SHARE),
            Column(name="kelly_share", title="Kelly", kind=kinds.SHARE),
            Column(name="chosen_share", title=f"{share:g} of it", kind=kinds.SHARE, drop=2),
            Column(name="risked_share", title="risked here", kind=kinds.SHARE),
            Column(name="risked_of_kelly", title="of Kelly", kind=kinds.FIGURE, none="above any"),
            Column(name="growth_a_trade", title="growth a trade", kind=kinds.SHARE),
            Column(name="fall_bound", title=f"ever down to {remaining}", kind=kinds.PROBABILITY),
            Column(name="ruin_at_constant_stake", title="at a constant stake",
                   kind=kinds.PROBABILITY, drop=1,
                   on="everywhere" if kelly.payoff == 1.0 else "data"),
        ],
        note=f"{kelly.losses_in_a_row:,.0f} losses in a row leave {remaining} of the equity. The "
        "chance of a fall is an upper bound (Lundberg) for the fraction risked here.",
    )  # fmt: skip


def _hours(hours: Fraction) -> str:
    return kinds.duration(3600 * hours)


def _price(task: SizeTask, units: Fraction | int) -> str:
    decimals = task.instrument.price_decimals
    return kinds.price_of(decimals).text(Fraction(units) / 10**decimals)


def _verdict(task: SizeTask, advice: Advice) -> Iterator[Words]:
    if advice.loss is None:
        lot = from_units(task.step, task.instrument.size_decimals)
        text = (
            f"Do not trade this: one lot ({lot} {task.instrument.name}) is more than the "
            f"{advice.deciding.name} allows ({advice.deciding.reason})."
        )
        yield Words(text, is_warning=True)
        return
    yield Words(_size_text(task, advice))
    yield Words(_cost_text(task, advice))
    yield Words(_leverage_text(task, advice))
    if task.trade.exit_book.exit(advice.size).is_beyond:
        yield Words(
            f"The stressed book holds {kinds.money(_held(task, stressed=True))} USD on this side: "
            "what is beyond it is extrapolated by the square-root law, not read.",
            is_warning=True,
        )
    if advice.hours > task.horizon_hours:
        yield Words(
            f"Trading {kinds.short_percent(task.participation)} of the volume, leaving takes "
            f"{_hours(advice.hours)}: longer than the horizon of {_hours(task.horizon_hours)}.",
            is_warning=True,
        )


def _size_text(task: SizeTask, advice: Advice) -> str:
    size = from_units(advice.size, task.instrument.size_decimals)
    notional = advice.notional(task)
    others = [each for each in advice.limits if each is not advice.deciding]
    next_one = min(others, key=lambda each: each.size)
    return (
        f"Hold at most {size} {task.instrument.name} {'long' if task.trade.is_long else 'short'}: "
        f"{kinds.money(notional)} USD, {kinds.times(Fraction(notional, task.equity))} your equity. "
        f"The {advice.deciding.name} decides ({advice.deciding.reason}); the next limit is "
        f"{next_one.name}, at {kinds.money(next_one.size * task.trade.entry_price)} USD."
    )


def _cost_text(task: SizeTask, advice: Advice) -> str:
    loss = advice.loss
    assert loss is not None
    parts = [
        f"{kinds.money(loss.stop)} for the way to the stop at "
        f"{_price(task, task.trade.stop_price)}",
        f"{kinds.money(loss.exit_slippage)} slippage out of a stressed book",
        f"{kinds.money(loss.entry_fee + loss.exit_fee)} fees",
        f"{kinds.money(loss.funding)} funding over {_hours(task.horizon_hours)}",
    ]
    if loss.entry_slippage:
        parts.insert(1, f"{kinds.money(loss.entry_slippage)} slippage on the way in")
    return (
        f"If you are wrong it costs {kinds.money(loss.total)} USD, "
        f"{kinds.percent(Fraction(loss.total, task.equity))} of your equity: {', '.join(parts)}."
    )


def _leverage_text(task: SizeTask, advice: Advice) -> str:
    assert advice.by_liquidity is not None
    liquid = f", and liquidity does not ask for less ({kinds.times(advice.by_liquidity)})"
    if advice.by_liquidity < advice.by_tiers:
        liquid = (
            f"; liquidity allows {kinds.times(advice.by_liquidity)}, because a stressed exit costs "
            "more than the maintenance margin"
        )
    allowed = f"The venue's tiers would allow {advice.by_tiers}x at this size{liquid}."
    if advice.setting is None:
        return (
            f"{allowed} No whole leverage of an isolated position fits this equity and every "
            "limit: hold it cross, with nothing else in the pool."
        )
    row = next(each for each in advice.settings if each.leverage == advice.setting)
    where = "never"
    if row.price is not None and row.distance is not None:
        where = f"at {_price(task, row.price)}, {kinds.percent(row.distance)} away"
    return (
        f"{allowed} Isolated, set {advice.setting}x or less: margin {kinds.money(row.margin)} USD, "
        f"liquidated {where}; the stop is {kinds.percent(task.trade.stop_share)} away."
    )


def _kelly_text(task: SizeTask, kelly: Kelly) -> str:
    percent, times = kinds.percent, kinds.times
    volatility, cost = percent(kelly.volatility, 0), percent(kelly.funding_a_year, 1)
    if kelly.edge is None or kelly.kelly_leverage is None or kelly.chosen_leverage is None:
        # Twice what the edge brings beyond funding.
        half = 2 * kelly.edge_for_all_of_kelly - kelly.funding_a_year
        drift = (
            f"At {volatility} volatility a year, {times(kelly.leverage)} is all of Kelly only if "
            f"the trade earns {percent(kelly.edge_for_all_of_kelly, 1)} a year without leverage ("
            f"{cost} of it go to funding); half of Kelly asks for {percent(half, 1)}."
        )
    else:
        drift = (
            f"With an edge of {percent(kelly.edge, 1)} a year, less {cost} of funding, and "
            f"{volatility} volatility, Kelly is {times(kelly.kelly_leverage)} and "
            f"{task.odds.kelly_share:g} of it {times(kelly.chosen_leverage)}; the advised size is "
            f"{times(kelly.leverage)}."
        )
        drift += "" if kelly.kelly_leverage > 0.0 else " By Kelly this is no trade."
    return (
        f"For reference: {drift} As a fixed fraction it risks {percent(kelly.risked_share)} of "
        f"equity a trade; when a winner brings {kelly.payoff:g} times a loss, it breaks even at a "
        f"win rate of {percent(kelly.break_even_win_rate, 1)}."
    )


def _assumed(task: SizeTask) -> tuple[str, ...]:
    return (
        "The book at the stop has the shape of the book now, with every order at "
        f"{kinds.short_percent(task.trade.exit_book.depth)} of its size and a wider spread; on "
        "2025-10-10 depth fell by 98 %. --stress sets the share.",
        "Leaving is one order at once. An exit in parts meets a book that refills, and a price "
        "that moves meanwhile; the hours beside each size say how long that takes.",
        "Funding is paid at the same rate all the time, whichever side receives it now.",
        "Other positions of the account are left out: equity is all there is behind this one.",
    )
