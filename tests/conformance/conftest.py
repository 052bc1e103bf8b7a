"""Prints what the vectors came to at the end of a run; properties travel from every worker."""

from typing import Any

PROPERTY = "hyperliquid_vectors"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    lines = [
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for key, value in getattr(report, "user_properties", ())
        if key == PROPERTY
    ]
    if lines:
        terminalreporter.section("hyperliquid vectors: matched/total")
        for line in lines:
            terminalreporter.write_line(line)
