"""The day to which traded volume counts."""

from seawall.engine.compile import inline
from seawall.engine.tables import control


@inline
def day_of(s):
    """Whole UTC days since 1970."""
    return control(s).clock_ms // 86_400_000
