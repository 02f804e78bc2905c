"""What the gateway's APIs do, counted from the events as they are journalled, in memory.

A label set is found by one look-up of a tuple of the event's own fields; what they mean (a status class, an
application that nobody knows) is worked out once for each such tuple. `api_exposition` shows the counts.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from operator import attrgetter
from typing import Any, ClassVar, Final, NamedTuple

from bridge.events.event import Event
from bridge.events.origin import holds_record
from bridge.events.sentinels import real
from bridge.settings import ApiMetricsSettings

UNKNOWN: Final = "unknown"
OTHER: Final = "other"

# Label to the event's field.
_FIELDS: Final[Mapping[str, str]] = {
    "api": "apiName",
    "version": "apiVersion",
    "method": "apiMethod",
    "status_class": "proxyResponseCode",
    "application": "applicationName",
    "status": "proxyResponseCode",
    "resource": "apiResourceTemplate",
    "context": "apiContext",
    "tenant": "apiCreatorTenantDomain",
    "key_type": "keyType",
    "region": "regionId",
}
_TABLE_MILLISECONDS: Final = 4096
# What WSO2's faults may have in `properties` only.
_IN_PROPERTIES: Final = frozenset({"apiMethod", "apiResourceTemplate", "apiContext"})
# How many values of an event's fields may share one label set, as all codes of a status class do.
_SPELLINGS: Final = 8
# WSO2 has about forty error codes; a sender with more is not WSO2.
_MOST_ERRORS: Final = 64
# Of characters; Prometheus drops a scrape with a longer value where `label_value_length_limit` is set, and keeps it in
# memory for each series where it is not.
_LONGEST_LABEL: Final = 200
_DIGEST_BYTES: Final = 8

LabelSet = tuple[Any, ...]


Error = tuple[str | None, int | None]
"""Type and code, as the event has them."""


class Series(NamedTuple):
    """What is counted of one label set."""

    labels: tuple[str, ...]
    counts: list[int]
    """All numbers in one list, which the interpreter counts in fastest; `Layout` says what stands where."""
    errors: dict[Error, int]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where in a series' counts things stand.

    The requests come first, then those answered from the cache, then the histograms: for each the sum of what
    fell into it (milliseconds or bytes), then a number for each bucket, the last for what is above all bounds.
    """

    seconds: tuple[float, ...]
    """The bounds of the latencies."""
    sizes: tuple[int, ...]

    requests: ClassVar = 0
    cache_hits: ClassVar = 1
    latency: ClassVar = 2

    @property
    def backend(self) -> int:
        """Of the time of the backend; after that of the whole call."""
        return self.latency + len(self.seconds) + 2

    @property
    def mediation(self) -> int:
        """Of the time in mediation."""
        return self.backend + len(self.seconds) + 2

    @property
    def request(self) -> int:
        """Of the size of requests."""
        return self.mediation + len(self.seconds) + 2

    @property
    def response(self) -> int:
        """Of the size of responses."""
        return self.request + len(self.sizes) + 2

    @property
    def length(self) -> int:
        """How many numbers there are."""
        return self.response + len(self.sizes) + 2


