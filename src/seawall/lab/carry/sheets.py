"""The costs of one position as sentences, sheets and pictures."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

from seawall.domain.units import FUNDING_ONE, MICRO, RATE_ONE, from_units
from seawall.lab.carry.carry import break_even_move
from seawall.lab.carry.figures import break_even_chart, drift_chart
from seawall.lab.carry.outcome import (
    HOURS_PER_DAY,
    CarryOutcome,
    CarryTask,
    LeverageCarry,
    Moment,
    Sensitivity,
)
from seawall.lab.carry.question import CarryResult
from seawall.lab.size.sheets import facts, parts
from seawall.report import kinds
from seawall.report.findings import Figure, Findings, Section, Words
from seawall.report.sheet import Column, Sheet, record

BP = 10_000


def findings(result: CarryResult) -> Findings:
    """The findings of one position."""
    task, outcome = result.task, result.outcome
    return Findings(
        command="carry",
        title=f"What it costs to hold {kinds.money(task.trade.notional)} USD of "
        f"{task.instrument.name} {_side(task)} for {_hours(outcome.moments[-1].hours)}",
        subtitle=result.source,
        verdict=tuple(_verdict(task, outcome)),
        sections=tuple(_sections(task, outcome)),
        assumptions=(*_assumed(task), *result.notes),
    )


def _sections(task: CarryTask, outcome: CarryOutcome) -> Iterator[Section]:
    yield _position(task, outcome)
    yield from _costs(task, outcome)
    yield _moments(
        task, outcome, "periods", [outcome.first, *outcome.periods],
        f"Funding over time, each {outcome.period}, at {task.leverage}x",
    )  # fmt: skip
    yield _moments(task, outcome, "over_time", [outcome.first, *outcome.moments])
    yield Figure(
        title="The price at which leaving is flat",
        chart=break_even_chart(task, outcome),
        alt="Break-even price in USD over the holding time, one line for each direction and size "
        "of funding, from twice received to twice paid.",
    )
    yield _leverages(task, outcome)
    yield Figure(
        title="Funding moves the liquidation price",
        chart=drift_chart(task, outcome),
        alt="Liquidation price in USD of an isolated position over the holding time, one line for "
        "each leverage, beside the price, which stands still.",
    )
    yield _sensitivity(task, outcome)


def _side(task: CarryTask) -> str:
    return "long" if task.trade.is_long else "short"


def _hours(hours: float) -> str:
    return kinds.duration(3600 * hours)


def _usd(task: CarryTask, units: Fraction | int | None) -> Fraction | None:
    """USD of price units."""
    return None if units is None else Fraction(units) / 10**task.instrument.price_decimals


def _price(task: CarryTask, name: str, title: str, attribute: str = "", drop: int = 0) -> Column:
    """A column of a price of the market, which a row holds in price units."""
    return Column(
        name=name,
        title=title,
        kind=kinds.price_of(task.instrument.price_decimals),
        get=lambda row: _usd(task, getattr(row, attribute or name)),
        drop=drop,
        none="none",
    )


def _bp(task: CarryTask, drop: int) -> Column:
    """How far the break-even price is in the trade's favour."""
    trade = task.trade
    return Column(
        name="break_even_bp",
        title="bp",
        kind=kinds.BASIS_POINTS,
        get=lambda row: trade.side * (row.break_even / trade.price - 1) * BP,
        drop=drop,
    )


def _lasts(drop: int = 0) -> tuple[Column, Column]:
    return (
        Column(
            name="hours_until_liquidation", title="lasts", kind=kinds.HOURS, none="never",
            get=lambda row: row.hours_left, mark=lambda row: " ~" if row.is_beyond else "",
            drop=drop,
        ),
        Column(
            name="is_beyond_the_path", kind=kinds.FLAG, get=lambda row: row.is_beyond, on="data"
        ),
    )  # fmt: skip


