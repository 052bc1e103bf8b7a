"""Carry against a table worked by hand, closed forms, and the machine's own funding."""

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.accounts.markets import markets_under, shipped_markets
from seawall.accounts.valuation import Valuation
from seawall.domain.commands import (
    AdoptPosition,
    AdvanceTime,
    CreateAccount,
    Deposit,
    SetOraclePrice,
)
from seawall.domain.enums import MarginMode, Side
from seawall.domain.events import AccountCreated, FundingPaid
from seawall.domain.holdings import Holdings, Position
from seawall.domain.units import MICRO
from seawall.engine.engine import Engine
from seawall.engine.layout import Limits
from seawall.lab.carry.account import account_carry, erosion
from seawall.lab.carry.before_funding import BeforeFunding, before_funding
from seawall.lab.carry.carry import (
    CarryTrade,
    break_even_move,
    break_even_price,
    bucket_equity,
    entry_cost,
    equity_at_constant_leverage,
    exit_cost,
    funding_paid,
    funding_payment,
    liquidation_price,
    settlements_of_constant,
    settlements_until_liquidation,
    straight_prices,
)
from seawall.lab.carry.funding import constant_path, recorded_path, reverting_path
from seawall.lab.carry.outcome import CarryTask, outcome_of
from seawall.lab.market.candle_file import PathError
from seawall.lab.size.margin import margin_rule
from seawall.venues.rulebook_file import load_rulebook
from tests.shared_files import shared_file

SHIPPED = shipped_markets()
BTC = SHIPPED["BTC"]
USUAL = 12_500_000
"""0.0000125 an hour: 0.01 % per 8 hours."""
MONTH = 720


def trade_of(
    *, is_long: bool = True, size: int = 10**5, price: int = 10**6, **rates: int
) -> CarryTrade:
    """1 BTC at 100,000 USD; taker in, maker out, no slippage."""
    costs = {"entry_rate": 450_000, "exit_rate": 150_000, "entry_slippage": 0,
             "exit_slippage": 0} | rates  # fmt: skip
    return CarryTrade(is_long=is_long, size=size, price=price, **costs)


def dollars(text: str) -> int:
    return int(Decimal(text) * MICRO)


def profit_at(trade: CarryTrade, price: Fraction, paid: int) -> Fraction:
    """Micro-USD left when leaving at a price (price units) after all costs; negative for a loss."""
    moved = trade.side * (trade.size * price - trade.notional)
    return moved - entry_cost(trade) - exit_cost(trade, price) - paid


# Worked by hand: 1 BTC bought at 100,000 with 0.045 %, to be sold with 0.015 %, funding 0.00125 %
# of 100,000 an hour. In: 45. Sold at 100,000: 15. Each hour 1.25, each day 30.
# Flat where p x 0.99985 = 100,045 + funding, that is p = (100,045 + funding) / 0.99985.
HAND = (
    # day, funding so far, cost so far at 100,000, bucket at 10x, share of the margin
    (0, "0", "60", "9955", "0.60"),
    (1, "30", "90", "9925", "0.90"),
    (7, "210", "270", "9745", "2.70"),
    (14, "420", "480", "9535", "4.80"),
    (21, "630", "690", "9325", "6.90"),
    (30, "900", "960", "9055", "9.60"),
)


@pytest.mark.parametrize(("day", "funding", "cost", "bucket", "share"), HAND)
def test_a_month_by_hand(day: int, funding: str, cost: str, bucket: str, share: str) -> None:
    trade = trade_of()
    paid = [0, *funding_paid(trade, [USUAL] * MONTH)][24 * day]
    assert paid == dollars(funding)
    total = entry_cost(trade) + exit_cost(trade, Fraction(trade.price)) + paid
    assert total == dollars(cost)
    margin = 10_000 * MICRO
    assert bucket_equity(trade, margin, paid) == dollars(bucket)
    assert total / margin * 100 == Fraction(share)
    flat = (Fraction("100045") + Fraction(funding)) / Fraction("0.99985")
    assert break_even_price(trade, paid) == flat * 10
    assert profit_at(trade, flat * 10, paid) == 0


