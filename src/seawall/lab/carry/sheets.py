"""The costs of one position as sentences, sheets and pictures."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from operator import attrgetter
from typing import Any

from seawall.domain.units import FUNDING_ONE, MICRO, RATE_ONE, from_units
from seawall.lab.carry.before_funding import BeforeFunding
from seawall.lab.carry.carry import break_even_move
from seawall.lab.carry.figures import break_even_chart, drift_chart
from seawall.lab.carry.outcome import Carried, CarryOutcome, CarryTask, Moment
from seawall.lab.carry.question import CarryResult
from seawall.lab.carry.tiles import status, tiles
from seawall.lab.size.exit import HOURS_PER_DAY
from seawall.lab.size.sheets import facts, parts
from seawall.report import kinds
from seawall.report.findings import Figure, Findings, Section, Words
from seawall.report.kinds import (
    BASIS_POINTS,
    COUNT,
    FLAG,
    HOURS,
    MONEY,
    NUMBER,
    PRICE,
    RATE,
    SHARE,
    SIZE,
    TEXT,
    USD,
)
from seawall.report.sheet import Column, Sheet, record

BP = 10_000


def findings(result: CarryResult) -> Findings:
    """The findings of one position."""
    task, outcome = result.task, result.outcome
    return Findings(
        command="carry",
        title=f"What it costs to hold {kinds.money(task.trade.notional)} USD of "
        f"{task.instrument.name} {task.trade.side_name} for {_hours(outcome.held.hours[-1])}",
        subtitle=result.source,
        verdict=tuple(_verdict(task, outcome)),
        status=status(task, outcome),
        tiles=tiles(task, outcome),
        sections=tuple(_sections(result)),
        assumptions=(*_assumed(task), *result.notes),
    )


def _sections(result: CarryResult) -> Iterator[Section]:
    task, outcome = result.task, result.outcome
    yield _position(task, outcome)
    yield from _costs(task, outcome)
    yield _moments(
        task, outcome, "periods", [outcome.held.first, *outcome.periods],
        f"Funding over time, each {outcome.period}, at {task.leverage}x",
    )  # fmt: skip
    yield _moments(task, outcome, "over_time", [outcome.held.first, *outcome.moments])
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
    yield _before_funding(task, outcome.before)
    yield from result.used.sheets()


def _hours(hours: float) -> str:
    return kinds.duration(3600 * hours)


def _usd(task: CarryTask, units: Fraction | int | None) -> Fraction | None:
    """USD of price units."""
    return None if units is None else Fraction(units) / 10**task.instrument.price_decimals


def _price(task: CarryTask, name: str, title: str, attribute: str = "", drop: int = 0) -> Column:
    """A column of a price of the market, which a row holds in price units."""
    kind, get = kinds.price_of(task.instrument.price_decimals), attrgetter(attribute or name)
    return Column(name, kind, lambda row: _usd(task, get(row)), title, drop, none="none")


def _bp(task: CarryTask, drop: int, attribute: str = "break_even") -> Column:
    """How far the break-even price is in the trade's favour."""
    trade, get = task.trade, attrgetter(attribute)

    def bp(row: Any) -> Fraction:
        return trade.side * (Fraction(get(row)) / trade.price - 1) * BP

    return Column("break_even_bp", BASIS_POINTS, bp, "bp", drop)


LASTS = (
    Column("hours_until_liquidation", HOURS, "hours_left", "liquidated after", none="never",
           mark=lambda row: " ~" if row.is_beyond else ""),
    Column("is_beyond_the_path", FLAG, "is_beyond", on="data"),
)  # fmt: skip


def _position(task: CarryTask, outcome: CarryOutcome) -> Sheet:
    trade, instrument = task.trade, task.instrument
    price = kinds.price_of(instrument.price_decimals)
    rates = ("entry_rate", "exit_rate", "entry_slippage", "exit_slippage")
    entry_fee, exit_fee, entry, exit_ = (Fraction(getattr(trade, n), RATE_ONE) for n in rates)
    return facts(
        "position",
        {
            "market": (TEXT, instrument.name),
            "rulebook": (TEXT, task.rulebook.name),
            "side": (TEXT, task.trade.side_name),
            "size": (SIZE, from_units(trade.size, instrument.size_decimals)),
            "price": (PRICE, from_units(trade.price, instrument.price_decimals)),
            "notional": (MONEY, trade.notional),
            "leverage": (COUNT, task.leverage),
            "margin": (MONEY, outcome.held.margin),
            "entry_fee_rate": (RATE, entry_fee),
            "exit_fee_rate": (RATE, exit_fee),
            "entry_slippage": (RATE, entry),
            "exit_slippage": (RATE, exit_),
            "settlements": (COUNT, len(task.path.rates)),
            "days": (NUMBER, task.path.hours[-1] / HOURS_PER_DAY),
            "mean_funding_rate_an_hour": (RATE, task.path.mean_hourly),
            "first_funding_rate": (RATE, Fraction(task.path.rates[0], FUNDING_ONE)),
            "break_even_at_once": (price, _usd(task, outcome.held.first.break_even)),
            "break_even": (price, _usd(task, outcome.held.last.break_even)),
            "break_even_move": (RATE, break_even_move(trade, outcome.paid)),
        },
    )


