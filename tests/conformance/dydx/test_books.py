"""A client that keeps books of what the indexer tells it has what the venue says it has."""

import asyncio
from decimal import Decimal
from typing import Any

from tests.conformance.dydx.books import Books
from tests.conformance.dydx.quiet import PRICE, Quiet, quiet_venue
from tests.conformance.dydx.signer import SHORT_TERM, Signer

STEPS = 300_000
"""30 BTC, on 100,000 USDC."""
BUY, SELL = 1, 2


async def books_of(venue: Quiet, signer: Signer) -> tuple[Books, Any]:
    """The books of everything so far, from lists, and the subaccount."""
    books = Books(signer.address)
    of = f"?address={signer.address}&subaccountNumber=0"
    for fill in (await venue.get(f"/v4/fills{of}"))["fills"]:
        books.fill(fill)
    for transfer in (await venue.get(f"/v4/transfers{of}"))["transfers"]:
        books.transfer(transfer)
    for payment in (await venue.get(f"/v4/fundingPayments{of}"))["fundingPayments"]:
        books.payment(payment)
    shown = await venue.get(f"/v4/addresses/{signer.address}/subaccountNumber/0")
    return books, shown["subaccount"]


async def price(venue: Quiet, usd: int) -> None:
    body = {"market": "BTC", "price": str(usd)}
    async with venue.session.post(f"{venue.venue.url}/control/price", json=body) as answer:
        assert answer.status == 200, await answer.text()


def test_what_the_insurance_fund_took_or_paid_is_the_fee_of_the_fill() -> None:
    async def main() -> None:
        async with quiet_venue() as venue:
            long, maker = venue.signer(1), venue.signer(0)
            until = venue.height + 30
            await venue.taken(maker, maker.order(1, SHORT_TERM, SELL, PRICE, STEPS, until))
            await venue.taken(long, long.order(1, SHORT_TERM, BUY, PRICE, STEPS, until))
            # Equity of 18,100 where 20,628 are maintained: closed above the bankruptcy price, at
            # the cost of a fee. Then equity is below zero, and the fund makes up for the price.
            for number, usd, bid, sign in ((2, 57_300, 57_200, 1), (3, 56_500, 56_000, -1)):
                order = maker.order(number, SHORT_TERM, BUY, bid, 3 * STEPS, until)
                await venue.taken(maker, order)
                await price(venue, usd)
                await venue.blocks(1)
                for signer in (long, maker):
                    books, shown = await books_of(venue, signer)
                    assert books.differences(shown) == []
                fills = await venue.get(f"/v4/fills?address={long.address}&subaccountNumber=0")
                assert fills["fills"][0]["type"] == "LIQUIDATED"
                assert Decimal(fills["fills"][0]["fee"]) * sign > 0
                await venue.taken(maker, maker.cancel(number, SHORT_TERM, until + 1))

    asyncio.run(main())
