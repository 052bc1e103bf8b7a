"""The terminal's page under load, by the browser's measure: memory, latency, frames, bytes.

    python -m benchmarks.terminal [--seconds 600] [--speed x60]

A venue of eight markets with a fast clock, one page that looks at each market in turn and is
clicked and typed on all the while. Commands: prices and orders of the eight markets that the venue
took; a page gets the newest state of what it looks at, not each of them. Memory: the heap after a
garbage collection, at the end of each of six equal parts. Latency: from an input to the next frame
that shows it (Event Timing; what takes less than 16 ms counts as 16). Frames: those of 60 Hz that
did not come.
"""

import argparse
import json
import statistics
import time
from typing import Any
from urllib.request import urlopen

from tests.browser.pages import browser
from tests.browser.terminal import Terminal, terminal, venue

MARKETS = ("BTC", "ETH", "SOL", "XRP", "DOGE", "AVAX", "LINK", "SUI")
PARTS = 6
WATCH = """() => {
    const seen = window.measured = { inputs: [], frames: 0, late: 0 };
    new PerformanceObserver(list => {
        for (const each of list.getEntries())
            if (each.interactionId) seen.inputs.push(each.duration);
    }).observe({ type: "event", durationThreshold: 16 });
    let last = performance.now();
    const frame = now => {
        seen.frames += 1;
        if (now - last > 25) seen.late += Math.round((now - last) / (1000 / 60)) - 1;
        last = now;
        requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
}"""


def commands(url: str) -> int:
    """How many commands the venue has taken so far."""
    with urlopen(f"{url}/control/status") as answer:
        return int(json.load(answer)["sequence"])


def heap(session: Any) -> float:
    """MB of the page's heap in use, after a garbage collection."""
    session.send("HeapProfiler.collectGarbage")
    found = session.send("Performance.getMetrics")["metrics"]
    return next(each["value"] for each in found if each["name"] == "JSHeapUsedSize") / 1e6


def use(page: Terminal, round_: int) -> int:
    """Some inputs; how many."""
    tabs = ("positions", "orders", "markets", "cascade")
    page.open_table(tabs[round_ % len(tabs)])
    page.page.locator("#tab-ticket").click()
    page.page.locator("#ticket-size").press_sequentially("1")
    page.page.locator("#ticket-size").press("Backspace")
    page.page.locator("#picture-price").press("ArrowLeft")
    page.page.keyboard.press("Escape")
    return 6


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--speed", default="x60", help="of the venue's clock")
    given = parser.parse_args()
    options = ("--speed", given.speed, "--seed", "3", "--markets", ",".join(MARKETS))
    with browser() as opened, venue(*options) as said, terminal(opened, said["url"]) as page:
        received = [0, 0]

        def count(payload: str | bytes) -> None:
            received[0] += 1
            received[1] += len(payload)

        # The page is loaded again, so that its connection can be listened to from the beginning.
        page.page.on("websocket", lambda each: each.on("framereceived", count))
        page.page.reload()
        page.wait(lambda: page.text("#mark"))
        session = page.page.context.new_cdp_session(page.page)
        session.send("Performance.enable")
        page.page.evaluate(WATCH)
        start, heaps, inputs, rounds = time.monotonic(), [], 0, 0
        received[:], taken = [0, 0], commands(said["url"])
        for part in range(PARTS):
            while time.monotonic() - start < given.seconds * (part + 1) / PARTS:
                page.page.select_option("#market", MARKETS[rounds % len(MARKETS)])
                inputs += use(page, rounds)
                rounds += 1
                page.page.wait_for_timeout(400)
            heaps.append(heap(session))
        seconds = time.monotonic() - start
        taken = commands(said["url"]) - taken
        seen = page.page.evaluate("window.measured")
    slow = sorted(seen["inputs"])
    # Inputs that the browser does not report took less than its threshold.
    durations = [16.0] * max(0, inputs - len(slow)) + slow
    p95 = statistics.quantiles(durations, n=20)[-1]
    print(f"commands a second      {taken / seconds:,.0f}")
    print(f"messages a second      {received[0] / seconds:.1f}")
    print(f"bytes a second         {received[1] / seconds:,.0f}")
    print(f"heap, MB               {', '.join(f'{each:.1f}' for each in heaps)}")
    print(f"input latency p95, ms  {p95:.0f} of {len(durations)} inputs")
    print(f"frames dropped         {seen['late']} of {seen['frames'] + seen['late']}")


if __name__ == "__main__":
    main()
