"""Columns in Arrow's form, as DuckDB reads them."""

import ctypes
from contextlib import closing
from typing import Any
from uuid import UUID

import duckdb

from bridge.analytics.store.arrow import Columns, Offer

TYPES = {
    "id": "UUID",
    "count": "INTEGER",
    "number": "NUMBER",
    "text": "VARCHAR",
    "is_it": "BOOLEAN",
    "none": "BIGINT",
}


def test_every_type_and_nothing() -> None:
    """Values come as they are, NULL where there is none, and a column that is missing is NULL."""
    columns: dict[str, list[Any]] = {
        "id": [str(UUID(int=1)), str(UUID(int=2))],
        "count": [7, None],
        "number": [0, 3],
        "text": [None, "zoë"],
        "is_it": [True, None],
    }
    with closing(duckdb.connect()) as connection:
        connection.register("given", Columns(TYPES, columns, 2))
        rows = connection.execute("SELECT * FROM given ORDER BY id").fetchall()
    assert rows == [
        (UUID(int=1), 7, None, None, True, None),
        (UUID(int=2), None, 3, "zoë", None, None),
    ]


def test_two_may_read_them_at_a_time() -> None:
    """Who takes the columns over takes them from nobody else: DuckDB's threads ask for them at the same time."""
    address = ctypes.pythonapi.PyCapsule_GetPointer
    address.restype, address.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    columns = Columns({"count": "INTEGER"}, {"count": [1]}, 1)
    first, second = columns.__arrow_c_array__(), columns.__arrow_c_array__()
    for name, one, other in zip((b"arrow_schema", b"arrow_array"), first, second, strict=True):
        assert address(one, name) != address(other, name)


def test_what_is_offered_changes_under_its_name() -> None:
    """One name that is registered once shows other columns each time, and no rows in between."""
    with closing(duckdb.connect()) as connection:
        offer = Offer({"count": "INTEGER"})
        connection.register("offered", offer)
        connection.execute("PREPARE total AS SELECT count(*), sum(count) FROM offered")
        found = []
        for some in ([1, 2], [5, 6, None]):
            with offer.of({"count": some}, len(some)):
                found += connection.execute("EXECUTE total").fetchall()
        found += connection.execute("EXECUTE total").fetchall()
    assert found == [(2, 3), (3, 11), (0, None)]
