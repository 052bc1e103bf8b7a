"""The pages hang together: links resolve, the index names every page, the map names what exists."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGE, ROOT
from tools.write_key_changes import CHANGELOG, with_tables

DOCS = ROOT / "docs"
INDEX = DOCS / "index.md"
MAP = DOCS / "architecture.md"
PAGES = [
    *sorted(DOCS.rglob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")),
]
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)")
REFERENCE = re.compile(
    r"`([\w/.]+\.(?:py|toml|css|j2)|\w[\w/]*/)(?:: (\w[\w.]*(?:,\s\w[\w.]*)*))?`"
)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    found = set()
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found


def broken_links(page: Path, text: str) -> list[str]:
    """Links of a page's text to files and headings that do not exist."""
    broken = []
    for target, anchor in LINK.findall(text):
        file = page if not target else (page.parent / target).resolve()
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(f"{target}#{anchor}" if anchor else target)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_resolve(page: Path) -> None:
    assert broken_links(page, page.read_text()) == []


def test_the_index_names_every_page() -> None:
    linked = {(DOCS / target).resolve() for target, _ in LINK.findall(INDEX.read_text())}
    listed = {page for page in linked if page.is_file()}
    listed |= {page for folder in linked if folder.is_dir() for page in folder.glob("*.md")}
    assert [page for page in sorted(DOCS.rglob("*.md")) if page not in listed | {INDEX}] == []


def test_a_broken_link_is_found() -> None:
    text = "[a](start/margin.md) [b](start/none.md) [c](#start) [d](#none) [e](https://x.org/none)"
    assert broken_links(INDEX, text) == ["start/none.md", "#none"]


@cache
def defined(path: Path) -> set[str]:
    """Names that a module defines, members as ``Class.member``."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{each.name}" for each in node.body if hasattr(each, "name")}
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
    return found


def missing(text: str) -> Iterator[str]:
    """What a page names that the package, or the tests, do not have."""
    for place, names in REFERENCE.findall(text):
        path = PACKAGE / place if (PACKAGE / place).exists() else ROOT / place
        if not path.exists():
            yield place
        elif names:
            known = defined(path)
            yield from (f"{place}: {name}" for name in re.split(r",\s", names) if name not in known)


def test_the_map_names_what_exists() -> None:
    text = MAP.read_text()
    assert len(REFERENCE.findall(text)) > 150
    assert list(missing(text)) == []


def test_a_missing_name_is_found() -> None:
    text = (
        "`report/kinds.py: Kind, money,\nnone` `report/none.py` `none/` `sandbox/host.py: Host.no`"
    )
    assert list(missing(text)) == [
        "report/kinds.py: none", "report/none.py", "none/", "sandbox/host.py: Host.no",
    ]  # fmt: skip


def test_the_changelog_has_the_changed_keys_of_every_command() -> None:
    text = CHANGELOG.read_text(encoding="utf-8")
    assert with_tables(text) == text, "run python tools/write_key_changes.py"
    with pytest.raises(ValueError, match="should hold the lines"):
        with_tables(text.replace("keys end", ""))
