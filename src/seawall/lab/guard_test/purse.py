"""Money outside of an account, and on its way to it by a route."""

from collections.abc import Sequence

from msgspec import Struct

from seawall.lab.transfers.route import Route


class Sent(Struct, frozen=True, kw_only=True):
    """One transfer to a bucket. ``bucket``: as its caller numbers them. Micro-USD, ms."""

    bucket: int
    amount: int
    from_pool: bool
    sent_ms: int
    due_ms: int

    @property
    def is_late(self) -> bool:
        """Whether it was on its way for any time."""
        return self.due_ms > self.sent_ms


class Purse:
    """One account's wallet. ``wallet``, ``fees``: micro-USD left, and paid for transfers so far."""

    def __init__(self, wallet: int, route: Route) -> None:
        self.wallet, self.fees, self._route = wallet, 0, route
        self._coming: list[Sent] = []

    def copy(self) -> "Purse":
        """The same, to go on by itself."""
        made = Purse(self.wallet, self._route)
        made.fees, made._coming = self.fees, list(self._coming)
        return made

    def send(
        self, time_ms: int, bucket: int, amount: int, fall: float, *, is_bucket: bool,
        from_pool: bool,
    ) -> None:  # fmt: skip
        """Send money, from the pool or as much as the wallet has; its fees are the wallet's.

        Nothing where the wallet cannot pay them, or where it is less than the route takes.
        ``is_bucket``: whether it goes on from the pool into a bucket of its own.
        """
        way = self._route.top_up(amount, fall, is_bucket=is_bucket, from_pool=from_pool)
        if way.cost > self.wallet:
            return
        if not from_pool:
            amount = min(amount, self.wallet - way.cost)
            if amount <= 0 or amount < self._route.least_micro_usd:
                return
            self.wallet -= amount
        self.wallet -= way.cost
        self.fees += way.cost
        self._coming.append(
            Sent(
                bucket=bucket, amount=amount, from_pool=from_pool, sent_ms=time_ms,
                due_ms=time_ms + way.delay_ms,
            )
        )  # fmt: skip

    def arrived(self, time_ms: int) -> Sequence[Sent]:
        """What is there now, and no longer on its way."""
        found = [each for each in self._coming if each.due_ms <= time_ms]
        self._coming = [each for each in self._coming if each.due_ms > time_ms]
        return found

    def is_coming(self, bucket: int) -> bool:
        """Whether something is on its way to a bucket."""
        return any(each.bucket == bucket for each in self._coming)

    def next_ms(self, never: int) -> int:
        """When the next is there."""
        return min((each.due_ms for each in self._coming), default=never)
