"""The kinds of fills, as the wire calls them."""

LIMIT = "LIMIT"
LIQUIDATED = "LIQUIDATED"
LIQUIDATION = "LIQUIDATION"
DELEVERAGED = "DELEVERAGED"
DELEVERAGED_AGAINST = "OFFSETTING"
"""The account that took over the other side of a deleveraged position."""
