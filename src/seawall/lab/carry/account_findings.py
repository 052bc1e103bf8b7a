"""The findings of ``seawall carry`` for an account: what each bucket pays, how long it lasts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seawall.domain.units import FUNDING_ONE, from_units, money_text
from seawall.lab.carry.account import AccountCarry, BucketCarry, PositionCarry, erosion
from seawall.lab.size.words import basis_points, cents, duration, percent, price_text, usd
from seawall.report.charts import MONEY_LABEL, Chart, axis, finished, quantity, values
from seawall.report.findings import Figure, Findings, Section, Table, Words

HOURS_PER_DAY = 24
HOURS_PER_YEAR = 8760
SOON_HOURS = 24 * 30
BAR_HEIGHT = 34


def account_findings(
    found: AccountCarry, name: str, about: str, assumptions: Sequence[str]
) -> Findings:
    """``about``: where account, prices and rates come from, in words."""
    return Findings(
        command="carry",
        title=f"What it costs to hold {name}",
        subtitle=about,
        sections=tuple(_sections(found)),
        plain={
            "account": name,
            "funding_a_day": money_text(HOURS_PER_DAY * found.payment),
            "hours": found.hours,
            "buckets": [_bucket_plain(each) for each in found.buckets],
            "positions": [_position_plain(each) for each in found.positions],
        },
        frames={
            "buckets": _columns(_bucket_plain(each) for each in found.buckets),
            "positions": _columns(_position_plain(each) for each in found.positions),
        },
        assumptions=(
            "Prices and funding rates stand still; each hour pays as the machine does, position by "
            "position.",
            *assumptions,
        ),
    )


def _sections(found: AccountCarry) -> Iterator[Section]:
    a_day = HOURS_PER_DAY * found.payment
    equity = sum(each.equity for each in found.buckets)
    what = f"pays {cents(a_day)} USD" if a_day >= 0 else f"receives {cents(-a_day)} USD"
    share = f", {percent(abs(a_day) / equity, 3)} of its equity" if equity > 0 else ""
    yield Words(f"At these rates the account {what} of funding a day{share}.")
    for each in found.buckets:
        if each.hours_left is not None and each.hours_left <= SOON_HOURS:
            yield Words(f"{each.name} {_end_words(each.hours_left)}.", is_warning=True)
    yield _bucket_table(found)
    yield _position_table(found)
    yield Figure(
        title="Funding a day by position",
        chart=_chart(found),
        alt="Bars of the funding that each position pays (right) or receives (left) in a day, USD.",
    )


def _end_words(hours: int) -> str:
    if hours == 0:
        return "is under its maintenance margin already"
    return f"is liquidated by funding alone after {duration(hours)}, at unchanged prices"


def _lasts(hours: int | None) -> str:
    if hours is None:
        return "never"
    return duration(hours) if hours else "now"


def _bucket_table(found: AccountCarry) -> Table:
    rows = []
    styles: dict[int, str] = {}
    for number, each in enumerate(found.buckets):
        if not each.markets:
            styles[number] = "quiet"
        elif each.hours_left is not None and each.hours_left <= SOON_HOURS:
            styles[number] = "bad"
        eaten = erosion(each) if each.markets else None
        rows.append(
            (
                each.name,
                ", ".join(each.markets),
                cents(each.equity),
                cents(each.maintenance),
                usd(each.payment, 2),
                usd(HOURS_PER_DAY * each.payment, 2),
                "" if eaten is None else percent(eaten, 3),
                _lasts(each.hours_left),
            )
        )
    return Table(
        title="Buckets",
        columns=(
            *("bucket", "positions", "equity", "maintenance", "funding an hour", "a day"),
            *("of the room above", "liquidated after"),
        ),
        rows=rows,
        words=2,
        styles=styles,
        note="The room above: equity less maintenance margin. Positive funding is paid.",
    )


def _position_table(found: AccountCarry) -> Table:
    rows = []
    for each in found.positions:
        rows.append(
            (
                f"{'long' if each.is_long else 'short'} {each.market}",
                each.bucket,
                usd(each.notional),
                f"{each.rate / FUNDING_ONE * 100:+.5f} %",
                f"{each.rate / FUNDING_ONE * HOURS_PER_YEAR * 100:+.1f} %",
                usd(HOURS_PER_DAY * each.payment, 2),
                basis_points(HOURS_PER_DAY * each.payment / each.notional),
                _line(each, each.line_now),
                _line(each, each.line_then),
            )
        )
    return Table(
        title="Positions",
        columns=(
            *("position", "bucket", "notional", "rate an hour", "a year", "USD a day", "bp a day"),
            *("liquidated at, now", f"after {duration(found.hours)}"),
        ),
        rows=rows,
        words=2,
        note="Longs pay a positive rate. bp a day: what the price must earn to pay for it. A "
        "liquidation price is that of one market alone, all others standing still.",
    )


def _line(each: PositionCarry, price: int | None) -> str:
    return "none" if price is None else price_text(price, each.price_decimals)


def _chart(found: AccountCarry) -> Chart:
    rows: list[Mapping[str, Any]] = [
        {
            "name": f"{'long' if each.is_long else 'short'} {each.market} ({each.bucket})",
            "usd": HOURS_PER_DAY * each.payment / 1e6,
        }
        for each in found.positions
    ]
    names = [row["name"] for row in rows]
    bars: Chart = {
        "data": values(rows),
        "mark": {"type": "bar", "height": {"band": 0.6}},
        "encoding": {
            "y": {"field": "name", "type": "nominal", "sort": names, "axis": {
                "title": None, "labelLimit": 260,
            }},
            "x": quantity("usd", axis("funding paid a day, USD", label=MONEY_LABEL)),
            "color": {
                "condition": {"test": "datum.usd > 0", "value": "#c92a2a"},
                "value": "#2a9d8f",
            },
        },
    }  # fmt: skip
    return finished(bars, height=60 + BAR_HEIGHT * len(rows))


def _bucket_plain(each: BucketCarry) -> dict[str, Any]:
    return {
        "bucket": each.name,
        "markets": ", ".join(each.markets),
        "equity": money_text(each.equity),
        "maintenance_margin": money_text(each.maintenance),
        "funding_an_hour": money_text(each.payment),
        "hours_until_liquidation": each.hours_left,
    }


def _position_plain(each: PositionCarry) -> dict[str, Any]:
    def price(units: int | None) -> str | None:
        return None if units is None else from_units(units, each.price_decimals)

    return {
        "market": each.market,
        "bucket": each.bucket,
        "side": "long" if each.is_long else "short",
        "notional": money_text(each.notional),
        "rate_an_hour": each.rate / FUNDING_ONE,
        "funding_an_hour": money_text(each.payment),
        "liquidation_price_now": price(each.line_now),
        "liquidation_price_then": price(each.line_then),
    }


_WORDS = ("bucket", "markets", "market", "side")


def _columns(rows: Iterator[dict[str, Any]]) -> dict[str, list[Any]]:
    """Columns; exact decimal text becomes numbers, because tables are for computing."""
    found: dict[str, list[Any]] = {}
    for row in rows:
        for name, value in row.items():
            number = isinstance(value, str) and name not in _WORDS
            found.setdefault(name, []).append(float(value) if number else value)
    return found
