"""The terminal in a browser, against a real venue: what a trader does, and what is then so."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from tests.browser.terminal import STILL, Terminal, number, terminal, venue
from tests.command_line import seawall

pytestmark = pytest.mark.browser


def test_each_order_kind_is_placed_and_fills_are_seen(page: Terminal) -> None:
    page.choose(account=1, market="BTC")
    page.order("buy", "market", size="0.1")
    page.wait(lambda: "0.10000" in page.position("BTC"))
    page.order("buy", "limit", size="0.1", price="49000")
    page.order("buy", "post_only", size="0.1", price="48900")
    page.order("sell", "stop_market", size="0.1", trigger="47000")
    page.order("sell", "stop_limit", size="0.1", trigger="46500", price="46400")
    page.order("sell", "take_market", size="0.1", trigger="55000")
    page.order("sell", "take_limit", size="0.1", trigger="55500", price="55400")
    page.order("buy", "scale", size="0.3", price="48000", scale_to="47000")
    page.wait(lambda: len(page.rows("orders")) == 11)
    shown = " ".join(page.rows("orders"))
    for name in ("Limit", "Stop market", "Stop limit", "Take profit market", "Take profit limit"):
        assert name in shown
    page.order("buy", "immediate", size="0.1", price="50500")
    page.order("buy", "fill_or_kill", size="0.1", price="50500")
    page.wait(lambda: "0.30000" in page.position("BTC"))

    def filled() -> Decimal:
        return sum((number(each.split("\t")[3]) for each in page.rows("fills")), Decimal(0))

    page.wait(lambda: filled() == Decimal("0.3"))
    assert all("taker" in each for each in page.rows("fills"))


def test_an_order_over_time_is_foreseen_followed_and_cancelled(page: Terminal) -> None:
    page.choose(account=5, market="BTC")
    page.write("buy", "twap", size="1.1", minutes="4")
    page.wait(lambda: "minutes: from 5 to 10080" in page.text("form .warning.danger"))
    page.page.fill("#ticket-minutes", "5")
    page.wait(lambda: page.text("#twap-slices") == "11, one each 00:30")
    assert "0.10000" in page.text("#preview")
    page.page.check("#ticket-randomise")
    page.send()
    page.open_table("twaps")
    page.wait(lambda: page.text("[data-field=slices]") == "0 of 11")
    page.advance(1)
    page.wait(lambda: page.text("[data-field=executed]") == "0.10000 of 1.10000")
    page.advance(30)
    page.wait(lambda: page.text("[data-field=slices]") == "2 of 11")
    page.wait(lambda: "0.20000" in page.position("BTC"))
    page.open_table("twaps")
    assert "randomise" in page.text("#twaps tbody tr")
    page.page.locator("#twaps").get_by_role("button", name="Cancel").click()
    page.wait(lambda: page.text("[data-field=state]") == "cancelled")
    assert page.text("[data-field=executed]") == "0.20000 of 1.10000"
    assert page.page.locator("#twaps button").count() == 0


def test_an_isolated_margin_is_added_and_its_liquidation_moves_away(page: Terminal) -> None:
    page.choose(account=2, market="BTC")
    page.set_mode("isolated", 20)
    page.order("buy", "market", size="1")
    page.wait(lambda: "isolated 20×" in page.position("BTC"))
    before = number(page.position("BTC", "liquidation"))
    page.page.get_by_role("button", name="Margin", exact=True).click()
    page.page.fill("#margin-amount", "1000")
    page.wait(lambda: page.text("#margin-after") not in ("", "–"))
    written = page.text("#margin-after")
    page.page.locator(".margin input[type=range]").fill("2000")
    page.wait(lambda: page.text("#margin-after") not in ("", "–", written))
    projected = page.text("#margin-after")
    page.page.click("#margin-set")
    page.wait(lambda: number(page.position("BTC", "liquidation")) < before)
    assert page.position("BTC", "liquidation") == projected


def test_a_what_if_is_what_stress_says_to_the_cent(page: Terminal, still: dict[str, Any]) -> None:
    page.choose(account=3, market="BTC")
    page.order("buy", "market", size="1.5")
    page.choose(market="ETH")
    page.set_mode("isolated", 20)
    page.order("buy", "market", size="20")
    page.wait(lambda: page.position("ETH") and page.position("BTC"))
    page.page.click("#tab-whatif")
    page.page.check("#whatif-afterwards")
    page.page.get_by_role("button", name="−15 %").click()
    page.wait(lambda: page.text("#whatif-left"))
    address = still["accounts"][3]["address"]
    found = seawall("stress", address, "--at", still["url"], "--shock=-15", "--json")
    assert found.returncode == 0, found.stderr
    row = next(
        each for each in json.loads(found.stdout)["shocks"] if each["move"] == "all together"
    )
    cent = Decimal("0.01")
    assert page.figure("#whatif-left") == Decimal(str(row["left"])).quantize(cent)
    equity = page.page.locator("#whatif-equity").inner_text()
    assert number(equity) == Decimal(str(row["equity"])).quantize(cent)
    assert "ETH" in page.text(".answer")
    page.page.keyboard.press("Escape")
    page.wait(lambda: page.page.locator("#whatif-clear").is_disabled())


class Wire:
    """What the page asks and what the venue sends, by type, less the messages that are lost."""

    def __init__(self, is_lost: Callable[["Wire", dict[str, Any]], bool]) -> None:
        self.asked: dict[int, str] = {}
        self.sent: list[str] = []
        self._is_lost = is_lost

    def __call__(self, route: Any) -> None:
        server = route.connect_to_server()

        def down(text: str) -> None:
            message = json.loads(text)["message"]
            self.sent.append(message["type"])
            if not self._is_lost(self, message):
                route.send(text)

        def up(text: str) -> None:
            message = json.loads(text)
            self.asked[message["id"]] = message["request"]["type"]
            server.send(text)

        server.on_message(down)
        route.on_message(up)


def test_a_message_that_is_lost_makes_the_page_ask_for_everything(
    opened: Any, still: dict[str, Any]
) -> None:
    # The first word of the account is lost, and is only in what comes again.
    wire = Wire(lambda seen, it: it["type"] == "Account" and seen.sent.count("Account") == 1)
    with terminal(opened, still["url"], between=wire) as page:
        assert "Resynchronise" in wire.asked.values()
        assert wire.sent.count("Snapshot") == 2
        assert page.figure("#account-value") > 0


def test_an_answer_that_is_lost_is_said_to_be_missing(opened: Any, still: dict[str, Any]) -> None:
    wire = Wire(lambda seen, it: seen.asked.get(it.get("id", 0)) == "PlaceOrder")
    with terminal(opened, still["url"], between=wire) as page:
        page.choose(account=4, market="BTC")
        page.write("buy", "market", size="0.1")
        page.open_table("log")
        page.page.click("#ticket-send:not([disabled])")
        page.wait(lambda: "No answer came" in page.text(".tables .scroll"))
        page.wait(lambda: "0.10000" in page.position("BTC"))
        assert "Resynchronise" in wire.asked.values()
        assert page.page.input_value("#ticket-size") == "0.1"


def control(url: str, what: str, **said: Any) -> None:
    """Asks it of the venue's control, beside the page."""
    body = json.dumps(said).encode()
    urlopen(Request(f"{url}/control/{what}", body, {"Content-Type": "application/json"})).close()


