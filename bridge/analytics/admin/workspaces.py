"""Workspaces as they are kept."""

import json
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from bridge.analytics.sharing.workspace import Grant, Workspace

SCHEMA: Final = (
    """
CREATE TABLE IF NOT EXISTS workspaces (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    made_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    made_by TEXT NOT NULL,
    embedding_ended INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID
""",
)
MOST_WORKSPACES: Final = 10_000
_COLUMNS: Final = "id, body, made_ms, changed_ms, made_by, embedding_ended"


@dataclass(frozen=True, slots=True)
class KeptWorkspace:
    """A workspace, with what is known of it."""

    id: str
    """24 hexadecimal digits, as Moesif's."""
    workspace: Workspace
    made_ms: int
    changed_ms: int
    made_by: str
    """The name of the token that made it."""
    embedding_ended: int
    """How often all embedded tokens were taken back: those that were made before the last time are void."""

    def ended(self, now_ms: int) -> bool:
        """Return whether it has expired."""
        return self.workspace.expires_ms is not None and self.workspace.expires_ms <= now_ms


def create(connection: sqlite3.Connection, workspace: Workspace, *, now_ms: int, by: str) -> str | None:
    """Keep a workspace; returns its id. None: there are too many."""
    ((count,),) = connection.execute("SELECT count(*) FROM workspaces").fetchall()
    if count >= MOST_WORKSPACES:
        return None
    number = secrets.token_hex(12)
    connection.execute(
        "INSERT INTO workspaces (id, name, body, made_ms, changed_ms, made_by) VALUES (?, ?, ?, ?, ?, ?)",
        (number, workspace.name, _body(workspace), now_ms, now_ms, by),
    )
    return number


def get(connection: sqlite3.Connection, number: str) -> KeptWorkspace | None:
    """Return a workspace, whether or not it has expired."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM workspaces WHERE id = ?",  # noqa: S608 - our own names
        (number,),
    ).fetchall()
    return _kept(rows[0]) if rows else None


def every(connection: sqlite3.Connection) -> list[KeptWorkspace]:
    """Return all workspaces, the newest first."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM workspaces ORDER BY made_ms DESC, id").fetchall()  # noqa: S608 - our own names
    return [_kept(row) for row in rows]


def change(connection: sqlite3.Connection, number: str, workspace: Workspace, *, now_ms: int) -> bool:
    """Keep a workspace as it is now; returns whether there is one. Its links show it from now on."""
    return bool(
        connection.execute(
            "UPDATE workspaces SET name = ?, body = ?, changed_ms = ? WHERE id = ?",
            (workspace.name, _body(workspace), now_ms, number),
        ).rowcount
    )


def delete(connection: sqlite3.Connection, number: str) -> bool:
    """Take a workspace away, with its links and the list of who looked; returns whether there was one."""
    return bool(connection.execute("DELETE FROM workspaces WHERE id = ?", (number,)).rowcount)


def end_embedding(connection: sqlite3.Connection, number: str) -> bool:
    """Make all embedded tokens of a workspace void that there are; returns whether there is such a workspace."""
    # Counted, not told by the time: a clock may go back.
    return bool(
        connection.execute(
            "UPDATE workspaces SET embedding_ended = embedding_ended + 1 WHERE id = ?", (number,)
        ).rowcount
    )


def _body(workspace: Workspace) -> str:
    return json.dumps(asdict(workspace), ensure_ascii=False)


def _kept(row: Sequence[Any]) -> KeptWorkspace:
    number, body, *rest = row
    said = json.loads(body)
    said |= {name: tuple(said[name]) for name in ("filters", "template", "shown", "period")}
    said["bounds"] = None if said["bounds"] is None else tuple(said["bounds"])
    said["acl"] = tuple(Grant(**grant) for grant in said["acl"])
    return KeptWorkspace(number, Workspace(**said), *rest)