def test_break_even_by_hand() -> None:
    # (100,045 + 900) / 0.99985 = 100,960.144022..., 0.960144 % away.
    paid = dollars("900")
    assert float(break_even_price(trade_of(), paid)) / 10 == pytest.approx(100960.144022, abs=1e-6)
    assert float(break_even_move(trade_of(), paid)) == pytest.approx(0.00960144022, abs=1e-11)
    # A short sells at 100,000 for 99,955 and receives 900; it buys back at p x 1.00015:
    # p = (99,955 + 900) / 1.00015 = 100,839.874018...
    short = trade_of(is_long=False)
    assert funding_paid(short, [USUAL] * MONTH)[-1] == -paid
    assert float(break_even_price(short, -paid)) / 10 == pytest.approx(100839.874018, abs=1e-6)
    assert break_even_move(short, -paid) < 0


def test_slippage_and_a_rebate_by_hand() -> None:
    # Bought 2 bp above 100,000: 100,020 with a fee of 45.009; sold 5 bp below p with a rebate of
    # 0.003 %: p x 0.9995 x 1.00003 = 100,065.009.
    trade = trade_of(entry_slippage=200_000, exit_slippage=500_000, exit_rate=-30_000)
    assert entry_cost(trade) == dollars("65.009")
    assert (
        break_even_price(trade, 0)
        == Fraction("100065.009") / (Fraction("0.9995") * Fraction("1.00003")) * 10
    )
    # Out at 100,000: 50 of slippage, 0.003 % of 99,950 back.
    assert exit_cost(trade, Fraction(10**6)) == dollars("50") - dollars("2.9985")


def test_payments_are_truncated_as_the_machine_does() -> None:
    trade = trade_of(size=1, price=999_999)
    # 0.999999 USD x 0.0000125 = 0.0000124999875: 12 whole micro-USD.
    assert funding_payment(trade, trade.price, USUAL) == 12
    assert funding_payment(trade, trade.price, -USUAL) == -12
    assert funding_payment(trade_of(is_long=False, size=1, price=999_999), 999_999, USUAL) == -12


@pytest.mark.parametrize("is_long", [True, False])
def test_funding_is_that_of_the_machine(is_long: bool) -> None:
    engine = Engine.create(
        load_rulebook(), [BTC], Limits(accounts=16, positions=16, orders=8, levels=64, nodes=64)
    )
    hour, price, size = 3_600_000, 1_169_703, 123_457
    engine.apply(AdvanceTime(time_ms=hour))
    engine.apply(SetOraclePrice(hour, 0, price, price))
    account = next(
        each.account
        for each in engine.apply(CreateAccount(time_ms=hour))
        if isinstance(each, AccountCreated)
    )
    engine.apply(Deposit(time_ms=hour, account=account, amount=10**12))
    engine.apply(
        AdoptPosition(
            time_ms=hour, account=account, market=0, side=Side.BUY if is_long else Side.SELL,
            size=size, entry_notional=size * price, leverage=10, mode=MarginMode.CROSS,
            isolated_cash=0,
        )
    )  # fmt: skip
    events = engine.apply(AdvanceTime(time_ms=4 * hour))
    mine = [each for each in events if isinstance(each, FundingPaid) and each.account == account]
    payments = [each.amount for each in mine]
    trade = trade_of(is_long=is_long, size=size, price=price)
    # An empty book samples no premium: the rate is the interest alone.
    assert [-each for each in payments] == [funding_payment(trade, price, USUAL)] * 3


@settings(max_examples=60, deadline=None)
@given(
    st.booleans(), st.integers(1, 10**9), st.integers(1, 10**7), st.integers(-10**9, 10**9),
    st.integers(-10**12, 10**12),
)  # fmt: skip
def test_break_even_is_flat(is_long: bool, size: int, price: int, rate: int, paid: int) -> None:
    fee = rate % 10**7
    trade = trade_of(
        is_long=is_long, size=size, price=price, entry_rate=fee, exit_rate=-fee // 3,
        entry_slippage=fee // 2, exit_slippage=fee,
    )  # fmt: skip
    flat = break_even_price(trade, paid)
    assert profit_at(trade, flat, paid) == 0 or flat < 0
    # What is paid moves it against the holder.
    assert (break_even_price(trade, paid + 1) - flat) * trade.side > 0


