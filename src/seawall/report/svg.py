"""Charts as pictures inside a page: SVG that needs no script, no network and no style of its own.

vl-convert draws without a browser and without a network. Several pictures stand in one document, so
their ids get a prefix of their own.
"""

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from seawall.report.charts import HOVER, QUIET, Chart
from seawall.report.values import plain_value, readable

_SVG = "http://www.w3.org/2000/svg"
_REFERENCE = re.compile(r"url\(#([^)]*)\)")
_LEFT_OUT = frozenset({"image", "a", "script", "style", "foreignObject", "use"})

ElementTree.register_namespace("", _SVG)


def inline_svg(chart: Chart, prefix: str, words: str) -> str:
    """A chart as one ``svg`` element for an HTML page.

    ``prefix`` keeps its ids apart from those of the page's other pictures. ``words``: what it
    shows, for who cannot see it.
    """
    root = ElementTree.fromstring(svg_text(chart))
    ids = {each: f"{prefix}-{number}" for number, each in enumerate(_ids(root), 1)}
    for element in list(root.iter()):
        for child in list(element):
            # A label that would lie on another is there all the same, and cannot be seen.
            is_hidden = child.get("opacity") == "0"
            if is_hidden or child.tag.removeprefix(f"{{{_SVG}}}") in _LEFT_OUT:
                element.remove(child)
        _tidy(element, ids)
    root.set("role", "img")
    root.set("aria-label", readable(words))
    return ElementTree.tostring(root, encoding="unicode")


def svg_text(chart: Chart) -> str:
    """The picture as an SVG document. Data must be in the chart: nothing is fetched."""
    import vl_convert

    text: str = vl_convert.vegalite_to_svg(_safe(chart), allowed_base_urls=[])
    return text


def png_bytes(chart: Chart, title: str, subtitle: str) -> bytes:
    """The picture as a PNG file with its title above it."""
    import vl_convert

    style = {"anchor": "start", "fontSize": 17, "fontWeight": "bold", "offset": 14}
    quiet = {"subtitleColor": QUIET, "subtitleFontSize": 12, "subtitlePadding": 6}
    head = {"text": title, "subtitle": subtitle, **style, **quiet}
    titled = _safe(chart) | _readable({"title": head})
    content: bytes = vl_convert.vegalite_to_png(titled, scale=2.5, allowed_base_urls=[])
    return content


def _safe(chart: Chart) -> Chart:
    # The drawing library ends the process at a character that XML does not allow.
    safe: Chart = _readable(plain_value(chart))
    return safe


def _readable(value: Any) -> Any:
    if isinstance(value, dict):
        return {_readable(key): _readable(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_readable(each) for each in value]
    return readable(value) if isinstance(value, str) else value


def _ids(root: ElementTree.Element) -> list[str]:
    """In order of appearance: vl-convert counts them on from one picture to the next."""
    return [element.attrib["id"] for element in root.iter() if "id" in element.attrib]


def _tidy(element: ElementTree.Element, ids: Mapping[str, str]) -> None:
    """Ids of its own; no style, which the page forbids; no reference out of the picture.

    The roles and labels of single marks go too: the picture has one label as a whole. Only what is
    to be pointed at keeps its words, as the title that a browser shows there.
    """
    words = element.get("aria-label") if element.get("fill") == HOVER else None
    for name, value in list(element.attrib.items()):
        if name == "id":
            element.set(name, ids[value])
        elif name in ("style", "class", "role") or name.startswith("aria-") or "href" in name:
            del element.attrib[name]
        elif "url(" in value:
            element.set(name, _REFERENCE.sub(lambda m: f"url(#{ids.get(m[1], '')})", value))
    if words is not None:
        element.set("class", "point")
        ElementTree.SubElement(element, f"{{{_SVG}}}title").text = words
