"""What a trader does on the terminal with the mouse and with the keys, each seen in a browser."""

import pytest

from tests.browser.terminal import Terminal, number

pytestmark = pytest.mark.browser


def long(page: Terminal, account: int, size: str = "0.4") -> None:
    """A cross long of the account in BTC."""
    page.choose(account=account, market="BTC")
    page.order("buy", "market", size=size)
    page.wait(lambda: page.position("BTC"))


def set_price(page: Terminal, price: str) -> None:
    """What control sets, seen as the mark."""
    page.page.click("#tab-control")
    page.page.fill("[aria-label=Price]", price)
    page.page.get_by_role("button", name="Set price").click()
    page.wait(lambda: abs(page.mark() - int(price)) < 20)


def test_a_click_on_a_price_fills_the_ticket(page: Terminal) -> None:
    page.choose(account=0, market="BTC")
    row = page.page.locator(".book tr.buy").nth(2)
    price = number(row.locator("td").first.inner_text())
    row.click()
    page.wait(lambda: page.page.input_value("#ticket-price") != "")
    assert number(page.page.input_value("#ticket-price")) == price


def test_a_stop_is_dragged_on_the_picture(page: Terminal) -> None:
    long(page, account=0)
    page.order("sell", "stop_market", size="0.4", trigger="47000")
    page.wait(lambda: "47,000" in " ".join(page.rows("orders")))
    canvas = page.page.locator("canvas").first
    box = canvas.bounding_box()
    across = box["x"] + 0.9 * box["width"]

    def line() -> float | None:
        """The height at which something can be held."""
        for y in range(int(box["y"]) + 60, int(box["y"] + box["height"]) - 10, 2):
            page.page.mouse.move(across, y)
            if canvas.evaluate("each => each.style.cursor") == "grab":
                return float(y)
        return None

    page.wait(line)
    height = line()
    assert height is not None
    page.page.mouse.down()
    page.page.mouse.move(across, height - 12, steps=3)
    page.page.mouse.up()
    page.wait(lambda: "47,000" not in " ".join(page.rows("orders")))
    (row,) = page.rows("orders")
    assert 47_000 < number(row.split("\t")[5]) < 50_000


def test_the_picture_asks_what_if_when_its_price_is_dragged(page: Terminal) -> None:
    long(page, account=1, size="1")
    box = page.page.locator("canvas").first.bounding_box()
    across, middle = box["x"] + 0.4 * box["width"], box["y"] + 0.5 * box["height"]
    page.page.mouse.move(across, middle)
    page.page.mouse.down()
    page.page.mouse.move(across, middle + 70, steps=4)
    page.page.mouse.up()
    page.wait(lambda: "What if BTC −" in page.text(".picture footer"))
    asked = page.text(".picture footer")
    assert "value" in asked
    assert "loss" in asked
    page.page.locator("#picture-price").press("ArrowUp")
    page.wait(lambda: page.text(".picture footer") != asked)
    page.page.keyboard.press("Escape")
    page.wait(lambda: "What if" not in page.text(".picture footer"))


def test_the_liquidation_price_is_known_before_sending(page: Terminal) -> None:
    page.choose(account=2, market="BTC")
    page.set_mode("isolated", 20)
    page.write("buy", "market", size="0.5")
    page.wait(lambda: page.text("#preview-liquidation"))
    projected = page.figure("#preview-liquidation")
    page.send()
    page.wait(lambda: page.position("BTC"))
    assert number(page.position("BTC", "liquidation")) == projected


def test_an_order_beyond_the_slippage_cap_is_not_sent(page: Terminal) -> None:
    page.choose(account=3, market="BTC")
    page.write("buy", "market", size="20")
    page.wait(lambda: "Slippage" in page.text("#preview"))
    assert page.page.locator("#ticket-send").is_enabled()
    page.page.locator(".cap input").fill("0.0001")
    page.wait(lambda: "over the cap" in page.text("#preview"))
    assert page.page.locator("#ticket-send").is_disabled()


