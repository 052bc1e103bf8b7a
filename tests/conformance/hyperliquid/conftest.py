"""One quiet venue for all tests: a clock that stands still, prices by hand, nobody but the tests.

Every test trades with fresh wallets, and leaves neither orders nor positions behind.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.hyperliquid.running import Venue, started

if TYPE_CHECKING:
    from tests.conformance.hyperliquid.trader import Maker, Trader

MAKER_USD = 200_000_000
TRADER_USD = 100_000
DEXES = ("", "xyz")
DEX_MARKETS = ("BTC=60000", "ETH=2000", "xyz:GOLD=3000", "xyz:SILVER=40")


@pytest.fixture(scope="session")
def venue() -> Iterator[Venue]:
    with started() as found:
        yield found
        assert found.process.poll() is None, found.complaints()
        assert "Traceback" not in found.complaints(), found.complaints()


@pytest.fixture(scope="session")
def maker(venue: Venue) -> "Maker":
    """The only one who quotes."""
    from tests.conformance.hyperliquid.trader import Maker

    found = Maker(venue.url, venue.users[9][1])
    venue.control.fund(found.address, MAKER_USD)
    return found


@pytest.fixture
def new_trader(venue: Venue, maker: "Maker") -> "Iterator[Callable[[float], Trader]]":
    """Makes traders with so many USD; they are flat again after the test."""
    import eth_account

    from tests.conformance.hyperliquid.trader import Trader

    made: list[Any] = []

    def make(usd: float) -> "Trader":
        key = eth_account.Account.create().key.hex()
        if usd:
            venue.control.fund(eth_account.Account.from_key(key).address, usd)
        made.append(Trader(venue.url, key))
        return made[-1]

    yield make
    for trader in made:
        trader.go_flat()


@pytest.fixture(scope="session")
def dex_venue() -> Iterator[Venue]:
    """Another quiet venue, with markets of a builder's dex beside its own."""
    with started("--markets", *DEX_MARKETS) as found:
        yield found
        assert found.check()["broken"] == 0
        assert found.process.poll() is None, found.complaints()
        assert "Traceback" not in found.complaints(), found.complaints()


@pytest.fixture(scope="session")
def dex_maker(dex_venue: Venue) -> "Maker":
    """The only one who quotes there; one balance carries its quotes on both dexes."""
    from tests.conformance.hyperliquid.trader import Maker, done

    found = Maker(dex_venue.url, dex_venue.users[9][1], dexes=DEXES)
    dex_venue.control.fund(found.address, MAKER_USD)
    done(found.exchange.user_set_abstraction(found.address, "unifiedAccount"))
    return found


@pytest.fixture
def new_dex_trader(dex_venue: Venue, dex_maker: "Maker") -> "Iterator[Callable[[float], Trader]]":
    """Makes traders with so many USD; they are flat again after the test."""
    import eth_account

    from tests.conformance.hyperliquid.trader import Trader

    made: list[Any] = []

    def make(usd: float) -> "Trader":
        account = eth_account.Account.create()
        dex_venue.control.fund(account.address, usd)
        made.append(Trader(dex_venue.url, account.key.hex(), dexes=DEXES))
        return made[-1]

    yield make
    for trader in made:
        trader.go_flat()


@pytest.fixture
def trader(new_trader: "Callable[[float], Trader]") -> "Trader":
    return new_trader(TRADER_USD)


@pytest.fixture
def other(new_trader: "Callable[[float], Trader]") -> "Trader":
    return new_trader(TRADER_USD)


@pytest.fixture
def poor(new_trader: "Callable[[float], Trader]") -> "Trader":
    """A trader without money yet."""
    return new_trader(0)
