"""The advice of ``seawall size`` as sentences, sheets and a picture."""

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from seawall.domain.units import MICRO, from_units
from seawall.lab.market.assumption_sheets import assumed_sheets
from seawall.lab.size.account_sheets import account_sheets, account_words
from seawall.lab.size.advice import Advice, Leaving, SettingRow, SizeRow, SizeTask
from seawall.lab.size.exit import BookSide, Exit
from seawall.lab.size.figures import exit_chart
from seawall.lab.size.kelly import Kelly
from seawall.lab.size.question import SizeResult
from seawall.lab.size.risk_sheets import (
    compounding_sections,
    compounding_words,
    exit_sections,
    horizon_sections,
    horizon_words,
)
from seawall.lab.size.tiles import status, tiles
from seawall.report import kinds
from seawall.report.findings import Figure, Findings, Section, Words
from seawall.report.kinds import (
    BASIS_POINTS,
    CENTS,
    COUNT,
    FIGURE,
    FLAG,
    HOURS,
    MONEY,
    NUMBER,
    PRICE,
    PROBABILITY,
    SHARE,
    SIZE,
    TEXT,
    TIMES,
    Kind,
)
from seawall.report.sheet import Column, Row, Sheet, record

BP = 10_000


def findings(result: SizeResult) -> Findings:
    """The findings of an advice."""
    task = result.task
    return Findings(
        command="size",
        title=f"How large a {task.trade.side_name} position in {task.instrument.name} may be, and "
        "at which leverage",
        subtitle=result.source,
        verdict=tuple(_verdict(result)),
        status=status(task, result.advice),
        tiles=tiles(task, result.advice),
        sections=(*_sections(result), *assumed_sheets(result.assumed)),
        assumptions=(*_assumed(result), *result.notes),
    )


def _sections(result: SizeResult) -> Iterator[Section]:
    task, advice, kelly = result.task, result.advice, result.kelly
    yield _advice(task, advice)
    yield _limits(task, advice)
    yield from _loss(task, advice)
    if result.account is not None:
        yield from account_sheets(result.account, task.horizon_hours, task.risk_capital)
    yield _sizes(task, advice)
    columns = [Column("notional", MONEY), *_slippage("calm"), *_slippage("stressed")]
    slippage = Sheet("slippage", "Slippage of leaving at once", advice.curve, columns, on="tables")
    yield slippage
    depth = float(task.trade.exit_book.depth)
    advised = advice.notional(task) / MICRO if advice.size else None
    yield Figure(
        title=slippage.title,
        chart=exit_chart(slippage.numbers(), depth, advised),
        alt="Slippage in bp against the size in USD, both on logarithmic scales, in a calm and in "
        "a stressed book; the part beyond the book's end is drawn broken.",
        note="Broken lines: beyond the end of the book, by the square-root law.",
    )
    if result.exits is not None:
        yield from exit_sections(result.exits, task)
    if advice.settings:
        yield _settings(task, advice)
    if result.horizons is not None:
        yield from horizon_sections(result.horizons, task)
    if result.compounding is not None:
        yield from compounding_sections(result.compounding)
    yield Words(_kelly_text(kelly))
    yield from _kelly(task, kelly)


