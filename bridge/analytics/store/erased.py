"""What was erased does not come back (S8): of each erasure a keyed hash remains, with the time that it holds for.

The hash is an HMAC of field and value, whose key is in people.db and nowhere else: nobody can try names against it who
does not have the store. An event that was asked or received before that time, and is of such a subject, is not stored,
or without its caller; whatever speaks of the subject in other events from then is left out of them.

Of a subject that texts may speak of, a hash of its words and their number remain, too: so many words of a text at a
time are looked up.
"""

import hmac
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from itertools import compress
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from bridge.analytics.store.apart import Apart
from bridge.analytics.store.columns import CALLER
from bridge.analytics.store.subjects import (
    ERASABLE,
    Erasure,
    canonical,
    count_words,
    windows,
    without,
)
from bridge.errors import StoreUnusable

TABLES: Final = """
CREATE TABLE IF NOT EXISTS erased (
    digest BLOB NOT NULL, keeps_counts INTEGER NOT NULL, before_ms INTEGER NOT NULL,
    spoken_of BLOB, words INTEGER, ended INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (digest, keeps_counts)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS erasing_keys (key BLOB NOT NULL UNIQUE) STRICT;
"""
_REMEMBER: Final = (
    "INSERT INTO erased (digest, keeps_counts, before_ms, spoken_of, words) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET before_ms = max(before_ms, excluded.before_ms), ended = 0"
)
_REMEMBERED: Final = 50_000
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
_encode: Final = msgspec.json.Encoder().encode
ANONYMOUS: Final[Mapping[str, tuple[str, ...]]] = {
    "user": (*CALLER, "path"),
    "ip": ("ip",),
    "application": ("application", "application_owner", *CALLER, "path"),
    "company": ("company", *CALLER, "path"),
    "key": ("key", *CALLER, "path"),
}
"""What a call that stays without saying whose it was loses of its columns, by the subject's field."""
WHOLE: Final = frozenset(ANONYMOUS.keys() - {"ip"})
"""Those whose calls lose all that may name a person, too, and the id that finds them in a gateway's log."""


class _Hold(NamedTuple):
    """One erasure, as it is remembered."""

    before: int
    """In microseconds."""
    keeps_counts: bool


