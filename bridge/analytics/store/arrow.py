"""Hands columns to DuckDB in Arrow's form, without a library: the C data interface is two structs.

DuckDB's appender converts each value by itself. pyarrow, which has the same as this, takes 150 MB of disk. The form:
https://arrow.apache.org/docs/format/CDataInterface.html and CDataInterface/PyCapsuleInterface.html there.
"""

import ctypes
import struct
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate, repeat
from operator import is_not
from typing import Any, Final

_FORMS: Final = {
    "INTEGER": (b"i", "i"),
    "NUMBER": (b"i", "i"),
    "BIGINT": (b"l", "q"),
    "USMALLINT": (b"S", "H"),
    "TIMESTAMP": (b"tsu:", "q"),
    "BOOLEAN": (b"b", ""),
    "UUID": (b"w:16", ""),
    "VARCHAR": (b"u", ""),
}
"""DuckDB's type to Arrow's format, and to Python's type of an array where there is one."""


def _metadata(key: bytes, value: bytes) -> bytes:
    return struct.pack(f"=ii{len(key)}si{len(value)}s", 1, len(key), key, len(value), value)


_IS_UUID: Final = _metadata(b"ARROW:extension:name", b"arrow.uuid")
# Two values of a byte to two digits.
_DIGITS: Final = bytes.maketrans(b"\0\1", b"01")


_NULLABLE: Final = 2
# Of the bytes of one value.
_WIDEST: Final = 16
# Texts have offsets, too.
_BUFFERS: Final = {"VARCHAR": 3}


class _Schema(ctypes.Structure):
    pass


class _Array(ctypes.Structure):
    pass


_RELEASE_SCHEMA = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Schema))
_RELEASE_ARRAY = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Array))
_Schema._fields_ = [
    ("format", ctypes.c_char_p),
    ("name", ctypes.c_char_p),
    ("metadata", ctypes.c_char_p),
    ("flags", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("children", ctypes.POINTER(ctypes.POINTER(_Schema))),
    ("dictionary", ctypes.POINTER(_Schema)),
    ("release", _RELEASE_SCHEMA),
    ("private_data", ctypes.c_void_p),
]
_Array._fields_ = [
    ("length", ctypes.c_int64),
    ("null_count", ctypes.c_int64),
    ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(_Array))),
    ("dictionary", ctypes.POINTER(_Array)),
    ("release", _RELEASE_ARRAY),
    ("private_data", ctypes.c_void_p),
]


# Whoever reads the structs calls these when it is done. The memory is Python's, so they only say so.
def _schema_released(schema: Any) -> None:
    schema.contents.release = _RELEASE_SCHEMA()


def _array_released(one: Any) -> None:
    one.contents.release = _RELEASE_ARRAY()


_release_schema: Final = _RELEASE_SCHEMA(_schema_released)
_release_array: Final = _RELEASE_ARRAY(_array_released)


_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.restype = ctypes.py_object
_new_capsule.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)


