"""Deleveraging policies at a glance."""

from collections.abc import Sequence

from seawall.lab.deleveraging.comparison import Total
from seawall.report import kinds
from seawall.report.findings import Status, Tile


def left_open(total: Total) -> bool:
    """Whether a policy does not raise all that is needed; less than a cent is rounding."""
    return total.unmet > max(0.01, 1e-9 * total.needed)


def status(sums: Sequence[Total]) -> Status:
    """How many of the policies raise all that is needed."""
    short = sum(map(left_open, sums))
    if not short:
        return Status(f"All {len(sums)} policies raise what is needed", "good")
    style = "bad" if short == len(sums) else "caution"
    return Status(f"{short} of {len(sums)} policies leave a part open", style)


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
