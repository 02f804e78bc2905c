"""Reads a file into `Settings`: WSO2's own deployment.toml, or a file of the same form.

[apim.analytics] is WSO2's and [bridge] is ours; other sections are left alone, neither checked nor resolved,
but a $ref may point to them. All faults are collected and raised together.
"""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bridge.document.faults import nearest
from bridge.document.placeholders import Placeholders, as_text
from bridge.document.reading import fingerprint, parse
from bridge.errors import SettingsError
from bridge.settings.checks import (
    refuse_own_listeners,
    refuse_shared_addresses,
    refuse_shared_files,
    refuse_shared_paths,
)
from bridge.settings.faults import TableFaults
from bridge.settings.idle_filters import refuse_idle_filters
from bridge.settings.intake import CaptureSettings
from bridge.settings.misplaced import refuse_misplaced
from bridge.settings.model import (
    ADMIN,
    BridgeSettings,
    Settings,
    SinkSettings,
    SourceSettings,
    WSO2Settings,
)
from bridge.settings.routing import active_names, routes
from bridge.settings.wso2 import PROPERTIES, ROOT_KEYS, is_property, row_of
from bridge.settings.wso2_proxy import connection_advice

# Names that no source can have: they stand beside those of sources in metrics, totals and sockets.
_TAKEN = {ADMIN: "the listener for operators", "salvage": "what `journal salvage` puts back"}
# Keys of [bridge] that are read apart from BridgeSettings.
_APART = ("type", "sources", "sinks")


def load(
    path: Path,
    *,
    sinks: Mapping[str, type[SinkSettings]],
    sources: Mapping[str, type[SourceSettings]],
    environ: Mapping[str, str],
) -> Settings:
    """Return the settings in a file; `sinks` and `sources` are the known kinds by name.

    Raises SettingsError with a line for each fault: file, dotted key, what is wrong, cure.
    """
    document = parse(path)
    faults = TableFaults(path)
    placeholders = Placeholders(document, environ, faults)
    misplaced = refuse_misplaced(document, sinks, sources, faults)

    written = faults.table(document, "bridge", "bridge")
    bridge = placeholders.resolve({key: value for key, value in written.items() if key != "sinks"}, "bridge")
    apim = faults.table(document, "apim", "apim")
    # What the active sinks take from `properties` is resolved with them: the rest is for WSO2's eyes, and
    # its secrets may be out of the bridge's reach.
    wso2_written = faults.table(apim, "analytics", "apim.analytics")
    analytics = {
        key: value if key == "properties" else placeholders.resolve(value, f"apim.analytics.{key}")
        for key, value in wso2_written.items()
        if key in WSO2Settings.model_fields
    }

    root = faults.read(
        BridgeSettings,
        {key: value for key, value in bridge.items() if key not in _APART},
        "bridge",
        beside=_APART,
    )
    wso2 = _wso2(analytics, faults)
    captures = _captures(wso2, placeholders, faults)
    on = _sources(faults.table(bridge, "sources", "bridge.sources"), sources, faults, misplaced=misplaced)

    names = active_names(bridge, wso2, faults)
    tables = faults.table(written, "sinks", "bridge.sinks")
    delivery = faults.table(bridge, "delivery", "bridge.delivery")
    type_key = "bridge.type" if "type" in bridge else "apim.analytics.type"
    active = routes(
        names, sinks, tables, delivery, wso2, type_key=type_key, placeholders=placeholders, faults=faults
    )

    listeners = {
        f"bridge.sources.{name}.listen": table.address
        for name, table in on.items()
        if table.address is not None
    }
    if root is not None:
        listeners[f"bridge.{ADMIN}.listen"] = root.admin.listen
    refuse_own_listeners(active, listeners, faults)
    refuse_shared_addresses(listeners, faults)
    refuse_shared_files({name: table.files for name, table in on.items()}, faults)
    refuse_shared_paths(active, faults)
    refuse_idle_filters(active, faults)
    faults.check()
    assert root is not None  # noqa: S101 - else a fault was raised

    settings = {name: route.settings for name, route in active.items()}
    known = PROPERTIES.union(*(own.WSO2_KEYS for own in settings.values()))
    return Settings(
        **dict(root),
        file=path,
        sources=on,
        sinks=settings,
        wso2=wso2,
        captures=captures,
        wso2_keys=tuple(_keys(wso2_written, wso2)),
        moesif_key=_moesif_key(path, document, wso2, environ),
        warnings=(
            *(
                f"{path}: apim.analytics.{key}: no release of WSO2 knows this key; {nearest(key, ROOT_KEYS)}"
                for key in wso2_written
                if key not in ROOT_KEYS
            ),
            *(
                f"{path}: apim.analytics.properties.{key}: no release of WSO2 knows this key; {nearest(key, known)}"
                for key in wso2.properties
                if key not in known and not is_property(key)
            ),
            *(f"{path}: {line}" for line in connection_advice(settings, environ)),
            *(
                f"{path}: bridge.sinks.{name}: {type_key} does not name this sink, so it is off"
                for name in tables
                if name not in names
            ),
        ),
        fingerprint=fingerprint(document),
    )


