"""The terminal's page in headless Chromium, against a venue in a process of its own.

Every page is held to two things while it is open: no message of the console that is a warning or an
error, and no request to anything but the venue.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe

from seawall.terminal.app import is_built
from tests.browser.pages import PHONE, SEVERE, WIDE
from tests.command_line import running
from tests.waiting import PATIENCE_S, wait_until

HEIGHTS = {WIDE: 900, PHONE: 844}
STILL = ("--speed", "manual", "--feed", "manual", "--seed", "9", "--markets", "BTC=50000,ETH=2000")
"""Options of a venue on which nothing moves that the test does not move."""
UNBUFFERED = {"PYTHONUNBUFFERED": "1"}
LOST = re.compile(r"WebSocket connection to .* failed|net::ERR_CONNECTION_REFUSED")
"""What Chromium itself says about a venue that is gone."""

CUT_OFF = """() => [...document.querySelectorAll("body *")].filter(each =>
    each.checkVisibility() && !each.classList.contains("hidden") && each.clientWidth > 0 &&
    each.scrollWidth > each.clientWidth + 1 &&
    (each.matches("input, select") || getComputedStyle(each).overflowX == "hidden")
).map(each => (each.innerText || each.value).trim().slice(0, 60))"""
"""Texts wider than what shows them, where that does not scroll."""


@contextmanager
def venue(*options: str, port: int = 0) -> Iterator[dict[str, Any]]:
    """A venue with a page at its URL, and what it says of itself; skips where no page was built."""
    if not is_built():
        pytest.skip("needs the terminal's page, which ./run up builds where node is")
    with running("up", "--port", str(port), *options, environment=UNBUFFERED) as (said, _):
        yield said


def number(text: str) -> Decimal:
    """The figure that a text begins with, as the page writes it."""
    found = re.match(r"[−+]?[\d,]+(\.\d+)?", text.strip())
    assert found, text
    return Decimal(found.group().replace(",", "").replace("−", "-").lstrip("+"))


class Terminal:
    """A page and what a reader does on it."""

    def __init__(self, page: Any) -> None:
        self.page = page

    # -- looking -------------------------------------------------------------------------------

    def text(self, selector: str) -> str:
        """What is shown there, empty where nothing is."""
        found = self.page.locator(selector)
        shown: str = found.first.inner_text() if found.count() else ""
        return shown.strip()

    def figure(self, selector: str) -> Decimal:
        return number(self.text(selector))

    def wait(self, condition: Callable[[], Any]) -> None:
        def is_so() -> Any:
            self.page.wait_for_timeout(1)  # lets the page's events in
            return condition()

        wait_until(is_so)

    def mark(self) -> Decimal:
        return self.figure("#mark")

    def open_table(self, name: str) -> None:
        self.page.locator(f"#tab-{name}").click()

    def rows(self, table: str) -> list[str]:
        """The rows of a table below the picture, which is opened."""
        self.open_table(table)
        return [str(each) for each in self.page.locator(f"#{table} tbody tr").all_inner_texts()]

    def position(self, market: str, field: str = "") -> str:
        """A row of the positions, or a field in it; empty where there is none."""
        self.open_table("positions")
        row = f"#positions tr[data-market='{market}']"
        return self.text(f"{row} [data-field='{field}']" if field else row)

    # -- doing ---------------------------------------------------------------------------------

    def choose(self, account: int | None = None, market: str | None = None) -> None:
        """Another account, by its place among the test accounts, or another market."""
        if account is not None:
            self.page.select_option("#account", label=f"user {account}")
            self.wait(lambda: self.text(".card h2") == f"user {account}")
        if market is not None:
            self.page.select_option("#market", market)
            self.wait(lambda: f" {market} " in self.page.title())

    def write(self, side: str, kind: str, **fields: str) -> None:
        """The ticket, as far as it is said."""
        self.page.locator("#tab-ticket").click()
        self.page.locator(f".sides button.{side}").click()
        self.page.select_option("#ticket-kind", kind)
        for name, text in fields.items():
            self.page.fill(f"#ticket-{name.replace('_', '-')}", text)

    def send(self) -> None:
        """Sends the ticket and waits until it is taken."""
        self.page.click("#ticket-send:not([disabled])")
        try:
            self.wait(lambda: self.page.input_value("#ticket-size") == "")
        except AssertionError:
            raise AssertionError(f"the ticket stays; the page said {self.rows('log')}") from None

    def order(self, side: str, kind: str, **fields: str) -> None:
        self.write(side, kind, **fields)
        self.send()

    def set_mode(self, mode: str, leverage: int) -> None:
        """Mode and leverage of the market in view."""
        self.page.locator("#tab-ticket").click()
        self.page.locator(".modes").get_by_role("button", name=mode).click()
        self.page.fill("#ticket-leverage", str(leverage))
        self.page.click("#set-leverage")
        self.page.locator("#set-leverage").wait_for(state="detached")

    def advance(self, seconds: int) -> None:
        """So much of a clock that only control moves."""
        self.page.locator("#tab-control").click()
        before = self.text(".clock")
        self.page.fill("#advance-seconds", str(seconds))
        self.page.click("#advance")
        self.wait(lambda: self.text(".clock") != before)

    def shock(self, move: str, seconds: str) -> None:
        """A shock of the market in view, and as much of the clock as it takes."""
        self.page.locator("#tab-control").click()
        self.page.fill("#shock-move", move)
        self.page.fill("#shock-seconds", seconds)
        self.page.click("#shock")
        self.wait(lambda: "shock" in self.text("header.top"))
        self.advance(int(seconds) + 30)
        self.wait(lambda: "shock" not in self.text("header.top"))

    # -- judging -------------------------------------------------------------------------------

    def faults(self) -> list[str]:
        """What axe calls serious or critical, texts that are cut off, and a page wider than the
        window."""
        judged = Axe().run(self.page).response["violations"]
        found = [
            f"axe: {each['id']}: {each['nodes'][0]['html'][:120]}"
            for each in judged
            if each["impact"] in SEVERE
        ]
        found += [f"cut off: {each}" for each in self.page.evaluate(CUT_OFF)]
        wide = self.page.evaluate("document.documentElement.scrollWidth")
        room = self.page.viewport_size["width"]
        return found if wide <= room else [*found, f"{wide} pixels wide in a window of {room}"]


@contextmanager
def terminal(
    opened: Any,
    url: str,
    width: int = WIDE,
    scheme: str = "light",
    *,
    may_lose: bool = False,
    between: Callable[[Any], None] | None = None,
) -> Iterator[Terminal]:
    """The page of a venue, in a browser that remembers nothing. ``may_lose``: the connection;
    ``between``: what stands between the page's websocket and the venue's."""
    context = opened.new_context(
        viewport={"width": width, "height": HEIGHTS[width]}, color_scheme=scheme
    )
    context.set_default_timeout(PATIENCE_S * 1000)
    page = context.new_page()
    said: list[str] = []
    host = urlsplit(url).netloc
    page.on("console", lambda each: said.append(f"{each.type}: {each.text}"))
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    for kind in ("request", "websocket"):
        page.on(kind, lambda each: urlsplit(each.url).netloc == host or said.append(each.url))
    if between is not None:
        page.route_web_socket("**/terminal/stream*", between)
    try:
        page.goto(url)
        shown = Terminal(page)
        shown.wait(lambda: shown.text("#mark") and shown.text("#account-value"))
        yield shown
        assert [each for each in said if not (may_lose and LOST.search(each))] == []
    finally:
        context.close()
