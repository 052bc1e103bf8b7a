"""An environment of its own for each client, from the package registries, kept in the user's cache.

What is pinned here is the client itself. An environment is made whole or not at all; where it
cannot be made, CannotInstall says why.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

SECONDS = 900


class CannotInstall(RuntimeError):
    """The client cannot be installed here: no registry, no interpreter that it runs on."""


def python_with(wanted: str, *packages: str) -> Path:
    """A Python of the ``wanted`` versions (">=3.12,<3.15") with these packages."""
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), *_path()]))
    if uv is None:
        raise CannotInstall("uv is missing")

    def make(folder: Path) -> None:
        _run([uv, "venv", "--quiet", "--python", wanted, str(folder / "venv")], folder)
        python = str(folder / "venv" / "bin" / "python")
        _run([uv, "pip", "install", "--quiet", "--python", python, *packages], folder)

    python = _kept(make, wanted, *packages) / "venv" / "bin" / "python"
    if not python.exists():  # the interpreter that it was made with is gone
        shutil.rmtree(python.parents[2])
        _kept(make, wanted, *packages)
    return python


def node_with(*packages: str) -> Path:
    """A folder in which node finds these packages."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise CannotInstall("node or npm is missing")

    def make(folder: Path) -> None:
        (folder / "package.json").write_text('{"private": true}\n')
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"]
        _run(["npm", "install", *quiet, "--loglevel=error", *packages], folder)

    return _kept(make, *packages)


def _path() -> list[str]:
    return os.environ.get("PATH", "").split(os.pathsep)


def _run(command: Sequence[str], folder: Path) -> None:
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    try:
        subprocess.run(
            command, cwd=folder, env=environment, check=True, capture_output=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        raise CannotInstall(f"{' '.join(command)}: not done after {SECONDS} s") from None
    except subprocess.CalledProcessError as error:
        said = " ".join(error.stderr.decode(errors="replace").split())
        raise CannotInstall(f"{' '.join(command)}: {said[-400:]}") from None


def _kept(make: Callable[[Path], None], *parts: str) -> Path:
    """The folder that ``make`` fills, made once for these parts."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    name = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    folder = cache / "seawall" / "clients" / name
    if not (folder / "complete").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        # A virtual environment cannot be moved, so it is made where it stays.
        folder.mkdir()
        try:
            make(folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        (folder / "complete").touch()
    return folder
