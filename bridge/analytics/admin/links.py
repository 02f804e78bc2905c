"""Tokens of workspaces: of links, which are kept and shown again, and embedded ones, which are made for each viewer.

A token is signed with a key of this file, so that one that is made up is refused before anything is looked up:

    apw_ base64url( body · the first 16 bytes of HMAC-SHA-256 of the body )

The body of a link's is its number. An embedded one says in JSON what it is: `w` workspace, `v` values of the template,
`f` and `t` its own bounds in time, `m` when it was made, `e` when it ends, all in milliseconds, and `o` how often such
tokens had been taken back by then. One that was given for a password has `l`, the link, and `p`, the mark of the
password, in place of values.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.analytics.admin.workspaces import KeptWorkspace, get
from bridge.analytics.sharing.passwords import mark
from bridge.errors import Unanswerable

SCHEMA: Final = (
    """
CREATE TABLE IF NOT EXISTS workspace_links (
    id TEXT PRIMARY KEY,
    workspace TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    given TEXT NOT NULL,
    from_ms INTEGER,
    to_ms INTEGER,
    made_ms INTEGER NOT NULL,
    expires_ms INTEGER
) STRICT, WITHOUT ROWID
""",
    "CREATE INDEX IF NOT EXISTS workspace_links_of ON workspace_links (workspace)",
    "CREATE TABLE IF NOT EXISTS signing (id INTEGER PRIMARY KEY CHECK (id = 1), key BLOB NOT NULL) STRICT",
)
PREFIX: Final = "apw_"
MOST_LINKS: Final = 1_000
"""Of one workspace."""
MOST_EMBEDDED_MS: Final = 30 * 86_400_000
"""How long an embedded token may last."""
_MAC: Final = 16
_NUMBER: Final = 12
# A line of a request's head has 8,190 bytes at most.
_LONGEST: Final = 8_000
_COLUMNS: Final = "id, name, given, from_ms, to_ms, made_ms, expires_ms"


@dataclass(frozen=True, slots=True)
class ShareLink:
    """A link to a workspace, with what it holds the template's fields to."""

    id: str
    name: str
    values: Mapping[str, Any]
    from_ms: int | None
    to_ms: int | None
    """Its own bounds in time, beside the workspace's."""
    made_ms: int
    expires_ms: int | None


@dataclass(frozen=True, slots=True)
class OpenedToken:
    """What a token of a workspace stands for."""

    kept: KeptWorkspace
    key: str
    """What tells this token from others, without being one."""
    link: str | None = None
    """The link that it is of; None: it is embedded."""
    name: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    from_ms: int | None = None
    to_ms: int | None = None
    expires_ms: int | None = None
    locked: bool = False
    """Whether the workspace's password has to be given first."""


def make_link(
    connection: sqlite3.Connection,
    workspace: str,
    *,
    now_ms: int,
    name: str = "",
    values: Mapping[str, Any] | None = None,
    from_ms: int | None = None,
    to_ms: int | None = None,
    expires_ms: int | None = None,
) -> tuple[str, str] | None:
    """Make a link to a workspace; returns its id and its token. None: there are too many."""
    ((count,),) = connection.execute(
        "SELECT count(*) FROM workspace_links WHERE workspace = ?", (workspace,)
    ).fetchall()
    if count >= MOST_LINKS:
        return None
    number = secrets.token_hex(_NUMBER)
    given = json.dumps(dict(values or {}), ensure_ascii=False)
    connection.execute(
        "INSERT INTO workspace_links (id, workspace, name, given, from_ms, to_ms, made_ms, expires_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (number, workspace, name, given, from_ms, to_ms, now_ms, expires_ms),
    )
    return number, token_of(connection, number)


def token_of(connection: sqlite3.Connection, link: str) -> str:
    """Return the token of a link; a key to sign with is made where there is none: the connection is writing."""
    return _signed(_key(connection, make=True), bytes.fromhex(link))


def make_embedded(
    connection: sqlite3.Connection,
    workspace: str,
    *,
    now_ms: int,
    expires_ms: int,
    values: Mapping[str, Any] | None = None,
    from_ms: int | None = None,
    to_ms: int | None = None,
) -> str:
    """Return a token for one viewer of a workspace, which is kept nowhere; raises Unanswerable."""
    end, kept = min(expires_ms, now_ms + MOST_EMBEDDED_MS), get(connection, workspace)
    said = {"w": workspace, "v": dict(values or {}), "f": from_ms, "t": to_ms, "m": now_ms, "e": end}
    said["o"] = 0 if kept is None else kept.embedding_ended
    token = _signed(_key(connection, make=True), _encoded(said))
    if len(token) > _LONGEST:
        raise Unanswerable(
            "the values are too long for a token, which carries them",
            "give fewer of them, or make a link",
            field="values",
        )
    return token