def test_notional_follows_the_price() -> None:
    trade = trade_of()
    prices = straight_prices(trade.price, Fraction(1, 10), 4)
    assert prices == [1_025_000, 1_050_000, 1_075_000, 1_100_000]
    each = [Decimal("1.28125"), Decimal("1.3125"), Decimal("1.34375"), Decimal("1.375")]
    assert funding_paid(trade, [USUAL] * 4, prices) == [
        int(sum(each[: k + 1]) * MICRO) for k in range(4)
    ]


def test_compounding_is_its_closed_form() -> None:
    left = equity_at_constant_leverage(10_000.0, 10, [USUAL] * MONTH, is_long=True)
    assert left[-1] == pytest.approx(10_000 * (1 - 10 * 0.0000125) ** MONTH, rel=1e-12)
    # It pays less than the 900 of constant coins, and a short earns more than them.
    assert left[-1] > 10_000 - 900
    short = equity_at_constant_leverage(10_000.0, 10, [USUAL] * MONTH, is_long=False)
    assert short[-1] == pytest.approx(10_000 * (1 + 10 * 0.0000125) ** MONTH, rel=1e-12)
    gone = equity_at_constant_leverage(1.0, 40, [10**11] * 3, is_long=True)
    assert gone.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("rulebook", ["hyperliquid", "dydx"])
@pytest.mark.parametrize("is_long", [True, False])
def test_funding_alone_liquidates_when_it_must(rulebook: str, is_long: bool) -> None:
    book = load_rulebook(rulebook)
    instrument = markets_under(book, [BTC], SHIPPED)[0]
    rule = margin_rule(book, instrument)
    trade = trade_of(is_long=is_long)
    rate = USUAL if is_long else -USUAL
    margin = 2_500 * MICRO
    needed = rule.maintenance(trade.notional)
    # 2,500 less 45 of fees, less maintenance, 1.25 at a time.
    count = settlements_of_constant(bucket_equity(trade, margin, 0), needed, dollars("1.25"))
    assert count is not None
    assert count == (dollars("2455") - needed) // dollars("1.25") + 1
    paid = funding_paid(trade, [rate] * (count + 5))
    assert settlements_until_liquidation(rule, trade, margin, paid) == count
    before = liquidation_price(rule, trade, margin, paid[count - 2])
    after = liquidation_price(rule, trade, margin, paid[count - 1])
    assert before is not None
    assert after is not None
    side = 1 if is_long else -1
    assert side * before <= side * trade.price < side * after
    assert settlements_until_liquidation(rule, trade, margin, paid[: count - 1]) is None
    assert settlements_until_liquidation(rule, trade, needed, paid) == 0
    assert settlements_of_constant(needed, needed, 0) is None
    assert settlements_of_constant(needed - 1, needed, -5) == 0


def test_the_liquidation_price_drifts_by_the_formula() -> None:
    # One tier, long: p = (q m - E) / q / (1 - 1/80), so 900 paid for one coin moves it by
    # 900 / (79 / 80) = 911.392405...
    rule = margin_rule(load_rulebook(), BTC)
    trade, margin = trade_of(), 10_000 * MICRO
    first, last = (liquidation_price(rule, trade, margin, paid) for paid in (0, dollars("900")))
    assert first is not None
    assert last is not None
    assert last - first == Fraction(9_000 * 80, 79)
    assert float(first) / 10 == pytest.approx((100_000 - 9_955) / (1 - 1 / 80), abs=1e-6)


def test_paths() -> None:
    flat = constant_path(USUAL, 48, Fraction(1))
    assert (len(flat.rates), flat.hours[-1]) == (48, 48.0)
    assert flat.mean_hourly == pytest.approx(0.0000125, rel=1e-12)
    assert flat.scaled(Fraction(-2)).rates == [-2 * USUAL] * 48
    assert flat.flipped(Fraction(1, 2)).rates == [USUAL] * 24 + [-USUAL] * 24
    back = reverting_path(9 * USUAL, USUAL, 12.0, 48, Fraction(1))
    assert back.rates[11] == 5 * USUAL
    assert back.rates[23] == 3 * USUAL
    assert back.rates == sorted(back.rates, reverse=True)