def _costs(task: CarryTask, outcome: CarryOutcome) -> Iterator[Sheet]:
    trade = task.trade

    def rate(each: int) -> str:
        return kinds.RATE.text(Fraction(each, RATE_ONE))

    titles = {
        "entry": f"way in: fee {rate(trade.entry_rate)}, slippage {rate(trade.entry_slippage)}",
        "exit": f"way out: fee {rate(trade.exit_rate)}, slippage {rate(trade.exit_slippage)}",
        "paid": f"funding, {len(task.path.rates):,} settlements",
        "cost": f"all of it, {_leaving(task)}",
    }
    names = {"paid": "funding", "cost": "total"}
    row = {each: Fraction(getattr(outcome, each)) / MICRO for each in titles}
    columns = [Column(names.get(each, each), USD, each, title) for each, title in titles.items()]
    costs = record("costs", "", row, columns, on="data")
    yield costs
    yield parts(
        "cost_parts",
        "Costs",
        costs,
        {
            "bp of notional": (BASIS_POINTS, Fraction(MICRO * BP, trade.notional)),
            f"of margin at {task.leverage}x": (SHARE, Fraction(MICRO, outcome.held.margin)),
        },
    )


def _moments(
    task: CarryTask, outcome: CarryOutcome, name: str, moments: Sequence[Moment], title: str = ""
) -> Sheet:
    """Moments from the entry on; without a title for tables of numbers."""
    end = outcome.held.hours_left

    def is_liquidated(moment: Moment) -> bool:
        return end is not None and moment.hours >= end

    before = {id(moment): earlier.paid for earlier, moment in pairwise(moments)}
    return Sheet(
        name=name,
        title=title,
        rows=moments,
        columns=[
            Column("hours", HOURS, title="held for"),
            Column("funding_in_period", MONEY,
                   lambda row: row.paid - before.get(id(row), row.paid),
                   title=f"in the {outcome.period}", drop=3),
            Column("funding", MONEY, "paid", title="funding so far"),
            _price(task, "break_even", "flat at"),
            _bp(task, drop=2),
            Column("bucket_equity", MONEY, "equity", title="isolated equity"),
            _price(task, "liquidation_price", "liquidated at"),
            Column("is_liquidated", FLAG, is_liquidated, title="liquidated"),
            Column("equity_at_constant_leverage", USD, lambda row: row.compounded / MICRO,
                   title="at constant leverage", drop=1),
        ],
        on="everywhere" if title else "tables",
        style=lambda row: "bad" if is_liquidated(row) else "",
        note="The position keeps its coins; funding is paid out of its isolated equity (and goes "
        "on, were margin added, once it is liquidated). At constant leverage: equity if the "
        "position is cut back after each payment instead, so that what is paid compounds.",
    )  # fmt: skip


def _leverages(task: CarryTask, outcome: CarryOutcome) -> Sheet:
    hours = Fraction(outcome.held.hours[-1])
    fees, a_day = outcome.entry + outcome.exit, outcome.paid / hours * HOURS_PER_DAY

    def style(row: Carried) -> str:
        if row.hours_left is not None and row.hours_left <= hours:
            return "bad"
        return "good" if row.leverage == task.leverage else ""

    return Sheet(
        name="leverages",
        title="At each leverage, as a share of the margin",
        rows=outcome.leverages,
        columns=[
            Column("leverage", COUNT, mark=lambda _: "x"),
            Column("margin", MONEY),
            Column("fees_and_slippage_of_margin", SHARE, lambda row: fees / row.margin,
                   "fees, slippage", 2),
            Column("funding_a_day_of_margin", RATE, lambda row: a_day / row.margin,
                   "funding a day", 1),
            Column("cost_of_margin", SHARE, lambda row: outcome.cost / row.margin, "all costs"),
            _price(task, "liquidation_price_at_first", "liquidated at, now",
                   "first.liquidation_price"),
            _price(task, "liquidation_price_at_the_end", "at the end", "last.liquidation_price"),
            *LASTS,
        ],
        style=style,
        note="Liquidated after: by funding alone, at an unchanged price; ~ beyond the funding "
        "path, at its mean rate.",
    )  # fmt: skip


