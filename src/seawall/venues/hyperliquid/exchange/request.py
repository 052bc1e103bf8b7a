"""A signed request: its signer, its validity, and the shapes of its answers."""

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct

from seawall.domain.commands import Command
from seawall.domain.enums import Reason
from seawall.venues.hyperliquid.directory.directory import Holder, VenueDirectory
from seawall.venues.hyperliquid.instruments import FIRST_DEX_ASSET, FIRST_SPOT_ASSET, assets_of
from seawall.venues.hyperliquid.limits import VENUE, Quotas, check_requests
from seawall.venues.hyperliquid.wire.error_texts import (
    AGENT_FORBIDDEN,
    EXPIRED_REQUEST,
    NO_SPOT_TRADING,
    TEXTS,
    with_asset,
)
from seawall.venues.port import Desk, Done, Plan, Record, Refusal

Answer = dict[str, Any]


class BatchRefusal(Refusal):
    """A batch refused as a whole, answered inside its statuses: one error for all of its parts."""


class Turn(Struct, frozen=True):
    """What a plan is made from, when its turn has come. ``account`` acts for ``master``."""

    time_ms: int
    engine: Any
    directory: VenueDirectory
    master: Holder
    account: Holder

    def market(self, asset: int) -> int:
        """The market with an asset id. Raises Refusal where there is none."""
        found = assets_of(self.engine.instruments).market(asset)
        if found is None:
            is_spot = FIRST_SPOT_ASSET <= asset < FIRST_DEX_ASSET
            text = NO_SPOT_TRADING if is_spot else TEXTS[Reason.UNKNOWN_MARKET]
            raise Refusal(with_asset(text, asset))
        return found


class Request(Struct, frozen=True):
    """``signers``: who may have signed, in order of likelihood; the first known one has.

    ``vault``: the sub-account to act for. ``wall_ms``: the host's own clock on arrival.
    ``is_cancel``: it only takes orders back; ``reduces``: it does that, or only closes positions.
    """

    desk: Desk
    signers: tuple[str, ...]
    nonce: int
    vault: str | None
    expires_after: int | None
    wall_ms: int
    by_wallet: bool
    """Signed as a readable message, which only an account's own key can do."""
    is_cancel: bool = False
    reduces: bool = False
    quotas: Quotas = VENUE

    async def run(
        self,
        make: Callable[[Turn], Plan],
        count: int = 1,
        owner_only: bool = False,
        alone: bool = False,
    ) -> Done:
        """Ask the host for what ``make`` plans, once the request itself is in order.

        ``count``: requests charged. ``owner_only``: agents may not. ``alone``: everything before
        it is applied when ``make`` is called. Raises Refusal; a request that came after its own
        time is charged all the same, and more.
        """
        was_late = False

        def planner(time_ms: int) -> Plan:
            nonlocal was_late
            directory: VenueDirectory = self.desk.directory
            signer, master = self._identity(directory, time_ms)
            if owner_only and signer != master:
                raise Refusal(AGENT_FORBIDDEN)
            account = directory.acting_account(master, self.vault)
            # A sandbox's clock may be another than its clients': a nonce of either is taken.
            directory.check_nonce(signer, self.nonce, (time_ms, self.wall_ms))
            engine = self.desk.engine
            check_requests(self.quotas, engine, account, count, self.is_cancel, time_ms)
            body = {"signer": signer, "nonce": self.nonce, "user": account.address, "count": count}
            # The venue's own clock alone: else a request that was held up while the venue's time
            # was moved on would still be done, and with it what its sender has sent again since.
            was_late = self.expires_after is not None and self.expires_after < time_ms
            if was_late:
                body["count"] = count * self.quotas.stale_cost
                return Plan(records=(Record("nonce", body),))
            turn = Turn(time_ms, engine, directory, directory.state.holders[master], account)
            plan = make(turn)
            return Plan(plan.commands, (Record("nonce", body), *plan.records))

        done = await self.desk.submit(planner, alone=alone, uses_reserve=self.reduces)
        if was_late:
            raise Refusal(EXPIRED_REQUEST)
        return done

    def _identity(self, directory: VenueDirectory, now_ms: int) -> tuple[str, str]:
        """(signer, the account it acts for)."""
        if self.by_wallet:
            found = directory.holder(self.signers[0])
            if found is None or found.master:
                raise Refusal(f"Must deposit before performing actions. User: {self.signers[0]}")
            return found.address, found.address
        for signer in self.signers:
            if directory.role(signer, now_ms)[0] in ("user", "agent"):
                return signer, directory.who_may_act(signer, now_ms)
        return "", directory.who_may_act(self.signers[0], now_ms)


def one(command: Command) -> Plan:
    return Plan((command,))


def records(*made: tuple[str, dict[str, Any]]) -> Plan:
    """A plan of nothing but records."""
    return Plan(records=tuple(Record(kind, body) for kind, body in made))


def default() -> Answer:
    return {"status": "ok", "response": {"type": "default"}}


def answer(kind: str, data: Any) -> Answer:
    return {"status": "ok", "response": {"type": kind, "data": data}}


def statuses(kind: str, found: Iterable[Any]) -> Answer:
    return answer(kind, {"statuses": list(found)})


def failure(text: str) -> Answer:
    return {"status": "err", "response": text}