def test_a_stop_beyond_liquidation_is_warned_about(page: Terminal) -> None:
    page.choose(account=4, market="BTC")
    page.set_mode("isolated", 20)
    page.write("buy", "market", size="0.5", stop="49000")
    page.wait(lambda: page.text("#preview"))
    assert "iquidat" not in page.text("form .warning")
    page.page.fill("#ticket-stop", "40000")
    page.wait(lambda: "iquidat" in page.text("form .warning"))


def test_mode_and_leverage_are_previewed_before_they_are_set(page: Terminal) -> None:
    page.choose(account=5, market="BTC")
    page.set_mode("isolated", 20)
    page.write("buy", "market", size="0.5")
    page.wait(lambda: page.text("#preview-liquidation"))
    before = page.figure("#preview-liquidation")
    page.page.fill("#ticket-leverage", "10")
    page.wait(lambda: page.figure("#preview-liquidation") < before)
    projected = page.figure("#preview-liquidation")
    assert page.page.is_disabled("#ticket-send"), "that is the preview of another order"
    page.page.click("#set-leverage")
    page.page.locator("#set-leverage").wait_for(state="detached")
    page.send()
    page.wait(lambda: "isolated 10×" in page.position("BTC"))
    assert number(page.position("BTC", "liquidation")) == projected
    page.page.locator(".modes").get_by_role("button", name="isolated").wait_for()
    page.page.fill("#ticket-leverage", "40")
    page.wait(lambda: "from the start" in page.text(".box"))


def test_keys_quote_cancel_close_and_reverse(page: Terminal) -> None:
    long(page, account=6)
    keys = page.page.keyboard
    page.page.select_option("#ticket-kind", "limit")
    page.page.evaluate("document.activeElement.blur()")
    keys.press("[")
    bid = page.page.input_value("#ticket-price")
    keys.press("]")
    page.wait(lambda: page.page.input_value("#ticket-price") not in ("", bid))
    page.order("buy", "limit", size="0.1", price="49000")
    page.wait(lambda: len(page.rows("orders")) == 1)
    page.page.evaluate("document.activeElement.blur()")
    keys.press("x")
    page.wait(lambda: page.rows("orders") == [])
    page.page.evaluate("document.activeElement.blur()")
    keys.press("r")
    page.page.click("#doubt-yes")
    page.wait(lambda: "short" in page.position("BTC"))
    page.page.evaluate("document.activeElement.blur()")
    keys.press("c")
    page.wait(lambda: page.position("BTC") == "")
    page.page.evaluate("document.activeElement.blur()")
    keys.press("?")
    assert "Cancel all orders of the market" in page.text("dialog")


def test_an_order_is_placed_and_cancelled_by_keyboard_alone(page: Terminal) -> None:
    page.choose(account=7, market="BTC")
    page.page.evaluate("document.activeElement.blur()")
    keys = page.page.keyboard
    keys.press("[")  # the best bid
    keys.press("b")
    page.wait(lambda: page.page.evaluate("document.activeElement.id") == "ticket-size")
    keys.type("0.2")
    keys.press("Enter")
    page.wait(lambda: page.page.input_value("#ticket-size") == "")
    page.wait(lambda: "(1)" in page.text("#tab-orders"))
    keys.press("Escape")  # leaves the field
    keys.press("x")
    page.wait(lambda: "(" not in page.text("#tab-orders"))


def test_a_fraction_is_closed_and_the_stop_goes_to_break_even(page: Terminal) -> None:
    long(page, account=8)
    page.page.locator(".do").get_by_role("button", name="25 %").click()
    page.wait(lambda: "0.30000" in page.position("BTC"))
    set_price(page, "50500")
    page.page.locator(".do").get_by_role("button", name="Break-even").click()
    page.wait(lambda: len(page.rows("orders")) == 1)
    (row,) = page.rows("orders")
    assert "Stop market" in row
    assert 50_000 < number(row.split("\t")[5]) < page.mark()
    set_price(page, "50000")


def test_all_orders_are_cancelled_and_all_positions_closed(page: Terminal) -> None:
    long(page, account=9)
    page.choose(market="ETH")
    page.order("sell", "market", size="2")
    page.order("buy", "limit", size="1", price="1900")
    page.wait(lambda: page.position("ETH"))
    page.wait(lambda: len(page.rows("orders")) == 1)
    page.page.get_by_role("button", name="Cancel all").click()
    page.wait(lambda: page.rows("orders") == [])
    page.open_table("positions")
    page.page.get_by_role("button", name="Close all").click()
    page.page.click("#doubt-yes")
    page.wait(lambda: not page.position("ETH") and not page.position("BTC"))


