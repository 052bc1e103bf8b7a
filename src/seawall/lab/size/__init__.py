"""How large a position may be, and at which leverage to hold it."""

from seawall.lab.size.question import SizeResult, size

__all__ = ["SizeResult", "size"]
