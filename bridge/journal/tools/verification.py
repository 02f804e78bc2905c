"""Checks everything in a journal's file that can be checked, without writing to it."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from bridge.errors import Unacceptable
from bridge.events.event import decode
from bridge.journal import schema
from bridge.journal.blocks import COLUMNS, BlockCorrupt, read_row
from bridge.journal.registration import count_pending
from bridge.journal.tables import VERSION
from bridge.journal.totals import Totals

_PAGE_FINDINGS: Final = 20
_MEND: Final = "stop the bridge and start it: it saves what can be read into a new file"
_SALVAGE: Final = "apim-bridge journal salvage --doubtful gets out of it what can be read"
_REPORT: Final = "the books are wrong, which is a fault of apim-bridge: report it with `journal inspect`"


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something that is wrong."""

    where: str
    what: str
    cure: str


class Verification:
    """The checks of one file; no query takes longer than one block, so that a running bridge is not held up (J5)."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.blocks = 0
        self.events = 0
        self.letters = 0
        self.positions: dict[str, dict[str, bytes]] = {}
        """Those that could be read, by source; only the sources know what they mean."""

    def flaws(self, *, pages: bool) -> Iterator[Flaw]:
        """Yield what is wrong; with `pages`, SQLite checks every page, which takes one long read."""
        if (unknown := self._schema()) is not None:
            yield unknown
            return
        if pages:
            yield from self._guarded("file", self._pages())
        yield from self._guarded("blocks", self._blocks())
        yield from self._guarded("cursors", self._cursors())
        yield from self._guarded("positions", self._read_positions())
        yield from self._guarded("dead letters", self._letters())
        yield from self._guarded("books", self._books())

    def _ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, values).fetchall()

    def _guarded(self, where: str, flaws: Iterator[Flaw]) -> Iterator[Flaw]:
        try:
            yield from flaws
        except sqlite3.DatabaseError as error:
            if not schema.is_damage(error) and not isinstance(error, sqlite3.OperationalError):
                raise
            yield Flaw(where, str(error), _MEND)

    def _schema(self) -> Flaw | None:
        try:
            version: int = self._ask("PRAGMA user_version")[0][0]
            tables = {name for (name,) in self._ask("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        except sqlite3.DatabaseError as error:
            return Flaw("file", str(error), _MEND)
        if version > VERSION:
            cure = "look at it with the release that wrote it"
            return Flaw("schema", f"version {version}, this release knows {VERSION}", cure)
        if missing := {"blocks", "positions", "cursors", "dead", "totals", "corrupt"} - tables:
            cure = "is it a journal? If so, restart the bridge: it saves what can be read"
            return Flaw("schema", f"no table {', '.join(sorted(missing))}", cure)
        return None

    def _pages(self) -> Iterator[Flaw]:
        for (line,) in self._ask(f"PRAGMA integrity_check({_PAGE_FINDINGS})"):
            if line != "ok":
                yield Flaw("file", " ".join(line.split()), _MEND)

    def _blocks(self) -> Iterator[Flaw]:
        passed_over = {seq for (seq,) in self._ask("SELECT seq FROM corrupt")}
        seq = 0
        while rows := self._ask(
            "SELECT seq, count, stored_bytes, received_ms FROM blocks INDEXED BY blocks_sizes"
            " WHERE seq > ? ORDER BY seq LIMIT 1",
            seq,
        ):
            seq, count = rows[0][:2]
            what = self._block(rows[0])
            if what is None:
                continue
            known = "; the sinks pass over it" if seq in passed_over else "; the sinks will pass over it"
            yield Flaw(f"block {seq}", f"{count} events: {what}{known}", _SALVAGE)
        last = self._ask("SELECT seq FROM sqlite_sequence WHERE name = 'blocks'")
        if seq and (not last or last[0][0] < seq):
            yield Flaw("blocks", f"the last number given out is below block {seq}", _MEND)

    def _block(self, indexed: tuple[int, int, int, int]) -> str | None:
        """Return what is wrong with a block, None: nothing, or it was deleted meanwhile."""
        try:
            return self._compared(indexed)
        except BlockCorrupt as error:
            return str(error.__cause__)
        except sqlite3.DatabaseError as error:
            if not schema.is_damage(error):
                raise
            return str(error)

    def _compared(self, indexed: tuple[int, int, int, int]) -> str | None:
        rows = self._ask(
            f"SELECT {COLUMNS}, raw_bytes, stored_bytes FROM blocks WHERE seq = ?",  # noqa: S608 - constants
            indexed[0],
        )
        if not rows:
            still = self._ask("SELECT 1 FROM blocks INDEXED BY blocks_sizes WHERE seq = ?", indexed[0])
            return "it is in the index only" if still else None
        self.blocks += 1
        *row, raw_bytes, stored_bytes = rows[0]
        if (row[0], row[1], stored_bytes, row[3]) != indexed:
            return "the index says something else than the table"
        if row[4] == b"" == row[5]:
            return "only its number was left when a damaged file was salvaged"
        block = read_row(tuple(row))
        self.events += len(block.ids)
        whole = raw_bytes == sum(map(len, block.bodies)) + len(block.bodies)
        return None if whole else "its size is not what is written beside it"

    def _cursors(self) -> Iterator[Flaw]:
        last = (self._ask("SELECT seq FROM sqlite_sequence WHERE name = 'blocks'") or [(0,)])[0][0]
        for sink, seq, at in self._ask("SELECT sink, seq, at FROM cursors"):
            # Read after the cursors: a block that came meanwhile is not a fault.
            count = self._ask("SELECT count FROM blocks WHERE seq = ?", seq)
            if not 1 <= seq <= last + 1 or at < 0 or (count and at >= max(count[0][0], 1)):
                yield Flaw(f"cursor of {sink}", f"stands at block {seq}, event {at}; last is {last}", _REPORT)

    def _read_positions(self) -> Iterator[Flaw]:
        for source, key, value in self._ask("SELECT source, key, value FROM positions"):
            if not value:
                yield Flaw(f"position {key} of {source}", "it is empty", _REPORT)
            self.positions.setdefault(source, {})[key] = value

    def _letters(self) -> Iterator[Flaw]:
        number = 0
        while rows := self._ask(
            "SELECT number, event_id, event FROM dead WHERE number > ? ORDER BY number LIMIT 1", number
        ):
            number, name, event = rows[0]
            self.letters += 1
            try:
                decode(event)
                if len(name) != 36:
                    raise ValueError("its id is none")
            except (Unacceptable, ValueError) as error:
                yield Flaw(f"dead letter {number}", str(error), f"apim-bridge dead-letters purge {number}")

    def _books(self) -> Iterator[Flaw]:
        # One short transaction over indexes only: these numbers must be of the same moment.
        self._connection.execute("BEGIN")
        try:
            totals = Totals(self._ask("SELECT name, owner, reason, value FROM totals"))
            pending = {
                sink: count_pending(self._connection, seq, at)
                for sink, seq, at in self._ask("SELECT sink, seq, at FROM cursors WHERE removed_ms IS NULL")
            }
            letters = dict(self._ask("SELECT sink, count(*) FROM dead INDEXED BY dead_sinks GROUP BY sink"))
        finally:
            self._connection.execute("COMMIT")
        if difference := totals.intake_difference():
            what = f"received - journalled - rejected - duplicates = {difference}"
            yield Flaw("books", what, _REPORT)
        for sink, waiting in pending.items():
            if (expected := totals.expected_pending(sink)) != waiting:
                yield Flaw(f"books of {sink}", f"{expected} should wait, {waiting} do", _REPORT)
        for sink in {owner for (owner, _), _ in totals.items("events_dead")} | set(letters):
            gone = totals.sum("dead_letters_replayed", sink) + totals.sum("dead_letters_purged", sink)
            if (expected := totals.sum("events_dead", sink) - gone) != letters.get(sink, 0):
                what = f"{expected} dead letters should be there, {letters.get(sink, 0)} are"
                yield Flaw(f"books of {sink}", what, _REPORT)
