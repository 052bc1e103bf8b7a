"""Compile an entry with all its helpers in a fraction of the time.

Numba optimises and emits machine code for each helper by itself, with everything the helper calls,
and then once more for the caller: with hundreds of small helpers most of that work is thrown away.
Inside ``helpers_only_linked`` a helper's library stays unoptimised bitcode that is linked into the
entry, which alone is optimised and emitted. The result is the same machine code: the entry's
optimisation already saw all of it. Measured on two shared cores: 63 s
before, about 25 s after (``docs/decisions/0002-link-helpers-once.md``).

This reaches into Numba's code library, whose version is pinned; should the names move, the
context does nothing and compiling is merely slower.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba import _dynfunc
from numba.core import codegen, cpu


@contextmanager
def helpers_only_linked(entry_name: str) -> Iterator[None]:
    """While active, only libraries of ``entry_name`` are optimised and emitted."""
    library: Any = getattr(codegen, "JITCodeLibrary", None)
    context: Any = cpu.CPUContext
    names = ("_optimize_final_module", "_finalize_final_module")
    if library is None or not all(hasattr(library, name) for name in names):
        yield
        return
    optimize, finalize = (getattr(library, name) for name in names)
    executable = context.get_executable

    def is_entry(name: str) -> bool:
        return name.split(".")[-1] == entry_name

    def optimize_entry(self: Any) -> None:
        if is_entry(self.name):
            optimize(self)

    def finalize_entry(self: Any) -> None:
        if is_entry(self.name):
            finalize(self)
        else:
            self._finalized = True

    def executable_of_entry(self: Any, owner: Any, description: Any, environment: Any) -> Any:
        if is_entry(description.qualname):
            return executable(self, owner, description, environment)
        owner._ensure_finalized()
        # A callable without code: helpers have no Python wrapper, so it cannot be called.
        return _dynfunc.make_function(
            description.lookup_module(), description.qualname, "", 0, environment, (owner,)
        )

    library._optimize_final_module = optimize_entry
    library._finalize_final_module = finalize_entry
    context.get_executable = executable_of_entry
    try:
        yield
    finally:
        del library._optimize_final_module
        del library._finalize_final_module
        context.get_executable = executable
