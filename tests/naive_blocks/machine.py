"""The naive twin under rules of blocks: one command at a time, and the life of a block."""

from collections.abc import Mapping
from typing import Any

from seawall.domain.enums import (
    CommandKind,
    EventKind,
    MarginMode,
    MarketStatus,
    OrderState,
    Reason,
)
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import BlockRulebook
from seawall.domain.units import MAX_TIME_MS
from tests.naive.machine import (
    ACCOUNT_KINDS,
    MARKET_KINDS,
    Command,
    PositionNumbers,
)

from . import conditionals, deleveraging, fees, funding, money, orders, twap
from .state import (
    BACKSTOP,
    FIRST_USER,
    INSURANCE_FUND,
    Account,
    Event,
    Market,
    Rejected,
    State,
)
from .updates import risk_of

__all__ = ["Command", "NaiveBlockMachine"]

K = CommandKind


def commit(s: State) -> None:
    """One block: cancels, votes, prices, fees, funding; then orders, then liquidations."""
    late = s.clock - s.last_block >= s.rules.block.outage_ms
    if s.last_block > 0 and late:
        deleveraging.shut_all(s)
    orders.run_pending_cancels(s)
    funding.vote(s)
    money.take_pending_prices(s)
    fees.evaluate(s)
    funding.run_epochs(s)
    s.height += 1
    s.last_block = s.clock
    orders.prune_memories(s)
    orders.expire(s)
    twap.send_legs(s)
    conditionals.fire(s)
    orders.place_queue(s)
    deleveraging.after_block(s)


def advance_time(s: State, c: Command) -> None:
    """Every block that ends up to the clock; the first call sets the beat."""
    if s.next_block == 0:
        s.next_block = c.time_ms
    while s.next_block <= c.time_ms:
        s.clock = s.next_block
        commit(s)
        s.next_block += s.rules.block.block_ms
    s.clock = c.time_ms


def set_fee_standing(s: State, c: Command) -> None:
    fees.set_fee_standing(s, s.accounts[c.account], c.money, c.flags, c.status)


def set_market_discount(s: State, c: Command) -> None:
    fees.set_market_discount(s, c.market, c.leverage, c.price, c.trigger_price)


HANDLERS = {
    K.CREATE_ACCOUNT: money.create_account,
    K.DEPOSIT: money.deposit,
    K.WITHDRAW: money.withdraw,
    K.TRANSFER: money.transfer,
    K.ADOPT_POSITION: money.adopt_position,
    K.SET_LEVERAGE: money.set_leverage,
    K.SET_INITIAL_FRACTION: money.set_initial_fraction,
    K.SET_ORACLE_PRICE: money.set_oracle_price,
    K.SET_MARKET_STATUS: money.set_market_status,
    K.SET_FEE_STANDING: set_fee_standing,
    K.SET_MARKET_DISCOUNT: set_market_discount,
    K.ADVANCE_TIME: advance_time,
    K.PLACE_ORDER: orders.place_order,
    K.PLACE_TWAP_ORDER: twap.place_twap_order,
    K.CANCEL_ORDER: orders.cancel_order,
    K.CANCEL_BY_CLIENT_ID: orders.cancel_by_client_id,
    K.CANCEL_ALL: orders.cancel_all,
}


class NaiveBlockMachine:
    """Obvious, slow and independent of the fast engine."""

    def __init__(self, rulebook: BlockRulebook, instruments: list[Instrument]) -> None:
        markets = [Market(number, row) for number, row in enumerate(instruments)]
        for market in markets:
            if market.instrument.delisted:
                market.status = MarketStatus.DELISTED
        self.state = State(rulebook, markets, [Account(n) for n in range(FIRST_USER)])

    def apply(self, row: Mapping[str, Any]) -> list[Event]:
        """Performs one command (a mapping or a row of ``command_dtype``)."""
        names = getattr(getattr(row, "dtype", None), "names", None) or tuple(row)
        known = [name for name in names if name in Command._fields]
        command = Command(**{name: int(row[name]) for name in known})
        s = self.state
        s.events = []
        clock = s.clock
        try:
            self._check(command)
            s.clock = command.time_ms
            kind = CommandKind(command.kind)
            if kind not in HANDLERS:
                raise Rejected(Reason.COMMAND_NOT_OFFERED)
            HANDLERS[kind](s, command)
        except Rejected as rejection:
            s.clock = clock
            s.events = [Event(EventKind.COMMAND_REJECTED, rejection.reason, command.account)]
        return list(s.events)

    def _check(self, c: Command) -> None:
        s = self.state
        if c.kind not in tuple(CommandKind):
            raise Rejected(Reason.UNKNOWN_COMMAND)
        if c.time_ms < s.clock:
            raise Rejected(Reason.TIME_WENT_BACK)
        if c.time_ms > MAX_TIME_MS:
            raise Rejected(Reason.VALUE_OUT_OF_RANGE)
        if c.kind in ACCOUNT_KINDS:
            if not 0 <= c.account < len(s.accounts):
                raise Rejected(Reason.UNKNOWN_ACCOUNT)
            allowed = c.account >= FIRST_USER or (
                c.account in (INSURANCE_FUND, BACKSTOP) and c.kind == K.DEPOSIT
            )
            if not allowed:
                raise Rejected(Reason.SYSTEM_ACCOUNT_FORBIDDEN)
        in_range = 0 <= c.market < len(s.markets)
        any_market = c.kind == K.CANCEL_ALL and c.market == -1
        needs_market = c.kind in MARKET_KINDS or c.kind == K.CANCEL_ALL
        if needs_market and not in_range and not any_market:
            raise Rejected(Reason.UNKNOWN_MARKET)

    # the read-only view that the generator, the scenarios and the comparison use

    def accounts(self) -> int:
        return len(self.state.accounts)

    def cash(self, account: int) -> int:
        return self.state.accounts[account].cash

    def mark(self, market: int) -> int:
        return self.state.markets[market].oracle

    def position_numbers(self, account: int, market: int) -> PositionNumbers:
        owner = self.state.accounts[account]
        position = owner.positions.get(market)
        size, entry = (position.size, position.entry) if position else (0, 0)
        leverage = owner.leverage.get(market, 1)
        return PositionNumbers(size, entry, 0, 0, 0, leverage, MarginMode.CROSS)

    def open_orders(self, account: int) -> list[int]:
        return [o.order_id for o in self.state.orders.values() if o.account == account]

    def open_interest(self, market: int) -> int:
        return self.state.open_interest(market)

    def levels(self, market: int, side: int) -> dict[int, int]:
        totals: dict[int, int] = {}
        for order in self.state.book(market, side):
            totals[order.price] = totals.get(order.price, 0) + order.remaining
        return totals

    def pool(self, market: int) -> int:
        """Cash of the market's own pool, or (-1) of the cross pool."""
        return self.state.pool(market)

    def insurance(self, market: int) -> int:
        """Cash of the fund that stands behind a market, or (-1) of the common one."""
        common = self.state.accounts[INSURANCE_FUND].cash
        return common if market < 0 else self.state.fund(market)

    def margins(self, account: int) -> tuple[int, int, int]:
        return tuple(risk_of(self.state, self.state.accounts[account]))  # type: ignore[return-value]

    def funding_index(self, market: int) -> int:
        return self.state.markets[market].index

    def height(self) -> int:
        return self.state.height

    def order_state(self, order_id: int) -> OrderState:
        order = self.state.orders.get(order_id)
        return order.state if order else OrderState.FREE
