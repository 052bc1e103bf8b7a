"""Questions about an account of a running venue, by its address: all figures are the venue's."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from seawall.domain.events import CROSS_POOL
from seawall.domain.units import MICRO
from seawall.engine.account_view import account_margins
from seawall.venues.dydx.stream.public_reader import StreamReader
from seawall.venues.dydx.wire.moments import ms_of
from seawall.venues.raw_json import VenueDataError
from tests.command_line import seawall
from tests.conformance.dydx.quiet import PRICE, Quiet, quiet_venue
from tests.conformance.dydx.signer import SHORT_TERM, Signer

BUY, SELL = 1, 2
CHILD = 128


async def asked(venue: Quiet, *words: str) -> Any:
    """What a command says of an account of the venue, as JSON."""
    found = await asyncio.to_thread(seawall, *words, "--at", venue.venue.url, "--json")
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


@asynccontextmanager
async def held() -> AsyncIterator[tuple[Quiet, Signer]]:
    """A venue and a user with 0.2 BTC short in subaccount 0, and 0.3 BTC long on 1,991 USDC in a
    child of it."""
    async with quiet_venue() as venue:
        signer, other = venue.signer(0), venue.signer(1)
        until = venue.height + 10
        await venue.taken(signer, signer.transfer(CHILD, 2_000_000_000))
        await venue.taken(other, other.order(1, SHORT_TERM, SELL, PRICE, 3000, until))
        mine = signer.order(1, SHORT_TERM, BUY, PRICE, 3000, until, number=CHILD)
        await venue.taken(signer, mine)
        await venue.taken(other, other.order(2, SHORT_TERM, BUY, PRICE, 2000, until))
        await venue.taken(signer, signer.order(2, SHORT_TERM, SELL, PRICE, 2000, until))
        await venue.blocks()
        yield venue, signer


async def priced(venue: Quiet, usd: str, blocks: int = 2) -> None:
    change = {"market": "BTC", "price": usd}
    async with venue.session.post(f"{venue.venue.url}/control/price", json=change) as answer:
        assert answer.status == 200, await answer.text()
    await venue.blocks(blocks)


async def own_figures(venue: Quiet, signer: Signer, number: int) -> tuple[str, str]:
    """Equity and free collateral, as the venue's indexer says them."""
    path = f"/v4/addresses/{signer.address}/subaccountNumber/{number}"
    found = (await venue.get(path))["subaccount"]
    return found["equity"], found["freeCollateral"]


def margins_of(venue: Quiet, signer: Signer, number: int) -> Any:
    """Of the machine itself."""
    return account_margins(venue.engine, venue.row(signer, number))[CROSS_POOL]


def test_explain_says_what_the_venue_says_of_each_subaccount() -> None:
    async def main() -> None:
        async with held() as (venue, signer):
            await priced(venue, "57123.45678")
            found = await asked(venue, "explain", signer.address)
            assert found["warnings"] == []
            assert [each["subaccount_number"] for each in found["subaccounts"]] == [0, CHILD]
            for each in found["subaccounts"]:
                number = each["subaccount_number"]
                equity, free = await own_figures(venue, signer, number)
                assert (each["equity"], each["free_collateral"]) == (equity, free)
                own = margins_of(venue, signer, number)
                assert Decimal(each["net_collateral"]) * MICRO == own.equity
                assert Decimal(each["maintenance_margin"]) * MICRO == own.maintenance_margin

    asyncio.run(main())


def test_the_venue_liquidates_at_the_price_that_explain_says_and_not_before() -> None:
    async def main() -> None:
        async with held() as (venue, signer):
            found = await asked(venue, "explain", f"{signer.address}/{CHILD}")
            (position,) = found["positions"]
            price = Decimal(position["liquidation_price"])
            bid = int(Decimal(position["fillable_price_at_liquidation"]))
            other = venue.signer(2)
            await venue.taken(other, other.order(1, SHORT_TERM, BUY, bid, 3000, venue.height + 18))

            async def kinds() -> list[str]:
                fills = await venue.get(
                    f"/v4/fills?address={signer.address}&subaccountNumber={CHILD}"
                )
                return [each["type"] for each in fills["fills"]]

            await priced(venue, str(price + Decimal("0.00001")))
            assert await kinds() == ["LIMIT"]
            # The smallest change that the chain takes is larger than a unit of the price.
            await priced(venue, "58000")
            await priced(venue, str(price), blocks=1)
            assert "LIQUIDATED" in await kinds()

    asyncio.run(main())


def test_stress_says_what_the_venue_has_at_the_shocked_price() -> None:
    async def main() -> None:
        async with held() as (venue, signer):
            found = await asked(venue, "stress", f"{signer.address}/{CHILD}", "--shock=-5")
            bucket = found["shock_buckets"][-1]
            assert bucket["bucket"] == "BTC child account"
            await priced(venue, "57000")
            own = margins_of(venue, signer, CHILD)
            assert Decimal(bucket["equity"]) * MICRO == own.equity
            assert Decimal(bucket["maintenance_margin"]) * MICRO == own.maintenance_margin
            assert bucket["equity"] == (await own_figures(venue, signer, CHILD))[0]

    asyncio.run(main())


FEW = ("--paths", "20", "--hours", "1")
OTHERS = {
    "paths": ("paths", "{}", *FEW),
    "compare": ("compare", "{}", *FEW),
    "ladder": ("ladder", "{}", *FEW),
    "rehearse": ("rehearse", "{}"),
    "carry": ("carry", "--account", "{}"),
    "size": ("size", "BTC", "--account", "{}", "--stop", "5%"),
    "guard test": ("guard", "test", "examples/guard/macro_book.toml", "{}", *FEW, "--rules=off"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_the_other_questions_read_the_same_account(name: str) -> None:
    """Each has the equity, or of carry the notional, of that subaccount alone."""

    async def main() -> None:
        async with held() as (venue, signer):
            address = f"{signer.address}/{CHILD}"
            words = [each.format(address) for each in OTHERS[name]]
            found = await asyncio.to_thread(seawall, *words, "--at", venue.venue.url, "--json")
            assert found.returncode < 2, found.stderr
            assert ("18000" if name == "carry" else "1991") in found.stdout

    asyncio.run(main())


def test_candles_are_read_from_the_oldest_on() -> None:
    async def main() -> None:
        async with held() as (venue, signer):
            await venue.blocks(60)
            until, other = venue.height + 10, venue.signer(1)
            await venue.taken(other, other.order(9, SHORT_TERM, SELL, PRICE, 1000, until))
            await venue.taken(signer, signer.order(9, SHORT_TERM, BUY, PRICE, 1000, until))
            reader = StreamReader(venue.venue.url)
            first, last = await reader.candles("BTC", "1m", 0, venue.now_s * 1000)
            shown = await venue.get("/v4/candles/perpetualMarkets/BTC-USD?resolution=1MIN")
            opened = [ms_of("startedAt", each["startedAt"]) for each in shown["candles"]]
            assert [last.opened_ms, first.opened_ms] == opened
            assert (last.close, last.volume, last.trades) == (PRICE, 0.1, 1)
            with pytest.raises(VenueDataError, match="interval: '7m' must be one of 1m, 5m"):
                await reader.candles("BTC", "7m", 0, 1)

    asyncio.run(main())
