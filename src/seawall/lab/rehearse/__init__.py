"""An account through a market path, with everything that happens to it on the way."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seawall.lab.rehearse.question import rehearse
    from seawall.lab.rehearse.rehearsal import Rehearsal

__all__ = ["Rehearsal", "rehearse"]


def __getattr__(name: str) -> object:
    """Loaded when used: the engine takes most of a second."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from seawall.lab.rehearse import question

    return getattr(question, name)
