"""Numbers of a simulation as they are read."""

from seawall.domain.rulebook import AnyRulebook, BlockRulebook
from seawall.lab.paths.kernels.account import POOL_NAME
from seawall.lab.paths.survival import Estimate


def bucket_words(name: str, rulebook: AnyRulebook) -> str:
    """A bucket as its rules call it, in an account that has several."""
    in_blocks = isinstance(rulebook, BlockRulebook)
    if name == POOL_NAME:
        return "main account" if in_blocks else "cross pool"
    return f"{name} child account" if in_blocks else f"{name} isolated"


def usd(value: float) -> str:
    """Whole USD from a thousand on, cents below."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.2f}"


def interval(each: Estimate, times: float, unit: str = "") -> str:
    """From low to high."""
    if times == 1.0:
        return f"{usd(each.low)} to {usd(each.high)}"
    return f"{_three_figures(times * each.low)} to {_three_figures(times * each.high)}{unit}"


def share_words(each: Estimate) -> str:
    """A probability in a sentence."""
    return f"{share_text(each.value)} ({interval(each, 100.0)} % with 95 % confidence)"


def duration(hours: float) -> str:
    """In the unit that suits it."""
    if hours >= 48:
        return f"{hours / 24:.3g} days"
    if hours >= 1:
        return f"{hours:.3g} hours"
    return f"{60 * hours:.3g} minutes"


def share_text(part: float) -> str:
    """A probability without its interval."""
    return f"{_three_figures(100 * part)} %"


def _three_figures(value: float) -> str:
    """``26.0``, ``7.14``, ``0.0384``: as many figures below each other; nothing is ``0``."""
    if value == 0 or abs(value) >= 99.95:
        return f"{value:.0f}"
    return f"{value:#.3g}" if abs(value) >= 1e-4 else f"{value:.6f}"
