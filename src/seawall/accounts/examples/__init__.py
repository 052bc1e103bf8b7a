"""Examples that come with Seawall: an account to try."""

from pathlib import Path

ACCOUNT = "hybrid_account.toml"


def example_text(name: str) -> str:
    """The text of a shipped example file."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
