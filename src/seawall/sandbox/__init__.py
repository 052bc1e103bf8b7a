"""A running venue on this computer: host, clock, prices, agents, control, history.

The package can be called: ``seawall.sandbox("BTC=60000")`` is ``embedded.sandbox``, because the
name of a submodule is an attribute of its package whatever else the package wants to call so.
"""

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    def __call__(self, *markets: str, **options: Any) -> Any:
        from seawall.sandbox.embedded import sandbox

        return sandbox(*markets, **options)


sys.modules[__name__].__class__ = _Callable
