"""Two dexes and unified accounts with the official client, figures recomputed from wire data."""

from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal
from typing import Any

import pytest

from tests.conformance.hyperliquid.books import books_of
from tests.conformance.hyperliquid.listener import Listener
from tests.conformance.hyperliquid.running import Venue
from tests.conformance.hyperliquid.trader import (
    GTC,
    Maker,
    Trader,
    dex_of,
    done,
    error,
    filled,
    only,
    resting,
    truncated,
)
from tests.conformance.hyperliquid.wire import info

pytestmark = pytest.mark.conformance

BTC, GOLD, SILVER = "BTC", "xyz:GOLD", "xyz:SILVER"
PRICES = {BTC: 60_000.0, GOLD: 3_000.0, SILVER: 40.0}
TOKEN = "USDC:0x6d1e7cde53ba9467b783cb7c530ce054"
UNIFIED_ONLY = {"status": "err", "response": "Action disabled when unified account is active"}
NewTrader = Callable[[float], Trader]


@pytest.fixture(autouse=True)
def _books(dex_venue: Venue, dex_maker: Maker) -> None:
    for coin, price in PRICES.items():
        dex_venue.settle(coin, price, dex_maker)


def unified(trader: Trader) -> Trader:
    done(trader.exchange.user_set_abstraction(trader.address, "unifiedAccount"))
    assert trader.info.query_user_abstraction_state(trader.address) == "unifiedAccount"
    return trader


def spot(trader: Trader) -> dict[str, Any]:
    """The one balance of an account, with what is left above maintenance."""
    state = trader.info.spot_user_state(trader.address)
    (balance,) = state["balances"]
    ((token, available),) = state["tokenToAvailableAfterMaintenance"]
    assert (balance["coin"], balance["token"], token) == ("USDC", 0, 0)
    return {**balance, "available": available}


class Wire:
    """What anyone can read: marks and margin tables of both dexes."""

    def __init__(self, url: str) -> None:
        self.marks: dict[str, Decimal] = {}
        self.tiers: dict[str, list[tuple[Decimal, int]]] = {}
        for dex in ("", "xyz"):
            meta, contexts = info(url, "metaAndAssetCtxs", dex=dex)
            tables = dict(meta["marginTables"])
            for asset, context in zip(meta["universe"], contexts, strict=True):
                self.marks[asset["name"]] = Decimal(context["markPx"])
                table = tables.get(asset["marginTableId"])
                own = [{"lowerBound": "0", "maxLeverage": asset["maxLeverage"]}]
                self.tiers[asset["name"]] = [
                    (Decimal(tier["lowerBound"]), tier["maxLeverage"])
                    for tier in (table["marginTiers"] if table else own)
                ]

    def maintenance(self, coin: str, notional: Decimal) -> Decimal:
        rate = deduction = Decimal(0)
        for bound, leverage in self.tiers[coin]:
            if notional >= bound:
                after = Decimal(1) / (2 * leverage)
                deduction += bound * (after - rate)
                rate = after
        return truncated(notional * rate - deduction)


