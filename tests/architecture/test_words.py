"""Plain words of the field in sources and pages: no persons for accounts, no invented names."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, shown

FORBIDDEN = {
    r"nobody|somebody|anybody|everybody|whoever|he|his|him|himself": "an account, a trader, none",
    r"god mode|storyteller|society|wagers?|told|feels?|felt": "the field's own term",
    r"wish(?:es|ed)?|settle_in": "options; what the function does",
    r"goes for itself|a minute in the machine|a child, or his own": "what happens, plainly",
    r"nobody compiles mechanisms|cages? the loss|loss caged": "what happens, plainly",
    r"rules of blocks": "block rules",
    r"takeovers?": "backstop",
    r"offsetting": "deleveraging",
}
"""A pattern, and what to write instead."""
_GAP = r"\s+(?:#\s*)?"
"""A phrase may go on in the next line, of a comment too."""
WORDS = re.compile(
    "|".join(rf"\b(?:{each})\b" for each in FORBIDDEN).replace(" ", _GAP), re.IGNORECASE
)
OTHER_WORDS = (
    "docs/start/glossary.md", "CHANGELOG.md", "src/seawall/venues/dydx/wire/fill_types.py",
)  # fmt: skip
"""What says what others, a wire, or earlier versions, call a thing."""
SUFFIXES = {".py", ".pyi", ".toml", ".j2", ".css", ".md"}


def texts() -> list[Path]:
    """Sources and pages that are held to the words."""
    found = [
        ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
    ]
    for folder in ("src", "docs"):
        found += [path for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES]
    return sorted(path for path in found if shown(path) not in OTHER_WORDS)


def faults(text: str) -> Iterator[tuple[int, str]]:
    """Line and word of what should be said otherwise."""
    for match in WORDS.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match[0]


@pytest.mark.parametrize("path", texts(), ids=shown)
def test_words(path: Path) -> None:
    assert [f"{shown(path)}:{line}: {word}" for line, word in faults(path.read_text())] == []


@pytest.mark.parametrize(
    "text",
    [
        "# Nobody can take it.",
        '"""What an agent is told."""',
        "wishes = read()",
        "class Wishes: ...",
        "# Under rules\n# of blocks",
        "a takeover by the backstop",
        "nobody compiles mechanisms he does not use",
    ],
)
def test_a_word_is_found(text: str) -> None:
    assert next(faults(f"x = 1\n{text}"))[0] == 2


def test_the_fields_own_words_pass() -> None:
    text = "the backstop takes over the position; block deleveraging; the rest; there; this; hedge"
    assert list(faults(text)) == []