def _position(task: CarryTask, outcome: CarryOutcome) -> Sheet:
    trade, instrument = task.trade, task.instrument
    price = kinds.price_of(instrument.price_decimals)
    rates = ("entry_rate", "exit_rate", "entry_slippage", "exit_slippage")
    entry_fee, exit_fee, entry, exit_ = (Fraction(getattr(trade, n), RATE_ONE) for n in rates)
    return facts(
        "position",
        {
            "market": (kinds.TEXT, instrument.name),
            "rulebook": (kinds.TEXT, task.rulebook.name),
            "side": (kinds.TEXT, _side(task)),
            "size": (kinds.SIZE, from_units(trade.size, instrument.size_decimals)),
            "price": (kinds.PRICE, from_units(trade.price, instrument.price_decimals)),
            "notional": (kinds.MONEY, trade.notional),
            "leverage": (kinds.COUNT, task.leverage),
            "margin": (kinds.MONEY, outcome.margin),
            "entry_fee_rate": (kinds.RATE, entry_fee),
            "exit_fee_rate": (kinds.RATE, exit_fee),
            "entry_slippage": (kinds.RATE, entry),
            "exit_slippage": (kinds.RATE, exit_),
            "settlements": (kinds.COUNT, len(task.path.rates)),
            "days": (kinds.NUMBER, task.path.hours[-1] / HOURS_PER_DAY),
            "mean_funding_rate_an_hour": (kinds.RATE, task.path.mean_hourly),
            "first_funding_rate": (kinds.RATE, Fraction(task.path.rates[0], FUNDING_ONE)),
            "break_even_at_once": (price, _usd(task, outcome.first.break_even)),
            "break_even": (price, _usd(task, outcome.moments[-1].break_even)),
            "break_even_move": (kinds.RATE, break_even_move(trade, outcome.paid)),
        },
    )


def _costs(task: CarryTask, outcome: CarryOutcome) -> Iterator[Sheet]:
    trade = task.trade

    def rate(each: int) -> str:
        return kinds.RATE.text(Fraction(each, RATE_ONE))

    amounts: dict[str, tuple[Fraction | int, str]] = {
        "entry": (outcome.entry, f"way in: fee {rate(trade.entry_rate)}, slippage "
                  f"{rate(trade.entry_slippage)}"),
        "exit": (outcome.exit, f"way out: fee {rate(trade.exit_rate)}, slippage "
                 f"{rate(trade.exit_slippage)}"),
        "funding": (outcome.paid, f"funding, {len(task.path.rates):,} settlements"),
        "total": (outcome.cost, f"all of it, {_leaving(task)}"),
    }  # fmt: skip
    costs = record(
        "costs",
        "",
        {name: Fraction(amount) / MICRO for name, (amount, _) in amounts.items()},
        [Column(name=n, title=title, kind=kinds.USD) for n, (_, title) in amounts.items()],
        on="data",
    )
    yield costs
    yield parts(
        "cost_parts",
        "Costs",
        costs,
        {
            "bp of notional": (kinds.BASIS_POINTS, Fraction(MICRO * BP, trade.notional)),
            f"of margin at {task.leverage}x": (kinds.SHARE, Fraction(MICRO, outcome.margin)),
        },
    )


def _moments(
    task: CarryTask, outcome: CarryOutcome, name: str, moments: Sequence[Moment], title: str = ""
) -> Sheet:
    """Moments from the entry on; without a title for tables of numbers."""
    end = _chosen(task, outcome).hours_left

    def is_liquidated(moment: Moment) -> bool:
        return end is not None and moment.hours >= end

    before = {id(moment): earlier.paid for earlier, moment in pairwise(moments)}
    return Sheet(
        name=name,
        title=title,
        rows=moments,
        columns=[
            Column(name="hours", title="held for", kind=kinds.HOURS),
            Column(name="funding_in_period", title=f"in the {outcome.period}", kind=kinds.MONEY,
                   get=lambda row: row.paid - before.get(id(row), row.paid), drop=3),
            Column(name="funding", title="funding so far", kind=kinds.MONEY,
                   get=lambda row: row.paid),
            _price(task, "break_even", "flat at"),
            _bp(task, drop=2),
            Column(name="bucket_equity", title="isolated equity", kind=kinds.MONEY,
                   get=lambda row: row.equity),
            _price(task, "liquidation_price", "liquidated at"),
            Column(name="is_liquidated", title="liquidated", kind=kinds.FLAG, get=is_liquidated),
            Column(name="equity_at_constant_leverage", title="at constant leverage",
                   kind=kinds.USD, get=lambda row: row.compounded / MICRO, drop=1),
        ],
        on="everywhere" if title else "tables",
        style=lambda row: "bad" if is_liquidated(row) else "",
        note="The position keeps its coins; funding is paid out of its isolated equity (and goes "
        "on, were margin added, once it is liquidated). At constant leverage: equity if the "
        "position is cut back after each payment instead, so that what is paid compounds.",
    )  # fmt: skip


def _chosen(task: CarryTask, outcome: CarryOutcome) -> LeverageCarry:
    return next(each for each in outcome.leverages if each.leverage == task.leverage)


