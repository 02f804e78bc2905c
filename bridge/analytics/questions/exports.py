"""Rows as files: CSV, newline-delimited JSON, Parquet."""

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import duckdb
import msgspec

FORMATS: Final = {
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
"""Each format's media type."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_MEMORY: Final = "64MiB"
_CHUNK: Final = 256 * 2**10

FileRow = Mapping[str, Any]
FileColumns = Mapping[str, str]
"""Name of each column to its type in DuckDB, in their order."""


def csv_bytes(rows: Iterable[FileRow], columns: FileColumns, *, head: bool) -> bytes:
    """Return rows as CSV (RFC 4180); a text that a spreadsheet would run as a formula is quoted with `'`."""
    written = io.StringIO()
    writer = csv.writer(written)
    if head:
        writer.writerow(columns)
    writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)
    return written.getvalue().encode()


def _cell(value: Any) -> Any:
    match value:
        case str():
            return f"'{value}" if value.startswith(_FORMULA) else value
        case bool():
            return str(value).lower()
        case dict() | list():
            return msgspec.json.encode(value).decode()
        case _:
            return value


def ndjson_bytes(rows: Iterable[FileRow], columns: FileColumns) -> bytes:
    """Return rows as newline-delimited JSON, each with all columns."""
    lines = [msgspec.json.encode({name: row.get(name) for name in columns}) + b"\n" for row in rows]
    return b"".join(lines)


class ParquetFile:
    """Rows as one Parquet file, on disk.

    Its directory stands at its end, so nothing of it can be sent before the last row. An engine of its own writes it,
    because the store's may write nowhere but to its own file.
    """

    def __init__(self, columns: FileColumns) -> None:
        self._columns = columns
        self._folder = tempfile.TemporaryDirectory(prefix="apim-bridge-")
        self._lines = Path(self._folder.name, "rows.ndjson")
        self._target = Path(self._folder.name, "rows.parquet")
        self._rows = self._lines.open("wb")

    def write(self, rows: Iterable[FileRow]) -> None:
        """Add rows."""
        self._rows.write(ndjson_bytes(map(_flat, rows), self._columns))

    def chunks(self) -> Iterator[bytes]:
        """Yield the file."""
        self._rows.close()
        types = ", ".join(f"'{name}': '{kind}'" for name, kind in self._columns.items())
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": _MEMORY,
            "threads": 1,
            "temp_directory": self._folder.name,
        }
        with duckdb.connect(config=config) as connection:
            connection.execute(
                f"COPY (SELECT * FROM read_json('{self._lines}', format = 'newline_delimited', "
                f"columns = {{{types}}})) TO '{self._target}' (FORMAT parquet)"
            )
        with self._target.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk

    def close(self) -> None:
        """Remove it."""
        self._rows.close()
        self._folder.cleanup()


def _flat(row: FileRow) -> FileRow:
    # A histogram is a column of JSON.
    return {name: _cell(value) if isinstance(value, dict | list) else value for name, value in row.items()}