class Erased:
    """The table `erased`; every call on the writer's thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._keys: list[bytes] = []
        """The first one is this store's own; others came with what another one had erased."""
        self._holds: dict[bytes, list[_Hold]] = {}
        self._spoken_of: dict[bytes, int] = {}
        """Until when nothing may speak of it, in microseconds, by the hash of its words."""
        self._words: list[int] = []
        self._newest = 0
        self._looked_up: dict[str, int] = {}
        self.read()

    def read(self) -> None:
        """Read what the file has."""
        keys = self._connection.execute("SELECT key FROM erasing_keys ORDER BY rowid").fetchall()
        self._keys = [key for (key,) in keys]
        rows = self._connection.execute(
            "SELECT digest, keeps_counts, before_ms, spoken_of, words FROM erased"
        ).fetchall()
        self._holds, self._spoken_of, self._looked_up = {}, {}, {}
        for digest, keeps_counts, before_ms, spoken_of, _ in rows:
            self._holds.setdefault(digest, []).append(_Hold(before_ms * 1000, bool(keeps_counts)))
            if spoken_of is not None:
                self._spoken_of[spoken_of] = max(self._spoken_of.get(spoken_of, 0), before_ms * 1000)
        self._words = sorted({words for *_, words in rows if words})
        self._newest = max((hold.before for holds in self._holds.values() for hold in holds), default=0)

    @property
    def any(self) -> bool:
        """Whether anything was erased."""
        return bool(self._holds)

    def digest(self, field: str, value: str) -> bytes:
        """Return the keyed hash of a subject."""
        if not self._keys:
            self._connection.execute("INSERT INTO erasing_keys VALUES (?)", (secrets.token_bytes(32),))
            self.read()
        return self._hashes(_subject(field, value))[0]

    def unfinished(self) -> int:
        """Return how many erasures were begun and have not ended."""
        ((count,),) = self._connection.execute("SELECT count(*) FROM erased WHERE NOT ended").fetchall()
        return int(count)

    def ended_before(self, field: str, value: str) -> int:
        """Return the time (µs) from before which nothing of a subject may be there; 0: all of it may."""
        found = [
            self._connection.execute(
                "SELECT max(before_ms) FROM erased WHERE digest = ? AND ended", (digest,)
            ).fetchone()[0]
            for digest in self._hashes(_subject(field, value))
        ]
        return max((before_ms or 0 for before_ms in found), default=0) * 1000

    def take_over(self, people_file: Path) -> int:
        """Let nothing come back that another store has erased, by its people.db; returns how many erasures these are.

        Raises StoreUnusable for a file that cannot be read.
        """
        try:
            with closing(sqlite3.connect(f"{people_file.absolute().as_uri()}?mode=ro", uri=True)) as other:
                if not other.execute("SELECT 1 FROM sqlite_master WHERE name = 'erased'").fetchone():
                    # One of an earlier version has erased nothing that it knows of.
                    return 0
                keys = other.execute("SELECT key FROM erasing_keys").fetchall()
                rows = other.execute(
                    "SELECT digest, keeps_counts, before_ms, spoken_of, words FROM erased"
                ).fetchall()
        except sqlite3.Error as error:
            raise StoreUnusable(
                f"{people_file} cannot be read: {error}; name the folder of another store, or a copy of it"
            ) from error
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany("INSERT OR IGNORE INTO erasing_keys VALUES (?)", keys)
        self._connection.executemany(_REMEMBER, rows)
        self._connection.execute("COMMIT")
        self.read()
        return len(rows)

    def erasures_of(self, field: str, value: str) -> list[Erasure]:
        """Return what was asked to be erased of a subject."""
        return [
            Erasure(field, value, hold.before // 1000, hold.keeps_counts) for hold in self._held(field, value)
        ]

    def refuses(self, field: str, value: str, at: int) -> bool:
        """Tell whether what was said of a subject at this time, in microseconds, is not to be kept."""
        return at < self._newest and any(at < hold.before for hold in self._held(field, value))

    def _held(self, field: str, value: str) -> list[_Hold]:
        return [
            hold for digest in self._hashes(_subject(field, value)) for hold in self._holds.get(digest, ())
        ]

    def _hashes(self, text: str) -> list[bytes]:
        written = text.encode("utf-8", "surrogatepass")
        return [hmac.digest(key, written, "sha256") for key in self._keys]

    def remember(self, erasure: Erasure) -> None:
        """Let nothing of a subject come back, from now on; on disk when it returns."""
        spoken = erasure.spoken_of
        words = None if spoken is None else count_words(spoken.core)
        digest = self.digest(erasure.field, erasure.value)
        mark = None if spoken is None else self._hashes(f"\0{spoken.core}")[0]
        self._connection.execute(_REMEMBER, (digest, erasure.keeps_counts, erasure.before_ms, mark, words))
        self.read()

    def end(self, erasure: Erasure) -> None:
        """Say that all that was there is gone."""
        self._connection.executemany(
            "UPDATE erased SET ended = 1 WHERE digest = ? AND keeps_counts = ?",
            [
                (digest, erasure.keeps_counts)
                for digest in self._hashes(_subject(erasure.field, erasure.value))
            ],
        )

    def end_all(self) -> None:
        """Say so of all that was taken over."""
        self._connection.execute("UPDATE erased SET ended = 1")

    def take_out(self, apart: Apart) -> dict[str, int]:
        """Take out of events that are about to be stored what may not come back.

        Returns those that are not to be stored at all, which `apart` has no more: id, and when each was received (µs).
        """
        if not self._holds or not len(apart):
            return {}
        columns = apart.columns
        since = [*map(min, columns["time"], columns["received"])]
        if min(since) >= self._newest:
            return {}
        for place, at in enumerate(since):
            if at < self._newest:
                self._blot(apart, place, at)
        gone: set[int] = set()
        for field, places in ERASABLE.items():
            for column in places:
                if column in columns:
                    gone.update(self._of(apart, field, column, since))
        refused = {columns["id"][place]: columns["received"][place] for place in gone}
        if refused:
            apart.drop(set(refused))
        return refused

    def _of(self, apart: Apart, field: str, column: str, since: list[int]) -> Iterator[int]:
        """Yield the places of the events that are not to be stored; others lose what says whose they were."""
        values = apart.columns[column]
        old = set(compress(values, [at < self._newest for at in since])) - {None}
        held = {value: holds for value in old if (holds := self._held(field, value))}
        if not held:
            return
        for place, (value, at) in enumerate(zip(values, since, strict=True)):
            holds = [hold for hold in held.get(value, ()) if at < hold.before]
            if not holds:
                continue
            if column != field:
                # Another one's call: of an application of theirs, or to an API that they made.
                values[place] = None
            elif all(hold.keeps_counts for hold in holds):
                make_anonymous(apart, place, field)
            else:
                yield place

    def _blot(self, apart: Apart, place: int, at: int) -> None:
        """Take out of an event what speaks of an erased subject."""
        if not self._words:
            return

        def speaks(text: str) -> bool:
            return any(self._until(part) > at for words in self._words for part in windows(text, words))

        for name in ("user_agent", "path"):
            column = apart.columns.get(name)
            if column is not None and column[place] is not None and speaks(column[place]):
                column[place] = None
        number = apart.correlation_ids[place]
        if number is not None and speaks(number):
            apart.correlation_ids[place] = None
        apart.rests[place] = _blotted(apart.rests[place], speaks)
        apart.personals[place] = _blotted(apart.personals[place], speaks)

    def _until(self, part: str) -> int:
        """Return until when no text may hold this part, in microseconds; 0: any may."""
        found = self._looked_up.get(part)
        if found is None:
            if len(self._looked_up) > _REMEMBERED:
                self._looked_up.clear()
            found = max(self._spoken_of.get(mark, 0) for mark in self._hashes(f"\0{part}"))
            self._looked_up[part] = found
        return found


def _subject(field: str, value: str) -> str:
    return f"{field}\0{canonical(field, value)}"


def _blotted(body: bytes | None, speaks: Callable[[str], bool]) -> bytes | None:
    if body is None:
        return None
    before = _decode(body)
    after = without(before, speaks)
    return body if after == before else _encode(after)


def make_anonymous(apart: Apart, place: int, field: str) -> None:
    """Leave an event without what says whose it was."""
    for name in ANONYMOUS[field]:
        if name in apart.columns:
            apart.columns[name][place] = None
    if field in WHOLE:
        apart.personals[place] = apart.correlation_ids[place] = None
        apart.rests[place] = anonymous_rest(field, apart.rests[place])


def anonymous_rest(field: str, rest: str | bytes | None) -> bytes | None:
    """Return the harmless rest of such an event: the application's id says whose it was, but for a user."""
    if rest is None:
        return None
    kept = _decode(rest)
    if field != "user":
        kept.pop("applicationId", None)
    return _encode(kept) if kept else None
