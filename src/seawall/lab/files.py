"""Files that a user names, for errors."""

from pathlib import Path


def no_file(path: Path) -> str:
    """What is wrong with a path where a file should be: it is a folder, or nothing is there."""
    return f"{path}: is a folder; name a file" if path.is_dir() else f"{path}: no such file"