class Expected:
    """An account's figures from its fills, its orders and what anyone can read.

    ``money``: what it was given. ``leverages``: of the coins it trades; ``isolated``: which of
    them are so.
    """

    def __init__(
        self, trader: Trader, money: int, leverages: dict[str, int], isolated: str
    ) -> None:
        wire = Wire(trader.url)
        cash = {False: Decimal(money), True: Decimal(0)}
        sizes: dict[str, Decimal] = {}
        for fill in trader.fills():
            coin, bucket = fill["coin"], fill["coin"] == isolated
            size = Decimal(fill["sz"]) * (1 if fill["side"] == "B" else -1)
            paid = size * Decimal(fill["px"])
            sizes[coin] = sizes.get(coin, Decimal(0)) + size
            cash[bucket] -= paid + Decimal(fill["fee"])
            if bucket:
                margin = truncated(abs(paid) / leverages[coin])
                cash[True] += margin
                cash[False] -= margin
        value = {coin: size * wire.marks[coin] for coin, size in sizes.items()}
        self.bucket = cash[True] + value.get(isolated, Decimal(0))
        pool = [coin for coin, size in sizes.items() if size and coin != isolated]
        self.cross = cash[False] + sum((value[coin] for coin in pool), Decimal(0))
        self.maintenance: dict[str, Decimal] = {"": Decimal(0), "xyz": Decimal(0)}
        self.needed: dict[str, Decimal] = {"": Decimal(0), "xyz": self.bucket}
        self.liquidation: dict[str, Decimal] = {}
        for coin in pool:
            notional = abs(value[coin])
            self.maintenance[dex_of(coin)] += wire.maintenance(coin, notional)
            self.needed[dex_of(coin)] += truncated(notional / leverages[coin])
        for order in trader.open_orders():
            held = Decimal(order["sz"]) * Decimal(order["limitPx"]) / leverages[order["coin"]]
            self.needed[dex_of(order["coin"])] += truncated(held)
        room = self.cross - sum(self.maintenance.values())
        for coin in pool:
            rate = Decimal(1) / (2 * wire.tiers[coin][0][1])
            size = sizes[coin]
            side = 1 if size > 0 else -1
            self.liquidation[coin] = wire.marks[coin] - side * room / abs(size) / (1 - side * rate)
        self.available = room
        self.total = self.cross + self.bucket

    def check(self, trader: Trader) -> None:
        """The venue says the same."""
        shown = spot(trader)
        assert Decimal(shown["total"]) == self.total
        assert Decimal(shown["available"]) == self.available
        assert Decimal(shown["hold"]) == min(self.total, sum(self.needed.values()))
        for dex, maintenance in self.maintenance.items():
            state = trader.state(dex)
            assert same(state["crossMaintenanceMarginUsed"], maintenance)
            assert same(state["marginSummary"]["accountValue"], self.needed[dex])
        for coin, price in self.liquidation.items():
            found = trader.held(coin)["liquidationPx"]
            if price > 0:
                assert abs(Decimal(found) - price) < Decimal("1e-6"), coin
            else:
                assert found is None, coin


def same(text: str, exact: Decimal) -> bool:
    """The venue prints the double next to the exact value."""
    return abs(Decimal(text) - exact) <= Decimal("1e-9") * max(1, abs(exact))


def test_becoming_unified(dex_venue: Venue, dex_maker: Maker, new_dex_trader: NewTrader) -> None:
    trader = new_dex_trader(10_000)
    done(trader.exchange.usd_class_transfer(250.5, False))
    done(trader.exchange.send_asset(trader.address, "", "xyz", TOKEN, 1_000.0))
    assert Decimal(trader.state("xyz")["withdrawable"]) == 1_000
    unified(trader)
    shown = spot(trader)
    assert (shown["total"], shown["hold"], shown["available"]) == ("10000.0", "0.0", "10000.0")
    assert trader.exchange.usd_class_transfer(1.0, True) == UNIFIED_ONLY
    for source, target in (("", "xyz"), ("spot", ""), ("xyz", "")):
        sent = trader.exchange.send_asset(trader.address, source, target, TOKEN, 1.0)
        assert sent == UNIFIED_ONLY
    other = new_dex_trader(1_000)
    done(trader.exchange.spot_transfer(20.0, other.address, TOKEN))
    done(trader.exchange.usd_transfer(30.0, other.address))
    done(trader.exchange.withdraw_from_bridge(50.0, trader.address))
    assert Decimal(spot(trader)["total"]) == 9_900
    assert (
        trader.exchange.user_set_abstraction(trader.address, "portfolioMargin")["status"] == "err"
    )
    filled(trader.exchange.market_open(GOLD, True, 0.5))
    refused = trader.exchange.user_set_abstraction(trader.address, "disabled")
    assert "builder dexes" in refused["response"]
    filled(trader.exchange.market_close(GOLD))
    done(trader.exchange.agent_set_abstraction("i"))
    assert trader.info.query_user_abstraction_state(trader.address) == "disabled"
    assert Decimal(trader.state()["withdrawable"]) > 9_890
    done(trader.exchange.usd_class_transfer(1.0, False))


