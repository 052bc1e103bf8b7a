"""Writes the tables of changed JSON keys into the changelog, from ``tools/answer_keys.d``.

python tools/write_key_changes.py
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KEYS = Path(__file__).with_name("answer_keys.d")
CHANGELOG = ROOT / "CHANGELOG.md"
BEGIN, END = "<!-- keys: tools/write_key_changes.py -->\n", "<!-- keys end -->"
GONE = "gone: "
UNSAID = ("`assumptions`", "`journal`")
"""Keys that have stayed; only what they hold cannot be compared."""
NAMES = {"compare": "compare, compare-rules"}
"""Files whose name is not that of the one command."""


def shown(path: str) -> str:
    """A key path without the marks of lists."""
    return f"`{path.replace('[]', '')}`"


def parent(path: str) -> str:
    return path.rpartition(".")[0]


def new_text(new: str | list[str]) -> str:
    """What has become of a key; an estimate with its bounds is one entry."""
    if isinstance(new, str):
        return new if new.startswith(GONE) else shown(new)
    first = new[0]
    lows = {f"{first}_low", f"{first}_high", f"{parent(first)}.low", f"{parent(first)}.high"}
    if len(new) == 3 and set(new[1:]) <= lows:
        return f"{shown(first)}, with its `low` and `high`"
    return ", ".join(map(shown, new))


def rows(keys: dict[str, str | list[str]]) -> list[tuple[str, str]]:
    """(old, new) for people: keys that keep their name in a new place share a row, as do those
    that have become the same."""
    moved: dict[tuple[str, str], list[str]] = {}
    for old, new in keys.items():
        if shown(old) in UNSAID or (isinstance(new, str) and shown(old) == shown(new)):
            continue
        name = old.rpartition(".")[2]
        if isinstance(new, str) and not new.startswith(GONE) and new == f"{parent(new)}.{name}":
            moved.setdefault(("moved", shown(parent(new))), []).append(shown(old))
        else:
            moved.setdefault(("renamed", new_text(new)), []).append(shown(old))
    return [
        (", ".join(olds), f"{new}, the same names" if kind == "moved" and len(olds) > 1 else
         f"{new[:-1]}.{olds[0].strip('`').rpartition('.')[2]}`" if kind == "moved" else new)
        for (kind, new), olds in moved.items()
    ]  # fmt: skip


def tables() -> str:
    """A table for each command."""
    parts = []
    for file in sorted(KEYS.glob("*.toml")):
        keys = tomllib.loads(file.read_text(encoding="utf-8"))
        if keys:
            lines = "".join(f"| {old} | {new} |\n" for old, new in rows(keys))
            name = NAMES.get(file.stem, file.stem)
            parts.append(f"`{name}`\n\n| before | now |\n|---|---|\n{lines}")
    return "\n".join(parts)


def with_tables(text: str) -> str:
    """The changelog with the tables as they are now. Raises ValueError where it has no place."""
    inside = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if not inside.search(text):
        raise ValueError(f"{CHANGELOG}: should hold the lines {BEGIN.strip()} and {END}")
    made = f"{BEGIN}\n{tables()}\n{END}"
    return inside.sub(lambda _: made, text)


def main() -> None:
    text = CHANGELOG.read_text(encoding="utf-8")
    CHANGELOG.write_text(with_tables(text), encoding="utf-8")


if __name__ == "__main__":
    main()
