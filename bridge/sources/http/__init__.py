"""The `http` source: a listener, and the endpoints that senders know."""

from typing import Final

from bridge.sources import SourceFittings, SourceType
from bridge.sources.http.check import check
from bridge.sources.http.happenings import METRICS
from bridge.sources.http.settings import HttpSourceSettings
from bridge.sources.http.source import HttpSource


def _renew(source: HttpSource, settings: HttpSourceSettings, fittings: SourceFittings) -> bool:
    return source.renew(settings, fittings)


SOURCE: Final = SourceType(HttpSourceSettings, HttpSource, _renew, METRICS, check)
