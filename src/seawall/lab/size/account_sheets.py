"""What a trade does to the account that it joins, as sentences and sheets."""

from collections.abc import Iterator
from fractions import Fraction

from seawall.lab.size.account import AccountEffect, AccountFigures, PriceRow, TailRow
from seawall.report import kinds
from seawall.report.findings import Words
from seawall.report.kinds import AVERAGE_PRICE, MONEY, PROBABILITY, SHARE, TIMES, USD, interval
from seawall.report.sheet import Column, Sheet


def account_sheets(effect: AccountEffect, hours: Fraction, risk_capital: int) -> Iterator[Sheet]:
    """The account without and with the trade: now, its liquidation prices, its tail."""
    yield Sheet(
        name="account",
        title="The account without the trade, and with it",
        rows=effect.figures,
        columns=[
            Column("account", get="when"),
            Column("equity", MONEY),
            Column("notional", MONEY),
            Column("leverage", TIMES, none="no equity"),
            Column("maintenance_margin", MONEY, "maintenance", drop=1),
            Column("free_margin", MONEY, "free"),
        ],
        note=f"The trade joins the {effect.where}. Free margin: what could be withdrawn from it.",
    )
    yield _prices(effect)
    if effect.tail:
        yield _tail(effect, hours, risk_capital)


def _prices(effect: AccountEffect) -> Sheet:
    def distance(row: PriceRow) -> Fraction | None:
        return None if row.after is None else abs(row.after / row.price - 1)

    def coins(value: Fraction) -> str:
        return f"{float(value):.10g}"

    return Sheet(
        name="liquidation_prices",
        title="Liquidation prices without the trade, and with it",
        rows=effect.prices,
        columns=[
            Column("market"),
            Column("size_before", kinds.SIZE, lambda row: coins(row.signed_before), drop=2),
            Column("size_after", kinds.SIZE, lambda row: coins(row.signed_after), drop=1),
            Column("price", AVERAGE_PRICE),
            Column("liquidation_before", AVERAGE_PRICE, "before", title="without it", none="none"),
            Column("liquidation_after", AVERAGE_PRICE, "after", title="with it", none="none"),
            Column("distance", SHARE, distance, title="away", none="none"),
        ],
        note="Each where only this market moves.",
    )


def _tail(effect: AccountEffect, hours: Fraction, risk_capital: int) -> Sheet:
    def bounds(name: str) -> Column:
        return Column(
            f"{name}_interval", interval(USD if name == "shortfall" else PROBABILITY),
            lambda row: getattr(row, name).interval, title="95 % interval", drop=2,
        )  # fmt: skip

    return Sheet(
        name="tail",
        title=f"The account over {kinds.duration(3600 * hours)}, on the same random prices",
        rows=effect.tail,
        columns=[
            Column("account", get="when"),
            Column("liquidated", PROBABILITY, "liquidated.value", title="something is liquidated"),
            bounds("liquidated"),
            Column("worst_loss", USD, "shortfall.value", title="worst 5 %, mean loss"),
            bounds("shortfall"),
            Column("lost", PROBABILITY, "lost.value",
                   title=f"{kinds.money(risk_capital)} USD lost at some moment"),
            bounds("lost"),
        ],
        note="By the price model of seawall paths, which shows it in full.",
    )  # fmt: skip


def account_words(effect: AccountEffect) -> Iterator[Words]:
    """What the trade changes, in sentences."""
    before, after = effect.figures
    yield Words(
        f"It joins the {effect.where}: {_leverage(before, after)}, free margin from "
        f"{kinds.money(before.free)} to {kinds.money(after.free)} USD.{_nearest(effect)}"
    )
    if effect.tail:
        yield Words(_tail_text(*effect.tail))


def _leverage(before: AccountFigures, after: AccountFigures) -> str:
    shown = [
        "no equity" if e.leverage is None else kinds.times(e.leverage) for e in (before, after)
    ]
    return f"the account goes from {shown[0]} to {shown[1]}"


def _nearest(effect: AccountEffect) -> str:
    rows = [row for row in effect.prices if row.after is not None]
    if not rows:
        return " No price of a single market liquidates it."
    row = min(rows, key=lambda each: abs((each.after or 0) / each.price - 1))
    assert row.after is not None
    was = "no price" if row.before is None else AVERAGE_PRICE.text(row.before)
    return (
        f" Its nearest liquidation price is {row.market} at {AVERAGE_PRICE.text(row.after)}, "
        f"{kinds.percent(abs(row.after / row.price - 1))} away ({was} without the trade)."
    )


def _tail_text(before: TailRow, after: TailRow) -> str:
    chance, loss = PROBABILITY.text, kinds.usd
    return (
        f"The probability that something of the account is liquidated goes from "
        f"{chance(before.liquidated.value)} to {chance(after.liquidated.value)}, the mean loss of "
        f"the worst 5 % from {loss(before.shortfall.value)} to {loss(after.shortfall.value)} USD."
    )
