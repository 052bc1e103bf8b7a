"""The page on a venue that settles in blocks: it trades, and says what the rules do not know."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.terminal import STILL, Terminal, terminal, venue


@pytest.fixture(scope="module")
def blocks() -> Iterator[dict[str, Any]]:
    with venue("--venue", "dydx", *STILL) as said:
        yield said


@pytest.fixture
def page(opened: Any, blocks: dict[str, Any]) -> Iterator[Terminal]:
    with terminal(opened, blocks["url"]) as found:
        yield found


def test_orders_fill_rest_and_end(page: Terminal) -> None:
    page.choose(account=0, market="BTC-USD")
    page.order("buy", "market", size="2")
    page.wait(lambda: "2.0000" in page.position("BTC-USD"))
    page.order("buy", "limit", size="0.5", price="48000")
    page.advance(2)
    page.wait(
        lambda: any("48,000" in each and "in the book" in each for each in page.rows("orders"))
    )
    page.order("sell", "stop_market", size="2", trigger="45000")
    page.wait(lambda: any("Stop market" in each for each in page.rows("orders")))
    page.open_table("positions")
    page.page.get_by_role("button", name="Close all").click()
    page.page.locator("dialog").get_by_role("button", name="Close all").click()
    # The stop is left without a position, and the page asks about it.
    page.wait(lambda: "Triggers without a position" in page.text("dialog"))
    page.page.click("#doubt-yes")
    page.wait(lambda: not page.position("BTC-USD"))
    page.advance(2)
    page.wait(lambda: [each for each in page.rows("orders") if "Stop market" in each] == [])


def test_only_what_the_rules_know_is_offered(page: Terminal) -> None:
    page.choose(account=1, market="ETH-USD")
    page.page.click("#tab-ticket")
    kinds = page.page.locator("#ticket-kind option").all_inner_texts()
    assert "Fill or kill" not in kinds
    assert "Stop limit" in kinds
    assert page.page.locator("#ticket-take").count() == 0
    isolated = page.page.locator(".modes").get_by_role("button", name="isolated")
    assert isolated.is_disabled()
    assert page.faults() == []


def test_a_shock_liquidates_and_the_cascade_shows_it(page: Terminal) -> None:
    page.choose(account=2, market="BTC-USD")
    page.order("buy", "market", size="20")
    page.wait(lambda: "20.0000" in page.position("BTC-USD"))
    page.page.click("#tab-whatif")
    page.page.get_by_role("button", name="−5 %", exact=True).click()
    page.wait(lambda: page.text("#whatif-equity"))
    page.shock("-15", "10")
    page.wait(lambda: "20.0000" not in page.position("BTC-USD"))
    page.open_table("cascade")
    page.wait(lambda: "▸ user 2" in page.text(".events"))
