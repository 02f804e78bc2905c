"""Salvage: a journal that SQLite finds damaged is set aside, and a new one begins with what can be read of it.

In the state folder, beside `journal.db`:

    journal.db.salvage        the new journal while it is filled; if a crash leaves one, the next start deletes it
    journal.db.graft          a copy of the damaged one with a good first page, when its own cannot be read
    journal.db.saved          the new journal when it is complete: from here on only names change
    journal.db.mend           damage was found while the journal was open: the next start saves it
    journal.db.damaged-TIME   the old one, with its -wal and -shm, for whoever wants to look

Blocks keep their numbers, so that cursors stay valid, and no number is used twice. A block that is in the index but
cannot be read becomes an empty block with its count: each lane passes over it and counts it (P7).
If the totals cannot be read, the books begin anew with what there is.
"""

import contextlib
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bridge.contracts import Clock
from bridge.errors import JournalUnusable
from bridge.journal import schema
from bridge.journal.damaged import Damaged, first_page_of, open_damaged
from bridge.journal.registration import count_pending
from bridge.journal.totals import Totals

_SIDES: Final = ("-wal", "-shm", "")
_COMMIT_BYTES: Final = 8 * 2**20
_BLOCK: Final = "count, raw_bytes, stored_bytes, source, received_ms, ids, events"
# The source of events that are only known by their number.
_UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of a damaged journal."""

    path: str
    """Where it was set aside."""
    error: str
    books_kept: bool
    """False: the totals started afresh."""
    saved_blocks: int
    saved_events: int
    saved_letters: int
    lost_blocks: int
    """Events that are known to have been there, but cannot be read."""
    lost_events: int


def open_or_save(state_dir: Path, clock: Clock) -> tuple[sqlite3.Connection, Saved | None]:
    """Open the journal of a state folder for writing; if it is damaged, save it first.

    Raises JournalUnusable.
    """
    damage, books_kept = "found at an earlier start", True
    if not _name(state_dir, ".saved").exists():
        try:
            if not (asked_for := _name(state_dir, ".mend")).exists():
                return schema.open_for_writing(state_dir), None
            damage = asked_for.read_text(encoding="utf-8")
        except sqlite3.Error as error:
            # Only damage gets here: an I/O error, a full disk or a lock is never taken for it.
            damage = str(error)
        try:
            books_kept = _save(state_dir)
        except (sqlite3.Error, OSError) as error:
            _throw_away(state_dir)
            raise JournalUnusable(
                f"{_name(state_dir)} is damaged ({damage}), and what can be read of it could not be saved: "
                f"{error}; make room or look at the disk, then start again"
            ) from error
    aside = _set_aside(state_dir, clock)
    connection = schema.open_for_writing(state_dir)
    sums = "SELECT count(*), coalesce(sum(count), 0) FROM blocks WHERE ids"
    return connection, Saved(
        str(aside),
        damage,
        books_kept,
        *connection.execute(f"{sums} <> x''").fetchone(),
        *connection.execute("SELECT count(*) FROM dead").fetchone(),
        *connection.execute(f"{sums} = x''").fetchone(),
    )


def ask_for(state_dir: Path, damage: str) -> bool:
    """Ask the next start to save the damaged journal; returns False if that was already asked."""
    try:
        with _name(state_dir, ".mend").open("x", encoding="utf-8") as file:
            file.write(damage)
    except OSError:
        return False
    return True


def _save(state_dir: Path) -> bool:
    """Fill `journal.db.saved` with what can be read; returns whether the totals were.

    Raises sqlite3.Error or OSError when it cannot be written, or when the disk cannot be read.
    """
    _throw_away(state_dir)
    path = _name(state_dir, ".salvage")
    new = schema.open_file(path)
    try:
        damaged = open_damaged(_name(state_dir), _name(state_dir, ".graft"), lambda: first_page_of(path, new))
        try:
            new.execute("BEGIN")
            for table in ("positions", "cursors", "corrupt", "reached", "settled"):
                _copy_rows(damaged, new, table)
            _copy_blocks(damaged, new)
            _copy_letters(damaged, new)
            # The damaged journal may be too old to have this column.
            new.execute("UPDATE cursors SET furthest = max(furthest, seq)")
            # A place within a lost block means nothing.
            new.execute("UPDATE cursors SET at = 0 WHERE seq NOT IN (SELECT seq FROM blocks)")
            _keep_ahead(damaged, new)
            books_kept = _balance(damaged, new)
            new.execute("COMMIT")
        finally:
            damaged.close()
        # Empties the WAL, which goes with the connection: only the file is renamed.
        new.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        new.close()
    path.rename(_name(state_dir, ".saved"))
    schema.sync_folder(state_dir)
    return books_kept


def _copy_blocks(damaged: Damaged, new: sqlite3.Connection) -> None:
    written = 0
    for seq in damaged.numbers("blocks"):
        for row in damaged.rows(f"SELECT {_BLOCK} FROM blocks WHERE seq = ?", seq):  # noqa: S608 - constants
            if _insert(new, f"INSERT INTO blocks (seq, {_BLOCK}) VALUES (?,?,?,?,?,?,?,?)", (seq, *row)):  # noqa: S608 - constants
                written += len(row[-1])
                break
        else:
            for count, received_ms in damaged.rows(
                "SELECT count, received_ms FROM blocks INDEXED BY blocks_sizes WHERE seq = ?", seq
            ):
                empty = (seq, count, _UNKNOWN, received_ms)
                _insert(new, "INSERT INTO blocks VALUES (?, ?, 0, 0, ?, ?, x'', x'')", empty)
        if written > _COMMIT_BYTES:
            written = 0
            new.execute("COMMIT")
            new.execute("BEGIN")


def _copy_letters(damaged: Damaged, new: sqlite3.Connection) -> None:
    for number in damaged.numbers("dead"):
        _copy_rows(damaged, new, "dead", "WHERE number = ?", number)


def _copy_rows(damaged: Damaged, new: sqlite3.Connection, table: str, where: str = "", *values: int) -> None:
    """Copy what can be read of a table, in the columns that both journals have: the damaged one may be older."""
    known = damaged.columns(table)
    columns = [
        name for (name,) in new.execute("SELECT name FROM pragma_table_info(?)", (table,)) if name in known
    ]
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    for row in damaged.rows(f"SELECT {names} FROM {table} {where}", *values):  # noqa: S608 - constants
        _insert(new, f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})", row)  # noqa: S608 - constants


def _keep_ahead(damaged: Damaged, new: sqlite3.Connection) -> None:
    """Make sure that no number is given out twice: cursors may be past blocks that are lost."""
    cursors: int = new.execute("SELECT coalesce(max(furthest), 1) - 1 FROM cursors").fetchone()[0]
    for table, least in (("blocks", cursors), ("dead", 0)):
        last = max(least, damaged.last(table))
        known = new.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
        if known is None:
            new.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", (table, last))
        elif known[0] < last:
            new.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", (last, table))


def _balance(damaged: Damaged, new: sqlite3.Connection) -> bool:
    """Copy the totals, or start them afresh, so that the books balance for every sink (P7)."""
    rows = damaged.rows("SELECT name, owner, reason, value FROM totals")
    kept = damaged.whole and bool(rows) and all(isinstance(value, int) for _, _, _, value in rows)
    totals = Totals(rows if kept else ())
    if not kept:
        for source, events in new.execute("SELECT source, sum(count) FROM blocks GROUP BY source"):
            totals.add({("events_received", source, ""): events, ("events_journalled", source, ""): events})
        for sink, reason, events in new.execute("SELECT sink, reason, count(*) FROM dead GROUP BY 1, 2"):
            totals.add({("events_dead", sink, reason): events})
    for sink in {sink for (sink, _), _ in totals.items("events_dead")}:
        gone = totals.sum("dead_letters_replayed", sink) + totals.sum("dead_letters_purged", sink)
        there: int = new.execute("SELECT count(*) FROM dead WHERE sink = ?", (sink,)).fetchone()[0]
        # Letters that cannot be read count as purged.
        totals.add({("dead_letters_purged", sink, ""): totals.sum("events_dead", sink) - gone - there})
    for sink, seq, at in new.execute("SELECT sink, seq, at FROM cursors").fetchall():
        lost = totals.expected_pending(sink) - count_pending(new, seq, at)
        if lost < 0:
            totals.add({("events_rewound", sink, ""): -lost})
        else:
            totals.add({("events_corrupt" if kept else "events_skipped", sink, ""): lost})
    new.executemany("INSERT INTO totals VALUES (?, ?, ?, ?)", totals.rows())
    return kept


def _insert(new: sqlite3.Connection, query: str, row: tuple[Any, ...]) -> bool:
    """Insert a row; returns False if its table refuses it, because its values are damaged."""
    try:
        new.execute(query, row)
    except (sqlite3.IntegrityError, UnicodeEncodeError):
        return False
    return True


def _name(state_dir: Path, suffix: str = "") -> Path:
    return state_dir / (schema.FILE_NAME + suffix)


def _throw_away(state_dir: Path) -> None:
    for kind in (".salvage", ".graft"):
        for side in _SIDES:
            with contextlib.suppress(OSError):
                _name(state_dir, kind + side).unlink(missing_ok=True)


def _set_aside(state_dir: Path, clock: Clock) -> Path:
    """Put the new, complete journal in place of the damaged one; can be repeated after a crash."""
    stamp = datetime.fromtimestamp(clock.time(), UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    aside = _name(state_dir, f".damaged-{stamp}")
    # A WAL must not meet a file that it does not belong to.
    for side in _SIDES:
        if (old := _name(state_dir, side)).exists():
            old.rename(f"{aside}{side}")
    schema.sync_folder(state_dir)
    _name(state_dir, ".saved").rename(_name(state_dir))
    _name(state_dir, ".mend").unlink(missing_ok=True)
    schema.sync_folder(state_dir)
    _throw_away(state_dir)
    return aside
