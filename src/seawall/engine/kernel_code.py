"""Machine code of an entry as a function of Python, without the compiler that made it."""

import ctypes
import os
import pickle
import platform
import struct
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import llvmlite
import llvmlite.binding as llvm
import numpy as np

SYMBOL = "seawall_entry"
"""Name of the function in the object file; it takes integers by ``METH_FASTCALL``."""
_FASTCALL = 0x80


class _Method(ctypes.Structure):
    """``PyMethodDef``."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


class LoadedCode(NamedTuple):
    """A function of integers, and what must live as long as it."""

    call: Any
    address: int
    code: bytes
    engine: Any
    method: Any


def _raise_packed(packed: bytes) -> NoReturn:
    """Raise what an entry asks for; it asks with nothing where it was called with too few."""
    if not packed:
        raise TypeError("a compiled entry was called with another number of arguments than it has")
    kind, arguments, _ = pickle.loads(packed)
    raise kind(*arguments)


@cache
def processor() -> tuple[str, ...]:
    """What machine code depends on besides its sources: processor, compiler, Python."""
    chosen = (
        os.environ.get("NUMBA_CPU_NAME") or llvm.get_host_cpu_name(),
        os.environ.get("NUMBA_CPU_FEATURES") or llvm.get_host_cpu_features().flatten(),
        os.environ.get("NUMBA_OPT", ""),
    )
    numba = find_spec("numba")
    assert numba is not None
    assert numba.origin is not None
    compiler = Path(numba.origin).with_name("_version.py").read_text()
    return (
        *chosen,
        llvm.get_process_triple(),
        llvmlite.__version__,
        compiler,
        platform.python_version(),
    )


@cache
def _target() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_triple(llvm.get_process_triple())


_make_function = ctypes.pythonapi.PyCFunction_NewEx
_make_function.restype = ctypes.py_object
_make_function.argtypes = (ctypes.POINTER(_Method), ctypes.py_object, ctypes.c_void_p)


def load_code(code: bytes, name: str) -> LoadedCode:
    """The entry in an object file that ``kernel_compiler`` made."""
    machine = _target().create_target_machine(jit=True)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(code))
    engine.finalize_object()
    address = engine.get_function_address(SYMBOL)
    if not address:
        raise ValueError(f"there is no {SYMBOL} in it")
    method = _Method(name.encode(), address, _FASTCALL, None)
    return LoadedCode(_make_function(method, _raise_packed, None), address, code, engine, method)


def add_words(value: Any, words: list[int], kinds: list[Any]) -> None:
    """Append the machine words that compiled code takes for a value, and what kind it is.

    An array is handed over without its owner, whom the caller keeps alive.
    """
    if isinstance(value, tuple):
        for each in value:
            add_words(each, words, kinds)
    elif isinstance(value, np.ndarray):
        flags = value.flags
        words += 0, 0, value.size, value.itemsize, value.ctypes.data
        words += value.shape
        words += value.strides
        layout = "C" if flags.c_contiguous else "F" if flags.f_contiguous else "A"
        kinds.append((value.dtype.str, value.ndim, layout, flags.writeable))
    elif isinstance(value, float):
        words.append(int.from_bytes(struct.pack("=d", value), sys.byteorder, signed=True))
        kinds.append(float)
    elif isinstance(value, int | np.integer | np.bool_):
        word = int(value)
        words.append(word - (1 << 64) if word >> 63 > 0 else word)
        kinds.append(type(value))
    else:
        raise TypeError(f"compiled code takes no {type(value).__name__}: {value!r}")
