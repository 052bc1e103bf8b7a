"""Money that an account adds to a position's bucket once the mark comes to a price.

The account looks at the marks after every batch, so the money comes after what that batch
liquidated. It is deposited from outside; into an isolated bucket it goes through the pool, and
stays there where the engine does not let it leave. Where transfers are blocked at that moment it
does not come, and what the transfer costs is spent.
"""

from collections.abc import Iterator

import numpy as np

from seawall.domain.enums import CommandKind, EventKind, Reason
from seawall.domain.holdings import Holdings, TopUp
from seawall.engine.placement import PlacedAccount, Placement, PlacementError, rows_of
from seawall.lab.simulation.incidents import Incident, IncidentKind


def deposit(
    placement: Placement, time_ms: int, owner: int, market: int | None, amount: int
) -> bool:
    """Micro-USD from outside for an account; whether it came: transfers may be blocked.

    ``market``: into the pool of its collateral, None: of the first. Raises PlacementError where it
    is refused for another reason.
    """
    group = 0
    if market is not None and not placement.in_blocks:
        group = int(placement.engine.tables["markets"]["collateral_group"][market])
    try:
        placement.deposit(time_ms, np.asarray([owner]), np.asarray([amount]), "the top-up", group)
    except PlacementError as error:
        if error.reason != Reason.TRANSFERS_BLOCKED:
            raise
        return False
    return True


class TopUps:
    """Those of one account that have not come yet.

    ``added``: micro-USD that came so far, and what they and those that were blocked cost.
    """

    def __init__(self, placement: Placement, account: PlacedAccount, holdings: Holdings) -> None:
        """At the marks of now, which say from which side each price is approached."""
        self.added = 0
        self._placement, self._account, self._holdings = placement, account, holdings
        self._rises = [each.trigger_price > self._mark(each.market) for each in holdings.top_ups]
        self._waiting = list(range(len(holdings.top_ups)))
        self._coming: list[tuple[int, TopUp]] = []
        """When each that was sent is there, ms."""

    def act(self, time_ms: int) -> Iterator[Incident]:
        """Send the money whose price is reached, where the position is still there.

        What was sent before arrives whether it is there or not, then in the pool.
        """
        arrived = [each for each in self._coming if each[0] <= time_ms]
        self._coming = [each for each in self._coming if each[0] > time_ms]
        for _, each in arrived:
            yield self._send(time_ms, each)
        for number in list(self._waiting):
            each = self._holdings.top_ups[number]
            mark = self._mark(each.market)
            is_reached = (
                mark >= each.trigger_price if self._rises[number] else (mark <= each.trigger_price)
            )
            if is_reached:
                self._waiting.remove(number)
                if not self._has_position(each.market):
                    continue
                if each.delay_ms:
                    self._coming.append((time_ms + each.delay_ms, each))
                else:
                    yield self._send(time_ms, each)

    def _send(self, time_ms: int, top_up: TopUp) -> Incident:
        owner = self._account.owner_of(top_up.market)
        bucket = self._account.bucket_of(top_up.market)
        made = Incident(
            time_ms=time_ms, kind=IncidentKind.TOPPED_UP, market=top_up.market,
            isolated=bucket == top_up.market, money=top_up.amount,
        )  # fmt: skip
        self.added += top_up.cost
        if not deposit(self._placement, time_ms, owner, top_up.market, top_up.amount):
            made.kind = IncidentKind.TOP_UP_BLOCKED
            return made
        self.added += top_up.amount
        if bucket == top_up.market and owner == self._account.account:
            rows = rows_of(CommandKind.ADJUST_ISOLATED_MARGIN, 1, time_ms)
            rows["account"], rows["market"], rows["money"] = owner, top_up.market, top_up.amount
            events = self._placement.send(rows)
            if (events["kind"] == EventKind.COMMAND_REJECTED).any():
                made.note = "KEPT_BY_THE_POOL"
        return made

    def _mark(self, market: int) -> int:
        return int(self._placement.engine.tables["markets"]["mark_price"][market])

    def _has_position(self, market: int) -> bool:
        tables = self._placement.engine.tables
        index = int(tables["accounts"]["first_position"][self._account.owner_of(market)])
        while index >= 0:
            row = tables["positions"][index]
            if row["market"] == market:
                return bool(row["signed_size"] != 0)
            index = int(row["next_of_account"])
        return False
