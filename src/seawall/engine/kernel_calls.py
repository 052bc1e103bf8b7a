"""How kernels are called and how they return, in machine code.

Numba hands a function the addresses of two places, for its result and for an exception, which are
set to zero before each call. A kernel returns a code and its result by value, and hands the place
for an exception on to what it calls. Decision 0013 says what that saves.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba.core import callconv, cgutils
from numba.core.cpu import CPUContext
from numba.core.lowering import Lower

CODE, EXCUSE = callconv.errcode_t, callconv.excinfo_ptr_t


def declare_kernel(context: Any, module: Any, described: Any) -> Any:
    """A kernel in a module: of a place for the address of what it raises and of its arguments.

    It returns by value a code, 0 when it raises nothing, and its result.
    """
    packer = context.get_arg_packer(described.argtypes)
    result = context.data_model_manager[described.restype].get_return_type()
    kind = ir.FunctionType(
        ir.LiteralStructType([CODE, result]), (EXCUSE.as_pointer(), *packer.argument_types)
    )
    function = cgutils.get_or_insert_function(module, kind, described.mangled_name)
    if described.inline:
        function.attributes.add("alwaysinline")
    for number, each in enumerate(function.args):
        if number == 0 or (described.noalias and isinstance(each.type, ir.PointerType)):
            each.add_attribute("captures(none)")
            each.add_attribute("noalias")
    return function


def _is_kernel(function: Any) -> bool:
    return isinstance(function.function_type.return_type, ir.LiteralStructType)


def call_of_kernel(described: Any, library: Any) -> Any:
    """What emits a call of a kernel."""

    def call(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        function = declare_kernel(context, builder.module, described)
        packer = context.get_arg_packer(described.argtypes)
        if _is_kernel(builder.function):
            excuse = builder.function.args[0]
        else:
            excuse = cgutils.alloca_once(builder, EXCUSE)
        both = builder.call(function, (excuse, *packer.as_arguments(builder, arguments)))
        code = builder.extract_value(both, 0)
        with cgutils.if_unlikely(builder, cgutils.is_not_null(builder, code)):
            if _is_kernel(builder.function):
                context.call_conv.end(builder, code)
            else:
                status = context.call_conv._get_return_status(builder, code, builder.load(excuse))
                context.call_conv.return_status_propagate(builder, status)
        return context.get_returned_value(
            builder, described.restype, builder.extract_value(both, 1)
        )

    call.signature = described.argtypes  # type: ignore[attr-defined]
    call.libs = (library,)  # type: ignore[attr-defined]
    return call


class _ByValue(callconv.CPUCallConv):  # type: ignore[misc]
    """How kernels return; other functions do as Numba has it.

    Numba's own way is by the addresses of two places, which are set to zero before each call.
    """

    def get_arguments(self, func: Any) -> Any:
        return func.args[1:] if _is_kernel(func) else super().get_arguments(func)

    def _get_excinfo_argument(self, func: Any) -> Any:
        return func.args[0] if _is_kernel(func) else super()._get_excinfo_argument(func)

    def end(self, builder: Any, code: Any, value: Any = None) -> None:
        """Leave a kernel, by its one way out: so values and not pairs of them meet there."""
        function = builder.function
        kinds = function.function_type.return_type.elements
        if not hasattr(function, "way_out"):
            with builder.goto_entry_block():
                places = [builder.alloca(kind) for kind in kinds]
            function.way_out = function.append_basic_block("way_out"), places
            last = ir.IRBuilder(function.way_out[0])
            both = ir.Constant(function.function_type.return_type, ir.Undefined)
            for number, place in enumerate(places):
                both = last.insert_value(both, last.load(place), number)
            last.ret(both)
        block, places = function.way_out
        builder.store(code, places[0])
        if value is not None:
            builder.store(value, places[1])
        builder.branch(block)

    def return_value(self, builder: Any, retval: Any) -> None:
        if _is_kernel(builder.function):
            self.end(builder, callconv.RETCODE_OK, retval)
        else:
            super().return_value(builder, retval)

    def return_user_exc(
        self, builder: Any, exc: Any, exc_args: Any = None, loc: Any = None, func_name: Any = None
    ) -> None:
        if _is_kernel(builder.function):
            self.set_static_user_exc(builder, exc, exc_args, loc, func_name)
            self.end(builder, callconv.RETCODE_USEREXC)
        else:
            super().return_user_exc(builder, exc, exc_args, loc, func_name)

    def return_status_propagate(self, builder: Any, status: Any) -> None:
        if _is_kernel(builder.function):
            builder.store(status.excinfoptr, builder.function.args[0])
            self.end(builder, status.code)
        else:
            super().return_status_propagate(builder, status)


class KernelLower(Lower):  # type: ignore[misc]
    def setup_function(self, fndesc: Any) -> None:
        self.function = declare_kernel(self.context, self.module, fndesc)
        self.entry_block = self.function.append_basic_block("entry")
        self.builder = ir.IRBuilder(self.entry_block)
        self.call_helper = self.call_conv.init_call_helper(self.builder)


@contextmanager
def returning_by_value() -> Iterator[None]:
    """While a kernel is lowered."""
    before = CPUContext.call_conv
    CPUContext.call_conv = property(_ByValue)
    try:
        yield
    finally:
        CPUContext.call_conv = before
