"""What it costs to hold a position or all positions of an account."""

from seawall.lab.carry.question import AccountCarryResult, CarryResult, carry, carry_account

__all__ = ["AccountCarryResult", "CarryResult", "carry", "carry_account"]
