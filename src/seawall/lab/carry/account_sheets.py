"""What each bucket and position of an account pays, as sentences, sheets and a picture."""

from collections.abc import Iterator

from seawall.domain.units import FUNDING_ONE, from_units
from seawall.lab.carry.account import AccountCarry, BucketCarry, PositionCarry, erosion
from seawall.lab.carry.figures import funding_chart
from seawall.lab.carry.outcome import HOURS_PER_DAY
from seawall.lab.carry.question import AccountCarryResult
from seawall.lab.size.advice import HOURS_PER_YEAR
from seawall.report import kinds
from seawall.report.findings import Figure, Findings, Words
from seawall.report.sheet import Column, Sheet

SOON_HOURS = 24 * 30
BP = 10_000


def findings(result: AccountCarryResult) -> Findings:
    """The findings of an account."""
    carried = result.carried
    positions = _positions(carried)
    return Findings(
        command="carry",
        title=f"What it costs to hold {result.account}",
        subtitle=result.source,
        verdict=tuple(_verdict(carried)),
        sections=(
            _buckets(carried),
            positions,
            Figure(
                title="Funding a day by position",
                chart=funding_chart(positions.numbers()),
                alt="Bars of the funding that each position pays (right) or receives (left) in a "
                "day, USD.",
            ),
        ),
        facts={
            "account": result.account,
            "funding_a_day": kinds.MONEY.exact(HOURS_PER_DAY * carried.payment),
            "hours": carried.hours,
        },
        assumptions=(
            "Prices and funding rates stand still; each hour pays as the machine does, position by "
            "position.",
            *result.notes,
        ),
    )


def _verdict(carried: AccountCarry) -> Iterator[Words]:
    a_day = HOURS_PER_DAY * carried.payment
    equity = sum(each.equity for each in carried.buckets)
    what = "pays" if a_day >= 0 else "receives"
    share = f", {kinds.percent(abs(a_day) / equity)} of its equity" if equity > 0 else ""
    yield Words(
        f"At these rates the account {what} {kinds.money(abs(a_day))} USD of funding a day{share}."
    )
    for each in carried.buckets:
        if each.hours_left == 0:
            yield Words(f"{each.name} is under its maintenance margin already.", is_warning=True)
        elif _ends_soon(each):
            yield Words(
                f"{each.name} is liquidated by funding alone after {_hours(each.hours_left or 0)}, "
                "at unchanged prices.",
                is_warning=True,
            )


def _ends_soon(bucket: BucketCarry) -> bool:
    return bucket.hours_left is not None and bucket.hours_left <= SOON_HOURS


def _hours(hours: float) -> str:
    return kinds.duration(3600 * hours)


def _buckets(carried: AccountCarry) -> Sheet:
    def style(bucket: BucketCarry) -> str:
        if not bucket.markets:
            return "quiet"
        return "bad" if _ends_soon(bucket) else ""

    return Sheet(
        name="buckets",
        title="Buckets",
        rows=carried.buckets,
        columns=[
            Column(name="bucket", get=lambda row: row.name),
            Column(name="markets", get=lambda row: ", ".join(row.markets), drop=2),
            Column(name="equity", kind=kinds.MONEY),
            Column(name="maintenance_margin", kind=kinds.MONEY, get=lambda row: row.maintenance),
            Column(name="funding_an_hour", kind=kinds.MONEY, get=lambda row: row.payment, drop=3),
            Column(name="funding_a_day", kind=kinds.MONEY,
                   get=lambda row: HOURS_PER_DAY * row.payment),
            Column(name="share_of_room_a_day", kind=kinds.RATE, title="of the room above, a day",
                   get=lambda row: erosion(row) if row.markets else None, drop=1),
            Column(name="hours_until_liquidation", kind=kinds.HOURS, title="liquidated after",
                   get=lambda row: row.hours_left, none="never"),
        ],
        style=style,
        note="The room above: equity less maintenance margin. Positive funding is paid.",
    )  # fmt: skip


def _positions(carried: AccountCarry) -> Sheet:
    def price(row: PositionCarry, units: int | None) -> str | None:
        return None if units is None else from_units(units, row.price_decimals)

    def a_day(row: PositionCarry) -> int:
        return HOURS_PER_DAY * row.payment

    return Sheet(
        name="positions",
        title="Positions",
        rows=carried.positions,
        columns=[
            Column(name="market"),
            Column(name="side", get=lambda row: "long" if row.is_long else "short"),
            Column(name="bucket", drop=4),
            Column(name="notional", kind=kinds.MONEY),
            Column(name="rate_an_hour", kind=kinds.RATE, get=lambda row: row.rate / FUNDING_ONE,
                   drop=3),
            Column(name="rate_a_year", kind=kinds.SHARE, drop=5,
                   get=lambda row: row.rate / FUNDING_ONE * HOURS_PER_YEAR),
            Column(name="funding_an_hour", kind=kinds.MONEY, get=lambda row: row.payment, drop=6),
            Column(name="funding_a_day", kind=kinds.MONEY, get=a_day),
            Column(name="bp_a_day", title="bp a day", kind=kinds.BASIS_POINTS, drop=2,
                   get=lambda row: BP * a_day(row) / row.notional),
            Column(name="liquidation_price_now", title="liquidated at, now", kind=kinds.PRICE,
                   get=lambda row: price(row, row.liquidation_price_now), none="none"),
            Column(name="liquidation_price_then", title=f"after {_hours(carried.hours)}",
                   kind=kinds.PRICE, none="none",
                   get=lambda row: price(row, row.liquidation_price_then)),
        ],
        note="Longs pay a positive rate. bp a day: what the price must earn to pay for it. A "
        "liquidation price is that of one market alone, all others standing still.",
    )  # fmt: skip
