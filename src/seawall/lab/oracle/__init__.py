"""Which moves liquidate an account on the price that an oracle publishes, and not on the true one.

And the reverse, and the same crisis under each oracle.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seawall.lab.oracle.question import OracleAnswer, oracle

__all__ = ["OracleAnswer", "oracle"]


def __getattr__(name: str) -> object:
    """Loaded when used: the engine takes most of a second."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from seawall.lab.oracle import question

    return getattr(question, name)
