"""Rules of alerts, how it stands with them, and what has happened: kept in admin.db.

All functions work on the file's connection, within the transaction of whoever calls. What a look at a rule finds is
kept in one: its states, the history, and the notices that wait to be sent. So a notice is made once, and a state that
was said is never forgotten.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from bridge.analytics.alerts.rules import AlertRule, read_rule
from bridge.analytics.alerts.states import AlertState, Cause, GroupKey
from bridge.errors import Unanswerable

SCHEMA: Final = (
    """
CREATE TABLE IF NOT EXISTS alert_rules (
  id TEXT PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL,
  looked_ms INTEGER, failing_ms INTEGER, failure TEXT, failure_said INTEGER NOT NULL DEFAULT 0)
""",
    """
CREATE TABLE IF NOT EXISTS alert_states (
  rule TEXT NOT NULL, of TEXT NOT NULL, firing INTEGER NOT NULL, since_ms INTEGER NOT NULL,
  value REAL, cause TEXT NOT NULL, said_ms INTEGER, PRIMARY KEY (rule, of)) WITHOUT ROWID
""",
    """
CREATE TABLE IF NOT EXISTS alert_history (
  id INTEGER PRIMARY KEY, rule TEXT NOT NULL, of TEXT, at_ms INTEGER NOT NULL,
  happened TEXT NOT NULL, value REAL, cause TEXT, detail TEXT)
""",
    """
CREATE INDEX IF NOT EXISTS alert_history_of_rule ON alert_history (rule, id)
""",
)

MOST_RULES: Final = 200
MOST_HISTORY: Final = 20_000
MOST_RESTING: Final = 10_000
"""Groups of a rule of which it is remembered when they were said last, though they do not hold (P8)."""


@dataclass(frozen=True, slots=True)
class KeptRule:
    """A rule as it is kept, and how it was last looked at; times in ms since the epoch."""

    id: str
    version: int
    body: dict[str, Any]
    looked_ms: int | None
    """When its last window ended that was looked at."""
    failing_ms: int | None
    """Since when its question fails."""
    failure: str | None
    failure_said: bool

    @property
    def rule(self) -> AlertRule:
        """The rule. Raises Unanswerable, where an update has taken away what it asks for."""
        return read_rule(self.body)

    @property
    def condition(self) -> tuple[object, ...] | None:
        """The rule's; None: it cannot be read any more."""
        try:
            return self.rule.condition
        except Unanswerable:
            return None


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """Something that happened to a group of a rule, or to a rule."""

    rule: str
    of: GroupKey | None
    at_ms: int
    happened: str
    value: float | None = None
    cause: str | None = None
    detail: str | None = None


_RULE: Final = "id, version, body, looked_ms, failing_ms, failure, failure_said"


def rules(connection: sqlite3.Connection) -> list[KeptRule]:
    """Return all rules."""
    return [_kept(row) for row in connection.execute(f"SELECT {_RULE} FROM alert_rules ORDER BY id")]  # noqa: S608 - our own names


def rule_of(connection: sqlite3.Connection, number: str) -> KeptRule | None:
    """Return a rule."""
    row = connection.execute(f"SELECT {_RULE} FROM alert_rules WHERE id = ?", (number,)).fetchone()  # noqa: S608 - our own names
    return None if row is None else _kept(row)


def _kept(row: Sequence[Any]) -> KeptRule:
    number, version, body, looked, failing, failure, said = row
    return KeptRule(number, version, msgspec.json.decode(body), looked, failing, failure, bool(said))


def keep_rule(
    connection: sqlite3.Connection, number: str, body: dict[str, Any], over: int | None, now_ms: int
) -> int | None:
    """Keep a rule in place of version `over` (0: there is none; None: any); returns its version, None if it is another.

    With another condition, or switched off, it begins anew: what it said of the old one holds no more.
    """
    before = rule_of(connection, number)
    if over is not None and over != (before.version if before else 0):
        return None
    version = before.version + 1 if before else 1
    connection.execute(
        "INSERT INTO alert_rules (id, version, body) VALUES (?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET version = excluded.version, body = excluded.body",
        (number, version, msgspec.json.encode(body).decode()),
    )
    rule = read_rule(body)
    if before is not None and (before.condition != rule.condition or not rule.on):
        connection.execute("DELETE FROM alert_states WHERE rule = ?", (number,))
        connection.execute(
            "UPDATE alert_rules SET looked_ms = NULL, failing_ms = NULL, failure = NULL, failure_said = 0"
            " WHERE id = ?",
            (number,),
        )
        add_history(connection, [HistoryLine(number, None, now_ms, "changed")])
    return version


def remove_rule(connection: sqlite3.Connection, number: str) -> bool:
    """Delete a rule with all that is known of it; returns whether there was one."""
    connection.execute("DELETE FROM alert_states WHERE rule = ?", (number,))
    connection.execute("DELETE FROM alert_history WHERE rule = ?", (number,))
    return connection.execute("DELETE FROM alert_rules WHERE id = ?", (number,)).rowcount > 0


