"""What ``import seawall`` gives: its names, their documentation and types, and what it loads."""

import ast
import inspect
import json
import subprocess
import sys

import pytest

import seawall
from seawall.cli.main import app
from tests.architecture.sources import ROOT

ABSENT_COMMANDS = {
    **dict.fromkeys(("up", "control", "proxy", "terminal", "check", "backup"), "sandbox"),
    "explain": "Account",
    "guard": "check_policy",
}
"""Commands whose question is asked of another name."""
TOO_HEAVY = ("aiohttp", "cyclopts", "llvmlite", "msgspec", "numba", "numpy", "pyarrow", "rich")
FACE = (ROOT / "src" / "seawall" / "__init__.py").read_text()


def declared() -> dict[str, str]:
    """Names and modules as a type checker sees them."""
    (block,) = [node for node in ast.parse(FACE).body if isinstance(node, ast.If)]
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {
        alias.asname or alias.name: f"{node.module}" for node in imports for alias in node.names
    }


def test_type_checkers_and_programs_see_the_same_names() -> None:
    names = declared()
    assert sorted(names) == sorted(seawall.__all__)
    homes = {name: home for name, home in names.items() if name != "sandbox"}
    assert homes == seawall._HOME
    assert set(seawall.__all__) <= set(dir(seawall))


def test_every_command_has_its_name() -> None:
    commands = {name.replace("-", "_") for name in app if not name.startswith("-")}
    wanted = {ABSENT_COMMANDS.get(name, name) for name in commands}
    assert wanted - set(seawall.__all__) == set()


@pytest.mark.parametrize("name", seawall.__all__)
def test_a_name_is_documented_and_typed(name: str) -> None:
    found = getattr(seawall, name)
    first = (inspect.getdoc(found) or "").partition("\n")[0]
    assert first.endswith((".", ":")), first
    assert f"`{name}" in (ROOT / "docs" / "api.md").read_text()
    if inspect.isfunction(found):
        signature = inspect.signature(found)
        assert signature.return_annotation is not inspect.Signature.empty
        for each in signature.parameters.values():
            assert each.annotation is not inspect.Parameter.empty, each.name


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'stres'"):
        _ = seawall.stres  # type: ignore[attr-defined]
    assert seawall.__version__


def loaded(code: str) -> set[str]:
    """The modules that a program has loaded at its end."""
    report = "import json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout))


def test_the_import_loads_nothing_but_the_face() -> None:
    extra = loaded("import seawall; dir(seawall)") - loaded("import importlib, typing")
    assert {each for each in extra if each.partition(".")[0] != "__future__"} == {"seawall"}


def test_an_account_is_loaded_without_the_engine() -> None:
    found = loaded("import seawall; seawall.load_account(); seawall.SeawallError")
    assert found.isdisjoint(set(TOO_HEAVY) - {"msgspec"})
    assert not [each for each in found if each.startswith("seawall.engine")]


def test_what_would_be_too_heavy_is_seen() -> None:
    assert "numpy" in loaded("import seawall; seawall.stress")
