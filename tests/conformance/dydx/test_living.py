"""The agents under block rules: books that stay full, over expiries and through a fall."""

import asyncio
from collections import Counter

from aiohttp import ClientSession

from seawall.domain.enums import Side
from seawall.domain.events import CommandRejected, LiquidationStarted, OrderFilled
from seawall.engine.block_invariants import broken_block_invariant
from seawall.sandbox.venue import VenueOptions, running_venue
from seawall.venues.port import Applied

STEP_MS = 1000


def test_books_stay_full_and_invariants_hold_through_a_fall() -> None:
    async def main() -> None:
        options = VenueOptions(
            venue="dydx", speed=0, start_ms=1_760_000_000_000, markets=("BTC", "SOL")
        )
        applied: list[Applied] = []
        async with running_venue(options) as venue, ClientSession() as session:
            market, engine = venue.market, venue.host.engine
            venue.host.listen(applied.extend)
            for _ in range(30):
                await market.advance(3 * STEP_MS, STEP_MS)
                for opened in venue.markets:
                    bid, ask = (market.view.best(opened.row, side) for side in Side)
                    assert 0 < bid < ask
                    assert abs(bid / market.view.oracle_price(opened.row) - 1) < 0.01
            shock = {"market": "BTC", "move": "-12%", "instant": True}
            async with session.post(f"{venue.url}/control/shock", json=shock) as answer:
                assert answer.status == 200, await answer.text()
            await market.advance(120 * STEP_MS, STEP_MS)
            price = market.view.oracle_price(0)
            assert 0.85 < price / venue.markets[0].start_price < 0.91
            assert market.view.best(0, Side.BUY) > 0
            assert broken_block_invariant(engine.state) == 0
        kinds = Counter(type(event) for each in applied for event in each.events)
        assert kinds[OrderFilled] > 50
        assert kinds[LiquidationStarted] > 0
        refused = Counter(
            event.reason.name
            for each in applied
            for event in each.events
            if isinstance(event, CommandRejected)
        )
        assert refused.total() < 0.05 * len(applied), refused

    asyncio.run(main())