MISSED = """() => {
    const missed = () => document.querySelector("#whatif-equity")?.textContent ? 0 : 1;
    window.missed = missed();
    new MutationObserver(() => { window.missed += missed(); })
        .observe(document.body, {childList: true, characterData: true, subtree: true});
}"""
"""Counts the changes of the page after which a what-if has no figures."""


def ask_what_if(page: Terminal, account: int) -> None:
    """Asks of a long in ETH what it were 5 % lower at 7x, and counts what misses its figures."""
    page.choose(account=account, market="ETH")
    page.order("buy", "market", size="3")
    page.wait(lambda: page.position("ETH"))
    page.page.click("#tab-whatif")
    page.page.fill("[aria-label='Leverage of ETH']", "7")
    page.page.get_by_role("button", name="−5 %", exact=True).click()
    page.wait(lambda: page.text("#whatif-equity"))
    page.page.evaluate(MISSED)


def test_a_what_if_stays_as_it_is_asked_while_the_venue_goes_on(
    opened: Any, still: dict[str, Any]
) -> None:
    wire = Wire(lambda *_: False)
    with terminal(opened, still["url"], between=wire) as page:
        ask_what_if(page, account=8)
        for _ in range(3):
            said, asked = wire.sent.count("Venue"), list(wire.asked.values()).count("AskWhatIf")
            control(still["url"], "time/advance", seconds=1)
            page.wait(lambda said=said: wire.sent.count("Venue") > said)
            page.wait(lambda asked=asked: list(wire.asked.values()).count("AskWhatIf") > asked + 1)
        assert page.page.input_value("[aria-label='Leverage of ETH']") == "7"
        assert page.page.evaluate("window.missed") == 0