def load_bridge(
    path: Path, environ: Mapping[str, str], *, only: Collection[str] = BridgeSettings.model_fields
) -> BridgeSettings:
    """Return what stands in [bridge] itself, for a program that has neither sources nor sinks.

    `only`: the keys that it needs; the others are left as they are by default, and no secret of theirs is looked up.
    Raises SettingsError with a line for each fault, as `load`.
    """
    document = parse(path)
    faults = TableFaults(path)
    written = faults.table(document, "bridge", "bridge")
    others = BridgeSettings.model_fields.keys() - only
    own = {key: value for key, value in written.items() if key not in _APART and key not in others}
    resolved = Placeholders(document, environ, faults).resolve(own, "bridge")
    root = faults.read(BridgeSettings, resolved, "bridge", beside=_APART)
    faults.check()
    assert root is not None  # noqa: S101 - else a fault was raised
    return root


def _wso2(analytics: Mapping[str, Any], faults: TableFaults) -> WSO2Settings:
    # Key by key, so that a fault in one does not hide the others from the sinks.
    parts: dict[str, Any] = {}
    for key in WSO2Settings.model_fields:
        if key in analytics:
            part = faults.read(WSO2Settings, {key: analytics[key]}, "apim.analytics")
            parts |= {key: getattr(part, key)} if part else {}
    return WSO2Settings(**parts)


def _moesif_key(
    path: Path, document: Mapping[str, Any], wso2: WSO2Settings, environ: Mapping[str, str]
) -> SecretStr | None:
    """Return moesifKey, which senders may bring even where no sink needs it; None where it is out of reach."""
    faults = TableFaults(path)
    written = wso2.properties.get("moesifKey", "")
    key = as_text(Placeholders(document, environ, faults).resolve(written, "moesifKey")).strip()
    try:
        faults.check()
    except SettingsError:
        return None
    return SecretStr(key) if key else None


def _keys(written: Mapping[str, Any], wso2: WSO2Settings) -> Iterator[str]:
    """Yield the keys below [apim.analytics] that have a value: WSO2's own files have empty ones."""
    for key, value in written.items():
        match key:
            case "properties" | "mask":
                yield from (f"{key}.{name}" for name, text in getattr(wso2, key).items() if text.strip())
            case _ if row_of(key) is not None and value not in ("", [], {}):
                yield key


def _sources(
    tables: Mapping[str, Any],
    kinds: Mapping[str, type[SourceSettings]],
    faults: TableFaults,
    *,
    misplaced: bool,
) -> dict[str, SourceSettings]:
    on: dict[str, SourceSettings] = {}
    for name in tables:
        key = f"bridge.sources.{name}"
        table = faults.table(tables, name, key)
        kind = table.get("type", name)
        if name in _TAKEN:
            faults.add(key, f"{_TAKEN[name]} is called so", "give the source another name")
        elif not isinstance(kind, str) or kind not in kinds:
            if "type" in table:
                faults.add(f"{key}.type", f'unknown kind of source "{kind}"', nearest(str(kind), kinds))
            else:
                faults.add(key, "unknown source", f"set its type, or {nearest(name, kinds)}")
        elif (model := faults.model(kinds, kind, f"{key}.type")) is not None:
            settings = faults.read(model, {"type": kind} | table, key)
            if settings is not None:
                on[name] = settings
    if not tables and not misplaced:
        cure = " or ".join(f"[bridge.sources.{name}]" for name in kinds)
        faults.add("bridge.sources", "no source is on", f"add {cure}")
    return on


def _captures(wso2: WSO2Settings, placeholders: Placeholders, faults: TableFaults) -> CaptureSettings:
    table = "apim.analytics.properties"
    written = {
        key: placeholders.resolve(wso2.properties[key], f"{table}.{key}")
        for key in CaptureSettings.model_fields
        if key in wso2.properties
    }
    return faults.read(CaptureSettings, written, table) or CaptureSettings()
