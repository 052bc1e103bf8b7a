"""A whole market: a population in one engine whose liquidations move the price of all."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seawall.lab.cascade.question import CascadeAnswer, cascade

__all__ = ["CascadeAnswer", "cascade"]


def __getattr__(name: str) -> object:
    """Loaded when used: the engine takes most of a second."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from seawall.lab.cascade import question

    return getattr(question, name)
