"""The configuration, as frozen models.

`load` reads a file into `Settings`; `units` has what the models are made of, `sample` writes the models back
as an annotated file.
"""

from bridge.settings.load import load, load_state_dir
from bridge.settings.model import (
    AdminSettings,
    ApiMetricsSettings,
    BridgeSettings,
    DeliverySettings,
    JournalSettings,
    Settings,
    SinkSettings,
    SourceSettings,
    Table,
    WSO2Settings,
)
from bridge.settings.units import (
    Address,
    Duration,
    Size,
    Url,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)

__all__ = [
    "Address",
    "AdminSettings",
    "ApiMetricsSettings",
    "BridgeSettings",
    "DeliverySettings",
    "Duration",
    "JournalSettings",
    "Settings",
    "SinkSettings",
    "Size",
    "SourceSettings",
    "Table",
    "Url",
    "WSO2Settings",
    "format_duration",
    "format_size",
    "load",
    "load_state_dir",
    "parse_duration",
    "parse_size",
]