def _sensitivity(task: CarryTask, outcome: CarryOutcome) -> Sheet:
    return Sheet(
        name="sensitivity",
        title=f"If funding goes another way, at {task.leverage}x",
        rows=outcome.sensitivities,
        columns=[
            Column("funding_path", get="name", title="funding"),
            Column("funding", MONEY, "last.paid", title="paid"),
            Column("funding_of_margin", SHARE, lambda row: Fraction(row.paid[-1], row.margin),
                   "of margin", 2),
            _price(task, "break_even", "flat at", "last.break_even"),
            _bp(task, 1, "last.break_even"),
            _price(task, "liquidation_price", "liquidated at, at the end",
                   "last.liquidation_price"),
            *LASTS,
        ],
    )  # fmt: skip


def _before_funding(task: CarryTask, before: BeforeFunding) -> Sheet:
    decimals = task.instrument.size_decimals

    def usd(name: str, title: str) -> Column:
        return Column(name, USD, lambda row: getattr(row, name) / MICRO, title)

    return Sheet(
        name="before_funding",
        title=f"Closing a part before the next settlement, in {_hours(before.hours)} at "
        f"{kinds.RATE.text(Fraction(before.rate, FUNDING_ONE))}",
        rows=before.rows,
        columns=[
            Column("closed", SHARE, "share"),
            Column("size_kept", SIZE, lambda row: from_units(row.size, decimals), "kept", 2),
            usd("paid", "pays"),
            usd("saved", "saves"),
            usd("way_out", "way out"),
            usd("and_back", "and back in"),
            usd("gain", "gain if bought back"),
            _price(task, "liquidation_price", "what is kept is liquidated at", drop=1),
        ],
        style=lambda row: "good" if row.share and row.gain > 0 else "",
        note=_before_words(before),
    )


def _before_words(before: BeforeFunding) -> str:
    even = kinds.RATE.text(before.break_even)
    text = (
        "What is closed for good costs its way out now or later. Closing before a settlement and "
        f"buying back after it pays where one settlement takes more than {even}"
    )
    if before.settlements is None:
        return f"{text}; this position receives funding, and closing would give it up."
    return f"{text}; at the rate of the next one, it takes {before.settlements:,} that are missed."


def _leaving(task: CarryTask) -> str:
    return "at an unchanged price" if task.move == 0 else "leaving at the entry price"


def _verdict(task: CarryTask, outcome: CarryOutcome) -> Iterator[Words]:
    kind = kinds.price_of(task.instrument.price_decimals)

    def price(units: Fraction | None) -> str:
        usd = _usd(task, units)
        return "none" if usd is None else kind.text(usd)

    def unsigned(amount: Fraction) -> str:
        return kinds.usd(abs(amount) / MICRO)

    held, move = outcome.held, break_even_move(task.trade, outcome.paid)
    way = "rise" if task.trade.is_long else "fall"
    needed = f"it earns: flat even {kinds.percent(-move)} on the wrong side"
    if move > 0:
        needed = f"the price has to {way} {kinds.percent(move)}"
    cost = f"{'costs' if outcome.cost >= 0 else 'brings'} {unsigned(outcome.cost)}"
    funding = f"USD of funding {'paid' if outcome.paid >= 0 else 'received'}"
    yield Words(
        f"Flat at {price(held.last.break_even)}: {needed}. Held to the end it {cost} USD "
        f"{_leaving(task)}, {kinds.percent(abs(outcome.cost) / held.margin)} of the margin at "
        f"{task.leverage}x: {unsigned(outcome.entry + outcome.exit)} in fees and slippage, "
        f"{unsigned(Fraction(outcome.paid))} {funding}."
    )
    if held.hours_left is not None and held.hours_left <= held.hours[-1]:
        yield Words(
            f"At {task.leverage}x, funding alone liquidates the position after "
            f"{_hours(held.hours_left)}, at an unchanged price.",
            is_warning=True,
        )
        return
    left = "Funding never liquidates it"
    if held.hours_left is not None:
        mean = ", at the mean rate of the path" if held.is_beyond else ""
        left = f"Funding alone would liquidate it after {_hours(held.hours_left)}{mean}"
    yield Words(
        f"Isolated at {task.leverage}x, the liquidation price goes from "
        f"{price(held.first.liquidation_price)} to {price(held.last.liquidation_price)}. {left}, "
        "at an unchanged price."
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
