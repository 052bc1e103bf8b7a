"""How the path kernel is compiled, and the two operations that it needs beside Python's.

Rounding: no operation may be reordered, so that a number does not depend on the width of the
processor's vectors. A sum of a product is fused where the source says so and nowhere else;
interpreted that of double precision is rounded twice, so interpreted results differ in their last
digits.
"""

from typing import Any, TypeVar

import numpy as np

from seawall.engine.compile import INTERPRETED, array_entry, cache_folder

SOURCES = ("lab/paths/kernels", "domain/units.py", "engine/compile.py", "engine/link_once.py")
T = TypeVar("T")

entry = array_entry(*SOURCES)
"""A function that Python calls with arrays and tuples of them, compiled on first use."""


def is_cached() -> bool:
    """Whether a simulation finds compiled code, or needs none."""
    return INTERPRETED or any(cache_folder(*SOURCES).glob("step.advance*.nbc"))


if INTERPRETED:

    def fused(factor: Any, other: Any, term: Any) -> Any:
        """``factor * other + term``."""
        if isinstance(term, np.float32):
            return np.float32(np.float64(factor) * np.float64(other) + np.float64(term))
        return factor * other + term

    def borrowed(values: T) -> T:
        """The values themselves."""
        return values

else:
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    def _multiply_add(context: Any, factor: Any, other: Any, term: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.fma(*arguments)

        if not factor == other == term or factor not in (types.float64, types.float32):
            raise TypeError(f"fused takes three numbers of one width, not {factor, other, term}")
        return factor(factor, other, term), generate

    fused = intrinsic(_multiply_add)
    """``factor * other + term``, rounded once."""

    def _borrow(context: Any, kind: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return _without_owner(context, builder, kind, arguments[0])

        return kind(kind), generate

    def _without_owner(context: Any, builder: Any, kind: Any, value: Any) -> Any:
        if isinstance(kind, types.BaseTuple):
            parts = zip(kind, cgutils.unpack_tuple(builder, value), strict=True)
            made = [_without_owner(context, builder, each, part) for each, part in parts]
            return context.make_tuple(builder, kind, made)
        if not isinstance(kind, types.Array):
            return value
        view = context.make_array(kind)(context, builder, value)
        view.meminfo = view.meminfo.type(None)
        view.parent = view.parent.type(None)
        return view._getvalue()

    borrowed = intrinsic(_borrow)
    """An array, or a tuple with arrays in it, without their owner, which the caller keeps alive:
    slices are not counted."""
