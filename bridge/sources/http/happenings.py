"""What happens to the HTTP source."""

from typing import Any, Final

from prometheus_client import Counter

from bridge.contracts import Clock
from bridge.telemetry.metrics import Metric, Metrics
from bridge.telemetry.repeats import Repeats

METRICS: Final = (
    Metric("http_requests", "counter", "Requests to an HTTP source.", ("source", "path", "code")),
    Metric(
        "http_connections_turned_away",
        "counter",
        "Connections turned away beyond `max_connections`.",
        ("source",),
    ),
)


class HttpHappenings:
    """One method for each thing that happens while events are taken over HTTP."""

    def __init__(self, metrics: Metrics, logger: Any, source: str, clock: Clock) -> None:
        """`logger`: its lines carry the source's name."""
        metrics.add(METRICS)
        self._metrics = metrics
        self._source = source
        self._table = f"[bridge.sources.{source}]"
        self._log = logger
        self._repeats = Repeats(clock)
        self._turned_away = metrics.counter("http_connections_turned_away", source)
        # The look-up of a label costs more than the count.
        self._requests: dict[tuple[str, int], Counter] = {}

    def listening(self, url: str, *, tokens: int, inherited: bool) -> None:
        """Requests are taken from now on; `inherited`: on a socket that outlives us."""
        self._log.info("http_listening", url=url, tokens=tokens, inherited=inherited)

    def answered(self, path: str, code: int) -> None:
        """A request was answered; `path` is one that is served, or `other`."""
        counter = self._requests.get((path, code))
        if counter is None:
            counter = self._metrics.counter("http_requests", self._source, path, str(code))
            self._requests[path, code] = counter
        counter.inc()

    def unauthorised(self, peer: str) -> None:
        """A request came without one of the tokens, or without a key of Moesif's that is known here."""
        if (times := self._repeats.due("unauthorised")) is not None:
            self._log.warning(
                "http_request_unauthorised",
                peer=peer,
                times=times,
                cure=f"senders of events must send one of the tokens in {self._table} as Authorization: Bearer "
                "TOKEN; WSO2's Moesif publisher and Moesif's SDKs need the bridge's moesifKey, or one of tokens, as "
                "their moesifKey (X-Moesif-Application-Id)",
            )

    def unknown_key(self, peer: str, cure: str) -> None:
        """A client of API Analytics brought a key that may not send here."""
        if (times := self._repeats.due("unknown key")) is not None:
            self._log.warning("http_client_key_unknown", peer=peer, times=times, cure=cure)

    def stranger(self, peer: str, why: str, cure: str) -> None:
        """A request that a foreign web page may have made was refused."""
        if (times := self._repeats.due(f"stranger: {why}")) is not None:
            self._log.warning("http_request_from_stranger", peer=peer, why=why, times=times, cure=cure)

    def nothing_good(self, peer: str, reason: str, detail: str) -> None:
        """Not one event of a request could be taken; the first reason stands for all."""
        if (times := self._repeats.due(f"nothing good: {reason}")) is not None:
            self._log.warning("http_request_rejected", peer=peer, reason=reason, detail=detail, times=times)

    def no_room(self, why: str) -> None:
        """The journal takes nothing now; senders are asked to send again."""
        if (times := self._repeats.due("no room")) is not None:
            self._log.warning("http_waits_for_journal", why=why, times=times)

    def room_again(self) -> None:
        """Events are taken; said when they were not before."""
        if self._repeats.over("no room"):
            self._log.info("http_goes_on")

    def too_much_at_once(self, limit: int) -> None:
        """The bodies of all requests together are larger than `in_flight_bytes`."""
        if (times := self._repeats.due("too much at once")) is not None:
            self._log.warning(
                "http_too_much_at_once",
                in_flight_bytes=limit,
                times=times,
                cure=f"senders try again by themselves; set in_flight_bytes in {self._table} if it lasts",
            )

    def too_many_connections(self, limit: int) -> None:
        """A connection was turned away."""
        self._turned_away.inc()
        if (times := self._repeats.due("too many connections")) is not None:
            self._log.warning(
                "http_too_many_connections",
                max_connections=limit,
                times=times,
                cure=(
                    f"let senders reuse connections, or raise max_connections in {self._table} and the limit of open "
                    "files (ulimit -n)"
                ),
            )

    def failed(self, error: BaseException | None) -> None:
        """A request could not be dealt with for a reason of the bridge's own; the sender was asked to send again."""
        what = f"{type(error).__name__}: {error}"
        if (times := self._repeats.due(f"failed: {type(error).__name__}")) is not None:
            self._log.error("http_request_failed", error=what, times=times)
