"""What price moves do to an account, and the smallest one that liquidates it."""

from seawall.lab.stress.result import StressResult, stress

__all__ = ["StressResult", "stress"]
