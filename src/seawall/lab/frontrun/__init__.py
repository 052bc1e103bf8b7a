"""What a searcher takes that acts before an oracle's update, a liquidation or a stop does."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seawall.lab.frontrun.question import FrontrunAnswer, frontrun

__all__ = ["FrontrunAnswer", "frontrun"]


def __getattr__(name: str) -> object:
    """Loaded when used: the engine takes most of a second."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from seawall.lab.frontrun import question

    return getattr(question, name)
