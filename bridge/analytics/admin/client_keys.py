"""When API Analytics' keys were last used to look: what is known of a key beside its events, by its hash."""

import sqlite3
from collections.abc import Mapping
from typing import Final

SCHEMA: Final = (
    """
CREATE TABLE IF NOT EXISTS client_keys (
    hash TEXT PRIMARY KEY,
    used_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID
""",
)


def note_looks(connection: sqlite3.Connection, used: Mapping[str, int]) -> None:
    """Keep when keys were used last: hash to milliseconds."""
    connection.executemany(
        "INSERT INTO client_keys (hash, used_ms) VALUES (?, ?)"
        " ON CONFLICT (hash) DO UPDATE SET used_ms = max(used_ms, excluded.used_ms)",
        used.items(),
    )


def looks(connection: sqlite3.Connection) -> dict[str, int]:
    """Return when each key was used last to look, in milliseconds."""
    return dict(connection.execute("SELECT hash, used_ms FROM client_keys"))


def forget(connection: sqlite3.Connection, hashed: str) -> None:
    """Forget a key, with whose events nothing of it is left."""
    connection.execute("DELETE FROM client_keys WHERE hash = ?", (hashed,))