def states_of(connection: sqlite3.Connection, number: str) -> dict[GroupKey, AlertState]:
    """Return how it stands with the groups of a rule that are not as if nothing had ever been."""
    rows = connection.execute(
        "SELECT of, firing, since_ms, value, cause, said_ms FROM alert_states WHERE rule = ?", (number,)
    )
    return {
        group_of(of): AlertState(bool(firing), since, value, Cause(cause), said)
        for of, firing, since, value, cause, said in rows
    }


def all_states(connection: sqlite3.Connection) -> dict[str, dict[GroupKey, AlertState]]:
    """Return that of all rules."""
    return {
        number: states_of(connection, number)
        for (number,) in connection.execute("SELECT DISTINCT rule FROM alert_states").fetchall()
    }


def keep_look(
    connection: sqlite3.Connection,
    looked: KeptRule,
    at_ms: int,
    states: Mapping[GroupKey, AlertState | None],
    history: Sequence[HistoryLine],
) -> bool:
    """Keep what a look at a rule found; returns False, and keeps nothing, if the rule is another by now.

    `states` are those that changed; None: it is as if nothing had been.
    """
    if not _is_there(connection, looked):
        return False
    for key, state in states.items():
        if state is None:
            connection.execute("DELETE FROM alert_states WHERE rule = ? AND of = ?", (looked.id, _text(key)))
            continue
        row = (looked.id, _text(key), state.firing, state.since_ms, state.value, state.cause, state.said_ms)
        connection.execute("INSERT OR REPLACE INTO alert_states VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    if states:
        connection.execute(
            "DELETE FROM alert_states WHERE rule = ?1 AND since_ms = 0 AND of NOT IN (SELECT of FROM alert_states"
            " WHERE rule = ?1 AND since_ms = 0 ORDER BY said_ms DESC LIMIT ?2)",
            (looked.id, MOST_RESTING),
        )
    connection.execute(
        "UPDATE alert_rules SET looked_ms = ?, failing_ms = NULL, failure = NULL, failure_said = 0 WHERE id = ?",
        (at_ms, looked.id),
    )
    add_history(connection, history)
    return True


def keep_failure(
    connection: sqlite3.Connection,
    looked: KeptRule,
    since_ms: int,
    failure: str,
    history: Sequence[HistoryLine],
    *,
    said: bool,
) -> bool:
    """Keep that a rule cannot be answered, and whether that was said; returns False if the rule is another by now."""
    if not _is_there(connection, looked):
        return False
    connection.execute(
        "UPDATE alert_rules SET failing_ms = ?, failure = ?, failure_said = ? WHERE id = ?",
        (since_ms, failure, said, looked.id),
    )
    add_history(connection, history)
    return True


def _is_there(connection: sqlite3.Connection, looked: KeptRule) -> bool:
    found = connection.execute("SELECT version FROM alert_rules WHERE id = ?", (looked.id,)).fetchone()
    return found is not None and found[0] == looked.version


def add_history(connection: sqlite3.Connection, lines: Sequence[HistoryLine]) -> None:
    """Keep what has happened; the oldest goes."""
    if not lines:
        return
    connection.executemany(
        "INSERT INTO alert_history (rule, of, at_ms, happened, value, cause, detail) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (
                line.rule,
                None if line.of is None else _text(line.of),
                *(line.at_ms, line.happened, line.value, line.cause, line.detail),
            )
            for line in lines
        ],
    )
    connection.execute(
        "DELETE FROM alert_history WHERE id <= (SELECT max(id) FROM alert_history) - ?", (MOST_HISTORY,)
    )


def history(
    connection: sqlite3.Connection, number: str | None, before: int | None, limit: int
) -> list[tuple[int, HistoryLine]]:
    """Return what has happened, the newest first: of a rule, or of all; before the line of that id."""
    rows = connection.execute(
        "SELECT id, rule, of, at_ms, happened, value, cause, detail FROM alert_history"
        " WHERE (?1 IS NULL OR rule = ?1) AND (?2 IS NULL OR id < ?2) ORDER BY id DESC LIMIT ?3",
        (number, before, limit),
    )
    return [
        (at, HistoryLine(rule, None if of is None else group_of(of), *rest)) for at, rule, of, *rest in rows
    ]


def _text(key: GroupKey) -> str:
    return msgspec.json.encode(key).decode()


def group_of(text: str) -> GroupKey:
    """Return the group that was kept as this text."""
    return tuple(msgspec.json.decode(text))


def alert_gauges(connection: sqlite3.Connection) -> dict[str, float]:
    """Return what Prometheus asks for."""
    counts = {
        "analytics_alerts_firing": "alert_states WHERE firing",
        "analytics_alert_rules_failing": "alert_rules WHERE failing_ms IS NOT NULL",
        "analytics_messages_waiting": "messages WHERE outcome = 'waiting'",
    }
    return {
        name: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - our own names
        for name, table in counts.items()
    }
