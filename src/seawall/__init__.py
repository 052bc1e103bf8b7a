"""Exact margin, liquidation and stress of leveraged perpetual futures.

    import seawall as sw

    account = sw.load_account("mine.toml")
    account.liquidation_price("BTC")
    sw.stress(account, shocks=["-10%", "-20%"]).sheet("shocks").to_polars()

Each question takes an account and returns an answer: typed figures, and the sheets of which every
table is made (``answer.sheet(name)``, ``answer.show()``, ``answer.save_report(path)``). What the
names import is loaded when they are used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seawall.accounts.account import Account as Account
    from seawall.accounts.load import load_account as load_account
    from seawall.domain.errors import SeawallError as SeawallError
    from seawall.guard.check import check_policy as check_policy
    from seawall.lab.carry import carry as carry
    from seawall.lab.carry import carry_account as carry_account
    from seawall.lab.cascade import cascade as cascade
    from seawall.lab.compare import compare as compare
    from seawall.lab.compare_rules import compare_rules as compare_rules
    from seawall.lab.crises import crises as crises
    from seawall.lab.deleveraging import deleveraging as deleveraging
    from seawall.lab.frontrun import frontrun as frontrun
    from seawall.lab.keepers import keepers as keepers
    from seawall.lab.ladder import ladder as ladder
    from seawall.lab.options import options as options
    from seawall.lab.oracle import oracle as oracle
    from seawall.lab.paths import paths as paths
    from seawall.lab.rehearse import rehearse as rehearse
    from seawall.lab.size import size as size
    from seawall.lab.stress import stress as stress
    from seawall.lab.vet import vet as vet
    from seawall.sandbox.embedded import sandbox as sandbox

_HOME = {
    "Account": "seawall.accounts.account",
    "load_account": "seawall.accounts.load",
    "SeawallError": "seawall.domain.errors",
    "check_policy": "seawall.guard.check",
    "carry": "seawall.lab.carry",
    "carry_account": "seawall.lab.carry",
    "cascade": "seawall.lab.cascade",
    "compare": "seawall.lab.compare",
    "compare_rules": "seawall.lab.compare_rules",
    "crises": "seawall.lab.crises",
    "deleveraging": "seawall.lab.deleveraging",
    "frontrun": "seawall.lab.frontrun",
    "keepers": "seawall.lab.keepers",
    "ladder": "seawall.lab.ladder",
    "options": "seawall.lab.options",
    "oracle": "seawall.lab.oracle",
    "paths": "seawall.lab.paths",
    "rehearse": "seawall.lab.rehearse",
    "size": "seawall.lab.size",
    "stress": "seawall.lab.stress",
    "vet": "seawall.lab.vet",
}
"""Where each name is defined; ``sandbox`` is the package of that name, which can be called."""

__all__ = [
    "Account",
    "SeawallError",
    "carry",
    "carry_account",
    "cascade",
    "check_policy",
    "compare",
    "compare_rules",
    "crises",
    "deleveraging",
    "frontrun",
    "keepers",
    "ladder",
    "load_account",
    "options",
    "oracle",
    "paths",
    "rehearse",
    "sandbox",
    "size",
    "stress",
    "vet",
]


def __getattr__(name: str) -> Any:
    if name == "sandbox":
        return import_module("seawall.sandbox")
    if name == "__version__":
        from seawall.report.values import seawall_version

        return seawall_version()
    if name not in _HOME:
        raise AttributeError(f"module 'seawall' has no attribute {name!r}")
    found = getattr(import_module(_HOME[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*globals(), *__all__, "__version__"]
