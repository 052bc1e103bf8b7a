"""Deleveraging policies at a glance."""

from collections.abc import Sequence

from seawall.lab.deleveraging.comparison import Total
from seawall.report import kinds
from seawall.report.findings import Status, Tile

LEAST_UNMET = 0.01
"""USD; less is rounding."""


def is_unmet(total: Total) -> bool:
    """Whether a policy leaves open what is needed."""
    return total.unmet > max(LEAST_UNMET, 1e-9 * total.needed)


def status(total: Total) -> Status:
    """Whether a policy raises what is needed, and whether it takes more than that."""
    name = total.policy.name
    if is_unmet(total):
        return Status(f"The {name} leaves {kinds.usd(total.unmet)} USD open", "bad")
    if total.overshoot > LEAST_UNMET:
        return Status(
            f"The {name} takes {kinds.usd(total.overshoot)} USD beyond the need", "caution"
        )
    return Status(f"The {name} takes nothing beyond the need", "good")


def tiles(sums: Sequence[Total], shown: Sequence[str]) -> list[Tile]:
    """What is needed, and what the policies of these keys take.

    ``shown``: keys, in order.
    """
    by_key = {each.policy.key: each for each in sums}
    found = [Tile(title="the bankrupt lack, USD", value=sums[0].needed, kind=kinds.USD)]
    for each in (by_key[key] for key in shown):
        found += [
            Tile(
                title=f"{each.policy.name} takes, USD", value=each.taken, kind=kinds.USD,
                note=f"from {kinds.COUNT.text(each.touched)} winners",
            ),
            Tile(
                title=f"{each.policy.name}: worst haircut", value=each.largest_of_equity,
                kind=kinds.RATE, note="of a winner's equity",
            ),
        ]  # fmt: skip
    return found
