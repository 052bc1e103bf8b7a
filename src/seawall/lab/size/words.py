"""Numbers as a trader reads them, and the advice of ``seawall size`` in sentences."""

from collections.abc import Iterator
from fractions import Fraction

from seawall.domain.units import MICRO, from_units
from seawall.lab.size.advice import Advice, SizeTask
from seawall.report.findings import Words

Number = float | Fraction


def usd(micro: Number, decimals: int = 0) -> str:
    """Micro-USD as text."""
    return f"{float(micro) / MICRO:,.{decimals}f}"


def cents(micro: Number) -> str:
    """Micro-USD with cents below 100,000 USD and without above."""
    return usd(micro, 2 if abs(float(micro)) < 100_000 * MICRO else 0)


def percent(share: Number, decimals: int = 2) -> str:
    return f"{float(share) * 100:.{decimals}f} %"


def basis_points(share: Number) -> str:
    value = float(share) * 10_000
    return f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}"


def price_text(units: Number, decimals: int) -> str:
    """A price in price units, rounded to the market's decimals where it is not whole."""
    return f"{float(units) / 10**decimals:,.{max(0, decimals)}f}"


def times(value: Number) -> str:
    """A leverage."""
    number = float(value)
    return f"{number:,.2f}x" if number < 10 else f"{number:,.0f}x"


def duration(hours: Number) -> str:
    value = float(hours)
    if value < 1 / 60:
        return f"{value * 3600:.0f} s"
    if value < 1:
        return f"{value * 60:.0f} min"
    return f"{value:.1f} h" if value < 72 else f"{value / 24:,.1f} days"


def advice_words(task: SizeTask, advice: Advice) -> Iterator[Words]:
    """The advice, its reason, and what must not be missed."""
    if advice.size == 0 or advice.loss is None or advice.by_liquidity is None:
        yield Words(f"Do not trade this: {_why_nothing(task, advice)}", is_warning=True)
        return
    yield Words(_what(task, advice))
    yield Words(_cost(task, advice))
    yield Words(_leverage(task, advice))
    yield from _warnings(task, advice)


def _why_nothing(task: SizeTask, advice: Advice) -> str:
    lot = from_units(task.step, task.instrument.size_decimals)
    return (
        f"one lot ({lot} {task.instrument.name}) is more than the {advice.deciding.name} allows "
        f"({advice.deciding.reason})."
    )


def _what(task: SizeTask, advice: Advice) -> str:
    name = task.instrument.name
    size = from_units(advice.size, task.instrument.size_decimals)
    notional = advice.notional(task)
    side = "long" if task.wager.is_long else "short"
    of_equity = times(Fraction(notional, task.equity))
    others = min(
        (each for each in advice.limits if each is not advice.deciding),
        key=lambda each: each.size,
    )
    next_one = usd(others.size * task.wager.entry_price)
    return (
        f"Hold at most {size} {name} {side}: {usd(notional)} USD, {of_equity} your equity. The "
        f"{advice.deciding.name} decides ({advice.deciding.reason}); the next limit is "
        f"{others.name}, at {next_one} USD."
    )


def _cost(task: SizeTask, advice: Advice) -> str:
    loss = advice.loss
    assert loss is not None
    decimals = task.instrument.price_decimals
    stop = price_text(task.wager.stop_price, decimals)
    parts = [
        f"{cents(loss.stop)} for the way to the stop at {stop}",
        f"{cents(loss.exit_slippage)} slippage out of a stressed book",
        f"{cents(loss.entry_fee + loss.exit_fee)} fees",
        f"{cents(loss.funding)} funding over {duration(task.horizon_hours)}",
    ]
    if loss.entry_slippage:
        parts.insert(1, f"{cents(loss.entry_slippage)} slippage on the way in")
    return (
        f"If you are wrong it costs {cents(loss.total)} USD, "
        f"{percent(Fraction(loss.total, task.equity))} of your equity: " + ", ".join(parts) + "."
    )


def _leverage(task: SizeTask, advice: Advice) -> str:
    assert advice.by_liquidity is not None
    tiers = f"The venue's tiers would allow {advice.by_tiers}x at this size"
    if advice.by_liquidity < advice.by_tiers:
        liquid = (
            f"; liquidity allows {times(advice.by_liquidity)}, because a stressed exit costs more "
            "than the maintenance margin"
        )
    else:
        liquid = f", and liquidity does not ask for less ({times(advice.by_liquidity)})"
    if advice.setting is None:
        return (
            f"{tiers}{liquid}. No whole leverage of a bucket of its own fits this equity and "
            "every limit: hold it cross, with nothing else in the pool."
        )
    row = next(each for each in advice.settings if each.leverage == advice.setting)
    far = "never" if row.price is None or row.distance is None else (
        f"at {price_text(row.price, task.instrument.price_decimals)}, "
        f"{percent(row.distance)} away"
    )  # fmt: skip
    return (
        f"{tiers}{liquid}. Set {advice.setting}x or less in a bucket of its own: margin "
        f"{cents(row.margin)} USD, liquidated {far}; the stop is "
        f"{percent(task.wager.stop_share)} away."
    )


def _warnings(task: SizeTask, advice: Advice) -> Iterator[Words]:
    stressed = task.wager.exit_book.exit(advice.size)
    if stressed.is_beyond:
        held = usd(task.wager.exit_book.held * task.wager.entry_price)
        yield Words(
            f"The stressed book holds {held} USD on this side: what is beyond it is extrapolated "
            "by the square-root law, not read.",
            is_warning=True,
        )
    if advice.hours > task.horizon_hours:
        yield Words(
            f"Trading {percent(task.participation, 0)} of the volume, leaving takes "
            f"{duration(advice.hours)}: longer than the horizon of "
            f"{duration(task.horizon_hours)}.",
            is_warning=True,
        )
