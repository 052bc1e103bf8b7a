"""Isolated markets in child subaccounts, gates of withdrawals, and the end of a market."""

import asyncio
from decimal import Decimal
from typing import Any

from seawall.engine.block_invariants import broken_block_invariant
from tests.conformance.dydx.quiet import PRICE, Quiet, quiet_venue
from tests.conformance.dydx.signer import LONG_TERM, SHORT_TERM, Signer, hash_of

BUY, SELL = 1, 2
CHILD = 128
ISOLATED = 1000
"""The number of the isolated pair."""
TICK = 10**6
"""Subticks of 0.0001 USD."""


async def control(venue: Quiet, path: str, **fields: Any) -> tuple[int, Any]:
    url = f"{venue.venue.url}/control/{path}"
    async with venue.session.post(url, json=fields) as answer:
        return answer.status, await answer.json()


def isolated_order(
    signer: Signer, client_id: int, side: int, ticks: int, steps: int, until: int, number: int
) -> Any:
    """Of the isolated market: ticks of 0.0001 USD, steps of 10 coins."""
    message = signer.order(client_id, SHORT_TERM, side, 1, steps, until, number)
    message.order.order_id.clob_pair_id = ISOLATED
    message.order.subticks = ticks * TICK
    return message


async def result_of(venue: Quiet, raw: bytes) -> tuple[str, int, str]:
    """How a transaction ended in its block."""
    await venue.blocks()
    found = (await venue.call("tx", hash="0x" + hash_of(raw)))["result"]["tx_result"]
    return found["codespace"], found["code"], found["log"]


async def withdrawn(venue: Quiet, signer: Signer, amount: int, number: int = 0) -> Any:
    """What became of a withdrawal."""
    signer.sequence = venue.venue.host.directory.holder(signer.address).sequence
    raw = signer.signed(signer.withdraw(number, amount))
    assert (await venue.broadcast(raw))["code"] == 0
    return await result_of(venue, raw)


def test_an_isolated_market_is_traded_in_a_child_with_a_pool_of_its_own() -> None:
    async def main() -> None:
        async with quiet_venue(markets=(f"BTC={PRICE}", "FARTCOIN=0.18")) as venue:
            maker, taker = venue.signer(1), venue.signer(0)
            for signer in (maker, taker):
                await venue.taken(signer, signer.transfer(CHILD, 1_000_000_000))
            until = venue.height + 20
            # 20,000 coins at 0.18: 3,600 USD on 1,000.
            await venue.taken(maker, isolated_order(maker, 1, SELL, 1800, 2000, until, CHILD))
            await venue.taken(taker, isolated_order(taker, 1, BUY, 1800, 2000, until, CHILD))
            tables = venue.engine.tables
            row = venue.venue.markets[1].row
            assert venue.venue.markets[1].name == "FARTCOIN-USD"
            fees = 3_600 * (500 + 100)
            assert int(tables["block_markets"]["pool_cash"][row]) == 2_000_000_000 - fees
            market = (await venue.get("/v4/perpetualMarkets"))["markets"]["FARTCOIN-USD"]
            assert (market["marketType"], market["defaultFundingRate1H"]) == (
                "ISOLATED", "0.0000125",
            )  # fmt: skip
            parent = await venue.get(f"/v4/addresses/{taker.address}/parentSubaccountNumber/0")
            own, child = parent["subaccount"]["childSubaccounts"]
            assert (own["subaccountNumber"], own["openPerpetualPositions"]) == (0, {})
            assert child["openPerpetualPositions"]["FARTCOIN-USD"]["size"] == "20000"
            # Another market in the child is refused at its match, and so is this one beside BTC.
            both = taker.order(9, SHORT_TERM, BUY, PRICE, 1, until, CHILD)
            await venue.taken(maker, maker.order(9, SHORT_TERM, SELL, PRICE, 10, until))
            answer = await venue.broadcast(taker.signed(both))
            assert (answer["codespace"], answer["code"]) == ("clob", 2005)
            await venue.taken(taker, taker.order(10, SHORT_TERM, BUY, PRICE, 5, until))
            await venue.taken(maker, isolated_order(maker, 2, SELL, 1800, 10, until, CHILD))
            answer = await venue.broadcast(
                taker.signed(isolated_order(taker, 11, BUY, 1800, 10, until, 0))
            )
            assert (answer["codespace"], answer["code"]) == ("clob", 2005)
            # Its losses are its own: the parent keeps what it has.
            before = own["equity"]
            assert (await control(venue, "price", market="FARTCOIN", price="0.12"))[0] == 200
            await venue.blocks(3)
            shown = await venue.get(f"/v4/addresses/{taker.address}/subaccountNumber/{CHILD}")
            assert Decimal(shown["subaccount"]["equity"]) == 0
            assert shown["subaccount"]["openPerpetualPositions"] == {}
            own = await venue.get(f"/v4/addresses/{taker.address}/subaccountNumber/0")
            fee = Decimal(PRICE) * Decimal("0.0005") * Decimal("0.0005")
            assert Decimal(own["subaccount"]["equity"]) == Decimal(before) - fee
            assert broken_block_invariant(venue.engine.state) == 0

    asyncio.run(main())


