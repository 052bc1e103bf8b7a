"""What price moves do to an account, and the smallest one that liquidates it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seawall.lab.stress.result import StressResult, stress

__all__ = ["StressResult", "stress"]


def __getattr__(name: str) -> object:
    """Loaded when used: the engine takes most of a second."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from seawall.lab.stress import result

    return getattr(result, name)