def test_triggers_without_a_position_are_asked_about(page: Terminal) -> None:
    long(page, account=1)
    page.order("sell", "stop_market", size="0.1", trigger="45000")
    page.wait(lambda: len(page.rows("orders")) == 1)
    page.open_table("positions")
    page.page.locator(".do").get_by_role("button", name="Close", exact=True).click()
    page.wait(lambda: page.page.locator("dialog").count() == 1)
    assert "Triggers without a position" in page.text("dialog")
    page.page.click("#doubt-yes")
    page.wait(lambda: page.rows("orders") == [])


def test_panes_are_linked_and_the_layout_is_kept(page: Terminal) -> None:
    long(page, account=0)
    page.choose(market="ETH")
    page.position("BTC")
    page.page.locator("#positions .link", has_text="BTC").click()
    page.wait(lambda: " BTC " in page.page.title())
    assert page.page.input_value("#market") == "BTC"
    assert "BTC" in page.text("#ticket-send")
    page.wait(lambda: number(page.text(".book tr.buy td")) > 40_000)
    page.page.get_by_role("button", name="Sounds").click()
    page.page.locator(".splitter[aria-label='Height of the bottom row']").press("ArrowUp")
    tall = page.page.locator(".bottom").bounding_box()["height"]
    page.open_table("fills")
    page.page.reload()
    page.wait(lambda: page.text("#mark"))
    assert page.page.locator("#tab-fills").get_attribute("aria-selected") == "true"
    assert page.page.locator("[aria-label=Sounds]").get_attribute("aria-pressed") == "true"
    assert page.page.locator(".bottom").bounding_box()["height"] == tall


def zone_of(page: Terminal, pane: str) -> tuple[str, int]:
    """The zone in which a pane is, and its place there."""
    script = """name => {
        const slot = document.querySelector(`[data-pane=${name}]`);
        const zone = slot.closest("[data-zone]");
        return [zone.dataset.zone, [...zone.querySelectorAll("[data-pane]")].indexOf(slot)];
    }"""
    zone, place = page.page.evaluate(script, pane)
    return zone, place


def drag(page: Terminal, pane: str, onto: str, across: float, down: float) -> None:
    """A pane by its title to a point of another one, shares of its width and height."""
    title = page.page.locator(f"[data-pane={pane}] h2").bounding_box()
    box = page.page.locator(onto).bounding_box()
    page.page.mouse.move(title["x"] + 4, title["y"] + 6)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + box["width"] * across, box["y"] + box["height"] * down, steps=4)
    page.page.mouse.up()


def test_panes_are_moved_by_mouse_and_stay_there(page: Terminal) -> None:
    page.choose(account=3, market="BTC")
    assert zone_of(page, "candles") == ("centre", 1)
    drag(page, "candles", "[data-pane=book]", 0.5, 0.9)
    page.wait(lambda: zone_of(page, "candles") == ("left", 1))
    drag(page, "trades", "[data-pane=tables]", 0.9, 0.5)
    page.wait(lambda: zone_of(page, "trades") == ("bottom", 1))
    assert page.faults() == []
    wide = page.page.locator(".splitter[aria-label='Width of the left column']")
    wide.press("ArrowRight")
    page.wait(lambda: wide.get_attribute("aria-valuenow") == "340")
    page.page.reload()
    page.wait(lambda: page.text("#mark"))
    assert zone_of(page, "candles") == ("left", 1)
    assert zone_of(page, "trades") == ("bottom", 1)
    assert wide.get_attribute("aria-valuenow") == "340"
    # Left alone, a drag changes nothing, and neither does a control in a title.
    drag(page, "card", "header.top", 0.5, 0.5)
    page.page.get_by_role("button", name="Only candles").click()
    page.wait(lambda: page.page.locator("[data-pane=picture]").count() == 0)
    page.page.get_by_role("button", name="Both").click()
    page.wait(lambda: zone_of(page, "picture") == ("centre", 0))
    assert zone_of(page, "card") == ("right", 0)
    page.page.get_by_role("button", name="Help and keys").click()
    page.page.get_by_role("button", name="Default layout").click()
    page.wait(lambda: zone_of(page, "candles") == ("centre", 1))
    assert zone_of(page, "trades") == ("left", 1)
    assert wide.get_attribute("aria-valuenow") == "224"


