"""Liquidation as a business: who takes an account over, when, at what price, and when none does."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seawall.lab.keepers.question import KeepersAnswer, keepers

__all__ = ["KeepersAnswer", "keepers"]


def __getattr__(name: str) -> object:
    """Loaded when used: the engine takes most of a second."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from seawall.lab.keepers import question

    return getattr(question, name)
