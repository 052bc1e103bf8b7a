"""Pictures of the terminal: ``python -m tests.browser.terminal_pictures FOLDER [NAMES] [--jpeg]``.

A venue with accounts that hold positions at several leverages, the page with the first of them, and
every view wide and on a phone, light and dark; or those that are named, as ``terminal_dark``.
``--jpeg``: a third of the size, for the set of all of them.
"""

import sys
from collections.abc import Iterator
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
    page.advance(600)
    mark = page.mark()
    page.order("sell", "stop_market", size="5", trigger=f"{mark * 90 / 100:.0f}")
    page.order("sell", "take_market", size="5", trigger=f"{mark * 108 / 100:.0f}")
    page.order("buy", "limit", size="1", price=f"{mark * 99 / 100:.0f}")


def shown(page: Terminal) -> Iterator[str]:
    """Every view by its name, while it is on the page; the last one shocks the market."""
    page.choose(account=0, market="BTC")
    page.write("buy", "market", size="0.5", stop=f"{page.mark() * 95 / 100:.0f}")
    page.wait(lambda: page.text("#preview"))
    for name in ("orders", "fills", "history", "markets", "guard", "log"):
        page.open_table(name)
        yield name
    page.open_table("positions")
    yield ""
    page.page.click("#tab-whatif")
    page.page.locator("#picture-price").fill("-4")
    page.wait(lambda: page.text("#whatif-equity"))
    yield "what_if"
    page.page.keyboard.press("Escape")
    page.page.click("#tab-control")
    yield "control"
    page.page.fill("#point", "before")
    page.page.click("#save")
    page.page.get_by_role("button", name="Go back").nth(1).wait_for()
    page.shock("-14", "60")
    page.open_table("cascade")
    page.wait(lambda: page.figure("#liquidations") >= 1)
    yield "cascade"
    page.page.locator("div.row", has_text="before").get_by_role("button", name="Go back").click()
    page.page.click("#doubt-yes")
    page.wait(lambda: page.position("ETH"))


def main(folder: Path, views: frozenset[str], options: dict[str, Any]) -> None:
    """``views``: which ones; all where there are none. ``options``: of a screenshot."""
    suffix = options["type"]
    folder.mkdir(parents=True, exist_ok=True)
    with browser() as opened, venue(*MARKETS) as said:
        with terminal(opened, said["url"]) as page:
            trade(page)
        for width, scheme in product((WIDE, PHONE), SCHEMES):
            with terminal(opened, said["url"], width, scheme) as page:
                for view in shown(page):
                    place = "phone" if width == PHONE else ""
                    name = "_".join(filter(None, ("terminal", view, place, scheme)))
                    if not views or name in views:
                        page.page.wait_for_timeout(700)  # until what came last is drawn
                        target = folder / f"{name}.{suffix}"
                        page.page.screenshot(path=target, full_page=bool(place), **options)


if __name__ == "__main__":
    given = [each for each in sys.argv[1:] if each != "--jpeg"]
    form = {"type": "jpeg", "quality": 40} if "--jpeg" in sys.argv else {"type": "png"}
    main(Path(given[0]), frozenset(given[1:]), form)
