"""The terminal of an account that is only read, in a browser: beside the venue's own page."""

from contextlib import ExitStack
from typing import Any

import pytest

from tests.browser.pages import PHONE, WIDE
from tests.browser.terminal import STILL, UNBUFFERED, Terminal, terminal, venue
from tests.command_line import running

pytestmark = pytest.mark.browser


def trade(page: Terminal) -> None:
    page.choose(account=0, market="BTC")
    page.order("buy", "market", size="4")
    page.wait(lambda: "4.00000" in page.position("BTC"))
    page.choose(market="ETH")
    page.set_mode("isolated", 20)
    page.order("sell", "market", size="20")
    page.wait(lambda: page.position("ETH"))
    page.choose(market="BTC")
    page.order("buy", "limit", size="0.25", price="48000")
    page.wait(lambda: len(page.rows("orders")) == 1)


def same(there: Terminal, here: Terminal) -> None:
    """Both pages show the same account."""
    for name in ("#account-value", "#account-available", "#mark"):
        here.wait(lambda name=name: here.text(name) == there.text(name))
    for market in ("BTC", "ETH"):
        price = there.position(market, "liquidation")
        here.wait(lambda market=market, price=price: here.position(market, "liquidation") == price)


def test_an_account_is_read_beside_the_venues_own_page(opened: Any) -> None:
    with venue(*STILL) as said, terminal(opened, said["url"]) as there:
        trade(there)
        address = said["accounts"][0]["address"]
        command = ("terminal", address, "--at", said["url"], "--port", "0")
        with (
            running(*command, environment=UNBUFFERED) as (shown, _),
            terminal(opened, shown["url"]) as here,
        ):
            assert shown["address"] == address
            same(there, here)
            assert "✓" in here.position("BTC", "reported")
            assert "✓" in here.position("ETH", "reported")
            here.wait(lambda: "stale" not in here.text("#reading"))
            assert "Read only" in here.text("#reading")
            assert here.page.get_by_role("alert").count() == 0
            assert here.rows("orders")[0].split("\t")[:3] == ["BTC", "▴ buy", "Limit"]
            # Nothing to trade with: no ticket, no control, no button that changes anything.
            assert here.page.locator("#tab-ticket, #tab-control, #ticket-send").count() == 0
            assert here.page.get_by_role("button", name="Close").count() == 0
            here.page.get_by_role("button", name="−15 %").click()
            here.wait(lambda: here.text("#whatif-lost"))
            assert here.figure("#whatif-lost") > 0
            assert here.faults() == []
            # What the account does at the venue is seen here.
            there.order("sell", "market", size="1")
            here.wait(lambda: "3.00000" in here.position("BTC"))
            same(there, here)


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_what_is_old_is_said_and_kept(opened: Any, width: int) -> None:
    with ExitStack() as there:
        said = there.enter_context(venue(*STILL))
        address = said["accounts"][0]["address"]
        command = ("terminal", address, "--at", said["url"], "--port", "0")
        with (
            running(*command, environment=UNBUFFERED) as (shown, _),
            terminal(opened, shown["url"], width, "dark") as here,
        ):
            here.wait(lambda: "following" in here.text("#reading"))
            here.wait(lambda: "stale" not in here.text("#reading"))
            assert here.page.get_by_role("alert").count() == 0
            assert here.faults() == []
            value = here.text("#account-value")
            there.close()
            here.wait(lambda: "no connection" in here.text("#reading"))
            alert = here.page.get_by_role("alert")
            here.wait(lambda: "Not up to date: account" in alert.inner_text())
            assert "does not answer" in alert.inner_text()
            assert "old" in here.page.locator(".card .danger").inner_text()
            assert here.text("#account-value") == value
            assert here.faults() == []
