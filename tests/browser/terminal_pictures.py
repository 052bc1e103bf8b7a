"""Pictures of the terminal for the documentation: ``python -m tests.browser.terminal_pictures FOLDER``.

A venue with accounts that hold positions at several leverages, the page with the first of them, and
every view wide and on a phone, light and dark.
"""

import sys
from itertools import product
from pathlib import Path
from typing import Any

from tests.browser.pages import PHONE, SCHEMES, WIDE, browser
from tests.browser.terminal import Terminal, terminal, venue

MARKETS = ("--markets", "BTC=62000,ETH=2400,SOL=140", "--seed", "11", "--speed", "manual")
OTHERS = (
    (1, "buy", 40, "9"), (2, "sell", 40, "7"), (3, "buy", 25, "14"), (4, "sell", 20, "11"),
    (5, "buy", 16, "8"), (6, "buy", 12, "10"), (7, "sell", 10, "9"), (8, "buy", 30, "12"),
    (9, "sell", 28, "8"),
)  # fmt: skip
"""Account, side, leverage and size in BTC: who else is liquidated where."""


def trade(page: Terminal) -> None:
    """What the pictures show."""
    for account, side, leverage, size in OTHERS:
        page.choose(account=account, market="BTC")
        page.set_mode("isolated", leverage)
        page.order(side, "market", size=size)
    page.choose(account=0, market="ETH")
    page.set_mode("isolated", 8)
    page.order("buy", "market", size="30")
    page.choose(market="SOL")
    page.set_mode("isolated", 16)
    page.order("sell", "market", size="500")
    page.choose(market="BTC")
    page.order("buy", "market", size="5")
    advance(page, 600)
    mark = page.mark()
    page.order("sell", "stop_market", size="5", trigger=f"{mark * 90 / 100:.0f}")
    page.order("sell", "take_market", size="5", trigger=f"{mark * 108 / 100:.0f}")
    page.order("buy", "limit", size="1", price=f"{mark * 99 / 100:.0f}")


def advance(page: Terminal, seconds: int) -> None:
    page.page.click("#tab-control")
    before = page.text(".clock")
    page.page.fill("#advance-seconds", str(seconds))
    page.page.click("#advance")
    page.wait(lambda: page.text(".clock") != before)


def keep(page: Terminal, folder: Path, name: str) -> None:
    page.page.wait_for_timeout(700)  # until what came last is drawn
    wide = page.page.viewport_size["width"] == WIDE
    page.page.screenshot(path=folder / f"{name}.png", full_page=not wide)


def views(page: Terminal, folder: Path, ending: str) -> None:
    page.choose(account=0, market="BTC")
    page.page.click("#tab-ticket")
    page.write("buy", "market", size="0.5", stop=f"{page.mark() * 95 / 100:.0f}")
    page.wait(lambda: page.text("#preview"))
    for name in ("positions", "orders", "fills", "history", "markets", "cascade", "guard", "log"):
        page.open_table(name)
        keep(page, folder, f"terminal_{name}_{ending}")
    page.open_table("positions")
    page.page.click("#tab-whatif")
    page.page.locator("#picture-price").fill("-4")
    page.wait(lambda: page.text("#whatif-equity"))
    keep(page, folder, f"terminal_whatif_{ending}")
    page.page.keyboard.press("Escape")
    page.page.click("#tab-control")
    keep(page, folder, f"terminal_control_{ending}")
    if page.page.viewport_size["width"] == WIDE:
        page.page.get_by_role("button", name="Only the picture").click()
        keep(page, folder, f"terminal_picture_{ending}")


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with browser() as opened, venue(*MARKETS) as said:
        url: Any = said["url"]
        with terminal(opened, url) as page:
            trade(page)
        for width, scheme in product((WIDE, PHONE), SCHEMES):
            with terminal(opened, url, width, scheme) as page:
                views(page, folder, f"{scheme}_{width}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
