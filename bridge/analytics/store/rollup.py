"""Rolls facts up into the cubes, behind the writer's back, and keeps the account of what is rolled up.

The account is the table `rolled`; the writer's thread alone changes it, in the transaction that changes the facts. Rows
of a cube that it does not name count for nothing: they were left by a crash, or facts of their time have changed since.
"""

import contextlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import duckdb

from bridge.analytics.store.cubes import CUBES, HALF_HOUR, LENGTHS, RolledSpan, counted
from bridge.analytics.store.facts import FactsConnection
from bridge.analytics.store.times import micros_of, moment

# It takes about two seconds of CPU.
_MOST_CALLS: Final = 1_000_000
_MOST_SPANS: Final = 32


class RollupChunk(NamedTuple):
    """What is rolled up in one go."""

    length: int
    start: int
    end: int


class RollupAccount:
    """What is rolled up, and what is to be; every call is on the writer's thread."""

    def __init__(self, connection: FactsConnection) -> None:
        self._connection = connection
        self._spans: dict[int, list[RolledSpan]] = {}
        self._under_way: RollupChunk | None = None
        self._touched: set[int] = set()
        """Half hours that have changed since the last look, by number."""
        self._unquiet: set[int] = set()
        """Those that had before it."""
        self.read()

    def read(self) -> None:
        """Read what the file has: at the start, and where a transaction came to nothing."""
        self._spans = {length: [] for length in LENGTHS}
        for length, start, end in self._connection.execute(
            "SELECT length, start, until FROM rolled ORDER BY start"
        ).fetchall():
            self._spans[length].append(RolledSpan(start, end))

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """All or nothing, in the facts and in this account of them."""
        self._connection.begin()
        try:
            yield
            self._connection.commit()
        except BaseException:
            with contextlib.suppress(duckdb.Error):
                self._connection.rollback()
            self.read()
            raise

    def change(self, times: Iterable[int]) -> None:
        """Say that facts of these times (µs) change, in the transaction that is open: they are to be rolled up anew."""
        half_hours = {time // HALF_HOUR for time in times}
        self._touched |= half_hours
        for length in LENGTHS:
            starts = sorted({number * HALF_HOUR // length * length for number in half_hours})
            chunk = self._under_way
            if chunk is not None and chunk.length == length and _hit(chunk.start, chunk.end, starts):
                self._under_way = None
            spans = self._spans[length]
            if spans and starts and starts[-1] >= spans[0].start and starts[0] < spans[-1].end:
                left = [part for span in spans for part in _without(span, starts, length)]
                if left != spans:
                    # Many short ones are rolled up sooner in one go.
                    self._keep(length, sorted(sorted(left, key=_length)[-_MOST_SPANS:]))

    def let_go(self, before: int) -> None:
        """Say that all facts from before a time (µs) go, in the transaction that is open."""
        self._under_way = None
        for length in LENGTHS:
            spans = self._spans[length]
            first = _up(before, length)
            left = [RolledSpan(max(span.start, first), span.end) for span in spans if span.end > first]
            if left != spans:
                self._keep(length, left)
        for cube in CUBES:
            self._connection.execute(
                f"DELETE FROM {cube.table} WHERE time < ?",  # noqa: S608 - our own names
                [moment(before)],
            )

    def look(self) -> None:
        """Begin a look: what has changed since the last one is left in peace once more."""
        self._unquiet, self._touched = self._touched, set()

    def begin(self, length: int, until: int, kept_from: int) -> RollupChunk | None:
        """Return what is to be rolled up next, of what has ended by `until` (µs) and is quiet; None: nothing."""
        # Nothing that a question may ask for is from before 1970, and nothing is counted on from before `kept_from`.
        position, until = _up(max(kept_from, 0), length), until // length * length
        for span in self._spans[length]:
            chunk = self._in_gap(length, position, min(span.start, until))
            if chunk is not None:
                break
            position = max(position, span.end)
        else:
            chunk = self._in_gap(length, position, until)
        self._under_way = chunk
        return chunk

    def end(self, chunk: RollupChunk) -> bool:
        """Count on what was rolled up; returns False if facts of its time have changed since it was begun."""
        if self._under_way != chunk:
            return False
        self._under_way = None
        joined: list[RolledSpan] = []
        for span in sorted([*self._spans[chunk.length], RolledSpan(chunk.start, chunk.end)]):
            if joined and joined[-1].end == span.start:
                joined[-1] = RolledSpan(joined[-1].start, span.end)
            else:
                joined.append(span)
        self._connection.begin()
        try:
            self._keep(chunk.length, joined)
            self._connection.commit()
        except BaseException:
            self._connection.rollback()
            self.read()
            raise
        return True

    def _in_gap(self, length: int, start: int, end: int) -> RollupChunk | None:
        """Return the first chunk of a gap that is quiet; what has no calls goes along."""
        chunk_start = start
        while start < end:
            at = self._facts("min(time)", start, end)
            if at is None:
                return RollupChunk(length, chunk_start, end)
            first = max(micros_of(at) // length * length, start)
            stop = self._first_unquiet(length, first, end)
            if stop > first:
                return RollupChunk(length, chunk_start, self._few(length, first, stop))
            chunk_start = start = stop + length
        return None

    def _first_unquiet(self, length: int, start: int, end: int) -> int:
        changed = (number * HALF_HOUR // length * length for number in self._touched | self._unquiet)
        return min((at for at in changed if start <= at < end), default=end)

    def _few(self, length: int, start: int, end: int) -> int:
        """Return until when there are no more calls than one go should count, if one length is so short."""
        while end - start > length and self._facts("count(*)", start, end) > _MOST_CALLS:
            end = start + max((end - start) // 2 // length, 1) * length
        return end

    def _facts(self, figure: str, start: int, end: int) -> Any:
        # Fetched to the end: a result that is not holds up the connection.
        ((value,),) = self._connection.execute(
            f"SELECT {figure} FROM facts WHERE time >= ? AND time < ?",  # noqa: S608 - our own words
            [moment(start), moment(end)],
        ).fetchall()
        return value

    def _keep(self, length: int, spans: list[RolledSpan]) -> None:
        self._connection.execute("DELETE FROM rolled WHERE length = ?", [length])
        for span in spans:
            self._connection.execute("INSERT INTO rolled VALUES (?, ?, ?)", [length, *span])
        self._spans[length] = spans


class Roller:
    """Counts the calls of a chunk into the cubes; every call is on a thread of its own."""

    def __init__(self, connection: FactsConnection) -> None:
        self._facts = connection
        self._cursor = connection.cursor()

    def pause(self) -> None:
        """Let go of the file; nothing is being counted."""
        self._cursor.close()

    def resume(self) -> None:
        """Go on with the file that is there now."""
        self._cursor = self._facts.cursor()

    def roll(self, chunk: RollupChunk) -> None:
        """Put a chunk's rows in place of what may be there of it. `RollupAccount.end` then makes them count."""
        cursor, times = self._cursor, [moment(chunk.start), moment(chunk.end)]
        cursor.begin()
        try:
            for cube in CUBES:
                if cube.length == chunk.length:
                    cursor.execute(f"DELETE FROM {cube.table} WHERE time >= ? AND time < ?", times)  # noqa: S608 - our own names
                    rows = counted(cube, chunk.start, chunk.end)
                    # Sorted they take half the room, and a question finds its time in few of them.
                    cursor.execute(f"INSERT INTO {cube.table} SELECT * FROM ({rows}) ORDER BY ALL")  # noqa: S608 - our own names
            cursor.commit()
        except BaseException:
            cursor.rollback()
            raise

    def close(self) -> None:
        """Stop what is being counted; may be called from any thread."""
        # It is closed where the file could not be opened again.
        with contextlib.suppress(duckdb.Error):
            self._cursor.interrupt()


def _length(span: RolledSpan) -> int:
    return span.end - span.start


def _up(time: int, length: int) -> int:
    return -(-time // length) * length


def _hit(start: int, end: int, starts: list[int]) -> bool:
    """Return whether one of these sorted times is in a span."""
    place = bisect_right(starts, start - 1)
    return place < len(starts) and starts[place] < end


def _without(span: RolledSpan, starts: list[int], length: int) -> Iterable[RolledSpan]:
    """Yield what is left of a span without the lengths that begin at these sorted times."""
    start = span.start
    for taken in starts:
        if span.start <= taken < span.end:
            if taken > start:
                yield RolledSpan(start, taken)
            start = taken + length
    if start < span.end:
        yield RolledSpan(start, span.end)