def test_no_money_leaves_a_pool_for_fifty_blocks_after_an_account_was_below_zero() -> None:
    async def main() -> None:
        async with quiet_venue() as venue:
            maker, long = venue.signer(0), venue.signer(1)
            assert (await withdrawn(venue, maker, 5))[1] == 0
            until = venue.height + 30
            await venue.taken(maker, maker.order(1, SHORT_TERM, SELL, PRICE, 300_000, until))
            await venue.taken(long, long.order(1, SHORT_TERM, BUY, PRICE, 300_000, until))
            # A small bid: the liquidation fills a part, so the rest is not deleveraged.
            await venue.taken(maker, maker.order(2, SHORT_TERM, BUY, 56_000, 10, until))
            assert (await control(venue, "price", market="BTC", price="56500"))[0] == 200
            await venue.blocks(1)
            shown = await venue.get(f"/v4/addresses/{long.address}/subaccountNumber/0")
            assert Decimal(shown["subaccount"]["equity"]) < 0
            codespace, code, log = await withdrawn(venue, maker, 5)
            assert (codespace, code) == ("subaccounts", 102)
            assert "WithdrawalsAndTransfersBlocked" in log
            await venue.blocks(60)  # it was deleveraged meanwhile
            assert (await withdrawn(venue, maker, 5))[1] == 0

    asyncio.run(main())


def test_a_market_ends_at_its_oracle_price() -> None:
    async def main() -> None:
        async with quiet_venue() as venue:
            maker, taker = venue.signer(1), venue.signer(0)
            until = venue.height + 20
            await venue.taken(maker, maker.order(1, SHORT_TERM, SELL, PRICE, 1000, until))
            await venue.taken(taker, taker.order(1, SHORT_TERM, BUY, PRICE, 1000, until))
            await venue.taken(
                taker, taker.order(2, LONG_TERM, BUY, PRICE - 900, 10, venue.now_s + 900)
            )
            assert (await control(venue, "price", market="BTC", price="61000"))[0] == 200
            await venue.blocks(1)
            status, _ = await control(venue, "market", market="BTC", status="final_settlement")
            assert status == 200
            market = (await venue.get("/v4/perpetualMarkets?ticker=BTC-USD"))["markets"]["BTC-USD"]
            assert market["status"] == "FINAL_SETTLEMENT"
            await venue.blocks(2)
            for signer, left in (
                (taker, 100_000 + 100 - 3),
                (maker, 100_000 - 100 - Decimal("0.6")),
            ):
                shown = await venue.get(f"/v4/addresses/{signer.address}/subaccountNumber/0")
                assert shown["subaccount"]["openPerpetualPositions"] == {}
                assert Decimal(shown["subaccount"]["equity"]) == left
            orders = await venue.get(f"/v4/orders?address={taker.address}&subaccountNumber=0")
            assert {each["clientId"]: each["status"] for each in orders}["2"] == "CANCELED"
            late = taker.order(3, SHORT_TERM, BUY, PRICE, 1, venue.height + 9)
            answer = await venue.broadcast(taker.signed(late))
            assert (answer["codespace"], answer["code"]) == ("clob", 34)
            # It may begin anew, and then only with post-only orders about the oracle price.
            refused, why = await control(venue, "market", market="BTC", status="open")
            assert refused == 400
            assert why["error"]["field"] == "status"
            assert why["error"]["expected"] == (
                "one that may follow final_settlement, which BTC-USD is"
            )
            status, _ = await control(venue, "market", market="BTC", status="initializing")
            assert status == 200
            answer = await venue.broadcast(
                taker.signed(taker.order(4, SHORT_TERM, BUY, PRICE, 1, venue.height + 9))
            )
            assert answer["code"] == 34
            post = taker.order(5, SHORT_TERM, BUY, PRICE, 1, venue.height + 9, time_in_force=2)
            await venue.taken(taker, post)

    asyncio.run(main())
