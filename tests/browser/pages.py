"""Opening a report in headless Chromium and telling what is wrong with it.

The browser is the machine's own, found by name or by SEAWALL_CHROMIUM; without one, or without
playwright, the tests skip.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDE, PHONE = 1280, 390
SCHEMES = ("light", "dark")
SEVERE = ("serious", "critical")

HIDDEN_PICTURES = """() => [...document.querySelectorAll("svg")].filter(svg => {
    const box = svg.getBoundingClientRect();
    return box.width < 100 || box.height < 30 || getComputedStyle(svg).visibility != "visible";
}).map(svg => svg.getAttribute("aria-label"))"""

EMPTY_PICTURES = """() => [...document.querySelectorAll("svg")]
    .filter(svg => !svg.querySelector("text") || svg.querySelectorAll("path, line").length < 3)
    .map(svg => svg.getAttribute("aria-label"))"""

DOUBLE_IDS = """() => { const ids = [...document.querySelectorAll("[id]")].map(each => each.id);
    return ids.filter((id, place) => ids.indexOf(id) != place) }"""

# A reader needs about ten pixels; a picture scaled down to the page has fewer.
SMALL_WORDS = """() => [...document.querySelectorAll("svg text")].filter(text => {
    const svg = text.ownerSVGElement;
    const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    return text.textContent && parseFloat(getComputedStyle(text).fontSize) * scale < 8.5;
}).map(text => text.textContent)"""

# Words that leave their picture, by a pixel of rounding or more.
CUT_WORDS = """() => [...document.querySelectorAll("svg text")].filter(text => {
    const box = text.getBoundingClientRect();
    const frame = text.ownerSVGElement.getBoundingClientRect();
    return box.width > 0 && (box.left < frame.left - 1 || box.right > frame.right + 1 ||
        box.top < frame.top - 1 || box.bottom > frame.bottom + 1);
}).map(text => text.textContent)"""

# Horizontal words of one picture that lie on each other; a halo lies under its own words.
OVERLAPPING_WORDS = """() => [...document.querySelectorAll("svg")].flatMap(svg => {
    const words = [...svg.querySelectorAll("text")].filter(each => each.textContent.trim());
    const boxes = words.map(each => each.getBoundingClientRect());
    const found = [];
    for (let a = 0; a < words.length; a++) for (let b = a + 1; b < words.length; b++) {
        const wide = Math.min(boxes[a].right, boxes[b].right) -
            Math.max(boxes[a].left, boxes[b].left);
        const high = Math.min(boxes[a].bottom, boxes[b].bottom) -
            Math.max(boxes[a].top, boxes[b].top);
        if (wide > 2 && high > 4 && words[a].textContent != words[b].textContent)
            found.push(words[a].textContent + " / " + words[b].textContent);
    }
    return found;
})"""


# Words of a picture against the page, where the browser tells one colour for both.
FAINT_WORDS = """() => {
    const light = text => {
        const parts = text.match(/[\\d.]+/g).slice(0, 3).map(Number).map(each => each / 255)
            .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
    };
    const page = light(getComputedStyle(document.body).backgroundColor);
    const marks = [...document.querySelectorAll("svg path, svg rect")].filter(each =>
        !each.classList.contains("point") &&
        !["none", "rgba(0, 0, 0, 0)"].includes(getComputedStyle(each).fill));
    const areas = marks.map(each => each.getBoundingClientRect());
    return [...document.querySelectorAll("svg text")].filter(each => each.textContent.trim())
        .filter(each => {
            // What lies on a cell or a bar has that as its ground.
            const box = each.getBoundingClientRect();
            const x = (box.left + box.right) / 2, y = (box.top + box.bottom) / 2;
            if (areas.some(a => a.left <= x && x <= a.right && a.top <= y && y <= a.bottom))
                return false;
            const own = light(getComputedStyle(each).fill);
            return (Math.max(own, page) + 0.05) / (Math.min(own, page) + 0.05) < 4.5;
        }).map(each => each.textContent);
}"""


@contextmanager
def browser() -> Iterator[Any]:
    """Headless Chromium; skips the test where its program is absent."""
    program = os.environ.get("SEAWALL_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), "")
    if not program:
        pytest.skip("needs Chromium on the PATH, or its path in SEAWALL_CHROMIUM")
    with sync_playwright() as driver:
        # Chromium has no sandbox for root, and containers run as root.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        opened = driver.chromium.launch(executable_path=program, args=arguments)
        try:
            yield opened
        finally:
            opened.close()


def faults(opened: Any, path: Path, width: int = WIDE, scheme: str = "light") -> list[str]:
    """What is wrong with the page: requests, messages of the console, pictures not to be read, and
    what axe calls serious or critical. ``scheme``: the colours that the reader prefers."""
    page = opened.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    try:
        address = path.resolve().as_uri()
        found: list[str] = []
        page.on("request", lambda r: r.url == address or found.append(f"request: {r.url}"))
        page.on("console", lambda message: found.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: found.append(f"error: {error}"))
        page.goto(address)
        page.wait_for_load_state("networkidle")
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            found.append(f"{wide} pixels wide in a window of {width}")
        for what, script in (
            ("hidden picture", HIDDEN_PICTURES),
            ("empty picture", EMPTY_PICTURES),
            ("id twice", DOUBLE_IDS),
            ("small words", SMALL_WORDS),
            ("cut words", CUT_WORDS),
            ("overlapping words", OVERLAPPING_WORDS),
            ("faint words", FAINT_WORDS),
        ):
            found += [f"{what}: {each}" for each in page.evaluate(script)]
        judged = Axe().run(page).response["violations"]
        found += [f"axe: {each['id']}" for each in judged if each["impact"] in SEVERE]
        return found
    finally:
        page.close()


def text_of(opened: Any, path: Path) -> str:
    """All that is to be read on the page."""
    page = opened.new_page()
    try:
        page.goto(path.resolve().as_uri())
        text: str = page.inner_text("body")
        return text
    finally:
        page.close()


def open_report(opened: Any, path: Path) -> str:
    """The text of a report that has no fault, wide and on a phone, light and dark."""
    for width, scheme in product((WIDE, PHONE), SCHEMES):
        assert faults(opened, path, width, scheme) == [], f"{path.name}, {width} px, {scheme}"
    return text_of(opened, path)
