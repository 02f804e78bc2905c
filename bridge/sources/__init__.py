"""Where events come from. Each source knows the contracts, never another source.

A new source is one file or folder here, which says what it is with a `SOURCE`, and one line in SOURCES.
"""

import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.contracts import Clock, Finding, Ingest, SettledPositions, Source
from bridge.settings import SourceSettings
from bridge.settings.kinds import Kinds
from bridge.telemetry.metrics import Metric, Metrics


@dataclass(frozen=True, slots=True)
class SourceFittings:
    """What a source is given."""

    ingest: Ingest
    positions: Mapping[str, bytes]
    """How far it had been read, as the journal kept it."""
    clock: Clock
    metrics: Metrics
    logger: Any
    """Its lines carry the source's name."""
    settled: SettledPositions
    """For a source that wants to know when every sink has dealt with its events."""
    sender_keys: Mapping[str, str] = field(default_factory=dict)
    """What senders may bring because a sink knows it, beside the source's own tokens: key to tenant, see
    `SinkSettings.sender_keys`."""
    country_of: Callable[[str], str | None] | None = None
    """Looks up the country of an address that a sender wants to be discarded, if there is something to look in."""
    inherited: socket.socket | None = None
    """A socket that listens already, in place of the settings' address."""
    descriptors: int = 1024
    """So many files and connections it may have open at a time: its part of what the process may."""


def _nothing_to_check(_name: str, _settings: Any, _sender_keys: Mapping[str, str]) -> tuple[()]:
    return ()


def _all_readable(_positions: Mapping[str, bytes]) -> tuple[()]:
    return ()


@dataclass(frozen=True, slots=True)
class SourceType:
    """What a source's room shows of itself."""

    settings: type[SourceSettings]
    build: Callable[[str, Any, SourceFittings], Source]
    """Takes the source's name and its settings, of the class above; raises SettingsError."""
    renew: Callable[[Any, Any, SourceFittings], bool]
    """Takes what `build` made and other settings for it; returns False if another source has to take its place."""
    metrics: Sequence[Metric] = ()
    """What the source counts beside what every source does."""
    check: Callable[[str, Any, Mapping[str, str]], Iterable[Finding]] = _nothing_to_check
    """Takes the source's name, its settings and the senders' keys, and looks whether it will work; takes no event.
    Raises SettingsError for what no start would get past."""
    unreadable: Callable[[Mapping[str, bytes]], Iterable[tuple[str, str]]] = _all_readable
    """Takes positions out of a journal, of whatever kind of source, and returns the keys of those that are of this
    kind and say nothing, each with what to do."""


SOURCES: Final[Kinds[SourceType]] = Kinds(
    "source",
    {
        "log": "bridge.sources.log:SOURCE",
        "http": "bridge.sources.http:SOURCE",
    },
)