def _leverages(task: CarryTask, outcome: CarryOutcome) -> Sheet:
    hours = Fraction(outcome.moments[-1].hours)

    def style(row: LeverageCarry) -> str:
        if row.hours_left is not None and row.hours_left <= hours:
            return "bad"
        return "good" if row.leverage == task.leverage else ""

    return Sheet(
        name="leverages",
        title="At each leverage, as a share of the margin",
        rows=outcome.leverages,
        columns=[
            Column(name="leverage", kind=kinds.COUNT, mark=lambda _: "x"),
            Column(name="margin", kind=kinds.MONEY),
            Column(name="fees_and_slippage_of_margin", title="fees, slippage", kind=kinds.SHARE,
                   get=lambda row: (outcome.entry + outcome.exit) / row.margin, drop=2),
            Column(name="funding_a_day_of_margin", title="funding a day", kind=kinds.RATE,
                   get=lambda row: Fraction(outcome.paid, row.margin) / hours * 24, drop=1),
            Column(name="cost_of_margin", title="all costs", kind=kinds.SHARE,
                   get=lambda row: row.cost / row.margin),
            _price(task, "liquidation_price_at_first", "liquidated at, now",
                   "liquidation_price_first"),
            _price(task, "liquidation_price_at_the_end", "at the end", "liquidation_price_last"),
            *_lasts(),
        ],
        style=style,
        note="Lasts: until funding alone liquidates the position, at an unchanged price; ~ beyond "
        "the funding path, at its mean rate.",
    )  # fmt: skip


def _sensitivity(task: CarryTask, outcome: CarryOutcome) -> Sheet:
    def of_margin(row: Sensitivity) -> Fraction:
        return Fraction(row.paid, outcome.margin)

    return Sheet(
        name="sensitivity",
        title=f"If funding goes another way, at {task.leverage}x",
        rows=outcome.sensitivities,
        columns=[
            Column(name="funding_path", title="funding", get=lambda row: row.name),
            Column(name="funding", title="paid", kind=kinds.MONEY, get=lambda row: row.paid),
            Column(name="funding_of_margin", title="of margin", kind=kinds.SHARE, get=of_margin,
                   drop=2),
            _price(task, "break_even", "flat at"),
            _bp(task, drop=1),
            _price(task, "liquidation_price", "liquidated at, at the end"),
            *_lasts(),
        ],
    )  # fmt: skip


def _leaving(task: CarryTask) -> str:
    return "at an unchanged price" if task.move == 0 else "leaving at the entry price"


def _verdict(task: CarryTask, outcome: CarryOutcome) -> Iterator[Words]:
    kind = kinds.price_of(task.instrument.price_decimals)

    def price(units: Fraction | None) -> str:
        usd = _usd(task, units)
        return "none" if usd is None else kind.text(usd)

    def money(amount: Fraction) -> str:
        return kinds.usd(abs(amount) / MICRO)

    move = break_even_move(task.trade, outcome.paid)
    way = "rise" if task.trade.is_long else "fall"
    needed = f"it earns: flat even {kinds.percent(-move)} on the wrong side"
    if move > 0:
        needed = f"the price has to {way} {kinds.percent(move)}"
    cost = f"{'costs' if outcome.cost >= 0 else 'brings'} {money(outcome.cost)}"
    funding = f"USD of funding {'paid' if outcome.paid >= 0 else 'received'}"
    yield Words(
        f"Flat at {price(outcome.moments[-1].break_even)}: {needed}. Held to the end it {cost} USD "
        f"{_leaving(task)}, {kinds.percent(abs(outcome.cost) / outcome.margin)} of the margin at "
        f"{task.leverage}x: {money(outcome.entry + outcome.exit)} in fees and slippage, "
        f"{money(Fraction(outcome.paid))} {funding}."
    )
    row = _chosen(task, outcome)
    if row.hours_left is not None and row.hours_left <= outcome.moments[-1].hours:
        yield Words(
            f"At {task.leverage}x, funding alone liquidates the position after "
            f"{_hours(row.hours_left)}, at an unchanged price.",
            is_warning=True,
        )
        return
    left = "Funding never liquidates it"
    if row.hours_left is not None:
        mean = ", at the mean rate of the path" if row.is_beyond else ""
        left = f"Funding alone would liquidate it after {_hours(row.hours_left)}{mean}"
    yield Words(
        f"Isolated at {task.leverage}x, the liquidation price goes from "
        f"{price(row.liquidation_price_first)} to {price(row.liquidation_price_last)}. {left}, at "
        "an unchanged price."
    )


def _assumed(task: CarryTask) -> tuple[str, ...]:
    price = "The price stands still until you leave"
    if task.move != 0:
        price = f"The price goes {kinds.percent(task.move, signed=True)} on a straight line"
    return (
        f"{price}; the position keeps its coins, so its notional follows the price. --move sets "
        "another way.",
        "Liquidation prices are at the entry price's notional, for an isolated position with "
        "nothing added.",
    )
