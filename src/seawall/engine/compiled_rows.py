"""The compiled half of ``rows``: intrinsics that turn (base address, index) into a row pointer."""

from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir

from seawall.engine.compile import intrinsic
from seawall.engine.rows import MOST_BYTES, MOST_ROWS

_I64 = ir.IntType(64)


@cache
def _record_of(dtype: np.dtype[Any]) -> Any:
    from seawall.engine.row_type import RowType

    return RowType(dtype)


def _load(builder: Any, base: Any, offset: int, limit: int) -> Any:
    """An offset or a capacity out of the control row; neither changes while a kernel runs.

    It is from 0 to below ``limit``: of an index that is checked once, no other form is.
    """
    address = builder.add(base, ir.Constant(_I64, offset))
    load = builder.load(builder.inttoptr(address, _I64.as_pointer()))
    module = builder.module
    load.set_metadata("invariant.load", module.add_metadata([]))
    bounds = [ir.Constant(_I64, each) for each in (0, limit)]
    load.set_metadata("range", module.add_metadata(bounds))
    return load


def control_accessor(dtype: np.dtype[Any]) -> Any:
    @intrinsic
    def control(types: Any, s: Any) -> Any:
        record = _record_of(dtype)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(record))

        return record(types.int64), generate

    return control


def table_accessors(name: str, dtype: np.dtype[Any], control: np.dtype[Any]) -> tuple[Any, Any]:
    assert control.fields is not None
    offset = control.fields[f"{name}_offset"][1]
    capacity = control.fields[f"{name}_capacity"][1]

    def address_of(builder: Any, base: Any, index: Any) -> Any:
        start = builder.add(base, _load(builder, base, offset, MOST_BYTES))
        return builder.add(start, builder.mul(index, ir.Constant(_I64, dtype.itemsize)))

    @intrinsic
    def row_at(types: Any, s: Any, index: Any) -> Any:
        record = _record_of(dtype)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            position = context.cast(builder, arguments[1], signature.args[1], types.int64)
            limit = _load(builder, arguments[0], capacity, MOST_ROWS)
            outside = builder.icmp_unsigned(">=", position, limit)
            with builder.if_then(outside, likely=False):
                context.call_conv.return_user_exc(builder, IndexError, (name,))
            pointer = address_of(builder, arguments[0], position)
            return builder.inttoptr(pointer, context.get_value_type(record))

        return record(types.int64, index), generate

    @intrinsic
    def prefetch_row(types: Any, s: Any, index: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            position = context.cast(builder, arguments[1], signature.args[1], types.int64)
            pointer = builder.inttoptr(
                address_of(builder, arguments[0], position), ir.IntType(8).as_pointer()
            )
            i32 = ir.IntType(32)
            kind = ir.FunctionType(ir.VoidType(), [pointer.type, i32, i32, i32])
            function = builder.module.declare_intrinsic("llvm.prefetch.p0", (), kind)
            write, keep, data = ir.Constant(i32, 1), ir.Constant(i32, 3), ir.Constant(i32, 1)
            builder.call(function, [pointer, write, keep, data])
            return context.get_dummy_value()

        return types.void(types.int64, index), generate

    return row_at, prefetch_row


def batch_accessor(dtype: np.dtype[Any]) -> Any:
    @intrinsic
    def batch_at(types: Any, batch: Any, index: Any) -> Any:
        record = _record_of(dtype)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            position = context.cast(builder, arguments[1], signature.args[1], types.int64)
            offset = builder.mul(position, ir.Constant(_I64, dtype.itemsize))
            pointer = builder.add(arguments[0], offset)
            return builder.inttoptr(pointer, context.get_value_type(record))

        return record(types.int64, index), generate

    return batch_at
