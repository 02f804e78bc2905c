"""The journal's file: its tables, how it is opened, and what is refused."""

import os
import sqlite3
from pathlib import Path
from typing import Final

from bridge.errors import JournalUnusable

FILE_NAME: Final = "journal.db"
VERSION: Final = 1

_CHECKPOINT_BYTES: Final = 16 * 2**20
_PAGE_BYTES: Final = 4096
# WAL needs shared memory between processes, which these cannot give (sqlite.org/wal.html).
_NETWORK_FILE_SYSTEMS: Final = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "fuse.sshfs",
        "fuse.glusterfs",
        "ceph",
        "afs",
        "lustre",
        "efs",
    }
)

_TABLES: Final = """
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
    failed_ms INTEGER NOT NULL,
    reason TEXT NOT NULL,
    status INTEGER,
    answer TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE totals (
    name TEXT NOT NULL, owner TEXT NOT NULL, reason TEXT NOT NULL, value INTEGER NOT NULL,
    PRIMARY KEY (name, owner, reason)
) STRICT, WITHOUT ROWID;
CREATE TABLE corrupt (seq INTEGER PRIMARY KEY, found_ms INTEGER NOT NULL, what TEXT NOT NULL) STRICT;
"""


def open_for_writing(state_dir: Path) -> sqlite3.Connection:
    """Open the journal, making it if need be (0600); the caller holds the state folder's lock.

    Raises JournalUnusable for a network file system or a newer schema, sqlite3.Error for the rest.
    """
    kind = file_system(state_dir)
    if kind in _NETWORK_FILE_SYSTEMS:
        raise JournalUnusable(
            f"{state_dir} is on {kind}, which cannot keep a journal safe (no shared memory, unsafe locks); "
            "set [bridge] state_dir to a folder on a local disk or a block volume"
        )
    path = state_dir / FILE_NAME
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=64)
    try:
        _configure(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def open_for_reading(state_dir: Path) -> sqlite3.Connection:
    """Open the journal for reads beside the writer."""
    path = state_dir / FILE_NAME
    if not path.exists():
        raise JournalUnusable(f"{path} is not there; start the bridge once, or look at [bridge] state_dir")
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
    )


def _configure(connection: sqlite3.Connection) -> None:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise JournalUnusable(
            f"the journal was written by a newer apim-bridge (schema {version}, this one knows {VERSION}); "
            "go back to that release, or set [bridge] state_dir to another folder"
        )
    if version == 0:
        # Both must come before the first table. INCREMENTAL lets the file shrink when it is idle.
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    # Debian builds it ON, which writes every deleted block over with zeros.
    connection.execute("PRAGMA secure_delete = OFF")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_BYTES // _PAGE_BYTES}")
    connection.execute(f"PRAGMA journal_size_limit = {2 * _CHECKPOINT_BYTES}")
    connection.execute("PRAGMA cache_size = -2048")
    connection.execute("PRAGMA busy_timeout = 10000")
    if version == 0:
        connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {VERSION}; COMMIT;")


def file_system(path: Path) -> str:
    """Return the type of the file system that holds a folder, as the kernel names it; empty if it cannot be told."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    target = str(path.resolve())
    best, kind = -1, ""
    for line in mounts:
        fields = line.split(" ")
        point = fields[1].replace("\\040", " ")
        inside = target == point or target.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= best:
            best, kind = len(point), fields[2]
    return kind


def file_bytes(state_dir: Path) -> int:
    """Return the size of the journal's files together."""
    total = 0
    for suffix in ("", "-wal", "-shm"):
        try:
            total += (state_dir / (FILE_NAME + suffix)).stat().st_size
        except OSError:
            continue
    return total


def disk_free_bytes(state_dir: Path) -> int:
    """Return the room left on the file system for an unprivileged user."""
    room = os.statvfs(state_dir)
    return room.f_bavail * room.f_frsize
