"""Where events go. Each sink knows the contracts, never another sink.

A new sink is one file here and one line in SINKS.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bridge.contracts import Gateway, Sink
from bridge.settings import SinkSettings
from bridge.sinks.file import FileSettings, FileSink
from bridge.sinks.http import HttpSettings, HttpSink
from bridge.sinks.moesif.sink import MoesifSettings, MoesifSink


@dataclass(frozen=True, slots=True)
class SinkType:
    """What `type` in the configuration names."""

    settings: type[SinkSettings]
    build: Callable[[str, Any, Gateway], Sink]
    """Takes the sink's name, its settings (of the class above) and the gateway."""


SINKS: Final[Mapping[str, SinkType]] = {
    "moesif": SinkType(MoesifSettings, MoesifSink),
    "file": SinkType(FileSettings, FileSink),
    "http": SinkType(HttpSettings, HttpSink),
}
