"""Every view of the terminal can be read: by axe, on a screen and on a phone, light and dark."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from tests.browser.pages import PHONE, SCHEMES, WIDE
from tests.browser.terminal import STILL, Terminal, terminal, venue
from tests.shared_files import ROOT

pytestmark = pytest.mark.browser

TABLES = ("positions", "orders", "twaps", "fills", "history", "markets", "cascade", "guard", "log")
SIDES = ("ticket", "whatif", "control")


@pytest.fixture(scope="module")
def traded(opened: Any) -> Iterator[dict[str, Any]]:
    """A venue with an account that has something to show."""
    with venue(*STILL) as said:
        with terminal(opened, said["url"]) as page:
            page.choose(account=0, market="ETH")
            page.order("buy", "market", size="12")
            page.choose(market="BTC")
            page.set_mode("isolated", 20)
            page.order("buy", "market", size="1", stop="49000", take="53000")
            page.order("buy", "limit", size="0.3", price="49500")
            page.wait(lambda: page.position("BTC"))
            page.order("sell", "twap", size="0.5", minutes="30")
            page.advance(60)
        yield said


def views(page: Terminal) -> Iterator[str]:
    """Each view, shown."""
    for name in TABLES:
        page.open_table(name)
        yield name
    page.open_table("positions")
    for name in SIDES:
        page.page.locator(f"#tab-{name}").click()
        if name == "whatif":
            page.page.get_by_role("button", name="−10 %").click()
            page.wait(lambda: page.text("#whatif-equity"))
        yield name
    page.page.keyboard.press("Escape")
    page.page.get_by_role("button", name="Help and keys").click()
    yield "help"


@pytest.mark.parametrize(("width", "scheme"), list(product((WIDE, PHONE), SCHEMES)))
def test_every_view_can_be_read(
    opened: Any, traded: dict[str, Any], width: int, scheme: str
) -> None:
    with terminal(opened, traded["url"], width, scheme) as page:
        assert {name: found for name in views(page) if (found := page.faults())} == {}


COVERED = """() => {
    const box = each => each.getBoundingClientRect();
    const said = box(document.querySelector(".toasts"));
    const acted = "button, input, select, canvas, [role=separator], #preview, td";
    return [...document.querySelectorAll(`main :is(${acted})`)].filter(each => {
        if (!each.checkVisibility()) return false;
        const scroll = each.closest(".scroll");
        const bottom = Math.min(box(each).bottom, scroll ? box(scroll).bottom : Infinity);
        return box(each).top < said.bottom && said.top < bottom;
    }).map(each => each.outerHTML.slice(0, 80));
}"""
"""What is acted on or read, and lies where messages are."""


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_messages_cover_nothing(opened: Any, traded: dict[str, Any], width: int) -> None:
    with terminal(opened, traded["url"], width) as page:
        page.choose(account=2, market="BTC")
        page.write("buy", "limit", size="0.1", price="45000", stop="44000", take="53000")
        page.wait(lambda: page.text("#preview"))
        page.write("buy", "limit", size="0")
        page.page.click("#ticket-send:not([disabled])")
        page.wait(lambda: "refused" in page.text(".toasts"))
        page.write("buy", "limit", size="0.1")
        page.wait(lambda: page.text("#preview"))
        page.page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        room = page.page.locator(".toasts").bounding_box()
        assert room["height"] >= 27
        assert room["y"] + room["height"] <= page.page.viewport_size["height"]
        assert page.page.evaluate(COVERED) == []
        assert page.faults() == []


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_a_small_price_and_a_large_size_are_shown_whole(opened: Any, width: int) -> None:
    options = (*STILL[:-1], "DOGE=0.14235")
    with venue(*options) as said, terminal(opened, said["url"], width) as page:
        page.wait(lambda: page.text(".book tr.buy"))
        rows = page.page.locator(".book tr.buy, .book tr.sell").all_inner_texts()
        prices = [each.split("\t")[0] for each in rows]
        assert all(len(each.partition(".")[2]) >= 5 for each in prices), prices
        assert len(set(prices)) == len(prices), prices
        assert page.faults() == []


def test_what_cannot_be_read_is_found(opened: Any, traded: dict[str, Any]) -> None:
    with terminal(opened, traded["url"]) as page:
        page.page.evaluate("document.getElementById('market').parentElement.firstChild.remove()")
        page.page.evaluate(
            "document.querySelector('.book td').style = 'overflow:hidden;padding:60px'"
        )
        found = " ".join(page.faults())
        assert "select-name" in found
        assert "cut off" in found


def test_nothing_is_rendered_as_html_from_a_text() -> None:
    sources = [*(ROOT / "web" / "src").rglob("*.svelte"), *(ROOT / "web" / "src").rglob("*.ts")]
    assert len(sources) > 20
    for path in sources:
        text = path.read_text(encoding="utf-8")
        for way in ("{@html", "innerHTML", "insertAdjacentHTML", "document.write"):
            assert way not in text, f"{path}: {way}"
