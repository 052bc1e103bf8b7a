"""Write docs/compatibility.md from what the sandbox venue registers."""

from pathlib import Path

from seawall.venues.hyperliquid.compatibility import page

TARGET = Path(__file__).resolve().parents[1] / "docs" / "compatibility.md"

if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
