"""Channels, and what waits to be sent in them or was: kept in admin.db.

A message keeps its id in every try, and the messages of a channel go one after the other, in the order in which they
were made.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import msgspec

from bridge.analytics.alerts.channels import Channel

SCHEMA: Final = (
    """
CREATE TABLE IF NOT EXISTS channels (
  id TEXT PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL)
""",
    """
CREATE TABLE IF NOT EXISTS messages (
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, channel TEXT NOT NULL, subject TEXT NOT NULL,
  body TEXT, made_ms INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0, next_ms INTEGER NOT NULL,
  outcome TEXT NOT NULL DEFAULT 'waiting', said TEXT, done_ms INTEGER)
""",
    """
CREATE INDEX IF NOT EXISTS messages_of_channel ON messages (channel, outcome, number)
""",
)

MOST_CHANNELS: Final = 100
MOST_WAITING: Final = 500
"""Messages that wait in one channel; of more, the oldest is given up."""
MOST_KEPT: Final = 5000
"""Messages whose outcome is shown."""


@dataclass(frozen=True, slots=True)
class Message:
    """Something that goes to a channel, and how it fared; times in ms since the epoch."""

    number: int
    id: str
    channel: str
    subject: str
    body: dict[str, Any] | None
    """What it says; gone once it has its outcome."""
    made_ms: int
    tries: int
    next_ms: int
    outcome: str
    """waiting, sent or failed."""
    said: str | None
    """What stood against it last."""
    done_ms: int | None


def channels(connection: sqlite3.Connection) -> dict[str, tuple[int, Channel]]:
    """Return all channels by id, each with its version."""
    rows = connection.execute("SELECT id, version, body FROM channels ORDER BY id")
    return {number: (version, _channel(body)) for number, version, body in rows}


def channel_of(connection: sqlite3.Connection, number: str) -> tuple[int, Channel] | None:
    """Return a channel and its version."""
    row = connection.execute("SELECT version, body FROM channels WHERE id = ?", (number,)).fetchone()
    return None if row is None else (row[0], _channel(row[1]))


def _channel(body: str) -> Channel:
    return msgspec.json.decode(body, type=Channel)


def keep_channel(connection: sqlite3.Connection, number: str, channel: Channel) -> int:
    """Keep a channel; returns its version."""
    before = channel_of(connection, number)
    version = before[0] + 1 if before else 1
    connection.execute(
        "INSERT OR REPLACE INTO channels VALUES (?, ?, ?)",
        (number, version, msgspec.json.encode(asdict(channel)).decode()),
    )
    # What a wrong address kept waiting is tried at once.
    connection.execute("UPDATE messages SET next_ms = 0 WHERE channel = ? AND outcome = 'waiting'", (number,))
    return version


def remove_channel(connection: sqlite3.Connection, number: str) -> bool:
    """Delete a channel and its messages; returns whether there was one."""
    connection.execute("DELETE FROM messages WHERE channel = ?", (number,))
    return connection.execute("DELETE FROM channels WHERE id = ?", (number,)).rowcount > 0


def add_message(
    connection: sqlite3.Connection, number: str, channel: str, subject: str, body: dict[str, Any], now_ms: int
) -> int:
    """Let a message wait to be sent in a channel; returns how many were given up for it."""
    connection.execute(
        "INSERT INTO messages (id, channel, subject, body, made_ms, next_ms) VALUES (?, ?, ?, ?, ?, ?)",
        (number, channel, subject, msgspec.json.encode(body).decode(), now_ms, now_ms),
    )
    given_up = connection.execute(
        "UPDATE messages SET outcome = 'failed', body = NULL, done_ms = ?2, said = 'too many messages were waiting'"
        " WHERE number IN (SELECT number FROM messages WHERE channel = ?1 AND outcome = 'waiting'"
        " ORDER BY number DESC LIMIT -1 OFFSET ?3)",
        (channel, now_ms, MOST_WAITING),
    ).rowcount
    connection.execute(
        "DELETE FROM messages WHERE outcome != 'waiting' AND number <= (SELECT max(number) FROM messages) - ?",
        (MOST_KEPT,),
    )
    return given_up


def first_waiting(connection: sqlite3.Connection) -> list[Message]:
    """Return the message of each channel that is next."""
    rows = connection.execute(
        "SELECT * FROM messages WHERE number IN"
        " (SELECT min(number) FROM messages WHERE outcome = 'waiting' GROUP BY channel)"
    )
    return [_message(row) for row in rows]


def put_off(connection: sqlite3.Connection, number: str, next_ms: int, said: str) -> None:
    """Keep that a try failed, and when the next one is."""
    connection.execute(
        "UPDATE messages SET tries = tries + 1, next_ms = ?, said = ? WHERE id = ? AND outcome = 'waiting'",
        (next_ms, said, number),
    )


def settle(connection: sqlite3.Connection, number: str, outcome: str, now_ms: int, said: str | None) -> None:
    """Keep the outcome of a message: sent or failed."""
    connection.execute(
        "UPDATE messages SET tries = tries + 1, outcome = ?, done_ms = ?, said = ?, body = NULL"
        " WHERE id = ? AND outcome = 'waiting'",
        (outcome, now_ms, said, number),
    )


def messages(connection: sqlite3.Connection, channel: str | None, limit: int) -> list[Message]:
    """Return messages, the newest first: of a channel, or of all."""
    rows = connection.execute(
        "SELECT * FROM messages WHERE ?1 IS NULL OR channel = ?1 ORDER BY number DESC LIMIT ?2",
        (channel, limit),
    )
    return [_message(row) for row in rows]


def last_settled(connection: sqlite3.Connection) -> dict[str, Message]:
    """Return the message of each channel that had its outcome last."""
    rows = connection.execute(
        "SELECT * FROM messages WHERE number IN"
        " (SELECT max(number) FROM messages WHERE outcome != 'waiting' GROUP BY channel)"
    )
    return {message.channel: message for message in map(_message, rows)}


def waiting_counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Return how many messages wait in each channel where any does."""
    return dict(
        connection.execute(
            "SELECT channel, count(*) FROM messages WHERE outcome = 'waiting' GROUP BY channel"
        )
    )


def _message(row: Sequence[Any]) -> Message:
    number, id_, channel, subject, body, *rest = row
    return Message(number, id_, channel, subject, None if body is None else msgspec.json.decode(body), *rest)
