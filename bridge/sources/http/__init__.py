"""The `http` source: a listener, and the endpoints that senders know."""

from typing import Final

from bridge.sources import SourceFittings, SourceType
from bridge.sources.http.check import check
from bridge.sources.http.happenings import METRICS
from bridge.sources.http.source import HttpSettings, HttpSource


def _renew(source: HttpSource, settings: HttpSettings, fittings: SourceFittings) -> bool:
    return source.renew(settings, fittings.sender_keys)


SOURCE: Final = SourceType(HttpSettings, HttpSource, _renew, METRICS, check)
