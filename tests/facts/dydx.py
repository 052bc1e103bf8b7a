"""The figures of dYdX v4: for each group of cases what is given, and what the protocol makes of it.

In the file a group of plain numbers is a table; other groups have a line for each case. Markets
that several cases have are listed once.
"""

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("dydx.json")
MORE_FILE = FILE.with_name("dydx_more.json")
"""Cases that the first lacks: accounts updated and refused together, collateral that changes pools,
liquidation and deleveraging."""
Case = dict[str, Any]
"""``name``, ``source``, ``given`` and ``expected``."""
Groups = dict[str, list[Case]]


def read(path: Path = FILE) -> Groups:
    """The cases of every group."""
    data = json.loads(path.read_text())
    return {name: _cases(name, group, data["markets"]) for name, group in data["groups"].items()}


def _cases(name: str, group: Any, markets: list[Any]) -> list[Case]:
    found = []
    for number, row in enumerate(group["cases"]):
        source, given, expected = row
        if "given" in group:
            given = dict(zip(group["given"], given, strict=True))
        if "expected" in group:
            expected = dict(zip(group["expected"], expected, strict=True))
        if "markets" in given:
            given = {**given, "markets": [markets[place] for place in given["markets"]]}
        found.append(
            {
                "name": f"{name} {number}",
                "source": group["sources"][source],
                "given": given,
                "expected": expected,
            }
        )
    return found


def write(path: Path, groups: Groups, about: dict[str, Any]) -> None:
    """Write cases as ``read`` reads them; ``about`` says where they are from."""
    markets: list[Any] = []
    shown = []
    for name, cases in groups.items():
        sources = list(dict.fromkeys(case["source"] for case in cases))
        head: dict[str, Any] = {"sources": sources}
        for part in ("given", "expected"):
            columns = list(cases[0][part]) if cases else []
            if all(_is_plain(case[part], columns) for case in cases):
                head[part] = columns
        rows = []
        for case in cases:
            given, expected = dict(case["given"]), case["expected"]
            if "markets" in given:
                given["markets"] = [_place(markets, market) for market in given["markets"]]
            parts = [
                list(part.values()) if key in head else part
                for key, part in (("given", given), ("expected", expected))
            ]
            rows.append(json.dumps([sources.index(case["source"]), *parts]))
        text = json.dumps(head)[:-1]
        shown.append(f'{json.dumps(name)}: {text}, "cases": [\n' + ",\n".join(rows) + "\n]}")
    listed = ",\n".join(map(json.dumps, markets))
    parts = [f'"about": {json.dumps(about, indent=1)}', f'"markets": [\n{listed}\n]']
    parts.append('"groups": {\n' + ",\n".join(shown) + "\n}")
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n")


def _is_plain(part: Any, columns: list[str]) -> bool:
    plain = isinstance(part, dict) and list(part) == columns
    return plain and not any(isinstance(value, dict | list) for value in part.values())


def _place(listed: list[Any], value: Any) -> int:
    if value not in listed:
        listed.append(value)
    return listed.index(value)