def make_unlocked(
    connection: sqlite3.Connection, opened: OpenedToken, *, now_ms: int, expires_ms: int
) -> str:
    """Return a token for one who has given the workspace's password at a link."""
    password = opened.kept.workspace.password or ""
    said = {"w": opened.kept.id, "l": opened.link, "p": mark(password), "m": now_ms, "e": expires_ms}
    return _signed(_key(connection, make=False), _encoded(said))


def links_of(connection: sqlite3.Connection, workspace: str) -> list[ShareLink]:
    """Return the links to a workspace, the oldest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM workspace_links WHERE workspace = ? ORDER BY made_ms, id",  # noqa: S608 - our own names
        (workspace,),
    ).fetchall()
    return [_link(row) for row in rows]


def revoke_link(connection: sqlite3.Connection, link: str) -> bool:
    """Take a link away; returns whether there was one. Its token is refused from now on."""
    return bool(connection.execute("DELETE FROM workspace_links WHERE id = ?", (link,)).rowcount)


def read_token(connection: sqlite3.Connection, token: str, now_ms: int) -> OpenedToken | None:
    """Return what a token stands for; None for one that was made up, has expired or was revoked."""
    body = _verified(connection, token)
    if body is None:
        return None
    if len(body) == _NUMBER:
        return _of_link(connection, body.hex(), now_ms)
    said = json.loads(body)
    if said["e"] <= now_ms:
        return None
    return (
        _of_password(connection, said, now_ms)
        if "l" in said
        else _of_embedded(connection, body, said, now_ms)
    )


def _of_password(connection: sqlite3.Connection, said: Mapping[str, Any], now_ms: int) -> OpenedToken | None:
    opened = _of_link(connection, said["l"], now_ms)
    if opened is None or opened.kept.workspace.password is None:
        return opened
    return _unlocked(opened, said["e"]) if said["p"] == mark(opened.kept.workspace.password) else None


def _of_embedded(
    connection: sqlite3.Connection, body: bytes, said: Mapping[str, Any], now_ms: int
) -> OpenedToken | None:
    kept = get(connection, said["w"])
    if kept is None or kept.ended(now_ms) or said.get("o") != kept.embedding_ended:
        return None
    key = hashlib.sha256(body).hexdigest()[:16]
    return OpenedToken(kept, key, None, "", said["v"], said["f"], said["t"], said["e"])


def _of_link(connection: sqlite3.Connection, link: str, now_ms: int) -> OpenedToken | None:
    rows = connection.execute(
        f"SELECT workspace, {_COLUMNS} FROM workspace_links WHERE id = ?",  # noqa: S608 - our own names
        (link,),
    ).fetchall()
    if not rows:
        return None
    kept, found = get(connection, rows[0][0]), _link(rows[0][1:])
    if kept is None or kept.ended(now_ms) or not kept.workspace.public:
        return None
    if found.expires_ms is not None and found.expires_ms <= now_ms:
        return None
    return OpenedToken(
        kept,
        link,
        link,
        found.name,
        found.values,
        found.from_ms,
        found.to_ms,
        found.expires_ms,
        locked=kept.workspace.password is not None,
    )


def _unlocked(opened: OpenedToken, expires_ms: int) -> OpenedToken:
    return OpenedToken(
        opened.kept,
        opened.key,
        opened.link,
        opened.name,
        opened.values,
        opened.from_ms,
        opened.to_ms,
        min(expires_ms, opened.expires_ms or expires_ms),
    )


def _link(row: Sequence[Any]) -> ShareLink:
    number, name, given, *rest = row
    return ShareLink(number, name, json.loads(given), *rest)


def _key(connection: sqlite3.Connection, *, make: bool) -> bytes:
    """Return the key of all tokens; empty where there is none, so that no token was made."""
    rows = connection.execute("SELECT key FROM signing").fetchall()
    if rows:
        return bytes(rows[0][0])
    if not make:
        return b""
    key = secrets.token_bytes(32)
    connection.execute("INSERT INTO signing (id, key) VALUES (1, ?)", (key,))
    return key


def _encoded(said: Mapping[str, Any]) -> bytes:
    # With a number that nobody knows: two tokens for the same are two.
    return json.dumps({**said, "n": secrets.token_hex(6)}, ensure_ascii=False, separators=(",", ":")).encode()


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, b"apim-bridge workspace " + body, "sha256")[:_MAC]


def _signed(key: bytes, body: bytes) -> str:
    return PREFIX + base64.urlsafe_b64encode(body + _mac(key, body)).decode().rstrip("=")


def _verified(connection: sqlite3.Connection, token: str) -> bytes | None:
    if not token.startswith(PREFIX) or len(token) > _LONGEST or not token.isascii():
        return None
    text = token.removeprefix(PREFIX)
    try:
        whole = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    body, mac = whole[:-_MAC], whole[-_MAC:]
    key = _key(connection, make=False)
    # One text for one token: what base64 leaves open would let a token be changed and stay valid.
    same = bool(key) and hmac.compare_digest(mac, _mac(key, body)) and _signed(key, body) == token
    return body if same else None
