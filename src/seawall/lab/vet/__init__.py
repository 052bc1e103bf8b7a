"""How good a venue is: spread, depth, slippage and resilience, in calm and in a storm."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seawall.lab.vet.question import VetResult, vet

__all__ = ["VetResult", "vet"]


def __getattr__(name: str) -> object:
    """Loaded when used: the engine takes most of a second."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from seawall.lab.vet import question

    return getattr(question, name)