def test_panes_are_moved_by_keyboard_alone(page: Terminal) -> None:
    page.choose(account=3, market="BTC")
    page.write("buy", "limit", size="0.123")
    handle = page.page.locator("#grip-side")
    handle.focus()
    for key, place in (
        ("ArrowLeft", ("centre", 1)), ("ArrowLeft", ("left", 1)), ("ArrowUp", ("left", 0)),
        ("ArrowUp", ("left", 0)), ("ArrowDown", ("left", 1)), ("ArrowDown", ("left", 2)),
        ("ArrowDown", ("bottom", 1)), ("ArrowLeft", ("bottom", 0)), ("ArrowUp", ("centre", 2)),
        ("ArrowRight", ("right", 1)),
    ):  # fmt: skip
        page.page.keyboard.press(key)
        page.wait(lambda place=place: zone_of(page, "side") == place)
        page.wait(lambda: page.page.evaluate("document.activeElement.id") == "grip-side")
    assert page.text("#moved").endswith("to the right column, place 2 of 2.")
    assert page.page.input_value("#ticket-size") == "0.123"


def test_a_drag_is_given_up_with_escape(page: Terminal) -> None:
    title = page.page.locator("[data-pane=book] h2").bounding_box()
    page.page.mouse.move(title["x"] + 4, title["y"] + 6)
    page.page.mouse.down()
    page.page.mouse.move(700, 800, steps=4)
    page.wait(lambda: page.text(".dragged") == "the order book")
    page.page.keyboard.press("Escape")
    page.wait(lambda: page.page.locator(".dragged").count() == 0)
    page.page.mouse.up()
    assert zone_of(page, "book") == ("left", 0)


@pytest.mark.parametrize(
    "kept",
    [
        '{"zones": {"left": ["book", "book", "nothing"], "bottom": 7}, "shares": {"book": -1}}',
        '{"zones": null, "shares": null}',
        '{"zones": [], "leftWidth": 1e9}',
    ],
)
def test_a_layout_that_cannot_be_is_made_one(page: Terminal, kept: str) -> None:
    page.page.evaluate("kept => localStorage.setItem('seawall.terminal', kept)", kept)
    page.page.reload()
    page.wait(lambda: page.text("#mark"))
    panes = page.page.locator("[data-pane]")
    assert panes.count() == len({each.get_attribute("data-pane") for each in panes.all()}) == 7
    assert page.page.locator("[data-pane=book]").bounding_box()["width"] < 500
    assert page.faults() == []


INKED = """() => {
    const canvas = document.querySelector(".chart .place canvas");
    if (!canvas || !canvas.width) return 0;
    // Chromium complains about a canvas that is read again and again: a copy of it is read.
    const copy = document.createElement("canvas");
    [copy.width, copy.height] = [canvas.width, canvas.height];
    const pen = copy.getContext("2d", { willReadFrequently: true });
    pen.drawImage(canvas, 0, 0);
    const seen = pen.getImageData(0, 0, copy.width, copy.height).data;
    let found = 0;
    for (let at = 0; at < seen.length; at += 4)
        if ([0, 1, 2].some(each => seen[at + each] !== seen[each])) found += 1;
    return found;
}"""
"""Pixels of the chart that are not its ground."""


def test_candles_are_there_again_after_the_picture_had_all_the_room(page: Terminal) -> None:
    page.choose(account=2, market="BTC")
    page.order("buy", "market", size="0.1")
    page.wait(lambda: page.page.evaluate(INKED) > 500)
    page.page.get_by_role("button", name="Only the picture").click()
    page.wait(lambda: page.page.evaluate(INKED) == 0)
    page.page.get_by_role("button", name="Both").click()
    page.wait(lambda: page.page.evaluate(INKED) > 500)
