"""Takes a subject out of what people have written in the dashboard: filters, names, markers in time.

`[erased]` stands in its place, so that a board or a workspace that was about this subject shows nothing, and never
more than before.
"""

import json
import re
import sqlite3
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

from bridge.analytics.store.kept import KeptByPeople
from bridge.analytics.store.subjects import ERASABLE, ERASED_WORD, Erasure

_OF_THEIR_OWN: Final = frozenset({"tokens", "erasures"})
"""Tables that hold nobody's data, or take care of themselves."""
_SAID: Final = frozenset({"name", "title", "text", "about", "address"})
"""What people say of a thing, and from where they looked: the names of columns, and of members of JSON."""
_DOCUMENT: Final = "document"
"""What a client has sent in words of its own, and gets back."""
_NAMED_AFTER: Final = frozenset({"workspaces", "workspace_links", "workspace_looks"})
"""Tables whose names are made of what they show: such a name says more than a word that it has by chance."""
_TOLD: Final = {
    "alert_states": frozenset({"of"}),
    "alert_history": frozenset({"of", "detail"}),
    "messages": frozenset({"subject", "said", "body"}),
}
"""What was found by rules and said of them, by table: its sentences are made of names and of filters' values."""
_TOLD_MEMBERS: Final = frozenset({"name", "condition", "lines"})
_EVER: Final = 10**18


class WrittenBlotting:
    """Blots one subject."""

    def __init__(self, erasure: Erasure) -> None:
        self._fields = frozenset(ERASABLE[erasure.field])
        self._spellings = frozenset(erasure.spellings)
        self._spoken = erasure.spoken_of
        # As they are, and as a query has them; the longest first, because one may begin with another.
        forms = {form for one in erasure.spellings for form in (one, quote(one, safe=""))}
        words = "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
        self._words = re.compile(rf"(?<!\w)(?:{words})(?!\w)")

    def said(self, text: str) -> str:
        """Return what people say, without the subject."""
        if text in self._spellings:
            return ERASED_WORD
        return text if self._spoken is None else self._spoken.blotted(text)

    def body(self, value: Any) -> Any:
        """Return a JSON value without the subject: in filters on its field, values of its field, and what is said."""
        if isinstance(value, list):
            return [self.body(inner) for inner in value]
        if not isinstance(value, dict):
            return value
        filters = value.get("field") in self._fields
        return {key: self._member(key, inner, whole=filters) for key, inner in value.items()}

    def _member(self, key: str, inner: Any, *, whole: bool) -> Any:
        if (whole and key != "field") or key in self._fields:
            return self._without(inner)
        if key == _DOCUMENT:
            return self.everywhere(inner)
        return self.said(inner) if key in _SAID and isinstance(inner, str) else self.body(inner)

    def everywhere(self, value: Any) -> Any:
        """Return a JSON value in no text of which the subject is, wherever it stands there."""
        if isinstance(value, str):
            return self._words.sub(ERASED_WORD, value)
        if isinstance(value, dict):
            return {key: self.everywhere(inner) for key, inner in value.items()}
        return [self.everywhere(inner) for inner in value] if isinstance(value, list) else value

    def _without(self, value: Any) -> Any:
        if isinstance(value, str):
            return ERASED_WORD if value in self._spellings else value
        if isinstance(value, dict):
            return {key: self._without(inner) for key, inner in value.items()}
        return [self._without(inner) for inner in value] if isinstance(value, list) else value

    def column(self, table: str, column: str, text: str) -> str:
        """Return the text of a column of a table without the subject."""
        if column in _TOLD.get(table, ()):
            return self._told(text)
        after = self.text(column, text)
        if table not in _NAMED_AFTER:
            return after
        if column == "name":
            return str(self.everywhere(after))
        if column != "body":
            return after
        body = json.loads(after)
        named = body | {"name": self.everywhere(body.get("name", ""))}
        return after if named == body else json.dumps(named, ensure_ascii=False)

    def _told(self, text: str) -> str:
        """Return what was found or said without the subject: a group, a notice or a sentence."""
        try:
            before = json.loads(text)
        except ValueError:
            before = text
        if isinstance(before, dict):
            notice = before.get("notice", {})
            told = {key: self.everywhere(notice[key]) for key in notice.keys() & _TOLD_MEMBERS}
            after: Any = {**before, "notice": notice | told}
        elif isinstance(before, list):
            after = self.everywhere(before)
        else:
            return str(self.everywhere(text))
        return text if after == before else json.dumps(after, ensure_ascii=False, separators=(",", ":"))

    def text(self, column: str, text: str) -> str:
        """Return the text of a column without the subject."""
        if text[:1] in {"{", "["}:
            try:
                before = json.loads(text)
            except ValueError:
                return text
            after = self.body(before)
            return text if after == before else json.dumps(after, ensure_ascii=False)
        return self.said(text) if column in _SAID else text


def blot_admin(connection: sqlite3.Connection, erasure: Erasure) -> list[str]:
    """Take a subject out of admin.db, in the transaction that is open; returns the tables that named it."""
    blotting, named = WrittenBlotting(erasure), []
    for table, columns in _texts(connection):
        for column in columns:
            # Two tables have no rowid: the text itself says which rows these are.
            texts = connection.execute(f'SELECT DISTINCT "{column}" FROM "{table}"').fetchall()  # noqa: S608 - names of the schema
            changed = [
                (after, text)
                for (text,) in texts
                if isinstance(text, str) and (after := blotting.column(table, column, text)) != text
            ]
            if changed:
                # Two groups may be the same without their names.
                change = f'UPDATE OR REPLACE "{table}" SET "{column}" = ? WHERE "{column}" = ?'  # noqa: S608 - names of the schema
                connection.executemany(change, changed)
                named.append(table)
    return [*dict.fromkeys(named)]


def _texts(connection: sqlite3.Connection) -> Iterator[tuple[str, list[str]]]:
    """Yield each table, with its columns of text that are no keys but for what a state of an alert is of."""
    tables = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    for (table,) in tables:
        if table not in _OF_THEIR_OWN:
            rows = connection.execute("SELECT name, type, pk FROM pragma_table_info(?)", (table,)).fetchall()
            told = _TOLD.get(table, frozenset())
            yield table, [name for name, kind, key in rows if kind == "TEXT" and (not key or name in told)]


async def blot_kept(kept: KeptByPeople, erasure: Erasure) -> list[str]:
    """Take a subject out of boards and markers; returns which named it. DuckDB's file has to be copied then."""
    blotting, named = WrittenBlotting(erasure), []
    for name, body in await kept.boards():
        if (after := blotting.body(body)) != body:
            await kept.keep_board(name, after, None)
            named.append(f"board {name}")
    for number, _, text in await kept.annotations(-_EVER, _EVER):
        if (after_text := blotting.said(text)) != text:
            await kept.reword_annotation(number, after_text)
            named.append("a marker in time")
    return named
