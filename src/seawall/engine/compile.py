"""How kernels are compiled, cached, or left as plain Python.

A kernel is a module-level function on numbers, rows and arrays. ``kernel`` and ``inline`` mark
helpers; ``entry`` marks the few functions that the shell calls with addresses, ``array_entry``
those that it calls with arrays and tuples of them. With
``NUMBA_DISABLE_JIT=1`` (or ``SEAWALL_INTERPRETED=1``, which does not even import Numba) the same
source runs as Python: the debugger, the coverage run and the overflow detector.

What is compiled (``kernel_compiler``) is kept in a folder named by a digest of all sources that it
may come from (``kernel_cache``), and loaded from there without Numba (``kernel_code``).
"""

import hashlib
import logging
import os
from collections.abc import Callable
from functools import cache, cached_property, partial
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
T = TypeVar("T")
"""A decorated kernel keeps its own signature."""


@cache
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

    def inline_disjoint(function: F) -> F:
        return function

    def intrinsic(define: Function) -> Any:
        raise AssertionError(f"{define.__name__} is of compiled kernels")

    def entry(arguments: int) -> Callable[[F], F]:
        return lambda function: function

    def array_entry(*sources: str) -> Callable[[F], F]:
        return lambda function: function

    def bind_arrays(function: Callable[..., T], *arguments: Any) -> Callable[..., T]:
        return partial(function, *arguments)

    def loaded(function: F) -> F:
        return function

else:
    from seawall.engine.kernel_code import LoadedCode, add_words, load_code, processor

    class _Kernel:
        """What a kernel's name stands for: the compiler can call it, Python cannot."""

        def __init__(
            self, function: Function, is_inline: bool = False, is_disjoint: bool = False
        ) -> None:
            self.__doc__ = function.__doc__
            self._function = function
            self._is_inline = is_inline
            self._is_disjoint = is_disjoint

        @cached_property
        def _numba_type_(self) -> Any:
            from seawall.engine.kernel_compiler import KernelType

            return KernelType(self._function, self._is_inline, self._is_disjoint)

    class _Intrinsic:
        """An operation that is emitted by a function of its own."""

        def __init__(self, define: Function) -> None:
            self._define = define

        @cached_property
        def _numba_type_(self) -> Any:
            from seawall.engine.kernel_compiler import intrinsic_type

            return intrinsic_type(self._define)

    def kernel(function: F) -> F:
        """An ordinary helper: compiled once, called."""
        return _Kernel(function)  # type: ignore[return-value]

    def inline(function: F) -> F:
        """A small helper on the hot path: always inlined."""
        return _Kernel(function, is_inline=True)  # type: ignore[return-value]

    def inline_disjoint(function: F) -> F:
        """The same, of a helper whose arrays never overlap where it writes one of them.

        Its loops then need no check of that before they take several elements at once.
        """
        return _Kernel(function, is_inline=True, is_disjoint=True)  # type: ignore[return-value]

    def intrinsic(define: Function) -> Any:
        """An operation of kernels in machine code: ``define(numba.types, *types of arguments)``.

        It returns a signature and what emits it, as for ``numba.extending.intrinsic``.
        """
        return _Intrinsic(define)

    def entry(arguments: int) -> Callable[[F], F]:
        """A function called by the shell with ``arguments`` integers, compiled on first use."""
        kinds = ("integer",) * arguments

        def wrap(function: F) -> F:
            return _Entry(function, ENGINE_SOURCES, kinds)  # type: ignore[return-value]

        return wrap

    def array_entry(*sources: str) -> Callable[[F], F]:
        """A function called with arrays and tuples of them, always of the same types.

        ``sources``: files and folders of seawall whose text can change the compiled code.
        """

        def wrap(function: F) -> F:
            return _ArrayEntry(function, sources)  # type: ignore[return-value]

        return wrap

    def bind_arrays(function: Callable[..., T], *arguments: Any) -> Callable[..., T]:
        """An array entry with its first arguments, whose addresses are looked up once.

        Their arrays may be written, not replaced.
        """
        return function.bound(arguments)  # type: ignore[attr-defined,no-any-return]

    def loaded(function: F) -> F:
        """The compiled function behind an entry: calling it directly saves a Python call."""
        return function.load().call  # type: ignore[attr-defined,no-any-return]

    @cache
    def _say_compiling(folder: Path) -> None:
        """Once, where nothing is kept yet: all that follows is compiled too."""
        if not folder.exists():
            log.info("compiling, once for this version: about a minute ...")

    class _Entry:
        """Compiles or loads on the first call, so importing costs nothing."""

        def __init__(self, function: Function, sources: tuple[str, ...], kinds: Any = None) -> None:
            self.__doc__ = function.__doc__
            self.__name__ = function.__name__
            self._function = function
            self._sources = sources
            self._kinds = kinds
            self._loaded: LoadedCode | None = None

        def load(self, *arguments: Any) -> LoadedCode:
            """Load machine code for its arguments, or compile it, once."""
            if self._loaded is not None:
                return self._loaded
            folder = cache_folder(*self._sources)
            _say_compiling(folder)
            module, name = self._function.__module__, self._function.__qualname__
            key = repr((module, name, self._kinds, processor()))
            file = KernelFile(folder, f"{module.rpartition('.')[2]}.{name}", key)
            code = file.read()
            if code is None:
                from seawall.engine.kernel_compiler import object_code

                code = object_code(self._function, arguments or (0,) * len(self._kinds))
                file.write(code)
            self._loaded = load_code(code, self.__name__)
            return self._loaded

        def __call__(self, *arguments: Any) -> Any:
            return (self._loaded or self.load()).call(*arguments)

    class _ArrayEntry(_Entry):
        """Arrays and tuples are handed over as the machine words that stand for them."""

        def __call__(self, *arguments: Any) -> Any:
            return self.bound(())(*arguments)

        def bound(self, first: tuple[Any, ...]) -> Callable[..., Any]:
            """A function of the arguments that follow these."""
            words: list[int] = []
            kinds: list[Any] = []
            add_words(first, words, kinds)

            def call(*rest: Any) -> Any:
                all_words, all_kinds = words.copy(), kinds.copy()
                add_words(rest, all_words, all_kinds)
                return self._call(all_words, all_kinds, (*first, *rest))

            return call

        def _call(self, words: list[int], kinds: list[Any], arguments: tuple[Any, ...]) -> Any:
            if self._loaded is None:
                self._kinds = kinds
            elif kinds != self._kinds:
                raise TypeError(
                    f"{self.__name__} was compiled for {self._kinds} and called with {kinds}"
                )
            return self.load(*arguments).call(*words)