class ApiMetrics:
    """Counts API calls; `observe` is called with the events of each arrival once they are on disk."""

    def __init__(self, settings: ApiMetricsSettings) -> None:
        self.labels = settings.labels
        self.layout = Layout(settings.latency_buckets, settings.size_buckets)
        self._milliseconds = [0.0, *(round(bound * 1000, 6) for bound in settings.latency_buckets)]
        # A table is faster than a search; nearly every latency is in it.
        self._buckets = [bisect_left(self._milliseconds, value, 1) for value in range(_TABLE_MILLISECONDS)]
        self._bytes = [0, *settings.size_buckets]
        self._most = settings.max_series
        # The code is there twice, so that one label alone makes a tuple, too.
        fields = (*(_FIELDS[label] for label in settings.labels), "proxyResponseCode")
        self._key = attrgetter(*fields)
        self._borrowed = [(at, name) for at, name in enumerate(fields) if name in _IN_PROPERTIES]
        self._known: dict[LabelSet, Series] = {}
        self._series: dict[tuple[str, ...], Series] = {}
        self.other = self._begin((OTHER,) * len(settings.labels))
        """Takes what comes beyond `max_series`."""

    @property
    def series(self) -> Iterable[Series]:
        """The label sets that were met, without `other`."""
        return self._series.values()

    def observe(self, events: Iterable[Event]) -> None:
        """Count the events of an arrival."""
        look_up, key_of = self._known.get, self._key
        buckets, milliseconds, sizes = self._buckets, self._milliseconds, self._bytes
        layout = self.layout
        latency, backend, mediation = layout.latency, layout.backend, layout.mediation
        request, response = layout.request, layout.response
        for event in events:
            # A user or an action that an SDK sent is not a call.
            if event.eventType is not None and holds_record(event):
                continue
            key = key_of(event)
            if event.errorCode is not None or event.errorType is not None or event.eventType == "fault":
                counts = self._fault(event, key).counts
            else:
                counts = (look_up(key) or self._meet(key)).counts
            counts[0] += 1
            if event.responseCacheHit:
                counts[1] += 1
            # WSO2 writes a negative number if it does not know.
            value = event.responseLatency
            if value is not None and value >= 0:
                at = buckets[value] if value < _TABLE_MILLISECONDS else bisect_left(milliseconds, value, 1)
                counts[latency + at] += 1
                counts[latency] += value
            value = event.backendLatency
            if value is not None and value >= 0:
                at = buckets[value] if value < _TABLE_MILLISECONDS else bisect_left(milliseconds, value, 1)
                counts[backend + at] += 1
                counts[backend] += value
            value, back = event.requestMediationLatency, event.responseMediationLatency
            if value is not None and back is not None and value >= 0 and back >= 0:
                value += back
                at = buckets[value] if value < _TABLE_MILLISECONDS else bisect_left(milliseconds, value, 1)
                counts[mediation + at] += 1
                counts[mediation] += value
            properties = event.properties
            if properties is not None:
                value = properties.requestSize
                if value is not None and value >= 0:
                    counts[request + bisect_left(sizes, value, 1)] += 1
                    counts[request] += value
                value = properties.responseSize
                if value is not None and value >= 0:
                    counts[response + bisect_left(sizes, value, 1)] += 1
                    counts[response] += value

    def _fault(self, event: Event, key: LabelSet) -> Series:
        """Return the label set of a fault, and count its error."""
        properties = event.properties
        if properties is not None:
            for at, name in self._borrowed:
                if key[at] is None and (value := getattr(properties, name)) is not None:
                    key = (*key[:at], value, *key[at + 1 :])
        series = self._known.get(key) or self._meet(key)
        error = (event.errorType, event.errorCode)
        errors = series.errors
        if error in errors:
            errors[error] += 1
        else:
            error = (event.errorType and short(event.errorType), event.errorCode)
            error = error if error in errors or len(errors) < _MOST_ERRORS else (OTHER, None)
            errors[error] = errors.get(error, 0) + 1
        return series

    def _meet(self, key: LabelSet) -> Series:
        """Return the label set of field values that were not met before."""
        labels = tuple(_value(label, value) for label, value in zip(self.labels, key[:-1], strict=True))
        series = self._series.get(labels)
        if series is None:
            if len(self._series) >= self._most:
                return self.other
            series = self._series[labels] = self._begin(labels)
        if len(self._known) < _SPELLINGS * self._most and not any(map(_is_long, key)):
            self._known[key] = series
        return series

    def _begin(self, labels: tuple[str, ...]) -> Series:
        return Series(labels, [0] * self.layout.length, {})


def error_labels(error: Error) -> tuple[str, str]:
    """Return the labels of an error."""
    return real(error[0]) or UNKNOWN, real(str(error[1] or "")) or UNKNOWN


def is_throttled(error: Error) -> bool:
    """Whether the gateway throttled the call: 900800 to 900899 are its codes (apim.docs.wso2.com, error handling)."""
    return error[0] == "THROTTLED" or 900800 <= (error[1] or 0) < 900900


def _value(label: str, value: object) -> str:
    """Return a label's value; `unknown` for every way in which WSO2 says that it does not know."""
    if label in {"status", "status_class"}:
        if not isinstance(value, int) or not 100 <= value <= 599:
            return UNKNOWN
        return str(value) if label == "status" else f"{value // 100}xx"
    return short((real(value) if isinstance(value, str) else None) or UNKNOWN)


def short(text: str) -> str:
    """Return a text as a label can carry it: a long one is cut, and told apart by a digest of all of it."""
    if len(text) <= _LONGEST_LABEL:
        return text
    digest = blake2b(text.encode("utf-8", "replace"), digest_size=_DIGEST_BYTES).hexdigest()
    return f"{text[: _LONGEST_LABEL - len(digest) - 1]}…{digest}"


def _is_long(value: object) -> bool:
    return isinstance(value, str) and len(value) > _LONGEST_LABEL