class Columns:
    """Columns of one length, for `connection.register`; it must live until the statement that reads it is done."""

    def __init__(self, types: Mapping[str, str], columns: Mapping[str, Sequence[Any]], length: int) -> None:
        """`types` are DuckDB's, by name, and NUMBER: an INTEGER that is NULL where 0 stands.

        Other values are None, or a number, a bool, microseconds since the epoch, a text or its bytes, a UUID as text.
        A column that is missing is NULL.
        """
        self._kept: list[Any] = []
        schemas, arrays = [], []
        nothing = self._keep(bytes(_WIDEST * (length + 1)))
        for name, kind in types.items():
            values = columns.get(name, ())
            empty = values.count(0 if kind == "NUMBER" else None) if values else length
            buffers: list[int | None] = [nothing] * _BUFFERS.get(kind, 2)
            if empty < length:
                buffers = self._buffers(kind, values, empty)
            schemas.append(self._new_schema(name, kind))
            arrays.append(self._new_array(length, empty, buffers, []))
        self._schema = self._new_struct(schemas)
        self._array = self._new_array(length, 0, [None], arrays)

    def __arrow_c_array__(self, _requested: object = None) -> tuple[object, object]:
        """Return the two capsules of Arrow's PyCapsule interface; DuckDB asks when it is told and when it reads."""
        # Whoever is given them marks them as released, and two threads of DuckDB may ask at a time.
        schema = _Schema.from_buffer_copy(self._schema)
        held = _Array.from_buffer_copy(self._array)
        self._kept += (schema, held)
        return (
            _new_capsule(ctypes.addressof(schema), b"arrow_schema", None),
            _new_capsule(ctypes.addressof(held), b"arrow_array", None),
        )

    def _buffers(self, kind: str, values: Sequence[Any], empty: int) -> list[int | None]:
        """Return the addresses of a column's buffers: which values are there, and the values."""
        there = None
        if empty:
            present = map(bool, values) if kind == "NUMBER" else map(is_not, values, repeat(None))
            there = self._keep(_bits(bytes(present)))
        code = _FORMS[kind][1]
        if code:
            if empty and kind != "NUMBER":
                values = [0 if value is None else value for value in values]
            return [there, self._keep_array(array(code, values))]
        match kind:
            case "BOOLEAN":
                return [there, self._keep(_bits(bytes(map(bool, values))))]
            case "UUID":
                return [there, self._keep(bytes.fromhex("".join(values).replace("-", "")))]
            case _:
                return [there, *self._texts(values)]

    def _texts(self, values: Sequence[Any]) -> tuple[int, int]:
        """Return where the offsets and the bytes of these texts are."""
        texts = [value for value in values if value is not None]
        data = b"".join(texts) if type(texts[0]) is bytes else "".join(texts).encode()
        lengths = [0 if value is None else len(value) for value in values]
        if sum(lengths) < len(data):
            # Not all of them are ASCII: it is their bytes that count.
            lengths = [0 if value is None else len(value.encode()) for value in values]
        offsets = array("i", accumulate(lengths, initial=0))
        return self._keep_array(offsets), self._keep(data)

    def _keep_array(self, numbers: "array[int]") -> int:
        self._kept.append(numbers)
        return numbers.buffer_info()[0]

    def _keep(self, data: bytes) -> int:
        """Keep bytes alive, and return where they are."""
        pointer = ctypes.c_char_p(data)
        self._kept.append(data)
        return ctypes.cast(pointer, ctypes.c_void_p).value or 0

    def _new_schema(self, name: str, kind: str) -> _Schema:
        written = name.encode()
        self._kept.append(written)
        metadata = _IS_UUID if kind == "UUID" else None
        return _Schema(_FORMS[kind][0], written, metadata, _NULLABLE, 0, None, None, _release_schema, None)

    def _new_struct(self, children: list[_Schema]) -> _Schema:
        pointers = (ctypes.POINTER(_Schema) * len(children))(*map(ctypes.pointer, children))
        self._kept.append(pointers)
        return _Schema(b"+s", b"", None, 0, len(children), pointers, None, _release_schema, None)

    def _new_array(
        self, length: int, empty: int, buffers: Sequence[int | None], children: list[_Array]
    ) -> _Array:
        addresses = (ctypes.c_void_p * len(buffers))(*buffers)
        pointers = (ctypes.POINTER(_Array) * len(children))(*map(ctypes.pointer, children))
        self._kept += (addresses, pointers)
        return _Array(
            length, empty, 0, len(buffers), len(children), addresses, pointers, None, _release_array, None
        )


class Offer:
    """For `connection.register`, too: ever new columns of the same names and types."""

    def __init__(self, types: Mapping[str, str]) -> None:
        self._types = types
        self._none = self._columns = Columns(types, {}, 0)

    @contextmanager
    def of(self, columns: Mapping[str, Sequence[Any]], length: int) -> Iterator[None]:
        """Offer these while the block runs."""
        self._columns = Columns(self._types, columns, length)
        try:
            yield
        finally:
            self._columns = self._none

    def __arrow_c_array__(self, requested: object = None) -> tuple[object, object]:
        """Return what is offered."""
        return self._columns.__arrow_c_array__(requested)


def _bits(flags: bytes) -> bytes:
    """Return these bytes, each 0 or 1, as bits, the first one lowest."""
    return int(flags[::-1].translate(_DIGITS), 2).to_bytes((len(flags) + 7) // 8, "little")
