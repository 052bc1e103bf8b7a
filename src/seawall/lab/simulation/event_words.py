"""Commands and events as a reader's text: names of markets, prices, sizes and USD with decimals."""

from collections.abc import Sequence
from enum import IntEnum, IntFlag
from typing import Any

from seawall.domain.events import is_pool
from seawall.domain.instrument import Instrument
from seawall.domain.units import from_units, money_text
from seawall.report.kinds import exact_clock

_PRICES = {
    "price", "oracle_price", "outside_price", "mark_price", "trigger_price", "settlement_price"
}  # fmt: skip
_SIZES = {"size", "remaining_size", "position_size", "position_before"}
_MONEY = {
    "amount", "fee", "closed_profit", "equity", "maintenance_margin", "cash", "quote",
    "entry_notional", "isolated_cash", "open_interest_cap",
}  # fmt: skip
_HIDDEN = {"time_ms", "sequence", "order_id", "client_id_high", "client_id_low"}
_SUBJECTS = {"account", "market"}
_NO_ROW = {"counterparty", "parent", "recipient", "payer", "backstop"}
"""Accounts that an event may name; -1 is none."""


def words(item: Any, instruments: Sequence[Instrument]) -> str:
    """``account 6, BTC: order filled: price 117000, size 0.5, fee 26.325``."""
    market = getattr(item, "market", -1)
    instrument = instruments[market] if 0 <= market < len(instruments) else None
    subject = []
    if getattr(item, "account", -1) >= 0:
        subject.append(f"account {item.account}")
    if instrument is not None:
        subject.append(instrument.name)
    elif is_pool(market) and "liquidation" in _tag(item):
        subject.append("cross pool")
    what = _tag(item).replace("_", " ")
    parts = [
        text
        for name in item.__struct_fields__
        if (text := _part(name, getattr(item, name), instrument))
    ]
    head = f"{', '.join(subject)}: {what}" if subject else what
    return f"{head}: {', '.join(parts)}" if parts else head


def _tag(item: Any) -> str:
    return str(item.__struct_config__.tag)


def _part(name: str, value: int, instrument: Instrument | None) -> str:
    """One field; nothing for what is left open."""
    if name in _HIDDEN | _SUBJECTS or (name in _NO_ROW and value < 0):
        return ""
    label = name.removesuffix("_ms").replace("_", " ")
    if isinstance(value, IntFlag):
        said = [str(flag.name).lower().replace("_", " ") for flag in type(value) if flag & value]
        return ", ".join(said)
    if isinstance(value, IntEnum):
        return value.name.lower().replace("_", " ")
    if not value:
        return ""
    if name.endswith("_ms") and value > 10**11:
        return f"{label} {exact_clock(value)}"
    if instrument is not None and name in _PRICES:
        return f"{label} {from_units(value, instrument.price_decimals)}"
    if instrument is not None and name in _SIZES:
        return f"{label} {from_units(value, instrument.size_decimals)}"
    if name in _MONEY:
        return f"{label} {money_text(value)}"
    return f"{label} {value}"
