"""The texts of the dimensions, each with its number."""

from collections.abc import Sequence
from typing import Final

import duckdb

from bridge.analytics.store.columns import NAMED
from bridge.analytics.store.facts import FactsConnection

# So many are remembered; beyond that a batch asks for those of its texts that are not (P8).
_REMEMBERED: Final = 100_000
# Of this one all are remembered, up to as many: any UUID is a key of API Analytics, and those without calls are told
# from the others however many paths there are.
_KEY: Final = "key"


class NameNumbers:
    """Numbers texts, for the writer: nobody else adds any."""

    def __init__(self, connection: FactsConnection) -> None:
        self._connection = connection
        self._next = 0
        self._known: dict[str, dict[str | None, int]] = {}
        self._count = 0
        self._all = True
        """Whether all that there are are remembered."""
        self._keys: set[str] | None = None
        """All keys that there are; None: too many to remember."""
        self._added: list[tuple[int, str, str]] = []
        self.read()

    def read(self) -> None:
        """Read what the file has: at the start, and where a transaction came to nothing."""
        known: dict[str, dict[str | None, int]] = {field: {None: 0} for field in NAMED}
        self._added = []
        found = self._connection.execute("SELECT count(*), coalesce(max(id), 0) FROM names").fetchone() or (
            0,
            0,
        )
        self._count, self._next = 0, found[1] + 1
        self._all = found[0] <= _REMEMBERED
        if self._all:
            for number, field, value in self._connection.execute(
                "SELECT id, field, value FROM names"
            ).fetchall():
                known[field][value] = number
                self._count += 1
        keys = {
            value
            for (value,) in self._connection.execute(
                "SELECT value FROM names WHERE field = ? LIMIT ?", [_KEY, _REMEMBERED + 1]
            ).fetchall()
        }
        # In one step: others look at what may be there.
        self._known, self._keys = known, keys if len(keys) <= _REMEMBERED else None

    def numbers(self, field: str, texts: Sequence[str | None]) -> list[int]:
        """Return the number of each text, 0 for None; those that are new are added to the file by `save`."""
        known = self._known[field]
        try:
            return [*map(known.__getitem__, texts)]
        except KeyError:
            self._learn(field, {text for text in set(texts).difference(known) if text is not None})
            return [*map(known.__getitem__, texts)]

    def may_have(self, field: str, text: str) -> bool:
        """Return whether there may be such a text; may be called on any thread, and costs nothing."""
        if field == _KEY and (keys := self._keys) is not None:
            return text in keys
        return not self._all or text in self._known[field]

    def _learn(self, field: str, missing: set[str]) -> None:
        known = self._known[field]
        if not self._all:
            rows = self._connection.execute(
                "SELECT value, id FROM names WHERE field = ? AND value IN (SELECT unnest(?::VARCHAR[]))",
                [field, [*missing]],
            ).fetchall()
            known.update(rows)
            self._count += len(rows)
        for value in sorted(missing.difference(known)):
            known[value] = self._next
            self._added.append((self._next, field, value))
            self._next += 1
            self._count += 1
            if field == _KEY and self._keys is not None:
                self._keys.add(value)

    def save(self) -> None:
        """Write those that are new, in the transaction that is open."""
        if self._added:
            appender = self._connection.appender("names")
            appender.append_rows(self._added)
            appender.flush()

    def saved(self) -> None:
        """Say that the transaction was committed."""
        self._added = []
        if self._keys is not None and len(self._keys) > _REMEMBERED:
            self._keys = None
        if self._count > _REMEMBERED:
            self._known = {field: {None: 0} for field in NAMED}
            self._count, self._all = 0, False


def texts(connection: duckdb.DuckDBPyConnection, numbers: Sequence[int]) -> dict[int, str]:
    """Return the texts of these numbers."""
    return dict(
        connection.execute(
            "SELECT id, value FROM names WHERE id IN (SELECT unnest(?::INTEGER[]))", [[*numbers]]
        ).fetchall()
    )
