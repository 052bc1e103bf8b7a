"""The wheel: it holds every file of the package, installs into an empty environment, and runs."""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.architecture.sources import PACKAGE, ROOT
from tools.build_page import is_fresh

SECONDS = 280
TOOLS = Path(sys.executable).parent
PINS = ROOT / "requirements" / "run.txt"
PROGRAM = """
import json, sys
import seawall as sw
from seawall.lab.market.named_scenarios import names
account = sw.load_account()
print(json.dumps({
    "from": sw.__file__,
    "markets": account.markets,
    "under other rules": account.with_rulebook("dydx").rulebook.name,
    "scenarios": len(names()),
}))
"""

pytestmark = pytest.mark.timeout(2 * SECONDS)


def run(*command: str | Path, folder: Path) -> str:
    """What a process prints, in an environment that knows nothing of this checkout."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "SEAWALL_INTERPRETED")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment |= {"UV_SYSTEM_CERTS": "true", "UV_PYTHON_DOWNLOADS": "never"}
    environment["SEAWALL_PAGE"] = "as-is"
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built without fetching anything: the pins hold what the build needs, and the terminal's page
    is taken as it is: ``./test`` builds it first where there is node."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, folder=ROOT)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a new environment's programs, with the pinned packages and the wheel."""
    folder = tmp_path_factory.mktemp("environment")
    home = folder / "env"
    run(sys.executable, "-m", "venv", "--without-pip", home, folder=folder)
    python = home / "bin" / "python"
    uv = TOOLS / "uv"
    if uv.exists():
        installer: tuple[str | Path, ...] = (uv, "pip", "--quiet", "install", "--python", python)
    else:
        installer = (sys.executable, "-m", "pip", "--quiet", "--python", python, "install")
    install_pins(installer, folder)
    run(*installer, "--no-deps", wheel, folder=folder)
    yield home / "bin"
    shutil.rmtree(home)


def install_pins(installer: tuple[str | Path, ...], folder: Path) -> None:
    """From what the set-up has already fetched, else as it did."""
    pins = ("--require-hashes", "--only-binary", ":all:", "-r", PINS)
    if installer[0] != sys.executable:
        try:
            run(*installer, "--offline", *pins, folder=folder)
            return
        except AssertionError:
            pass
    run(*installer, *pins, folder=folder)


def test_every_file_of_the_package_is_in_the_wheel(wheel: Path) -> None:
    ours = {path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    with ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("seawall/")}
        (metadata,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        told = archive.read(metadata).decode()
    assert packed == {f"seawall/{path.relative_to(PACKAGE).as_posix()}" for path in ours}
    assert {Path(name).suffix for name in packed} >= {".css", ".j2", ".pyi", ".toml", ".typed"}
    if is_fresh():
        assert "seawall/terminal/static/index.html" in packed
    for extra in ("cluster", "dydx", "frames"):
        assert f"Provides-Extra: {extra}" in told


def test_its_requirements_are_met_by_the_pins(environment: Path) -> None:
    code = (
        "from importlib.metadata import requires, version\n"
        "from packaging.requirements import Requirement\n"
        "for each in map(Requirement, requires('seawall')):\n"
        "    if each.marker is None or each.marker.evaluate({'extra': ''}):\n"
        "        assert version(each.name) in each.specifier, each\n"
    )
    run(environment / "python", "-c", code, folder=environment)


def test_the_installed_command_runs(environment: Path, tmp_path: Path) -> None:
    seawall = environment / "seawall"
    assert run(seawall, "--version", folder=tmp_path).strip()
    shutil.copy(ROOT / "examples" / "account_hybrid.json", tmp_path)
    report = ("--report", "report.html")
    found = run(seawall, "explain", "account_hybrid.json", "--json", *report, folder=tmp_path)
    assert json.loads(found)["positions"]
    page = (tmp_path / "report.html").read_text()
    assert "<style" in page
    assert "</html>" in page


def test_the_installed_library_is_imported(environment: Path, tmp_path: Path) -> None:
    found = json.loads(run(environment / "python", "-c", PROGRAM, folder=tmp_path))
    assert Path(found["from"]).is_relative_to(environment.parent)
    assert found["markets"] == ["BTC", "ETH", "SOL"]
    assert found["under other rules"] == "dydx"
    assert found["scenarios"] == 16


def test_the_installed_venue_serves_the_terminal_s_page(environment: Path, tmp_path: Path) -> None:
    """Without node: its folders are not on the path of the process."""
    if not is_fresh():
        pytest.skip("needs the page of the terminal: python tools/build_page.py, with node")
    quiet = "--no-agents --no-history --markets BTC --speed manual --feed manual"
    command = [environment / "seawall", "up", "--port", "0", "--json", *quiet.split()]
    environ = {**os.environ, "PATH": str(environment)}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, text=True
    ) as venue:
        try:
            assert venue.stdout is not None
            url = json.loads(venue.stdout.readline())["terminal"]
            page = urllib.request.urlopen(url, timeout=SECONDS).read().decode()
            (script,) = re.findall(r'src="\./(assets/[^"]+\.js)"', page)
            answer = urllib.request.urlopen(url + script, timeout=SECONDS)
            assert answer.headers["Content-Type"].startswith("text/javascript")
            assert len(answer.read()) > 50_000
        finally:
            venue.terminate()
