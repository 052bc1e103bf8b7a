"""Writes ``src/seawall/domain/codes.pyi``: the names that ``codes`` takes from the enums.

Run it after changing ``domain/enums.py``; a test fails when it was forgotten.
"""

from pathlib import Path

from seawall.domain import codes

TARGET = Path(__file__).resolve().parents[1] / "src" / "seawall" / "domain" / "codes.pyi"


def stub() -> str:
    """The text of the stub file."""
    names = [name for name, value in vars(codes).items() if name.isupper() and name[0] != "_"]
    lines = [f"{name}: int" for name in names if isinstance(getattr(codes, name), int)]
    return "# Written by tools/write_codes_stub.py.\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    TARGET.write_text(stub())
    print(f"wrote {TARGET.name}")
