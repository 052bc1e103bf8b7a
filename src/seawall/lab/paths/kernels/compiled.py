"""How the path kernel is compiled and cached, and the two operations that it needs beside Python's.

As ``engine/compile`` does for the machine: entries are cached in a folder named by a digest of
every source that can change them, so that a worker loads what another process compiled. With
``SEAWALL_INTERPRETED=1`` or ``NUMBA_DISABLE_JIT=1`` the same source runs as Python, slowly.

Rounding: no operation may be reordered, so that a number does not depend on the width of the
processor's vectors. A sum of a product is fused where the source says so and nowhere else;
interpreted it is rounded twice, so interpreted results differ in their last digits.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seawall.engine.compile import INTERPRETED, inline, kernel

__all__ = ["INTERPRETED", "borrowed", "entry", "fused", "inline", "kernel", "sources_digest"]

Function = Callable[..., Any]


def sources_digest() -> str:
    """Digest of every file whose text can change the compiled code."""
    digest = hashlib.blake2b(digest_size=12)
    here = Path(__file__).resolve().parent
    engine = here.parents[2] / "engine"
    for path in (*sorted(here.glob("*.py")), engine / "compile.py", engine / "link_once.py"):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def cache_folder() -> Path:
    """Where compiled entries are kept; ``SEAWALL_CACHE`` overrides the user's cache folder."""
    root = os.environ.get("SEAWALL_CACHE") or os.environ.get("XDG_CACHE_HOME")
    base = Path(root) if root else Path.home() / ".cache"
    return base / "seawall" / "paths" / sources_digest()


def is_cached() -> bool:
    """Whether a simulation finds compiled code, or needs none."""
    return INTERPRETED or (
        cache_folder().is_dir() and any(cache_folder().rglob("step.advance*.nbc"))
    )


if INTERPRETED:

    def entry(function: Function) -> Function:
        return function

    def fused(factor: Any, other: Any, term: Any) -> Any:
        """``factor * other + term``."""
        return factor * other + term

    def borrowed(array: Any) -> Any:
        """The array itself."""
        return array

else:
    import numba
    from numba.extending import intrinsic

    def _multiply_add(context: Any, factor: Any, other: Any, term: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.fma(*arguments)

        double = numba.types.float64
        return double(double, double, double), generate

    fused = intrinsic(_multiply_add)
    """``factor * other + term``, rounded once."""

    def _borrow(context: Any, array: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            view = context.make_array(array)(context, builder, arguments[0])
            view.meminfo = view.meminfo.type(None)
            view.parent = view.parent.type(None)
            return view._getvalue()

        return array(array), generate

    borrowed = intrinsic(_borrow)
    """The array without its owner, which the caller keeps alive: its slices are not counted."""

    def entry(function: Function) -> Function:
        """A function that Python calls with arrays and tuples of them, compiled on first use."""
        return _Entry(function)

    class _Entry:
        """Compiles or loads on the first call, so importing costs nothing."""

        def __init__(self, function: Function) -> None:
            self._function = function
            self._dispatcher: Any = None
            self.__doc__ = function.__doc__
            self.__name__ = function.__name__

        def __call__(self, *arguments: Any) -> Any:
            if self._dispatcher is None:
                self._dispatcher = self._load(arguments)
            return self._dispatcher(*arguments)

        def _load(self, arguments: tuple[Any, ...]) -> Any:
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
                dispatcher.compile(tuple(numba.typeof(each) for each in arguments))
            dispatcher.disable_compile()
            return dispatcher
