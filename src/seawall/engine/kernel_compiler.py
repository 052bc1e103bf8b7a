"""From the kernels behind an entry to one object file of machine code.

Numba's own way compiles each function for each combination of types that it is called with,
literals and widths of integers included, runs passes over it that kernels have no use for, links
it with all that it calls, optimises and emits it, and does so again for each caller. Here

* a kernel is compiled once: signed integers of any width are handed over as int64;
* only the passes that kernels need run over it;
* it stays unoptimised code until the entry is linked, each kernel once; the entry alone is
  optimised and emitted.

Decision 0013 says what that saves. This uses names inside Numba, whose version is pinned.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache, wraps
from inspect import signature as parameters_of
from typing import Any

import llvmlite.binding as llvm
import numba
from llvmlite import ir
from numba.core import (
    bytecode,
    cgutils,
    codegen,
    funcdesc,
    typed_passes,
    typing,
    untyped_passes,
)
from numba.core import errors as numba_errors
from numba.core import ir as numba_ir
from numba.core.compiler import Flags, StateDict, _CompileStatus, _make_subtarget
from numba.core.compiler_lock import global_compiler_lock
from numba.core.datamodel import models, register_default
from numba.core.postproc import PostProcessor
from numba.core.registry import cpu_target
from numba.core.targetconfig import ConfigStack
from numba.core.types.functions import BaseFunction
from numba.core.typing.templates import fold_arguments

from seawall.engine.kernel_calls import (
    EXCUSE,
    KernelLower,
    call_of_kernel,
    declare_kernel,
    returning_by_value,
)
from seawall.engine.kernel_code import SYMBOL

Function = Callable[..., Any]
types: Any = numba.types

_OPTIONS = {
    "nopython": True, "nogil": True, "error_model": "numpy", "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}  # fmt: skip
_PASSES = (
    untyped_passes.ExtractByteCode,
    untyped_passes.TranslateByteCode,
    untyped_passes.FixupArgs,
    untyped_passes.IRProcessing,
    untyped_passes.GenericRewrites,
    untyped_passes.ReconstructSSA,
    typed_passes.NopythonTypeInference,
    typed_passes.PreLowerStripPhis,
    typed_passes.IRLegalization,
)


class _Unlinked(codegen.JITCodeLibrary):  # type: ignore[misc]
    """The code of one kernel as it was lowered, and what it calls."""

    def add_ir_module(self, ir_module: Any) -> None:
        module = llvm.parse_assembly(cgutils.normalize_ir_text(str(ir_module)))
        module.name = ir_module.name
        module.data_layout = self._codegen._data_layout
        for function in module.functions:
            if not function.is_declaration and function.linkage == llvm.Linkage.external:
                function.linkage = "linkonce_odr"
        self._final_module = module

    def add_linking_library(self, library: Any) -> None:
        self._linking_libraries.append(library)

    def finalize(self) -> None:
        self._finalized = True

    def _get_module_for_linking(self) -> Any:
        """With all that it calls, for code that Numba itself compiles."""
        module = self._final_module.clone()
        for library in _reached(self, {}):
            module.link_in(_own_module(library), preserve=True)
        return module


def _widened(kind: Any) -> Any:
    kind = types.unliteral(kind)
    return types.int64 if isinstance(kind, types.Integer) and kind.signed else kind


class KernelType(types.Callable, types.Dummy):  # type: ignore[misc]
    """The type of a kernel to Numba: it compiles the kernel when a call to it is typed."""

    def __init__(self, function: Function, is_inline: bool, is_disjoint: bool) -> None:
        self._function = function
        self._is_inline = is_inline
        self._is_disjoint = is_disjoint
        self._parameters = parameters_of(function)
        self._compiled: dict[tuple[Any, ...], tuple[Any, Any]] = {}
        where = f"{function.__module__}.{function.__qualname__}"
        super().__init__(f"kernel({where}, {id(function):#x})")

    def get_call_type(self, context: Any, args: Any, kws: Any) -> Any:
        folded = fold_arguments(
            self._parameters, args, kws,
            lambda index, parameter, kind: _widened(kind),
            lambda index, parameter, default: types.Omitted(default),
            lambda index, parameter, kinds: types.StarArgTuple(kinds),
        )  # fmt: skip
        if folded not in self._compiled:
            lowered = _lower(self._function, folded, self._is_inline, self._is_disjoint)
            # What a call of this signature is looked up by.
            key = object()
            call = call_of_kernel(lowered.fndesc, lowered.library)
            cpu_target.target_context._defns[key].append(call, call.signature)
            self._compiled[folded] = typing.signature(lowered.return_type, *folded), key
        return self._compiled[folded][0].replace(pysig=self._parameters)

    def get_call_signatures(self) -> Any:
        return [signature for signature, _ in self._compiled.values()], True

    def get_impl_key(self, sig: Any) -> Any:
        return self._compiled[tuple(sig.args)][1]


register_default(KernelType)(models.OpaqueModel)


def _remembered(get_call_type: Function) -> Function:
    """What a builtin, an operator or a cast gives for these types is found once."""

    @wraps(get_call_type)
    def once(self: Any, context: Any, args: Any, kws: Any) -> Any:
        known = vars(self).setdefault("_known", {})
        key = args, tuple(kws.items())
        if key not in known:
            known[key] = get_call_type(self, context, args, kws)
        return known[key]

    return once


def _first_and_last(run: Function) -> Function:
    """Where variables live is found when a function is read and when it is lowered, not after each
    pass in between."""

    @wraps(run)
    def seldom(self: Any, emit_dels: bool = False, extend_lifetimes: bool = False) -> None:
        if emit_dels or self.func_ir.variable_lifetime is None:
            run(self, emit_dels, extend_lifetimes)

    return seldom


def _by_text(get_abi_size: Function) -> Function:
    """LLVM is asked once for the size of a type."""
    known: dict[str, int] = {}

    @wraps(get_abi_size)
    def once(self: Any, target_data: Any, context: Any = None) -> int:
        text = str(self)
        if text not in known:
            known[text] = get_abi_size(self, target_data, context)
        return known[text]

    return once


def _variables(_: Any) -> Function:
    """The variables in a part of an instruction, looked for only where there may be some."""

    def found(self: Any, value: Any) -> list[Any]:
        if isinstance(value, numba_ir.Var):
            return [value]
        if isinstance(value, numba_ir.Inst):
            return value.list_vars()  # type: ignore[no-any-return]
        if isinstance(value, dict):
            value = value.values()
        elif not isinstance(value, (list, tuple)):
            return []
        return [
            variable
            for each in value
            if not isinstance(each, _WITHOUT_VARIABLES)
            for variable in found(self, each)
        ]

    return found


_WITHOUT_VARIABLES = str, int, numba_ir.Loc, type(None)
_QUICKER: tuple[tuple[Any, str, Callable[[Function], Function]], ...] = (
    (BaseFunction, "get_call_type", _remembered),
    (PostProcessor, "run", _first_and_last),
    (
        vars(numba_errors)["WarningsFixer"],
        "catch_warnings",
        lambda _: lambda *place, **named: nullcontext(),
    ),
    (ir.Type, "get_abi_size", _by_text),
    (numba_ir.Inst, "_rec_list_vars", _variables),
)
"""What Numba does again and again for kernels, and how it is done instead while they compile."""


@contextmanager
def _quicker() -> Iterator[None]:
    before = [getattr(owner, name) for owner, name, _ in _QUICKER]
    for owner, name, replaced in _QUICKER:
        setattr(owner, name, replaced(getattr(owner, name)))
    try:
        yield
    finally:
        for (owner, name, _), original in zip(_QUICKER, before, strict=True):
            setattr(owner, name, original)


def intrinsic_type(define: Function) -> Any:
    """The type of an operation; ``define(numba.types, *argument types)`` gives what
    ``numba.extending.intrinsic`` asks for."""

    @wraps(define)
    def typed(typing_context: Any, *arguments: Any) -> Any:
        return define(types, *arguments)

    intrinsic = numba.extending.intrinsic(typed)
    cpu_target.typing_context.refresh()
    return cpu_target.typing_context.resolve_value_type(intrinsic)


@cache
def _flags(is_inline: bool, is_disjoint: bool) -> Flags:
    """One object for all kernels: another one is compared, option by option, at each lookup."""
    flags = Flags()
    flags.noalias = is_disjoint
    cpu_target.options.parse_as_flags(flags, _OPTIONS | {"forceinline": is_inline})
    return flags


def _lower(
    function: Function, arguments: tuple[Any, ...], is_inline: bool, is_disjoint: bool
) -> StateDict:
    """Infer types and make unoptimised code, also of all that is called."""
    flags = _flags(is_inline, is_disjoint)
    context = _make_subtarget(cpu_target.target_context, flags)
    state = StateDict()
    state.update(
        func_id=bytecode.FunctionIdentity.from_function(function), args=arguments,
        return_type=None, typingctx=cpu_target.typing_context, targetctx=context, flags=flags,
        locals={}, lifted=(), lifted_from=None, metadata={}, reload_init=[], pipeline=None,
        status=_CompileStatus(can_fallback=False), typemap=None, calltypes=None,
    )  # fmt: skip
    with ConfigStack().enter(flags):
        for each in _PASSES:
            step = each()
            step.analysis = {each: set(_PASSES)}
            step.run_pass(state)
        state.library = _Unlinked(context.codegen(), state.func_id.func_qualname)
        state.fndesc = funcdesc.PythonFunctionDescriptor.from_specialized_function(
            state.func_ir, state.typemap, state.return_type, state.calltypes,
            mangler=context.mangler, inline=flags.forceinline, noalias=flags.noalias,
            abi_tags=[flags.get_mangle_string()],
        )  # fmt: skip
        with context.push_code_library(state.library), returning_by_value():
            KernelLower(context, state.library, state.fndesc, state.func_ir, state.metadata).lower()
    return state


def _reached(library: Any, found: dict[Any, None]) -> dict[Any, None]:
    """The libraries that are to be linked, each once."""
    if library not in found:
        found[library] = None
        for other in library._linking_libraries if isinstance(library, _Unlinked) else ():
            _reached(other, found)
    return found


def _own_module(library: Any) -> Any:
    is_ours = isinstance(library, _Unlinked)
    return library._final_module if is_ours else library._get_module_for_linking()


def _word(builder: Any, word: Any, kind: Any) -> Any:
    """A machine word as an argument."""
    if isinstance(kind, ir.PointerType):
        return builder.inttoptr(word, kind)
    if isinstance(kind, ir.DoubleType):
        return builder.bitcast(word, kind)
    return word if kind.width == 64 else builder.trunc(word, kind)


def _to_python(builder: Any, of_python: Function, value: Any) -> Any:
    """What a kernel returns as an object: an integer, a float, None or a tuple of them."""
    kind, i64, pointer = value.type, ir.IntType(64), ir.IntType(8).as_pointer()
    if isinstance(kind, ir.DoubleType):
        return builder.call(of_python("PyFloat_FromDouble", pointer, kind), [value])
    if isinstance(kind, ir.IntType):
        wide = value if kind.width == 64 else builder.sext(value, i64)
        return builder.call(of_python("PyLong_FromLongLong", pointer, i64), [wide])
    if isinstance(kind, ir.PointerType):
        form = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(pointer, [pointer], var_arg=True), "Py_BuildValue"
        )
        # Of an empty format it makes None.
        return builder.call(form, [cgutils.alloca_once_value(builder, ir.IntType(8)(0))])
    made = builder.call(of_python("PyTuple_New", pointer, i64), [i64(len(kind))])
    for place in range(len(kind)):
        each = _to_python(builder, of_python, builder.extract_value(value, place))
        store = of_python("PyTuple_SetItem", ir.IntType(32), pointer, i64, pointer)
        builder.call(store, [made, i64(place), each])
    return made


def _add_call_from_python(state: StateDict) -> Any:
    """A module with the function that Python calls, ``METH_FASTCALL``.

    It takes as many integers as the kernel takes machine words. Its ``self`` is a Python function
    of bytes that raises the exception which they pickle.
    """
    context, described = state.targetctx, state.fndesc
    module = context.create_module(SYMBOL)
    i8, i64 = ir.IntType(8), ir.IntType(64)
    pointer = i8.as_pointer()

    def of_python(name: str, result: Any, *arguments: Any) -> Any:
        return cgutils.get_or_insert_function(module, ir.FunctionType(result, arguments), name)

    kernel = declare_kernel(context, module, described)
    function = ir.Function(
        module, ir.FunctionType(pointer, [pointer, pointer.as_pointer(), i64]), SYMBOL
    )
    myself, given, count = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    to_raise = of_python("PyObject_CallOneArg", pointer, pointer, pointer)
    make_bytes = of_python("PyBytes_FromStringAndSize", pointer, pointer, i64)

    def raise_packed(data: Any, size: Any) -> None:
        packed = builder.call(make_bytes, [data, size])
        builder.ret(builder.call(to_raise, [myself, packed]))

    wanted = [each.type for each in kernel.args[1:]]
    with builder.if_then(builder.icmp_signed("!=", count, i64(len(wanted))), likely=False):
        raise_packed(pointer(None), i64(0))
    to_integer = of_python("PyLong_AsLongLong", i64, pointer)
    words = []
    for place in range(len(wanted)):
        argument = builder.load(builder.gep(given, [i64(place)]))
        words.append(builder.call(to_integer, [argument]))
    failed = cgutils.false_bit
    for word in words:
        failed = builder.or_(failed, builder.icmp_signed("==", word, i64(-1)))
    with builder.if_then(failed, likely=False):
        error = builder.call(of_python("PyErr_Occurred", pointer), [])
        with builder.if_then(cgutils.is_not_null(builder, error)):
            builder.ret(pointer(None))
    saved = builder.call(of_python("PyEval_SaveThread", pointer), [])
    handed = [_word(builder, word, each) for word, each in zip(words, wanted, strict=True)]
    place = cgutils.alloca_once(builder, EXCUSE)
    both = builder.call(kernel, (place, *handed))
    builder.call(of_python("PyEval_RestoreThread", ir.VoidType(), pointer), [saved])
    code = builder.extract_value(both, 0)
    with builder.if_then(cgutils.is_not_null(builder, code), likely=False):
        excuse = builder.load(place)
        fields = [
            builder.load(cgutils.gep_inbounds(builder, excuse, 0, number)) for number in (0, 1)
        ]
        raise_packed(fields[0], builder.sext(fields[1], i64))
    answer = _to_python(builder, of_python, builder.extract_value(both, 1))
    builder.ret(answer)
    return module


_ARRAYS = """
declare ptr @malloc(i64)
declare void @free(ptr)
define linkonce_odr void @NRT_MemInfo_call_dtor(ptr %owner) {
  call void @free(ptr %owner)
  ret void
}
define linkonce_odr void @NRT_incref(ptr %owner) alwaysinline {
  %none = icmp eq ptr %owner, null
  br i1 %none, label %end, label %count
count:
  %held = load i64, ptr %owner
  %more = add i64 %held, 1
  store i64 %more, ptr %owner
  br label %end
end:
  ret void
}
define linkonce_odr void @NRT_decref(ptr %owner) alwaysinline {
  %none = icmp eq ptr %owner, null
  br i1 %none, label %end, label %count
count:
  %held = load i64, ptr %owner
  %less = sub i64 %held, 1
  store i64 %less, ptr %owner
  %last = icmp eq i64 %less, 0
  br i1 %last, label %release, label %end
release:
  call void @free(ptr %owner)
  br label %end
end:
  ret void
}
define linkonce_odr ptr @NRT_MemInfo_alloc_aligned(i64 %size, i32 %align) {
  %wide = zext i32 %align to i64
  %room = add i64 %size, %wide
  %all = add i64 %room, 48
  %owner = call ptr @malloc(i64 %all)
  %failed = icmp eq ptr %owner, null
  br i1 %failed, label %end, label %fill
fill:
  store i64 1, ptr %owner
  %start = ptrtoint ptr %owner to i64
  %past = add i64 %start, 47
  %high = add i64 %past, %wide
  %mask = sub i64 0, %wide
  %at = and i64 %high, %mask
  %slot = getelementptr i8, ptr %owner, i64 24
  store i64 %at, ptr %slot
  br label %end
end:
  ret ptr %owner
}
define linkonce_odr i32 @numba_attempt_nocopy_reshape(
    i64 %nd, ptr %dims, ptr %strides, i64 %newnd, ptr %newdims, ptr %newstrides, i64 %itemsize,
    i32 %order) {
  %last = sub i64 %nd, 1
  %place = getelementptr i64, ptr %strides, i64 %last
  %stride = load i64, ptr %place
  %rows = icmp eq i64 %stride, %itemsize
  %one = icmp eq i64 %newnd, 1
  %flat = and i1 %rows, %one
  br i1 %flat, label %yes, label %no
yes:
  store i64 %itemsize, ptr %newstrides
  ret i32 1
no:
  ret i32 0
}
"""
"""What kernels use of Numba's runtime, so that loading them takes no Numba: arrays that a kernel
makes for itself (``MemInfo``: count, 16 bytes unused, data) and flattening an array in C order."""


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Without looking for garbage among some millions of objects that are in use."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@global_compiler_lock  # type: ignore[untyped-decorator]
def object_code(function: Function, arguments: tuple[Any, ...]) -> bytes:
    """Machine code of an entry with all it calls, for arguments of the types of these."""
    cpu_target.typing_context.refresh()
    cpu_target.target_context.refresh()
    with _undisturbed(), _quicker():
        state = _lower(
            function, tuple(map(numba.typeof, arguments)), is_inline=False, is_disjoint=False
        )
        library = codegen.JITCodeLibrary(state.targetctx.codegen(), SYMBOL)
        module = library._final_module
        wrapper = llvm.parse_assembly(str(_add_call_from_python(state)))
        module.link_in(wrapper)
        for each in _reached(state.library, {}):
            module.link_in(_own_module(each), preserve=True)
        module.link_in(llvm.parse_assembly(_ARRAYS))
        manager, options = library._codegen._module_pass_manager()
        # No other code calls them: what they are always given, or never return, is known.
        for each in (*module.functions, *module.global_variables):
            if not each.is_declaration and each.name != SYMBOL:
                each.linkage = "internal"
        manager.run(module, options)
        module.verify()
        missing = [
            each.name
            for each in module.functions
            if each.is_declaration and each.name.startswith(("NRT_", "numba_"))
        ]
        if missing:
            raise NotImplementedError(
                f"{function.__qualname__} needs {missing} of Numba's runtime, as lists, text and "
                "assigning an array to a slice do"
            )
        return bytes(library._codegen._tm.emit_object(module))
