"""The naive twin of the whole machine: one command at a time, in the documented order of checks."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from seawall.domain.enums import (
    CommandKind,
    EventKind,
    MarginGrouping,
    MarketStatus,
    OrderState,
    Reason,
)
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import Rulebook
from seawall.domain.units import MAX_TIME_MS

from . import book, fees, funding, liquidation, money, orders, prices
from .margin import side_holds
from .state import (
    BACKSTOP,
    DAY_MS,
    FIRST_USER_ACCOUNT,
    INSURANCE_FUND,
    Account,
    Event,
    Group,
    Market,
    Rejected,
    State,
)


class Command(NamedTuple):
    """The fields of ``command_dtype``; a name that is missing in the input is 0."""

    kind: int
    time_ms: int = 0
    price: int = 0
    order_size: int = 0
    trigger_price: int = 0
    order_id: int = 0
    client_id_high: int = 0
    client_id_low: int = 0
    money: int = 0
    account: int = 0
    market: int = 0
    side: int = 0
    flags: int = 0
    time_in_force: int = 0
    leverage: int = 0
    mode: int = 0
    other_account: int = 0
    status: int = 0


K = CommandKind
ACCOUNT_KINDS = {
    K.PLACE_TWAP_ORDER,
    K.SET_INITIAL_FRACTION,
    K.SET_FEE_STANDING,
    K.DEPOSIT,
    K.WITHDRAW,
    K.TRANSFER,
    K.SET_LEVERAGE,
    K.ADJUST_ISOLATED_MARGIN,
    K.TOP_UP_ISOLATED_MARGIN,
    K.PLACE_ORDER,
    K.CANCEL_ORDER,
    K.CANCEL_BY_CLIENT_ID,
    K.MODIFY_ORDER,
    K.CANCEL_ALL,
    K.SCHEDULE_CANCEL,
    K.ADOPT_POSITION,
    K.SET_FEE_DISCOUNTS,
    K.SET_MARGIN_SCHEDULE,
    K.SET_MARGIN_GROUPING,
}
MARKET_KINDS = {
    K.PLACE_TWAP_ORDER,
    K.SET_INITIAL_FRACTION,
    K.SET_MARKET_DISCOUNT,
    K.SET_LEVERAGE,
    K.ADJUST_ISOLATED_MARGIN,
    K.TOP_UP_ISOLATED_MARGIN,
    K.PLACE_ORDER,
    K.MODIFY_ORDER,
    K.SET_ORACLE_PRICE,
    K.ADOPT_POSITION,
    K.SET_MARKET_STATUS,
    K.SET_MARGIN_SCHEDULE,
    K.SETTLE_MARKET,
}
BACKSTOP_KINDS = {
    K.DEPOSIT,
    K.PLACE_ORDER,
    K.MODIFY_ORDER,
    K.CANCEL_ORDER,
    K.CANCEL_BY_CLIENT_ID,
    K.CANCEL_ALL,
}


def advance_time(s: State, c: Command) -> None:
    """Scheduled cancels, funding, the end of days, then what earlier price updates left."""
    orders.run_scheduled_cancels(s)
    if not s.started:
        s.started = True
        s.day = s.clock // DAY_MS
        funding.start(s)
    funding.advance(s)
    days = s.clock // DAY_MS - s.day
    if days > 0:
        fees.end_days(s, days)
        orders.start_of_day(s)
    for market in s.markets:
        orders.fire_triggers(s, market.number)
    liquidation.liquidate(s, liquidation.below_maintenance(s))


HANDLERS = {
    K.CREATE_ACCOUNT: money.create_account,
    K.DEPOSIT: money.deposit,
    K.WITHDRAW: money.withdraw,
    K.TRANSFER: money.transfer,
    K.SET_LEVERAGE: money.set_leverage,
    K.ADJUST_ISOLATED_MARGIN: money.adjust_isolated_margin,
    K.TOP_UP_ISOLATED_MARGIN: money.top_up_isolated_margin,
    K.PLACE_ORDER: orders.place_order,
    K.CANCEL_ORDER: orders.cancel_order,
    K.CANCEL_BY_CLIENT_ID: orders.cancel_by_client_id,
    K.MODIFY_ORDER: orders.modify_order,
    K.CANCEL_ALL: orders.cancel_all,
    K.SCHEDULE_CANCEL: orders.schedule_cancel,
    K.SET_ORACLE_PRICE: prices.set_oracle_price,
    K.ADVANCE_TIME: advance_time,
    K.ADOPT_POSITION: money.adopt_position,
    K.SET_FEE_DISCOUNTS: money.set_fee_discounts,
    K.SET_MARKET_STATUS: money.set_market_status,
    K.SET_MARGIN_SCHEDULE: money.set_margin_schedule,
    K.SETTLE_MARKET: money.settle_market,
    K.SET_MARGIN_GROUPING: money.set_margin_grouping,
}


class PositionNumbers(NamedTuple):
    """One position as a comparison reads it."""

    size: int = 0
    entry_notional: int = 0
    isolated_cash: int = 0
    buy_hold: int = 0
    sell_hold: int = 0
    leverage: int = 0
    mode: int = 0


class NaiveMachine:
    """Obvious, slow and independent of the fast engine."""

    def __init__(self, rulebook: Rulebook, instruments: list[Instrument]) -> None:
        markets = []
        for number, instrument in enumerate(instruments):
            status = MarketStatus.DELISTED if instrument.delisted else MarketStatus.OPEN
            cap = instrument.open_interest_cap
            markets.append(Market(number, instrument, status, open_interest_cap=cap))
        schedules = list(dict.fromkeys(instrument.tiers for instrument in instruments))
        named = {instrument.group: instrument.collateral for instrument in instruments}
        groups = [Group(name, collateral) for name, collateral in named.items()]
        self.state = State(rulebook, markets, [], schedules, groups)
        for number in range(FIRST_USER_ACCOUNT):
            self.state.accounts.append(Account(number, grouping=MarginGrouping.SHARED))
            fees.set_rates(self.state, self.state.accounts[number])

    def apply(self, row: Mapping[str, Any]) -> list[Event]:
        """Performs one command (a mapping or a row of ``command_dtype``)."""
        names = getattr(getattr(row, "dtype", None), "names", None) or tuple(row)
        known = [name for name in names if name in Command._fields]
        command = Command(**{name: int(row[name]) for name in known})
        s = self.state
        s.events = []
        s.visits_left = s.rules.liquidation.fills_per_command
        clock = s.clock
        saved = orders.snapshot(s) if command.kind == K.MODIFY_ORDER else None
        try:
            self._check(command)
            s.clock = command.time_ms
            kind = CommandKind(command.kind)
            if kind not in HANDLERS:
                raise Rejected(Reason.COMMAND_NOT_OFFERED)
            HANDLERS[kind](s, command)
        except Rejected as rejection:
            if saved is not None:
                s = self.state = saved
            s.clock = clock
            rejected = Event(EventKind.COMMAND_REJECTED, rejection.reason, command.account)
            s.events = [rejected]
        s.sequence += 1
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
            allowed = (
                c.account >= FIRST_USER_ACCOUNT
                or (c.account == BACKSTOP and c.kind in BACKSTOP_KINDS)
                or (c.account == INSURANCE_FUND and c.kind == K.DEPOSIT)
            )
            if not allowed:
                raise Rejected(Reason.SYSTEM_ACCOUNT_FORBIDDEN)
        in_range = 0 <= c.market < len(s.markets)
        any_market = c.kind == K.CANCEL_ALL and c.market == -1
        needs_market = c.kind in MARKET_KINDS or c.kind == K.CANCEL_ALL
        if needs_market and not in_range and not any_market:
            raise Rejected(Reason.UNKNOWN_MARKET)

    def override_mark(self, market: int, price: int) -> None:
        """The next mark of ``market`` is ``price`` if it differs by at most one unit."""
        self.state.markets[market].mark_hint = price

    def override_premium(self, market: int, premium: int) -> None:
        """Premium samples are ``premium`` from now on if rounding of impact prices explains it."""
        self.state.markets[market].premium_hint = premium

    # the read-only view that the generator and the scenarios use

    def accounts(self) -> int:
        return len(self.state.accounts)

    def cash(self, account: int, group: int = 0) -> int:
        return self.state.accounts[account].cash[group]

    def grouping(self, account: int) -> int:
        return self.state.accounts[account].grouping

    def oracle(self, market: int) -> int:
        return self.state.markets[market].oracle

    def mark(self, market: int) -> int:
        return self.state.markets[market].mark

    def position(self, account: int, market: int) -> int:
        return self.state.look(self.state.accounts[account], market).size

    def position_numbers(self, account: int, market: int) -> PositionNumbers:
        row = self.state.accounts[account]
        p = self.state.look(row, market)
        buy, sell = side_holds(self.state, row, market).values()
        return PositionNumbers(p.size, p.entry, p.isolated_cash, buy, sell, p.leverage, p.mode)

    def open_orders(self, account: int) -> list[int]:
        return [order.order_id for order in self.state.open_orders(account)]

    def order_state(self, order_id: int) -> OrderState:
        order = self.state.orders.get(order_id)
        return order.state if order else OrderState.FREE

    def open_interest(self, market: int) -> int:
        return self.state.open_interest(market)

    def levels(self, market: int, side: int) -> dict[int, int]:
        return book.levels(self.state, market, side)