FUNDING = "date,coin,funding_rate\n" + "".join(
    f"2026-01-0{1 + hour // 24}T{hour % 24:02d}:00:00Z,BTC,"
    f"{'0.0000125' if hour < 48 else '-0.00003'}\n"
    for hour in range(96)
)


def test_a_recorded_path(tmp_path: Path) -> None:
    path = tmp_path / "funding.csv"
    path.write_text(FUNDING)
    whole = recorded_path(path, "BTC")
    assert len(whole.rates) == 96
    assert whole.hours == [float(hour) for hour in range(1, 97)]
    assert (whole.rates[47], whole.rates[48]) == (USUAL, -30_000_000)
    last = recorded_path(path, "BTC", None, 2.0)
    assert (len(last.rates), set(last.rates)) == (48, {-30_000_000})
    first = recorded_path(path, "BTC", 1_767_225_600_000 - 1, 1.0)
    assert (len(first.rates), set(first.rates)) == (24, {USUAL})
    assert recorded_path(path, "BTC", None, 30.0).notes
    with pytest.raises(PathError, match="no rows of ETH"):
        recorded_path(path, "ETH")
    with pytest.raises(PathError, match="nothing is paid"):
        recorded_path(path, "BTC", 2 * 1_767_225_600_000)


def test_a_hole_in_the_record_does_not_shorten_it(tmp_path: Path) -> None:
    path = tmp_path / "funding.csv"
    lines = FUNDING.splitlines(keepends=True)
    path.write_text("".join([*lines[:31], *lines[41:]]))
    whole = recorded_path(path, "BTC")
    assert len(whole.rates) == 86
    assert (whole.hours[0], whole.hours[29], whole.hours[30], whole.hours[-1]) == (1, 30, 41, 96)
    assert "nothing is paid in between" in whole.notes[0]
    # The payment at the start belongs to the hour before.
    assert len(recorded_path(path, "BTC", 1_767_225_600_000 - 1).rates) == 85
    assert len(recorded_path(path, "BTC", 0).rates) == 86


def test_a_recorded_year_adds_up() -> None:
    path = shared_file(
        "data/hyperliquid_funding_candles/hl_hourly_funding_14coins_2023-05_2025-07.parquet"
    )
    import pyarrow.parquet as pq

    table = pq.read_table(path).to_pydict()
    rates = [r for c, r in zip(table["coin"], table["funding_rate"], strict=True) if c == "BTC"]
    found = recorded_path(path, "BTC", None, 365.0)
    # 365 days of hours, payments a moment after each.
    assert 8_755 <= len(found.rates) <= 8_765
    exact = sum(Decimal(repr(each)) for each in rates[-len(found.rates) :])
    assert Decimal(sum(found.rates)) / 10**12 == exact
    trade = trade_of()
    paid = funding_paid(trade, found.rates)[-1]
    # Truncation loses less than a micro-USD a settlement.
    assert abs(paid - exact * 100_000 * MICRO) < len(found.rates)


def test_an_outcome_is_consistent() -> None:
    trade = trade_of()
    task = CarryTask(
        rulebook=load_rulebook(), instrument=BTC, trade=trade, leverage=40,
        path=constant_path(USUAL, 60 * 24, Fraction(1)),
    )  # fmt: skip
    found = outcome_of(task)
    assert found.paid == dollars("1800")
    assert found.cost == dollars("1860")
    assert found.moments[-1].break_even == found.periods[-1].break_even
    assert [moment.paid for moment in found.periods] == [
        dollars("210") * k for k in range(1, 9)
    ] + [dollars("1800")]
    by_leverage = {row.leverage: row for row in found.leverages}
    # 2,500 - 45 - 1,250 = 1,205: 964 payments are covered, the next one is not.
    assert by_leverage[40].hours_left == 965.0
    assert not by_leverage[40].is_beyond
    # 10,000 - 45 - 1,250 = 8,705: 6,964 are covered, beyond the path but at the same rate.
    assert by_leverage[10].hours_left == 6965.0
    assert not by_leverage[10].is_beyond
    names = {each.name: each for each in found.sensitivities}
    paid = {name: each.last.paid for name, each in names.items()}
    assert (paid["none"], paid["turns half way"]) == (0, 0)
    assert (paid["2 x"], paid["-1 x"]) == (2 * found.paid, -found.paid)
    assert names["2 x"].hours_left == 483.0
    flats = [names[f"{k} x"].last.break_even for k in (-2, -1, 1, 2)]
    assert flats == sorted(flats)


