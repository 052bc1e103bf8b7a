"""What the history tells: orders, fills, candles, funding, money, and where each came from."""

import pytest

from seawall.domain.commands import (
    AdvanceTime,
    CancelAll,
    Deposit,
    ModifyOrder,
    SetLeverage,
    SetOraclePrice,
    Transfer,
    Withdraw,
)
from seawall.domain.enums import FillFlag, MarginMode, OrderFlag, Reason, Side, TimeInForce
from seawall.sandbox import history as module
from tests.sandbox.venue import BTC, ETH, LOT, PRICE, START_MS, USD, do, order, run, set_up

IOC = TimeInForce.IMMEDIATE_OR_CANCEL
BUY, SELL = Side.BUY, Side.SELL


def newest_id(host, account):
    return host.history.orders(account)[0].order_id


def test_an_order_from_its_placement_to_its_end():
    async def main(host):
        maker, taker = await set_up(host)
        await do(host, order(maker, SELL, size=3 * LOT, client_id=77))
        first = host.history.order(maker, client_id=77)
        assert (first.status, first.remaining_size, first.original_size) == ("open", 3000, 3000)
        assert (first.side, first.price, first.placed_ms) == (SELL, PRICE, START_MS)
        host.clock.advance(10)
        await do(host, order(taker, BUY, client_id=5))
        now = host.history.order(maker, first.order_id)
        assert (now.status, now.remaining_size, now.status_ms) == ("open", 2000, START_MS + 10)
        assert host.history.order(taker, client_id=5).status == "filled"
        await do(host, (ModifyOrder, maker, BTC, first.order_id, SELL, PRICE + 100, LOT))
        assert host.history.order(maker, client_id=77).reason == Reason.REPLACED
        assert host.history.orders(maker)[0].price == PRICE + 100
        await do(host, (CancelAll, maker))
        last = host.history.orders(maker)[0]
        assert (last.status, last.reason) == ("canceled", Reason.CANCELLED_BY_USER)
        await do(host, order(maker, SELL, size=LOT))
        await do(host, order(taker, BUY, size=2 * LOT, time_in_force=IOC))
        last = host.history.orders(taker)[0]
        assert (last.status, last.reason) == ("canceled", Reason.IMMEDIATE_REMAINDER)
        assert last.remaining_size == LOT
        assert host.history.order(taker, first.order_id) is None
        assert host.history.order(taker) is None

    run(main)


def test_refused_orders_are_told_with_the_reason():
    async def main(host):
        maker, _ = await set_up(host)
        done = await do(host, order(maker, BUY, time_in_force=IOC, client_id=9))
        told = host.history.order(maker, client_id=9)
        assert (told.status, told.reason) == ("rejected", Reason.NOTHING_TO_MATCH)
        assert told.order_id == -done.applied[0].events[0].sequence

    run(main)


def test_a_trigger_order_waits_fires_and_fills():
    async def main(host):
        maker, taker = await set_up(host)
        await do(host, order(maker, BUY, size=5 * LOT, price=PRICE - 2000))
        await do(host, order(maker, SELL, size=LOT))
        await do(host, order(taker, BUY))
        flags = OrderFlag.TRIGGER | OrderFlag.TRIGGER_MARKET | OrderFlag.REDUCE_ONLY
        stop = order(taker, SELL, PRICE - 5000, flags=flags, trigger_price=PRICE - 1000)
        await do(host, stop)
        told = host.history.orders(taker)[0]
        assert (told.status, told.trigger_price) == ("waiting", PRICE - 1000)
        for _ in range(5):
            host.clock.advance(5000)
            await do(host, (SetOraclePrice, BTC, PRICE - 1500, PRICE - 1500))
        told = host.history.order(taker, told.order_id)
        assert told.status == "filled"
        assert host.history.fills(taker)[0].order_id == told.order_id

    run(main)


def test_fills_of_both_sides_share_an_id():
    async def main(host):
        maker, taker = await set_up(host)
        await do(host, order(maker, SELL, client_id=3), order(maker, SELL, PRICE + 10))
        await do(host, order(taker, BUY, PRICE + 10, 2 * LOT))
        mine, others = host.history.fills(taker), host.history.fills(maker)
        assert [fill.price for fill in mine] == [PRICE + 10, PRICE]
        assert [fill.trade_id for fill in mine] == [fill.trade_id for fill in others]
        assert mine[0].trade_id != mine[1].trade_id
        assert mine[1].counterparty == maker
        assert [fill.client_id for fill in others] == [0, 3]
        assert mine[0].is_taker
        assert mine[0].fee > 0
        assert mine[0].position_before == LOT
        assert host.history.trades(BTC) == mine
        assert host.history.fills(taker, limit=1) == mine[:1]
        assert host.history.fills(taker, start_ms=START_MS + 1) == []

    run(main)


