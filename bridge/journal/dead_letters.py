"""Dead letters: what a sink refused for good, kept with the reason until an operator replays or purges it.

Events that wait because their tenant's key is refused are kept here, too, as parked: they have a tenant, and the
lane itself sends them when the key works.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.journal.reader import Reader
from bridge.journal.writer import Transaction, Writer

PARKED: Final = "parked"
"""The reason of the letters that have a tenant, and of no others."""

_ANSWER_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class Letter:
    """An event on its way into the dead-letter table."""

    event_id: str
    event: bytes
    received_ms: int
    reason: str
    status: int | None
    answer: str
    tenant: str | None = None
    """Whose key is refused; None: not parked."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event in the dead-letter table."""

    number: int
    sink: str
    event_id: str
    event: bytes
    received_ms: int
    failed_ms: int
    reason: str
    status: int | None
    answer: str
    attempts: int
    """How often it was refused again, after a replay or a rewind."""
    tenant: str | None
    """Whose key is refused; None: not parked."""


@dataclass(frozen=True, slots=True)
class Parked:
    """The parked events of one tenant."""

    tenant: str
    events: int
    received_ms: int
    """When the first of them came in."""
    why: str
    """What the destination said of the newest of them, with the cure."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters a command is about; None or empty: any."""

    sink: str | None = None
    reason: str | None = None
    since_ms: int | None = None
    numbers: Sequence[int] = ()
    tenant: str | None = None

    def where(self) -> tuple[str, list[object]]:
        """Return it as an SQL condition with its parameters."""
        terms: list[str] = ["1"]
        values: list[object] = []
        for term, value in (
            ("sink = ?", self.sink),
            ("reason = ?", self.reason),
            ("failed_ms >= ?", self.since_ms),
            ("tenant = ?", self.tenant),
        ):
            if value is not None:
                terms.append(term)
                values.append(value)
        if self.numbers:
            terms.append(f"number IN ({','.join('?' * len(self.numbers))})")
            values.extend(self.numbers)
        return " AND ".join(terms), values


class DeadLetters:
    """The dead-letter table."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._reader = reader
        self._writer = writer

    async def select(self, selection: Selection, *, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """Return the next letters of a selection, after number `after`, in the order of their numbers."""
        return await self._reader.ask(
            lambda connection: _select(connection, selection, after=after, limit=limit)
        )

    async def count(self, selection: Selection) -> int:
        """Return how many letters a selection has."""
        return await self._reader.ask(lambda connection: _count(connection, selection))

    async def parked(self, sink: str) -> list[Parked]:
        """Return a sink's parked events by tenant."""
        return await self._reader.ask(lambda connection: _parked(connection, sink))

    async def purge(self, selection: Selection) -> int:
        """Delete the letters of a selection for good; returns how many."""

        def work(transaction: Transaction) -> int:
            letters = _select(transaction.connection, selection)
            for letter in letters:
                transaction.count("dead_letters_purged", letter.sink, 1)
            return _delete(transaction, [letter.number for letter in letters])

        purged = 0
        while deleted := await self._writer.do(work):
            purged += deleted
        return purged


def insert(
    transaction: Transaction, sink: str, letters: Iterable[Letter], now_ms: int, held_from: int | None
) -> None:
    """Keep these letters, in the transaction that moves the sink's cursor past them.

    An event that was refused again after a rewind takes the place of its own letter. `held_from` is the first block
    that the letters may come from: while one of them is parked, no position of that block or a later one is settled.
    """
    for letter in letters:
        if (kept := _number_of(transaction, sink, letter.event_id)) is not None:
            _replace(transaction, sink, kept, letter, now_ms, held_from)
            transaction.count("events_dead_again", sink, 1, letter.reason)
            continue
        transaction.connection.execute(
            "INSERT INTO dead (sink, event_id, event, received_ms, failed_ms, reason, status, answer, tenant,"
            " held_from) VALUES (?,?,?,?,?,?,?,?,?,?)",
            (
                sink,
                letter.event_id,
                letter.event,
                letter.received_ms,
                now_ms,
                letter.reason,
                letter.status,
                letter.answer[:_ANSWER_CHARACTERS],
                letter.tenant,
                None if letter.tenant is None else held_from,
            ),
        )
        transaction.count("events_dead", sink, 1, letter.reason)
        transaction.keep(sink, letter.tenant, 1)
        transaction.dead_bytes += len(letter.event)


