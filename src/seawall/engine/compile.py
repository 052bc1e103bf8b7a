"""How kernels are compiled, cached, or left as plain Python.

A kernel is a module-level function on numbers, rows and arrays. ``kernel`` and ``inline`` mark
helpers; ``entry`` marks the few functions that the shell calls with addresses, ``array_entry``
those that it calls with arrays and tuples of them. With
``NUMBA_DISABLE_JIT=1`` (or ``SEAWALL_INTERPRETED=1``, which does not even import Numba) the same
source runs as Python: the debugger, the coverage run and the overflow detector.

Numba's own disk cache looks only at the file of the entry, so a change in a callee would go unseen.
Entries are therefore kept in a folder named by a digest of all sources that they may come from
(``kernel_cache``).
"""

import hashlib
import logging
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from seawall.engine.kernel_cache import KernelFile, kernels_folder

INTERPRETED = "1" in (
    os.environ.get("NUMBA_DISABLE_JIT", "0"),
    os.environ.get("SEAWALL_INTERPRETED", "0"),
)
PACKAGE = Path(__file__).resolve().parents[1]
ENGINE_SOURCES = ("domain", "engine")

log = logging.getLogger(__name__)

Function = Callable[..., Any]
F = TypeVar("F", bound=Function)
"""A decorated kernel keeps its own signature."""


def sources_digest(*sources: str) -> str:
    """Digest of the files, and of those in the folders, whose text can change compiled code."""
    digest = hashlib.blake2b(digest_size=12)
    for source in sources:
        whole = PACKAGE / source
        for path in sorted(whole.rglob("*.py")) if whole.is_dir() else [whole]:
            digest.update(path.relative_to(PACKAGE).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def cache_folder(*sources: str) -> Path:
    """Where entries compiled from these sources are kept, without any those of the engine."""
    return kernels_folder(sources_digest(*(sources or ENGINE_SOURCES)))


if INTERPRETED:

    def kernel(function: F) -> F:
        return function

    def inline(function: F) -> F:
        return function

    def entry(arguments: int) -> Callable[[F], F]:
        return lambda function: function

    def array_entry(*sources: str) -> Callable[[F], F]:
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
            return _LazyEntry(function, ENGINE_SOURCES, signature)  # type: ignore[return-value]

        return wrap

    def array_entry(*sources: str) -> Callable[[F], F]:
        """A function called with arrays and tuples of them, always of the same types.

        ``sources``: files and folders of seawall whose text can change the compiled code.
        """

        def wrap(function: F) -> F:
            return _LazyEntry(function, sources)  # type: ignore[return-value]

        return wrap

    def loaded(function: F) -> F:
        """The compiled function behind an entry: calling it directly saves a Python call."""
        return function.load()  # type: ignore[attr-defined,no-any-return]

    @cache
    def _say_compiling(folder: Path) -> None:
        """Once, where nothing is kept yet: all that follows is compiled too."""
        if not folder.exists():
            log.info("compiling, once for this version: about a minute ...")

    class _LazyEntry:
        """Compiles or loads on the first call, so importing costs nothing."""

        def __init__(
            self, function: Function, sources: tuple[str, ...], signature: Any = None
        ) -> None:
            self._function = function
            self._sources = sources
            self._signature = signature
            self._dispatcher: Function | None = None
            self.__doc__ = function.__doc__
            self.__name__ = function.__name__

        def load(self, *arguments: Any) -> Function:
            """Compile for its signature, or the types of the arguments, or load, once."""
            if self._dispatcher is not None:
                return self._dispatcher
            from seawall.engine.link_once import helpers_only_linked

            dispatcher = numba.njit(nogil=True, error_model="numpy")(self._function)
            folder = cache_folder(*self._sources)
            _say_compiling(folder)
            dispatcher._cache = KernelFile(folder, self._function)
            with helpers_only_linked(self.__name__):
                dispatcher.compile(self._signature or tuple(map(numba.typeof, arguments)))
            dispatcher.disable_compile()
            self._dispatcher = dispatcher
            return dispatcher  # type: ignore[no-any-return]

        def __call__(self, *arguments: Any) -> Any:
            ready = self._dispatcher
            if ready is None:
                ready = self.load(*arguments)
            return ready(*arguments)
