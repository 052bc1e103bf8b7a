"""An account through a market path, with everything that happens to it on the way."""

from seawall.lab.rehearse.question import rehearse
from seawall.lab.rehearse.rehearsal import Rehearsal

__all__ = ["Rehearsal", "rehearse"]
