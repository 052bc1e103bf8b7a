"""The compiled half of ``rows``: intrinsics that turn (base address, index) into a row pointer.

Every row is reached through an address, so the optimiser would have to assume that a write to one
field may change any other, and read everything anew after each write. It may assume what the tables
guarantee: a field of one table shares no memory with any other field or table, and offsets and
capacities of tables never change while a kernel runs
(``docs/decisions/0011-what-the-optimiser-may-assume.md``).
"""

import hashlib
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel.models import RecordModel
from numba.core.imputils import lower_getattr_generic, lower_setattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import intrinsic, register_model
from numba.np.arrayobj import record_getattr, record_setattr

_I64 = ir.IntType(64)


class RowType(types.Record):  # type: ignore[misc]
    """A row of ``dtype``. Its short name keeps the symbols of kernels short."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        record = numba.from_dtype(dtype)
        fields = [(name, field._asdict()) for name, field in record.fields.items()]
        super().__init__(fields, record.size, record.aligned)
        self.name = f"Row({hashlib.sha256(repr(dtype.descr).encode()).hexdigest()[:12]})"


register_model(RowType)(RecordModel)


def _own_memory(builder: Any, row: RowType, field: str) -> Any:
    """Metadata: this access touches only ``field`` of rows of this type."""
    module = builder.module
    root = module.add_metadata([ir.MetaDataString(module, "seawall rows")])
    name = ir.MetaDataString(module, f"{row.name}.{field}")
    kind = module.add_metadata([name, root, ir.Constant(_I64, 0)])
    return module.add_metadata([kind, kind, ir.Constant(_I64, 0)])


def _field(context: Any, builder: Any, row: RowType, value: Any, field: str) -> Any:
    kind = context.get_data_type(row.typeof(field))
    return cgutils.get_record_member(builder, value, row.offset(field), kind)


@infer_getattr
class _FieldsOfRows(AttributeTemplate):  # type: ignore[misc]
    """Integers of a row are read as 64 bits: so a kernel has one form whatever it is given."""

    key = RowType

    def generic_resolve(self, row: RowType, field: str) -> Any:
        kind = row.typeof(field)
        return types.int64 if isinstance(kind, types.Integer) else kind


@lower_getattr_generic(RowType)
def _read_field(context: Any, builder: Any, row: RowType, value: Any, field: str) -> Any:
    kind = row.typeof(field)
    if not isinstance(kind, types.Integer):
        return record_getattr(context, builder, row, value, field)
    load = builder.load(_field(context, builder, row, value, field))
    load.set_metadata("tbaa", _own_memory(builder, row, field))
    return context.cast(builder, load, kind, types.int64)


@lower_setattr_generic(RowType)
def _write_field(context: Any, builder: Any, signature: Any, arguments: Any, field: str) -> Any:
    row, given = signature.args
    kind = row.typeof(field)
    if not isinstance(kind, types.Integer):
        return record_setattr(context, builder, signature, arguments, field)
    value = context.cast(builder, arguments[1], given, kind)
    store = builder.store(value, _field(context, builder, row, arguments[0], field))
    store.set_metadata("tbaa", _own_memory(builder, row, field))
    return None


def _load(builder: Any, base: Any, offset: int) -> Any:
    """An offset or a capacity out of the control row."""
    address = builder.add(base, ir.Constant(_I64, offset))
    load = builder.load(builder.inttoptr(address, _I64.as_pointer()))
    load.set_metadata("invariant.load", builder.module.add_metadata([]))
    return load


def control_accessor(dtype: np.dtype[Any]) -> Any:
    record = RowType(dtype)

    @intrinsic
    def control(typing_context: Any, s: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(record))

        return record(types.int64), generate

    return control


def table_accessors(name: str, dtype: np.dtype[Any], control: np.dtype[Any]) -> tuple[Any, Any]:
    record = RowType(dtype)
    assert control.fields is not None
    offset = control.fields[f"{name}_offset"][1]
    capacity = control.fields[f"{name}_capacity"][1]

    def address_of(builder: Any, base: Any, index: Any) -> Any:
        start = builder.add(base, _load(builder, base, offset))
        return builder.add(start, builder.mul(index, ir.Constant(_I64, dtype.itemsize)))

    @intrinsic
    def row_at(typing_context: Any, s: Any, index: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            position = context.cast(builder, arguments[1], signature.args[1], types.int64)
            limit = _load(builder, arguments[0], capacity)
            outside = builder.icmp_unsigned(">=", position, limit)
            with builder.if_then(outside, likely=False):
                context.call_conv.return_user_exc(builder, IndexError, (name,))
            pointer = address_of(builder, arguments[0], position)
            return builder.inttoptr(pointer, context.get_value_type(record))

        return record(types.int64, index), generate

    @intrinsic
    def prefetch_row(typing_context: Any, s: Any, index: Any) -> Any:
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
    record = RowType(dtype)

    @intrinsic
    def batch_at(typing_context: Any, batch: Any, index: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            position = context.cast(builder, arguments[1], signature.args[1], types.int64)
            offset = builder.mul(position, ir.Constant(_I64, dtype.itemsize))
            pointer = builder.add(arguments[0], offset)
            return builder.inttoptr(pointer, context.get_value_type(record))

        return record(types.int64, index), generate

    return batch_at
