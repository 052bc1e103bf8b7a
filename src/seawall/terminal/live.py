"""A running venue on the stage: what it shows, and orders and control as the machine's commands.

Orders go in as domain commands through the host, so that the log has them and the venue's other
clients see them. Only for the venue's funded test accounts: no key is needed or known here.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from msgspec import structs

from seawall.domain import commands
from seawall.domain.commands import ALL_MARKETS, Command
from seawall.domain.enums import MarginMode
from seawall.domain.errors import InputError
from seawall.domain.events import CommandRejected
from seawall.engine.account_view import account_margins
from seawall.engine.holding_view import trading_room
from seawall.sandbox.control import Control
from seawall.sandbox.control_schema import ROUTES, read_request
from seawall.sandbox.venue import Venue
from seawall.terminal import protocol, tickets, twaps
from seawall.terminal.account import held_by
from seawall.terminal.cascade import CascadeLog
from seawall.terminal.guard import GuardView
from seawall.terminal.past import reason_text
from seawall.terminal.preview import MODES, Copy, leverage_command
from seawall.terminal.questions import QUESTIONS, answer_to
from seawall.terminal.scene import DirectoryNames, Scene
from seawall.terminal.stage import Listeners, Looking, view_of
from seawall.venues.port import Applied, Done, Plan, Refusal

STEERED = {route.handler: route for route in ROUTES if route.method == "POST"}
"""Routes of the control API that a page may ask for, by name."""
WENT_BACK = ("revert", "reset")
DONE = {
    "price": "price set",
    "shock": "shock begun",
    "oracle": "oracle changed",
    "liquidity": "depth changed",
    "funding": "premium set",
    "advance": "time has passed",
    "pause": "clock stopped",
    "resume": "clock goes on",
    "speed": "speed changed",
    "save": "moment saved",
    "revert": "gone back",
    "reset": "gone back to the start",
    "fund": "account funded",
}


class LiveStage(Listeners):
    """Implements ``stage.Stage`` for a running venue. ``guard``: a guard's journal, or None."""

    def __init__(self, venue: Venue, guard: Path | None = None) -> None:
        super().__init__()
        self._venue = venue
        self._host = venue.host
        self._control = Control(venue.market, venue.users, venue.wire.account_named)
        tests = [key.address for key in venue.users]
        agents = venue.market.agents
        names = [] if agents is None else [name for name, _ in agents.needed_accounts()]
        addresses = [venue.wire.agent_address(venue.seed_phrase, name) for name in names]
        self.scene = Scene(
            venue.host.engine,
            venue.host.history,
            DirectoryNames(venue.host.directory, tests, addresses),
            venue.host.now_ms,
        )
        self.cascade = CascadeLog(self.scene)
        self.guard = GuardView(guard)
        self.epoch = 0
        self._copy = Copy(self.scene)
        self._twaps = venue.wire.twap_orders()
        self._sequence = self._host.engine.sequence
        self._host.listen(self._heard)

    # -- what is shown ---------------------------------------------------------------------------

    def snapshot(self) -> protocol.Snapshot:
        scene = self.scene
        return protocol.Snapshot(
            self.epoch,
            self._venue.name,
            "unified" if self._venue.mode == "unified" else "standard",
            f"{scene.rulebook.name} as of {scene.rulebook.as_of}",
            tuple(scene.market_info(row) for row in range(len(scene.instruments))),
            tuple(
                scene.account_info(row, may_trade=scene.names.of(row).kind == "test")
                for row in scene.names.shown()
            ),
            "venue",
            scene.offered(),
            twaps.terms_of(self._twaps),
        )

    def twaps(self, account: int) -> protocol.Twaps:
        return twaps.shown(self.scene, self._host, self._twaps, account)

    def venue(self, looking: Looking) -> protocol.Venue:
        host, clock, world = self._host, self._host.clock, self._venue.market.world
        feed, agents = self._venue.market.feed, self._venue.market.agents
        conditions = tuple(
            protocol.Condition(
                market.name,
                *_condition(world.condition(market.row)),
                any(shock.row == market.row for shock in world.shocks),
                feed is not None and feed.is_stale(market.row),
            )
            for market in world.markets
        )
        return protocol.Venue(
            host.now_ms(),
            clock.speed,
            clock.paused,
            world.source.name,
            len(agents.agents) if agents else 0,
            host.engine.sequence,
            host.history.trouble,
            tuple(host.save_points()),
            conditions,
            view_of(self.scene, looking),
            None,
        )

    def first_account(self) -> int:
        first, _ = self._venue.wire.funded_addresses(self._venue.users[0], 0.0)[0]
        return self.scene.account(first)

    def _heard(self, batch: Sequence[Applied]) -> None:
        self.look()
        self.cascade.add(batch)
        self.tell(batch)

    def look(self) -> None:
        """Find out whether the venue went back in time."""
        sequence = self._host.engine.sequence
        if sequence < self._sequence:
            self._went_back()
        self._sequence = sequence

    def _went_back(self) -> None:
        self.epoch += 1
        self.cascade.clear()
        self._sequence = self._host.engine.sequence

    async def run(self) -> None:
        """Nothing: the host runs by itself."""

    # -- what is done ----------------------------------------------------------------------------

    async def act(self, request: protocol.AnyRequest, looking: Looking) -> protocol.Answer:
        if isinstance(request, protocol.Control):
            return await self._steer(request)
        if isinstance(request, QUESTIONS):
            return await answer_to(self.scene, self._copy, request, looking.account, self._twaps)
        if isinstance(request, protocol.Play):
            raise InputError.of("", "type", "Play", "asked of a recording")
        name = self.scene.names.of(looking.account)
        if name.kind != "test":
            expected = "one of the venue's test accounts: the page acts for no other"
            raise InputError.of("", "account", name.address, expected)
        return await self._trade(request, looking.account)

    async def _steer(self, request: protocol.Control) -> protocol.Done:
        if request.action not in STEERED:
            raise InputError.of("", "action", request.action, f"one of {', '.join(STEERED)}")
        route = STEERED[request.action]
        method: Any = getattr(self._control, route.handler)
        await method(read_request(bytes(request.body), route.request))
        if request.action in WENT_BACK:
            self._went_back()
        return protocol.Done(DONE[request.action])

    async def _trade(self, request: protocol.AnyRequest, row: int) -> protocol.Answer:
        """Raises InputError, Refusal."""
        if isinstance(request, protocol.PlaceTwap):
            return await self._begin_twap(request, row)
        if isinstance(request, protocol.CancelTwap):
            return await self._end_twap(request, row)
        plans: dict[type[Any], Callable[[Any, int, int], Sequence[Command]]] = {
            protocol.PlaceOrder: self._placed,
            protocol.ModifyOrder: self._moved,
            protocol.CancelOrder: self._cancelled,
            protocol.CancelAll: self._all_cancelled,
            protocol.ClosePosition: self._closed,
            protocol.CloseAll: self._all_closed,
            protocol.ReversePosition: self._reversed,
            protocol.StopToBreakEven: self._stopped,
            protocol.SetLeverage: self._leverage,
            protocol.AdjustMargin: self._margin,
        }
        plan = plans[type(request)]
        opens = isinstance(request, protocol.PlaceOrder | protocol.ModifyOrder)

        def planned(ms: int) -> Plan:
            return Plan(self._named(plan(request, row, ms)))

        done = await self._submit(planned, uses_reserve=not opens)
        placed = tickets.results(self.scene, done.applied)
        if placed:
            return protocol.Placed(placed)
        for applied in done.applied:
            for event in applied.events:
                if isinstance(event, CommandRejected):
                    reason = reason_text(event.reason)
                    return protocol.Refused("venue", reason, "something the venue accepts")
        return protocol.Done("nothing to do" if not done.applied else "done")

    def _named(self, planned: Sequence[Command]) -> list[Command]:
        """New orders with the client ids that they would have over the wire."""
        found = []
        for place, each in enumerate(planned):
            if isinstance(each, commands.PlaceOrder):
                number = self._venue.wire.client_order_id(self._host, each, place)
                high, low = commands.split_client_id(number)
                each = structs.replace(each, client_id_high=high, client_id_low=low)
            found.append(each)
        return found

    async def _submit(self, plan: Callable[[int], Plan], *, uses_reserve: bool) -> Done:
        """Raises InputError as the plan does, Refusal."""
        refused: list[InputError] = []

        def planned(time_ms: int) -> Plan:
            try:
                return plan(time_ms)
            except InputError as error:
                refused.append(error)
                raise Refusal(str(error)) from None

        try:
            return await self._host.submit(planned, uses_reserve=uses_reserve)
        except Refusal:
            if refused:
                raise refused[0] from None
            raise

    async def _begin_twap(self, asked: protocol.PlaceTwap, row: int) -> protocol.Done:
        orders = twaps.taken(self._twaps)
        text = ""

        def plan(time_ms: int) -> Plan:
            nonlocal text
            wanted = twaps.wanted_of(self.scene, orders, row, asked.ticket)
            text = twaps.begun_text(self.scene, orders, wanted)
            return orders.placing(self._host, wanted, time_ms)

        await self._submit(plan, uses_reserve=False)
        return protocol.Done(text)

    async def _end_twap(self, asked: protocol.CancelTwap, row: int) -> protocol.Done:
        orders = twaps.taken(self._twaps)

        def plan(time_ms: int) -> Plan:
            try:
                return orders.cancelling(self._host, row, asked.id)
            except Refusal:
                expected = "a time-weighted order of the account that runs"
                raise InputError.of("", "id", asked.id, expected) from None

        await self._submit(plan, uses_reserve=True)
        return protocol.Done("TWAP cancelled: what it traded stays")

    def _placed(self, asked: protocol.PlaceOrder, row: int, time_ms: int) -> Sequence[Command]:
        return tickets.commands_of(self.scene, row, asked.ticket, time_ms)

    def _moved(self, asked: protocol.ModifyOrder, row: int, time_ms: int) -> Sequence[Command]:
        return tickets.moved_order(self.scene, row, asked, time_ms)

    def _cancelled(self, asked: protocol.CancelOrder, row: int, time_ms: int) -> Sequence[Command]:
        order = tickets.order_of(self.scene, row, asked.order)
        number, market = int(order["order_id"]), int(order["market"])
        return [commands.CancelOrder(time_ms, row, market, number)]

    def _all_cancelled(self, asked: protocol.CancelAll, row: int, ms: int) -> Sequence[Command]:
        market = ALL_MARKETS if asked.market is None else self.scene.market(asked.market)
        if not asked.orphaned:
            return [commands.CancelAll(ms, row, market)]
        return [
            commands.CancelOrder(ms, row, int(order["market"]), int(order["order_id"]))
            for order in tickets.orphaned(self.scene, row)
            if market in (ALL_MARKETS, int(order["market"]))
        ]

    def _closed(self, asked: protocol.ClosePosition, row: int, time_ms: int) -> Sequence[Command]:
        held = tickets.position_in(self.scene, row, self.scene.market(asked.market))
        return [tickets.closing_order(self.scene, row, held, asked.share, asked.slippage, time_ms)]

    def _all_closed(self, asked: protocol.CloseAll, row: int, time_ms: int) -> Sequence[Command]:
        return [
            tickets.closing_order(self.scene, row, held, 1.0, asked.slippage, time_ms)
            for held in held_by(self.scene, row).positions
        ]

    def _reversed(self, asked: protocol.ReversePosition, row: int, ms: int) -> Sequence[Command]:
        held = tickets.position_in(self.scene, row, self.scene.market(asked.market))
        return [tickets.reversing_order(self.scene, row, held, asked.slippage, ms)]

    def _stopped(self, asked: protocol.StopToBreakEven, row: int, ms: int) -> Sequence[Command]:
        held = tickets.position_in(self.scene, row, self.scene.market(asked.market))
        return tickets.break_even_stop(self.scene, row, held, ms)

    def _leverage(self, asked: protocol.SetLeverage, row: int, ms: int) -> Sequence[Command]:
        market = self.scene.market(asked.market)
        margins = account_margins(self.scene.engine, row)
        room = trading_room(self.scene.engine, row, market, margins)
        leverage = room.leverage if asked.leverage is None else asked.leverage
        mode = MarginMode(room.mode) if asked.mode is None else MODES[asked.mode]
        return [leverage_command(self.scene, row, market, leverage, mode, ms)]

    def _margin(self, asked: protocol.AdjustMargin, row: int, ms: int) -> Sequence[Command]:
        market = self.scene.market(asked.market)
        if self.scene.in_blocks:
            expected = "left out: isolated positions are subaccounts, money moves by a transfer"
            raise InputError.of("", "amount", asked.amount, expected)
        amount = tickets.margin_amount(asked.amount)
        return [commands.AdjustIsolatedMargin(ms, row, market, amount)]


def _condition(found: Any) -> tuple[str, float, float, float]:
    return found.oracle.value, found.lag_seconds, found.withdrawn, found.premium