def facts(name: str, values: Mapping[str, tuple[Kind, Any]]) -> Sheet:
    """A record, for programs, of values with the kind of each."""
    columns = [Column(each, kind) for each, (kind, _) in values.items()]
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
        return Column(heading, kind, lambda column: column.value(row) * times)

    columns = [
        Column("part", get="heading"),
        Column("USD", kind, lambda column: column.value(row), title="USD"),
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
            "market": (TEXT, instrument.name),
            "rulebook": (TEXT, task.rulebook.name),
            "side": (TEXT, trade.side_name),
            "equity": (MONEY, task.equity),
            "loss_budget": (MONEY, task.budget),
            "price": (PRICE, from_units(trade.entry_price, decimals)),
            "stop": (PRICE, from_units(trade.stop_price, decimals)),
            "stop_distance": (SHARE, trade.stop_share),
            "depth_under_stress": (SHARE, trade.exit_book.depth),
            "size": (SIZE, from_units(advice.size, instrument.size_decimals)),
            "notional": (MONEY, notional),
            "of_equity": (TIMES, Fraction(notional, task.equity)),
            "decided_by": (TEXT, advice.deciding.name),
            "leverage_setting": (COUNT, advice.setting),
            "leverage_by_tiers": (COUNT, advice.by_tiers),
            "leverage_by_liquidity": (TIMES, advice.by_liquidity),
            "exit_hours": (HOURS, advice.hours),
        },
    )


def _limits(task: SizeTask, advice: Advice) -> Sheet:
    price, decimals = task.trade.entry_price, task.instrument.size_decimals

    return Sheet(
        name="limits",
        title="What limits the size",
        rows=advice.limits,
        columns=[
            Column("limit", get="name"),
            Column("reason", title="because", drop=2,
                   mark=lambda row: " (assumed ladder)" if row.by_ladder else ""),
            Column("size", SIZE, lambda row: from_units(row.size, decimals),
                   title=task.instrument.name, drop=1),
            Column("notional", MONEY, lambda row: row.size * price, title="USD"),
            Column("of_equity", TIMES, lambda row: Fraction(row.size * price, task.equity)),
            Column("by_ladder", FLAG, on="data"),
            Column("decides", FLAG, lambda row: row is advice.deciding),
        ],
        style=lambda row: "bad" if row is advice.deciding else "",
    )  # fmt: skip


def _loss(task: SizeTask, advice: Advice) -> Iterator[Sheet]:
    names = {
        "stop": "price to the stop", "entry_slippage": "slippage in, calm book",
        "exit_slippage": "slippage out, stressed book", "entry_fee": "fee in",
        "exit_fee": "fee out", "funding": f"funding, {_hours(task.horizon_hours)}, always paid",
        "total": "all of it",
    }  # fmt: skip
    rows = [] if advice.loss is None else [advice.loss]
    columns = [Column(name, CENTS, title=title) for name, title in names.items()]
    loss = Sheet(name="loss", title="", rows=rows, columns=columns, on="data", single=True)
    yield loss
    if rows:
        notional, stop = advice.notional(task), kinds.percent(task.trade.stop_share)
        title = f"What being wrong costs: {kinds.money(notional)} USD, stop {stop} away"
        shares = {
            "of equity": (SHARE, Fraction(1, task.equity)),
            "bp of notional": (BASIS_POINTS, Fraction(BP, notional)),
        }
        note = f"The loss budget is {kinds.money(task.budget)} USD."
        yield parts("loss_parts", title, loss, shares, note)


def _book(task: SizeTask, book: str, drop: int) -> tuple[Column, ...]:
    """Leaving through the calm or the stressed book: average price, loss, slippage."""
    decimals = task.instrument.price_decimals

    def average(row: Leaving) -> Fraction:
        left: Exit = getattr(row, book)
        return Fraction(left.average, 10**decimals)

    return (
        Column(f"{book}_average_price", kinds.price_of(decimals), average, drop=drop,
               mark=_star(book)),
        Column(f"{book}_slippage", MONEY, f"{book}.shortfall", drop=drop + 1),
        *_slippage(book),
    )  # fmt: skip


def _slippage(book: str) -> tuple[Column, Column]:
    return (
        Column(f"{book}_bp", BASIS_POINTS, f"{book}.bp", mark=_star(book)),
        Column(f"{book}_is_extrapolated", FLAG, f"{book}.is_beyond", on="data"),
    )