class Deaf:
    """A wire that lets nothing through any more and does not end, once it is told so."""

    def __init__(self) -> None:
        self.is_cut = False
        self.opened = 0

    def __call__(self, route: Any) -> None:
        self.opened += 1
        server, number = route.connect_to_server(), self.opened
        server.on_message(lambda text: (self.is_cut and number == 1) or route.send(text))
        route.on_message(lambda text: self.is_cut or server.send(text))


def test_a_connection_that_only_seems_open_is_said_to_be_gone(
    opened: Any, still: dict[str, Any]
) -> None:
    wire = Deaf()
    with terminal(opened, still["url"], between=wire) as page:
        page.choose(account=6, market="BTC")
        # Nothing moves, and yet it stays connected for longer than a silence may be.
        page.wait(lambda: page.page.evaluate("performance.now()") > 14_000)
        assert page.text(".link") == "connected"
        assert wire.opened == 1
        wire.is_cut = True
        page.wait(lambda: "does not answer" in page.text("[role=alert]"))
        wire.is_cut = False
        page.wait(lambda: page.text(".link") == "connected" and not page.text("[role=alert]"))
        assert wire.opened == 2
        page.choose(account=7)


def test_what_is_asked_and_written_outlasts_a_connection(
    opened: Any, still: dict[str, Any]
) -> None:
    wire = Deaf()
    with terminal(opened, still["url"], between=wire) as page:
        ask_what_if(page, account=9)
        page.write("buy", "limit", size="2", price="1900")
        page.page.click("#tab-whatif")
        answer = page.page.locator(".answer")
        page.wait(lambda: answer.get_attribute("aria-busy") == "false")
        page.page.evaluate(MISSED)
        wire.is_cut = True
        page.wait(lambda: "does not answer" in page.text("[role=alert]"))
        page.wait(lambda: answer.get_attribute("aria-busy") == "true")
        page.wait(lambda: "before" in page.text(".answer"))
        wire.is_cut = False
        page.wait(lambda: page.text(".link") == "connected" and not page.text("[role=alert]"))
        page.wait(lambda: answer.get_attribute("aria-busy") == "false")
        assert page.page.evaluate("window.missed") == 0
        assert page.page.input_value("[aria-label='Leverage of ETH']") == "7"
        page.page.click("#tab-ticket")
        assert page.page.input_value("#ticket-size") == "2"
        assert page.page.input_value("#ticket-price") == "1900"