def after_replay(
    transaction: Transaction,
    sink: str,
    replayed: Iterable[int],
    refused: Iterable[tuple[int, Letter]],
    now_ms: int,
) -> None:
    """Remove the letters that were replayed, and give those that were refused again their new reason."""
    transaction.count("dead_letters_replayed", sink, _delete(transaction, replayed))
    for number, letter in refused:
        _replace(transaction, sink, number, letter, now_ms, None)


def _number_of(transaction: Transaction, sink: str, event_id: str) -> int | None:
    """Return the number of an event's letter: of the newest, if an earlier build kept several."""
    number: int | None = transaction.connection.execute(
        "SELECT max(number) FROM dead INDEXED BY dead_events WHERE sink = ? AND event_id = ?",
        (sink, event_id),
    ).fetchone()[0]
    return number


def _replace(
    transaction: Transaction, sink: str, number: int, letter: Letter, now_ms: int, held_from: int | None
) -> None:
    """Write into a letter what happened to its event now; a letter that was purged meanwhile does not come back."""
    before = transaction.connection.execute(
        "SELECT tenant, length(event) FROM dead WHERE number = ?", (number,)
    ).fetchone()
    if before is None:
        return
    tenant, size = before
    transaction.keep(sink, tenant, -1)
    transaction.keep(sink, letter.tenant, 1)
    transaction.dead_bytes += len(letter.event) - size
    transaction.connection.execute(
        "UPDATE dead SET event = ?, received_ms = ?, failed_ms = ?, reason = ?, status = ?, answer = ?, tenant = ?,"
        " held_from = iif(? IS NULL, NULL, coalesce(held_from, ?)), attempts = attempts + 1 WHERE number = ?",
        (
            letter.event,
            letter.received_ms,
            now_ms,
            letter.reason,
            letter.status,
            letter.answer[:_ANSWER_CHARACTERS],
            letter.tenant,
            letter.tenant,
            held_from,
            number,
        ),
    )


def _select(
    connection: sqlite3.Connection, selection: Selection, *, after: int = 0, limit: int = 100
) -> list[DeadLetter]:
    where, values = selection.where()
    query = (
        "SELECT number, sink, event_id, event, received_ms, failed_ms, reason, status, answer, attempts, tenant"  # noqa: S608 - only constants
        f" FROM dead WHERE number > ? AND {where} ORDER BY number LIMIT ?"
    )
    return [DeadLetter(*row) for row in connection.execute(query, [after, *values, limit]).fetchall()]


def _count(connection: sqlite3.Connection, selection: Selection) -> int:
    where, values = selection.where()
    query = f"SELECT count(*) FROM dead WHERE {where}"  # noqa: S608 - only constants
    row: tuple[int] = connection.execute(query, values).fetchone()
    return row[0]


def _parked(connection: sqlite3.Connection, sink: str) -> list[Parked]:
    # The index has tenants and numbers, so only two letters of each tenant are read.
    return [
        Parked(*row)
        for row in connection.execute(
            "SELECT found.tenant, events, oldest.received_ms, newest.answer FROM ("
            " SELECT tenant, count(*) AS events, min(number) AS low, max(number) AS high"
            " FROM dead INDEXED BY dead_tenants WHERE sink = ? AND tenant IS NOT NULL GROUP BY tenant"
            ") AS found JOIN dead AS oldest ON oldest.number = low JOIN dead AS newest ON newest.number = high"
            " ORDER BY found.tenant",
            (sink,),
        ).fetchall()
    ]


def _delete(transaction: Transaction, numbers: Iterable[int]) -> int:
    deleted = 0
    for number in numbers:
        rows = transaction.connection.execute(
            "DELETE FROM dead WHERE number = ? RETURNING sink, tenant, length(event)", (number,)
        ).fetchall()
        for sink, tenant, size in rows:
            deleted += 1
            transaction.keep(sink, tenant, -1)
            transaction.dead_bytes -= size
    return deleted
