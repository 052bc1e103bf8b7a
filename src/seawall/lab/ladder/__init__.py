"""Ladders of exits compared on the same paths, in calm, normal and stressed volatility."""

from seawall.lab.ladder.question import LadderResult as LadderResult
from seawall.lab.ladder.question import ladder as ladder

__all__ = ["LadderResult", "ladder"]
