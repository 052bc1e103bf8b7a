"""Numbers of the accounts that every machine has; users follow from ``FIRST_USER``."""

INSURANCE_FUND = 0
FEE_ACCOUNT = 1
BACKSTOP_ACCOUNT = 2
ROUNDING_ACCOUNT = 3
"""Units of micro-USD that divisions leave over."""
OUTSIDE_ACCOUNT = 4
"""Holds the opposite of every adopted position, so that each market's sizes add up to zero."""
FIRST_USER = 5
