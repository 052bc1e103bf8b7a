"""Imports go down only. The contracts are in pyproject.toml."""

import os
import subprocess
import sys
from pathlib import Path

from tests.architecture.sources import PACKAGE, ROOT


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Checks the package below ``folder`` against the project's contracts."""
    return subprocess.run(
        [
            Path(sys.executable).with_name("lint-imports"),
            "--no-cache",
            "--config",
            ROOT / "pyproject.toml",
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )


def test_imports_go_down_only() -> None:
    result = lint_imports(PACKAGE.parent)
    assert result.returncode == 0, result.stdout + result.stderr


def test_an_upward_import_is_found(tmp_path: Path) -> None:
    for path in PACKAGE.rglob("*.py"):
        copy = tmp_path / path.relative_to(PACKAGE.parent)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text("")
    assert lint_imports(tmp_path).returncode == 0
    (tmp_path / "seawall/domain/bad.py").write_text("def late():\n    import seawall.cli\n")
    (tmp_path / "seawall/engine/formulas/bad.py").write_text("import seawall.engine.transitions\n")
    (tmp_path / "seawall/engine/transitions/continuous/bad.py").write_text(
        "import seawall.engine.formulas.blocks\n"
    )
    result = lint_imports(tmp_path)
    assert result.returncode == 1
    assert "seawall.domain is not allowed to import seawall.cli" in result.stdout
    assert (
        "seawall.engine.formulas is not allowed to import seawall.engine.transitions"
        in result.stdout
    )
    assert "seawall.engine.transitions.continuous.bad -> seawall.engine.formulas" in result.stdout
