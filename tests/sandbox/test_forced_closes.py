"""Fills and ledger of a forced close say what became of the money, to the last unit.

The money of an account, without what its open positions gain or lose: its cash and what its
positions cost. It changes by closed profits, fees, funding, and what the ledger says.
"""

from typing import Any
from unittest.mock import patch

import pytest
from msgspec import structs

from seawall.domain.commands import Deposit, SetLeverage, SetOraclePrice, Transfer, Withdraw
from seawall.domain.enums import FillFlag, LiquidationStage, MarginMode, Side
from seawall.domain.system_accounts import BACKSTOP_ACCOUNT, INSURANCE_FUND
from seawall.lab.simulation.observer import positions_of
from seawall.venues.rulebook_file import load_rulebook
from tests.sandbox.venue import BTC, ETH, LOT, PRICE, USD, do, order, run, set_up

PRICES = {BTC: PRICE, ETH: 300_000}
SIZES = {BTC: 37 * LOT + 13, ETH: 12_347}
"""18,506 USD of BTC and 3,704 USD of ETH."""
CROSS, ISOLATED = MarginMode.CROSS, MarginMode.ISOLATED
FALLS = [
    (CROSS, "liquidation", 0.9675, 0.9675),
    (CROSS, "backstop", 0.96, 0.96),
    (CROSS, "deleveraging", 0.8, 0.8),
    (ISOLATED, "liquidation", 0.97, 0.976),
    (ISOLATED, "backstop", 0.965, 0.97),
    (ISOLATED, "deleveraging", 0.8, 0.8),
]
"""How both prices fall, as shares; a bucket is below two thirds of maintenance for the backstop."""


def money(host: Any, account: int) -> int:
    cash = int(host.engine.tables["accounts"]["cash"][account])
    rows = positions_of(host.engine.tables, account)
    return cash + sum(int(row["isolated_cash"]) + int(row["entry_notional"]) for row in rows)


def told(host: Any, account: int) -> int:
    """What the history says that the account has received so far."""
    fills = host.history.fills(account)
    return (
        sum(fill.closed_profit - fill.fee for fill in fills)
        + sum(paid.amount for paid in host.history.funding(account))
        + sum(line.amount for line in host.history.ledger(account))
    )


async def fall(host: Any, *shares: float) -> None:
    host.clock.advance(3_000)
    prices = [round(price * share) for price, share in zip(PRICES.values(), shares, strict=True)]
    await do(host, *((SetOraclePrice, market, price, price) for market, price in enumerate(prices)))


@pytest.mark.parametrize(("mode", "kind", "btc", "eth"), FALLS)
def test_money_before_and_after_is_explained(
    mode: MarginMode, kind: str, btc: float, eth: float
) -> None:
    async def main(host: Any) -> None:
        maker, long = await set_up(host)
        await do(host, (Deposit, BACKSTOP_ACCOUNT, 1_000_000 * USD))
        await do(host, (Withdraw, long, (1_000_000 - 1_000) * USD), (Transfer, maker, long, 3))
        for market, price in PRICES.items():
            await do(host, (SetLeverage, long, market, 25, mode))
            await do(host, order(maker, Side.SELL, price, SIZES[market], market=market))
            await do(host, order(long, Side.BUY, price, SIZES[market], market=market))
        if kind == "liquidation":
            for market, share in ((BTC, btc), (ETH, eth)):
                bid = round(PRICES[market] * share) // 100 * 100
                await do(host, order(maker, Side.BUY, bid, SIZES[market], market=market))
        for _ in range(4):  # past the hour of a funding settlement
            await host.advance(1_000_000)
            await fall(host, 1, 1)
        assert host.history.funding(long)
        for _ in range(2):
            await fall(host, btc, eth)
        few = (mode, kind) == (CROSS, "liquidation")
        forced = [fill for fill in host.history.fills(long) if fill.flags & FillFlag.LIQUIDATED]
        # In the cross pool, selling the larger one in the book is enough.
        assert {fill.market for fill in forced} == ({BTC} if few else {BTC, ETH})
        assert {fill.origin for fill in forced} == {kind}
        for account in (long, maker, BACKSTOP_ACCOUNT):
            assert told(host, account) == money(host, account), account

    run(main)


@pytest.mark.parametrize("mode", [CROSS, ISOLATED])
def test_what_insurance_pays_is_told_on_both_sides(mode: MarginMode) -> None:
    """Under rules with an insurance fund: it pays a bucket up to zero, the backstop takes it."""
    book = load_rulebook()
    stages = (LiquidationStage.INSURANCE, LiquidationStage.DELEVERAGE)
    book = structs.replace(book, liquidation=structs.replace(book.liquidation, stages=stages))

    async def main(host: Any) -> None:
        maker, long = await set_up(host)
        for account in (INSURANCE_FUND, BACKSTOP_ACCOUNT):
            await do(host, (Deposit, account, 1_000_000 * USD))
        await do(host, (Withdraw, long, (1_000_000 - 15) * USD))
        await do(host, (SetLeverage, long, BTC, 40, mode))
        await do(host, order(maker, Side.SELL, PRICE, LOT))
        await do(host, order(long, Side.BUY, PRICE, LOT))
        await fall(host, 0.9, 1)
        kinds = [line.kind for line in host.history.ledger(long)]
        assert "insurance" in kinds
        assert host.history.fills(long)[0].origin == "backstop"
        for account in (long, maker, BACKSTOP_ACCOUNT, INSURANCE_FUND):
            assert told(host, account) == money(host, account), account

    with patch("tests.sandbox.venue.load_rulebook", lambda: book):
        run(main)