def _star(book: str) -> Callable[[Row], str]:
    return lambda row: " *" if getattr(row, book).is_beyond else ""


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
            Column("size", SIZE, lambda row: from_units(row.calm.size, decimals),
                   title=task.instrument.name, drop=3),
            Column("notional", MONEY, title="USD"),
            Column("of_equity", TIMES),
            *_book(task, "calm", 6),
            *_book(task, "stressed", 4),
            Column("stressed_of_equity", SHARE,
                   lambda row: Fraction(row.stressed.shortfall, task.equity), drop=2),
            Column("exit_hours", HOURS, "hours", title=f"time at {participation} of volume",
                   drop=1),
            Column("funding", MONEY, title=f"funding, {_hours(task.horizon_hours)}", drop=3),
            Column("leverage_by_tiers", COUNT, "by_tiers", title="tiers allow",
                   mark=lambda row: "x !" if row.of_equity > row.by_tiers else "x"),
            Column("leverage_by_liquidity", TIMES, "by_liquidity", title="liquidity allows",
                   mark=lambda row: " !" if row.of_equity > row.by_liquidity else ""),
        ],
        style=style,
        note="* part of it lies beyond the end of the book and is extrapolated by the square-root "
        f"law. The calm book holds {kinds.money(_held(task, task.calm_exit))} USD on this side, up "
        f"to {kinds.percent(task.calm_exit.last_distance)} from the middle. ! the size needs more "
        "leverage than is allowed; liquidity allows the one whose maintenance margin pays for a "
        "stressed exit and its fee.",
    )  # fmt: skip


def _held(task: SizeTask, side: BookSide) -> int:
    """Micro-USD in a side of the book at the price now."""
    return side.held * task.trade.entry_price


def _settings(task: SizeTask, advice: Advice) -> Sheet:
    decimals = task.instrument.price_decimals
    stop = task.trade.stop_share

    def verdict(row: SettingRow) -> str:
        if not row.can_open:
            return "more margin than the equity"
        if row.distance is not None and row.distance < stop:
            return "liquidated before the stop"
        return "clear of the stop" if row.clear_of_stop else "liquidated too near the stop"

    def style(row: SettingRow) -> str:
        if row.leverage == advice.setting:
            return "good"
        if not row.can_open:
            return "quiet"
        return "" if row.clear_of_stop else "bad"

    return Sheet(
        name="settings",
        title=f"An isolated position of {kinds.money(advice.notional(task))} USD at each leverage",
        rows=advice.settings,
        columns=[
            Column("leverage", COUNT, mark=lambda _: "x"),
            Column("verdict", get=verdict),
            Column("margin", MONEY),
            Column("liquidation_price", kinds.price_of(decimals),
                   lambda row: row.price and row.price / 10**decimals, none="none"),
            Column("distance", SHARE),
            Column("in_stops", FIGURE, lambda row: row.distance and row.distance / stop, drop=1),
            Column("clear_of_stop", FLAG, on="data"),
            Column("can_open", FLAG, on="data"),
        ],
        style=style,
        note=f"Entry costs and {_hours(task.horizon_hours)} of funding are paid out of the margin "
        f"first. Liquidation should lie {float(1 + task.clearance):g} stops away or more.",
    )  # fmt: skip