def test_every_figure_of_a_unified_account(
    dex_venue: Venue, dex_maker: Maker, new_dex_trader: NewTrader
) -> None:
    trader = unified(new_dex_trader(10_000))
    leverages = {BTC: 25, GOLD: 10, SILVER: 5}
    for coin, leverage in leverages.items():
        done(trader.exchange.update_leverage(leverage, coin, is_cross=coin != SILVER))
    filled(trader.exchange.market_open(BTC, True, 0.5))
    filled(trader.exchange.market_open(GOLD, False, 4.0))
    filled(trader.exchange.market_open(SILVER, True, 50.0))
    resting(trader.exchange.order(GOLD, False, 1.0, 3_300, GTC))
    resting(trader.exchange.order(BTC, True, 0.1, 50_000, GTC))
    assert {order["coin"] for order in trader.info.open_orders(trader.address, "xyz")} == {GOLD}
    Expected(trader, 10_000, leverages, SILVER).check(trader)
    for coin, price in ((BTC, 61_500.0), (GOLD, 3_111.0), (SILVER, 38.5)):
        dex_venue.settle(coin, price, dex_maker)
    expected = Expected(trader, 10_000, leverages, SILVER)
    expected.check(trader)
    free = expected.total - sum(expected.needed.values())
    for coin in ("ETH", SILVER):
        active = info(trader.url, "activeAssetData", user=trader.address, coin=coin)
        assert same(active["availableToTrade"][0], free)
        size = Decimal(active["maxTradeSzs"][0])
        step = Decimal(1).scaleb(-trader.info.asset_to_sz_decimals[trader.info.name_to_asset(coin)])
        most = free * active["leverage"]["value"] / Decimal(active["markPx"])
        assert size <= most < size + step
    # An order holds its price over the leverage, on whichever dex.
    most = (free * leverages[SILVER] / 38).quantize(step, ROUND_DOWN)
    over = trader.exchange.order(SILVER, True, float(most + step), 38.0, GTC)
    assert error(over) == "Insufficient margin to place order. asset=110001"
    resting(trader.exchange.order(SILVER, True, float(most), 38.0, GTC))
    listener = Listener(trader.url)
    heard = listener.subscribe(type="webData2", user=trader.address).next()
    assert heard["spotState"]["balances"] == trader.info.spot_user_state(trader.address)["balances"]
    listener.close()
    both = info(trader.url, "allDexsClearinghouseState", user=trader.address)
    states = dict(both["clearinghouseStates"])
    assert [p["position"]["coin"] for p in states["xyz"]["assetPositions"]] == [GOLD, SILVER]


def test_orders_of_a_builders_dex(
    dex_venue: Venue, dex_maker: Maker, new_dex_trader: NewTrader
) -> None:
    """Placed, modified, cancelled and refused under the asset id 110000."""
    trader = new_dex_trader(10_000)
    assert trader.info.name_to_asset(GOLD) == 110_000
    text = error(trader.exchange.order(GOLD, True, 1.0, 2_500, GTC))
    assert text == "Insufficient margin to place order. asset=110000"
    done(trader.exchange.send_asset(trader.address, "", "xyz", TOKEN, 2_000.0))
    oid = resting(trader.exchange.order(GOLD, True, 1.0, 2_500, GTC))
    (order,) = trader.info.open_orders(trader.address, "xyz")
    assert (order["coin"], order["oid"], order["limitPx"]) == (GOLD, oid, "2500.0")
    assert trader.info.open_orders(trader.address) == []
    oid = resting(trader.exchange.modify_order(oid, GOLD, True, 1.0, 2_600, GTC))
    assert trader.order_status(oid) == "open"
    assert only(trader.exchange.cancel(GOLD, oid)) == "success"
    filled(trader.exchange.market_open(GOLD, True, 2.0))
    (fill,) = trader.fills()
    assert (fill["coin"], fill["dir"]) == (GOLD, "Open Long")
    assert trader.state()["assetPositions"] == []
    state = trader.state("xyz")
    assert Decimal(state["marginSummary"]["accountValue"]) < 2_000
    assert Decimal(trader.state()["marginSummary"]["accountValue"]) == 8_000


