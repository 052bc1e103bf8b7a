"""One account cross, isolated and split, on the same random price paths."""

from seawall.lab.compare.question import CompareResult, compare

__all__ = ["CompareResult", "compare"]