def _kelly(task: SizeTask, kelly: Kelly) -> Iterator[Sheet]:
    """Kelly of a drift, then Kelly of single trades."""
    fields = [each for each in kelly.__struct_fields__ if each not in ("drifts", "trades")]
    yield facts("kelly", {each: (NUMBER, getattr(kelly, each)) for each in fields})
    remaining = kinds.short_percent(kelly.remaining)
    edge = "edge it takes, a year" if kelly.edge is None else "edge a year"
    share = task.odds.kelly_share
    yield Sheet(
        name="kelly_drifts",
        title="Kelly of a drift: f* = mu / sigma²",
        rows=kelly.drifts,
        columns=[
            Column("share", NUMBER, title="share of Kelly"),
            Column("leverage", TIMES),
            Column("edge", SHARE, title=edge),
            Column("growth", SHARE, title="growth a year"),
            Column("fall_probability", PROBABILITY, title=f"ever down to {remaining}"),
            Column("doubled_before_halved", PROBABILITY, drop=1),
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
            Column("win_rate", SHARE),
            Column("kelly_share", SHARE, title="Kelly"),
            Column("chosen_share", SHARE, title=f"{share:g} of it", drop=2),
            Column("risked_share", SHARE, title="risked here"),
            Column("risked_of_kelly", FIGURE, title="of Kelly", none="above any"),
            Column("growth_a_trade", SHARE, title="growth a trade"),
            Column("fall_bound", PROBABILITY, title=f"ever down to {remaining}"),
            Column("ruin_at_constant_stake", PROBABILITY, title="at a constant stake", drop=1,
                   on="everywhere" if kelly.payoff == 1.0 else "data"),
        ],
        note=f"{kinds.whole(kelly.losses_in_a_row)} losses in a row leave {remaining} of the "
        "equity. The "
        "chance of a fall is an upper bound (Lundberg) for the fraction risked here.",
    )  # fmt: skip


def _hours(hours: Fraction) -> str:
    return kinds.duration(3600 * hours)


def _price(task: SizeTask, units: Fraction | int) -> str:
    decimals = task.instrument.price_decimals
    return kinds.price_of(decimals).text(Fraction(units) / 10**decimals)


def _verdict(result: SizeResult) -> Iterator[Words]:
    task, advice = result.task, result.advice
    if advice.loss is None:
        lot = from_units(task.step, task.instrument.size_decimals)
        text = (
            f"Do not trade this: one lot ({lot} {task.instrument.name}) is more than the "
            f"{advice.deciding.name} allows ({advice.deciding.reason})."
        )
        yield Words(text, is_warning=True)
        return
    yield Words(_size_text(task, advice))
    yield Words(
        f"If you are wrong it costs {kinds.money(advice.loss.total)} USD, "
        f"{kinds.percent(Fraction(advice.loss.total, task.equity))} of your equity."
    )
    if result.account is not None:
        yield from account_words(result.account)
    if not task.trade.held:
        yield Words(_leverage_text(task, advice))
    if result.shown is not None:
        yield from _coverage(result, result.shown)
    elif task.trade.exit_book.exit(task.trade.held_along + advice.size).is_beyond:
        yield Words(
            f"The stressed book holds {kinds.money(_held(task, task.trade.exit_book))} USD on this "
            "side: what is beyond it is extrapolated by the square-root law, not read.",
            is_warning=True,
        )
    if result.horizons is not None:
        yield from horizon_words(result.horizons, task)
    if result.compounding is not None:
        yield compounding_words(result.compounding)
    if advice.hours > task.horizon_hours:
        yield Words(
            f"Trading {kinds.short_percent(task.participation)} of the volume, leaving takes "
            f"{_hours(advice.hours)}: longer than the horizon of {_hours(task.horizon_hours)}.",
            is_warning=True,
        )


def _coverage(result: SizeResult, shown: int) -> Iterator[Words]:
    """What a real book does not show, and that the assumed ladder has the last word."""
    task, advice = result.task, result.advice
    side = "bids" if task.trade.is_long else "asks"
    calm, exit_book = task.calm_exit, task.trade.exit_book
    if advice.deciding.name == "book":
        others = [each.size for each in advice.limits if each is not advice.deciding]
        yield Words(
            f"The book covers less than the exit: its {shown} {side} reach "
            f"{kinds.percent(calm.last_distance)} from the middle and hold "
            f"{kinds.money(_held(task, calm))} USD, {kinds.money(_held(task, exit_book))} under "
            "stress. Nothing is known beyond, so the size ends there; the other limits would "
            f"allow {kinds.money(min(others) * task.trade.entry_price)} USD.",
            is_warning=True,
        )
    elif advice.deciding.by_ladder:
        yield Words(
            "The book shows more than the assumed ladder; what is shown in calm may not be there "
            f"at the stop, so the {advice.deciding.name} is that of the ladder. --depth sets "
            "another one.",
            is_warning=True,
        )


