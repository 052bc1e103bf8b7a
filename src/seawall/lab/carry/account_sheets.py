"""What each bucket and position of an account pays, as sentences, sheets and a picture."""

from collections.abc import Iterator

from seawall.domain.units import FUNDING_ONE, from_units
from seawall.lab.carry.account import AccountCarry, BucketCarry, PositionCarry, erosion
from seawall.lab.carry.figures import funding_chart
from seawall.lab.carry.question import AccountCarryResult
from seawall.lab.carry.tiles import account_status, account_tiles
from seawall.lab.size.advice import HOURS_PER_YEAR
from seawall.lab.size.exit import HOURS_PER_DAY
from seawall.report import kinds
from seawall.report.findings import Figure, Findings, Words
from seawall.report.kinds import BASIS_POINTS, HOURS, MONEY, PRICE, RATE, SHARE
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
        status=account_status(carried),
        tiles=account_tiles(carried),
        sections=(
            _buckets(carried),
            positions,
            Figure(
                title="Funding a day by position",
                chart=funding_chart(positions.numbers()),
                alt="Bars of the funding that each position pays (right) or receives (left) in a "
                "day, USD.",
            ),
            *result.used.sheets(),
        ),
        facts={
            "account": result.account,
            "funding_a_day": kinds.MONEY.exact(HOURS_PER_DAY * carried.payment),
            "hours": carried.hours,
        },
        assumptions=(
            "Prices and funding rates stand still; each hour pays as the engine does, position by "
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
            Column("bucket", get="name"),
            Column("markets", get=lambda row: ", ".join(row.markets), drop=2),
            Column("equity", MONEY),
            Column("maintenance_margin", MONEY, "maintenance"),
            Column("funding_an_hour", MONEY, "payment", drop=3),
            Column("funding_a_day", MONEY, lambda row: HOURS_PER_DAY * row.payment),
            Column("share_of_room_a_day", RATE, lambda row: erosion(row) if row.markets else None,
                   title="of the room above, a day", drop=1),
            Column("hours_until_liquidation", HOURS, "hours_left", title="liquidated after",
                   none="never"),
        ],
        style=style,
        note="The room above: equity less maintenance margin. Positive funding is paid.",
    )  # fmt: skip


def _positions(carried: AccountCarry) -> Sheet:
    def price(name: str, title: str) -> Column:
        def get(row: PositionCarry) -> str | None:
            units = getattr(row, name)
            return None if units is None else from_units(units, row.instrument.price_decimals)

        return Column(name, PRICE, get, title, none="none")

    def a_day(row: PositionCarry) -> int:
        return HOURS_PER_DAY * row.payment

    return Sheet(
        name="positions",
        title="Positions",
        rows=carried.positions,
        columns=[
            Column("market", get="instrument.name"),
            Column("side", get="trade.side_name"),
            Column("bucket", drop=4),
            Column("notional", MONEY, "trade.notional"),
            Column("rate_an_hour", RATE, lambda row: row.rate / FUNDING_ONE, drop=3),
            Column("rate_a_year", SHARE, lambda row: row.rate / FUNDING_ONE * HOURS_PER_YEAR,
                   drop=5),
            Column("funding_an_hour", MONEY, "payment", drop=6),
            Column("funding_a_day", MONEY, a_day),
            Column("bp_a_day", BASIS_POINTS, lambda row: BP * a_day(row) / row.trade.notional,
                   title="bp a day", drop=2),
            price("liquidation_price_now", "liquidated at, now"),
            price("liquidation_price_then", f"after {_hours(carried.hours)}"),
        ],
        note="Longs pay a positive rate. bp a day: what the price must earn to pay for it. A "
        "liquidation price is that of one market alone, all others standing still.",
    )  # fmt: skip
