"""The type of a row to the compiler: what it may assume of memory that is reached by address.

It would have to assume that a write to one field may change any other, and read everything anew
after each write. It may assume what the tables guarantee: a field of one table shares no memory
with any other field or table (``docs/decisions/0011-what-the-optimiser-may-assume.md``). Imported
only to compile.
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
from numba.extending import register_model
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


@lower_getattr_generic(RowType)  # type: ignore[untyped-decorator]
def _read_field(context: Any, builder: Any, row: RowType, value: Any, field: str) -> Any:
    kind = row.typeof(field)
    if not isinstance(kind, types.Integer):
        return record_getattr(context, builder, row, value, field)
    load = builder.load(_field(context, builder, row, value, field))
    load.set_metadata("tbaa", _own_memory(builder, row, field))
    return context.cast(builder, load, kind, types.int64)


@lower_setattr_generic(RowType)  # type: ignore[untyped-decorator]
def _write_field(context: Any, builder: Any, signature: Any, arguments: Any, field: str) -> Any:
    row, given = signature.args
    kind = row.typeof(field)
    if not isinstance(kind, types.Integer):
        return record_setattr(context, builder, signature, arguments, field)
    value = context.cast(builder, arguments[1], given, kind)
    store = builder.store(value, _field(context, builder, row, arguments[0], field))
    store.set_metadata("tbaa", _own_memory(builder, row, field))
    return None