def test_the_group_decides_a_liquidation(
    dex_venue: Venue, dex_maker: Maker, new_dex_trader: NewTrader
) -> None:
    """The same positions and money, once unified and once apart."""
    together, apart = unified(new_dex_trader(3_000)), new_dex_trader(3_000)
    done(apart.exchange.send_asset(apart.address, "", "xyz", TOKEN, 2_000.0))
    for trader in (together, apart):
        done(trader.exchange.update_leverage(40, BTC))
        filled(trader.exchange.market_open(BTC, True, 0.3))
        filled(trader.exchange.market_open(GOLD, True, 5.0))
    leverages = {BTC: 40, GOLD: 20}
    dex_venue.settle(BTC, 57_000.0, dex_maker)
    # Apart, the loss on the venue's own dex is more than what lies there.
    assert apart.position(BTC) is None
    assert apart.held(GOLD)["szi"] == "5.0"
    assert together.held(BTC)["szi"] == "0.3"
    expected = Expected(together, 3_000, leverages, "")
    assert expected.available > 1_000
    expected.check(together)
    limit = Decimal(together.held(GOLD)["liquidationPx"])
    assert 2_660 < limit < 2_720
    dex_venue.settle(GOLD, float(round(limit)) + 10, dex_maker)
    assert together.held(GOLD)["szi"] == "5.0"
    dex_venue.settle(GOLD, float(round(limit)) - 10, dex_maker)
    # Gold fell, and together they fall short: the larger position goes, on the other dex, whose
    # price stood still. The builder's dex alone would have gone on.
    assert together.position(BTC) is None
    assert together.held(GOLD)["szi"] == "5.0"
    assert apart.held(GOLD)["szi"] == "5.0"
    entries = together.info.user_non_funding_ledger_updates(together.address, 0)
    (taken,) = [e["delta"] for e in entries if e["delta"]["type"] == "liquidation"]
    assert taken["leverageType"] == "Cross"
    assert taken["liquidatedPositions"] == [{"coin": BTC, "szi": "0.3"}]
    assert {fill["dir"] for fill in together.fills() if "liquidation" in fill} == {
        "Liquidated Cross Long"
    }
    after = Expected(together, 3_000, leverages, "")
    assert after.available > 0
    after.check(together)


def test_names_that_clients_insist_on(dex_venue: Venue, new_dex_trader: NewTrader) -> None:
    trader = new_dex_trader(1_000)
    assert trader.info.name_to_asset("PURR/USDC") == 10_000
    assert trader.info.l2_snapshot("PURR/USDC")["levels"] == [[], []]
    answer = trader.exchange.order("PURR/USDC", True, 100, 0.2, GTC)
    assert answer["response"] == "Spot orders are not offered by this venue. asset=10000"


def test_books_of_a_unified_account_close_when_the_backstop_took_it(
    dex_venue: Venue, dex_maker: Maker, new_dex_trader: NewTrader
) -> None:
    """Positions of two dexes go with the one balance, and the fills tell all that was lost."""
    trader = unified(new_dex_trader(3_000))
    for coin in (BTC, GOLD):
        done(trader.exchange.update_leverage(20, coin, is_cross=True))
        filled(trader.exchange.market_open(coin, True, 24_000 / PRICES[coin]))
        dex_maker.clear(coin)
    for coin in (BTC, GOLD):
        dex_venue.control.shock(coin, -0.053)
    dex_venue.control.advance(3_000)
    assert trader.position(BTC) is None
    assert trader.position(GOLD) is None
    books = books_of(trader.info, trader.address)
    assert books.faults == []
    assert sum(books.methods.values()) == 2
    assert Decimal(spot(trader)["total"]) == books.balance
