"""What happens to the log source."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bridge.contracts import Clock
from bridge.sources.log.trouble import Trouble, shown
from bridge.telemetry.metrics import Metric, Metrics
from bridge.telemetry.repeats import Repeats

METRICS: Final = (
    Metric("log_read_bytes", "counter", "Bytes read from logs.", ("source",)),
    Metric(
        "log_lag_bytes", "gauge", "Bytes of a log that are not journalled yet.", ("source", "file"), "asked"
    ),
    Metric("log_files_followed", "gauge", "Log files that are followed.", ("source",), "asked"),
    Metric("log_rotations", "counter", "Times a followed log was renamed or replaced.", ("source",)),
    Metric("log_truncations", "counter", "Times a followed log was truncated or rewritten.", ("source",)),
    Metric("log_files_waiting", "gauge", "Log files that wait to be opened.", ("source",), "asked"),
    Metric(
        "log_unreadable_paths",
        "gauge",
        "Logs and folders that are there and cannot be read.",
        ("source", "reason"),
        "asked",
    ),
    Metric(
        "log_held_bytes",
        "gauge",
        "Bytes of deleted logs that are held open until they are read.",
        ("source",),
        "asked",
    ),
    Metric("log_max_held_bytes", "gauge", "The limit of `log_held_bytes`.", ("source",), "asked"),
)

# Of thousands of logs without rights a few say what is wrong.
_MOST_TROUBLED: Final = 20


class LogHappenings:
    """One method for each thing that happens while logs are followed; any thread may call them."""

    def __init__(self, metrics: Metrics, logger: Any, source: str, clock: Clock) -> None:
        """`logger`: its lines carry the source's name."""
        metrics.add(METRICS)
        self._log = logger
        self._table = f"[bridge.sources.{source}]"
        self._read_bytes = metrics.counter("log_read_bytes", source)
        self._rotations = metrics.counter("log_rotations", source)
        self._truncations = metrics.counter("log_truncations", source)
        self._repeats = Repeats(clock)
        self._troubled: set[str] = set()

    def read(self, count: int) -> None:
        """Bytes of a log were read and framed."""
        self._read_bytes.inc(count)

    def nothing_there(self, paths: Sequence[str]) -> None:
        """No path or pattern matches anything yet."""
        self._log.warning(
            "no_log_there_yet",
            paths=list(paths),
            cure=f"it is read as soon as it is there; if it never comes, set paths in {self._table}",
        )

    def following(self, path: str, offset: int, size: int) -> None:
        """A log is followed from here on."""
        self._log.info("following_log", path=path, offset=offset, size=size)

    def copy_known(self, path: str, original: str) -> None:
        """A new file is a copy of a log that is followed; its events are read once."""
        self._log.info("log_is_a_copy", path=path, original=original)

    def left_out(self, path: str, start_at: str) -> None:
        """At the very first start a log is passed over, as the configuration wants."""
        self._log.info("log_passed_over_at_first_start", path=path, start_at=start_at)

    def rotated(self, old: str, new: str | None) -> None:
        """A followed log was renamed, or (new is None) deleted or replaced at its path."""
        self._rotations.inc()
        self._log.info("log_rotated", path=old, now=new)

    def truncated(self, path: str, read: int) -> None:
        """A followed log was truncated or rewritten and is read from its start again."""
        self._truncations.inc()
        self._log.warning("log_truncated", path=path, read_before=read)

    def finished(self, path: str, size: int) -> None:
        """A log that is gone was read to its end and is forgotten."""
        self._log.info("log_finished", path=path, size=size)

    def lost(self, path: str, count: int, reason: str) -> None:
        """Bytes were gone before they were read, for one of LOSS_REASONS; the books count them."""
        self._log.error(
            "log_bytes_lost",
            path=path,
            bytes=count,
            reason=reason,
            cure=(
                f"the journal was full for long: make room for it, or raise max_held_bytes in {self._table}"
                if reason == "let_go"
                else "let the appender keep more files, and rotate by rename instead of copytruncate"
            ),
        )

    def troubles(self, troubles: Mapping[str, Trouble]) -> None:
        """What is there and cannot be read now, by path; it is tried again at each look."""
        for path in self._troubled - troubles.keys():
            self._troubled.remove(path)
            self._log.info("log_readable_again", path=shown(path))
        for path, trouble in troubles.items():
            if path in self._troubled or len(self._troubled) >= _MOST_TROUBLED:
                continue
            if (times := self._repeats.due(path)) is not None:
                self._troubled.add(path)
                self._log.error(
                    "log_unreadable", path=shown(path), error=trouble.what, times=times, cure=trouble.cure
                )

    def compressed(self, path: str) -> None:
        """A compressed file matches the paths; it is passed over."""
        self._log.warning(
            "log_is_compressed",
            path=path,
            cure=f"its lines were read before it was compressed; leave it out of paths in {self._table}",
        )

    def too_long(self, path: str, offset: int, limit: int) -> None:
        """A line is longer than `max_line_bytes` and is passed over."""
        self._log.warning("log_line_too_long", path=path, offset=offset, max_line_bytes=limit)

    def torn(self, path: str, offset: int) -> None:
        """The last line of a log that nobody writes any more is not a whole event."""
        self._log.warning("log_line_torn", path=path, offset=offset)

    def position_unreadable(self, key: str) -> None:
        """A kept position makes no sense; its log, if it is still there, is read from its start."""
        self._log.error("log_position_unreadable", key=key)

    def no_room(self, why: str) -> None:
        """The journal is full: the log is the buffer, and reading goes on when there is room."""
        if (times := self._repeats.due("no room")) is not None:
            self._log.warning("log_waits_for_journal", why=why, times=times)

    def room_again(self) -> None:
        """The journal takes events; said when it did not before."""
        if self._repeats.over("no room"):
            self._log.info("log_goes_on")
