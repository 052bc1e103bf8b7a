"""Prints what the vectors came to at the end of a run; properties travel from every worker."""

import re
from typing import Any

SECTIONS = {
    "hyperliquid_vectors": "hyperliquid vectors: matched/total",
    "dydx_vectors": "dydx vectors: matched/total",
}
WITH_TOTAL = {"dydx_vectors"}
_COUNTS = re.compile(r": (\d+)/(\d+)$")


def _total(lines: list[str]) -> str:
    """The sum of all lines that end in ``matched/total``."""
    counts = [found.groups() for line in lines if (found := _COUNTS.search(line))]
    return f"total: {sum(int(m) for m, _ in counts)}/{sum(int(t) for _, t in counts)}"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    properties = [
        pair
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for pair in getattr(report, "user_properties", ())
    ]
    for section, title in SECTIONS.items():
        lines = [value for key, value in properties if key == section]
        if lines:
            terminalreporter.section(title)
            for line in [*lines, _total(lines)] if section in WITH_TOTAL else lines:
                terminalreporter.write_line(line)
