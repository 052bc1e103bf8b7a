"""Numbers of a simulation as they are read."""

from seawall.lab.paths.account import POOL_NAME
from seawall.lab.survival import Estimate


def bucket_words(name: str) -> str:
    """A bucket as a table calls it."""
    return "cross pool" if name == POOL_NAME else f"{name} bucket"


def usd(value: float) -> str:
    """Whole USD from a thousand on, cents below."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.2f}"


def interval(each: Estimate, times: float, unit: str = "") -> str:
    """From low to high."""
    if times == 1.0:
        return f"{usd(each.low)} to {usd(each.high)}"
    return f"{times * each.low:.3g} to {times * each.high:.3g}{unit}"


def share_words(each: Estimate) -> str:
    """A probability in a sentence."""
    return f"{100 * each.value:.3g} % ({interval(each, 100.0)} % with 95 % confidence)"


def duration(hours: float) -> str:
    """In the unit that suits it."""
    if hours >= 48:
        return f"{hours / 24:.3g} days"
    if hours >= 1:
        return f"{hours:.3g} hours"
    return f"{60 * hours:.3g} minutes"


def share_text(part: float) -> str:
    """A probability without its interval."""
    return f"{100 * part:.3g} %"
