"""What the indexer says of a subaccount's past: its worth by the hour, and its trades."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from tests.conformance.dydx.quiet import PRICE, Quiet, quiet_venue
from tests.conformance.dydx.signer import SHORT_TERM

BUY, SELL = 1, 2
HOUR = 3600


async def price(venue: Quiet, usd: int) -> None:
    body = {"market": "BTC", "price": str(usd)}
    async with venue.session.post(f"{venue.venue.url}/control/price", json=body) as answer:
        assert answer.status == 200, await answer.text()


class Pair:
    """Two users that trade with each other."""

    def __init__(self, venue: Quiet) -> None:
        self.venue = venue
        self.maker, self.taker = venue.signer(1), venue.signer(0)
        self.ids = 0

    async def trade(self, side: int, usd: int, *parts: int) -> None:
        """The taker's one order meets an order of the maker for each part, steps of 0.0001 BTC."""
        until = self.venue.height + 10
        for steps in parts:
            self.ids += 1
            order = self.maker.order(self.ids, SHORT_TERM, 3 - side, usd, steps, until)
            await self.venue.taken(self.maker, order)
        self.ids += 1
        order = self.taker.order(self.ids, SHORT_TERM, side, usd, sum(parts), until)
        await self.venue.taken(self.taker, order)

    async def hours(self, count: int) -> None:
        await self.venue.venue.market.advance(1000 * HOUR * count, 60_000)

    async def asked(
        self, what: str, number: int = 0, parent: bool = False, more: str = ""
    ) -> list[Any]:
        name, path = "subaccountNumber", what
        if parent:
            name, path = "parentSubaccountNumber", f"{what}/parentSubaccountNumber"
        query = f"?address={self.taker.address}&{name}={number}{more}"
        found = await self.venue.get(f"/v4/{path}{query}")
        return list(next(iter(found.values())))


def facts(rows: list[Any], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def test_trades_are_steps_of_positions() -> None:
    async def main() -> None:
        async with quiet_venue() as venue:
            pair = Pair(venue)
            for side, usd, *parts in (
                (BUY, 60_000, 400, 600), (BUY, 61_000, 1000), (SELL, 60_900, 500),
                (SELL, 60_700, 2500),
            ):  # fmt: skip
                await pair.trade(side, usd, *parts)
                await venue.blocks()
            rows = await pair.asked("tradeHistory")
            assert facts(rows, "action", "side", "positionSide", "prevSize", "additionalSize") == [
                ("OPEN", "SELL", "SHORT", "0", "-0.1"),
                ("CLOSE", "SELL", None, "0.15", "-0.15"),
                ("PARTIAL_CLOSE", "SELL", "LONG", "0.2", "-0.05"),
                ("EXTEND", "BUY", "LONG", "0.1", "0.1"),
                ("OPEN", "BUY", "LONG", "0", "0.1"),
            ]
            # Entry 60,500; (60,900 - 60,500) 0.05 = 20, then 0.15 (60,700 - 60,500) = 30 more.
            assert facts(rows, "entryPrice", "netRealizedPnl", "netRealizedPnlPercent") == [
                ("60700", "0", None),
                ("60500", "50", "0.00413223140495867769"),
                ("60500", "20", "0.0066115702479338843"),
                ("60500", "0", None),
                ("60000", "0", None),
            ]
            # 5 bp of 6,000, 6,100, 3,045, then of 9,105 and 6,070.
            assert facts(rows, "value", "netFee", "orderType", "marketId") == [
                ("6070", "3.035", "LIMIT", "BTC-USD"),
                ("9105", "12.125", "LIMIT", "BTC-USD"),
                ("3045", "7.5725", "LIMIT", "BTC-USD"),
                ("6100", "6.05", "LIMIT", "BTC-USD"),
                ("6000", "3", "LIMIT", "BTC-USD"),
            ]
            assert rows[0]["id"].endswith(":open")
            assert rows[1]["id"].endswith(":close")
            assert rows[0]["orderId"] == rows[1]["orderId"]
            assert await pair.asked("tradeHistory", parent=True) == rows

    asyncio.run(main())


def test_no_fill_of_a_long_past_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its first fill a position would be another. Each fill here stands for 10,000."""

    async def main() -> None:
        async with quiet_venue() as venue:
            pair = Pair(venue)
            for side, steps in ((BUY, 1000), (BUY, 1000), (SELL, 500)):
                await pair.trade(side, PRICE, steps)
                await venue.blocks()
            history = venue.venue.host.history
            fills = history.fills
            monkeypatch.setattr(
                history, "fills", lambda row, limit: fills(row, limit=limit // 10_000)
            )
            rows = await pair.asked("tradeHistory")
            assert [row["action"] for row in rows] == ["PARTIAL_CLOSE", "EXTEND", "OPEN"]

    asyncio.run(main())


def test_the_worth_of_each_hour_is_reckoned_back_from_now() -> None:
    async def main() -> None:
        async with quiet_venue() as venue:
            pair = Pair(venue)
            taker = pair.taker
            assert await pair.asked("pnl") == []
            await pair.trade(BUY, PRICE, 1000)  # 0.1 BTC; fee 3
            await pair.hours(1)
            await venue.taken(taker, taker.transfer(1, 5_000_000_000))
            await price(venue, 61_000)
            await pair.trade(BUY, 61_000, 1)  # a price of this hour
            await pair.hours(1)
            await pair.trade(SELL, 61_000, 1001)  # 0.1 (61,000 - 60,000) = 100
            await pair.hours(1)
            rows = await pair.asked("pnl")
            paid = [Decimal(each["payment"]) for each in await pair.asked("fundingPayments")]
            assert not any(paid)
            worth = [Decimal(row["equity"]) for row in rows]
            fees = Decimal("3.00305"), Decimal("3.05305")
            assert worth == [
                Decimal(95_100) - fees[0] - fees[1],
                Decimal(95_100) - fees[0],
                Decimal(100_000) - 3,
            ]
            assert [row["netTransfers"] for row in rows] == ["95000", "95000", "100000"]
            for row in rows:
                profit = Decimal(row["equity"]) - Decimal(row["netTransfers"])
                assert Decimal(row["totalPnl"]) == profit
            ticks = await pair.asked("historical-pnl")
            assert facts(ticks, "equity", "totalPnl", "createdAt") == facts(
                rows, "equity", "totalPnl", "createdAt"
            )
            assert [row["netTransfers"] for row in ticks] == ["0", "-5000", "100000"]
            # What came before the rows that are asked for is not theirs.
            late = await pair.asked(
                "historical-pnl", more=f"&createdOnOrAfter={ticks[1]['createdAt']}"
            )
            assert late == ticks[:2]
            # Money between the parent and what is below it stays; with it nothing has left.
            whole = await pair.asked("pnl", parent=True)
            assert [row["netTransfers"] for row in whole] == ["95000", "95000", "100000"]
            child = await pair.asked("pnl", number=1)
            assert [row["equity"] for row in child] == ["5000", "5000"]
            shown = await venue.get(f"/v4/addresses/{taker.address}/subaccountNumber/0")
            assert Decimal(shown["subaccount"]["equity"]) == worth[0]
            daily = await venue.get(
                f"/v4/pnl?address={taker.address}&subaccountNumber=0&daily=true"
            )
            assert all(row["createdAt"].endswith("T00:00:00.000Z") for row in daily["pnl"])

    asyncio.run(main())
