"""What happens to the journal."""

from typing import Any

from bridge.contracts import Clock
from bridge.telemetry.meters import Meters
from bridge.telemetry.repeats import Repeats


class JournalHappenings:
    """One method for each thing that happens to the journal."""

    def __init__(self, metrics: Meters, logger: Any, clock: Clock) -> None:
        self._log = logger
        self._commit_seconds = metrics.histogram("journal_commit_duration_seconds")
        self._commit_errors = metrics.counter("journal_commit_errors")
        self._repeats = Repeats(clock)
        self._failing: set[str] = set()

    def committed(self, seconds: float) -> None:
        """A transaction is on disk."""
        self._commit_seconds.observe(seconds)
        while self._failing:
            self._repeats.over(self._failing.pop())

    def commit_failed(self, error: Exception) -> None:
        """A transaction did not reach the disk; those who waited for it got the error."""
        self._commit_errors.inc()
        what = f"commit {error}"
        self._failing.add(what)
        if (times := self._repeats.due(what)) is not None:
            self._log.error("journal_commit_failed", error=str(error), times=times)

    def full(self, why: str) -> None:
        """No events are taken until there is room."""
        if self._repeats.due("full") == 1:
            self._log.error("journal_full", why=why)

    def room_again(self) -> None:
        """Events are taken again."""
        if self._repeats.over("full"):
            self._log.info("journal_has_room_again")

    def opened(self, **facts: object) -> None:
        """The journal is open."""
        self._log.info("journal_opened", **facts)

    def block_corrupt(self, seq: int, count: int, what: str) -> None:
        """A block cannot be read any more; the lanes pass over it, and the journal keeps it for salvage."""
        self._log.error(
            "block_corrupt", block=seq, events=count, what=what, cure="it is kept in the journal for salvage"
        )

    def sink_let_go(self, sink: str, pending: int) -> None:
        """A sink that left the configuration a week ago is forgotten, with what waited for it."""
        self._log.warning("sink_let_go", sink=sink, pending=pending)

    def sink_skips(self, sink: str, events: int) -> None:
        """A sink starts behind events that it will not get."""
        self._log.info("sink_starts_at_newer_events", sink=sink, skipped=events)

    def books_differ(self, sink: str, expected: int, pending: int) -> None:
        """The books do not balance: a fault of the bridge, worth a report."""
        self._log.error("books_differ", sink=sink, expected_pending=expected, pending=pending)

    def damaged(self, what: str) -> None:
        """SQLite met broken pages while it wrote."""
        self._log.critical(
            "journal_damaged",
            what=what,
            cure="start the bridge again: it saves what can be read into a new one",
        )

    def set_aside(self, path: str, error: str, **facts: object) -> None:
        """A damaged journal was set aside, and a new one begun with what could be read."""
        self._log.critical(
            "journal_set_aside",
            path=path,
            error=error,
            **facts,
            cure="look at the disk; nothing else is needed",
        )
