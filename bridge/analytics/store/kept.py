"""What people keep in the store: annotations in time, and views under names."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol
from uuid import uuid4

import duckdb
import msgspec

MOST_ANNOTATIONS: Final = 10_000
MOST_VIEWS: Final = 1_000
_SECONDS: Final = 10.0

_Work = Callable[[], bool]


class _Asks(Protocol):
    async def __call__(self, sql: str, values: Sequence[object], seconds: float) -> list[tuple[Any, ...]]: ...


class KeptByPeople:
    """Annotations and views; the store's writer writes them."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        write: Callable[[_Work], Awaitable[bool]],
        ask: _Asks,
    ) -> None:
        """`write` runs work on the writer's thread, `ask` a SELECT on a reader's."""
        self._connection = connection
        self._write = write
        self._ask = ask

    async def annotations(self, start: int, end: int) -> list[tuple[str, int, str]]:
        """Return the annotations from `start` to before `end`, in microseconds: id, time, text, by time."""
        return await self._ask(
            "SELECT id::VARCHAR, epoch_us(time), text FROM annotations "
            "WHERE time >= make_timestamp(?) AND time < make_timestamp(?) ORDER BY time, id",
            (start, end),
            _SECONDS,
        )

    async def annotate(self, time: int, text: str) -> str | None:
        """Keep a text at a time, in microseconds; returns its id, None when there are too many."""
        number = str(uuid4())
        kept = await self._write(
            lambda: self._insert(
                "annotations", "SELECT ?::UUID, make_timestamp(?), ?", (number, time, text), MOST_ANNOTATIONS
            )
        )
        return number if kept else None

    async def remove_annotation(self, number: str) -> bool:
        """Delete an annotation; returns whether there was one."""
        return await self._write(lambda: self._delete("annotations", "id = ?::UUID", number))

    async def views(self) -> list[tuple[str, dict[str, Any]]]:
        """Return name and body of each view, by name."""
        rows = await self._ask("SELECT name, body FROM views ORDER BY name", (), _SECONDS)
        return [(name, msgspec.json.decode(body)) for name, body in rows]

    async def keep_view(self, name: str, body: dict[str, Any]) -> bool:
        """Keep a view, in place of the one of this name; returns False when there are too many."""
        text = msgspec.json.encode(body).decode()

        def keep() -> bool:
            self._connection.begin()
            try:
                self._connection.execute("DELETE FROM views WHERE name = ?", [name])
                kept = self._insert("views", "SELECT ?, ?", (name, text), MOST_VIEWS)
                self._connection.commit()
            except BaseException:
                self._connection.rollback()
                raise
            return kept

        return await self._write(keep)

    async def remove_view(self, name: str) -> bool:
        """Delete a view; returns whether there was one."""
        return await self._write(lambda: self._delete("views", "name = ?", name))

    def _insert(self, table: str, row: str, values: Sequence[object], most: int) -> bool:
        written = self._connection.execute(
            f"INSERT INTO {table} {row} WHERE (SELECT count(*) FROM {table}) < {most}",  # noqa: S608 - our own names
            [*values],
        ).fetchone()
        return written is not None and written[0] > 0

    def _delete(self, table: str, condition: str, value: str) -> bool:
        gone = self._connection.execute(f"DELETE FROM {table} WHERE {condition}", [value]).fetchone()  # noqa: S608 - our own names
        return gone is not None and gone[0] > 0
