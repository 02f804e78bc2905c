"""Events that are not kept, but may come again: they are remembered for a while, so that each is counted once (S5).

Retention deletes events that a bridge still has, and sends again after a rewind; and an event may come for the first
time when retention has emptied its time. Only by its id can the one be told from the other.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from bridge.analytics.store.arrow import Columns
from bridge.analytics.store.facts import FactsConnection
from bridge.analytics.store.times import moment

# A journal keeps for a day what is delivered; nobody waits longer than this before a rewind or a replay.
_DAYS: Final = 30
# 12 MB; beyond it those that were received first are forgotten (P8).
_MOST: Final = 500_000
_COLUMNS: Final = {"id": "UUID", "received": "TIMESTAMP"}
_NEWEST: Final = (
    "(SELECT max(received) FROM (SELECT received FROM facts UNION ALL SELECT received FROM gone))"
)
_YOUNG: Final = f"received >= {_NEWEST} - INTERVAL {_DAYS} DAY"


class Gone:
    """The table `gone` and the counts of what is not kept; every call on the writer's thread."""

    def __init__(self, connection: FactsConnection) -> None:
        self._connection = connection

    def came(self, events: Mapping[str, int], what: str = "too_old") -> int:
        """Take events that are not to be kept: id, and when each was received, in microseconds.

        They count as `what`: `too_old`, of a time that retention has emptied, `erased`, or `records`. Returns how many
        came for the first time; these are counted and remembered when it returns.
        """
        new = self.new(events)
        if new:
            self._connection.begin()
            self._with(new, "INSERT INTO gone SELECT id, received FROM came")
            self._count(what, len(new))
            self._connection.commit()
        return len(new)

    def new(self, events: Mapping[str, int]) -> dict[str, int]:
        """Return those that have not come before."""
        # One that does not say its time may be kept with another time of receipt.
        rows = self._with(
            events,
            "SELECT id FROM came SEMI JOIN gone USING (id) UNION ALL SELECT id FROM came SEMI JOIN untimed USING (id)",
        )
        known = {str(number) for (number,) in rows}
        return {number: received for number, received in events.items() if number not in known}

    def let_go(self, before: int, count: int) -> None:
        """Count and remember the events from before this time, in microseconds; the caller deletes them and commits."""
        self._connection.execute(
            f"INSERT INTO gone SELECT id, received FROM facts WHERE time < ? AND {_YOUNG}",  # noqa: S608 - our own words
            [moment(before)],
        )
        self._count("let_go", count)

    def erase(self, ids: Sequence[UUID], first: datetime, last: datetime) -> None:
        """Count and remember these events, which lie between these times; the caller deletes them and commits."""
        self._connection.execute(
            "INSERT INTO gone SELECT id, received FROM facts"  # noqa: S608 - our own words
            f" WHERE id IN (SELECT unnest(?::UUID[])) AND time BETWEEN ? AND ? AND {_YOUNG}",
            [[*ids], first, last],
        )
        self._count("erased", len(ids))

    def forget(self) -> None:
        """Forget those that nobody will send again, and the first received of those that are too many."""
        self._connection.execute(f"DELETE FROM gone WHERE NOT {_YOUNG}")  # noqa: S608 - our own words
        ((count,),) = self._connection.execute("SELECT count(*) FROM gone").fetchall()
        if count > _MOST:
            self._connection.execute(
                "DELETE FROM gone WHERE received <= (SELECT quantile_disc(received, ?) FROM gone)",
                [1 - _MOST / count],
            )

    def _count(self, what: str, count: int) -> None:
        self._connection.execute("UPDATE meta SET value = value + ? WHERE key = ?", [count, what])

    def _with(self, events: Mapping[str, int], sql: str) -> list[tuple[Any, ...]]:
        self._connection.register(
            "came", Columns(_COLUMNS, {"id": [*events], "received": [*events.values()]}, len(events))
        )
        try:
            return self._connection.execute(sql).fetchall()
        finally:
            self._connection.unregister("came")
