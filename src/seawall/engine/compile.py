"""How kernels are compiled, cached, or left as plain Python.

A kernel is a module-level function on integers and rows. ``kernel`` and ``inline`` mark helpers,
``entry`` marks the few functions that the shell calls with addresses. With
``NUMBA_DISABLE_JIT=1`` (or ``SEAWALL_INTERPRETED=1``, which does not even import Numba) the same
source runs as Python: the debugger, the coverage run and the overflow detector.

Numba's disk cache looks only at the file of the entry, so a change in a callee would go unseen.
Entries are therefore cached in a folder named by a digest of all kernel sources.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

INTERPRETED = "1" in (
    os.environ.get("NUMBA_DISABLE_JIT", "0"),
    os.environ.get("SEAWALL_INTERPRETED", "0"),
)

Function = Callable[..., Any]
F = TypeVar("F", bound=Function)
"""A decorated kernel keeps its own signature."""


def sources_digest() -> str:
    """Digest of every file whose text can change the compiled code."""
    digest = hashlib.blake2b(digest_size=12)
    package = Path(__file__).resolve().parents[1]
    for folder in ("domain", "engine"):
        for path in sorted((package / folder).rglob("*.py")):
            digest.update(path.relative_to(package).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def cache_folder() -> Path:
    """Where compiled entries are kept; ``SEAWALL_CACHE`` overrides the user's cache folder."""
    root = os.environ.get("SEAWALL_CACHE") or os.environ.get("XDG_CACHE_HOME")
    base = Path(root) if root else Path.home() / ".cache"
    return base / "seawall" / "kernels" / sources_digest()


if INTERPRETED:

    def kernel(function: F) -> F:
        return function

    def inline(function: F) -> F:
        return function

    def entry(arguments: int) -> Callable[[F], F]:
        return lambda function: function

    def loaded(function: F) -> F:
        return function

else:
    import numba

    _OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    _OPTIONS |= {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}

    def kernel(function: F) -> F:
        """An ordinary helper: compiled once, called."""
        return numba.njit(**_OPTIONS)(function)  # type: ignore[no-any-return]

    def inline(function: F) -> F:
        """A small helper on the hot path: always inlined."""
        return numba.njit(forceinline=True, **_OPTIONS)(function)  # type: ignore[no-any-return]

    def entry(arguments: int) -> Callable[[F], F]:
        """A function called by the shell with ``arguments`` integers, compiled on first use."""
        signature = numba.int64(*[numba.int64] * arguments)

        def wrap(function: F) -> F:
            return _LazyEntry(function, signature)  # type: ignore[return-value]

        return wrap

    def loaded(function: F) -> F:
        """The compiled function behind an entry: calling it directly saves a Python call."""
        return function.load()  # type: ignore[attr-defined,no-any-return]

    class _LazyEntry:
        """Compiles or loads on the first call, so importing costs nothing."""

        def __init__(self, function: Function, signature: Any) -> None:
            self._function = function
            self._signature = signature
            self._dispatcher: Function | None = None
            self.__doc__ = function.__doc__
            self.__name__ = function.__name__

        def load(self) -> Function:
            """Compile, or load from the cache, once."""
            if self._dispatcher is not None:
                return self._dispatcher
            from numba.core import config

            from seawall.engine.link_once import helpers_only_linked

            dispatcher = numba.njit(nogil=True, error_model="numpy")(self._function)
            before = config.CACHE_DIR
            config.CACHE_DIR = str(cache_folder())
            try:
                dispatcher.enable_caching()
            finally:
                config.CACHE_DIR = before
            with helpers_only_linked(self.__name__):
                dispatcher.compile(self._signature)
            dispatcher.disable_compile()
            self._dispatcher = dispatcher
            return dispatcher  # type: ignore[no-any-return]

        def __call__(self, *arguments: int) -> int:
            return self.load()(*arguments)  # type: ignore[no-any-return]
