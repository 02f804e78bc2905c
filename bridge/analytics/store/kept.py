"""What people keep in the store: annotations in time, and boards."""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Final, Protocol, TypeVar
from uuid import uuid4

import msgspec

from bridge.analytics.store.facts import FactsConnection

MOST_ANNOTATIONS: Final = 10_000
MOST_BOARDS: Final = 500
_SECONDS: Final = 10.0
_T = TypeVar("_T")


class _Writes(Protocol):
    async def __call__(self, work: Callable[[], _T], /) -> _T: ...


class _Asks(Protocol):
    async def __call__(self, sql: str, values: Sequence[object], seconds: float) -> list[tuple[Any, ...]]: ...


class NotKept(Enum):
    """Why a board was not kept."""

    CHANGED = "changed"
    """It is not the version any more that was to be replaced."""
    FULL = "full"
    """There are as many as there may be."""


class KeptByPeople:
    """Annotations and boards; the store's writer writes them."""

    def __init__(
        self,
        connection: FactsConnection,
        write: _Writes,
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

    async def reword_annotation(self, number: str, text: str) -> None:
        """Keep another text at the same time."""
        await self._write(
            lambda: self._connection.execute(
                "UPDATE annotations SET text = ? WHERE id = ?::UUID", [text, number]
            )
        )

    async def remove_annotation(self, number: str) -> bool:
        """Delete an annotation; returns whether there was one."""
        return await self._write(lambda: self._delete("annotations", "id = ?::UUID", number))

    async def boards(self) -> list[tuple[str, dict[str, Any]]]:
        """Return id and content of each board."""
        rows = await self._ask("SELECT id, body FROM boards ORDER BY id", (), _SECONDS)
        return [(name, msgspec.json.decode(body)) for name, body in rows]

    async def board(self, name: str) -> tuple[int, dict[str, Any]] | None:
        """Return version and content of a board, None if there is none with this id."""
        rows = await self._ask("SELECT version, body FROM boards WHERE id = ?", (name,), _SECONDS)
        return (rows[0][0], msgspec.json.decode(rows[0][1])) if rows else None

    async def keep_board(self, name: str, body: dict[str, Any], over: int | None) -> int | NotKept:
        """Keep a board under its id, in place of the version `over`; returns its new version.

        `over` is 0 where there must be none yet, and None where any may be replaced.
        """
        text = msgspec.json.encode(body).decode()

        def keep() -> int | NotKept:
            execute = self._connection.execute
            found = execute("SELECT version FROM boards WHERE id = ?", [name]).fetchone()
            now = found[0] if found else 0
            if over is not None and over != now:
                return NotKept.CHANGED
            if found:
                execute("UPDATE boards SET version = ?, body = ? WHERE id = ?", [now + 1, text, name])
                return int(now) + 1
            return 1 if self._insert("boards", "SELECT ?, 1, ?", (name, text), MOST_BOARDS) else NotKept.FULL

        return await self._write(keep)

    async def remove_board(self, name: str) -> bool:
        """Delete a board; returns whether there was one."""
        return await self._write(lambda: self._delete("boards", "id = ?", name))

    def _insert(self, table: str, row: str, values: Sequence[object], most: int) -> bool:
        written = self._connection.execute(
            f"INSERT INTO {table} {row} WHERE (SELECT count(*) FROM {table}) < {most}",  # noqa: S608 - our own names
            [*values],
        ).fetchone()
        return written is not None and written[0] > 0

    def _delete(self, table: str, condition: str, value: str) -> bool:
        gone = self._connection.execute(f"DELETE FROM {table} WHERE {condition}", [value]).fetchone()  # noqa: S608 - our own names
        return gone is not None and gone[0] > 0
