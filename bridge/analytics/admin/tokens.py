"""Tokens that were made by command or in the dashboard; those of the configuration stand there alone."""

import hashlib
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

from bridge.settings.analytics import Scope

SCHEMA: Final = (
    """
CREATE TABLE IF NOT EXISTS tokens (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    sha256 TEXT NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    per_minute INTEGER,
    made_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    used_ms INTEGER
) STRICT, WITHOUT ROWID
""",
)
MOST_TOKENS: Final = 10_000
_COLUMNS: Final = "id, name, scopes, per_minute, made_ms, expires_ms, used_ms"


@dataclass(frozen=True, slots=True)
class KeptToken:
    """A token as it is kept: everything but itself."""

    id: str
    name: str
    scopes: frozenset[Scope]
    per_minute: int | None
    """How many requests it may make in a minute; None: any number."""
    made_ms: int
    expires_ms: int | None
    used_ms: int | None
    """When it was used last, to the minute."""


def digest_of(token: str) -> str:
    """Return what is kept of a token. It is long and random, so that this is no way to it."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def make(
    connection: sqlite3.Connection,
    name: str,
    scopes: Sequence[str],
    *,
    now_ms: int,
    expires_ms: int | None = None,
    per_minute: int | None = None,
) -> tuple[str, str] | None:
    """Make a token; returns its id and itself, which nobody can ask for again. None: the name is taken."""
    ((count,),) = connection.execute("SELECT count(*) FROM tokens").fetchall()
    token, number = f"apb_{secrets.token_urlsafe(32)}", secrets.token_hex(6)
    if count >= MOST_TOKENS:
        return None
    made = connection.execute(
        "INSERT INTO tokens (id, name, sha256, scopes, per_minute, made_ms, expires_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING",
        (number, name, digest_of(token), " ".join(scopes), per_minute, now_ms, expires_ms),
    )
    return (number, token) if made.rowcount else None


def find(connection: sqlite3.Connection, digest: str) -> KeptToken | None:
    """Return the token with this digest, whether or not it has expired."""
    # To its end: a statement that is not would keep looking at the file as it was.
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM tokens WHERE sha256 = ?",  # noqa: S608 - our own names
        (digest,),
    ).fetchall()
    return _kept(rows[0]) if rows else None


def every(connection: sqlite3.Connection) -> list[KeptToken]:
    """Return all tokens, by name."""
    return [_kept(row) for row in connection.execute(f"SELECT {_COLUMNS} FROM tokens ORDER BY name")]  # noqa: S608 - our own names


def revoke(connection: sqlite3.Connection, id_or_name: str) -> bool:
    """Take a token away; returns whether there was one."""
    return bool(
        connection.execute("DELETE FROM tokens WHERE id = ? OR name = ?", (id_or_name, id_or_name)).rowcount
    )


def revoke_unused(connection: sqlite3.Connection, before_ms: int) -> list[str]:
    """Take those away that were neither made nor used since a time; returns their names."""
    rows = connection.execute(
        "DELETE FROM tokens WHERE coalesce(used_ms, made_ms) < ? RETURNING name", (before_ms,)
    ).fetchall()
    return [name for (name,) in rows]


def note_uses(connection: sqlite3.Connection, used: Mapping[str, int]) -> None:
    """Keep when tokens were used last: id to milliseconds."""
    connection.executemany(
        "UPDATE tokens SET used_ms = max(coalesce(used_ms, 0), ?) WHERE id = ?",
        [(ms, number) for number, ms in used.items()],
    )


def _kept(row: Sequence[Any]) -> KeptToken:
    number, name, scopes, *rest = row
    # A scope that a later release made allows nothing here.
    return KeptToken(number, name, frozenset(get_args(Scope)) & {*scopes.split()}, *rest)