def test_an_account_is_carried_bucket_by_bucket() -> None:
    eth = SHIPPED["ETH"]
    plan = Holdings(
        name="two",
        collateral=12_000 * MICRO,
        positions=(
            Position(market=0, signed_size=10**5, entry_notional=100_000 * MICRO,
                         mode=MarginMode.ISOLATED, leverage=20, isolated_margin=5_000 * MICRO),
            Position(market=1, signed_size=-100_000, entry_notional=40_000 * MICRO,
                         mode=MarginMode.CROSS, leverage=20, isolated_margin=0),
        ),
        orders=(),
    )  # fmt: skip
    machine = Valuation(plan, load_rulebook(), [BTC, eth], (10**6, 400_000))
    found = account_carry(machine, {"BTC": USUAL, "ETH": 2 * USUAL}, MONTH)
    pool, bucket = found.buckets
    # The short receives 0.0025 % of 40,000 an hour, the long pays 0.00125 % of 100,000.
    assert (pool.payment, bucket.payment) == (dollars("-1"), dollars("1.25"))
    assert found.payment == dollars("0.25")
    assert (pool.equity, bucket.equity) == (dollars("7000"), dollars("5000"))
    assert pool.hours_left is None
    # 5,000 less 1,250 of maintenance margin, 1.25 at a time.
    assert bucket.hours_left == 3_001
    assert erosion(bucket) == Fraction(30, 3_750)
    long, short = found.positions
    assert long.liquidation_price_now is not None
    assert long.liquidation_price_then is not None
    # 900 of funding move the line by 900 / (79 / 80), to the grid.
    assert (
        abs((long.liquidation_price_then - long.liquidation_price_now) - Fraction(9_000 * 80, 79))
        <= 1
    )
    assert short.liquidation_price_now is not None
    assert short.liquidation_price_then is not None
    # What the pool receives moves the short's liquidation price away.
    assert short.liquidation_price_then > short.liquidation_price_now


def held(entry_usd: int, mode: MarginMode, margin_usd: int, market: int = 0) -> Position:
    """1 BTC or 25 ETH, long: 100,000 USD at the prices of these tests."""
    return Position(
        market=market, signed_size=(10**5, 250_000)[market], entry_notional=entry_usd * MICRO,
        mode=mode, leverage=20, isolated_margin=margin_usd * MICRO,
    )  # fmt: skip


def test_funding_may_take_more_than_was_deposited() -> None:
    # 500 and a profit of 10,000 own the position; a month of funding takes 900.
    plan = Holdings(
        name="profit", collateral=500 * MICRO, positions=(held(90_000, MarginMode.CROSS, 0),),
        orders=(),
    )  # fmt: skip
    machine = Valuation(plan, load_rulebook(), [BTC], (10**6,))
    (position,) = account_carry(machine, {"BTC": USUAL}, MONTH).positions
    now, then = position.liquidation_price_now, position.liquidation_price_then
    assert now is not None
    assert then is not None
    assert abs((then - now) - Fraction(9_000 * 80, 79)) <= 1


def test_a_bucket_that_is_liquidated_already_leaves_the_others_as_they_are() -> None:
    plan = Holdings(
        name="under",
        collateral=6_000 * MICRO,
        positions=(
            held(100_000, MarginMode.CROSS, 0),
            held(100_000, MarginMode.ISOLATED, 5_500, market=1),
        ),
        orders=(),
    )
    machine = Valuation(plan, load_rulebook(), [BTC, SHIPPED["ETH"]], (10**6, 400_000))
    found = account_carry(machine, {"BTC": USUAL, "ETH": USUAL}, MONTH)
    assert [each.hours_left == 0 for each in found.buckets] == [True, False]
    gone, other = found.positions
    assert gone.liquidation_price_then == gone.liquidation_price_now
    assert other.liquidation_price_now is not None
    assert other.liquidation_price_then is not None
    assert other.liquidation_price_then > other.liquidation_price_now


