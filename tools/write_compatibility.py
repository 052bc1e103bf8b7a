"""Write docs/venue/compatibility.md from what the sandbox venue registers."""

from pathlib import Path

from seawall.venues.hyperliquid.compatibility import page

TARGET = Path(__file__).resolve().parents[1] / "docs" / "venue" / "compatibility.md"

if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
