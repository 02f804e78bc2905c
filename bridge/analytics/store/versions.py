"""Brings a store of an older version up to this one."""

from collections.abc import Callable, Mapping
from typing import Final

import duckdb

from bridge.analytics.store.columns import DETAILS, MARK
from bridge.analytics.store.cubes import CUBES, table_of

VERSION: Final = 3


def table(name: str, columns: Mapping[str, str]) -> str:
    """Return the statement that makes a table; `columns` are DuckDB's types by name."""
    written = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
    return f"CREATE TABLE {name} ({written})"


ROLLUP: Final = (
    "CREATE TABLE rolled (length BIGINT, start BIGINT, until BIGINT)",
    *(table(cube.table, table_of(cube)) for cube in CUBES),
)
GONE: Final = "CREATE TABLE gone (id UUID, received TIMESTAMP)"
BOARDS: Final = "CREATE TABLE boards (id VARCHAR, version INTEGER, body VARCHAR)"
_TOO_OLD: Final = "INSERT INTO meta VALUES ('too_old', 0)"
_ERASED: Final = "INSERT INTO meta VALUES ('erased', 0), ('records', 0)"


def bring_up(connection: duckdb.DuckDBPyConnection, version: int) -> None:
    """Make a file of this version of one of an older version, all or nothing."""
    connection.begin()
    try:
        for older in range(version, VERSION):
            _CHANGES[older](connection)
        connection.execute("UPDATE meta SET value = ? WHERE key = 'schema'", [VERSION])
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


def _from_1(connection: duckdb.DuckDBPyConnection) -> None:
    """Version 1 had no rollup, forgot what was gone, and said the shape of an event in words, within its rest.

    Its views were addresses of a page that reads boards now, and go.
    """
    for statement in (*ROLLUP, GONE, BOARDS, _TOO_OLD, "DROP TABLE views"):
        connection.execute(statement)
    connection.execute("CREATE TEMP TABLE marks (number INTEGER, shape INTEGER)")
    words = connection.execute("SELECT id, value FROM names WHERE field = 'shape'").fetchall()
    if words:
        connection.executemany(
            "INSERT INTO marks VALUES (?, ?)", [(number, _marks(said.split(","))) for number, said in words]
        )
    connection.execute("ALTER TABLE details RENAME TO details_1")
    connection.execute(table("details", DETAILS))
    connection.execute(
        "INSERT INTO details (id, time, correlation_id, shape, rest) SELECT d.id, d.time, d.correlation_id, m.shape,"
        """ nullif(regexp_replace(d.rest, ',?"=":[0-9]+\\}$', '}'), '{}') FROM details_1 d"""
        """ JOIN marks m ON m.number = regexp_extract(d.rest, '"=":([0-9]+)\\}$', 1)::INTEGER"""
    )
    connection.execute("DROP TABLE details_1")
    connection.execute("DROP TABLE marks")
    connection.execute("DELETE FROM names WHERE field = 'shape'")


def _marks(members: list[str]) -> int:
    """Return the marks of an event of which the columns give back these members."""
    marks = {one for one in members if one in MARK}
    # What is not given back by them is not in the event, or in its rest.
    marks |= {mark for mark in MARK if mark.startswith("no ") and mark[3:] not in members}
    return sum(MARK[mark] for mark in marks)


def _from_2(connection: duckdb.DuckDBPyConnection) -> None:
    """Version 2 erased nothing but persons, and forgot whom."""
    connection.execute(_ERASED)


_CHANGES: Final[Mapping[int, Callable[[duckdb.DuckDBPyConnection], None]]] = {1: _from_1, 2: _from_2}
"""What makes the next version of a version. When a cube changes, its table is made anew, and rolled up again."""
