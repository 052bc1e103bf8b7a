"""A decision has no clock, no chance and no hands of its own: it reads its arguments."""

import ast

from tests.architecture.sources import files, imported_modules, shown

ALLOWED = {"__future__", "collections", "fractions", "functools", "hashlib", "msgspec", "typing"}
HOSTS = (
    "check.py", "explain.py", "journal.py", "loop.py", "mirror.py", "new_policy.py", "notify.py",
    "observe.py", "policy_file.py", "requests.py", "running.py", "status.py", "watch.py",
    "watchdog.py",
)  # fmt: skip
"""What reads files and accounts, runs and shows, and is not part of a decision."""


def test_a_decision_imports_values_only() -> None:
    found = [
        f"{shown(path)}:{line}: {module}"
        for path in files("guard")
        if path.name not in HOSTS
        for line, module in imported_modules(ast.parse(path.read_text()))
        if module.split(".")[0] not in {*ALLOWED, "seawall"}
    ]
    assert found == []


def test_a_reader_cannot_trade() -> None:
    from seawall.venues.gateway_port import VenueReader, VenueWriter

    reads = {each for each in vars(VenueReader) if not each.startswith("_")}
    writes = {each for each in vars(VenueWriter) if not each.startswith("_")}
    assert {"place", "cancel", "add_isolated_margin", "add_collateral"} < writes
    assert not (reads & writes) - {"close"}
