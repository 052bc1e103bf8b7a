"""What liquidations look like on the wire, where the running venue's tests do not reach."""

from decimal import Decimal

from seawall.domain.commands import Deposit, SetOraclePrice
from seawall.domain.enums import LiquidationStage
from seawall.domain.units import MICRO
from tests.conformance.hyperliquid.books import Books
from tests.unit.hl_venue import ALICE, BOB, BTC, ETH, Sandbox, with_sandbox


async def fall(s: Sandbox, price: int) -> None:
    """ETH falls to this price, and its mark after it."""
    for _ in range(3):
        s.clock.advance(60_000)
        await s.do(lambda now: SetOraclePrice(now, ETH, price, price))


def closed(s: Sandbox) -> Books:
    """Alice's own books, which are the venue's to the last unit."""
    books = Books(ALICE)
    ledger = s.ask("userNonFundingLedgerUpdates", user=ALICE)
    books.take("userNonFundingLedgerUpdates", {"nonFundingLedgerUpdates": ledger})
    books.take("userFills", {"fills": s.ask("userFills", user=ALICE), "isSnapshot": True})
    assert books.differences(s.ask("clearinghouseState", user=ALICE)) == []
    return books


def test_what_an_account_owed_is_a_transfer_to_it() -> None:
    """An insurance fund pays the deficit and the backstop takes the rest: the books still close."""

    async def body(s: Sandbox) -> None:
        await s.trade(ALICE, BOB, ETH, 250_000, 7_000_000, taker=ALICE)
        await s.trade(ALICE, BOB, BTC, 1_000_000, 100_000, taker=ALICE)
        await s.do(lambda now: Deposit(now, 0, 10_000_000 * MICRO))
        await s.do(lambda now: Deposit(now, 2, 10_000_000 * MICRO))
        await fall(s, 225_000)
        (paid,) = [
            entry["delta"]
            for entry in s.ask("userNonFundingLedgerUpdates", user=ALICE)
            if entry["delta"]["type"] == "internalTransfer"
        ]
        assert paid["destination"] == ALICE
        assert Decimal(paid["usdc"]) > 70_000
        fills = [fill for fill in s.ask("userFills", user=ALICE) if "liquidation" in fill]
        assert {fill["coin"] for fill in fills} == {"BTC", "ETH"}
        assert all(fill["px"] == fill["liquidation"]["markPx"] for fill in fills)
        closed(s)

    with_sandbox(body, stages=(LiquidationStage.INSURANCE, LiquidationStage.DELEVERAGE))


def test_a_pool_of_several_positions_goes_to_the_backstop() -> None:
    """Each position bears its part of the margin, and together they bear all of it."""

    async def body(s: Sandbox) -> None:
        await s.trade(ALICE, BOB, ETH, 250_000, 4_000_000, taker=ALICE)
        await s.trade(BOB, ALICE, BTC, 1_000_000, 90_000, taker=ALICE)
        await s.do(lambda now: Deposit(now, 2, 10_000_000 * MICRO))
        await fall(s, 226_500)
        fills = [fill for fill in s.ask("userFills", user=ALICE) if "liquidation" in fill]
        away = {
            fill["coin"]: Decimal(fill["px"]) - Decimal(fill["liquidation"]["markPx"])
            for fill in fills
        }
        assert away["ETH"] < 0 < away["BTC"]
        assert len({fill["oid"] for fill in fills}) == 2
        shares = [
            abs(away[fill["coin"]]) / Decimal(fill["liquidation"]["markPx"]) for fill in fills
        ]
        assert abs(shares[0] - shares[1]) < Decimal("0.0001")
        books = closed(s)
        assert books.balance == 0

    with_sandbox(body)
