"""A reason of the machine as the venue's text, with the numbers that the text quotes."""

from typing import Any

from seawall.domain.enums import OrderFlag, Reason
from seawall.domain.events import CommandRejected
from seawall.domain.units import MICRO
from seawall.venues.hyperliquid.wire.error_texts import TEXTS, WITHOUT_ASSET, with_asset
from seawall.venues.hyperliquid.wire.values import price_text

_ALL = 10**9


def rejection(events: Any) -> Reason | None:
    """Why a command was rejected, from its events; None if it took effect."""
    for event in events:
        if isinstance(event, CommandRejected):
            return event.reason
    return None


def best_price(engine: Any, market: int, column: str) -> int:
    """The best ``bid_level`` or ``ask_level`` of a market in price units, 0 for none."""
    level = int(engine.tables["markets"][column][market])
    return int(engine.tables["levels"]["price"][level]) if level >= 0 else 0


def order_text(engine: Any, reason: Reason, market: int, asset: int, flags: int = 0) -> str:
    """Why an order was not placed, as it stands in ``statuses``."""
    text = TEXTS[reason]
    if reason == Reason.POST_ONLY_WOULD_MATCH:
        decimals = int(engine.tables["markets"]["size_decimals"][market])
        bid, ask = (
            price_text(best_price(engine, market, column), decimals)
            for column in ("bid_level", "ask_level")
        )
        text = text.format(bid=bid, ask=ask)
    elif reason == Reason.ABOVE_MAXIMUM_VALUE:
        cap = int(engine.tables["markets"]["largest_order"][market])
        if not flags & (OrderFlag.MARKET | OrderFlag.TRIGGER_MARKET):
            cap *= engine.rulebook.order.limit_value_factor
        text = text.format(max=cap // MICRO)
    elif reason == Reason.PRICE_OUTSIDE_BAND:
        text = text.format(band=engine.rulebook.order.price_band_rate * 100 // _ALL)
    return text if reason in WITHOUT_ASSET else with_asset(text, asset)


def account_text(engine: Any, reason: Reason, account: int) -> str:
    """Why an account's own setting was refused."""
    order = engine.rulebook.order
    traded = int(engine.tables["account_histories"]["total_volume"][account])
    row = engine.tables["accounts"][account]
    if row["parent"] < 0:
        traded += int(row["day_taker_volume"]) + int(row["day_maker_volume"])
    return TEXTS[reason].format(
        delay=order.schedule_minimum_delay_ms // 1000,
        limit=order.schedule_daily_maximum,
        required=order.schedule_minimum_volume // MICRO,
        traded=f"{traded / MICRO:.2f}",
    )