class Longer:
    """A wire that adds candles after the first ones, as days of trading would."""

    def __init__(self, messages: int, each: int) -> None:
        self.messages = messages
        self.each = each
        self.sequence = 0

    def __call__(self, route: Any) -> None:
        server = route.connect_to_server()

        def send(message: dict[str, Any]) -> None:
            self.sequence += 1
            route.send(json.dumps({"sequence": self.sequence, "message": message}))

        def down(text: str) -> None:
            message = json.loads(text)["message"]
            if message["type"] != "Candles" or self.messages == 0:
                send(message)
                return
            send(message)
            last = message["candles"][-1]
            for _ in range(self.messages):
                added = []
                for _ in range(self.each):
                    last = {**last, "timeMs": last["timeMs"] + 60_000}
                    added.append(last)
                send({**message, "isWhole": False, "candles": added})
            self.messages = 0

        server.on_message(down)
        route.on_message(server.send)


def test_a_chart_that_is_open_for_days_keeps_so_many_candles(
    opened: Any, still: dict[str, Any]
) -> None:
    wire = Longer(messages=60, each=90)
    with terminal(opened, still["url"], between=wire) as page:
        chart = page.page.locator(".chart .place")
        page.wait(lambda: int(chart.get_attribute("aria-label").split()[0]) > 1_900)
        assert wire.messages == 0
        page.wait(lambda: 2_000 <= int(chart.get_attribute("aria-label").split()[0]) <= 2_500)


def held(page: Terminal, cross: str, isolated: str) -> None:
    """A cross BTC long and an isolated ETH long of these sizes, the isolated one at 20x."""
    page.choose(account=0, market="BTC")
    page.set_mode("cross", 40)
    page.order("buy", "market", size=cross)
    page.choose(market="ETH")
    page.set_mode("isolated", 20)
    page.order("buy", "market", size=isolated)
    page.wait(lambda: page.position("ETH") and page.position("BTC"))


def test_a_shock_liquidates_the_isolated_position_and_leaves_the_pool(opened: Any) -> None:
    with venue(*STILL) as said, terminal(opened, said["url"]) as page:
        held(page, cross="0.5", isolated="20")
        page.shock("-8", "30")
        page.wait(lambda: not page.position("ETH"))
        assert page.position("BTC")
        page.open_table("cascade")
        page.wait(lambda: page.figure("#liquidations") >= 1)
        assert "▸ user 0" in page.text(".events")
        assert any("liquidation" in each for each in page.rows("fills"))


def test_a_shock_liquidates_the_pool_and_leaves_the_isolated_position(opened: Any) -> None:
    with venue(*STILL) as said, terminal(opened, said["url"]) as page:
        held(page, cross="60", isolated="1")
        page.choose(market="BTC")
        page.shock("-4", "30")
        page.wait(lambda: page.position("BTC") == "" or "60.00000" not in page.position("BTC"))
        assert "1.0000" in page.position("ETH")
        page.open_table("cascade")
        page.wait(lambda: page.figure("#liquidations") >= 1)


def test_a_venue_that_is_gone_and_comes_back(opened: Any, tmp_path: Path) -> None:
    options = ("--data", str(tmp_path / "venue"), *STILL)
    with ExitStack() as page_of, ExitStack() as first:
        said = first.enter_context(venue(*options))
        page = page_of.enter_context(terminal(opened, said["url"], may_lose=True))
        page.choose(market="BTC")
        page.order("buy", "market", size="0.2")
        page.wait(lambda: "0.20000" in page.position("BTC"))
        first.close()
        page.wait(lambda: "does not answer" in page.text("[role=alert]"))
        page.wait(lambda: page.text(".link") == "not connected")
        assert page.page.locator("#ticket-send").count() == 0
        with venue(*options, port=urlsplit(said["url"]).port or 0) as again:
            # Something happens before the page is back: it must show what is so then.
            steer = ("control", "fund", said["accounts"][0]["address"], "1000")
            assert seawall(*steer, "--url", again["url"]).returncode == 0
            page.wait(lambda: page.text(".link") == "connected")
            page.wait(lambda: page.figure("#account-value") > 100_500)
            assert "0.20000" in page.position("BTC")
            assert page.text("[role=alert]") == ""
