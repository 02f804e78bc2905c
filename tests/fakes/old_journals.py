"""A journal as the first version of the schema left it, for the tests of what comes after."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rigs.events import event
from rigs.rig import accepted

from bridge.journal.blocks import pack_events, pack_ids

# The first version's own words: they change with nothing.
_FIRST_SCHEMA: Final = """
PRAGMA page_size = 4096;
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
BEGIN;
CREATE TABLE blocks (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    count INTEGER NOT NULL,
    raw_bytes INTEGER NOT NULL,
    stored_bytes INTEGER NOT NULL,
    source TEXT NOT NULL,
    received_ms INTEGER NOT NULL,
    ids BLOB NOT NULL,
    events BLOB NOT NULL
) STRICT;
CREATE INDEX blocks_sizes ON blocks (seq, count, stored_bytes, received_ms);
CREATE TABLE positions (
    source TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (source, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE cursors (
    sink TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    state BLOB,
    removed_ms INTEGER
) STRICT;
CREATE TABLE dead (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    sink TEXT NOT NULL,
    event_id TEXT NOT NULL,
    event BLOB NOT NULL,
    received_ms INTEGER NOT NULL,
    failed_ms INTEGER NOT NULL,
    reason TEXT NOT NULL,
    status INTEGER,
    answer TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX dead_sinks ON dead (sink);
CREATE TABLE totals (
    name TEXT NOT NULL, owner TEXT NOT NULL, reason TEXT NOT NULL, value INTEGER NOT NULL,
    PRIMARY KEY (name, owner, reason)
) STRICT, WITHOUT ROWID;
CREATE TABLE corrupt (seq INTEGER PRIMARY KEY, found_ms INTEGER NOT NULL, what TEXT NOT NULL) STRICT;
PRAGMA user_version = 1;
COMMIT;
"""


@dataclass(frozen=True, slots=True)
class OldJournal:
    """What the journal holds, for two sinks; each block has three events."""

    events: int
    letters: int
    moesif_pending: int
    archive_pending: int


def write_first_version(folder: Path, *, blocks: int = 4, letters: int = 3) -> OldJournal:
    """Write the journal: `moesif` stands in the last block, behind its letters, `archive` at the first."""
    with closing(sqlite3.connect(folder / "journal.db", isolation_level=None)) as connection:
        connection.executescript(_FIRST_SCHEMA)
        connection.execute("BEGIN")
        for number in range(blocks):
            content = accepted(range(3 * number, 3 * number + 3))
            ids, events = pack_ids(content.ids), pack_events(content.bodies)
            connection.execute(
                "INSERT INTO blocks (count, raw_bytes, stored_bytes, source, received_ms, ids, events)"
                " VALUES (3, ?, ?, 'log', ?, ?, ?)",
                (content.raw_bytes, len(ids) + len(events) + 256, 1_795_221_984_000 + number, ids, events),
            )
        for number in range(letters):
            connection.execute(
                "INSERT INTO dead (sink, event_id, event, received_ms, failed_ms, reason, status, answer, attempts)"
                " VALUES ('moesif', ?, ?, 1, 2, 'refused', 400, 'no', 1)",
                (f"id-{number}", event(number)),
            )
        connection.execute("INSERT INTO positions VALUES ('log', 'position', x'37')")
        connection.execute("INSERT INTO cursors VALUES ('moesif', ?, 1, x'73', NULL)", (blocks,))
        connection.execute("INSERT INTO cursors VALUES ('archive', 1, 0, NULL, NULL)")
        passed = 3 * (blocks - 1) + 1
        connection.executemany(
            "INSERT INTO totals VALUES (?, ?, ?, ?)",
            [
                ("events_received", "log", "", 3 * blocks),
                ("events_journalled", "log", "", 3 * blocks),
                ("events_delivered", "moesif", "", passed - letters),
                ("events_dead", "moesif", "refused", letters),
            ],
        )
        connection.execute("COMMIT")
    return OldJournal(3 * blocks, letters, 3 * blocks - passed, 3 * blocks)
