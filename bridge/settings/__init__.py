"""The configuration, as frozen models.

`load` reads a file into `Settings`; `units` has what the models are made of, `sample` writes the models back
as an annotated file.
"""

from bridge.settings.load import load
from bridge.settings.model import (
    AdminSettings,
    BridgeSettings,
    DeliverySettings,
    IdentitySettings,
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
    "BridgeSettings",
    "DeliverySettings",
    "Duration",
    "IdentitySettings",
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
    "parse_duration",
    "parse_size",
]
