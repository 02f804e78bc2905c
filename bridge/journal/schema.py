"""The journal's file: how it is opened, and what is refused."""

import os
import re
import sqlite3
from pathlib import Path
from typing import Final

from bridge.errors import JournalUnusable
from bridge.journal.tables import VERSION, bring_up_to_date, version_of

FILE_NAME: Final = "journal.db"
PAGE_BYTES: Final = 4096

_CHECKPOINT_BYTES: Final = 16 * 2**20
WAL_BYTES: Final = 2 * _CHECKPOINT_BYTES
"""A WAL larger than this waits for a checkpoint that somebody's read transaction keeps from finishing."""
# How long a commit waits for another program's write lock: short, so that its caller soon hears what is wrong.
_BUSY_MS: Final = 2_000
_CACHE_KIB: Final = 512
# A WAL needs memory that processes share, which these file systems do not have (sqlite.org/wal.html).
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


def open_for_writing(state_dir: Path) -> sqlite3.Connection:
    """Open the journal, and make it if it is missing (0600); the caller holds the state folder's lock.

    Raises JournalUnusable, and sqlite3.DatabaseError with `is_damage` for a file that is damaged.
    """
    refuse_network_file_system(state_dir)
    path = state_dir / FILE_NAME
    try:
        connection = open_file(path)
        sync_folder(state_dir)
    except sqlite3.Error as error:
        if is_damage(error):
            raise
        raise JournalUnusable(
            f"{path} cannot be opened: {error}; look at the disk, at the rights, and for other programs that use it"
        ) from error
    except OSError as error:
        raise JournalUnusable(
            f"{path}: {error.strerror}; it must belong to uid {os.getuid()}, who runs the bridge"
        ) from None
    return connection


def open_file(path: Path) -> sqlite3.Connection:
    """Open a journal's file for writing, make it if it is missing, and check that a start can use it."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    wal = path.with_name(f"{path.name}-wal")
    if path.stat().st_size == 0 and wal.exists() and wal.stat().st_size > 0:
        # SQLite would delete the WAL. It writes the first page before the first WAL, so this file was cut off.
        raise _damaged("the file is empty beside its WAL")
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=64)
    try:
        _configure(connection)
        _check(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def is_damage(error: sqlite3.Error) -> bool:
    """Tell whether SQLite found the file damaged; an I/O error, a full disk or a lock is not damage."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def _damaged(what: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(what)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def sync_folder(folder: Path) -> None:
    """Make new names in a folder durable; SQLite syncs the content of its files."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def refuse_network_file_system(state_dir: Path, mounts: str | None = None) -> None:
    """Raise JournalUnusable if the folder is on a file system that cannot keep a journal safe.

    `mounts` is the kernel's table of mounts; None: this process's own.
    """
    kind = file_system(state_dir, mounts)
    if kind in _NETWORK_FILE_SYSTEMS:
        raise JournalUnusable(
            f"{state_dir} is on {kind}, which cannot keep a journal safe (no shared memory, unsafe locks); "
            "set [bridge] state_dir to a folder on a local disk or a block volume"
        )


def open_for_reading(state_dir: Path) -> sqlite3.Connection:
    """Open the journal for reads beside the writer."""
    path = state_dir / FILE_NAME
    if not path.exists():
        raise JournalUnusable(f"{path} is not there; start the bridge once, or look at [bridge] state_dir")
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
    )
    # Blocks are read once, in order: nothing that was read is needed again (P8).
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    return connection


def _configure(connection: sqlite3.Connection) -> None:
    version = version_of(connection)
    if version > VERSION:
        raise JournalUnusable(
            f"the journal was written by a newer apim-bridge (schema {version}, this one knows {VERSION}); "
            "go back to that release, or set [bridge] state_dir to another folder"
        )
    if version == 0:
        # Both must come before the first table. INCREMENTAL lets the file shrink when it is idle.
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    mode: str = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise JournalUnusable(
            "the file system cannot hold SQLite's WAL; set [bridge] state_dir to a folder on a local disk"
        )
    connection.execute("PRAGMA synchronous = FULL")
    # Debian builds it ON, which writes every deleted block over with zeros.
    connection.execute("PRAGMA secure_delete = OFF")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_BYTES // PAGE_BYTES}")
    connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    bring_up_to_date(connection)


def _check(connection: sqlite3.Connection) -> None:
    """Read what every start needs and the last blocks, and check that a block can be written.

    Not the whole file: the lanes find what is wrong with a block by its CRCs.
    """
    for query in (
        "SELECT * FROM sqlite_schema",
        "SELECT * FROM sqlite_sequence",
        "SELECT * FROM cursors",
        "SELECT * FROM totals",
        "SELECT count(*) FROM positions",
        "SELECT count(*) FROM corrupt",
        "SELECT count(*) FROM reached",
        "SELECT count(*) FROM settled",
        "SELECT count(*), sum(count), sum(stored_bytes) FROM blocks",
        "SELECT sum(length(event)) FROM dead",
        "SELECT count(*) FROM dead INDEXED BY dead_sinks",
        "SELECT count(*) FROM dead INDEXED BY dead_tenants WHERE tenant IS NOT NULL",
        "SELECT count(*) FROM dead INDEXED BY dead_events",
        "SELECT count(*) FROM dead INDEXED BY dead_held WHERE held_from IS NOT NULL",
        "SELECT ids, events FROM blocks ORDER BY seq DESC LIMIT 4",
    ):
        for _ in connection.execute(query):
            pass
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(
            "INSERT INTO blocks (count, raw_bytes, stored_bytes, source, received_ms, ids, events)"
            " VALUES (0, 0, 0, '', 0, x'', zeroblob(65536))"
        )
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def file_system(path: Path, mounts: str | None = None) -> str:
    """Return the type of the file system that holds a folder, as the kernel names it; empty if unknown."""
    if mounts is None:
        try:
            mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
    target = str(path.resolve())
    best, kind = -1, ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        # The kernel writes spaces and backslashes as three octal digits.
        point = re.sub(r"\\([0-7]{3})", lambda digits: chr(int(digits[1], 8)), fields[1])
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


def file_identities(state_dir: Path) -> list[tuple[int, int] | None]:
    """Return device and inode of the journal's file and of its WAL, None for one that is not there."""
    identities: list[tuple[int, int] | None] = []
    for suffix in ("", "-wal"):
        try:
            status = os.stat(state_dir / (FILE_NAME + suffix))  # noqa: PTH116 - one system call, for each commit
        except OSError:
            identities.append(None)
        else:
            identities.append((status.st_dev, status.st_ino))
    return identities


def wal_bytes(state_dir: Path) -> int:
    """Return the size of the WAL."""
    try:
        return (state_dir / f"{FILE_NAME}-wal").stat().st_size
    except OSError:
        return 0


def empty_wal(connection: sqlite3.Connection) -> None:
    """Move the WAL into the file and cut it, as far as no reader needs it."""
    busy: int = connection.execute("PRAGMA busy_timeout").fetchone()[0]
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {busy}")


def disk_free_bytes(state_dir: Path) -> int:
    """Return the room left on the file system for an unprivileged user."""
    room = os.statvfs(state_dir)
    return room.f_bavail * room.f_frsize
