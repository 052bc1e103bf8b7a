"""An account in crises of the past: cross, isolated and hybrid, side by side under rulebooks."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seawall.lab.crises.question import CrisesAnswer, crises

__all__ = ["CrisesAnswer", "crises"]


def __getattr__(name: str) -> object:
    """Loaded when used: the engine takes most of a second."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from seawall.lab.crises import question

    return getattr(question, name)