def test_carry_stops_where_a_bucket_does() -> None:
    plan = Holdings(
        name="short lived",
        collateral=2_000 * MICRO,
        positions=(
            Position(market=0, signed_size=10**5, entry_notional=100_000 * MICRO,
                         mode=MarginMode.ISOLATED, leverage=40, isolated_margin=1_300 * MICRO),
        ),
        orders=(),
    )  # fmt: skip
    machine = Valuation(plan, load_rulebook(), [BTC], (10**6,))
    found = account_carry(machine, {"BTC": USUAL}, MONTH)
    assert found.buckets[1].hours_left == 41
    assert found.hours == 40
    (position,) = found.positions
    # One payment before the end the liquidation price is still on the safe side of the price.
    assert position.liquidation_price_then is not None
    assert position.liquidation_price_now is not None
    assert position.liquidation_price_now < position.liquidation_price_then < position.trade.price
    assert np.isclose(position.liquidation_price_then, position.trade.price, rtol=2e-5)


# Closing a part before the next settlement


def part_closed(rate: int, *, is_long: bool = True, size: int = 10**5) -> BeforeFunding:
    """1 BTC at 100,000 USD, 0.045 % and 1 bp of slippage each way, on 10,000 USD of margin."""
    trade = CarryTrade(
        is_long=is_long, size=size, price=10**6, entry_rate=450_000, exit_rate=450_000,
        entry_slippage=100_000, exit_slippage=100_000,
    )  # fmt: skip
    return before_funding(margin_rule(load_rulebook(), BTC), trade, 10**10, rate, 1.0)


def test_closing_before_a_settlement_by_hand() -> None:
    found = part_closed(2 * 10**9)  # 0.2 %
    none, _, half, _, whole = found.rows
    assert (none.paid, none.saved) == (200_000_000, 0)
    assert none.way_out == 0
    assert (half.paid, half.saved) == (100_000_000, 100_000_000)
    # 1 bp of 100,000 and 0.045 % of 99,990; back in: 1 bp and 0.045 % of 100,010.
    assert whole.way_out == 10_000_000 + 44_995_500
    assert whole.and_back == whole.way_out + 10_000_000 + 45_004_500
    assert whole.gain == 200_000_000 - 110_000_000
    assert half.way_out == whole.way_out / 2
    assert found.break_even == Fraction(110_000_000, 10**11)
    assert found.settlements == 1
    assert (whole.size, whole.liquidation_price) == (0, None)
    # Less of it on the same margin is liquidated farther away.
    prices = [row.liquidation_price or Fraction(0) for row in found.rows[:-1]]
    assert prices == sorted(prices, reverse=True)


@pytest.mark.parametrize("rate", [12_500_000, 109_999_999 * 10, 1_100_000_001])
def test_buying_back_pays_from_the_break_even_rate_on(rate: int) -> None:
    found = part_closed(rate)
    assert (found.rows[-1].gain >= 0) == (Fraction(rate, 10**12) >= found.break_even)
    assert found.settlements is not None
    assert found.settlements * found.rows[0].paid >= found.rows[-1].and_back
    assert (found.settlements - 1) * found.rows[0].paid < found.rows[-1].and_back


def test_who_receives_funding_gives_it_up() -> None:
    found = part_closed(12_500_000, is_long=False)
    assert found.settlements is None
    assert all(row.saved <= 0 for row in found.rows)
    assert all(row.gain <= 0 for row in found.rows)


@given(st.integers(1, 10**6), st.integers(-(10**10), 10**10), st.booleans())
def test_parts_pay_together_what_the_whole_pays(size: int, rate: int, is_long: bool) -> None:
    found = part_closed(rate, is_long=is_long, size=size)
    whole = found.rows[0].paid
    for row in found.rows:
        assert row.paid + row.saved == whole
        assert 0 <= row.size <= size
    assert found.rows[-1].paid == 0
