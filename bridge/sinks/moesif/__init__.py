"""The `moesif` sink."""

from typing import Final

from bridge.sinks import SinkType
from bridge.sinks.moesif.happenings import METRICS
from bridge.sinks.moesif.settings import MoesifSettings
from bridge.sinks.moesif.sink import MoesifSink

SINK: Final = SinkType(MoesifSettings, MoesifSink, METRICS)