def _size_text(task: SizeTask, advice: Advice) -> str:
    size = from_units(advice.size, task.instrument.size_decimals)
    notional = advice.notional(task)
    others = [each for each in advice.limits if each is not advice.deciding]
    next_one = min(others, key=lambda each: each.size)
    more = " more" if task.trade.held_along else ""
    against = "" if task.trade.held == 0 or more else ", against what is held"
    return (
        f"Hold at most {size} {task.instrument.name}{more} {task.trade.side_name}{against}: "
        f"{kinds.money(notional)} USD, {kinds.times(Fraction(notional, task.equity))} your equity. "
        f"The {advice.deciding.name} decides ({advice.deciding.reason}); the next limit is "
        f"{next_one.name}, at {kinds.money(next_one.size * task.trade.entry_price)} USD."
    )


def _leverage_text(task: SizeTask, advice: Advice) -> str:
    assert advice.by_liquidity is not None
    liquid = ", and liquidity does not ask for less"
    if advice.by_liquidity < advice.by_tiers:
        liquid = (
            f"; liquidity allows {kinds.times(advice.by_liquidity)}, because a stressed exit costs "
            "more than the maintenance margin"
        )
    allowed = f"The venue's tiers would allow {advice.by_tiers}x at this size{liquid}."
    if advice.setting is None:
        return (
            f"{allowed} No whole leverage of an isolated position fits what is free and every "
            "limit: hold it cross."
        )
    row = next(each for each in advice.settings if each.leverage == advice.setting)
    where = "never"
    if row.price is not None and row.distance is not None:
        where = f"at {_price(task, row.price)}, {kinds.percent(row.distance)} away"
    return (
        f"{allowed} Isolated, set {advice.setting}x or less: margin {kinds.money(row.margin)} USD, "
        f"liquidated {where}; the stop is {kinds.percent(task.trade.stop_share)} away."
    )


def _kelly_text(kelly: Kelly) -> str:
    percent = kinds.percent
    refused = kelly.kelly_leverage is not None and kelly.kelly_leverage <= 0.0
    return (
        f"For reference: at {percent(kelly.volatility, 0)} volatility and "
        f"{percent(kelly.funding_a_year, 1)} of funding a year, {kinds.times(kelly.leverage)} is "
        f"all of Kelly where the trade earns {percent(kelly.edge_for_all_of_kelly, 1)} a year "
        f"without leverage. {'At the edge given, Kelly is not to trade. ' if refused else ''}As a "
        f"fixed fraction it risks {percent(kelly.risked_share)} of equity a trade; when a winner "
        f"brings {kelly.payoff:g} times a loss, it breaks even at a win rate of "
        f"{percent(kelly.break_even_win_rate, 1)}."
    )


def _assumed(result: SizeResult) -> tuple[str, ...]:
    task = result.task
    along = (
        "Other positions of the account move along by their usual share of the move of BTC, as in "
        "seawall stress; the advised size stands that, and other positions that stand still.",
    )
    return (
        "The book at the stop has the shape of the book now, with every order at "
        f"{kinds.short_percent(task.trade.exit_book.depth)} of its size and a wider spread; on "
        "2025-10-10 depth fell by 98 %. --stress sets the share.",
        "Leaving at the stop is one order at once. An exit in parts meets a book that refills at "
        "an assumed pace (--refill) and a price that moves at random meanwhile; that others follow "
        "it is left out.",
        "Funding is paid at the same rate all the time, whichever side receives it now.",
        *(along if task.backing.along is not None else ()),
        *(() if result.account is None else result.account.notes),
        *(() if result.horizons is None else result.horizons.notes),
    )
