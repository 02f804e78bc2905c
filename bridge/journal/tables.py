"""The journal's tables, as steps: each version of the schema is the one before it, plus one step.

A new journal takes all steps, an old one those that it lacks. So both are made in the same way and have the same first
page, which salvage relies on.
"""

import sqlite3
from typing import Final

_STEPS: Final = (
    # 1
    """
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
""",
    # 2: events whose tenant's key is refused wait among the dead letters.
    """
ALTER TABLE dead ADD COLUMN tenant TEXT;
CREATE INDEX dead_tenants ON dead (sink, tenant) WHERE tenant IS NOT NULL;
""",
    # 3: an event that is refused again finds its own letter.
    """
CREATE INDEX dead_events ON dead (sink, event_id);
""",
    # 4: a source can learn up to which of its positions every sink has dealt with its events.
    """
ALTER TABLE dead ADD COLUMN held_from INTEGER;
CREATE INDEX dead_held ON dead (sink, held_from) WHERE held_from IS NOT NULL;
ALTER TABLE cursors ADD COLUMN furthest INTEGER NOT NULL DEFAULT 0;
UPDATE cursors SET furthest = seq;
CREATE TABLE reached (
    seq INTEGER NOT NULL, source TEXT NOT NULL, key TEXT NOT NULL, value BLOB, PRIMARY KEY (seq, source, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE settled (
    source TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (source, key)
) STRICT, WITHOUT ROWID;
""",
)

VERSION: Final = len(_STEPS)


def version_of(connection: sqlite3.Connection) -> int:
    """Return the version of a journal's schema; 0: it has no tables yet."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def bring_up_to_date(connection: sqlite3.Connection) -> None:
    """Take the steps that a journal lacks, in one transaction: if it is interrupted, the old version stays."""
    if steps := _STEPS[version_of(connection) :]:
        connection.executescript(
            f"BEGIN IMMEDIATE; {' '.join(steps)} PRAGMA user_version = {VERSION}; COMMIT;"
        )
