"""The `log` source: WSO2's metrics log, followed through every rotation."""

from typing import Final

from bridge.sources import SourceFittings, SourceType
from bridge.sources.log.check import check
from bridge.sources.log.happenings import METRICS
from bridge.sources.log.positions import unreadable
from bridge.sources.log.settings import LogSourceSettings
from bridge.sources.log.source import LogSource


def _renew(source: LogSource, settings: LogSourceSettings, fittings: SourceFittings) -> bool:
    source.renew(settings, fittings)
    return True


SOURCE: Final = SourceType(LogSourceSettings, LogSource, _renew, METRICS, check, unreadable)
