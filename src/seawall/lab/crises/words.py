"""Money, people and reasons of the crises as text."""

from collections.abc import Sequence

from seawall.domain.events import CROSS_POOL
from seawall.domain.instrument import Instrument
from seawall.domain.units import MICRO, from_units
from seawall.lab.crises.contrast import Contrast, Different, Headroom
from seawall.lab.crises.ledger import OWN, Taker, taker_words
from seawall.lab.crises.play import Cell

REASONS = {
    "prices": "prices",
    "maintenance": "maintenance margin",
    "money": "funding and earlier closings",
    "time": "a moment too early",
}


def usd(micro: int) -> str:
    """``12,345`` or, below a thousand, ``345.67``."""
    amount = micro / MICRO
    return f"{amount:,.0f}" if abs(amount) >= 1000 else f"{amount:,.2f}"


def minutes_text(minutes: float) -> str:
    """``34 min`` or, of long crises, ``16.4 h``."""
    return f"{minutes:,.1f} min" if minutes < 120 else f"{minutes / 60:,.1f} h"


def span_text(milliseconds: int) -> str:
    """``3 s``, ``34.0 min``."""
    return f"{milliseconds / 1000:g} s" if milliseconds < 120_000 else (
        minutes_text(milliseconds / 60_000)
    )  # fmt: skip


def trader_text(number: int) -> str:
    """Who it is, as the tables call him."""
    return "your account" if number == OWN else f"account {number}"


def bucket_text(cell: Cell, bucket: int, instruments: Sequence[Instrument]) -> str:
    """``cross pool`` or the market whose bucket it is."""
    return "cross pool" if bucket == CROSS_POOL else instruments[bucket].name


def liquidated_text(cell: Cell, instruments: Sequence[Instrument]) -> str:
    """``SOL 25.9 min, cross pool 33.9 min``; ``none``."""
    told = [
        f"{bucket_text(cell, bucket, instruments)} {minutes_text(minutes)}"
        for bucket, minutes in cell.liquidated
    ]
    return ", ".join(told) or "none"


def way_text(cell: Cell) -> str:
    """The combination of a cell."""
    return f"{cell.mode} under {cell.rulebook} in a {cell.depth} book"


def positions_text(one: Different, instruments: Sequence[Instrument]) -> str:
    """``long 2.4 BTC, short 10 ETH``."""
    told = []
    for market, size in one.positions:
        each = instruments[market]
        side = "long" if size > 0 else "short"
        told.append(f"{side} {from_units(abs(size), each.size_decimals)} {each.name}")
    return ", ".join(told)


def end_text(one: Different, side: int) -> str:
    """How it ended under one rulebook: ``243, book`` or ``8,692,924``."""
    took = taker_words(one.takers[side])
    return f"{usd(one.ends[side])}{f', {took}' if took else ''}"


def ending(one: Different) -> str:
    """In which of four ways it ends differently."""
    fell = (one.fell_ms[0] > 0, one.fell_ms[1] > 0)
    return {
        (True, False): "liquidated under the first only",
        (False, True): "liquidated under the second only",
        (True, True): "liquidated under both, another amount left",
        (False, False): "liquidated under neither, another amount left",
    }[fell]


def headroom_text(
    told: Headroom, fell_under: str, stood_under: str, instruments: Sequence[Instrument]
) -> str:
    """Why somebody fell under one and stood under the other, with the figures."""
    if told.reason == "prices":
        each = instruments[told.market]
        here, there = (from_units(mark, each.price_decimals) for mark in told.marks)
        return (
            f"{each.name} at {here} under {fell_under}, {there} under {stood_under}: "
            f"{usd(told.by_prices)} of equity"
        )
    if told.reason == "maintenance":
        return (
            f"{fell_under} asks for {usd(told.maintenance[0])} of maintenance margin, "
            f"{stood_under} for {usd(told.maintenance[1])}"
        )
    if told.reason == "money":
        return (
            f"funding, fees and earlier closings left {usd(told.by_money)} more under {stood_under}"
        )
    return f"under maintenance with {stood_under} as well, where it had not been acted on yet"


def reason_text(contrast: Contrast, one: Different, instruments: Sequence[Instrument]) -> str:
    """Why somebody ends differently."""
    names = contrast.rulebooks
    fell = [each > 0 for each in one.fell_ms]
    if one.headroom is not None:
        first = 0 if fell[0] and (not fell[1] or one.fell_ms[0] <= one.fell_ms[1]) else 1
        why = headroom_text(one.headroom, names[first], names[1 - first], instruments)
        if all(fell):
            sooner = span_text(abs(one.fell_ms[0] - one.fell_ms[1]))
            return f"{sooner} sooner under {names[first]}: {why}"
        return why
    if one.takers[0] != one.takers[1]:
        told = [
            f"{taker_words(taker) or 'nobody'} under {name}"
            for taker, name in zip(one.takers, names, strict=True)
        ]
        return f"taken by {told[0]}, by {told[1]}"
    parts = {
        "marks of what is still open": one.by_prices,
        "funding": one.funding[1] - one.funding[0],
    }
    apart = one.ends[1] - one.ends[0]
    parts["prices of fills and fees"] = apart - sum(parts.values())
    most = max(parts, key=lambda name: abs(parts[name]))
    amount = usd(parts[most])
    if most == "prices of fills and fees" and one.takers[0] & Taker.WON:
        most = "deleveraged as a winner at other prices or for another size"
    return f"{most}: {amount}"
