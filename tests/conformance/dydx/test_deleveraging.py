"""A bankrupt account is closed against the other side, and the indexer says at what price."""

import asyncio
from decimal import Decimal
from typing import Any

from tests.conformance.dydx.quiet import PRICE, Quiet, quiet_venue
from tests.conformance.dydx.signer import SHORT_TERM, Signer

STEPS = 600_000
"""60 BTC, on 100,000 USDC."""
TAKER_FEE = Decimal("1800")
LOST = Decimal(100_000) - TAKER_FEE


async def shown(venue: Quiet, signer: Signer, what: str) -> list[dict[str, Any]]:
    found = await venue.get(f"/v4/{what}?address={signer.address}&subaccountNumber=0")
    return list(next(iter(found.values())))


def test_a_deleveraging_fill_has_the_price_at_which_nothing_is_left() -> None:
    async def main() -> None:
        async with quiet_venue() as venue:
            short, long = venue.signer(0), venue.signer(1)
            until = venue.height + 10
            await venue.taken(short, short.order(1, SHORT_TERM, 2, PRICE, STEPS, until))
            await venue.taken(long, long.order(1, SHORT_TERM, 1, PRICE, STEPS, until))
            fall = {"market": "BTC", "price": "57000"}
            async with venue.session.post(f"{venue.venue.url}/control/price", json=fall) as answer:
                assert answer.status == 200, await answer.text()
            await venue.blocks(3)
            price = PRICE - LOST / 60
            for signer, kind, profit in ((long, "DELEVERAGED", -LOST), (short, "OFFSETTING", LOST)):
                fill = (await shown(venue, signer, "fills"))[0]
                assert fill["type"] == kind
                assert abs(Decimal(fill["price"]) - price) < Decimal("0.000001")
                (position,) = await shown(venue, signer, "perpetualPositions")
                assert position["status"] == "CLOSED"
                assert abs(Decimal(position["realizedPnl"]) - profit) < Decimal("0.0001")

    asyncio.run(main())
