"""The writer's connection to DuckDB's file, of which a copy may take the place while the process runs."""

from typing import Any

import duckdb


class FactsConnection:
    """One connection, for all that are on the writer's thread; `exchange` gives it another file."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def execute(self, sql: str, values: object = None) -> duckdb.DuckDBPyConnection:
        """Run one statement."""
        return self._connection.execute(sql, values)

    def executemany(self, sql: str, values: object) -> duckdb.DuckDBPyConnection:
        """Run one statement with each of these values."""
        return self._connection.executemany(sql, values)

    def begin(self) -> None:
        """Begin a transaction."""
        self._connection.begin()

    def commit(self) -> None:
        """Commit it."""
        self._connection.commit()

    def rollback(self) -> None:
        """Let go of it."""
        self._connection.rollback()

    def register(self, name: str, rows: object) -> None:
        """Let statements read these rows under a name."""
        self._connection.register(name, rows)

    def unregister(self, name: str) -> None:
        """Let them go."""
        self._connection.unregister(name)

    def appender(self, table: str) -> Any:
        """Return what appends rows to a table."""
        return self._connection.appender(table)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return another connection to the same file, as it is now."""
        return self._connection.cursor()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def exchange(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Go on with another connection; the one before is closed."""
        self._connection = connection
