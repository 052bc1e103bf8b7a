"""Examples that come with Seawall: an account to try."""

from importlib.resources import files

ACCOUNT = "hybrid_account.toml"


def example_text(name: str) -> str:
    """The text of a shipped example file."""
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
