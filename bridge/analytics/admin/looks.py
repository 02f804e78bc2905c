"""Who looked at a workspace, and when: the latest of each."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

SCHEMA: Final = (
    """
CREATE TABLE IF NOT EXISTS workspace_looks (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    link TEXT,
    name TEXT NOT NULL,
    given TEXT NOT NULL,
    address TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT
""",
    "CREATE INDEX IF NOT EXISTS workspace_looks_of ON workspace_looks (workspace, number)",
    """
CREATE TABLE IF NOT EXISTS workspace_look_counts (
    workspace TEXT PRIMARY KEY REFERENCES workspaces (id) ON DELETE CASCADE, looks INTEGER NOT NULL
) STRICT, WITHOUT ROWID
""",
)
MOST_LOOKS: Final = 500
"""Of one workspace; older ones are let go of (P8)."""


@dataclass(frozen=True, slots=True)
class WorkspaceLook:
    """One time that a workspace was opened."""

    link: str | None
    """By which link; None: by an embedded token."""
    name: str
    """The link's, as it was then."""
    values: Mapping[str, Any]
    """What the template's fields were held to."""
    address: str
    """Who asked this server: behind a proxy that is the proxy."""
    at_ms: int


def note(connection: sqlite3.Connection, workspace: str, look: WorkspaceLook) -> None:
    """Keep that somebody looked."""
    connection.execute(
        "INSERT INTO workspace_looks (workspace, link, name, given, address, at_ms) VALUES (?, ?, ?, ?, ?, ?)",
        (
            workspace,
            look.link,
            look.name,
            json.dumps(dict(look.values), ensure_ascii=False),
            look.address,
            look.at_ms,
        ),
    )
    connection.execute(
        "INSERT INTO workspace_look_counts VALUES (?, 1) ON CONFLICT (workspace) DO UPDATE SET looks = looks + 1",
        (workspace,),
    )
    connection.execute(
        "DELETE FROM workspace_looks WHERE workspace = ?1 AND number <= ("
        "SELECT number FROM workspace_looks WHERE workspace = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)",
        (workspace, MOST_LOOKS),
    )


def looks_at(connection: sqlite3.Connection, workspace: str) -> list[WorkspaceLook]:
    """Return the latest looks at a workspace, the newest first."""
    rows = connection.execute(
        "SELECT link, name, given, address, at_ms FROM workspace_looks WHERE workspace = ? ORDER BY number DESC",
        (workspace,),
    ).fetchall()
    return [
        WorkspaceLook(link, name, json.loads(given), address, at) for link, name, given, address, at in rows
    ]


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Return how often each workspace was opened that was."""
    return dict(connection.execute("SELECT workspace, looks FROM workspace_look_counts").fetchall())