def test_candles_of_minutes_become_those_of_any_interval():
    async def main(host):
        maker, taker = await set_up(host)
        for minute in range(10):
            price = PRICE + (minute * 370) % 500
            await do(host, order(maker, SELL, price), order(maker, SELL, price + 10))
            await do(host, order(taker, BUY, price + 10, 2 * LOT))
            host.clock.advance(60_000)
        ones = host.history.candles(BTC, 60_000, START_MS, START_MS + 600_000)
        assert len(ones) == 10
        assert ones[0].open == PRICE
        assert ones[0].close == ones[0].high == PRICE + 10
        fives = host.history.candles(BTC, 300_000, START_MS, START_MS + 600_000)
        assert sum(candle.volume for candle in fives) == 20 * LOT
        for candle in fives:
            parts = [one for one in ones if one.opened_ms // 300_000 * 300_000 == candle.opened_ms]
            assert (candle.open, candle.close) == (parts[0].open, parts[-1].close)
            assert candle.high == max(one.high for one in parts)
            assert candle.low == min(one.low for one in parts)
            assert candle.trades == sum(one.trades for one in parts)
        assert host.history.candles(BTC, 60_000, 0, 2**62, limit=3) == ones[-3:]
        notional, size, before = host.history.day_volume(BTC)
        assert size == 20 * LOT
        assert notional == sum(fill.price * fill.size for fill in host.history.trades(BTC))
        assert before == PRICE
        assert host.history.day_volume(ETH) == (0, 0, 0)

    run(main)


def test_funding_paid_and_the_rates_of_every_market():
    async def main(host):
        maker, taker = await set_up(host)
        await do(host, order(maker, SELL, size=100 * LOT))
        await do(host, order(taker, BUY, size=100 * LOT))
        await host.advance(1)
        await host.advance(2 * 3_600_000, step_ms=3_600_000 * 2)
        rates = host.history.funding_rates(BTC)
        assert len(rates) == 2
        assert [rate.time_ms % 3_600_000 for rate in rates] == [0, 0]
        assert len(host.history.funding_rates(ETH)) == 2
        paid, received = host.history.funding(taker), host.history.funding(maker)
        assert [one.amount for one in paid] == [-one.amount for one in received]
        assert paid[0].rate == rates[-1].rate != 0
        assert paid[0].signed_size == 100 * LOT

    run(main)


def test_money_that_came_and_went():
    async def main(host):
        one, other = await set_up(host)
        await do(host, (Withdraw, one, 5 * USD), (Transfer, one, other, 7 * USD))
        told = [(line.kind, line.amount) for line in host.history.ledger(one)]
        assert told == [
            ("transfer_out", -7 * USD),
            ("withdraw", -5 * USD),
            ("deposit", 1_000_000 * USD),
        ]
        groups = {"group": 0, "other_group": 0}
        assert host.history.ledger(one)[0].body == {"counterparty": other, **groups}
        assert host.history.ledger(other)[0].kind == "transfer_in"

    run(main)


async def over_leverage(host, mode):
    """A long of 1 BTC at 40x on 1,300 USD, everybody's prices far from it."""
    maker, taker = await set_up(host)
    await do(host, (Withdraw, taker, 1_000_000 * USD - 1300 * USD))
    await do(host, (SetLeverage, taker, BTC, 40, mode))
    await do(host, order(maker, SELL, size=100 * LOT))
    await do(host, order(taker, BUY, size=100 * LOT))
    return maker, taker


def forced_order(host, account, fill):
    """The order of a forced fill, which has an id of its own."""
    found = host.history.order(account, order_id=fill.order_id)
    assert (found.market, found.side, found.client_id) == (fill.market, fill.side, 0)
    assert found.flags & OrderFlag.LIQUIDATION
    assert found in host.history.orders(account)
    return found


@pytest.mark.parametrize("mode", [MarginMode.CROSS, MarginMode.ISOLATED])
def test_a_liquidation_through_the_book(mode):
    async def main(host):
        maker, taker = await over_leverage(host, mode)
        await do(host, order(maker, BUY, PRICE - 8000, 200 * LOT))
        for _ in range(3):
            host.clock.advance(60_000)
            await do(host, (SetOraclePrice, BTC, PRICE - 7500, PRICE - 7500))
        fill = host.history.fills(taker)[0]
        assert (fill.origin, fill.side, fill.mark_price) == ("liquidation", SELL, PRICE - 7500)
        assert fill.flags & FillFlag.LIQUIDATED
        done = forced_order(host, taker, fill)
        assert (done.status, done.original_size, done.remaining_size) == ("filled", 100 * LOT, 0)
        other = host.history.fills(maker)[0]
        assert (other.origin, other.mark_price) == ("liquidation", PRICE - 7500)
        assert not other.flags & FillFlag.LIQUIDATED
        line = next(x for x in host.history.ledger(taker) if x.kind == "liquidation")
        assert line.body["market"] == (-1 if mode == MarginMode.CROSS else BTC)
        assert line.body["positions"] == [{"market": BTC, "size": 100 * LOT}]
        assert line.body["notional"] == 100 * LOT * (PRICE - 8000)
        assert line.amount == 0

    run(main)


def test_a_takeover_by_the_backstop_tells_what_was_lost():
    async def main(host):
        _, taker = await over_leverage(host, MarginMode.CROSS)
        await do(host, (Deposit, 2, 1_000_000 * USD))
        for _ in range(3):
            host.clock.advance(60_000)
            await do(host, (SetOraclePrice, BTC, PRICE - 9000, PRICE - 9000))
        fill = host.history.fills(taker)[0]
        assert (fill.origin, fill.counterparty, fill.size) == ("backstop", 2, 100 * LOT)
        line = next(x for x in host.history.ledger(taker) if x.kind == "liquidation")
        at_mark = 100 * LOT * (fill.mark_price - PRICE)
        assert fill.closed_profit == at_mark - line.body["equity"]
        # The price leaves nothing of the bucket, to a price unit.
        assert 0 <= 100 * LOT * (fill.price - PRICE) - fill.closed_profit < 100 * LOT
        assert fill.position_before == 100 * LOT
        assert forced_order(host, taker, fill).status == "filled"
        assert host.history.fills(2)[0].trade_id == fill.trade_id
        assert fill not in host.history.trades(BTC)

    run(main)


def test_deleveraging_has_its_origin():
    async def main(host):
        maker, taker = await over_leverage(host, MarginMode.CROSS)
        for _ in range(3):
            host.clock.advance(60_000)
            await do(host, (SetOraclePrice, BTC, PRICE - 40_000, PRICE - 40_000))
        taken, other = host.history.fills(taker)[0], host.history.fills(maker)[0]
        assert (taken.origin, other.origin) == ("deleveraging", "deleveraging")
        assert forced_order(host, taker, taken).status == "filled"
        assert forced_order(host, maker, other).original_size == other.size
        assert taken.order_id != other.order_id
        assert taken.mark_price == other.mark_price < PRICE
        # At the mark before the jump, which was the price it opened at.
        assert host.history.fills(maker)[0].price == PRICE

    run(main)


def test_old_rows_of_an_account_are_forgotten_but_no_open_order(monkeypatch):
    monkeypatch.setattr(module, "KEPT_ORDERS", 5)
    monkeypatch.setattr(module, "KEPT_FILLS", 5)
    monkeypatch.setattr(module, "PRUNE_EVERY", 1)

    async def main(host):
        maker, taker = await set_up(host)
        await do(host, order(maker, SELL, PRICE + 100, client_id=1))
        for _ in range(10):
            await do(host, order(maker, SELL), order(taker, BUY))
        assert host.history.order(maker, client_id=1).status == "open"
        assert len(host.history.orders(maker)) <= 8
        assert len(host.history.fills(taker)) <= 7

    run(main)


def test_what_is_put_aside_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "MAX_ASIDE", 3)
    monkeypatch.setattr(module, "WRITE_EVERY_S", 1000)

    async def main(host):
        for time in range(10):
            await do(host, (AdvanceTime,))
            assert len(host._storage.history._aside) <= 3, time

    run(main)
