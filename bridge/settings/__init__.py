"""The configuration, as frozen models.

`load` reads a file into `Settings`; `units` has what the models are made of, `sample` writes the models back
as an annotated file.
"""

from bridge.settings.analytics import AnalyticsSettings
from bridge.settings.api_metrics import ApiMetricsSettings
from bridge.settings.intake import PrivacySettings
from bridge.settings.load import load, load_bridge
from bridge.settings.model import (
    ADMIN,
    AdminSettings,
    BridgeSettings,
    Dedupe,
    DeliveryDefaults,
    DeliverySettings,
    HttpSinkSettings,
    JournalSettings,
    Settings,
    SinkSettings,
    SourceSettings,
    WSO2Settings,
)
from bridge.settings.moesif_management import MoesifManagementSettings
from bridge.settings.table import Table
from bridge.settings.transport import NO_PROXY, ConnectionSettings, TlsSettings
from bridge.settings.units import Address, Duration, Size, Url

__all__ = [
    "ADMIN",
    "NO_PROXY",
    "Address",
    "AdminSettings",
    "AnalyticsSettings",
    "ApiMetricsSettings",
    "BridgeSettings",
    "ConnectionSettings",
    "Dedupe",
    "DeliveryDefaults",
    "DeliverySettings",
    "Duration",
    "HttpSinkSettings",
    "JournalSettings",
    "MoesifManagementSettings",
    "PrivacySettings",
    "Settings",
    "SinkSettings",
    "Size",
    "SourceSettings",
    "Table",
    "TlsSettings",
    "Url",
    "WSO2Settings",
    "load",
    "load_bridge",
]
