"""What happens to the bridge as a whole."""

from typing import Any

from bridge.telemetry.meters import Meters


class BridgeHappenings:
    """One method for each thing that happens to the daemon."""

    def __init__(self, metrics: Meters, logger: Any) -> None:
        self._log = logger
        self._metrics = metrics

    def started(self, **facts: object) -> None:
        """All parts run."""
        self._log.info("started", **facts)

    def taken_before(self, events: int) -> None:
        """The journal has events of earlier runs: logs are read on from where these ended."""
        self._log.info("taken_before", events=events)

    def first_events(self, source: str, events: int) -> None:
        """The first events since the start came from a source, and are on disk."""
        self._log.info("first_events", source=source, events=events)

    def first_delivered(self, sink: str, events: int) -> None:
        """A sink's destination has the first events since the start."""
        self._log.info("first_delivered", sink=sink, events=events)

    def warned(self, warning: str) -> None:
        """Something in the configuration deserves a look."""
        self._log.warning("configuration", warning=warning)

    def reloaded(self, fingerprint: str, changes: list[str]) -> None:
        """A changed configuration is in force."""
        self._log.info("reloaded", configuration=fingerprint, changes=changes)

    def reload_refused(self, fault: str, unexpected: Exception | None) -> None:
        """A configuration cannot be used, and the old one stays in force; `unexpected`: a fault of the bridge."""
        self._log.error(
            "reload_refused",
            fault=fault,
            cure="the previous configuration stays in force; correct the file and reload again",
            exc_info=unexpected,
        )

    def source_crashed(self, source: str, error: Exception, in_seconds: float) -> None:
        """A source crashed: a fault of the bridge, worth a report."""
        self._metrics.counter("source_restarts", source).inc()
        self._log.error(
            "source_crashed", source=source, error=repr(error), restart_in_seconds=in_seconds, exc_info=error
        )

    def analytics_started(self, url: str, pid: int) -> None:
        """The analytics process listens."""
        self._log.info("analytics_started", url=url, pid=pid)

    def analytics_ended(self, error: Exception, in_seconds: float) -> None:
        """The analytics process ended by itself, and said why; it is started again."""
        self._metrics.counter("analytics_restarts").inc()
        self._log.error("analytics_ended", error=str(error), restart_in_seconds=in_seconds)

    def accounts_failed(self, error: Exception, in_seconds: float) -> None:
        """Accounts could not be made: a fault of the bridge, worth a report."""
        self._log.error("accounts_failed", error=repr(error), again_in_seconds=in_seconds, exc_info=error)

    def upkeep_failed(self, error: Exception, in_seconds: float) -> None:
        """Tidying the journal failed; it is tried again."""
        self._log.error("upkeep_failed", error=repr(error), again_in_seconds=in_seconds)

    def rewound(self, sink: str, events: int) -> None:
        """An operator put a sink's cursor back."""
        self._log.info("rewound", sink=sink, events=events)

    def purged(self, events: int) -> None:
        """An operator deleted dead letters."""
        self._log.warning("dead_letters_purged", events=events)

    def replayed(self, sink: str, delivered: int, refused: int) -> None:
        """An operator had dead letters sent again."""
        self._log.info("replayed", sink=sink, delivered=delivered, refused_again=refused)

    def stopping(self, why: str, drain_seconds: float) -> None:
        """A stop was asked for."""
        self._log.info("stopping", why=why, drain_seconds=drain_seconds)

    def source_did_not_finish(self, source: str, error: Exception) -> None:
        """A source could not be read to its end; what is left waits for the next start."""
        self._log.error("source_did_not_finish", source=source, error=repr(error))

    def sink_did_not_close(self, sink: str, error: Exception) -> None:
        """A sink that was removed or changed could not let go of a file; what it has is on disk."""
        self._log.error("sink_did_not_close", sink=sink, error=repr(error))

    def stopped(self, pending: dict[str, int]) -> None:
        """Everything is committed and closed; what is pending is delivered after the next start."""
        self._log.info("stopped", pending=pending)
