"""One account cross, isolated and split, on the same random price paths."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seawall.lab.compare.question import CompareResult, compare

__all__ = ["CompareResult", "compare"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from seawall.lab.compare.question import CompareResult, compare

    return {"CompareResult": CompareResult, "compare": compare}[name]
